//! What can be done with a journal.

use std::sync::Arc;

use wasmill_runtime::event::{EventId, Object};
use wasmill_runtime::manifest::Id;
use wasmill_runtime::metering;
use wasmill_runtime::plan::JournalPlan;
use wasmill_runtime::sqlite::FileError;

use crate::event::{Accepted, NewEvent, Sequence};
use crate::lease::{Lease, State, Terms, due, give};
use crate::letters::{self, Letter};
use crate::postgres::Postgres;
use crate::sql::{Db, Durability, values};
use crate::sqlite::Sqlite;
use crate::staging::{self, Staged};
use crate::writer::{Effects, Writer};

/// What can go wrong with a journal.
#[derive(Debug, Clone, thiserror::Error)]
pub enum JournalError {
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] Arc<FileError>),
    /// SQLite refused something.
    #[error("journal: {0}")]
    Sqlite(Arc<rusqlite::Error>),
    /// PostgreSQL refused something, or does not answer.
    #[error("journal: PostgreSQL at `{server}`: {what}")]
    Postgres {
        /// Where it should be.
        server: String,
        /// What it says.
        what: String,
    },
    /// The tables were made by a newer Wasmill.
    #[error(
        "journal: its schema version is {found}, this wasmill knows up to {known}\nhint: use the newer wasmill that made it"
    )]
    Newer {
        /// The version of the tables.
        found: i64,
        /// The newest version known here.
        known: usize,
    },
    /// What the database answered is not what was asked for.
    #[error("journal: {0}")]
    Answer(String),
    /// What was to be recorded as done could not be made durable.
    #[error("journal: an effect cannot be made durable: {0}")]
    Effects(Arc<std::io::Error>),
    /// The lease ran out, and another worker has the event, or had it.
    #[error(
        "event `{event}`: the lease of attempt {attempt} was lost\nhint: the worker was paused for longer than its lease"
    )]
    LeaseLost {
        /// The event.
        event: EventId,
        /// The attempt that the lease was for.
        attempt: u32,
    },
    /// Someone else wrote rows of the event meanwhile.
    #[error("event `{event}`: its rows were written by someone else meanwhile")]
    Overtaken {
        /// The event.
        event: EventId,
    },
    /// The thread that does the work could not be started.
    #[error("journal: cannot start a thread: {0}")]
    Thread(Arc<std::io::Error>),
    /// A collection of totals is not what it is to be.
    #[error("the totals of `{collection}`: {what}")]
    Totals {
        /// The collection.
        collection: String,
        /// Why not.
        what: String,
    },
    /// The journal was closed.
    #[error("journal: it was closed")]
    Closed,
}

impl From<rusqlite::Error> for JournalError {
    fn from(err: rusqlite::Error) -> Self {
        Self::Sqlite(Arc::new(err))
    }
}

/// Why an attempt came to nothing, and in which step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The step; empty if it was none.
    pub step: String,
    /// Why.
    pub text: String,
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.step.is_empty() { f.write_str(&self.text) } else { write!(f, "step `{}`: {}", self.step, self.text) }
    }
}

/// Whose fault it is that an attempt came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// The event's, or a function's: it may happen a few times only.
    Event,
    /// That of something outside, which did not answer.
    Outside,
}

/// Whose clock decides when something is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// The caller's.
    Ours,
    /// That of the server, where the journal is on one: callers on several machines never have quite the same time.
    Theirs,
}

/// The journal of a pipeline, in a file or a database that others may have open as well. Times are microseconds since
/// 1970-01-01T00:00:00Z by the caller's clock; where the journal is on a server, it has them by that one's.
#[derive(Debug)]
pub struct Journal {
    pub(crate) pipeline: Arc<str>,
    writer: Writer,
    reader: Writer,
    /// How durable rows are that are staged without a lease.
    on_the_way: Durability,
}

