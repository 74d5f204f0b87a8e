//! The collector: takes outcomes in the order of their batches, whatever the order in which lanes finish.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Instant;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use tempfile::NamedTempFile;

use crate::event::Event;
use crate::pipeline::Pipeline;
use crate::rows::without_numbers;
use crate::run::calls::Timeout;
use crate::run::chain::{Chain, Outcome, Part};
use crate::run::report::{Counts, EventReport, SinkReport, StepReport};
use crate::run::usage::Usage;
use crate::run::{Chunk, ChunkSink, Progress, RunError, RunOptions, StepFailure};

/// Takes outcomes in order.
pub struct Collector<'a> {
    pipeline: &'a Pipeline,
    event: &'a Event,
    progress: &'a Progress,
    chunks: &'a mut ChunkSink<'a>,
    whole: Chain<'a>,
    file: Option<ParquetFile<'a>>,
    steps: Vec<(Counts, Usage)>,
    /// How many rows each sink was given.
    sinks: Vec<u64>,
    /// Outcomes that came before their turn; as many as there are tickets at most.
    waiting: BTreeMap<u64, Outcome>,
    next: u64,
}

impl<'a> Collector<'a> {
    /// Starts the steps that take a whole event, and the file.
    pub fn new(
        pipeline: &'a Pipeline,
        event: &'a Event,
        options: &RunOptions<'a>,
        timeout: Timeout,
        progress: &'a Progress,
        chunks: &'a mut ChunkSink<'a>,
    ) -> Result<Self, RunError> {
        let until = options.until.map(|(step, _)| step);
        let whole = Chain::start(pipeline, event, until, timeout, Part::Whole)
            .map_err(|failure| step_error(pipeline, event, failure))?;
        let file = match options.until {
            Some((step, path)) => {
                let schema = pipeline.steps.get(step).and_then(|step| step.bound.schema.clone());
                let schema = schema.ok_or_else(|| io_error(event, path, io::Error::other("the step gives no rows")))?;
                Some(ParquetFile::create(path, &schema).map_err(|err| io_error(event, path, err))?)
            }
            None => None,
        };
        let steps = vec![Default::default(); pipeline.steps.len()];
        let sinks = vec![0; pipeline.sinks.len()];
        let next = options.skip;
        Ok(Self { pipeline, event, progress, chunks, whole, file, steps, sinks, waiting: BTreeMap::new(), next })
    }

    /// Takes an outcome, and all that waited for it; how many had their turn.
    pub fn take(&mut self, outcome: Result<Outcome, StepFailure>) -> Result<usize, RunError> {
        let outcome = outcome.map_err(|failure| step_error(self.pipeline, self.event, failure))?;
        self.waiting.insert(outcome.sequence, outcome);
        let before = self.next;
        while let Some(outcome) = self.waiting.remove(&self.next) {
            self.next += 1;
            self.in_turn(outcome)?;
        }
        Ok((self.next - before) as usize)
    }

    fn in_turn(&mut self, mut outcome: Outcome) -> Result<(), RunError> {
        for (step, rows) in std::mem::take(&mut outcome.deferred) {
            self.whole
                .push(step, rows, &mut outcome)
                .map_err(|failure| step_error(self.pipeline, self.event, failure))?;
        }
        self.record(outcome)
    }

    fn record(&mut self, outcome: Outcome) -> Result<(), RunError> {
        for ((counts, usage), (more, used)) in self.steps.iter_mut().zip(outcome.steps) {
            *counts += more;
            usage.add(&used);
        }
        self.progress.rejected.fetch_add(outcome.rejects.len() as u64, Ordering::Relaxed);
        if let Some(file) = &mut self.file {
            for rows in &outcome.taken {
                file.write(&rows.batch).map_err(|err| io_error(self.event, file.path, err))?;
            }
        }
        let rejects = outcome.rejects.into_iter();
        let named = rejects.filter_map(|(step, reject)| Some((&self.pipeline.steps.get(step)?.id, reject)));
        for (sink, rows) in &outcome.sunk {
            if let Some(count) = self.sinks.get_mut(*sink) {
                *count += rows.len() as u64;
            }
        }
        let chunk = Chunk { done: self.next, rejects: named.collect(), sunk: outcome.sunk };
        (self.chunks)(chunk).map_err(|cause| RunError::Io {
            event: self.event.id.clone(),
            what: "cannot record what was done".into(),
            cause,
        })
    }

    /// Finishes the steps that take a whole event, and the file.
    pub fn finish(mut self, started: Instant) -> Result<EventReport, RunError> {
        let mut outcome = Outcome::new(self.next, self.pipeline.steps.len());
        self.whole.finish(&mut outcome).map_err(|failure| step_error(self.pipeline, self.event, failure))?;
        self.record(outcome)?;
        let ended = self.pipeline.end(self.event).map_err(|failure| step_error(self.pipeline, self.event, failure))?;
        for (step, written) in ended {
            if let Some((counts, _)) = self.steps.get_mut(step) {
                counts.written += written;
            }
        }
        if let Some(file) = self.file {
            let path = file.path;
            file.finish().map_err(|err| io_error(self.event, path, err))?;
        }
        if let Some((counts, _)) = self.steps.first_mut() {
            counts.bytes_in = self.progress.bytes.load(Ordering::Relaxed);
        }
        let steps = self.pipeline.steps.iter().zip(self.steps);
        Ok(EventReport {
            event: self.event.id.clone(),
            bytes: self.event.object.size(),
            elapsed: started.elapsed(),
            steps: steps
                .map(|(step, (counts, usage))| StepReport { id: step.id.clone(), kind: step.kind, counts, usage })
                .collect(),
            used: None,
            sinks: self
                .pipeline
                .sinks
                .iter()
                .zip(self.sinks)
                .map(|(sink, rows)| SinkReport { id: sink.id().clone(), rows })
                .collect(),
        })
    }
}

/// A Parquet file that is there only once it is whole.
struct ParquetFile<'a> {
    path: &'a Path,
    writer: ArrowWriter<NamedTempFile>,
}

impl<'a> ParquetFile<'a> {
    fn create(path: &'a Path, schema: &SchemaRef) -> io::Result<Self> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let schema = without_numbers(&RecordBatch::new_empty(schema.clone())).map_err(io::Error::other)?.schema();
        let mut builder = tempfile::Builder::new();
        // Like any file that a program writes, not like a secret.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let file = builder.tempfile_in(folder)?;
        let writer = ArrowWriter::try_new(file, schema, Some(properties))?;
        Ok(Self { path, writer })
    }

    fn write(&mut self, batch: &RecordBatch) -> io::Result<()> {
        Ok(self.writer.write(&without_numbers(batch).map_err(io::Error::other)?)?)
    }

    fn finish(self) -> io::Result<()> {
        self.writer.into_inner()?.persist(self.path)?;
        Ok(())
    }
}

fn step_error(pipeline: &Pipeline, event: &Event, (step, failure): StepFailure) -> RunError {
    match pipeline.steps.get(step) {
        Some(step) => RunError::Step { event: event.id.clone(), step: step.id.clone(), failure },
        None => RunError::Io { event: event.id.clone(), what: "a step".into(), cause: io::Error::other(failure) },
    }
}

fn io_error(event: &Event, path: &Path, cause: io::Error) -> RunError {
    RunError::Io { event: event.id.clone(), what: format!("cannot write `{}`", path.display()), cause }
}
