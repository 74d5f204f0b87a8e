//! Tables that are no objects: of a lake, of databases. Whoever knows them reads them, for transforms to join with, or into
//! objects for pipelines to run.

use std::io;

use arrow_array::RecordBatch;

use crate::plan::{ExtractPlan, ForeignTable};
use crate::store::Found;

/// Reads tables.
pub trait TableSource: Sync {
    /// All rows that are asked for, in an order that depends on nothing but them. It waits for whoever has them. An error if
    /// they are more than `most` bytes.
    fn read(&self, table: &ForeignTable, most: usize) -> io::Result<RecordBatch>;

    /// Reads what is new of a table into an object, durably: all of it if it was never read, and nothing if it is as it was
    /// by `state`, which is what was given when it was last read. It waits for whoever has the rows.
    fn extract(&self, plan: &ExtractPlan, state: Option<&str>) -> io::Result<Option<Extracted>>;
}

/// What was read of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extracted {
    /// How far it was read.
    pub state: String,
    /// The object; none if what changed was no row.
    pub object: Option<Found>,
    /// How many rows.
    pub rows: u64,
}

/// Knows no tables.
pub struct NoTables;

impl TableSource for NoTables {
    fn read(&self, _: &ForeignTable, _: usize) -> io::Result<RecordBatch> {
        Err(unknown())
    }

    fn extract(&self, _: &ExtractPlan, _: Option<&str>) -> io::Result<Option<Extracted>> {
        Err(unknown())
    }
}

fn unknown() -> io::Error {
    io::Error::other("this wasmill was built without tables\nhint: `make build FEATURES=warehouse`")
}
