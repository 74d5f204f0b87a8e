//! Rows of tables: what is new becomes an object, and the object an event.
//!
//! ```text
//!  table ──read──► object in a store ──► how far, in the journal ──accept──► event
//! ```
//!
//! Of several workers one reads at a time. Once an object is recorded its event will be accepted, whoever dies; an object
//! that is not recorded is left where it is, and its rows are read again.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use wasmill_journal::extract::{Reading, Turn};
use wasmill_journal::{Journal, JournalError, NewEvent};
use wasmill_runtime::event::Event;
use wasmill_runtime::plan::{ExtractPlan, ExtractRows};
use wasmill_runtime::table_source::{Extracted, TableSource};
use wasmill_runtime::{backoff, crash};

use super::Intake;
use crate::clock::{self, micros};

/// The longest sleep: what another worker left is seen after it.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// The shortest sleep.
const SHORTEST_SLEEP: Duration = Duration::from_millis(100);

/// The first wait after a table could not be read, and the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Why nothing was read.
#[derive(Debug, thiserror::Error)]
pub enum ExtractError {
    /// The table could not be read, or its rows not be put into the store.
    #[error("extract `{extract}`: {place}: {cause}")]
    Table {
        /// The extract.
        extract: String,
        /// The table.
        place: String,
        /// Why not.
        cause: io::Error,
    },
    /// The journal failed.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// What there was to read.
#[derive(Debug)]
pub enum Found {
    /// What was read now.
    Event(Event),
    /// What was read before, and not accepted: there may be more.
    Pending(Event),
    /// Nothing that is new.
    Nothing,
    /// Somebody else reads.
    Held,
}

/// Reads a table, if it was not read for as long as `every`; how many rows, and the event of what was read. Nobody else reads
/// before this one was not heard of for as long as `lease`.
pub async fn read(
    plan: &Arc<ExtractPlan>,
    source: &'static dyn TableSource,
    journal: &Journal,
    every: Duration,
    lease: Duration,
) -> Result<(u64, Found), ExtractError> {
    let begun = journal.begin_extract(&plan.id, micros(every), micros(lease), clock::now()).await?;
    let mut reading = match begun {
        Turn::Read(reading) => reading,
        Turn::Pending(event) => return Ok((0, Found::Pending(event))),
        Turn::NotDue => return Ok((0, Found::Nothing)),
        Turn::Held => return Ok((0, Found::Held)),
    };
    let (table, state) = (plan.clone(), reading.state.clone());
    let extracting = tokio::task::spawn_blocking(move || source.extract(&table, state.as_deref()));
    let extracted = tokio::select! {
        extracted = extracting => extracted.map_err(io::Error::other).flatten(),
        never = hold(plan, &reading, journal, lease) => match never {},
    };
    crash::point("extract", "read");
    let extracted = match extracted {
        Ok(extracted) => extracted,
        Err(cause) => {
            journal.hold_extract(&plan.id, &reading, 0, clock::now()).await?;
            return Err(ExtractError::Table { extract: plan.id.to_string(), place: plan.place.to_string(), cause });
        }
    };
    let (mut rows, mut event) = (0, None);
    if let Some(Extracted { state, object, rows: count }) = extracted {
        (reading.state, rows, event) = (Some(state), count, object.map(Event::of));
    }
    let is_ours = journal.extracted(&plan.id, reading, event.clone(), clock::now()).await?;
    crash::point("extract", "recorded");
    match event {
        Some(event) if is_ours => Ok((rows, Found::Event(event))),
        Some(event) => {
            tracing::warn!("{}: another worker read meanwhile; `{}` is left over", plan.trigger(), event.name());
            Ok((0, Found::Held))
        }
        None => Ok((0, Found::Nothing)),
    }
}

/// Keeps others from reading, for as long as it is polled.
async fn hold(plan: &ExtractPlan, reading: &Reading, journal: &Journal, lease: Duration) -> Infallible {
    loop {
        tokio::time::sleep(lease / 3).await;
        if let Err(err) = journal.hold_extract(&plan.id, reading, micros(lease), clock::now()).await {
            tracing::warn!("{}: {err}", plan.trigger());
        }
    }
}

/// Reads a table again and again, for as long as it is polled. `is_looked` is told once all that was there is accepted.
pub async fn keep(
    plan: Arc<ExtractPlan>,
    source: &'static dyn TableSource,
    intake: Intake,
    lease: Duration,
    is_looked: Arc<AtomicBool>,
) {
    let (mut failures, mut every) = (0, plan.every);
    loop {
        match next(&plan, source, &intake, every, lease).await {
            Ok(found) => {
                failures = 0;
                let mut pause = plan.every;
                match found {
                    // There may be more periods that are over: it is due again at once.
                    Found::Event(_) if matches!(plan.rows, ExtractRows::Band(_)) => {
                        (every, pause) = (Duration::ZERO, Duration::ZERO);
                    }
                    Found::Event(_) => is_looked.store(true, Ordering::Relaxed),
                    Found::Nothing => {
                        every = plan.every;
                        is_looked.store(true, Ordering::Relaxed);
                    }
                    Found::Pending(_) => pause = Duration::ZERO,
                    // Whoever reads may have died.
                    Found::Held => pause = pause.min(lease),
                }
                tokio::time::sleep(pause.clamp(SHORTEST_SLEEP, LONGEST_SLEEP)).await;
            }
            Err(err) => {
                match &err {
                    ExtractError::Table { .. } => intake.metrics.extract_failed(plan.id.as_str()),
                    ExtractError::Journal(err) => intake.metrics.journal_failed(err),
                }
                tracing::warn!("{err}; trying again");
                failures += 1;
                tokio::time::sleep(backoff::wait(FIRST_PAUSE, LONGEST_PAUSE, failures)).await;
            }
        }
    }
}

/// Reads a table, if it was not read for as long as `every` and what was read before is done, and accepts what was read.
async fn next(
    plan: &Arc<ExtractPlan>,
    source: &'static dyn TableSource,
    intake: &Intake,
    every: Duration,
    lease: Duration,
) -> Result<Found, ExtractError> {
    let trigger = plan.trigger();
    if intake.journal.is_busy(&trigger).await? {
        return Ok(Found::Held);
    }
    let (rows, found) = read(plan, source, &intake.journal, every, lease).await?;
    if let Found::Event(event) | Found::Pending(event) = &found {
        intake.metrics.extracted(plan.id.as_str(), rows);
        let event = NewEvent {
            id: event.id.clone(),
            generation: 0,
            trigger,
            time: event.time,
            object: event.object.clone(),
            trace: None,
        };
        intake.accept_extracted(&plan.id, event).await?;
    }
    Ok(found)
}
