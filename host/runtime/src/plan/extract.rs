//! Extracts, as they are planned.

use std::time::Duration;

use super::TablePlace;
use crate::manifest::{Band, Id, Rewrites};
use crate::store::Location;

/// Rows of a table that become objects.
#[derive(Debug, Clone, PartialEq)]
pub struct ExtractPlan {
    /// Its name.
    pub id: Id,
    /// The table.
    pub place: TablePlace,
    /// The columns that are read; all if there are none.
    pub columns: Vec<String>,
    /// The rows, as a condition in SQL.
    pub filter: Option<String>,
    /// Which of them each time.
    pub rows: ExtractRows,
    /// How often.
    pub every: Duration,
    /// What the objects go into.
    pub to: Location,
}

impl ExtractPlan {
    /// As events name it.
    pub fn trigger(&self) -> String {
        format!("extract {}", self.id)
    }
}

/// Which rows are read each time.
#[derive(Debug, Clone, PartialEq)]
pub enum ExtractRows {
    /// All.
    All,
    /// Those with a greater value than was read.
    Above {
        /// The column.
        column: String,
        /// How old a row must be, if the column is a time.
        lag: Duration,
    },
    /// Those that versions of a table of Delta Lake added.
    Added(Rewrites),
    /// The change data feed of a table of Delta Lake.
    Changes,
    /// What a measure is made of, when it leaves its band.
    Band(BandPlan),
}

/// A measure that is watched.
#[derive(Debug, Clone, PartialEq)]
pub struct BandPlan {
    /// The measure.
    pub measure: String,
    /// The dimension of time.
    pub time: String,
    /// By which periods.
    pub granularity: String,
    /// The dimensions that it is taken apart by, if they are said.
    pub by: Option<Vec<String>>,
    /// The band.
    pub band: Band,
}
