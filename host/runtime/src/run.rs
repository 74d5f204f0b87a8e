//! Running an event through a pipeline.
//!
//! ```text
//!  ingest ──batches──► lane ─┐
//!  (one thread)  ├───► lane ─┼─outcomes──► collector: in order of the batches; counts, rejects,
//!                └───► lane ─┘             steps that take the whole event, `--until` files
//! ```
//!
//! A small object is read and worked on by one thread, which is faster than starting the others. Of a large one whose format has
//! parts, `ingest` only finds them, and each lane reads those that it works on.
//!
//! Every lane has an instance of each step whose rows stand alone. The queues are short, so a slow database
//! slows the reading, and memory stays the same whatever the object's size.

mod calls;
mod chain;
mod collect;
mod read;
mod report;
mod usage;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::capability::objects::OpenObject;
use crate::engine::{THREAD_STACK, on_deep_stack};
use crate::event::{Event, EventId};
use crate::failure::Failure;
use crate::function::ingest::{Ingest, Part};
use crate::manifest::Id;
use crate::metering::Tally;
use crate::pipeline::Pipeline;
use crate::rows::{Reject, Rows};

use calls::Timeout;
use chain::{Chain, Outcome};
use collect::Collector;
use read::Work;

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
    /// How many of the first batches, or parts, are left out, because they had all their effects in an attempt before. Only for a
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

/// A batch, or a part, that had all its effects, in all steps but those that take the whole event.
#[derive(Debug)]
pub struct Chunk<'a> {
    /// How many of them are done with it, from the first on.
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
        let tally = Tally::default();
        let report = tally.of(|| self.run_counting(event, options, progress, chunks, &tally))?;
        Ok(EventReport { used: Some(tally.total()), ..report })
    }

    /// The same; what other threads than this one use is added to `tally`.
    fn run_counting(
        &self,
        event: &Event,
        options: &RunOptions<'_>,
        progress: &Progress,
        chunks: &mut ChunkSink<'_>,
        tally: &Tally,
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
                    tally.of(|| {
                        let read = self.read_in_parts(event, object, options.skip, lanes, timeout, progress);
                        hand_out(options.skip, read, &tickets, &batches, &to_collector);
                    });
                })
                .map_err(|err| error("cannot start a thread", err))?;
            for _ in 0..lanes {
                let (incoming, outcomes) = (incoming.clone(), outcomes.clone());
                let lane = Lane { pipeline: self, event, timeout, progress, ingest: None };
                thread("lane")
                    .spawn_scoped(scope, move || tally.of(|| lane.work(options, &incoming, &outcomes)))
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
                let mut outcome = Outcome::new(sequence, self.steps.len());
                chain.ingested(batch, &mut outcome)?;
                Ok(outcome)
            });
            collector.take(outcome)?;
        }
        Ok(())
    }
}

/// The ingest thread: hands out what is read, numbered, each against a ticket.
fn hand_out(
    skip: u64,
    read: impl Iterator<Item = Result<Work, Failure>>,
    tickets: &Receiver<()>,
    work: &Sender<(u64, Work)>,
    outcomes: &Sender<Result<Outcome, StepFailure>>,
) {
    let mut numbered = (skip..).zip(read);
    while tickets.recv().is_ok() {
        let Some((sequence, read)) = numbered.next() else { return };
        // Nobody listens if another step failed first.
        let heard = match read {
            Ok(read) => work.send((sequence, read)).is_ok(),
            Err(failure) => outcomes.send(Err((0, failure))).is_ok(),
        };
        if !heard {
            return;
        }
    }
}

/// A lane: takes batches through the steps whose rows stand alone, and reads them first where they come in parts.
struct Lane<'a> {
    pipeline: &'a Pipeline,
    event: &'a Event,
    timeout: Timeout,
    progress: &'a Progress,
    /// What reads parts, if there are any.
    ingest: Option<Ingest>,
}

impl Lane<'_> {
    fn work(
        mut self,
        options: &RunOptions<'_>,
        incoming: &Receiver<(u64, Work)>,
        outcomes: &Sender<Result<Outcome, StepFailure>>,
    ) {
        let until = options.until.map(|(step, _)| step);
        let mut chain = match Chain::start(self.pipeline, self.event, until, self.timeout, chain::Part::Alone) {
            Ok(chain) => chain,
            Err(failure) => return drop(outcomes.send(Err(failure))),
        };
        for (sequence, work) in incoming {
            let mut outcome = Outcome::new(sequence, self.pipeline.steps.len());
            let worked = match work {
                Work::Batch(batch) => chain.ingested(batch, &mut outcome),
                Work::Part(part, object) => self.part(&part, object, &mut chain, &mut outcome),
            };
            let failed = worked.is_err();
            if outcomes.send(worked.map(|()| outcome)).is_err() || failed {
                return;
            }
        }
    }

    fn part(
        &mut self,
        part: &Part,
        object: OpenObject,
        chain: &mut Chain<'_>,
        outcome: &mut Outcome,
    ) -> Result<(), StepFailure> {
        let reading = |failure| (0, failure);
        let ingest = match &mut self.ingest {
            Some(ingest) => ingest,
            none => none.insert(self.pipeline.start_ingest().map_err(reading)?),
        };
        ingest.open_part(self.event, object, part).map_err(reading)?;
        while let Some(batch) = self.pipeline.next_batch(ingest, self.timeout, self.progress).map_err(reading)? {
            chain.ingested(batch, outcome)?;
        }
        Ok(())
    }
}
