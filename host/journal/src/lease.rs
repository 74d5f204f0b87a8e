//! Leases: who works on an event, and for how long nobody else does.

use wasmill_runtime::event::{EventId, Object};

use crate::event::Sequence;

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
