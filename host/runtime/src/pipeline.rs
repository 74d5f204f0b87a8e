//! A pipeline that is ready to run: its functions compiled, its tables read, and every step's schema known.

mod baking;
mod tables;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use sha2::{Digest, Sha256};
use wasmtime::component::Linker;

use crate::bake::{self, BakeError, Baked, Marker};
use crate::capability::documents::DocumentsCtx;
use crate::capability::http::HttpCtx;
use crate::capability::settings::SettingsCtx;
use crate::diagnostics::{Diagnostics, Reporter};
use crate::documents::{DocumentCounts, Documents, Origin};
use crate::engine::{Engine, SANDBOXES, on_deep_stack};
use crate::event::Event;
use crate::failure::Failure;
use crate::function::ingest::Ingest;
use crate::function::transform::Table;
use crate::function::{Bound, Function, Instance, Kind, Setup};
use crate::manifest::Id;
use crate::outbound::Client;
use crate::permits::Permits;
use crate::plan::{Artifact, Edge, Plan, RetryPlan, SinkPlan, StepPlan, TablePlan, TableRows};
use crate::rows::{self, Reject};
use crate::sandbox::{self, Grants, State};
use crate::sink::BoundSink;
use crate::store::Found;
use crate::table_source::{NoTables, TableSource};

pub use tables::ReadTable;

/// A pipeline that is ready to run.
pub struct Pipeline {
    pub(crate) engine: Engine,
    /// The pipeline's name.
    pub name: Id,
    /// A digest of what makes its rows: functions, models, configurations, tables.
    pub digest: i64,
    /// Where documents go; none while it is only validated.
    documents: Option<Arc<dyn Documents>>,
    /// The steps; each comes after the one whose rows it takes.
    pub steps: Vec<Step>,
    /// The tables that rows are written to.
    pub sinks: Vec<BoundSink>,
    /// Rows of reference tables that could not be read, by the table's name.
    pub table_rejects: Vec<(String, Reject)>,
    /// The objects of reference tables that are in stores over the network, as they were read.
    pub remote_tables: Vec<Found>,
    /// Reference tables that are no objects, as they were read.
    pub foreign_tables: Vec<ReadTable>,
}

/// A step that is ready to run.
pub struct Step {
    /// The step's name.
    pub id: Id,
    /// What its function is.
    pub kind: Kind,
    /// What it said of its rows.
    pub bound: Bound,
    /// The steps whose rows it takes; none for the first.
    pub from: Vec<Edge>,
    /// What happens when a call of it fails.
    pub retry: RetryPlan,
    /// How many calls there may be at once.
    pub(crate) permits: Permits,
    function: Function,
    setup: Setup,
    /// How long an instance took to start; none if it starts from a baked component.
    start: Option<Duration>,
    /// Names the step's baked component in the cache.
    key: String,
    /// The size of the function's component, in bytes.
    size: usize,
}

impl Pipeline {
    /// The digest as journals have it.
    pub fn digest_text(&self) -> String {
        format!("{:016x}", self.digest)
    }

    /// Compiles the functions, reads the tables, and starts every step once, so that whatever does not fit
    /// is found. Documents go to `database`. A plan whose tables are not all objects needs [`Pipeline::load_with`].
    pub fn load(engine: &Engine, plan: &Plan, database: Option<Arc<dyn Documents>>) -> Result<Self, Diagnostics> {
        Self::load_with(engine, plan, database, &NoTables)
    }

    /// The same with tables that are no objects, which `source` reads.
    pub fn load_with(
        engine: &Engine,
        plan: &Plan,
        database: Option<Arc<dyn Documents>>,
        source: &dyn TableSource,
    ) -> Result<Self, Diagnostics> {
        let loaded = on_deep_stack(|| {
            let mut reporter = Reporter::new(&plan.file, &plan.text);
            match sandbox::linker(engine) {
                Ok(linker) => Loader::new(engine, linker, database, source, reporter).pipeline(plan),
                Err(err) => {
                    reporter.at_byte(None, format!("the functions' imports cannot be linked: {err:#}"));
                    reporter.finish(None)
                }
            }
        });
        loaded.unwrap_or_else(|err| {
            let mut reporter = Reporter::new(&plan.file, &plan.text);
            reporter.at_byte(None, format!("cannot start a thread: {err}"));
            reporter.finish(None)
        })
    }

