//! Deposits: what became of events that a broker delivers, as far as it must be kept. The broker has the truth about such
//! an event until it is acknowledged; before that, what nothing came of is put into the journal.

use crate::event::{NewEvent, Sequence};
use crate::journal::{Journal, JournalError, Reason, Stored, bury, end_attempt, set_state};
use crate::letters::{self, Letter};
use crate::sql::{Db, values};

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
        self.write("deposit", move |db, pipeline| {
            let Some(sequence) = place(db, pipeline, &deposit, now)? else { return Ok(()) };
            let (now, started) = (now.saturating_add(db.skew()), deposit.started.saturating_add(db.skew()));
            let Deposit { attempt, worker, plan, remains, .. } = &deposit;
            let begin = "INSERT INTO attempts (event, number, worker, plan, started) VALUES ($1, $2, $3, $4, $5)
                ON CONFLICT (event, number) DO UPDATE
                SET worker = excluded.worker, plan = excluded.plan, started = excluded.started";
            db.execute(begin, values![sequence.0, *attempt, worker.as_str(), plan.as_str(), started])?;
            match remains {
                Remains::Dead(reason) => {
                    end_attempt(db, sequence, *attempt, "dead", Some(&reason.text), None, now)?;
                    bury(db, sequence, *attempt, reason, now)
                }
                Remains::Done { letters, report } => {
                    letters.iter().try_for_each(|letter| letters::write(db, sequence, *attempt, letter, now))?;
                    letters::forget_mended(db, sequence)?;
                    end_attempt(db, sequence, *attempt, "done", None, Some(report), now)?;
                    set_state(db, sequence, "done", now)
                }
            }
        })
        .await
    }
}

/// The event's place, which it gets now if it has none; none if it waits or runs, or there is nothing to keep.
fn place(db: &mut dyn Db, pipeline: &str, deposit: &Deposit, now: i64) -> Result<Option<Sequence>, JournalError> {
    let now = now.saturating_add(db.skew());
    let NewEvent { id, generation, trigger, time, object, trace } = &deposit.event;
    let Stored { path, size, changed, body } = Stored::of(object);
    if matches!(&deposit.remains, Remains::Done { letters, .. } if letters.is_empty()) {
        let known = "SELECT sequence FROM events WHERE pipeline = $1 AND id = $2 AND generation = $3";
        if db.first(known, values![pipeline, id.as_str(), *generation])?.is_none() {
            return Ok(None);
        }
    }
    // Whichever state it is put into here, the caller sets the right one. A replay goes on counting from this attempt.
    let insert = "INSERT INTO events (pipeline, id, generation, trigger, time, accepted, path, size, changed, body, state, due, since,
            attempts, plan, trace)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'dead', $6, $6, $11, $12, $13)
        ON CONFLICT (pipeline, id, generation) DO UPDATE
            SET attempts = GREATEST(events.attempts, excluded.attempts), pass = events.pass + 1
            WHERE events.state IN ('done', 'dead')
        RETURNING sequence";
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
        deposit.attempt,
        deposit.plan.as_str(),
        trace.as_deref(),
    ];
    db.first(insert, values)?.map(|mut row| row.integer(0).map(Sequence)).transpose()
}
