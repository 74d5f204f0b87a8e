//! Deposits: what became of events that a broker delivers, as far as it must be kept. The broker has the truth about such
//! an event until it is acknowledged; before that, what nothing came of is put into the journal.

use rusqlite::{OptionalExtension, Transaction, params};
use wasmill_runtime::event::Object;

use crate::event::{NewEvent, Sequence};
use crate::journal::{Journal, JournalError, Reason, bury, end_attempt, set_state};
use crate::letters::{self, Letter};

/// What became of an attempt at an event that a broker delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deposit {
    /// The event.
    pub event: NewEvent,
    /// The attempt: how often the broker had delivered the event by then.
    pub attempt: u32,
    /// Who worked on it.
    pub worker: String,
    /// The digest of what was done with it.
    pub plan: String,
    /// When the attempt began, in microseconds since 1970-01-01T00:00:00Z.
    pub started: i64,
    /// What is kept.
    pub remains: Remains,
}

/// What is kept of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remains {
    /// It is a dead letter.
    Dead(Reason),
    /// It had all its effects, but for rows that were rejected. If there are none, and nothing is kept of the event, then
    /// nothing will be.
    Done {
        /// The rows.
        letters: Vec<Letter>,
        /// What each step did, as JSON.
        report: String,
    },
}

impl Journal {
    /// Keeps what became of an event whose truth is a broker's acknowledgement: to be called after its effects are durable,
    /// and before it is acknowledged. Once more for the same event is as good as once, for the broker may deliver it again.
    /// An event that is being replayed from here is left alone: its own attempt will tell.
    pub async fn deposit(&self, deposit: Deposit, now: i64) -> Result<(), JournalError> {
        self.write("deposit", move |transaction, pipeline| {
            let Some(sequence) = place(transaction, pipeline, &deposit, now)? else { return Ok(()) };
            let Deposit { attempt, worker, plan, started, remains, .. } = &deposit;
            let mut begin = transaction.prepare_cached(
                "INSERT INTO attempts (event, number, worker, plan, started) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (event, number) DO UPDATE SET worker = ?3, plan = ?4, started = ?5",
            )?;
            begin.execute(params![sequence.0, attempt, worker, plan, started])?;
            match remains {
                Remains::Dead(reason) => {
                    end_attempt(transaction, sequence, *attempt, "dead", Some(&reason.text), None, now)?;
                    bury(transaction, sequence, *attempt, reason, now)
                }
                Remains::Done { letters, report } => {
                    letters
                        .iter()
                        .try_for_each(|letter| letters::write(transaction, sequence, *attempt, letter, now))?;
                    letters::forget_mended(transaction, sequence)?;
                    end_attempt(transaction, sequence, *attempt, "done", None, Some(report), now)?;
                    set_state(transaction, sequence, "done", now)
                }
            }
        })
        .await
    }
}

/// The event's place, which it gets now if it has none; none if it waits or runs, or there is nothing to keep.
fn place(
    transaction: &Transaction<'_>,
    pipeline: &str,
    deposit: &Deposit,
    now: i64,
) -> Result<Option<Sequence>, JournalError> {
    let NewEvent { id, generation, trigger, time, object } = &deposit.event;
    let (path, changed, body) = match object {
        Object::File { path, changed, .. } => (Some(path.to_string_lossy()), *changed, None),
        Object::Bytes(bytes) => (None, None, Some(&**bytes)),
    };
    let size = i64::try_from(object.size()).unwrap_or(i64::MAX);
    if matches!(&deposit.remains, Remains::Done { letters, .. } if letters.is_empty()) {
        let known = "SELECT 1 FROM events WHERE pipeline = ?1 AND id = ?2 AND generation = ?3";
        if !transaction.prepare_cached(known)?.exists(params![pipeline, id.as_str(), generation])? {
            return Ok(None);
        }
    }
    // Whichever state it is put into here, the caller sets the right one. A replay goes on counting from this attempt.
    let mut insert = transaction.prepare_cached(
        "INSERT INTO events (pipeline, id, generation, trigger, time, accepted, path, size, changed, body, state, due, since,
             attempts, plan)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 'dead', ?6, ?6, ?11, ?12)
         ON CONFLICT (pipeline, id, generation) DO UPDATE SET attempts = max(attempts, excluded.attempts), pass = pass + 1
             WHERE state IN ('done', 'dead')
         RETURNING sequence",
    )?;
    let values = params![
        pipeline,
        id.as_str(),
        generation,
        trigger,
        time,
        now,
        path,
        size,
        changed,
        body,
        deposit.attempt,
        deposit.plan
    ];
    Ok(insert.query_row(values, |row| row.get(0)).optional()?.map(Sequence))
}
