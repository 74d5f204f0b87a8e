//! One attempt at an event: it goes through the pipeline, and the journal is told of every chunk that is done.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use wasmill_journal::journal::{Blame, JournalError, Reason};
use wasmill_journal::letters::Letter;
use wasmill_journal::{Journal, Lease};
use wasmill_runtime::event::Event;
use wasmill_runtime::failure::Failure;
use wasmill_runtime::pipeline::Pipeline;
use wasmill_runtime::run::{Chunk, EventReport, Progress, RunError, RunOptions};

use crate::clock;

/// How often the journal is told how far an event is. What was done since is done again if the worker dies.
const TELL: Duration = Duration::from_millis(200);

/// The most rejected rows that are kept in memory until the journal is told.
const MOST_LETTERS: usize = 10_000;

/// What came of an attempt, and is still to be recorded.
pub enum Outcome {
    /// The event had all its effects.
    Done {
        /// What each step did.
        report: Box<EventReport>,
        /// The rows that the last chunks rejected.
        letters: Vec<Letter>,
    },
    /// It should be tried again later.
    Retry(Reason, Blame),
    /// It never will be well as it is.
    Dead(Reason),
    /// Another worker has the event.
    Lost,
}

impl Outcome {
    /// All names that there are.
    pub const NAMES: [&str; 4] = ["done", "retried", "dead", "lost"];

    /// What it is called in metrics and traces.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Done { .. } => "done",
            Self::Retry(..) => "retried",
            Self::Dead(_) => "dead",
            Self::Lost => "lost",
        }
    }
}

/// Works on an event, on a thread whose stack is deep enough.
///
/// A large object is worked on in `lanes` lanes; after `timeout` it is a fault.
pub fn attempt(
    pipeline: &Pipeline,
    journal: &Journal,
    Held { lease, lost }: &Held,
    lanes: usize,
    timeout: Option<Duration>,
    handle: &Handle,
) -> Outcome {
    let event = Event { id: lease.id.clone(), time: lease.time, attempt: lease.attempt, object: lease.object.clone() };
    let skip = if pipeline.resumes() { lease.chunks } else { 0 };
    let options = RunOptions { skip, lanes: Some(lanes), timeout, ..RunOptions::default() };
    let mut teller = Teller { journal, lease, lost, handle, letters: Vec::new(), done: skip, told: Instant::now() };
    let outcome = pipeline.run_here(&event, &options, &Progress::default(), &mut |chunk| teller.take(chunk));
    match outcome {
        Ok(report) => Outcome::Done { report: Box::new(report), letters: teller.letters },
        Err(_) if lost.load(Ordering::Relaxed) => Outcome::Lost,
        Err(err) => failed(err),
    }
}

fn failed(err: RunError) -> Outcome {
    match err {
        RunError::Step { step, failure, .. } => {
            let reason = Reason { step: step.to_string(), text: failure.to_string() };
            match failure {
                Failure::Reject(_) => Outcome::Dead(reason),
                Failure::Retry(_) => Outcome::Retry(reason, Blame::Outside),
                Failure::Fault(_) => Outcome::Retry(reason, Blame::Event),
            }
        }
        RunError::Io { what, cause, .. } => {
            let reason = Reason { step: String::new(), text: format!("{what}: {cause}") };
            match cause.kind() {
                // It was replaced, which is an event of its own, or removed.
                io::ErrorKind::NotFound => Outcome::Dead(reason),
                _ => Outcome::Retry(reason, Blame::Outside),
            }
        }
    }
}

/// Tells the journal of chunks, not of each at once: an event of one chunk is recorded once, when it is done.
struct Teller<'a> {
    journal: &'a Journal,
    lease: &'a Lease,
    lost: &'a AtomicBool,
    handle: &'a Handle,
    letters: Vec<Letter>,
    done: u64,
    told: Instant,
}

impl Teller<'_> {
    fn take(&mut self, chunk: Chunk<'_>) -> io::Result<()> {
        if self.lost.load(Ordering::Relaxed) {
            return Err(io::Error::other("the lease was lost"));
        }
        let is_more = self.done > 0 || !self.letters.is_empty();
        if is_more && (self.told.elapsed() >= TELL || self.letters.len() >= MOST_LETTERS) {
            self.tell()?;
        }
        self.done = chunk.done;
        self.letters.extend(chunk.rejects.into_iter().map(|(step, reject)| Letter {
            step: step.to_string(),
            row: Some(reject.row),
            reason: reject.reason,
            raw: reject.raw,
        }));
        Ok(())
    }

    fn tell(&mut self) -> io::Result<()> {
        let letters = std::mem::take(&mut self.letters);
        let told = self.handle.block_on(self.journal.progress(self.lease, self.done, letters, clock::now()));
        self.told = Instant::now();
        told.map_err(|err| {
            if matches!(err, JournalError::LeaseLost { .. }) {
                self.lost.store(true, Ordering::Relaxed);
            }
            io::Error::other(err)
        })
    }
}

/// A lease, and whether it was lost.
#[derive(Debug, Clone)]
pub struct Held {
    /// The lease.
    pub lease: Arc<Lease>,
    /// Whether another worker may have the event.
    pub lost: Arc<AtomicBool>,
}