    /// The rows of one of the reference tables that are objects, as the pipeline reads it.
    pub fn table(engine: &Engine, plan: &Plan, name: &str) -> Result<RecordBatch, Diagnostics> {
        let read = on_deep_stack(|| {
            let mut reporter = Reporter::new(&plan.file, &plan.text);
            match sandbox::linker(engine) {
                Ok(linker) => Loader::new(engine, linker, None, &NoTables, reporter).only_table(plan, name),
                Err(err) => {
                    reporter.at_byte(None, format!("the functions' imports cannot be linked: {err:#}"));
                    reporter.finish(None)
                }
            }
        });
        read.unwrap_or_else(|err| {
            let mut reporter = Reporter::new(&plan.file, &plan.text);
            reporter.at_byte(None, format!("cannot start a thread: {err}"));
            reporter.finish(None)
        })
    }

    /// The steps that take a step's rows, and which of them.
    pub fn children(&self, step: usize) -> impl Iterator<Item = (usize, &Step, &Edge)> {
        let edges = self
            .steps
            .iter()
            .enumerate()
            .flat_map(|(index, child)| child.from.iter().map(move |edge| (index, child, edge)));
        edges.filter(move |(_, _, edge)| edge.step == step)
    }

    /// The sinks that take a step's rows, and which of them.
    pub fn sinks_of(&self, step: usize) -> impl Iterator<Item = (usize, &BoundSink, &Edge)> {
        let edges = self
            .sinks
            .iter()
            .enumerate()
            .flat_map(|(index, sink)| sink.from.iter().map(move |edge| (index, sink, edge)));
        edges.filter(move |(_, _, edge)| edge.step == step)
    }

    /// Tells the document database that an event has written all that it writes. What happened to documents in consequence, with
    /// the steps that it is due to; the step that writes last if it failed.
    pub(crate) fn end(&self, event: &Event) -> Result<Vec<(usize, DocumentCounts)>, (usize, Failure)> {
        let Some(documents) = &self.documents else { return Ok(Vec::new()) };
        let writer = |collection: Option<&String>| {
            let writes = |step: &Step| collection.is_none_or(|name| step.setup.grants.documents.granted.contains(name));
            self.steps.iter().rposition(|step| step.kind == Kind::Publish && writes(step)).unwrap_or_default()
        };
        let ended = documents.end(&event.into(), self.digest).map_err(|failure| (writer(None), failure))?;
        Ok(ended.into_iter().map(|(collection, counts)| (writer(Some(&collection)), counts)).collect())
    }

    /// A step, and all that its rows come from.
    pub(crate) fn ancestors(&self, step: usize) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        let mut waiting = vec![step];
        while let Some(index) = waiting.pop() {
            if found.insert(index) {
                waiting.extend(self.steps.get(index).into_iter().flat_map(|step| &step.from).map(|edge| edge.step));
            }
        }
        found
    }

    /// Bakes a step of the plan that the pipeline was loaded from.
    pub fn bake(&self, step: &Step, plan: &StepPlan) -> Result<Baked, BakeError> {
        let bytes = plan.component.read().map_err(BakeError::Component)?;
        let baked = on_deep_stack(|| bake::bake_and_measure(&self.engine, &bytes, &step.function, &step.setup));
        baked.unwrap_or_else(|err| Err(BakeError::Component(err)))
    }

    /// The most lanes that have room: each has an instance of every step, besides those that there are once.
    pub fn most_lanes(&self) -> usize {
        let once = self.steps.len() + 1;
        (SANDBOXES as usize).saturating_sub(once).checked_div(self.steps.len()).unwrap_or(1).max(1)
    }

    /// The most events that have room to be worked on at once, in one lane each.
    pub fn most_events(&self) -> usize {
        (SANDBOXES as usize).checked_div(2 * self.steps.len() + 1).unwrap_or(1).max(1)
    }

    /// The position of a step.
    pub fn position(&self, id: &str) -> Option<usize> {
        self.steps.iter().position(|step| step.id.as_str() == id)
    }

    /// Starts the step that reads objects.
    pub fn start_ingest(&self) -> Result<Ingest, Failure> {
        for step in self.steps.iter().filter(|step| step.kind == Kind::Ingest) {
            if let Instance::Ingest(ingest) = step.start(&self.engine)? {
                return Ok(ingest);
            }
        }
        Err(Failure::Reject("the pipeline has no step of kind ingest".into()))
    }
}

