//! `wasmill run`.

mod events;
mod rejects;
mod summary;
mod tables;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Result, bail};
use clap::Args;
use wasmill_journal::Journal;
use wasmill_runtime::documents::Documents;
use wasmill_runtime::event::Event;
use wasmill_runtime::metering;
use wasmill_runtime::pipeline::Pipeline;
use wasmill_runtime::plan::{ExtractPlan, Plan};
use wasmill_runtime::run::RunOptions;
use wasmill_runtime::store::Location;

use super::runs::wait;
use super::{Exit, Format, PipelineArgs};
use crate::objects::objects;
use crate::session::Session;

use events::Runner;
use rejects::Rejects;
use summary::Summary;
pub use summary::table;
use tables::Tables;

/// Run a pipeline over its objects, once, and end.
///
/// Takes every object that a trigger of the manifest matches, and what is new in the tables that it extracts, or the objects
/// named. Running again changes nothing that is already there. Ends with 1 if a row was rejected or an event failed.
#[derive(Debug, Args)]
pub struct Run {
    #[command(flatten)]
    pipeline: PipelineArgs,

    /// Objects to run instead of those that the triggers match: files, or URLs as stores have them.
    #[arg(value_parser = Location::named)]
    objects: Vec<Location>,

    /// Stop after this step and write its rows to --out.
    #[arg(long, value_name = "STEP", requires = "out")]
    until: Option<String>,

    /// The Parquet file for --until.
    #[arg(long, value_name = "FILE", requires = "until")]
    out: Option<PathBuf>,

    /// Where rejected rows are written, as JSON lines [default: `.wasmill/rejects.jsonl` beside the manifest].
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,

    /// Do all of it but write documents and tables; the summary tells what would be written.
    #[arg(long, conflicts_with = "until")]
    dry_run: bool,

    /// Batches, and small objects, worked on at once [default: one for each core].
    #[arg(long, value_name = "COUNT")]
    lanes: Option<std::num::NonZeroUsize>,

    /// The form of the summary.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

impl Run {
    /// Runs every event, and prints the summary.
    pub fn run(self) -> Result<Exit> {
        let started = Instant::now();
        let session = if self.dry_run { Session::open_dry } else { Session::open }(&self.pipeline)?;
        let events = self.events(&session.plan)?;
        let (database, journal) = match (&self.until, self.dry_run) {
            (Some(_), _) => (None, None),
            (None, true) => (session.rehearsal()?, None),
            (None, false) => {
                let database = session.documents()?;
                let journal = journal(&session.plan, database.clone())?;
                (session.with_totals(database, journal.as_ref())?, journal)
            }
        };
        let mut pipeline = session.load(database.clone())?;
        // Each event starts an instance of every step for each lane.
        let lanes = self.lanes.map_or_else(default_lanes, Into::into);
        for baked in pipeline.bake_where_it_pays(&session.plan, events.len().saturating_mul(lanes)) {
            match baked {
                Ok(step) => eprintln!("step `{step}` was baked, so that it starts faster"),
                Err((step, err)) => eprintln!("warning: step `{step}` was not baked: {err}"),
            }
        }
        let tables = match (&self.until, self.dry_run) {
            (None, false) => Tables::open(&session.plan, &pipeline, journal.clone())?,
            _ => Tables::none()?,
        };
        let until = match (&self.until, &self.out) {
            (Some(step), Some(out)) => Some((position(&pipeline, step)?, out.as_path())),
            _ => None,
        };
        if until.is_some() && events.len() > 1 {
            bail!("--until takes one object, the triggers match {}\nhint: name the object", events.len());
        }
        let options = RunOptions {
            until,
            lanes: self.lanes.map(Into::into),
            timeout: session.plan.delivery.timeout,
            ..RunOptions::default()
        };
        let file = self.rejects.clone().unwrap_or_else(|| match &self.until {
            None if self.dry_run => session.plan.state.join("rejects-dry-run.jsonl"),
            None => session.plan.state.join("rejects.jsonl"),
            Some(step) => session.plan.state.join(format!("rejects-until-{step}.jsonl")),
        });
        let mut rejects = Rejects::create(&file)?;
        for (table, reject) in &pipeline.table_rejects {
            rejects.take(None, &format!("tables.{table}"), reject)?;
        }
        let (start_up, cpu) = (started.elapsed(), metering::cpu_of_all());
        let mut summary = Summary::new(&pipeline, start_up);
        let runner = Runner { pipeline: &pipeline, options, tables: &tables, shows: self.format == Format::Text };
        // What was done is committed and told of, whatever else could not be.
        let mut ran = runner.run_all(&events, lanes, &mut rejects, &mut summary);
        if ran.is_ok() {
            for extract in self.extracts(&session.plan) {
                ran = ran.and(runner.run_extract(extract, database.as_deref(), &mut rejects, &mut summary));
            }
        }
        rejects.finish()?;
        if !self.dry_run {
            sweep(database.as_deref());
        }
        let committed = tables.commit();
        summary.share(metering::cpu_of_all().saturating_sub(cpu));
        if !self.dry_run && self.until.is_none() {
            record(&session.plan, &pipeline, journal, &summary);
        }
        summary.print(&rejects, self.format)?;
        ran.and(committed)?;
        if self.dry_run {
            let tables = if pipeline.sinks.is_empty() { "" } else { ", and no table" };
            eprintln!("this was a dry run: no document was written{tables}");
        }
        Ok(summary.exit(&rejects))
    }