impl Journal {
    /// Opens it, makes it if it is not there, and brings its schema up to date. `effects` makes durable what was
    /// written so far; it is called before anything is recorded as done.
    pub fn open(place: &JournalPlan, pipeline: &Id, effects: Effects) -> Result<Self, JournalError> {
        Self::open_by(Clock::Theirs, place, pipeline, effects)
    }

    /// The same, by another clock.
    pub fn open_by(clock: Clock, place: &JournalPlan, pipeline: &Id, effects: Effects) -> Result<Self, JournalError> {
        let nothing: Effects = Box::new(|| Ok(()));
        let (writer, reader) = match place {
            JournalPlan::Sqlite(path) => {
                let (writes, reads) = (Sqlite::open(path, true)?, Sqlite::open(path, false)?);
                (Writer::start(Box::new(writes), effects), Writer::start(Box::new(reads), nothing))
            }
            JournalPlan::Postgres(server) => {
                let (writes, reads) = (Postgres::new(server, clock)?, Postgres::new(server, clock)?);
                (Writer::start(Box::new(writes), effects), Writer::start(Box::new(reads), nothing))
            }
        };
        let threads = |err| JournalError::Thread(Arc::new(err));
        Ok(Self {
            pipeline: pipeline.as_str().into(),
            writer: writer.map_err(threads)?,
            reader: reader.map_err(threads)?,
            on_the_way: Durability::Now,
        })
    }

    /// Opens it to ask or to mend; an error if it is a file that is not there.
    pub fn open_existing(place: &JournalPlan, pipeline: &Id) -> Result<Self, JournalError> {
        if let JournalPlan::Sqlite(path) = place {
            Sqlite::exists(path)?;
        }
        Self::open(place, pipeline, Box::new(|| Ok(())))
    }

    /// One that is gone when it is dropped, for totals alone: what it is asked for is not what was written.
    pub fn in_memory(pipeline: &Id) -> Result<Self, JournalError> {
        let start = || {
            let writer = Writer::start(Box::new(Sqlite::in_memory()?), Box::new(|| Ok(())));
            writer.map_err(|err| JournalError::Thread(Arc::new(err)))
        };
        let (writer, reader) = (start()?, start()?);
        Ok(Self { pipeline: pipeline.as_str().into(), writer, reader, on_the_way: Durability::Later })
    }

    /// From now on rows that are staged without a lease are durable only with the batch that commits them: for whoever runs all
    /// of it again after a power cut.
    pub fn staging_lazily(mut self) -> Self {
        self.on_the_way = Durability::Later;
        self
    }

    /// The pipeline's name.
    pub fn pipeline(&self) -> &str {
        &self.pipeline
    }

