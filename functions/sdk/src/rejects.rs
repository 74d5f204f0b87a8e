//! Rows that do not go on, and the row numbers that name them.

use std::sync::{Arc, LazyLock};

use arrow_array::builder::{StringBuilder, UInt64Builder};
use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{RecordBatch, UInt64Array};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};

/// The column that numbers rows in the object the event is about. It is last and passed on.
pub const ROW: &str = "__row";

/// The longest text of a rejected row that is kept, in bytes.
pub const RAW_LIMIT: usize = 4096;

/// The column [`ROW`].
pub fn row_field() -> Field {
    Field::new(ROW, DataType::UInt64, false)
}

/// The schema of rejects: `row` uint64, `reason` utf8, `raw` utf8 or null.
pub static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    Arc::new(Schema::new(vec![
        Field::new("row", DataType::UInt64, false),
        Field::new("reason", DataType::Utf8, false),
        Field::new("raw", DataType::Utf8, true),
    ]))
});

/// Rows that do not go on, each with the reason.
#[derive(Debug, Default)]
pub struct Rejects {
    row: UInt64Builder,
    reason: StringBuilder,
    raw: StringBuilder,
    len: usize,
}

impl Rejects {
    /// Rejects a row: its number, why, and the row as text (cut at [`RAW_LIMIT`]).
    pub fn push(&mut self, row: u64, reason: impl AsRef<str>, raw: Option<&str>) {
        self.row.append_value(row);
        self.reason.append_value(reason);
        self.raw.append_option(raw.map(|text| &text[..text.floor_char_boundary(RAW_LIMIT)]));
        self.len += 1;
    }

    /// How many rows were rejected.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether none was.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The rejects as rows of [`SCHEMA`].
    pub fn finish(mut self) -> Result<RecordBatch, ArrowError> {
        RecordBatch::try_new(
            SCHEMA.clone(),
            vec![Arc::new(self.row.finish()), Arc::new(self.reason.finish()), Arc::new(self.raw.finish())],
        )
    }

    /// The rejects as a stream; none if there are none.
    pub fn encode(self) -> Result<Option<Vec<u8>>, ArrowError> {
        if self.is_empty() { Ok(None) } else { crate::arrow::encode(&self.finish()?).map(Some) }
    }
}

/// The numbers of a batch's rows: those of the column [`ROW`], or their positions, from 0, without one.
#[derive(Debug, Clone)]
pub struct RowNumbers(Option<UInt64Array>);

impl RowNumbers {
    /// The numbers of the rows of `batch`.
    pub fn of(batch: &RecordBatch) -> Self {
        Self(batch.column_by_name(ROW).and_then(|column| column.as_primitive_opt::<UInt64Type>()).cloned())
    }

    /// The number of the row at `index`.
    pub fn get(&self, index: usize) -> u64 {
        match &self.0 {
            Some(numbers) if index < numbers.len() => numbers.value(index),
            _ => index as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_row_is_cut_between_characters() {
        let mut rejects = Rejects::default();
        rejects.push(7, "too long", Some(&"é".repeat(RAW_LIMIT)));
        rejects.push(8, "unknown", None);
        assert_eq!(rejects.len(), 2);
        let batch = rejects.finish().unwrap();
        assert_eq!(batch.column(2).as_string::<i32>().value(0).len(), RAW_LIMIT);
        assert_eq!(RowNumbers::of(&batch).get(1), 1);
    }
}
