//! An object being read, whatever its format.

use wasmill_sdk::{Decoder, Failure, Output};

use crate::rows::Rows;

/// The records of an object, one after another.
pub trait Records {
    /// Adds the next record to `rows`, as a row or as a reject; false after the last.
    fn next(&mut self, rows: &mut Rows) -> Result<bool, Failure>;
}

/// Makes batches of records.
pub struct Batches<R> {
    records: R,
    rows: Rows,
    failure: Option<Failure>,
}

impl<R: Records> Batches<R> {
    /// Batches of these records; `rows` is empty.
    pub fn new(records: R, rows: Rows) -> Self {
        Self { records, rows, failure: None }
    }
}

impl<R: Records> Decoder for Batches<R> {
    fn next(&mut self) -> Result<Option<Output>, Failure> {
        while self.failure.is_none() && !self.rows.is_full() {
            match self.records.next(&mut self.rows) {
                Ok(true) => {}
                Ok(false) => break,
                // What was read before goes on; the failure is for the next call.
                Err(failure @ Failure::Reject(_)) => self.failure = Some(failure),
                // Where a source fails is different each time, and batches are counted.
                Err(failure) => return Err(failure),
            }
        }
        match (self.rows.take()?, self.failure.take()) {
            (None, Some(failure)) => Err(failure),
            (output, failure) => {
                self.failure = failure;
                Ok(output)
            }
        }
    }
}
