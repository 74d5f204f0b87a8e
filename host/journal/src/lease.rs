//! Leases: who works on an event, and for how long nobody else does.

use wasmill_runtime::event::{EventId, Object};
use wasmill_runtime::store::Location;

use crate::event::Sequence;
use crate::journal::JournalError;
use crate::sql::{Db, values};
use crate::staging::Origin;

/// The longest that anything is put off, apart from leases: the longest wait before another attempt, and some more.
const LONGEST_WAIT: i64 = 2 * 60 * 1_000_000;

/// Who works, on what terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// Names the worker in the history.
    pub worker: String,
    /// The digest of what it does with an event.
    pub plan: String,
    /// How long a lease holds after it was given or renewed, in microseconds.
    pub lease: i64,
    /// How many attempts may end with their worker before the event is a dead letter. That an event is to blame for it is
    /// unlikely, so these are more than may end in a fault.
    pub most_deaths: u32,
}

/// An event, and the right to work on it. It is lost once it has run out and another worker took the event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The event's place in the journal.
    pub sequence: Sequence,
    /// The event.
    pub id: EventId,
    /// 0, or the number of the backfill that it is of.
    pub generation: u32,
    /// When it happened, in microseconds since 1970-01-01T00:00:00Z.
    pub time: i64,
    /// What it is about.
    pub object: Object,
    /// The number of the attempt, from 1 on; of all leases of the event it names this one.
    pub attempt: u32,
    /// How many chunks have had all their effects in attempts before, by the same plan.
    pub chunks: u64,
    /// Since when the event is tried, in microseconds since 1970-01-01T00:00:00Z: when it was accepted, or replayed.
    pub since: i64,
    /// What the attempt is traced under, as `traceparent` of W3C's Trace Context has it.
    pub trace: Option<String>,
}

impl Lease {
    /// The event, as that which rows are of.
    pub fn origin(&self) -> Origin {
        Origin {
            event: self.id.clone(),
            generation: self.generation,
            time: self.time,
            is_kept: matches!(self.object, Object::Stored { .. }),
        }
    }
}

/// Which events may be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Running,
    Waiting,
    /// Waiting, of a backfill.
    Backfill,
}

/// An event that can be taken.
pub(crate) struct Due {
    pub sequence: Sequence,
    pub attempt: u32,
    pub deaths: u32,
    pub size: i64,
}

/// The events of a state that are due. Nothing is put off for longer than a lease or a wait, so what is further ahead was
/// put off before the clock was set back, and is due as well.
pub(crate) fn due(
    db: &mut dyn Db,
    pipeline: &str,
    state: State,
    terms: &Terms,
    limit: usize,
    now: i64,
) -> Result<Vec<Due>, JournalError> {
    let sql = match state {
        State::Running => [
            "SELECT sequence, attempts, deaths, size FROM events WHERE pipeline = $1 AND state = 'running'
             AND due <= $2 ORDER BY due, sequence LIMIT $3 FOR UPDATE SKIP LOCKED",
            "SELECT sequence, attempts, deaths, size FROM events WHERE pipeline = $1 AND state = 'running'
             AND due > $2 ORDER BY due, sequence LIMIT $3 FOR UPDATE SKIP LOCKED",
        ],
        State::Waiting => [
            "SELECT sequence, attempts, deaths, size FROM events WHERE pipeline = $1 AND state = 'waiting' AND generation = 0
             AND due <= $2 ORDER BY due, sequence LIMIT $3 FOR UPDATE SKIP LOCKED",
            "SELECT sequence, attempts, deaths, size FROM events WHERE pipeline = $1 AND state = 'waiting' AND generation = 0
             AND due > $2 ORDER BY due, sequence LIMIT $3 FOR UPDATE SKIP LOCKED",
        ],
        State::Backfill => [
            "SELECT sequence, attempts, deaths, size FROM events WHERE pipeline = $1 AND state = 'waiting' AND generation > 0
             AND due <= $2 ORDER BY due, sequence LIMIT $3 FOR UPDATE SKIP LOCKED",
            "SELECT sequence, attempts, deaths, size FROM events WHERE pipeline = $1 AND state = 'waiting' AND generation > 0
             AND due > $2 ORDER BY due, sequence LIMIT $3 FOR UPDATE SKIP LOCKED",
        ],
    };
    let mut found = Vec::new();
    let horizon = now.saturating_add(LONGEST_WAIT.max(terms.lease.saturating_mul(2)));
    for (sql, time) in sql.into_iter().zip([now, horizon]) {
        let left = i64::try_from(limit.saturating_sub(found.len())).unwrap_or(i64::MAX);
        if left == 0 {
            break;
        }
        for mut row in db.query(sql, values![pipeline, time, left])? {
            found.push(Due {
                sequence: Sequence(row.integer(0)?),
                attempt: row.small(1)?,
                deaths: row.small(2)?,
                size: row.integer(3)?,
            });
        }
    }
    Ok(found)
}

/// Gives an event to a worker.
pub(crate) fn give(
    db: &mut dyn Db,
    sequence: Sequence,
    deaths: u32,
    terms: &Terms,
    now: i64,
) -> Result<Lease, JournalError> {
    let take = "UPDATE events SET state = 'running', due = $2, attempts = attempts + 1, deaths = $3,
            chunks = CASE WHEN plan = $4 THEN chunks ELSE 0 END, pass = CASE WHEN plan = $4 THEN pass ELSE pass + 1 END, plan = $4
        WHERE sequence = $1 RETURNING id, time, path, size, body, attempts, chunks, since, changed, trace, generation";
    let until = now.saturating_add(terms.lease);
    let mut row = db.one(take, values![sequence.0, until, deaths, terms.plan.as_str()])?;
    let lease = Lease {
        sequence,
        id: EventId::from(row.text(0)?),
        time: row.integer(1)?,
        object: match row.optional_text(2)? {
            Some(path) => {
                Object::Stored { location: Location::of(&path), size: row.count(3)?, changed: row.optional_integer(8)? }
            }
            None => Object::Bytes(row.bytes(4)?.into()),
        },
        attempt: row.small(5)?,
        chunks: row.count(6)?,
        since: row.integer(7)?.saturating_sub(db.skew()),
        trace: row.optional_text(9)?,
        generation: row.small(10)?,
    };
    let begin = "INSERT INTO attempts (event, number, worker, plan, started) VALUES ($1, $2, $3, $4, $5)";
    db.execute(begin, values![sequence.0, lease.attempt, terms.worker.as_str(), terms.plan.as_str(), now])?;
    Ok(lease)
}
