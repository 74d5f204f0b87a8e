//! The events of a run: large objects one after the other, in several lanes each; small ones side by side.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
use wasmill_journal::staging::{Origin, Staged};
use wasmill_runtime::documents::Documents;
use wasmill_runtime::engine::THREAD_STACK;
use wasmill_runtime::event::Event;
use wasmill_runtime::manifest::SinkMode;
use wasmill_runtime::metering;
use wasmill_runtime::pipeline::Pipeline;
use wasmill_runtime::plan::ExtractPlan;
use wasmill_runtime::rows::Reject;
use wasmill_runtime::run::{ChunkSink, EventReport, Progress, RunError, RunOptions};

use super::rejects::Rejects;
use super::summary::Summary;
use super::tables::{EventTables, Tables};
use crate::text;

/// How often the progress bar is drawn again.
const REDRAW: Duration = Duration::from_millis(100);

/// The length of an object, in bytes, up to which it is run beside others.
const SMALL: u64 = 1 << 20;

/// So many events, or of so many bytes, the journal is told of together.
const MOST_TOGETHER: usize = 512;
const BYTES_TOGETHER: u64 = 16 << 20;

/// Runs events.
pub struct Runner<'a> {
    /// What they go through.
    pub pipeline: &'a Pipeline,
    /// How.
    pub options: RunOptions<'a>,
    /// Where their rows go.
    pub tables: &'a Tables,
    /// Whether it is shown how far they are.
    pub shows: bool,
}

/// How an event is run: on this thread, whose stack is deep enough, or on another.
type RunFn = fn(&Pipeline, &Event, &RunOptions<'_>, &Progress, &mut ChunkSink<'_>) -> Result<EventReport, RunError>;

/// What came of an event, with the rows that are to be recorded.
type Ended = Result<(EventReport, Option<(Origin, Vec<Staged>)>), RunError>;

/// The same, with its rejected rows by step.
type Outcome = (Ended, Vec<(String, Reject)>);

/// As many of these events as are run side by side before the journal hears of their rows; each is among them once.
fn some(mut events: &[Event]) -> impl Iterator<Item = &[Event]> {
    std::iter::from_fn(move || {
        let (mut count, mut bytes, mut seen) = (0, 0, HashSet::new());
        while count < MOST_TOGETHER && bytes < BYTES_TOGETHER {
            let Some(event) = events.get(count).filter(|event| seen.insert(event.id.as_str())) else { break };
            bytes += event.object.size();
            count += 1;
        }
        let (some, rest) = events.split_at(count);
        events = rest;
        (!some.is_empty()).then_some(some)
    })
}