impl Step {
    /// Whether its function was baked.
    pub fn is_baked(&self) -> bool {
        self.function.baked.is_some()
    }

    /// What its instances are started with.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// The schema of the rows it takes; empty for kind `ingest`.
    pub fn input(&self) -> &SchemaRef {
        &self.setup.input
    }

    /// Starts an instance.
    pub fn start(&self, engine: &Engine) -> Result<Instance, Failure> {
        if self.function.baked.is_some() {
            return self.function.resume(engine, &self.setup, &self.bound);
        }
        self.function.start(engine, &self.setup).map(|(instance, _)| instance)
    }
}

/// What loading needs at hand.
struct Loader<'a> {
    engine: &'a Engine,
    linker: Linker<State>,
    functions: HashMap<String, Option<Function>>,
    database: Option<Arc<dyn Documents>>,
    source: &'a dyn TableSource,
    reporter: Reporter,
    rejects: Vec<(String, Reject)>,
    remote_tables: Vec<Found>,
    foreign_tables: Vec<ReadTable>,
    /// Of what makes the pipeline's rows.
    digest: i64,
}

impl<'a> Loader<'a> {
    fn new(
        engine: &'a Engine,
        linker: Linker<State>,
        database: Option<Arc<dyn Documents>>,
        source: &'a dyn TableSource,
        reporter: Reporter,
    ) -> Self {
        Self {
            engine,
            linker,
            functions: HashMap::new(),
            database,
            source,
            reporter,
            rejects: Vec::new(),
            remote_tables: Vec::new(),
            foreign_tables: Vec::new(),
            digest: 0,
        }
    }

    fn pipeline(mut self, plan: &Plan) -> Result<Pipeline, Diagnostics> {
        // A table that is not an object and that no step joins is there for queries, and may be of any size.
        let is_read = |place: usize, table: &TablePlan| {
            matches!(table.rows, TableRows::Object(_)) || plan.steps.iter().any(|step| step.tables.contains(&place))
        };
        let tables = plan.tables.iter().enumerate();
        let tables: Vec<Option<Table>> =
            tables.map(|(place, table)| is_read(place, table).then(|| self.table(table)).flatten()).collect();
        self.digest = digest(plan, &tables);
        let mut steps: Vec<Option<Step>> = Vec::new();
        for (index, step) in plan.steps.iter().enumerate() {
            let step = self.step(index, step, &steps, &tables);
            steps.push(step);
        }
        let sinks: Vec<Option<BoundSink>> =
            plan.sinks.iter().enumerate().map(|(index, sink)| self.sink(index, sink, &steps)).collect();
        let sinks: Vec<BoundSink> = sinks.into_iter().flatten().collect();
        let steps: Option<Vec<Step>> = steps.into_iter().collect();
        let (engine, digest, table_rejects) = (self.engine.clone(), self.digest, self.rejects);
        let (remote_tables, foreign_tables) = (self.remote_tables, self.foreign_tables);
        let documents = self.database;
        if !plan.totals.is_empty() && documents.as_ref().is_some_and(|documents| !documents.adds_up()) {
            let message =
                "this host does not add up totals\nhint: give it a document database with a ledger".to_owned();
            self.reporter.at(&["documents", "collections"], message);
        }
        self.reporter.finish(steps.map(|steps| Pipeline {
            engine,
            name: plan.name.clone(),
            digest,
            documents,
            steps,
            sinks,
            table_rejects,
            remote_tables,
            foreign_tables,
        }))
    }

