//! A batch that grows row by row.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, UInt64Array};
use arrow_schema::{ArrowError, SchemaRef};
use wasmill_sdk::rejects::RAW_LIMIT;
use wasmill_sdk::{Output, Rejects};

use crate::column::Column;
use crate::schema::{ColumnPlan, schema};

/// How much of an object makes a batch, in bytes; for long rows that is sooner than by their number.
const BATCH_BYTES: usize = 8 * 1024 * 1024;

/// Rows and rejects since the last batch.
pub struct Rows {
    schema: SchemaRef,
    columns: Vec<Column>,
    lines: Vec<u64>,
    rejects: Rejects,
    bytes: usize,
    limit: usize,
}

impl Rows {
    /// No rows of these columns; a batch has at most `limit`.
    pub fn new(columns: &[ColumnPlan], limit: usize) -> Self {
        Self {
            schema: schema(columns),
            columns: columns.iter().cloned().map(Column::new).collect(),
            lines: Vec::new(),
            rejects: Rejects::default(),
            bytes: 0,
            limit,
        }
    }

    /// Adds the row that starts at `line` and reads `raw`. `fill` gives every column one value; if it fails, the
    /// row is rejected.
    pub fn push(&mut self, line: u64, raw: &[u8], fill: impl FnOnce(&mut [Column]) -> Result<(), String>) {
        match fill(&mut self.columns) {
            Ok(()) => {
                self.bytes += raw.len();
                self.lines.push(line);
            }
            Err(reason) => {
                for column in &mut self.columns {
                    column.truncate(self.lines.len());
                }
                self.reject(line, raw, &reason);
            }
        }
    }

    /// Rejects a record that is no row.
    pub fn reject(&mut self, line: u64, raw: &[u8], reason: &str) {
        self.bytes += raw.len();
        // A few bytes more, so that a character at the limit is whole until the text is cut there.
        let text = String::from_utf8_lossy(raw.get(..RAW_LIMIT + 4).unwrap_or(raw));
        // Databases that dead letters are kept in take no NUL.
        let text = if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{fffd}")) } else { text };
        self.rejects.push(line, reason, Some(&text));
    }

    /// Whether it is time for a batch.
    pub fn is_full(&self) -> bool {
        self.lines.len() + self.rejects.len() >= self.limit || self.bytes >= BATCH_BYTES
    }

    /// What there is, none if there is nothing.
    pub fn take(&mut self) -> Result<Option<Output>, ArrowError> {
        if self.lines.is_empty() && self.rejects.is_empty() {
            return Ok(None);
        }
        let mut arrays = self.columns.iter_mut().map(Column::finish).collect::<Result<Vec<ArrayRef>, _>>()?;
        arrays.push(Arc::new(UInt64Array::from(std::mem::take(&mut self.lines))));
        self.bytes = 0;
        Ok(Some(Output {
            batch: RecordBatch::try_new(self.schema.clone(), arrays)?,
            rejects: std::mem::take(&mut self.rejects),
            routes: None,
        }))
    }
}
