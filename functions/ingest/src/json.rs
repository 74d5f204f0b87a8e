//! JSON: a document or several (`json`), or an object a line (`jsonl`).

mod documents;
mod extent;
mod lines;
mod paths;
mod record;

pub use documents::JsonRecords;
pub use lines::JsonlRecords;
pub use paths::{join, split};

use crate::config::Config;
use crate::schema::ColumnPlan;
use record::RecordPlan;

/// How JSON is read.
#[derive(Debug, Clone)]
pub struct JsonPlan {
    record: RecordPlan,
    /// Where in a document the rows are.
    records: Vec<String>,
    max_bytes: usize,
}

impl JsonPlan {
    /// Checks the columns' paths.
    pub fn new(config: &Config, columns: &[ColumnPlan]) -> Result<Self, String> {
        Ok(Self {
            record: RecordPlan::new(columns, config.explode.as_deref())?,
            records: config.records.as_deref().map(split).unwrap_or_default(),
            max_bytes: config.max_row_bytes,
        })
    }

    /// Whether a record may be several rows.
    pub fn explodes(&self) -> bool {
        self.record.explodes()
    }
}

/// Why a record is rejected that is too long.
fn too_long(limit: usize) -> String {
    format!("longer than {limit} bytes; hint: max_row_bytes = {}", limit.saturating_mul(2))
}
