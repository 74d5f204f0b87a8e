//! Rows on their way into sinks: staged with the progress of their event, committed in numbered batches.
//!
//! A sink keeps the number of the last batch with its table, in the same transaction, so it can tell whether a batch is in.
//! A batch is put together here before it is committed there, and forgotten after. Who dies in between leaves a batch that
//! whoever comes next commits again, under the same number.

use wasmill_runtime::event::EventId;
use wasmill_runtime::manifest::Id;
use wasmill_runtime::sink::{Batch, Payload};

use crate::journal::{Journal, JournalError};
use crate::lease::Lease;
use crate::sql::{Db, values};

/// The most payloads of a batch.
const MOST_PAYLOADS: i64 = 10_000;

/// Whose rows are staged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The event.
    pub event: EventId,
    /// 0, or the number of the backfill that it is of.
    pub generation: u32,
    /// When it happened, in microseconds since 1970-01-01T00:00:00Z.
    pub time: i64,
    /// Whether it is known for as long as the journal is there: it is about an object in a store.
    pub is_kept: bool,
}

/// Rows that were staged for a sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staged {
    /// The sink.
    pub sink: Id,
    /// How many rows; with none only what is written is recorded.
    pub rows: u64,
    /// What stands for them.
    pub payload: Vec<u8>,
    /// Whether they wait for the end of their event.
    pub is_held: bool,
    /// The numbers of all rows of the event that were written, with these; none where a row may be written again.
    pub written: Option<Written>,
}

/// Which rows of an event were written to a sink.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// Their numbers, in whatever form the caller has them.
    pub numbers: Vec<u8>,
    /// How often that was recorded before. If someone else did meanwhile, it is not recorded.
    pub epoch: u64,
}

/// What was written of an event, by sink.
pub type Known = Vec<(String, Written)>;

/// When a batch is put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchTerms {
    /// So many rows do not wait for more, and no batch has more, but for the first payload's.
    pub most_rows: u64,
    /// No batch has more bytes of payloads, but for the first's.
    pub most_bytes: u64,
    /// The longest that rows wait for others, in microseconds.
    pub wait: i64,
    /// How long nobody else commits the batch, in microseconds.
    pub lease: i64,
    /// Whether all rows of an event are in one batch, however many.
    pub whole_events: bool,
}

/// What there is to commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Due {
    /// A batch.
    Batch(Batch),
    /// A batch that somebody else commits.
    Held,
    /// Nothing, or nothing that has waited for long enough.
    Nothing,
}

impl Journal {
    /// To be called before rows of an event are staged: what was written of it, by sink. Of an attempt that begins `anew`,
    /// what waits for the event's end is forgotten.
    pub async fn begin_staging(
        &self,
        origin: &Origin,
        lease: Option<&Lease>,
        anew: bool,
    ) -> Result<Known, JournalError> {
        let (origin, pipeline) = (origin.clone(), self.pipeline.clone());
        let work = move |db: &mut dyn Db| begin(db, &pipeline, &origin, anew);
        match lease {
            Some(lease) => self.holding("begin-staging", false, lease, move |db, _, _| work(db)).await,
            None => self.write_on_the_way("begin-staging", move |db, _| work(db)).await,
        }
    }

    /// The same for events that no lease is for and that begin anew, in their order.
    pub async fn begin_staging_all(&self, origins: Vec<Origin>) -> Result<Vec<Known>, JournalError> {
        self.write_on_the_way("begin-staging", move |db, pipeline| {
            origins.iter().map(|origin| begin(db, pipeline, origin, true)).collect()
        })
        .await
    }

    /// Records rows of events that no lease is for, all of which have had all their effects.
    pub async fn stage_all(&self, staged: Vec<(Origin, Vec<Staged>)>, now: i64) -> Result<(), JournalError> {
        self.write_on_the_way("stage", move |db, pipeline| {
            let now = now.saturating_add(db.skew());
            staged.iter().try_for_each(|(origin, staged)| put(db, pipeline, origin, staged, true, now))
        })
        .await
    }

    /// Records rows of an event that no lease is for; `ends` says that it has had all its effects.
    pub async fn stage(&self, origin: &Origin, staged: Vec<Staged>, ends: bool, now: i64) -> Result<(), JournalError> {
        let origin = origin.clone();
        self.write_on_the_way("stage", move |db, pipeline| {
            let now = now.saturating_add(db.skew());
            put(db, pipeline, &origin, &staged, ends, now)
        })
        .await
    }

