//! One attempt at an event: it goes through the pipeline, and the journal is told of every chunk that is done.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use wasmill_journal::Journal;
use wasmill_journal::journal::{Blame, JournalError, Reason};
use wasmill_journal::letters::Letter;
use wasmill_journal::staging::{Origin, Staged};
use wasmill_runtime::event::{Event, Object};
use wasmill_runtime::failure::Failure;
use wasmill_runtime::metering;
use wasmill_runtime::pipeline::Pipeline;
use wasmill_runtime::run::{Chunk, EventReport, Progress, RunError, RunOptions};

use crate::clock;
use crate::job::{Held, Job};
use crate::leases::Leased;
use crate::sinks::{Flush, Sinks, Staging};

/// How often the journal is told how far an event is. What was done since is done again if the worker dies.
const TELL: Duration = Duration::from_millis(200);

/// The same where there are rows for sinks: fewer of them would make many small files.
const TELL_OF_ROWS: Duration = Duration::from_secs(10);

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
        /// The rows for sinks that came since the journal was told.
        staged: Vec<Staged>,
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

/// What an attempt is made with.
pub struct Bench<'a> {
    /// The pipeline.
    pub pipeline: &'a Pipeline,
    /// What its sinks write with.
    pub sinks: &'a Sinks,
    /// A large object is worked on in so many lanes.
    pub lanes: usize,
    /// After this it is a fault.
    pub timeout: Option<Duration>,
    /// Where the journal is asked.
    pub handle: &'a Handle,
}

/// Works on an event, on a thread whose stack is deep enough.
pub fn attempt(bench: &Bench<'_>, job: &Job) -> Outcome {
    let Bench { pipeline, sinks, lanes, timeout, handle } = *bench;
    let held = &job.held;
    // It waited for too long. Whoever has it now has all of its effects.
    if held.is_lost() {
        return Outcome::Lost;
    }
    // Of an object that may be another by now nothing is done already.
    let is_same = !matches!(job.event.object, Object::Stored { changed: None, .. });
    let skip = if pipeline.resumes() && is_same { held.chunks() } else { 0 };
    let options = RunOptions { skip, lanes: Some(lanes), timeout, ..RunOptions::default() };
    let origin = held.origin();
    let lease = held.lease();
    let staging = match handle.block_on(Staging::begin(sinks, held.journal(), &origin, lease, skip == 0)) {
        Ok(staging) => staging,
        Err(err) => return untold(err, held),
    };
    let mut teller = Teller {
        held,
        handle,
        staging,
        origin,
        letters: Vec::new(),
        done: skip,
        told: Instant::now(),
        beside: VecDeque::new(),
    };
    let outcome = pipeline.run_here(&job.event, &options, &Progress::default(), &mut |chunk| teller.take(chunk));
    match outcome.map(|report| (report, metering::metered(|| teller.finish()))) {
        Ok((mut report, (Ok(staged), used))) => {
            report.add(used);
            Outcome::Done { report: Box::new(report), letters: teller.letters, staged }
        }
        Ok((_, (Err(_), _))) if held.is_lost() => Outcome::Lost,
        Ok((_, (Err(err), _))) => failed(unstaged(&job.event, err)),
        Err(_) if held.is_lost() => Outcome::Lost,
        Err(err) => failed(err),
    }
}

/// The journal could not be asked before anything was done.
fn untold(err: JournalError, held: &Held) -> Outcome {
    match (err, held) {
        (JournalError::LeaseLost { .. }, Held::Lease(leased, _)) => {
            leased.lose();
            Outcome::Lost
        }
        (err, _) => Outcome::Retry(Reason { step: String::new(), text: err.to_string() }, Blame::Outside),
    }
}

fn unstaged(event: &Event, cause: io::Error) -> RunError {
    RunError::Io { event: event.id.clone(), what: "cannot write rows for a sink".into(), cause }
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
                // Rows that a sink cannot take.
                io::ErrorKind::InvalidData => Outcome::Dead(reason),
                _ => Outcome::Retry(reason, Blame::Outside),
            }
        }
    }
}

