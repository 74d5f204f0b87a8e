//! Backfills: objects that are run once more, or later than they were there, beside what just happens.

use serde::Serialize;

use crate::event::{NewEvent, Sequence};
use crate::journal::{Journal, JournalError, Reason, accept, bury, end_attempt};
use crate::sql::{Db, Row, values};

/// A backfill, and how its events stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Backfill {
    /// Names it in its journal, from 1 on; all its events are of this generation.
    pub generation: u32,
    /// What was asked for, in words.
    pub what: String,
    /// When, in microseconds since 1970-01-01T00:00:00Z.
    pub began: i64,
    /// When it was cancelled, if it was.
    pub cancelled: Option<i64>,
    /// Events that wait.
    pub waiting: u64,
    /// Events that a worker has.
    pub running: u64,
    /// Events that had all their effects.
    pub done: u64,
    /// Events that are dead letters.
    pub dead: u64,
}

impl Journal {
    /// Begins a backfill of these events, whose generation it sets: all of them are accepted, or none. Its generation.
    pub async fn begin_backfill(&self, what: String, mut events: Vec<NewEvent>, now: i64) -> Result<u32, JournalError> {
        self.write("backfill", move |db, pipeline| {
            db.lock(&format!("{pipeline}/backfills"))?;
            let next = "SELECT coalesce(max(generation), 0) + 1 FROM backfills WHERE pipeline = $1";
            let generation = db.one(next, values![pipeline])?.small(0)?;
            let insert = "INSERT INTO backfills (pipeline, generation, what, began) VALUES ($1, $2, $3, $4)";
            let began = now.saturating_add(db.skew());
            db.execute(insert, values![pipeline, generation, what.as_str(), began])?;
            for event in &mut events {
                event.generation = generation;
                accept(db, pipeline, event, now)?;
            }
            Ok(generation)
        })
        .await
    }

    /// All backfills, the last one first.
    pub async fn backfills(&self) -> Result<Vec<Backfill>, JournalError> {
        self.read(|db, pipeline| {
            let select = "SELECT b.generation, b.what, b.began, b.cancelled,
                    count(CASE WHEN e.state = 'waiting' THEN 1 END), count(CASE WHEN e.state = 'running' THEN 1 END),
                    count(CASE WHEN e.state = 'done' THEN 1 END), count(CASE WHEN e.state = 'dead' THEN 1 END)
                FROM backfills b LEFT JOIN events e ON e.pipeline = b.pipeline AND e.generation = b.generation
                WHERE b.pipeline = $1 GROUP BY b.generation, b.what, b.began, b.cancelled ORDER BY b.generation DESC";
            let skew = db.skew();
            let rows = db.query(select, values![pipeline])?;
            let backfill = |mut row: Row| {
                Ok(Backfill {
                    generation: row.small(0)?,
                    what: row.text(1)?,
                    began: row.integer(2)?.saturating_sub(skew),
                    cancelled: row.optional_integer(3)?.map(|time| time.saturating_sub(skew)),
                    waiting: row.count(4)?,
                    running: row.count(5)?,
                    done: row.count(6)?,
                    dead: row.count(7)?,
                })
            };
            rows.into_iter().map(backfill).collect()
        })
        .await
    }

    /// Cancels a backfill: its events that no worker has had are forgotten, and those that wait for another attempt or run
    /// become dead letters. What had its effects keeps them. Whether there is such a backfill.
    pub async fn cancel_backfill(&self, generation: u32, now: i64) -> Result<bool, JournalError> {
        self.write("cancel", move |db, pipeline| {
            let time = now.saturating_add(db.skew());
            let update =
                "UPDATE backfills SET cancelled = coalesce(cancelled, $3) WHERE pipeline = $1 AND generation = $2";
            if db.execute(update, values![pipeline, generation, time])? == 0 {
                return Ok(false);
            }
            let forget =
                "DELETE FROM events WHERE pipeline = $1 AND generation = $2 AND state = 'waiting' AND attempts = 0
                    AND NOT EXISTS (SELECT 1 FROM letters l WHERE l.event = events.sequence)";
            db.execute(forget, values![pipeline, generation])?;
            let begun = "SELECT sequence, attempts FROM events
                WHERE pipeline = $1 AND generation = $2 AND state IN ('waiting', 'running') FOR UPDATE";
            for mut row in db.query(begun, values![pipeline, generation])? {
                cancel(db, Sequence(row.integer(0)?), row.small(1)?, time)?;
            }
            Ok(true)
        })
        .await
    }

    /// Cancels an event that waits or runs: it becomes a dead letter, which can be replayed. Its worker, if one has it,
    /// gives it up when it next tells how far it is; what had its effects by then keeps them. Whether there was one.
    pub async fn cancel(&self, event: &str, now: i64) -> Result<bool, JournalError> {
        let event = event.to_owned();
        self.write("cancel", move |db, pipeline| {
            let time = now.saturating_add(db.skew());
            let found = "SELECT sequence, attempts FROM events
                WHERE pipeline = $1 AND id = $2 AND state IN ('waiting', 'running') FOR UPDATE";
            let found = db.query(found, values![pipeline, event.as_str()])?;
            let any = !found.is_empty();
            for mut row in found {
                cancel(db, Sequence(row.integer(0)?), row.small(1)?, time)?;
            }
            Ok(any)
        })
        .await
    }
}

fn cancel(db: &mut dyn Db, sequence: Sequence, attempt: u32, time: i64) -> Result<(), JournalError> {
    let reason = Reason { step: String::new(), text: "it was cancelled".into() };
    let running = "SELECT number FROM attempts WHERE event = $1 AND number = $2 AND ended IS NULL";
    if db.first(running, values![sequence.0, attempt])?.is_some() {
        end_attempt(db, sequence, attempt, "dead", Some(&reason.text), None, time)?;
    }
    bury(db, sequence, attempt, &reason, time)
}
