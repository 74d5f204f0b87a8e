//! Dead letters: rows and events that nothing came of, with the reason, until someone has mended it.

use rusqlite::{OptionalExtension, Row, Transaction, params};
use serde::Serialize;

use crate::event::Sequence;
use crate::journal::{Journal, JournalError};

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

const SELECT: &str = "SELECT l.id, e.id, e.path, l.attempt, l.at, l.step, l.row, l.reason, l.raw
    FROM letters l JOIN events e ON e.sequence = l.event WHERE e.pipeline = ?1";

fn dead_letter(row: &Row<'_>) -> rusqlite::Result<DeadLetter> {
    Ok(DeadLetter {
        id: row.get(0)?,
        event: row.get(1)?,
        object: row.get(2)?,
        attempt: row.get(3)?,
        at: row.get(4)?,
        step: row.get(5)?,
        row: u64::try_from(row.get::<_, i64>(6)?).ok(),
        reason: row.get(7)?,
        raw: row.get(8)?,
    })
}

/// Keeps a letter, in the place of one about the same.
pub(crate) fn write(
    transaction: &Transaction<'_>,
    sequence: Sequence,
    attempt: u32,
    letter: &Letter,
    now: i64,
) -> Result<(), JournalError> {
    let Letter { step, row, reason, raw } = letter;
    let row = row.map_or(WHOLE_EVENT, |row| i64::try_from(row).unwrap_or(i64::MAX));
    let mut statement = transaction.prepare_cached(
        "INSERT INTO letters (event, attempt, pass, at, step, row, reason, raw)
         SELECT ?1, ?2, pass, ?3, ?4, ?5, ?6, ?7 FROM events WHERE sequence = ?1
         ON CONFLICT (event, step, row) DO UPDATE SET attempt = ?2, pass = excluded.pass, at = ?3, reason = ?6, raw = ?7",
    )?;
    statement.execute(params![sequence.0, attempt, now, step, row, reason, raw])?;
    Ok(())
}

/// Keeps a letter about an event as a whole, in the place of one that was there.
pub(crate) fn write_event(
    transaction: &Transaction<'_>,
    sequence: Sequence,
    attempt: u32,
    letter: &Letter,
    now: i64,
) -> Result<(), JournalError> {
    let mut statement = transaction.prepare_cached("DELETE FROM letters WHERE event = ?1 AND row = ?2")?;
    statement.execute(params![sequence.0, WHOLE_EVENT])?;
    write(transaction, sequence, attempt, letter, now)
}

/// Forgets what an event that is done was a dead letter for, and rows that a pass before the last rejected.
pub(crate) fn forget_mended(transaction: &Transaction<'_>, sequence: Sequence) -> Result<(), JournalError> {
    let mut statement = transaction.prepare_cached(
        "DELETE FROM letters WHERE event = ?1 AND (row = ?2 OR pass < (SELECT pass FROM events WHERE sequence = ?1))",
    )?;
    statement.execute(params![sequence.0, WHOLE_EVENT])?;
    Ok(())
}

impl Journal {
    /// The oldest dead letters.
    pub fn letters(&self, limit: u32) -> Result<Vec<DeadLetter>, JournalError> {
        let reader = self.read();
        let mut statement = reader.prepare_cached(&format!("{SELECT} ORDER BY l.id LIMIT ?2"))?;
        let letters = statement.query_map(params![&*self.pipeline, limit], dead_letter)?;
        Ok(letters.collect::<Result<_, _>>()?)
    }

    /// A dead letter.
    pub fn letter(&self, id: i64) -> Result<Option<DeadLetter>, JournalError> {
        let reader = self.read();
        let mut statement = reader.prepare_cached(&format!("{SELECT} AND l.id = ?2"))?;
        Ok(statement.query_row(params![&*self.pipeline, id], dead_letter).optional()?)
    }

    /// Makes the events of these dead letters due once more, all of each event's rows: what had its effects before has
    /// none again. The dead letters stay until an attempt shows that they are well. How many events that is.
    pub async fn replay(&self, ids: Vec<i64>, now: i64) -> Result<u64, JournalError> {
        self.write("replay", move |transaction, pipeline| {
            // An event that waits or runs is on its way already.
            let mut replay = transaction.prepare_cached(
                "UPDATE events SET state = 'waiting', due = ?3, since = ?3, faults = 0, deaths = 0, pass = pass + 1, chunks = 0
                 WHERE pipeline = ?1 AND sequence = (SELECT event FROM letters WHERE id = ?2) AND state IN ('done', 'dead')",
            )?;
            let mut events = 0;
            for id in ids {
                events += replay.execute(params![pipeline, id, now])? as u64;
            }
            Ok(events)
        })
        .await
    }

    /// Forgets these dead letters; how many there were.
    pub async fn drop_letters(&self, ids: Vec<i64>) -> Result<u64, JournalError> {
        self.write("drop", move |transaction, pipeline| {
            let mut forget = transaction.prepare_cached(
                "DELETE FROM letters WHERE id = ?2 AND event IN (SELECT sequence FROM events WHERE pipeline = ?1)",
            )?;
            let mut letters = 0;
            for id in ids {
                letters += forget.execute(params![pipeline, id])? as u64;
            }
            Ok(letters)
        })
        .await
    }
}
