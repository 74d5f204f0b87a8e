//! Runs a pipeline's steps as plain Rust: the same functions, the same manifest, the same database, the same
//! threads as `wasmill run`, without sandboxes. For pipelines of the bundled functions, without routes.
//!
//! `wasmill-bench-native MANIFEST COMPONENTS OBJECT` prints a line of JSON.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result, anyhow};
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use crossbeam_channel::bounded;
use wasmill_runtime::documents::{Database, ReadDocuments};
use wasmill_runtime::event::Event;
use wasmill_runtime::plan::{DocumentsPlan, Plan, StepPlan, TableRows};
use wasmill_runtime::store::Location;
use wasmill_runtime::rows::without_numbers;
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
    let Some(DocumentsPlan::Sqlite { path, .. }) = &plan.documents else {
        return Err(anyhow!("the pipeline has no embedded document database"));
    };
    let database = Database::open(path)?;
    let tables = read_tables(&plan)?;
    // As `wasmill run` does before it takes an event: what does not fit is found here.
    Chain::start(&plan, &tables, &event, &database)?;
    let start_up = started.elapsed();

    let started = Instant::now();
    let lanes = std::thread::available_parallelism()?.get();
    let rows = std::thread::scope(|scope| -> Result<usize> {
        let (batches, incoming) = bounded::<RecordBatch>(lanes);
        let (deferred, collected) = bounded::<(usize, RecordBatch)>(lanes);
        for _ in 0..lanes {
            let (incoming, deferred) = (incoming.clone(), deferred.clone());
            let (plan, tables, event, database) = (&plan, &tables, &event, &database);
            scope.spawn(move || {
                let mut chain = Chain::start(plan, tables, event, database).expect("it did before");
                for batch in incoming {
                    let mut whole = Vec::new();
                    chain.pass_on(0, batch, &mut |step, rows| Ok(whole.push((step, rows)))).expect("a step failed");
                    whole.into_iter().for_each(|rows| deferred.send(rows).expect("the collector ended"));
                }
            });
        }
        drop((incoming, deferred));
        let (event, plan) = (&event, &plan);
        let reader = scope.spawn(move || -> Result<usize> {
            let ingest = configure::<wasmill_ingest::Function>(&first(plan)?.config)?;
            let mut decoder = ingest.open(&context(event), Box::new(FileSource::open(Path::new(object))?))?;
            let mut rows = 0;
            while let Some(output) = decoder.next()? {
                rows += output.batch.num_rows() + output.rejects.len();
                batches.send(output.batch)?;
            }
            Ok(rows)
        });
        let mut whole = Chain::start(plan, &tables, event, &database)?;
        for (step, rows) in collected {
            whole.call(step, rows)?;
        }
        whole.finish()?;
        reader.join().map_err(|_| anyhow!("the reader panicked"))?
    })?;
    let line = serde_json::json!({
        "rows": rows,
        "start_up_seconds": start_up.as_secs_f64(),
        "seconds": started.elapsed().as_secs_f64(),
        "documents": database.collections()?,
    });
    println!("{line}");
    Ok(())
}

fn first(plan: &Plan) -> Result<&StepPlan> {
    plan.steps.first().context("the pipeline has no steps")
}

/// The functions of all steps after the first.
struct Chain<'a> {
    plan: &'a Plan,
    ctx: Context,
    database: Embedded<'a>,
    steps: Vec<Step>,
}

/// A step's function, bound.
struct Step {
    function: Function,
    /// What it gives; nothing if it publishes.
    schema: Option<SchemaRef>,
    /// Whether it takes all rows of an event, or comes after one that does.
    whole: bool,
}

enum Function {
    Ingest,
    Transform(wasmill_transform::Sql),
    Score(wasmill_score::Scorer),
    Publish(wasmill_publish::Publisher),
}

impl<'a> Chain<'a> {
    fn start(plan: &'a Plan, tables: &[(String, RecordBatch)], event: &Event, database: &'a Database) -> Result<Self> {
        let ingest = configure::<wasmill_ingest::Function>(&first(plan)?.config)?;
        let mut steps = vec![Step { function: Function::Ingest, schema: Some(ingest.schema()), whole: false }];
        for plan in plan.steps.iter().skip(1) {
            let [from] = plan.from.as_slice() else {
                return Err(anyhow!("step `{}` does not take the rows of one step", plan.id));
            };
            anyhow::ensure!(from.route.is_none(), "step `{}` takes a route", plan.id);
            let from = &steps[from.step];
            let input = from.schema.clone().context("a step takes the rows of one that gives none")?;
            let step = start(plan, tables, input, &mut Embedded(database))
                .map_err(|err| anyhow!("step `{}`: {err}", plan.id))?;
            steps.push(Step { whole: step.whole || from.whole, ..step });
        }
        Ok(Self { plan, ctx: context(event), database: Embedded(database), steps })
    }

