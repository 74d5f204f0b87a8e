//! What can be done with a journal.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, Row, Transaction, params};
use wasmill_runtime::event::{EventId, Object};
use wasmill_runtime::manifest::Id;
use wasmill_runtime::sqlite::{self, FileError};

use crate::event::{Accepted, NewEvent, Sequence};
use crate::lease::{Lease, Terms};
use crate::letters::{self, Letter};
use crate::schema::FORMAT;
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

/// The journal of a pipeline: one SQLite file, which others may have open as well. Times are microseconds since
/// 1970-01-01T00:00:00Z, and come from the caller.
#[derive(Debug)]
pub struct Journal {
    pub(crate) pipeline: Arc<str>,
    writer: Writer,
    reader: Mutex<Connection>,
}

impl Journal {
    /// Opens the file, makes it if it is not there, and brings its schema up to date. `effects` makes durable what was
    /// written so far; it is called before anything is recorded as done.
    pub fn open(path: &Path, pipeline: &Id, effects: Effects) -> Result<Self, JournalError> {
        let connection = sqlite::open(path, &FORMAT).map_err(Arc::new)?;
        // What was accepted must be there after the machine lost its power.
        connection.pragma_update(None, "synchronous", "full")?;
        let reader = sqlite::open(path, &FORMAT).map_err(Arc::new)?;
        let writer =
            Writer::start(connection, effects).map_err(|err| rusqlite::Error::ToSqlConversionFailure(Box::new(err)))?;
        Ok(Self { pipeline: pipeline.as_str().into(), writer, reader: Mutex::new(reader) })
    }

    /// Opens the file to ask or to mend; an error if it is not there.
    pub fn open_existing(path: &Path, pipeline: &Id) -> Result<Self, JournalError> {
        drop(sqlite::open_existing(path, &FORMAT).map_err(Arc::new)?);
        Self::open(path, pipeline, Box::new(|| Ok(())))
    }