/// Tells the journal of chunks, not of each at once: an event of one chunk is recorded once, when it is done. A broker has no
/// place for them: of a message all rejected rows are kept until the end, and there are not more than it is long.
struct Teller<'a> {
    held: &'a Held,
    handle: &'a Handle,
    staging: Staging<'a>,
    origin: Origin,
    letters: Vec<Letter>,
    done: u64,
    told: Instant,
    /// What the journal is to be told of, in this order, once its rows are staged.
    beside: VecDeque<Told>,
}

/// How far an event was, with the letters and rows until then.
struct Told {
    done: u64,
    letters: Vec<Letter>,
    rows: Flush,
}

impl Teller<'_> {
    fn take(&mut self, chunk: Chunk<'_>) -> io::Result<()> {
        if self.held.is_lost() {
            return Err(io::Error::other("the lease was lost"));
        }
        let is_late = self.told.elapsed() >= if self.staging.is_empty() { TELL } else { TELL_OF_ROWS };
        let is_due = is_late || self.letters.len() >= MOST_LETTERS || self.staging.is_full();
        match self.held {
            Held::Lease(leased, leases) if is_due && (self.done > 0 || !self.letters.is_empty()) => {
                if self.staging.is_empty() {
                    self.tell_of_all()?;
                    let letters = std::mem::take(&mut self.letters);
                    self.tell(leased, leases.journal(), self.done, letters, Vec::new())?;
                } else {
                    self.flush()?;
                }
            }
            Held::Message(..) if self.staging.is_full() => self.flush()?,
            _ => {}
        }
        self.done = chunk.done;
        self.staging.take(&chunk.sunk)?;
        self.letters.extend(chunk.rejects.into_iter().map(|(step, reject)| Letter {
            step: step.to_string(),
            row: Some(reject.row),
            reason: reject.reason,
            raw: reject.raw,
        }));
        Ok(())
    }

    /// Has the rows staged beside what goes on; of what was staged before the journal is told.
    fn flush(&mut self) -> io::Result<()> {
        while self.beside.len() >= Flush::most() {
            self.tell_of_first()?;
        }
        let letters = match self.held {
            Held::Lease(..) => std::mem::take(&mut self.letters),
            Held::Message(..) => Vec::new(),
        };
        self.beside.push_back(Told { done: self.done, letters, rows: self.staging.flush_beside()? });
        // It is not late again at once.
        self.told = Instant::now();
        Ok(())
    }

    fn tell_of_all(&mut self) -> io::Result<()> {
        while !self.beside.is_empty() {
            self.tell_of_first()?;
        }
        Ok(())
    }

    fn tell_of_first(&mut self) -> io::Result<()> {
        let Some(Told { done, letters, rows }) = self.beside.pop_front() else { return Ok(()) };
        let staged = rows.wait()?;
        match self.held {
            Held::Lease(leased, leases) => self.tell(leased, leases.journal(), done, letters, staged),
            // Rows of a message that are more than memory should hold.
            Held::Message(..) => {
                let told = self.handle.block_on(self.held.journal().stage(&self.origin, staged, false, clock::now()));
                told.map_err(io::Error::other)
            }
        }
    }

    fn tell(
        &mut self,
        leased: &Leased,
        journal: &Journal,
        done: u64,
        letters: Vec<Letter>,
        staged: Vec<Staged>,
    ) -> io::Result<()> {
        let told = self.handle.block_on(journal.progress(&leased.lease, done, letters, staged, clock::now()));
        self.told = Instant::now();
        told.map_err(|err| {
            if matches!(err, JournalError::LeaseLost { .. }) {
                leased.lose();
            }
            io::Error::other(err)
        })
    }

    /// The rows that are left when the event has ended.
    fn finish(&mut self) -> io::Result<Vec<Staged>> {
        self.tell_of_all()?;
        self.staging.finish()
    }
}