    /// Gives a step's rows to the steps after it; those of steps that take whole events to `defer`.
    fn pass_on(
        &mut self,
        step: usize,
        rows: RecordBatch,
        defer: &mut impl FnMut(usize, RecordBatch) -> Result<()>,
    ) -> Result<()> {
        let plan = self.plan;
        let children =
            (0..plan.steps.len()).filter(|child| plan.steps[*child].from.iter().any(|from| from.step == step));
        for child in children {
            if self.steps[child].whole {
                defer(child, rows.clone())?;
            } else if let Some(output) = self.call(child, rows.clone())? {
                self.pass_on(child, output, defer)?;
            }
        }
        Ok(())
    }

    fn call(&mut self, step: usize, rows: RecordBatch) -> Result<Option<RecordBatch>> {
        Ok(match &mut self.steps[step].function {
            Function::Ingest => None,
            Function::Transform(transform) => Some(transform.process(&self.ctx, rows)?.batch),
            Function::Score(score) => Some(score.process(&self.ctx, rows)?.batch),
            Function::Publish(publish) => publish.process(&self.ctx, rows, &mut self.database).map(|_| None)?,
        })
    }

    /// Finishes the steps that take whole events, and takes what they give through those after them.
    fn finish(&mut self) -> Result<()> {
        for step in 0..self.steps.len() {
            if let Step { whole: true, function: Function::Transform(transform), .. } = &mut self.steps[step] {
                let output = transform.finish(&self.ctx)?.batch;
                let mut pending = Vec::new();
                self.pass_on(step, output, &mut |child, rows| Ok(pending.push((child, rows))))?;
                for (child, rows) in pending {
                    self.call(child, rows)?;
                }
            }
        }
        Ok(())
    }
}

fn start(
    plan: &StepPlan,
    tables: &[(String, RecordBatch)],
    input: SchemaRef,
    documents: &mut dyn Documents,
) -> Result<Step, String> {
    let kind = plan.component.path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let (function, schema, whole) = match kind {
        "transform" => {
            let mut transform: wasmill_transform::Sql = Transform::configure(config::parse(&plan.config)?)?;
            for (name, rows) in plan.tables.iter().filter_map(|table| tables.get(*table)) {
                transform.put_table(name, rows.clone())?;
            }
            let (schema, scope) = transform.bind(input)?;
            (Function::Transform(transform), Some(schema), scope == Scope::Object)
        }
        "score" => {
            let mut score: wasmill_score::Scorer = Score::configure(config::parse(&plan.config)?)?;
            let model = plan.model.as_ref().ok_or("there is no model")?;
            score.load_model(model.read().map_err(|err| err.to_string())?)?;
            let schema = score.bind(input)?;
            (Function::Score(score), Some(schema), false)
        }
        "publish" => {
            let mut publish: wasmill_publish::Publisher = Publish::configure(config::parse(&plan.config)?)?;
            publish.bind(input, documents)?;
            (Function::Publish(publish), None, false)
        }
        other => return Err(format!("`{other}` is not a bundled function")),
    };
    Ok(Step { function, schema, whole })
}

fn configure<T: Ingest>(json: &str) -> Result<T> {
    T::configure(config::parse(json).map_err(|err| anyhow!(err))?).map_err(|err| anyhow!(err))
}

fn read_tables(plan: &Plan) -> Result<Vec<(String, RecordBatch)>> {
    let mut tables = Vec::new();
    for table in &plan.tables {
        let TableRows::Object(object) = &table.rows else { return Err(anyhow!("a table is no object")) };
        let Location::File(file) = &object.object else { return Err(anyhow!("a table is no file")) };
        let ingest = configure::<wasmill_ingest::Function>(&object.config)?;
        let event = Event::of_file(file)?;
        let mut decoder = ingest.open(&context(&event), Box::new(FileSource::open(file)?))?;
        let mut batches = Vec::new();
        while let Some(output) = decoder.next()? {
            batches.push(output.batch);
        }
        let rows = arrow_select::concat::concat_batches(&ingest.schema(), &batches)?;
        tables.push((table.name.to_string(), without_numbers(&rows)?));
    }
    Ok(tables)
}

fn context(event: &Event) -> Context {
    Context { event_id: event.id.to_string(), event_time: event.time, attempt: 1 }
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
        let counts = self.0.upsert_batch(collection, 0, &documents).map_err(|err| Failure::Retry(err.to_string()))?;
        Ok(Written {
            inserted: counts.inserted,
            replaced: counts.replaced,
            deleted: counts.deleted,
            unchanged: counts.unchanged,
            stale: counts.stale,
            duplicates: counts.duplicates,
            charge: counts.charge,
        })
    }
}
