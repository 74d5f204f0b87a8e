//! What a run did, in numbers.

use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::documents::DocumentCounts;
use crate::event::EventId;
use crate::function::Kind;
use crate::manifest::Id;

/// What a step did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Rows that it took.
    pub rows_in: u64,
    /// Rows that it gave or published.
    pub rows_out: u64,
    /// Rows that it rejected.
    pub rejected: u64,
    /// Documents that it wrote (kind `publish`).
    pub written: DocumentCounts,
    /// Time in its function, over all instances, in seconds.
    #[serde(rename = "busy_seconds", serialize_with = "seconds")]
    pub busy: Duration,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.rows_in += other.rows_in;
        self.rows_out += other.rows_out;
        self.rejected += other.rejected;
        self.written += other.written;
        self.busy += other.busy;
    }
}

/// What a step did, and which it is.
#[derive(Debug, Clone, Serialize)]
pub struct StepReport {
    /// The step.
    pub id: Id,
    /// What its function is.
    pub kind: Kind,
    /// What it did.
    #[serde(flatten)]
    pub counts: Counts,
}

/// What became of an event.
#[derive(Debug, Clone, Serialize)]
pub struct EventReport {
    /// The event.
    pub event: EventId,
    /// The object's length in bytes.
    pub bytes: u64,
    /// Time from opening the object to the last effect, in seconds.
    #[serde(rename = "seconds", serialize_with = "seconds")]
    pub elapsed: Duration,
    /// What each step did, in the order of the manifest.
    pub steps: Vec<StepReport>,
}

impl EventReport {
    /// Rows that were read, good or bad.
    pub fn rows(&self) -> u64 {
        self.steps.first().map_or(0, |step| step.counts.rows_in)
    }

    /// Rows that were rejected, by any step.
    pub fn rejected(&self) -> u64 {
        self.steps.iter().map(|step| step.counts.rejected).sum()
    }
}

fn seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((duration.as_secs_f64() * 1e6).round() / 1e6)
}
