//! What ran, and how the journal stands.

use serde::Serialize;
use serde_json::value::RawValue;
use wasmill_runtime::event::{EventId, Object};
use wasmill_runtime::store::Location;

use crate::event::Sequence;
use crate::journal::{Journal, JournalError};
use crate::sql::{Db, Row, values};

/// Who works on events that were run without being accepted.
const BY_COMMAND: &str = "wasmill run";

/// How many of those are remembered: `wasmill run` is no service that would look after what is old.
const MOST_RUNS: i64 = 10_000;

/// The most that are recorded at once.
const AT_ONCE: usize = 1000;

/// An attempt at an event.
#[derive(Debug, Clone, Serialize)]
pub struct Run {
    /// The event.
    pub event: String,
    /// From 1 on; 0 if `wasmill run` made it.
    pub attempt: u32,
    /// Who worked on it.
    pub worker: String,
    /// The digest of what was done with it.
    pub plan: String,
    /// In microseconds since 1970-01-01T00:00:00Z.
    pub started: i64,
    /// None while it runs.
    pub ended: Option<i64>,
    /// `done`, `retried`, `dead`, `released` or `expired`, of `wasmill run` `done` or `failed`; none while it runs.
    pub outcome: Option<String>,
    /// Why it came to nothing.
    pub reason: Option<String>,
    /// What each step did.
    pub report: Option<Box<RawValue>>,
}

/// An event that was run without being accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRun {
    /// The event.
    pub event: EventId,
    /// The digest of what was done with it.
    pub plan: String,
    /// In microseconds since 1970-01-01T00:00:00Z.
    pub started: i64,
    /// In microseconds since 1970-01-01T00:00:00Z.
    pub ended: i64,
    /// What each step did, as JSON; or why it came to nothing.
    pub outcome: Result<String, String>,
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

/// An event that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Its place in the journal.
    pub sequence: Sequence,
    /// Its name.
    pub id: EventId,
    /// 0, or the number of the backfill that it is of.
    pub generation: u32,
    /// Its last attempt.
    pub attempt: u32,
    /// `done` or `dead`.
    pub outcome: String,
    /// When it ended, in microseconds since 1970-01-01T00:00:00Z.
    pub at: i64,
    /// When it happened, in microseconds since 1970-01-01T00:00:00Z.
    pub time: i64,
    /// What it was about.
    pub object: Object,
    /// What it was traced under.
    pub trace: Option<String>,
    /// Why it came to nothing.
    pub reason: Option<String>,
    /// What each step did, as JSON; none if it was forgotten by now.
    pub report: Option<String>,
}

fn ended(db: &dyn Db, mut row: Row) -> Result<Ended, JournalError> {
    let (size, changed) = (row.count(8)?, row.optional_integer(9)?);
    Ok(Ended {
        sequence: Sequence(row.integer(0)?),
        id: EventId::from(row.text(1)?),
        generation: row.small(2)?,
        attempt: row.small(3)?,
        outcome: row.text(4)?,
        at: row.integer(5)?.saturating_sub(db.skew()),
        time: row.integer(6)?,
        object: match row.optional_text(7)? {
            Some(path) => Object::Stored { location: Location::of(&path), size, changed },
            None => Object::Bytes(row.bytes(10)?.into()),
        },
        trace: row.optional_text(11)?,
        reason: row.optional_text(12)?,
        report: row.optional_text(13)?,
    })
}

fn run(db: &dyn Db, mut row: Row) -> Result<Run, JournalError> {
    let report = row.optional_text(8)?.map(RawValue::from_string).transpose();
    Ok(Run {
        event: row.text(0)?,
        attempt: row.small(1)?,
        worker: row.text(2)?,
        plan: row.text(3)?,
        started: row.integer(4)?.saturating_sub(db.skew()),
        ended: row.optional_integer(5)?.map(|ended| ended.saturating_sub(db.skew())),
        outcome: row.optional_text(6)?,
        reason: row.optional_text(7)?,
        report: report.map_err(|err| JournalError::Answer(format!("a report is not JSON: {err}")))?,
    })
}

impl Journal {
    /// The latest attempts, the last one first; of one event, if given.
    pub async fn runs(&self, event: Option<&str>, limit: u32) -> Result<Vec<Run>, JournalError> {
        let event = event.map(str::to_owned);
        self.read(move |db, pipeline| {
            let select = "SELECT e.id AS event, a.number AS attempt, a.worker, a.plan, a.started, a.ended, a.outcome, a.reason, a.report
                FROM attempts a JOIN events e ON e.sequence = a.event
                WHERE e.pipeline = $1 AND e.id = coalesce($2, e.id)
                UNION ALL
                SELECT r.event, CAST(0 AS BIGINT), CAST($4 AS TEXT), r.plan, r.started, r.ended, r.outcome, r.reason, r.report
                FROM runs r WHERE r.pipeline = $1 AND r.event = coalesce($2, r.event)
                ORDER BY started DESC, attempt DESC LIMIT $3";
            let rows = db.query(select, values![pipeline, event.as_deref(), limit, BY_COMMAND])?;
            rows.into_iter().map(|row| run(db, row)).collect()
        })
        .await
    }

