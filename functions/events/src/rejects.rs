//! Rows that did not make it, as answers have them.

use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array, RecordBatch};
use serde::Serialize;
use wasmill_sdk::{Failure, RowNumbers, arrow};

/// The most that an answer has; the rest is only counted.
const SHOWN: usize = 100;

/// A row that did not make it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rejected {
    /// The step that rejected it.
    pub step: String,
    /// Which row of the data; of text the line, from 1.
    pub row: u64,
    /// Why.
    pub reason: String,
    /// The row as text, if the step said.
    pub raw: Option<String>,
}

/// All those of an event.
#[derive(Debug, Default)]
pub struct Tally {
    /// How many there are.
    pub count: u64,
    /// The first of them.
    pub shown: Vec<Rejected>,
}

impl Tally {
    /// Takes what a step rejected, an Arrow stream; how many rows.
    pub fn take(&mut self, step: &str, rejects: Option<Vec<u8>>) -> Result<u64, Failure> {
        let Some(rejects) = rejects else { return Ok(0) };
        let rejects = arrow::decode_one(rejects)?;
        let count = rejects.num_rows() as u64;
        self.count += count;
        let column = |name| rejects.column_by_name(name);
        let (Some(rows), Some(reasons)) = (
            column("row").and_then(|rows| rows.as_primitive_opt::<UInt64Type>()),
            column("reason").and_then(|reasons| reasons.as_string_opt::<i32>()),
        ) else {
            return Err(Failure::Other("its rejects have no `row` and `reason`".to_owned()));
        };
        let raw = column("raw").and_then(|raw| raw.as_string_opt::<i32>());
        for (index, (row, reason)) in rows.values().iter().zip(reasons).enumerate() {
            let raw = raw.filter(|raw| index < raw.len() && raw.is_valid(index)).map(|raw| raw.value(index).to_owned());
            self.show(step, *row, reason.unwrap_or_default(), raw);
        }
        Ok(count)
    }

    /// Takes all rows of a batch that a step refused.
    pub fn refuse(&mut self, step: &str, rows: &RecordBatch, reason: &str) {
        let reason = format!("the batch was refused: {reason}");
        self.count += rows.num_rows() as u64;
        let numbers = RowNumbers::of(rows);
        for index in 0..rows.num_rows().min(SHOWN) {
            self.show(step, numbers.get(index), &reason, None);
        }
    }

    fn show(&mut self, step: &str, row: u64, reason: &str, raw: Option<String>) {
        if self.shown.len() < SHOWN {
            self.shown.push(Rejected { step: step.to_owned(), row, reason: reason.to_owned(), raw });
        }
    }
}