    /// Asks for something that changes nothing.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn Db, &str) -> Result<T, JournalError> + Send + 'static,
    ) -> Result<T, JournalError> {
        let pipeline = self.pipeline.clone();
        self.reader.transact("read", false, Durability::Now, move |db| work(db, &pipeline)).await
    }

    pub(crate) async fn write<T: Send + 'static>(
        &self,
        name: &'static str,
        work: impl FnOnce(&mut dyn Db, &str) -> Result<T, JournalError> + Send + 'static,
    ) -> Result<T, JournalError> {
        let pipeline = self.pipeline.clone();
        self.writer.transact(name, false, Durability::Now, move |db| work(db, &pipeline)).await
    }

    /// The same, durable as the journal is to be where nobody is told of each step.
    pub(crate) async fn write_on_the_way<T: Send + 'static>(
        &self,
        name: &'static str,
        work: impl FnOnce(&mut dyn Db, &str) -> Result<T, JournalError> + Send + 'static,
    ) -> Result<T, JournalError> {
        let pipeline = self.pipeline.clone();
        self.writer.transact(name, false, self.on_the_way, move |db| work(db, &pipeline)).await
    }

    /// The same for whoever is no task: it waits for the answer, and what the work used is on its account.
    pub(crate) fn write_waiting<T: Send + 'static>(
        &self,
        name: &'static str,
        settles: bool,
        durability: Durability,
        work: impl FnOnce(&mut dyn Db, &str) -> Result<T, JournalError> + Send + 'static,
    ) -> Result<T, JournalError> {
        let pipeline = self.pipeline.clone();
        let work = move |db: &mut dyn Db| {
            let (done, used) = metering::metered(|| work(db, &pipeline));
            Ok((done?, used))
        };
        let answer = self.writer.begin(name, settles, durability, work)?;
        let (done, used) = answer.blocking_recv().unwrap_or(Err(JournalError::Closed))?;
        metering::add(used);
        Ok(done)
    }

    /// How durable is what is written on the way.
    pub(crate) fn on_the_way(&self) -> Durability {
        self.on_the_way
    }

    /// Accepts an event; it is durable when this returns.
    pub async fn accept(&self, event: NewEvent, now: i64) -> Result<Accepted, JournalError> {
        self.write("accept", move |db, pipeline| accept(db, pipeline, &event, now)).await
    }

    /// Accepts several events, all or none; how many were not known.
    pub async fn accept_all(&self, events: Vec<NewEvent>, now: i64) -> Result<u64, JournalError> {
        self.write("accept", move |db, pipeline| {
            let mut new = 0;
            for event in &events {
                new += u64::from(matches!(accept(db, pipeline, event, now)?, Accepted::New(_)));
            }
            Ok(new)
        })
        .await
    }

    /// Takes events that are due, as the terms say: at most `limit`, and of those that wait no more than have `bytes`
    /// together, but for the first: those whose lease ran out, then those that wait for longest. One that used up its
    /// attempts by losing its workers becomes a dead letter. Events of backfills come after all others, and at most
    /// `backfills` of them.
    pub async fn lease(
        &self,
        terms: &Arc<Terms>,
        limit: usize,
        backfills: usize,
        bytes: u64,
        now: i64,
    ) -> Result<Vec<Lease>, JournalError> {
        let terms = terms.clone();
        self.write("lease", move |db, pipeline| {
            let mut leases = Vec::new();
            let mut left = i64::try_from(bytes).unwrap_or(i64::MAX);
            let now = now.saturating_add(db.skew());
            for due in due(db, pipeline, State::Running, &terms, limit, now)? {
                let deaths = due.deaths + 1;
                end_attempt(db, due.sequence, due.attempt, "expired", Some("its worker went away"), None, now)?;
                if deaths >= terms.most_deaths {
                    let text = format!("its workers went away in {deaths} attempts");
                    bury(db, due.sequence, due.attempt, &Reason { step: String::new(), text }, now)?;
                    continue;
                }
                leases.push(give(db, due.sequence, deaths, &terms, now)?);
            }
            for (state, most) in [(State::Waiting, limit), (State::Backfill, backfills)] {
                let most = most.min(limit.saturating_sub(leases.len()));
                for due in due(db, pipeline, state, &terms, most, now)? {
                    // What an object is long that is not looked at yet is not known.
                    left = left.saturating_sub(if due.size > 0 { due.size } else { left.max(1) });
                    if left < 0 && !leases.is_empty() {
                        return Ok(leases);
                    }
                    leases.push(give(db, due.sequence, due.deaths, &terms, now)?);
                }
            }
            Ok(leases)
        })
        .await
    }

    /// Keeps leases for as long again from now on; those that are lost.
    pub async fn renew(
        &self,
        leases: Vec<(Sequence, u32)>,
        lease: i64,
        now: i64,
    ) -> Result<Vec<Sequence>, JournalError> {
        self.write("renew", move |db, _| {
            let until = now.saturating_add(db.skew()).saturating_add(lease);
            let mut lost = Vec::new();
            for (sequence, attempt) in leases {
                let update = "UPDATE events SET due = $3 WHERE sequence = $1 AND attempts = $2 AND state = 'running'";
                if db.execute(update, values![sequence.0, attempt, until])? == 0 {
                    lost.push(sequence);
                }
            }
            Ok(lost)
        })
        .await
    }

    /// Records that all chunks before `chunks` had all their effects, with the rows that they rejected, and those that were
    /// staged for sinks.
    pub async fn progress(
        &self,
        lease: &Lease,
        chunks: u64,
        letters: Vec<Letter>,
        staged: Vec<Staged>,
        now: i64,
    ) -> Result<(), JournalError> {
        let (origin, pipeline) = (lease.origin(), self.pipeline.clone());
        self.holding("progress", true, lease, move |db, sequence, attempt| {
            let now = now.saturating_add(db.skew());
            let chunks = i64::try_from(chunks).unwrap_or(i64::MAX);
            let update = "UPDATE events SET chunks = GREATEST(chunks, $2) WHERE sequence = $1";
            db.execute(update, values![sequence.0, chunks])?;
            staging::put(db, &pipeline, &origin, &staged, false, now)?;
            letters.iter().try_for_each(|letter| letters::write(db, sequence, attempt, letter, now))
        })
        .await
    }

    /// Ends the attempt and the event: it had all its effects, with the rows that its last chunks rejected, and those that
    /// were staged for sinks. `report` is JSON.
    pub async fn done(
        &self,
        lease: &Lease,
        letters: Vec<Letter>,
        staged: Vec<Staged>,
        report: String,
        now: i64,
    ) -> Result<(), JournalError> {
        let (origin, pipeline) = (lease.origin(), self.pipeline.clone());
        self.holding("done", true, lease, move |db, sequence, attempt| {
            let now = now.saturating_add(db.skew());
            letters.iter().try_for_each(|letter| letters::write(db, sequence, attempt, letter, now))?;
            letters::forget_mended(db, sequence)?;
            staging::put(db, &pipeline, &origin, &staged, true, now)?;
            end_attempt(db, sequence, attempt, "done", None, Some(&report), now)?;
            set_state(db, sequence, "done", now)
        })
        .await
    }

    /// Ends the attempt; the event is due again at `due`. If it may not fault once more, it is a dead letter.
    pub async fn retry(
        &self,
        lease: &Lease,
        reason: Reason,
        blame: Blame,
        most_faults: u32,
        due: i64,
        now: i64,
    ) -> Result<(), JournalError> {
        self.holding("retry", false, lease, move |db, sequence, attempt| {
            let (now, due) = (now.saturating_add(db.skew()), due.saturating_add(db.skew()));
            let update = "UPDATE events SET faults = faults + $2 WHERE sequence = $1 RETURNING faults";
            let faults = db.one(update, values![sequence.0, blame == Blame::Event])?.small(0)?;
            if faults >= most_faults {
                end_attempt(db, sequence, attempt, "dead", Some(&reason.text), None, now)?;
                return bury(db, sequence, attempt, &reason, now);
            }
            end_attempt(db, sequence, attempt, "retried", Some(&reason.text), None, now)?;
            set_state(db, sequence, "waiting", due)
        })
        .await
    }

    /// Ends the attempt, and the event as a dead letter.
    pub async fn bury(&self, lease: &Lease, reason: Reason, now: i64) -> Result<(), JournalError> {
        self.holding("bury", false, lease, move |db, sequence, attempt| {
            let now = now.saturating_add(db.skew());
            end_attempt(db, sequence, attempt, "dead", Some(&reason.text), None, now)?;
            bury(db, sequence, attempt, &reason, now)
        })
        .await
    }

    /// Gives the event back, because the worker stops: it is due at once, and nothing is held against it.
    pub async fn release(&self, lease: &Lease, now: i64) -> Result<(), JournalError> {
        self.holding("release", false, lease, move |db, sequence, attempt| {
            let now = now.saturating_add(db.skew());
            end_attempt(db, sequence, attempt, "released", None, None, now)?;
            set_state(db, sequence, "waiting", now)
        })
        .await
    }

    /// Does something as the holder of a lease, or fails if it is lost.
    pub(crate) async fn holding<T: Send + 'static>(
        &self,
        name: &'static str,
        settles: bool,
        lease: &Lease,
        work: impl FnOnce(&mut dyn Db, Sequence, u32) -> Result<T, JournalError> + Send + 'static,
    ) -> Result<T, JournalError> {
        let (sequence, attempt, event) = (lease.sequence, lease.attempt, lease.id.clone());
        let held = move |db: &mut dyn Db| {
            let held =
                "SELECT sequence FROM events WHERE sequence = $1 AND attempts = $2 AND state = 'running' FOR UPDATE";
            if db.first(held, values![sequence.0, attempt])?.is_none() {
                return Err(JournalError::LeaseLost { event, attempt });
            }
            work(db, sequence, attempt)
        };
        self.writer.transact(name, settles, Durability::Now, held).await
    }
}

