//! Running an event through a pipeline.
//!
//! ```text
//!  ingest ──batches──► lane ─┐
//!  (one thread)  ├───► lane ─┼─outcomes──► collector: in order of the batches; counts, rejects,
//!                └───► lane ─┘             steps that take the whole event, `--until` files
//! ```
//!
//! A small object is read and worked on by one thread, which is faster than starting the others.
//!
//! Every lane has an instance of each step whose rows stand alone. The queues are short, so a slow database
//! slows the reading, and memory stays the same whatever the object's size.

mod calls;
mod chain;
mod collect;
mod report;
mod usage;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::capability::objects::OpenObject;
use crate::engine::{THREAD_STACK, on_deep_stack};
use crate::event::{Event, EventId};
use crate::failure::Failure;
use crate::function::ingest::Ingest;
use crate::manifest::Id;
use crate::pipeline::Pipeline;
use crate::rows::{Reject, Rows};

use calls::Timeout;
use chain::{Chain, Outcome};
use collect::Collector;
use usage::Meter;

pub use report::{Counts, EventReport, SinkReport, StepReport};
pub use usage::Usage;

/// The length of an object, in bytes, up to which one thread does all.
const SMALL: u64 = 64 << 10;

/// What a run should do.
#[derive(Debug, Clone, Default)]
pub struct RunOptions<'a> {
    /// Stop after this step and write its rows to the Parquet file.
    pub until: Option<(usize, &'a Path)>,
    /// How many batches are worked on at once; all cores if none.
    pub lanes: Option<usize>,
    /// How many of the first batches are left out, because they had all their effects in an attempt before. Only for a
    /// pipeline that [`Pipeline::resumes`].
    pub skip: u64,
    /// The longest that it may take.
    pub timeout: Option<Duration>,
}

/// How far a run is; shared with whoever shows it.
#[derive(Debug, Default)]
pub struct Progress {
    /// Bytes of the object that were read.
    pub bytes: Arc<AtomicU64>,
    /// Rows that were read.
    pub rows: AtomicU64,
    /// Rows that were rejected.
    pub rejected: AtomicU64,
}

/// Why an event came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A step failed on it.
    #[error("event `{event}`, step `{step}`: {failure}")]
    Step {
        /// The event.
        event: EventId,
        /// The step.
        step: Id,
        /// How.
        failure: Failure,
    },
    /// The object could not be read, or what is written could not be written.
    #[error("event `{event}`: {what}: {cause}")]
    Io {
        /// The event.
        event: EventId,
        /// What was tried.
        what: String,
        /// Why not.
        cause: std::io::Error,
    },
}

/// A batch that had all its effects, in all steps but those that take the whole event.
#[derive(Debug)]
pub struct Chunk<'a> {
    /// How many batches are done with it, from the first on.
    pub done: u64,
    /// The rows that were rejected, with the steps that did.
    pub rejects: Vec<(&'a Id, Reject)>,
    /// The rows for sinks, by the sink's position.
    pub sunk: Vec<(usize, Rows)>,
}

/// Takes chunks, in the order of the object. After the last batch comes one more, with the rejects of steps that take the
/// whole event.
pub type ChunkSink<'a> = dyn FnMut(Chunk<'_>) -> std::io::Result<()> + Send + 'a;

/// A step, by position, and how it failed.
type StepFailure = (usize, Failure);

impl Pipeline {
    /// Whether a run can begin in the middle of an object: no step takes the whole event.
    pub fn resumes(&self) -> bool {
        !self.steps.iter().any(|step| step.bound.whole)
    }

    /// Runs an event: reads the object, works on its rows, and tells `chunks` of each batch that is done, with its
    /// rejected rows.
    pub fn run(
        &self,
        event: &Event,
        options: &RunOptions<'_>,
        progress: &Progress,
        chunks: &mut ChunkSink<'_>,
    ) -> Result<EventReport, RunError> {
        on_deep_stack(|| self.run_here(event, options, progress, chunks)).unwrap_or_else(|cause| {
            Err(RunError::Io { event: event.id.clone(), what: "cannot start a thread".into(), cause })
        })
    }

    /// [`Pipeline::run`] on a thread whose stack is deep enough already.
    pub fn run_here(
        &self,
        event: &Event,
        options: &RunOptions<'_>,
        progress: &Progress,
        chunks: &mut ChunkSink<'_>,
    ) -> Result<EventReport, RunError> {
        let started = Instant::now();
        let timeout = Timeout::new(options.timeout);
        let error = |what: &str, cause| RunError::Io { event: event.id.clone(), what: what.to_owned(), cause };
        let object =
            OpenObject::open(event, progress.bytes.clone()).map_err(|err| error("cannot open the object", err))?;
        let lanes = options.lanes.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
        let lanes = lanes.min(self.most_lanes());
        let mut collector = Collector::new(self, event, options, timeout, progress, chunks)?;
        if object.size() <= SMALL {
            self.run_small(event, object, options, timeout, progress, &mut collector)?;
            return collector.finish(started);
        }
        thread::scope(|scope| {
            let (batches, incoming) = bounded(lanes);
            let (outcomes, collected) = bounded(lanes);
            // A batch is read against a ticket, and its turn gives the ticket back: while one batch takes long,
            // the others cannot run far ahead of it.
            let (returned, tickets) = bounded(2 * lanes);
            for _ in 0..2 * lanes {
                // There is room for all of them.
                let _ = returned.send(());
            }
            let thread = |name: &str| thread::Builder::new().name(name.to_owned()).stack_size(THREAD_STACK);
            let to_collector = outcomes.clone();
            thread("ingest")
                .spawn_scoped(scope, move || {
                    self.read(event, object, options.skip, timeout, progress, &tickets, &batches, &to_collector);
                })
                .map_err(|err| error("cannot start a thread", err))?;
            for _ in 0..lanes {
                let (incoming, outcomes) = (incoming.clone(), outcomes.clone());
                thread("lane")
                    .spawn_scoped(scope, move || self.work(event, options, timeout, &incoming, &outcomes))
                    .map_err(|err| error("cannot start a thread", err))?;
            }
            drop((incoming, outcomes));
            // Returning early drops the receiver; whoever sends then sees that nobody listens and ends.
            for outcome in collected {
                for _ in 0..collector.take(outcome)? {
                    // The ingest thread may have ended.
                    let _ = returned.send(());
                }
            }
            Ok(())
        })?;
        collector.finish(started)
    }