    fn events(&self, plan: &Plan) -> Result<Vec<Event>> {
        let found = objects(plan, &self.objects)?;
        if found.is_empty() && self.extracts(plan).next().is_none() {
            bail!("{}: no object matches a trigger\nhint: name one: wasmill run PIPELINE OBJECT", plan.file.display());
        }
        Ok(found.into_iter().map(Event::of).collect())
    }

    /// The tables that are read, unless objects were named or nothing is to be changed.
    fn extracts<'p>(&self, plan: &'p Plan) -> impl Iterator<Item = &'p Arc<ExtractPlan>> {
        let reads = self.objects.is_empty() && !self.dry_run && self.until.is_none();
        plan.extracts().filter(move |_| reads)
    }
}

/// Removes documents that expired, and forgets deletions of long ago.
fn sweep(database: Option<&dyn Documents>) {
    let Some(database) = database else { return };
    loop {
        match database.sweep() {
            Ok(true) => {}
            Ok(false) => return,
            Err(failure) => {
                eprintln!("warning: documents that expired are not removed: {failure}");
                return;
            }
        }
    }
}

/// Has the journal remember what was run, for `wasmill runs` and `wasmill cost`. The run was what it was if that fails.
fn record(plan: &Plan, pipeline: &Pipeline, journal: Option<Arc<Journal>>, summary: &Summary) {
    let open = || Journal::open(&plan.journal, &plan.name, Box::new(|| Ok(()))).map(Arc::new);
    let record = || {
        let journal = journal.map_or_else(open, Ok)?;
        wait(journal.record_runs(summary.runs(&pipeline.digest_text())))??;
        anyhow::Ok(())
    };
    if let Err(err) = record() {
        eprintln!("warning: what was run is not recorded: {err:#}");
    }
}

/// The journal of a pipeline that needs one: for sinks, extracts, or totals.
fn journal(plan: &Plan, database: Option<Arc<dyn Documents>>) -> Result<Option<Arc<Journal>>> {
    if plan.sinks.is_empty() && plan.extracts().next().is_none() && plan.totals.is_empty() {
        return Ok(None);
    }
    let effects = Box::new(move || database.as_ref().map_or(Ok(()), |database| database.sync()));
    Ok(Some(Arc::new(Journal::open(&plan.journal, &plan.name, effects)?.staging_lazily())))
}

fn default_lanes() -> usize {
    std::thread::available_parallelism().map_or(1, Into::into)
}

fn position(pipeline: &Pipeline, step: &str) -> Result<usize> {
    let known: Vec<String> =
        pipeline.steps.iter().filter(|step| step.bound.schema.is_some()).map(|step| format!("`{}`", step.id)).collect();
    match pipeline.position(step) {
        Some(index) if pipeline.steps.get(index).is_some_and(|step| step.bound.schema.is_some()) => Ok(index),
        _ => bail!(
            "--until: there is no step `{step}` that gives rows\nhint: the steps that do are {}",
            known.join(", ")
        ),
    }
}