pub(crate) fn accept(db: &mut dyn Db, pipeline: &str, event: &NewEvent, now: i64) -> Result<Accepted, JournalError> {
    let now = now.saturating_add(db.skew());
    let NewEvent { id, generation, trigger, time, trace, object } = event;
    let Stored { path, size, changed, body } = Stored::of(object);
    let insert = "INSERT INTO events (pipeline, id, generation, trigger, time, accepted, path, size, changed, body, trace, state, due, since)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'waiting', $6, $6) ON CONFLICT DO NOTHING RETURNING sequence";
    let values = values![
        pipeline,
        id.as_str(),
        *generation,
        trigger.as_str(),
        *time,
        now,
        path.as_deref(),
        size,
        changed,
        body,
        trace.as_deref()
    ];
    if let Some(mut row) = db.first(insert, values)? {
        return Ok(Accepted::New(Sequence(row.integer(0)?)));
    }
    let known = "SELECT sequence FROM events WHERE pipeline = $1 AND id = $2 AND generation = $3";
    let sequence = db.one(known, values![pipeline, id.as_str(), *generation])?.integer(0)?;
    Ok(Accepted::Known(Sequence(sequence)))
}

/// An object as it is in the table of events.
pub(crate) struct Stored<'a> {
    pub path: Option<String>,
    pub size: i64,
    pub changed: Option<i64>,
    pub body: Option<&'a [u8]>,
}

