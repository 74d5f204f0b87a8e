//! Dead letters: rows and events that nothing came of, with the reason, until someone has mended it.

use serde::Serialize;

use crate::event::Sequence;
use crate::journal::{Journal, JournalError};
use crate::sql::{Db, Row, values};

/// In the place of a row's number: the event as a whole.
const WHOLE_EVENT: i64 = -1;

/// What is recorded of a row that was rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// The step that rejected it.
    pub step: String,
    /// Its number in the object; none: the event as a whole.
    pub row: Option<u64>,
    /// Why.
    pub reason: String,
    /// The row as text, bounded; none if there is none.
    pub raw: Option<String>,
}

/// A dead letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeadLetter {
    /// Names it in its journal.
    pub id: i64,
    /// The event.
    pub event: String,
    /// 0, or the number of the backfill that the event is of.
    pub generation: u32,
    /// What the event brought: an object's path; none if it brought the data itself.
    pub object: Option<String>,
    /// The attempt that it comes from.
    pub attempt: u32,
    /// Since when it is there, in microseconds since 1970-01-01T00:00:00Z.
    pub at: i64,
    /// The step; empty if it was none.
    pub step: String,
    /// The row's number in the object; none: the event as a whole.
    pub row: Option<u64>,
    /// Why.
    pub reason: String,
    /// The row as text, bounded.
    pub raw: Option<String>,
}

fn dead_letter(db: &dyn Db, mut row: Row) -> Result<DeadLetter, JournalError> {
    Ok(DeadLetter {
        id: row.integer(0)?,
        event: row.text(1)?,
        generation: row.small(9)?,
        object: row.optional_text(2)?,
        attempt: row.small(3)?,
        at: row.integer(4)?.saturating_sub(db.skew()),
        step: row.text(5)?,
        row: u64::try_from(row.integer(6)?).ok(),
        reason: row.text(7)?,
        raw: row.optional_text(8)?,
    })
}

/// Keeps a letter, in the place of one about the same.
pub(crate) fn write(
    db: &mut dyn Db,
    sequence: Sequence,
    attempt: u32,
    letter: &Letter,
    now: i64,
) -> Result<(), JournalError> {
    let Letter { step, row, reason, raw } = letter;
    let row = row.map_or(WHOLE_EVENT, |row| i64::try_from(row).unwrap_or(i64::MAX));
    let insert = "INSERT INTO letters (event, attempt, pass, at, step, row, reason, raw)
        SELECT $1, $2, pass, $3, $4, $5, $6, $7 FROM events WHERE sequence = $1
        ON CONFLICT (event, step, row) DO UPDATE SET attempt = excluded.attempt, pass = excluded.pass, at = excluded.at,
            reason = excluded.reason, raw = excluded.raw";
    db.execute(insert, values![sequence.0, attempt, now, step.as_str(), row, reason.as_str(), raw.as_deref()])?;
    Ok(())
}

/// Keeps a letter about an event as a whole, in the place of one that was there.
pub(crate) fn write_event(
    db: &mut dyn Db,
    sequence: Sequence,
    attempt: u32,
    letter: &Letter,
    now: i64,
) -> Result<(), JournalError> {
    db.execute("DELETE FROM letters WHERE event = $1 AND row = $2", values![sequence.0, WHOLE_EVENT])?;
    write(db, sequence, attempt, letter, now)
}

/// Forgets what an event that is done was a dead letter for, and rows that a pass before the last rejected.
pub(crate) fn forget_mended(db: &mut dyn Db, sequence: Sequence) -> Result<(), JournalError> {
    let forget = "DELETE FROM letters WHERE event = $1
        AND (row = $2 OR pass < (SELECT pass FROM events WHERE sequence = $1))";
    db.execute(forget, values![sequence.0, WHOLE_EVENT])?;
    Ok(())
}

impl Journal {
    /// The oldest dead letters.
    pub async fn letters(&self, limit: u32) -> Result<Vec<DeadLetter>, JournalError> {
        self.read(move |db, pipeline| {
            let select = "SELECT l.id, e.id, e.path, l.attempt, l.at, l.step, l.row, l.reason, l.raw, e.generation
                FROM letters l JOIN events e ON e.sequence = l.event WHERE e.pipeline = $1 ORDER BY l.id LIMIT $2";
            let rows = db.query(select, values![pipeline, limit])?;
            rows.into_iter().map(|row| dead_letter(db, row)).collect()
        })
        .await
    }

    /// A dead letter.
    pub async fn letter(&self, id: i64) -> Result<Option<DeadLetter>, JournalError> {
        self.read(move |db, pipeline| {
            let select = "SELECT l.id, e.id, e.path, l.attempt, l.at, l.step, l.row, l.reason, l.raw, e.generation
                FROM letters l JOIN events e ON e.sequence = l.event WHERE e.pipeline = $1 AND l.id = $2";
            let row = db.first(select, values![pipeline, id])?;
            row.map(|row| dead_letter(db, row)).transpose()
        })
        .await
    }

    /// Makes the events of these dead letters due once more, all of each event's rows: what had its effects before has
    /// none again. The dead letters stay until an attempt shows that they are well. How many events that is.
    pub async fn replay(&self, ids: Vec<i64>, now: i64) -> Result<u64, JournalError> {
        self.write("replay", move |db, pipeline| {
            let now = now.saturating_add(db.skew());
            // An event that waits or runs is on its way already.
            let replay = "UPDATE events SET state = 'waiting', due = $3, since = $3, faults = 0, deaths = 0, pass = pass + 1, chunks = 0
                WHERE pipeline = $1 AND sequence = (SELECT event FROM letters WHERE id = $2) AND state IN ('done', 'dead')";
            let mut events = 0;
            for id in ids {
                events += db.execute(replay, values![pipeline, id, now])?;
            }
            Ok(events)
        })
        .await
    }

    /// Forgets these dead letters; how many there were.
    pub async fn drop_letters(&self, ids: Vec<i64>) -> Result<u64, JournalError> {
        self.write("drop", move |db, pipeline| {
            let forget =
                "DELETE FROM letters WHERE id = $2 AND event IN (SELECT sequence FROM events WHERE pipeline = $1)";
            let mut letters = 0;
            for id in ids {
                letters += db.execute(forget, values![pipeline, id])?;
            }
            Ok(letters)
        })
        .await
    }
}