    /// Records events that were run without being accepted. Only the last of all that were recorded so are remembered.
    pub async fn record_runs(&self, runs: Vec<NewRun>) -> Result<(), JournalError> {
        let mut runs = runs.into_iter().peekable();
        while runs.peek().is_some() {
            let some: Vec<NewRun> = runs.by_ref().take(AT_ONCE).collect();
            self.write_on_the_way("record-runs", move |db, pipeline| {
                for NewRun { event, plan, started, ended, outcome } in &some {
                    let insert = "INSERT INTO runs (pipeline, event, plan, started, ended, outcome, reason, report)
                        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
                    let (started, ended) = (started.saturating_add(db.skew()), ended.saturating_add(db.skew()));
                    let (name, reason, report) = match outcome {
                        Ok(report) => ("done", None, Some(report.as_str())),
                        Err(reason) => ("failed", Some(reason.as_str()), None),
                    };
                    let (event, plan) = (event.as_str(), plan.as_str());
                    db.execute(insert, values![pipeline, event, plan, started, ended, name, reason, report])?;
                }
                let forget = "DELETE FROM runs WHERE pipeline = $1 AND id <= (
                    SELECT r.id FROM runs r WHERE r.pipeline = $1 ORDER BY r.id DESC LIMIT 1 OFFSET $2)";
                db.execute(forget, values![pipeline, MOST_RUNS])?;
                Ok(())
            })
            .await?;
        }
        Ok(())
    }

    /// How the events stand.
    pub async fn counts(&self) -> Result<Counts, JournalError> {
        self.read(|db, pipeline| {
            let mut counts = Counts::default();
            let events = "SELECT state, count(*), min(due) FROM events WHERE pipeline = $1 GROUP BY state";
            for mut row in db.query(events, values![pipeline])? {
                let count = row.count(1)?;
                match row.text(0)?.as_str() {
                    "waiting" => {
                        counts.waiting = count;
                        counts.oldest = row.optional_integer(2)?.map(|due| due.saturating_sub(db.skew()));
                    }
                    "running" => counts.running = count,
                    "done" => counts.done = count,
                    _ => counts.dead = count,
                }
            }
            let letters = "SELECT count(*) FROM letters l JOIN events e ON e.sequence = l.event WHERE e.pipeline = $1";
            counts.letters = db.one(letters, values![pipeline])?.count(0)?;
            Ok(counts)
        })
        .await
    }

    /// When the next event is due, in microseconds since 1970-01-01T00:00:00Z: one that waits, or one whose lease will
    /// run out if nobody renews it; none if there is none.
    pub async fn next_due(&self) -> Result<Option<i64>, JournalError> {
        self.read(|db, pipeline| {
            let select =
                "SELECT min(due) FROM (SELECT min(due) AS due FROM events WHERE pipeline = $1 AND state = 'waiting'
                UNION ALL SELECT min(due) FROM events WHERE pipeline = $1 AND state = 'running') AS each_state";
            let due = db.one(select, values![pipeline])?.optional_integer(0)?;
            Ok(due.map(|due| due.saturating_sub(db.skew())))
        })
        .await
    }

    /// The time of the last event that a trigger brought, in microseconds since 1970-01-01T00:00:00Z.
    pub async fn last_of(&self, trigger: &str) -> Result<Option<i64>, JournalError> {
        let trigger = trigger.to_owned();
        self.read(move |db, pipeline| {
            let select = "SELECT max(time) FROM events WHERE pipeline = $1 AND trigger = $2";
            db.one(select, values![pipeline, trigger.as_str()])?.optional_integer(0)
        })
        .await
    }

    /// When the last event was accepted that a trigger brought, in microseconds since 1970-01-01T00:00:00Z.
    pub async fn last_accepted(&self, trigger: &str) -> Result<Option<i64>, JournalError> {
        let trigger = trigger.to_owned();
        self.read(move |db, pipeline| {
            let select = "SELECT max(accepted) FROM events WHERE pipeline = $1 AND trigger = $2";
            let accepted = db.one(select, values![pipeline, trigger.as_str()])?.optional_integer(0)?;
            Ok(accepted.map(|accepted| accepted.saturating_sub(db.skew())))
        })
        .await
    }

    /// Events that ended, done or dead, from `since` on, and after the one of `after` of those that ended then: at most so
    /// many, in the order in which they ended.
    pub async fn ended(&self, since: i64, after: Sequence, limit: u32) -> Result<Vec<Ended>, JournalError> {
        self.read(move |db, pipeline| {
            let select = "SELECT e.sequence, e.id, e.generation, e.attempts, e.state, e.due, e.time, e.path, e.size, e.changed, e.body,
                    e.trace, a.reason, a.report
                FROM events e LEFT JOIN attempts a ON a.event = e.sequence AND a.number = e.attempts
                WHERE e.pipeline = $1 AND e.state IN ('done', 'dead') AND (e.due > $2 OR e.due = $2 AND e.sequence > $3)
                ORDER BY e.due, e.sequence LIMIT $4";
            let since = since.saturating_add(db.skew());
            let rows = db.query(select, values![pipeline, since, after.0, limit])?;
            rows.into_iter().map(|row| ended(db, row)).collect()
        })
        .await
    }

    /// Whether an event that a trigger brought waits or runs.
    pub async fn is_busy(&self, trigger: &str) -> Result<bool, JournalError> {
        let trigger = trigger.to_owned();
        self.read(move |db, pipeline| {
            let select = "SELECT sequence FROM events WHERE pipeline = $1 AND state IN ('waiting', 'running') AND trigger = $2 LIMIT 1";
            Ok(db.first(select, values![pipeline, trigger.as_str()])?.is_some())
        })
        .await
    }
}