impl<'a> Stored<'a> {
    /// What is kept of an object: of one in a store only where it is.
    pub fn of(object: &'a Object) -> Self {
        let size = i64::try_from(object.size()).unwrap_or(i64::MAX);
        match object {
            Object::Stored { location, changed, .. } => {
                Self { path: Some(location.to_string()), size, changed: *changed, body: None }
            }
            Object::Bytes(bytes) => Self { path: None, size, changed: None, body: Some(bytes) },
        }
    }
}

pub(crate) fn end_attempt(
    db: &mut dyn Db,
    sequence: Sequence,
    attempt: u32,
    outcome: &str,
    reason: Option<&str>,
    report: Option<&str>,
    now: i64,
) -> Result<(), JournalError> {
    let update =
        "UPDATE attempts SET ended = $3, outcome = $4, reason = $5, report = $6 WHERE event = $1 AND number = $2";
    db.execute(update, values![sequence.0, attempt, now, outcome, reason, report])?;
    Ok(())
}

pub(crate) fn set_state(db: &mut dyn Db, sequence: Sequence, state: &str, due: i64) -> Result<(), JournalError> {
    db.execute("UPDATE events SET state = $2, due = $3 WHERE sequence = $1", values![sequence.0, state, due])?;
    Ok(())
}

pub(crate) fn bury(
    db: &mut dyn Db,
    sequence: Sequence,
    attempt: u32,
    reason: &Reason,
    now: i64,
) -> Result<(), JournalError> {
    let Reason { step, text } = reason;
    let letter = Letter { step: step.clone(), row: None, reason: text.clone(), raw: None };
    letters::write_event(db, sequence, attempt, &letter, now)?;
    set_state(db, sequence, "dead", now)
}