    pub(crate) fn read(&self) -> MutexGuard<'_, Connection> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) async fn write<T: Send + 'static>(
        &self,
        name: &'static str,
        work: impl FnOnce(&Transaction<'_>, &str) -> Result<T, JournalError> + Send + 'static,
    ) -> Result<T, JournalError> {
        let pipeline = self.pipeline.clone();
        self.writer.transact(name, move |transaction| work(transaction, &pipeline)).await
    }

    /// Accepts an event; it is durable when this returns.
    pub async fn accept(&self, event: NewEvent, now: i64) -> Result<Accepted, JournalError> {
        self.write("accept", move |transaction, pipeline| {
            let (path, changed, body) = match &event.object {
                Object::File { path, changed, .. } => (Some(path.to_string_lossy()), *changed, None),
                Object::Bytes(bytes) => (None, None, Some(&**bytes)),
            };
            let size = i64::try_from(event.object.size()).unwrap_or(i64::MAX);
            let mut insert = transaction.prepare_cached(
                "INSERT INTO events (pipeline, id, generation, trigger, time, accepted, path, size, changed, body, state, due, since)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 'waiting', ?6, ?6) ON CONFLICT DO NOTHING",
            )?;
            let id = event.id.as_str();
            let values =
                params![pipeline, id, event.generation, event.trigger, event.time, now, path, size, changed, body];
            if insert.execute(values)? == 1 {
                return Ok(Accepted::New(Sequence(transaction.last_insert_rowid())));
            }
            let known = "SELECT sequence FROM events WHERE pipeline = ?1 AND id = ?2 AND generation = ?3";
            let mut known = transaction.prepare_cached(known)?;
            let sequence = known.query_row(params![pipeline, id, event.generation], |row| row.get(0))?;
            Ok(Accepted::Known(Sequence(sequence)))
        })
        .await
    }

    /// Takes events that are due, at most `limit`, and of those that wait no more than have `bytes` together, but for the
    /// first: those whose lease ran out, then those that wait for longest. One
    /// that used up its attempts by losing its workers becomes a dead letter.
    pub async fn lease(
        &self,
        terms: &Arc<Terms>,
        limit: usize,
        bytes: u64,
        now: i64,
    ) -> Result<Vec<Lease>, JournalError> {
        let terms = terms.clone();
        self.write("lease", move |transaction, pipeline| {
            let mut leases = Vec::new();
            let mut left = i64::try_from(bytes).unwrap_or(i64::MAX);
            for due in due(transaction, pipeline, "running", limit, now)? {
                let deaths = due.deaths + 1;
                end_attempt(
                    transaction,
                    due.sequence,
                    due.attempt,
                    "expired",
                    Some("its worker went away"),
                    None,
                    now,
                )?;
                if deaths >= terms.most_deaths {
                    let text = format!("its workers went away in {deaths} attempts");
                    bury(transaction, due.sequence, due.attempt, &Reason { step: String::new(), text }, now)?;
                    continue;
                }
                leases.push(give(transaction, due.sequence, deaths, &terms, now)?);
            }
            for due in due(transaction, pipeline, "waiting", limit.saturating_sub(leases.len()), now)? {
                left = left.saturating_sub(due.size);
                if left < 0 && !leases.is_empty() {
                    break;
                }
                leases.push(give(transaction, due.sequence, due.deaths, &terms, now)?);
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
        self.write("renew", move |transaction, _| {
            let mut statement = transaction.prepare_cached(
                "UPDATE events SET due = ?3 WHERE sequence = ?1 AND attempts = ?2 AND state = 'running'",
            )?;
            let mut lost = Vec::new();
            for (sequence, attempt) in leases {
                if statement.execute(params![sequence.0, attempt, now.saturating_add(lease)])? == 0 {
                    lost.push(sequence);
                }
            }
            Ok(lost)
        })
        .await
    }

    /// Records that all chunks before `chunks` had all their effects, with the rows that they rejected.
    pub async fn progress(
        &self,
        lease: &Lease,
        chunks: u64,
        letters: Vec<Letter>,
        now: i64,
    ) -> Result<(), JournalError> {
        self.settle("progress", lease, move |transaction, sequence, attempt| {
            let chunks = i64::try_from(chunks).unwrap_or(i64::MAX);
            let mut update =
                transaction.prepare_cached("UPDATE events SET chunks = max(chunks, ?2) WHERE sequence = ?1")?;
            update.execute(params![sequence.0, chunks])?;
            letters.iter().try_for_each(|letter| letters::write(transaction, sequence, attempt, letter, now))
        })
        .await
    }

    /// Ends the attempt and the event: it had all its effects, with the rows that its last chunks rejected. `report` is
    /// JSON.
    pub async fn done(
        &self,
        lease: &Lease,
        letters: Vec<Letter>,
        report: String,
        now: i64,
    ) -> Result<(), JournalError> {
        self.settle("done", lease, move |transaction, sequence, attempt| {
            letters.iter().try_for_each(|letter| letters::write(transaction, sequence, attempt, letter, now))?;
            letters::forget_mended(transaction, sequence)?;
            end_attempt(transaction, sequence, attempt, "done", None, Some(&report), now)?;
            set_state(transaction, sequence, "done", now)
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
        self.holding("retry", lease, move |transaction, sequence, attempt| {
            let mut faults = transaction
                .prepare_cached("UPDATE events SET faults = faults + ?2 WHERE sequence = ?1 RETURNING faults")?;
            let faults: u32 = faults.query_row(params![sequence.0, blame == Blame::Event], |row| row.get(0))?;
            if faults >= most_faults {
                end_attempt(transaction, sequence, attempt, "dead", Some(&reason.text), None, now)?;
                return bury(transaction, sequence, attempt, &reason, now);
            }
            end_attempt(transaction, sequence, attempt, "retried", Some(&reason.text), None, now)?;
            set_state(transaction, sequence, "waiting", due)
        })
        .await
    }

    /// Ends the attempt, and the event as a dead letter.
    pub async fn bury(&self, lease: &Lease, reason: Reason, now: i64) -> Result<(), JournalError> {
        self.holding("bury", lease, move |transaction, sequence, attempt| {
            end_attempt(transaction, sequence, attempt, "dead", Some(&reason.text), None, now)?;
            bury(transaction, sequence, attempt, &reason, now)
        })
        .await
    }

    /// Gives the event back, because the worker stops: it is due at once, and nothing is held against it.
    pub async fn release(&self, lease: &Lease, now: i64) -> Result<(), JournalError> {
        self.holding("release", lease, move |transaction, sequence, attempt| {
            end_attempt(transaction, sequence, attempt, "released", None, None, now)?;
            set_state(transaction, sequence, "waiting", now)
        })
        .await
    }

    /// The number of a chunk in the order of what went into a sink: from 1 on, without a gap, and the same whenever it is
    /// asked for. A sink that commits several chunks together keeps the last number with each commit, and so can tell what
    /// is in.
    pub async fn batch(&self, lease: &Lease, sink: &Id, chunk: u64) -> Result<u64, JournalError> {
        let sink = sink.clone();
        let chunk = i64::try_from(chunk).unwrap_or(i64::MAX);
        let pipeline = self.pipeline.clone();
        self.holding("batch", lease, move |transaction, sequence, _| {
            let mut insert = transaction.prepare_cached(
                "INSERT INTO batches (pipeline, sink, number, event, pass, chunk)
                 SELECT ?1, ?2, coalesce((SELECT max(number) FROM batches WHERE pipeline = ?1 AND sink = ?2), 0) + 1, ?3, pass, ?4
                 FROM events WHERE sequence = ?3 ON CONFLICT DO NOTHING",
            )?;
            insert.execute(params![&*pipeline, sink.as_str(), sequence.0, chunk])?;
            let mut number = transaction.prepare_cached(
                "SELECT number FROM batches b JOIN events e ON e.sequence = b.event
                 WHERE b.event = ?1 AND sink = ?2 AND b.pass = e.pass AND chunk = ?3",
            )?;
            Ok(number.query_row(params![sequence.0, sink.as_str(), chunk], |row| row.get::<_, i64>(0))?.unsigned_abs())
        })
        .await
    }

    /// Records what had its effects, as the holder of a lease.
    async fn settle(
        &self,
        name: &'static str,
        lease: &Lease,
        work: impl FnOnce(&Transaction<'_>, Sequence, u32) -> Result<(), JournalError> + Send + 'static,
    ) -> Result<(), JournalError> {
        let work = if_held(lease, work);
        self.writer.settle(name, work).await
    }

    /// Does something as the holder of a lease, or fails if it is lost.
    async fn holding<T: Send + 'static>(
        &self,
        name: &'static str,
        lease: &Lease,
        work: impl FnOnce(&Transaction<'_>, Sequence, u32) -> Result<T, JournalError> + Send + 'static,
    ) -> Result<T, JournalError> {
        let work = if_held(lease, work);
        self.writer.transact(name, work).await
    }
}

fn if_held<T, W>(lease: &Lease, work: W) -> impl FnOnce(&Transaction<'_>) -> Result<T, JournalError> + use<T, W>
where
    W: FnOnce(&Transaction<'_>, Sequence, u32) -> Result<T, JournalError>,
{
    let (sequence, attempt, event) = (lease.sequence, lease.attempt, lease.id.clone());
    move |transaction| {
        let held = "SELECT 1 FROM events WHERE sequence = ?1 AND attempts = ?2 AND state = 'running'";
        if !transaction.prepare_cached(held)?.exists(params![sequence.0, attempt])? {
            return Err(JournalError::LeaseLost { event, attempt });
        }
        work(transaction, sequence, attempt)
    }
}

/// An event that can be taken.
struct Due {
    sequence: Sequence,
    attempt: u32,
    deaths: u32,
    size: i64,
}

fn due(
    transaction: &Transaction<'_>,
    pipeline: &str,
    state: &str,
    limit: usize,
    now: i64,
) -> Result<Vec<Due>, JournalError> {
    let mut statement = transaction.prepare_cached(
        "SELECT sequence, attempts, deaths, size FROM events
         WHERE pipeline = ?1 AND state = ?2 AND due <= ?3 ORDER BY due, sequence LIMIT ?4",
    )?;
    let due = |row: &Row<'_>| {
        Ok(Due { sequence: Sequence(row.get(0)?), attempt: row.get(1)?, deaths: row.get(2)?, size: row.get(3)? })
    };
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let found = statement.query_map(params![pipeline, state, now, limit], due)?;
    Ok(found.collect::<Result<_, _>>()?)
}

fn give(
    transaction: &Transaction<'_>,
    sequence: Sequence,
    deaths: u32,
    terms: &Terms,
    now: i64,
) -> Result<Lease, JournalError> {
    let mut take = transaction.prepare_cached(
        "UPDATE events SET state = 'running', due = ?2, attempts = attempts + 1, deaths = ?3,
             chunks = iif(plan = ?4, chunks, 0), pass = iif(plan = ?4, pass, pass + 1), plan = ?4
         WHERE sequence = ?1 RETURNING id, time, path, size, body, attempts, chunks, since, changed",
    )?;
    let values = params![sequence.0, now.saturating_add(terms.lease), deaths, terms.plan];
    let lease = take.query_row(values, |row| {
        let path: Option<String> = row.get(2)?;
        Ok(Lease {
            sequence,
            id: EventId::from(row.get::<_, String>(0)?),
            time: row.get(1)?,
            object: match path {
                Some(path) => {
                    Object::File { path: path.into(), size: row.get::<_, i64>(3)?.unsigned_abs(), changed: row.get(8)? }
                }
                None => Object::Bytes(row.get::<_, Vec<u8>>(4)?.into()),
            },
            attempt: row.get(5)?,
            chunks: row.get::<_, i64>(6)?.unsigned_abs(),
            since: row.get(7)?,
        })
    })?;
    let mut begin = transaction
        .prepare_cached("INSERT INTO attempts (event, number, worker, plan, started) VALUES (?1, ?2, ?3, ?4, ?5)")?;
    begin.execute(params![sequence.0, lease.attempt, terms.worker, terms.plan, now])?;
    Ok(lease)
}

pub(crate) fn end_attempt(
    transaction: &Transaction<'_>,
    sequence: Sequence,
    attempt: u32,
    outcome: &str,
    reason: Option<&str>,
    report: Option<&str>,
    now: i64,
) -> Result<(), JournalError> {
    let mut statement = transaction.prepare_cached(
        "UPDATE attempts SET ended = ?3, outcome = ?4, reason = ?5, report = ?6 WHERE event = ?1 AND number = ?2",
    )?;
    statement.execute(params![sequence.0, attempt, now, outcome, reason, report])?;
    Ok(())
}

pub(crate) fn set_state(
    transaction: &Transaction<'_>,
    sequence: Sequence,
    state: &str,
    due: i64,
) -> Result<(), JournalError> {
    let mut statement = transaction.prepare_cached("UPDATE events SET state = ?2, due = ?3 WHERE sequence = ?1")?;
    statement.execute(params![sequence.0, state, due])?;
    Ok(())
}

pub(crate) fn bury(
    transaction: &Transaction<'_>,
    sequence: Sequence,
    attempt: u32,
    reason: &Reason,
    now: i64,
) -> Result<(), JournalError> {
    let Reason { step, text } = reason;
    let letter = Letter { step: step.clone(), row: None, reason: text.clone(), raw: None };
    letters::write_event(transaction, sequence, attempt, &letter, now)?;
    set_state(transaction, sequence, "dead", now)
}
