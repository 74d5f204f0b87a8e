//! What the gateway is told when it is composed.

use serde::{Deserialize, Serialize};

/// The configuration, as JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The pipeline's name.
    pub pipeline: String,
    /// The names of its steps.
    pub steps: Steps,
    /// Whether the transform takes all rows of an event before it gives any.
    #[serde(default)]
    pub whole: bool,
    /// The longest body, in bytes.
    #[serde(default = "body_limit")]
    pub body_limit: usize,
}

/// The names of the steps; none where the pipeline has no such step.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Steps {
    /// What reads the data.
    pub ingest: String,
    /// What cleans the rows.
    pub transform: Option<String>,
    /// What scores them.
    pub score: Option<String>,
    /// What writes them.
    pub publish: String,
}

/// Enough for tens of thousands of rows, and little against what hosts give an instance.
fn body_limit() -> usize {
    16 << 20
}