    fn step(
        &mut self,
        index: usize,
        plan: &StepPlan,
        before: &[Option<Step>],
        tables: &[Option<Table>],
    ) -> Option<Step> {
        let position = index.to_string();
        let at = ["step", &position];
        let what = format!("step `{}`", plan.id);
        let function = self.function(&plan.component, &at)?;
        let kind = function.kind();
        if !self.fits(&at, plan, kind, function.baked.is_some()) {
            return None;
        }
        let mut setup = Setup {
            config: plan.config.clone(),
            tables: Vec::new(),
            model: None,
            input: SchemaRef::new(Schema::empty()),
            limits: plan.limits,
            grants: self.grants(plan),
        };
        match (&*plan.from, kind) {
            ([], Kind::Ingest) => {}
            ([], _) => {
                self.reporter.at(&[at[0], at[1], "component"], format!("{what} is the first and of kind {kind}\nhint: the first step reads the object: put one with `component = \"ingest\"` before it"));
                return None;
            }
            (_, Kind::Ingest) => {
                self.reporter.at(
                    &[at[0], at[1], "component"],
                    format!(
                        "{what} is of kind ingest, which takes an object, not rows\nhint: only the first step can be"
                    ),
                );
                return None;
            }
            (edges, _) if edges.iter().all(|edge| matches!(before.get(edge.step), Some(Some(_)))) => {
                setup.input = self.input(&at, &what, &plan.from, before)?;
            }
            _ => {
                // What is wrong with a step before was reported there; of this one its configuration can be.
                if let Err(failure) = function.configure(self.engine, &setup) {
                    self.refused(&at, &what, &failure);
                }
                return None;
            }
        }
        for table in &plan.tables {
            setup.tables.push(tables.get(*table)?.clone()?);
        }
        setup.model = match plan.model.as_ref().map(Artifact::read).transpose() {
            Ok(model) => model.map(Arc::new),
            Err(err) => {
                self.reporter.at(&[at[0], at[1], "model"], format!("{what}: {err}"));
                return None;
            }
        };
        let key = baking::key(plan, &setup);
        let started = Instant::now();
        let (function, bound, start) = match &function.baked {
            Some(baked) => {
                let bound = self.baked(&at, plan, baked, &setup.input)?;
                (function, bound, None)
            }
            None => match self.kept(&key) {
                Some((function, bound)) => (function, bound, None),
                None => match function.start(self.engine, &setup) {
                    Ok((_, bound)) => (function, bound, Some(started.elapsed())),
                    Err(failure) => {
                        self.refused(&at, &what, &failure);
                        return None;
                    }
                },
            },
        };
        let size = std::fs::metadata(&plan.component.path).map_or(0, |file| file.len() as usize);
        if plan.retry.on_fault && bound.whole {
            let message = format!(
                "{what} takes the whole event, so it cannot be started anew in the middle of it\nhint: remove `fault`: the event as a whole is tried again"
            );
            self.reporter.at(&[at[0], at[1], "retry", "on"], message);
            return None;
        }
        let permits = Permits::new(plan.concurrency);
        let (from, retry) = (plan.from.clone(), plan.retry);
        Some(Step { id: plan.id.clone(), kind, bound, from, retry, permits, function, setup, start, key, size })
    }

