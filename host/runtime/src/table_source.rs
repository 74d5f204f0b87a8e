//! Tables that are no objects: of a lake, of databases. Whoever knows them reads them for transforms to join with.

use std::io;

use arrow_array::RecordBatch;

use crate::plan::ForeignTable;

/// Reads tables.
pub trait TableSource: Sync {
    /// All rows that are asked for, in an order that depends on nothing but them. It waits for whoever has them. An error if
    /// they are more than `most` bytes.
    fn read(&self, table: &ForeignTable, most: usize) -> io::Result<RecordBatch>;
}

/// Knows no tables.
pub struct NoTables;

impl TableSource for NoTables {
    fn read(&self, _: &ForeignTable, _: usize) -> io::Result<RecordBatch> {
        Err(io::Error::other("this wasmill was built without tables\nhint: `make build FEATURES=warehouse`"))
    }
}
