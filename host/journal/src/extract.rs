//! How far tables were read, and what was read last.
//!
//! One at a time reads a table. What was read is recorded together with how far, and its event is accepted after: who dies in
//! between leaves an object that whoever comes next takes.

use wasmill_runtime::event::{Event, EventId, Object};
use wasmill_runtime::manifest::Id;
use wasmill_runtime::store::Location;

use crate::event::{Accepted, NewEvent};
use crate::journal::{Journal, JournalError, accept};
use crate::sql::{Db, values};

/// What is to be done with a table.
#[derive(Debug, Clone)]
pub enum Turn {
    /// Read it.
    Read(Reading),
    /// What was read last is to be accepted first.
    Pending(Event),
    /// Nothing: it was read a moment ago.
    NotDue,
    /// Nothing: somebody else reads it.
    Held,
}

/// Somebody's turn to read a table.
#[derive(Debug, Clone)]
pub struct Reading {
    /// How far it was read, in the words of whoever did.
    pub state: Option<String>,
    number: i64,
}

impl Journal {
    /// Begins to read a table, if it was not read for as long as `every`; nobody else does for as long as `lease`. Both are
    /// microseconds.
    pub async fn begin_extract(&self, extract: &Id, every: i64, lease: i64, now: i64) -> Result<Turn, JournalError> {
        let extract = extract.clone();
        self.write("begin-extract", move |db, pipeline| {
            let (extract, now) = (extract.as_str(), now.saturating_add(db.skew()));
            let insert = "INSERT INTO extracts (pipeline, extract) VALUES ($1, $2) ON CONFLICT DO NOTHING";
            db.execute(insert, values![pipeline, extract])?;
            let known = "SELECT state, at, until, number, event, path, size, changed FROM extracts
                WHERE pipeline = $1 AND extract = $2 FOR UPDATE";
            let mut row = db.one(known, values![pipeline, extract])?;
            if let (Some(id), Some(path)) = (row.optional_text(4)?, row.optional_text(5)?) {
                let (size, changed) = (row.count(6)?, row.integer(7)?);
                let object = Object::Stored { location: Location::of(&path), size, changed: Some(changed) };
                return Ok(Turn::Pending(Event { id: EventId::from(id), time: changed, attempt: 1, object }));
            }
            let (state, at, until, number) = (row.optional_text(0)?, row.integer(1)?, row.integer(2)?, row.integer(3)?);
            // What is further ahead than it can be was set before a clock was set back.
            if until > now && until <= now.saturating_add(lease) {
                return Ok(Turn::Held);
            }
            if at.saturating_add(every) > now && at <= now {
                return Ok(Turn::NotDue);
            }
            let number = number + 1;
            let begin = "UPDATE extracts SET until = $3, number = $4 WHERE pipeline = $1 AND extract = $2";
            db.execute(begin, values![pipeline, extract, now.saturating_add(lease), number])?;
            Ok(Turn::Read(Reading { state, number }))
        })
        .await
    }

    /// Keeps others from reading for as long as `lease` from now on, in microseconds; 0 lets them.
    pub async fn hold_extract(
        &self,
        extract: &Id,
        reading: &Reading,
        lease: i64,
        now: i64,
    ) -> Result<(), JournalError> {
        let (extract, number) = (extract.clone(), reading.number);
        self.write("hold-extract", move |db, pipeline| {
            let until = now.saturating_add(db.skew()).saturating_add(lease);
            let hold = "UPDATE extracts SET until = $3 WHERE pipeline = $1 AND extract = $2 AND number = $4";
            db.execute(hold, values![pipeline, extract.as_str(), until, number]).map(drop)
        })
        .await
    }

    /// Records how far a table was read, and the event of what was read; false if somebody else began to read meanwhile, and
    /// this came to nothing.
    pub async fn extracted(
        &self,
        extract: &Id,
        reading: Reading,
        event: Option<Event>,
        now: i64,
    ) -> Result<bool, JournalError> {
        let extract = extract.clone();
        self.write("extracted", move |db, pipeline| {
            let now = now.saturating_add(db.skew());
            let (mut id, mut path, mut size, mut changed) = (None, None, None, None);
            if let Some(Event { id: name, object: Object::Stored { location, size: bytes, changed: at }, .. }) = &event
            {
                (id, path) = (Some(name.as_str()), Some(location.to_string()));
                (size, changed) = (Some(i64::try_from(*bytes).unwrap_or(i64::MAX)), Some(at.unwrap_or_default()));
            }
            let Reading { state, number } = &reading;
            let record = "UPDATE extracts
                SET state = $4, at = $5, until = 0, event = $6, path = $7, size = $8, changed = $9
                WHERE pipeline = $1 AND extract = $2 AND number = $3";
            let (state, path) = (state.as_deref(), path.as_deref());
            let values = values![pipeline, extract.as_str(), *number, state, now, id, path, size, changed];
            Ok(db.execute(record, values)? > 0)
        })
        .await
    }

    /// Accepts the event of what was read.
    pub async fn accept_extracted(&self, extract: &Id, event: NewEvent, now: i64) -> Result<Accepted, JournalError> {
        let extract = extract.clone();
        self.write("accept-extracted", move |db, pipeline| {
            let accepted = accept(db, pipeline, &event, now)?;
            forget(db, pipeline, extract.as_str(), &event.id)?;
            Ok(accepted)
        })
        .await
    }

    /// Forgets what was read: it had all its effects, for somebody who accepts no events.
    pub async fn extract_is_done(&self, extract: &Id, event: &EventId) -> Result<(), JournalError> {
        let (extract, event) = (extract.clone(), event.clone());
        self.write("extract-is-done", move |db, pipeline| forget(db, pipeline, extract.as_str(), &event)).await
    }
}

fn forget(db: &mut dyn Db, pipeline: &str, extract: &str, event: &EventId) -> Result<(), JournalError> {
    let forget = "UPDATE extracts SET event = NULL, path = NULL, size = NULL, changed = NULL
        WHERE pipeline = $1 AND extract = $2 AND event = $3";
    db.execute(forget, values![pipeline, extract, event.as_str()]).map(drop)
}