    /// Does all on this thread.
    fn run_small(
        &self,
        event: &Event,
        object: OpenObject,
        options: &RunOptions<'_>,
        timeout: Timeout,
        progress: &Progress,
        collector: &mut Collector<'_>,
    ) -> Result<(), RunError> {
        let mut chain = None;
        let batches = self.batches(event, object, options.skip, timeout, progress);
        for (sequence, batch) in (options.skip..).zip(batches) {
            let outcome = batch.map_err(|failure| (0, failure)).and_then(|batch| {
                let chain = match &mut chain {
                    Some(chain) => chain,
                    None => {
                        let until = options.until.map(|(step, _)| step);
                        chain.insert(Chain::start(self, event, until, timeout, chain::Part::Alone)?)
                    }
                };
                chain.ingested(sequence, batch)
            });
            collector.take(outcome)?;
        }
        Ok(())
    }

    /// The batches of an object after the first `skip`; ends with the first failure.
    fn batches(
        &self,
        event: &Event,
        object: OpenObject,
        skip: u64,
        timeout: Timeout,
        progress: &Progress,
    ) -> impl Iterator<Item = Result<chain::Batch, Failure>> {
        let mut ingest = Some(self.start_ingest().and_then(|mut ingest| {
            ingest.open(event, object)?;
            for _ in 0..skip {
                ingest.next_rows()?;
            }
            Ok(ingest)
        }));
        let step = self.steps.first();
        let next = move |ingest: &mut Ingest| match step {
            // A decoder that failed may be in the middle of something: whoever tries again begins anew.
            Some(step) => timeout.check().and_then(|()| step.permits.with(|| ingest.next_rows())),
            None => Ok(None),
        };
        std::iter::from_fn(move || {
            let meter = Meter::start();
            match ingest.as_mut()? {
                Ok(reading) => match next(reading) {
                    Ok(Some(output)) => {
                        let rows = output.rows.len() + output.rejects.len();
                        progress.rows.fetch_add(rows as u64, Ordering::Relaxed);
                        let (memory, printed) = reading.sandbox.memory_and_printed();
                        Some(Ok(chain::Batch { output, usage: Usage { memory, printed, ..meter.read() } }))
                    }
                    Ok(None) => None,
                    Err(failure) => {
                        ingest = None;
                        Some(Err(failure))
                    }
                },
                Err(_) => ingest.take().and_then(Result::err).map(Err),
            }
        })
    }

    /// The ingest thread: reads batches and hands them out, numbered.
    #[expect(clippy::too_many_arguments, reason = "the ends of four queues, which have different owners")]
    fn read(
        &self,
        event: &Event,
        object: OpenObject,
        skip: u64,
        timeout: Timeout,
        progress: &Progress,
        tickets: &Receiver<()>,
        batches: &Sender<(u64, chain::Batch)>,
        outcomes: &Sender<Result<Outcome, StepFailure>>,
    ) {
        let mut numbered = (skip..).zip(self.batches(event, object, skip, timeout, progress));
        while tickets.recv().is_ok() {
            let Some((sequence, batch)) = numbered.next() else { return };
            // Nobody listens if another step failed first.
            let heard = match batch {
                Ok(batch) => batches.send((sequence, batch)).is_ok(),
                Err(failure) => outcomes.send(Err((0, failure))).is_ok(),
            };
            if !heard {
                return;
            }
        }
    }

    /// A lane: takes batches through the steps whose rows stand alone.
    fn work(
        &self,
        event: &Event,
        options: &RunOptions<'_>,
        timeout: Timeout,
        incoming: &Receiver<(u64, chain::Batch)>,
        outcomes: &Sender<Result<Outcome, StepFailure>>,
    ) {
        let mut chain =
            match Chain::start(self, event, options.until.map(|(step, _)| step), timeout, chain::Part::Alone) {
                Ok(chain) => chain,
                Err(failure) => return drop(outcomes.send(Err(failure))),
            };
        for (sequence, batch) in incoming {
            let outcome = chain.ingested(sequence, batch);
            let failed = outcome.is_err();
            if outcomes.send(outcome).is_err() || failed {
                return;
            }
        }
    }
}
