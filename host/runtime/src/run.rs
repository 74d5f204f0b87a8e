//! Running an event through a pipeline.
//!
//! ```text
//!  ingest ──batches──► lane ─┐
//!  (one thread)  ├───► lane ─┼─outcomes──► collector: in order of the batches; counts, rejects,
//!                └───► lane ─┘             steps that take the whole event, `--until` files
//! ```
//!
//! Every lane has an instance of each step whose rows stand alone. The queues are short, so a slow database
//! slows the reading, and memory stays the same whatever the object's size.

mod chain;
mod collect;
mod report;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::capability::objects::OpenObject;
use crate::engine::{THREAD_STACK, on_deep_stack};
use crate::event::{Event, EventId};
use crate::failure::Failure;
use crate::manifest::Id;
use crate::pipeline::Pipeline;
use crate::rows::Reject;

use chain::{Chain, Outcome};
use collect::Collector;

pub use report::{Counts, EventReport, StepReport};

/// What a run should do.
#[derive(Debug, Clone, Default)]
pub struct RunOptions<'a> {
    /// Stop after this step and write its rows to the Parquet file.
    pub until: Option<(usize, &'a Path)>,
    /// How many batches are worked on at once; all cores if none.
    pub lanes: Option<usize>,
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

/// Takes rejected rows with the step that rejected them.
pub type RejectSink<'a> = dyn FnMut(&Id, &Reject) -> std::io::Result<()> + Send + 'a;

/// A step, by position, and how it failed.
type StepFailure = (usize, Failure);

impl Pipeline {
    /// Runs an event: reads the object, works on its rows, and gives every rejected row to `reject`, in the
    /// order of the object.
    pub fn run(
        &self,
        event: &Event,
        options: &RunOptions<'_>,
        progress: &Progress,
        reject: &mut RejectSink<'_>,
    ) -> Result<EventReport, RunError> {
        on_deep_stack(|| self.run_here(event, options, progress, reject)).unwrap_or_else(|cause| {
            Err(RunError::Io { event: event.id.clone(), what: "cannot start a thread".into(), cause })
        })
    }

    fn run_here(
        &self,
        event: &Event,
        options: &RunOptions<'_>,
        progress: &Progress,
        reject: &mut RejectSink<'_>,
    ) -> Result<EventReport, RunError> {
        let started = Instant::now();
        let error = |what: &str, cause| RunError::Io { event: event.id.clone(), what: what.to_owned(), cause };
        let object =
            OpenObject::open(event, progress.bytes.clone()).map_err(|err| error("cannot open the object", err))?;
        let lanes = options.lanes.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
        let lanes = lanes.min(self.most_lanes());
        let mut collector = Collector::new(self, event, options, progress, reject)?;
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
                .spawn_scoped(scope, move || self.read(event, object, progress, &tickets, &batches, &to_collector))
                .map_err(|err| error("cannot start a thread", err))?;
            for _ in 0..lanes {
                let (incoming, outcomes) = (incoming.clone(), outcomes.clone());
                thread("lane")
                    .spawn_scoped(scope, move || self.work(event, options, &incoming, &outcomes))
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

    /// The ingest thread: reads batches and hands them out, numbered.
    fn read(
        &self,
        event: &Event,
        object: OpenObject,
        progress: &Progress,
        tickets: &Receiver<()>,
        batches: &Sender<(u64, chain::Batch)>,
        outcomes: &Sender<Result<Outcome, StepFailure>>,
    ) {
        let read = || -> Result<(), Failure> {
            let mut ingest = self.start_ingest()?;
            ingest.open(event, object)?;
            let mut sequence = 0;
            loop {
                if tickets.recv().is_err() {
                    return Ok(());
                }
                let started = Instant::now();
                let Some(output) = ingest.next_rows()? else { return Ok(()) };
                let batch = chain::Batch { output, busy: started.elapsed() };
                progress
                    .rows
                    .fetch_add((batch.output.rows.len() + batch.output.rejects.len()) as u64, Ordering::Relaxed);
                if batches.send((sequence, batch)).is_err() {
                    return Ok(());
                }
                sequence += 1;
            }
        };
        if let Err(failure) = read() {
            // Nobody listens if another step failed first.
            let _ = outcomes.send(Err((0, failure)));
        }
    }

    /// A lane: takes batches through the steps whose rows stand alone.
    fn work(
        &self,
        event: &Event,
        options: &RunOptions<'_>,
        incoming: &Receiver<(u64, chain::Batch)>,
        outcomes: &Sender<Result<Outcome, StepFailure>>,
    ) {
        let mut chain = match Chain::start(self, event, options.until.map(|(step, _)| step), chain::Part::Alone) {
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