    /// A batch to commit, if there is one: the one that someone did not see through, or what has waited for long enough.
    /// Nobody else gets it for as long as the terms say, or it is held. `lane` names this journal to the sink, if it has no name there yet.
    pub async fn batch(&self, sink: &Id, lane: &str, terms: BatchTerms, now: i64) -> Result<Due, JournalError> {
        let (sink, lane) = (sink.clone(), lane.to_owned());
        self.write("batch", move |db, pipeline| {
            let now = now.saturating_add(db.skew());
            let sink = sink.as_str();
            let insert = "INSERT INTO sinks (pipeline, sink, lane) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
            db.execute(insert, values![pipeline, sink, &*lane])?;
            let known = "SELECT lane, number, until FROM sinks WHERE pipeline = $1 AND sink = $2 FOR UPDATE";
            let mut known = db.one(known, values![pipeline, sink])?;
            let (lane, number, until) = (known.text(0)?, known.integer(1)?, known.integer(2)?);
            let is_open = "SELECT number FROM staged WHERE pipeline = $1 AND sink = $2 AND number = $3 LIMIT 1";
            let number = if db.first(is_open, values![pipeline, sink, number])?.is_some() {
                // What is further ahead than any lease was set before a clock was set back.
                if until > now && until <= now.saturating_add(terms.lease) {
                    return Ok(Due::Held);
                }
                number
            } else {
                let Some(last) = last_of_batch(db, pipeline, sink, &terms, now)? else { return Ok(Due::Nothing) };
                let take = "UPDATE staged SET number = $3
                    WHERE pipeline = $1 AND sink = $2 AND number IS NULL AND held = 0
                        AND (id <= $4 OR CAST($5 AS BIGINT) = 1 AND (event, generation) IN (
                            SELECT s.event, s.generation FROM staged s
                            WHERE s.pipeline = $1 AND s.sink = $2 AND s.number IS NULL AND s.held = 0 AND s.id <= $4))";
                db.execute(take, values![pipeline, sink, number + 1, last, terms.whole_events])?;
                number + 1
            };
            let hold = "UPDATE sinks SET number = $3, until = $4 WHERE pipeline = $1 AND sink = $2";
            db.execute(hold, values![pipeline, sink, number, now.saturating_add(terms.lease)])?;
            let payloads = "SELECT event, time, rows, payload FROM staged
                WHERE pipeline = $1 AND sink = $2 AND number = $3 ORDER BY id";
            let payloads = db.query(payloads, values![pipeline, sink, number])?.into_iter();
            let payload = |mut row: crate::sql::Row| {
                let (event, time, rows) = (row.text(0)?, row.integer(1)?, row.count(2)?);
                Ok(Payload { event, time, rows, bytes: row.bytes(3)? })
            };
            let payloads = payloads.map(payload).collect::<Result<_, JournalError>>()?;
            Ok(Due::Batch(Batch { lane, number: number.unsigned_abs(), payloads }))
        })
        .await
    }

    /// Forgets a batch, which is in.
    pub async fn committed(&self, sink: &Id, number: u64) -> Result<(), JournalError> {
        let sink = sink.clone();
        let number = i64::try_from(number).unwrap_or(i64::MAX);
        self.write("committed", move |db, pipeline| {
            let forget = "DELETE FROM staged WHERE pipeline = $1 AND sink = $2 AND number = $3";
            db.execute(forget, values![pipeline, sink.as_str(), number])?;
            let free = "UPDATE sinks SET until = 0 WHERE pipeline = $1 AND sink = $2 AND number = $3";
            db.execute(free, values![pipeline, sink.as_str(), number]).map(drop)
        })
        .await
    }

    /// Keeps a batch until a time; one that is past gives it back.
    pub async fn hold_batch(&self, sink: &Id, number: u64, until: i64) -> Result<(), JournalError> {
        let sink = sink.clone();
        let number = i64::try_from(number).unwrap_or(i64::MAX);
        self.write("hold-batch", move |db, pipeline| {
            let until = until.saturating_add(db.skew());
            let hold = "UPDATE sinks SET until = $4 WHERE pipeline = $1 AND sink = $2 AND number = $3";
            db.execute(hold, values![pipeline, sink.as_str(), number, until]).map(drop)
        })
        .await
    }

