//! Writes an object to the table of a pipeline as plain Rust: the same `ingest`, the same manifest, and the same writer of
//! Delta Lake as `wasmill run`, without sandboxes and without the journal. As there, parts of the object are read by a thread for
//! each core, and another encodes and writes. For pipelines of `ingest` and a sink.
//!
//! `wasmill-bench-lake MANIFEST COMPONENTS OBJECT` prints a line of JSON.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Instant;

use anyhow::{Result, anyhow, ensure};
use arrow_array::RecordBatch;
use crossbeam_channel::{Receiver, Sender, bounded};
use wasmill_runtime::event::Event;
use wasmill_runtime::plan::Plan;
use wasmill_runtime::rows::without_numbers;
use wasmill_runtime::sink::{Batch, BoundSink, Committed, Payload, Sink};
use wasmill_sdk::{Context, Failure, Ingest, Part, Source, config};

/// So many bytes of rows do not wait for more, as in `wasmill run`.
const FULL: usize = 64 << 20;

/// About how long a part of the object is, in bytes, as in `wasmill run`.
const PART: u64 = 4 << 20;

/// Parts, and batches, that wait for whoever takes them.
const QUEUE: usize = 4;

fn main() -> Result<()> {
    let started = Instant::now();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [manifest, components, object] = arguments.as_slice() else {
        return Err(anyhow!("usage: wasmill-bench-lake MANIFEST COMPONENTS OBJECT"));
    };
    let plan = Plan::read(Path::new(manifest), Path::new(components))?;
    let ([step], [sink]) = (plan.steps.as_slice(), plan.sinks.as_slice()) else {
        return Err(anyhow!("the pipeline has not one step and one sink"));
    };
    let event = Event::of_file(Path::new(object))?;
    let schema = without_numbers(&RecordBatch::new_empty(configure(&step.config)?.schema()))?.schema();
    let table = wasmill_warehouse::open(&plan.name, &BoundSink { plan: sink.clone(), from: Vec::new(), schema })?;
    let start_up = started.elapsed();

    let started = Instant::now();
    let rows = std::thread::scope(|scope| -> Result<u64> {
        let (batches, incoming) = bounded(QUEUE);
        let (found, parts) = bounded(QUEUE);
        let object = Path::new(object);
        let splitter = scope.spawn(move || split(&step.config, object, &found));
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let reader = || {
            let (parts, batches, event) = (parts.clone(), batches.clone(), &event);
            scope.spawn(move || read(&step.config, event, object, &parts, &batches))
        };
        let readers: Vec<_> = (0..cores).map(|_| reader()).collect();
        drop((parts, batches));
        let rows = write(table.as_ref(), &event, sink.commit_rows, incoming);
        // Why they could not read says more than that nothing came.
        for thread in std::iter::once(splitter).chain(readers) {
            thread.join().map_err(|_| anyhow!("a reader panicked"))??;
        }
        rows
    })?;
    let line = serde_json::json!({
        "rows": rows,
        "start_up_seconds": start_up.as_secs_f64(),
        "seconds": started.elapsed().as_secs_f64(),
    });
    println!("{line}");
    Ok(())
}

/// Finds the object's parts.
fn split(config: &str, object: &Path, parts: &Sender<Part>) -> Result<()> {
    let splitter = configure(config)?.split(Box::new(FileSource::open(object)?), PART)?;
    let mut splitter = splitter.ok_or_else(|| anyhow!("the object has no parts"))?;
    while let Some(part) = splitter.next()? {
        if parts.send(part).is_err() {
            break;
        }
    }
    Ok(())
}

/// Reads parts, until there are no more or nobody listens.
fn read(
    config: &str,
    event: &Event,
    object: &Path,
    parts: &Receiver<Part>,
    batches: &Sender<RecordBatch>,
) -> Result<()> {
    let ingest = configure(config)?;
    for part in parts {
        let ctx = Context { event_id: event.id.to_string(), event_time: event.time, attempt: 1 };
        let mut decoder = ingest.open_part(&ctx, Box::new(FileSource::open(object)?), part)?;
        while let Some(output) = decoder.next()? {
            ensure!(output.rejects.is_empty(), "rows were rejected");
            if batches.send(without_numbers(&output.batch)?).is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Stages what was read, as many rows at a time as `wasmill run` does, and commits it at the end; how many rows.
fn write(table: &dyn Sink, event: &Event, most_rows: u64, batches: Receiver<RecordBatch>) -> Result<u64> {
    let mut staged = Vec::new();
    let mut batches = batches.into_iter().peekable();
    while batches.peek().is_some() {
        let (mut waiting, mut rows, mut bytes) = (Vec::new(), 0, 0);
        while rows < most_rows
            && bytes < FULL
            && let Some(batch) = batches.next()
        {
            rows += batch.num_rows() as u64;
            bytes += batch.get_array_memory_size();
            waiting.push(batch);
        }
        staged.push(Payload { event: event.id.to_string(), time: event.time, rows, bytes: table.stage(&waiting)? });
    }
    let mut rows = 0;
    for (number, payload) in (1..).zip(staged) {
        rows += payload.rows;
        let committed = table.commit(&Batch { lane: "bench".to_owned(), number, payloads: vec![payload] })?;
        ensure!(committed != Committed::Before, "the table has rows already");
    }
    Ok(rows)
}

fn configure(json: &str) -> Result<wasmill_ingest::Function> {
    wasmill_ingest::Function::configure(config::parse(json).map_err(|err| anyhow!(err))?).map_err(|err| anyhow!(err))
}

/// A file as a source.
struct FileSource(File, u64);

impl FileSource {
    fn open(path: &Path) -> std::io::Result<Self> {
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        Ok(Self(file, size))
    }
}

impl Source for FileSource {
    fn size(&self) -> u64 {
        self.1
    }

    fn read(&self, offset: u64, len: u32) -> Result<Vec<u8>, Failure> {
        let mut bytes = vec![0; u64::from(len).min(self.1.saturating_sub(offset)) as usize];
        self.0.read_exact_at(&mut bytes, offset).map_err(|err| Failure::Retry(err.to_string()))?;
        Ok(bytes)
    }
}
