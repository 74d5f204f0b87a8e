//! What ran, and how the journal stands.

use rusqlite::{Row, params};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::journal::{Journal, JournalError};

/// An attempt at an event.
#[derive(Debug, Clone, Serialize)]
pub struct Run {
    /// The event.
    pub event: String,
    /// From 1 on.
    pub attempt: u32,
    /// Who worked on it.
    pub worker: String,
    /// The digest of what was done with it.
    pub plan: String,
    /// In microseconds since 1970-01-01T00:00:00Z.
    pub started: i64,
    /// None while it runs.
    pub ended: Option<i64>,
    /// `done`, `retried`, `dead`, `released` or `expired`; none while it runs.
    pub outcome: Option<String>,
    /// Why it came to nothing.
    pub reason: Option<String>,
    /// What each step did.
    pub report: Option<Box<RawValue>>,
}

/// How the events of a journal stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Events that wait.
    pub waiting: u64,
    /// Events that a worker has.
    pub running: u64,
    /// Events that had all their effects.
    pub done: u64,
    /// Events that are dead letters.
    pub dead: u64,
    /// Dead letters, of rows and events.
    pub letters: u64,
    /// When the event that is due for longest became due, in microseconds since 1970-01-01T00:00:00Z; none if none waits.
    pub oldest: Option<i64>,
}

fn run(row: &Row<'_>) -> rusqlite::Result<Run> {
    let report = row.get::<_, Option<String>>(8)?.map(RawValue::from_string).transpose();
    let report = report
        .map_err(|err| rusqlite::Error::FromSqlConversionFailure(8, rusqlite::types::Type::Text, Box::new(err)))?;
    Ok(Run {
        event: row.get(0)?,
        attempt: row.get(1)?,
        worker: row.get(2)?,
        plan: row.get(3)?,
        started: row.get(4)?,
        ended: row.get(5)?,
        outcome: row.get(6)?,
        reason: row.get(7)?,
        report,
    })
}

impl Journal {
    /// The latest attempts, the last one first; of one event, if given.
    pub fn runs(&self, event: Option<&str>, limit: u32) -> Result<Vec<Run>, JournalError> {
        let reader = self.read();
        let mut statement = reader.prepare_cached(
            "SELECT e.id, a.number, a.worker, a.plan, a.started, a.ended, a.outcome, a.reason, a.report
             FROM attempts a JOIN events e ON e.sequence = a.event
             WHERE e.pipeline = ?1 AND e.id = coalesce(?2, e.id) ORDER BY a.started DESC, a.number DESC LIMIT ?3",
        )?;
        let runs = statement.query_map(params![&*self.pipeline, event, limit], run)?;
        Ok(runs.collect::<Result<_, _>>()?)
    }

    /// How the events stand.
    pub fn counts(&self) -> Result<Counts, JournalError> {
        let reader = self.read();
        let mut statement =
            reader.prepare_cached("SELECT state, count(*), min(due) FROM events WHERE pipeline = ?1 GROUP BY state")?;
        let mut counts = Counts::default();
        let mut rows = statement.query([&*self.pipeline])?;
        while let Some(row) = rows.next()? {
            let (state, count): (String, i64) = (row.get(0)?, row.get(1)?);
            let count = count.unsigned_abs();
            match state.as_str() {
                "waiting" => (counts.waiting, counts.oldest) = (count, row.get(2)?),
                "running" => counts.running = count,
                "done" => counts.done = count,
                _ => counts.dead = count,
            }
        }
        let mut letters = reader.prepare_cached(
            "SELECT count(*) FROM letters l JOIN events e ON e.sequence = l.event WHERE e.pipeline = ?1",
        )?;
        counts.letters = letters.query_row([&*self.pipeline], |row| row.get::<_, i64>(0))?.unsigned_abs();
        Ok(counts)
    }

    /// When the next event is due, in microseconds since 1970-01-01T00:00:00Z: one that waits, or one whose lease will
    /// run out if nobody renews it; none if there is none.
    pub fn next_due(&self) -> Result<Option<i64>, JournalError> {
        let reader = self.read();
        let mut statement = reader.prepare_cached(
            "SELECT min(due) FROM (SELECT min(due) AS due FROM events WHERE pipeline = ?1 AND state = 'waiting'
             UNION ALL SELECT min(due) FROM events WHERE pipeline = ?1 AND state = 'running')",
        )?;
        Ok(statement.query_row([&*self.pipeline], |row| row.get(0))?)
    }

    /// The time of the last event that a trigger brought, in microseconds since 1970-01-01T00:00:00Z.
    pub fn last_of(&self, trigger: &str) -> Result<Option<i64>, JournalError> {
        let reader = self.read();
        let mut statement =
            reader.prepare_cached("SELECT max(time) FROM events WHERE pipeline = ?1 AND trigger = ?2")?;
        Ok(statement.query_row(params![&*self.pipeline, trigger], |row| row.get(0))?)
    }

    /// Whether an event that a trigger brought waits or runs.
    pub fn is_busy(&self, trigger: &str) -> Result<bool, JournalError> {
        let reader = self.read();
        let mut statement = reader.prepare_cached(
            "SELECT 1 FROM events WHERE pipeline = ?1 AND state IN ('waiting', 'running') AND trigger = ?2 LIMIT 1",
        )?;
        Ok(statement.exists(params![&*self.pipeline, trigger])?)
    }
}
