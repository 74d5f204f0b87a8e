//! Events as a journal knows them.

use serde::Serialize;
use wasmill_runtime::event::{EventId, Object};

/// An event that is offered to a journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// Unique in its pipeline and generation: one that is there already is not accepted again.
    pub id: EventId,
    /// 0, or the number of a backfill.
    pub generation: u32,
    /// The trigger that saw it.
    pub trigger: String,
    /// When it happened, in microseconds since 1970-01-01T00:00:00Z.
    pub time: i64,
    /// What it is about; the journal keeps bytes, of what is in a store only where.
    pub object: Object,
    /// What its attempts are traced under, as `traceparent` of W3C's Trace Context has it; none if it is not traced.
    pub trace: Option<String>,
}

/// Names an event in its journal; grows in the order of acceptance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Sequence(pub(crate) i64);

impl Sequence {
    /// Before all others.
    pub const NONE: Self = Self(0);
}

impl std::fmt::Display for Sequence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// What became of an event that was offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// It will run.
    New(Sequence),
    /// It was there already.
    Known(Sequence),
}
