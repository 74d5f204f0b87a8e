//! Runs a pipeline's steps as plain Rust: the same functions, the same manifest, the same database, the same
//! threads as `wasmill run`, without sandboxes. For pipelines whose steps all have scope `row` except those
//! after an `object` step, which are left out, as is said on standard error.
//!
//! `wasmill-bench-native MANIFEST COMPONENTS OBJECT` prints a line of JSON.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::{Context as _, Result, anyhow};
use arrow_array::RecordBatch;
use crossbeam_channel::bounded;
use wasmill_runtime::documents::Database;
use wasmill_runtime::event::Event;
use wasmill_runtime::plan::{Plan, StepPlan};
use wasmill_sdk::{
    Context, Document, Documents, Failure, Ingest, Publish, Scope, Score, Source, Transform, Written, config,
};

fn main() -> Result<()> {
    let started = Instant::now();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [manifest, components, object] = arguments.as_slice() else {
        return Err(anyhow!("usage: wasmill-bench-native MANIFEST COMPONENTS OBJECT"));
    };
    let plan = Plan::read(Path::new(manifest), Path::new(components))?;
    let event = Event::of_file(Path::new(object))?;
    let database = Database::open(plan.documents.as_deref().context("the pipeline has no document database")?)?;
    let steps = Steps::of(&plan)?;
    let tables = read_tables(&plan)?;
    let start_up = started.elapsed();

    let lanes = std::thread::available_parallelism()?.get();
    let rows = AtomicU64::new(0);
    std::thread::scope(|scope| -> Result<()> {
        let (batches, incoming) = bounded::<RecordBatch>(lanes);
        let mut threads = Vec::new();
        for _ in 0..lanes {
            let incoming = incoming.clone();
            let (steps, tables, event, database) = (&steps, &tables, &event, &database);
            threads.push(scope.spawn(move || -> Result<()> {
                let mut lane = Lane::start(steps, tables)?;
                let ctx = context(event);
                incoming.iter().try_for_each(|batch| lane.process(&ctx, batch, database))
            }));
        }
        drop(incoming);
        let ingest = configure::<wasmill_ingest::Function>(&steps.ingest.config)?;
        let mut decoder = ingest.open(&context(&event), Box::new(FileSource(File::open(&event.path)?, event.size)))?;
        while let Some(output) = decoder.next()? {
            rows.fetch_add((output.batch.num_rows() + output.rejects.len()) as u64, Ordering::Relaxed);
            batches.send(output.batch)?;
        }
        drop(batches);
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| anyhow!("a lane panicked"))?)
    })?;
    let line = serde_json::json!({
        "rows": rows.load(Ordering::Relaxed),
        "start_up_seconds": start_up.as_secs_f64(),
        "seconds": (started.elapsed() - start_up).as_secs_f64(),
        "documents": database.collections()?,
    });
    println!("{line}");
    Ok(())
}

/// The steps of the pipeline, one of each kind.
struct Steps<'a> {
    ingest: &'a StepPlan,
    transform: &'a StepPlan,
    score: &'a StepPlan,
    publish: &'a StepPlan,
}

impl<'a> Steps<'a> {
    /// The first step of each kind, by the name of its component.
    fn of(plan: &'a Plan) -> Result<Self> {
        let find = |kind: &str| {
            let named = |step: &&StepPlan| step.component.path.file_stem().is_some_and(|stem| stem == kind);
            plan.steps.iter().find(named).with_context(|| format!("the pipeline has no step `{kind}`"))
        };
        Ok(Self { ingest: find("ingest")?, transform: find("transform")?, score: find("score")?, publish: find("publish")? })
    }
}

/// The functions that take rows.
struct Lane {
    transform: wasmill_transform::Sql,
    score: wasmill_score::Scorer,
    publish: wasmill_publish::Publisher,
}

impl Lane {
    fn start(steps: &Steps<'_>, tables: &[(String, RecordBatch)]) -> Result<Self> {
        let ingest = configure::<wasmill_ingest::Function>(&steps.ingest.config)?;
        let mut transform: wasmill_transform::Sql =
            Transform::configure(config::parse(&steps.transform.config).map_err(|err| anyhow!(err))?).map_err(|err| anyhow!(err))?;
        for (name, rows) in tables {
            transform.put_table(name, rows.clone()).map_err(|err| anyhow!(err))?;
        }
        let (schema, scope) = transform.bind(ingest.schema()).map_err(|err| anyhow!(err))?;
        anyhow::ensure!(scope == Scope::Row, "the first transform has scope object");
        let mut score: wasmill_score::Scorer =
            Score::configure(config::parse(&steps.score.config).map_err(|err| anyhow!(err))?).map_err(|err| anyhow!(err))?;
        let model = steps.score.model.as_ref().context("the step has no model")?;
        score.load_model(model.read()?).map_err(|err| anyhow!(err))?;
        let schema = Score::bind(&mut score, schema).map_err(|err| anyhow!(err))?;
        let mut publish: wasmill_publish::Publisher =
            Publish::configure(config::parse(&steps.publish.config).map_err(|err| anyhow!(err))?).map_err(|err| anyhow!(err))?;
        Publish::bind(&mut publish, schema).map_err(|err| anyhow!(err))?;
        Ok(Self { transform, score, publish })
    }

    fn process(&mut self, ctx: &Context, batch: RecordBatch, database: &Database) -> Result<()> {
        let cleaned = self.transform.process(ctx, batch)?.batch;
        let scored = Score::process(&mut self.score, ctx, cleaned)?.batch;
        Publish::process(&mut self.publish, ctx, scored, &mut Embedded(database))?;
        Ok(())
    }
}

fn configure<T: Ingest>(json: &str) -> Result<T> {
    T::configure(config::parse(json).map_err(|err| anyhow!(err))?).map_err(|err| anyhow!(err))
}

fn read_tables(plan: &Plan) -> Result<Vec<(String, RecordBatch)>> {
    let mut tables = Vec::new();
    for table in &plan.tables {
        let ingest = configure::<wasmill_ingest::Function>(&table.config)?;
        let event = Event::of_file(&table.object)?;
        let mut decoder = ingest.open(&context(&event), Box::new(FileSource(File::open(&table.object)?, event.size)))?;
        let mut batches = Vec::new();
        while let Some(output) = decoder.next()? {
            batches.push(output.batch);
        }
        let rows = arrow_select::concat::concat_batches(&ingest.schema(), &batches)?;
        tables.push((table.name.to_string(), rows));
    }
    Ok(tables)
}

fn context(event: &Event) -> Context {
    Context { event_id: event.id.to_string(), event_time: event.time, attempt: 1 }
}

/// A file as a source.
struct FileSource(File, u64);

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

/// The document database, as functions see it.
struct Embedded<'a>(&'a Database);

impl Documents for Embedded<'_> {
    fn upsert_batch(&mut self, collection: &str, documents: Vec<Document>) -> Result<Written, Failure> {
        let documents: Vec<_> = documents
            .into_iter()
            .map(|document| wasmill_runtime::documents::Document {
                id: document.id,
                partition_key: document.partition_key,
                version: document.version,
                row: document.row,
                body: document.body,
            })
            .collect();
        let written = self.0.upsert_batch(collection, &documents).map_err(|err| Failure::Retry(err.to_string()))?;
        Ok(Written {
            inserted: written.inserted,
            replaced: written.replaced,
            unchanged: written.unchanged,
            stale: written.stale,
        })
    }
}
