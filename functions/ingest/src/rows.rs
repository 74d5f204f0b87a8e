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
    /// The member of an archive that is read and what is numbered in it, and how many lines the ones before it had.
    member: Option<(String, &'static str)>,
    before: u64,
    last: u64,
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
            member: None,
            before: 0,
            last: 0,
        }
    }

    /// Goes on to a member of an archive. Its lines, or whatever `unit` says, are numbered on from those of the one
    /// before.
    pub fn enter(&mut self, member: Option<String>, unit: &'static str) {
        self.member = member.map(|member| (member, unit));
        self.before = self.last;
    }

    /// Adds the row that starts at `line` and reads `raw`. `fill` gives every column one value; if it fails, the
    /// row is rejected.
    pub fn push(&mut self, line: u64, raw: &[u8], fill: impl FnOnce(&mut [Column]) -> Result<(), String>) {
        if let Err(reason) = self.try_push(line, raw.len(), fill) {
            self.reject(line, raw, &reason);
        }
    }

    /// Adds a row of about so many bytes, like [`Rows::push`]; on an error, which is the reason, nothing.
    pub fn try_push(
        &mut self,
        line: u64,
        bytes: usize,
        fill: impl FnOnce(&mut [Column]) -> Result<(), String>,
    ) -> Result<(), String> {
        if let Err(reason) = fill(&mut self.columns) {
            for column in &mut self.columns {
                column.truncate(self.lines.len());
            }
            return Err(reason);
        }
        self.bytes += bytes;
        self.last = self.before.saturating_add(line);
        self.lines.push(self.last);
        Ok(())
    }

    /// Rejects a record that is no row.
    pub fn reject(&mut self, line: u64, raw: &[u8], reason: &str) {
        self.bytes += raw.len();
        // A few bytes more, so that a character at the limit is whole until the text is cut there.
        let text = String::from_utf8_lossy(raw.get(..RAW_LIMIT + 4).unwrap_or(raw));
        // Databases that dead letters are kept in take no NUL.
        let text = if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{fffd}")) } else { text };
        self.last = self.before.saturating_add(line);
        match &self.member {
            Some((member, unit)) => {
                self.rejects.push(self.last, format!("{member}, {unit} {line}: {reason}"), Some(&text));
            }
            None => self.rejects.push(self.last, reason, Some(&text)),
        }
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
