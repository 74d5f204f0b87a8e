//! What a run did, in numbers.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::documents::DocumentCounts;
use crate::event::EventId;
use crate::function::Kind;
use crate::manifest::Id;
use crate::metering::Used;
use crate::run::usage::Usage;

/// What a step did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Rows that it took.
    pub rows_in: u64,
    /// Rows that it gave or published.
    pub rows_out: u64,
    /// What it took, in bytes: of the object for kind `ingest`, of Arrow for the others.
    pub bytes_in: u64,
    /// What it gave, in bytes of Arrow.
    pub bytes_out: u64,
    /// Rows that it rejected.
    pub rejected: u64,
    /// Documents that it wrote (kind `publish`).
    pub written: DocumentCounts,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.rows_in += other.rows_in;
        self.rows_out += other.rows_out;
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
        self.rejected += other.rejected;
        self.written += other.written;
    }
}

/// What a step did, and which it is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StepReport {
    /// The step.
    pub id: Id,
    /// What its function is.
    pub kind: Kind,
    /// What it did.
    #[serde(flatten)]
    pub counts: Counts,
    /// What its calls used.
    #[serde(flatten)]
    pub usage: Usage,
}

/// What became of an event.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EventReport {
    /// The event.
    pub event: EventId,
    /// The object's length in bytes.
    pub bytes: u64,
    /// Time from opening the object to the last effect, in seconds.
    #[serde(rename = "seconds", with = "seconds")]
    pub elapsed: Duration,
    /// What each step did, in the order of the manifest.
    pub steps: Vec<StepReport>,
    /// What all of it used; none of an event of an older Wasmill, which did not count it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<Used>,
    /// What each sink was given, in the order of the manifest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sinks: Vec<SinkReport>,
}

/// What a sink was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SinkReport {
    /// The sink.
    pub id: Id,
    /// How many rows.
    pub rows: u64,
}

impl EventReport {
    /// Rows that were read, good or bad.
    pub fn rows(&self) -> u64 {
        self.steps.first().map_or(0, |step| step.counts.rows_in)
    }

    /// Adds what was used besides, for the same event.
    pub fn add(&mut self, used: Used) {
        *self.used.get_or_insert_default() += used;
    }

    /// When the first call of a function began.
    pub fn began(&self) -> Option<SystemTime> {
        self.steps.iter().filter_map(|step| Some(step.usage.between?.0)).min()
    }

    /// Rows that were rejected, by any step.
    pub fn rejected(&self) -> u64 {
        self.steps.iter().map(|step| step.counts.rejected).sum()
    }
}

/// A time as seconds, to the microsecond.
pub(super) mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64((duration.as_secs_f64() * 1e6).round() / 1e6)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        Duration::try_from_secs_f64(f64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