    /// How many rows are staged for a sink and not committed.
    pub async fn staged(&self, sink: &Id) -> Result<u64, JournalError> {
        let sink = sink.clone();
        self.read(move |db, pipeline| {
            let rows = "SELECT CAST(coalesce(sum(rows), 0) AS BIGINT) FROM staged WHERE pipeline = $1 AND sink = $2";
            db.one(rows, values![pipeline, sink.as_str()])?.count(0)
        })
        .await
    }
}

fn begin(db: &mut dyn Db, pipeline: &str, origin: &Origin, anew: bool) -> Result<Known, JournalError> {
    let Origin { event, generation, .. } = origin;
    if anew {
        let forget = "DELETE FROM staged WHERE pipeline = $1 AND event = $2 AND generation = $3 AND held = 1";
        db.execute(forget, values![pipeline, event.as_str(), *generation])?;
    }
    let written = "SELECT sink, numbers, epoch FROM written WHERE pipeline = $1 AND event = $2";
    let rows = db.query(written, values![pipeline, event.as_str()])?.into_iter();
    rows.map(|mut row| Ok((row.text(0)?, Written { numbers: row.bytes(1)?, epoch: row.count(2)? }))).collect()
}

/// The last payload of a batch that should be committed now.
fn last_of_batch(
    db: &mut dyn Db,
    pipeline: &str,
    sink: &str,
    terms: &BatchTerms,
    now: i64,
) -> Result<Option<i64>, JournalError> {
    let waiting = "SELECT id, rows, CAST(length(payload) AS BIGINT), at FROM staged
        WHERE pipeline = $1 AND sink = $2 AND number IS NULL AND held = 0 ORDER BY id LIMIT $3";
    let (mut rows, mut bytes, mut oldest, mut last) = (0u64, 0u64, i64::MAX, None);
    let mut is_full = false;
    for (index, mut row) in db.query(waiting, values![pipeline, sink, MOST_PAYLOADS])?.into_iter().enumerate() {
        let (id, more_rows, more_bytes) = (row.integer(0)?, row.count(1)?, row.count(2)?);
        oldest = oldest.min(row.integer(3)?);
        rows = rows.saturating_add(more_rows);
        bytes = bytes.saturating_add(more_bytes);
        let is_over = rows > terms.most_rows || bytes > terms.most_bytes;
        is_full = is_over || rows == terms.most_rows || index + 1 == MOST_PAYLOADS as usize;
        if !is_over || last.is_none() {
            last = Some(id);
        }
        if is_full {
            break;
        }
    }
    // What was staged later than now was before a clock was set back.
    let has_waited = oldest.saturating_add(terms.wait) <= now || oldest > now;
    Ok(last.filter(|_| is_full || has_waited))
}

/// Records what was staged of an event, by the clock that decides.
pub(crate) fn put(
    db: &mut dyn Db,
    pipeline: &str,
    origin: &Origin,
    staged: &[Staged],
    ends: bool,
    now: i64,
) -> Result<(), JournalError> {
    let Origin { event, generation, time, is_kept } = origin;
    for Staged { sink, rows, payload, is_held, written } in staged {
        let (sink, rows) = (sink.as_str(), i64::try_from(*rows).unwrap_or(i64::MAX));
        if let Some(Written { numbers, epoch }) = written {
            let epoch = i64::try_from(*epoch).unwrap_or(i64::MAX);
            let record = "INSERT INTO written (pipeline, sink, event, numbers, epoch, at, kept)
                VALUES ($1, $2, $3, $4, $8, $6, $7)
                ON CONFLICT (pipeline, sink, event) DO UPDATE
                SET numbers = excluded.numbers, epoch = excluded.epoch, at = excluded.at WHERE written.epoch = $5";
            let values = values![
                pipeline,
                sink,
                event.as_str(),
                numbers.as_slice(),
                epoch,
                now,
                *is_kept,
                epoch.saturating_add(1)
            ];
            if db.execute(record, values)? == 0 {
                return Err(JournalError::Overtaken { event: event.clone() });
            }
        }
        if rows > 0 {
            let insert = "INSERT INTO staged (pipeline, sink, event, generation, time, at, rows, held, payload)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
            let values =
                values![pipeline, sink, event.as_str(), *generation, *time, now, rows, *is_held, payload.as_slice()];
            db.execute(insert, values)?;
        }
    }
    if ends {
        let free = "UPDATE staged SET held = 0 WHERE pipeline = $1 AND event = $2 AND generation = $3 AND held = 1";
        db.execute(free, values![pipeline, event.as_str(), *generation])?;
    }
    Ok(())
}