    /// The schema of the rows that a step or a sink takes, from all the steps that give it some.
    fn input(&mut self, at: &[&str; 2], what: &str, from: &[Edge], before: &[Option<Step>]) -> Option<SchemaRef> {
        let mut input: Option<(&Id, SchemaRef)> = None;
        for Edge { step, route } in from {
            let before = before.get(*step)?.as_ref()?;
            let Some(schema) = &before.bound.schema else {
                self.reporter.at(&[at[0], at[1], "from"], format!("{what} takes the rows of `{}`, which is of kind publish and gives none\nhint: set `from` to the step before that", before.id));
                return None;
            };
            if let Some(route) = route.as_ref().filter(|route| !before.bound.routes.contains(route)) {
                let known: Vec<String> = before.bound.routes.iter().map(|route| format!("`{route}`")).collect();
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                let message =
                    format!("{what}: step `{}` has no route `{route}`\nhint: its routes are {known}", before.id);
                self.reporter.at(&[at[0], at[1], "from"], message);
                return None;
            }
            input = Some(match input {
                None => (&before.id, schema.clone()),
                Some((first, joined)) => match rows::join_schemas(&joined, schema) {
                    Ok(joined) => (first, joined),
                    Err(difference) => {
                        let message = format!(
                            "{what}: `{first}` and `{}` do not give the same columns: {difference}\nhint: have both select the same, in the same order",
                            before.id
                        );
                        self.reporter.at(&[at[0], at[1], "from"], message);
                        return None;
                    }
                },
            });
        }
        input.map(|(_, schema)| schema)
    }

    /// A sink with the rows it takes; its columns are among them.
    fn sink(&mut self, index: usize, plan: &SinkPlan, steps: &[Option<Step>]) -> Option<BoundSink> {
        let position = index.to_string();
        let at = ["sink", &position];
        let gives_rows = |step: &Option<Step>| step.as_ref().is_none_or(|step| step.bound.schema.is_some());
        let from = match &plan.from {
            Some(from) => from.clone(),
            None => vec![Edge { step: steps.iter().rposition(gives_rows)?, route: None }],
        };
        let input = self.input(&at, &format!("sink `{}`", plan.id), &from, steps)?;
        let schema = rows::without_numbers(&RecordBatch::new_empty(input)).ok()?.schema();
        let columns = plan.key.iter().map(|column| ("key", column));
        let columns = columns.chain(plan.version.iter().map(|column| ("version", column)));
        let columns = columns.chain(plan.partition_by().iter().map(|column| ("partition_by", column)));
        let mut is_complete = true;
        for (key, column) in columns {
            if schema.index_of(column).is_err() {
                let known: Vec<String> = schema.fields().iter().map(|field| format!("`{}`", field.name())).collect();
                let known = known.join(", ");
                let message =
                    format!("sink `{}`: there is no column `{column}`\nhint: the columns are {known}", plan.id);
                self.reporter.at(&[at[0], at[1], key], message);
                is_complete = false;
            }
        }
        is_complete.then(|| BoundSink { plan: plan.clone(), from, schema })
    }

    /// The step's function as an earlier run baked it, if one did.
    fn kept(&self, key: &str) -> Option<(Function, Bound)> {
        let component = self.engine.cache()?.baked(key)?;
        let function = Function::load(self.engine, &self.linker, &component).ok()?;
        let bound = function.baked.as_ref()?.bound.clone();
        Some((function, bound))
    }

    /// What a baked function said of its rows, if it was baked for these and is not configured again.
    fn baked(&mut self, at: &[&str; 2], plan: &StepPlan, baked: &Marker, input: &Schema) -> Option<Bound> {
        let mut problems = Vec::new();
        for (key, is_given) in
            [("config", plan.config != "{}"), ("model", plan.model.is_some()), ("tables", !plan.tables.is_empty())]
        {
            if is_given {
                let message = format!(
                    "step `{0}`: its function is baked with its `{key}`\nhint: remove `{key}`, or bake the function anew",
                    plan.id
                );
                problems.push((key, message));
            }
        }
        if baked.input.fields() != input.fields() {
            let difference = rows::difference(&baked.input, input);
            let message = format!("step `{}`: its function was baked for other rows: {difference}", plan.id);
            problems.push(("component", format!("{message}\nhint: bake it anew")));
        }
        let fits = problems.is_empty();
        for (key, message) in problems {
            self.reporter.at(&[at[0], at[1], key], message);
        }
        fits.then(|| baked.bound.clone())
    }