impl Runner<'_> {
    /// Runs events, at most `lanes` small ones at once. The summary has them in their order.
    pub fn run_all(&self, events: &[Event], lanes: usize, rejects: &mut Rejects, summary: &mut Summary) -> Result<()> {
        let is_small = |event: &Event| event.object.size() <= SMALL && self.in_any_order() && lanes > 1;
        for group in events.chunk_by(|one, other| is_small(one) && is_small(other)) {
            if let [event] = group {
                summary.add(event, self.run(event, rejects));
                continue;
            }
            for events in some(group) {
                let (mut staged, outcomes) = (Vec::new(), self.run_beside(events, lanes)?);
                for (event, (outcome, rejected)) in events.iter().zip(outcomes) {
                    let id = event.id.to_string();
                    rejected.iter().try_for_each(|(step, reject)| rejects.take(Some(&id), step, reject))?;
                    let outcome = outcome.map(|(report, rows)| {
                        staged.extend(rows);
                        report
                    });
                    summary.add(event, outcome);
                }
                self.tables.finish(staged).context("the rows of tables cannot be recorded")?;
            }
        }
        Ok(())
    }

    /// Whether it is all the same which event is run first: of rows of a key the last stays that is written.
    fn in_any_order(&self) -> bool {
        self.pipeline.sinks.iter().all(|sink| sink.plan.mode == SinkMode::Append || sink.plan.version.is_some())
    }

    /// Runs small events, each on one thread.
    fn run_beside(&self, events: &[Event], lanes: usize) -> Result<Vec<Outcome>> {
        let threads = lanes.min(self.pipeline.most_events()).min(events.len());
        let progress = Progress::default();
        let tables = self.tables.begin(events).context("the journal cannot be asked for rows")?;
        let tables: Vec<_> = tables.into_iter().map(|tables| Mutex::new(Some(tables))).collect();
        let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(events.len())));
        let work = |run: RunFn| {
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(event) = events.get(index) else { return };
                let tables = tables.get(index).and_then(|tables| locked(tables).take());
                let outcome = self.run_small(run, event, tables, &progress);
                locked(&done).push((index, outcome));
            }
        };
        let total = events.iter().map(|event| event.object.size()).sum();
        let name = text::counted(events.len() as u64, "object", "objects");
        self.showing(name, total, &progress, || {
            std::thread::scope(|scope| {
                let thread = || std::thread::Builder::new().name("run".to_owned()).stack_size(THREAD_STACK);
                let start = |_| thread().spawn_scoped(scope, || work(Pipeline::run_here)).is_ok();
                // With fewer threads it takes longer; without any, each event says why it cannot be run.
                if (0..threads).filter(|index| start(*index)).count() == 0 {
                    work(Pipeline::run);
                }
            });
        });
        let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        done.sort_by_key(|(index, _)| *index);
        Ok(done.into_iter().map(|(_, outcome)| outcome).collect())
    }

    fn run_small(&self, run: RunFn, event: &Event, tables: Option<EventTables<'_>>, all: &Progress) -> Outcome {
        let options = RunOptions { lanes: Some(1), ..self.options.clone() };
        let (progress, mut rejected) = (Progress::default(), Vec::new());
        let outcome = self.run_with(run, event, &options, tables, &progress, &mut |step, reject| {
            rejected.push((step.to_owned(), reject.clone()));
            Ok(())
        });
        all.bytes.fetch_add(event.object.size(), Ordering::Relaxed);
        all.rows.fetch_add(progress.rows.into_inner(), Ordering::Relaxed);
        all.rejected.fetch_add(progress.rejected.into_inner(), Ordering::Relaxed);
        (outcome, rejected)
    }

    /// Runs what is new of a table, and before it what was read and is not done.
    pub fn run_extract(
        &self,
        extract: &Arc<ExtractPlan>,
        database: Option<&dyn Documents>,
        rejects: &mut Rejects,
        summary: &mut Summary,
    ) -> Result<()> {
        while let Some((event, is_new)) = self.tables.read(extract)? {
            let outcome = self.run(&event, rejects);
            let failed = outcome.is_err();
            summary.add(&event, outcome);
            if !failed {
                // What is done is not read again, so its documents must be on the disk.
                database.map_or(Ok(()), Documents::sync).context("the documents cannot be brought to the disk")?;
                self.tables.is_done(extract, &event)?;
            }
            if failed || is_new {
                break;
            }
        }
        Ok(())
    }

    /// Runs an event.
    pub fn run(&self, event: &Event, rejects: &mut Rejects) -> Result<EventReport, RunError> {
        let (progress, id) = (Progress::default(), event.id.to_string());
        self.showing(event.name(), event.object.size(), &progress, || {
            let mut reject = |step: &str, reject: &Reject| rejects.take(Some(&id), step, reject);
            let mut tables = self.tables.begin(std::slice::from_ref(event)).map_err(|err| unstaged(event, err))?;
            let (report, rows) =
                self.run_with(Pipeline::run, event, &self.options, tables.pop(), &progress, &mut reject)?;
            self.tables.finish(rows.into_iter().collect()).map_err(|err| unstaged(event, err))?;
            Ok(report)
        })
    }

    fn run_with(
        &self,
        run: RunFn,
        event: &Event,
        options: &RunOptions<'_>,
        mut tables: Option<EventTables<'_>>,
        progress: &Progress,
        reject: &mut (dyn FnMut(&str, &Reject) -> std::io::Result<()> + Send),
    ) -> Ended {
        let mut report = run(self.pipeline, event, options, progress, &mut |chunk| {
            if let Some(tables) = &mut tables {
                tables.take(&chunk.sunk)?;
            }
            chunk.rejects.iter().try_for_each(|(step, rejected)| reject(step.as_str(), rejected))
        })?;
        let (rows, used) = metering::metered(|| tables.map(EventTables::end).transpose());
        let rows = rows.map_err(|err| unstaged(event, err))?;
        report.add(used);
        Ok((report, rows))
    }

    /// Does something, and shows meanwhile how far it is.
    fn showing<T>(&self, name: String, bytes: u64, progress: &Progress, work: impl FnOnce() -> T) -> T {
        if !self.shows {
            return work();
        }
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let bar = scope.spawn(|| draw(name, bytes, progress, &done));
            let result = work();
            done.store(true, Ordering::Relaxed);
            bar.thread().unpark();
            result
        })
    }
}

fn unstaged(event: &Event, cause: std::io::Error) -> RunError {
    RunError::Io { event: event.id.clone(), what: "cannot write rows for a sink".into(), cause }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Draws a progress bar until it is done; nothing where standard error is not a terminal.
fn draw(name: String, bytes: u64, progress: &Progress, done: &AtomicBool) {
    let bar = ProgressBar::new(bytes);
    let style =
        ProgressStyle::with_template("{prefix} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} {msg} {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_prefix(name);
    while !done.load(Ordering::Relaxed) {
        bar.set_position(progress.bytes.load(Ordering::Relaxed));
        let rows = text::counted(progress.rows.load(Ordering::Relaxed), "row", "rows");
        bar.set_message(format!("{rows}, {} rejected,", text::count(progress.rejected.load(Ordering::Relaxed))));
        std::thread::park_timeout(REDRAW);
    }
    bar.finish_and_clear();
}
