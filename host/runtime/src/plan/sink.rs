//! Sinks, as they are planned.

use std::fmt;
use std::time::Duration;

use super::Edge;
use crate::manifest::{Id, SinkColumns, SinkMode};
use crate::store::Location;

/// A table that rows are written to.
#[derive(Debug, Clone, PartialEq)]
pub struct SinkPlan {
    /// The sink's name.
    pub id: Id,
    /// The steps whose rows it takes; none: the last that gives rows.
    pub from: Option<Vec<Edge>>,
    /// The table.
    pub table: SinkTable,
    /// How rows are written.
    pub mode: SinkMode,
    /// The columns that name a row.
    pub key: Vec<String>,
    /// The column by which a row is newer than another.
    pub version: Option<String>,
    /// What happens when there are columns that the table does not have.
    pub columns: SinkColumns,
    /// The longest that rows wait for others to be committed with.
    pub commit_after: Duration,
    /// So many rows do not wait.
    pub commit_rows: u64,
    /// How often small files are put together.
    pub optimize: Option<Duration>,
}

impl SinkPlan {
    /// The columns that the table is partitioned by.
    pub fn partition_by(&self) -> &[String] {
        match &self.table {
            SinkTable::Delta { partition_by, .. } => partition_by,
            SinkTable::Postgres { .. } => &[],
        }
    }
}

/// The table of a sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SinkTable {
    /// Of Delta Lake.
    Delta {
        /// Where it is.
        location: Location,
        /// The columns that it is partitioned by.
        partition_by: Vec<String>,
    },
    /// Of PostgreSQL.
    Postgres {
        /// The database, without a password.
        url: String,
        /// The table, with its schema or without.
        table: String,
    },
}

impl SinkTable {
    /// Whether it is the same table as another.
    pub fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Delta { location, .. }, Self::Delta { location: other, .. }) => location == other,
            _ => self == other,
        }
    }
}

impl fmt::Display for SinkTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delta { location, .. } => write!(f, "`{location}`"),
            Self::Postgres { url, table } => {
                write!(f, "`{table}` at `{}`", url.split('?').next().unwrap_or(url))
            }
        }
    }
}