    /// Reports keys that the step's kind has no use for, or misses; whether there are none.
    fn fits(&mut self, at: &[&str; 2], plan: &StepPlan, kind: Kind, baked: bool) -> bool {
        let id = &plan.id;
        let mut problems = Vec::new();
        if plan.model.is_some() && kind != Kind::Score {
            problems.push(("model", format!("step `{id}` is of kind {kind}, which takes no model")));
        }
        if plan.model.is_none() && kind == Kind::Score && !baked {
            problems.push((
                "",
                format!("step `{id}` is of kind score and has no model\nhint: add `model = \"FILE.onnx\"`"),
            ));
        }
        if !plan.tables.is_empty() && kind != Kind::Transform {
            problems.push(("tables", format!("step `{id}` is of kind {kind}, which takes no tables")));
        }
        if plan.documents.is_empty() && plan.outbound.is_empty() && kind == Kind::Publish {
            let hint = "hint: add `grants = { documents = [\"COLLECTION\"] }`";
            problems.push(("", format!("step `{id}` is of kind publish and may write no collection\n{hint}")));
        }
        let fits = problems.is_empty();
        for (key, message) in problems {
            self.reporter.at(&[at[0], at[1], key], message);
        }
        fits
    }

    fn grants(&self, plan: &StepPlan) -> Grants {
        Grants {
            settings: SettingsCtx::new(plan.settings.iter().cloned()),
            http: HttpCtx::new(Arc::new(Client::new(plan.outbound.clone(), plan.limits.deadline))),
            documents: DocumentsCtx {
                database: self.database.clone(),
                granted: plan.documents.iter().cloned().collect(),
                pipeline: self.digest,
                origin: Origin::default(),
            },
        }
    }

    fn function(&mut self, component: &Artifact, at: &[&str; 2]) -> Option<Function> {
        if let Some(known) = self.functions.get(&component.digest) {
            return known.clone();
        }
        let loaded = component
            .read()
            .map_err(|err| err.to_string())
            .and_then(|bytes| Function::load(self.engine, &self.linker, &bytes).map_err(|err| err.to_string()));
        let function = match loaded {
            Ok(function) => Some(function),
            Err(err) => {
                self.reporter.at(&[at[0], at[1], "component"], format!("{}: {err}", component.path.display()));
                None
            }
        };
        self.functions.insert(component.digest.clone(), function.clone());
        function
    }

    /// Reports what a function said of its configuration, at the key that it names, if it names one.
    fn refused(&mut self, at: &[&str; 2], what: &str, failure: &Failure) {
        let message = failure.to_string();
        let named = message.strip_prefix('`').and_then(|rest| rest.split_once('`')).map_or("", |(key, _)| key);
        let keys = named.split(['.', '[', ']']).filter(|key| !key.is_empty());
        let path: Vec<&str> = at.iter().copied().chain(["config"]).chain(keys).collect();
        self.reporter.at(&path, format!("{what}: {message}"));
    }
}

/// A digest of all that the pipeline's rows are made with: functions, models, configurations, tables; and where they go
/// besides, for another sink has no row of those that an attempt before was done with.
fn digest(plan: &Plan, tables: &[Option<Table>]) -> i64 {
    let mut digest = Sha256::new();
    for (name, rows) in tables.iter().flatten() {
        digest.update(format!("{name:?} {}\n", rows.len()));
        digest.update(rows.as_slice());
    }
    for step in &plan.steps {
        let model = step.model.as_ref().map(|model| &model.digest);
        let StepPlan { id, component, from, tables, config, .. } = step;
        digest.update(format!("{id:?} {} {from:?} {tables:?} {model:?} {config:?}\n", component.digest));
    }
    for SinkPlan { id, from, table, mode, .. } in &plan.sinks {
        digest.update(format!("{id:?} {from:?} {table} {mode:?}\n"));
    }
    digest.finalize().first_chunk().copied().map_or(0, i64::from_be_bytes)
}
