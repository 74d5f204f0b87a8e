//! Rows for people: columns below each other, numbers to the right.

use std::fmt::Write as _;
use std::io::{BufWriter, Write};

use arrow_array::{Array, RecordBatch};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::{DataType, Schema};
use unicode_width::UnicodeWidthStr;

use super::{Failed, Rows};

/// So many rows say how wide columns are; what comes after them may stand out.
const MEASURED: usize = 1000;

/// Where a cell of a short table is cut, in columns of the terminal.
const CUT: usize = 60;

/// What stands for a value that is not there.
const NULL: &str = "NULL";

/// Rows as a table.
pub struct Table {
    out: BufWriter<Box<dyn Write + Send>>,
    names: Vec<String>,
    /// Whether a column stands to the right.
    is_right: Vec<bool>,
    /// Those that were not printed yet.
    waiting: Vec<Vec<String>>,
    widths: Option<Vec<usize>>,
    is_short: bool,
}

impl Table {
    pub fn new(schema: &Schema, out: Box<dyn Write + Send>, is_short: bool) -> Self {
        let names = schema.fields().iter().map(|field| shown(field.name(), is_short)).collect();
        let is_right = schema.fields().iter().map(|field| is_number(field.data_type())).collect();
        Self { out: BufWriter::new(out), names, is_right, waiting: Vec::new(), widths: None, is_short }
    }

    fn print(&mut self) -> Result<(), Failed> {
        let first = self.widths.is_none();
        let widths = self.widths.take().unwrap_or_else(|| {
            let mut widths: Vec<usize> = self.names.iter().map(|name| name.width()).collect();
            for row in &self.waiting {
                for (width, cell) in widths.iter_mut().zip(row) {
                    *width = (*width).max(cell.width());
                }
            }
            widths
        });
        if first {
            line(&mut self.out, &self.names, &widths, &self.is_right)?;
            let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
            line(&mut self.out, &rule, &widths, &self.is_right)?;
        }
        for row in self.waiting.drain(..) {
            line(&mut self.out, &row, &widths, &self.is_right)?;
        }
        self.widths = Some(widths);
        Ok(())
    }
}

impl Rows for Table {
    fn write(&mut self, rows: &RecordBatch) -> Result<(), Failed> {
        let options = FormatOptions::default().with_null(NULL);
        let columns = rows.columns().iter().map(|column| ArrayFormatter::try_new(column, &options));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        for row in 0..rows.num_rows() {
            let mut cells = Vec::with_capacity(columns.len());
            for (formatter, column) in columns.iter().zip(rows.columns()) {
                let mut text = String::new();
                match column.is_null(row) {
                    true => text.push_str(NULL),
                    false => formatter.value(row).write(&mut text).map_err(|err| Failed::Form(err.to_string()))?,
                }
                cells.push(shown(&text, self.is_short));
            }
            self.waiting.push(cells);
            if self.waiting.len() == MEASURED {
                self.print()?;
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<(), Failed> {
        self.print()?;
        Ok(self.out.flush()?)
    }
}

fn line(out: &mut impl Write, cells: &[String], widths: &[usize], is_right: &[bool]) -> Result<(), Failed> {
    let mut text = String::new();
    for ((cell, width), is_right) in cells.iter().zip(widths).zip(is_right) {
        if !text.is_empty() {
            text.push_str("  ");
        }
        let space = " ".repeat(width.saturating_sub(cell.width()));
        let _ = if *is_right { write!(text, "{space}{cell}") } else { write!(text, "{cell}{space}") };
    }
    Ok(writeln!(out, "{}", text.trim_end())?)
}

/// A text in a line, without what a terminal would obey.
fn shown(text: &str, is_short: bool) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() {
            shown.extend(letter.escape_debug());
        } else {
            shown.push(letter);
        }
    }
    if is_short && shown.width() > CUT {
        let mut width = 0;
        let end = shown.char_indices().find(|(_, letter)| {
            width += letter.to_string().width();
            width >= CUT
        });
        shown.truncate(end.map_or(shown.len(), |(at, _)| at));
        shown.push('…');
    }
    shown
}

fn is_number(of: &DataType) -> bool {
    of.is_numeric()
}

/// A plan, as `EXPLAIN` gives it: it has lines of its own.
pub struct Plan {
    out: BufWriter<Box<dyn Write + Send>>,
}

impl Plan {
    pub fn new(out: Box<dyn Write + Send>) -> Self {
        Self { out: BufWriter::new(out) }
    }
}

impl Rows for Plan {
    fn write(&mut self, rows: &RecordBatch) -> Result<(), Failed> {
        let options = FormatOptions::default();
        let columns = rows.columns().iter().map(|column| ArrayFormatter::try_new(column, &options));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        for row in 0..rows.num_rows() {
            for column in &columns {
                let text = column.value(row).try_to_string()?;
                for line in text.trim_end().lines() {
                    writeln!(self.out, "{}", line.trim_end())?;
                }
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<(), Failed> {
        Ok(self.out.flush()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_shown_as_text() {
        assert_eq!(shown("a\nb\u{1b}[31m", false), "a\\nb\\u{1b}[31m");
        assert_eq!(shown(&"é".repeat(100), true), format!("{}…", "é".repeat(59)));
        assert_eq!(shown(&"é".repeat(60), true), "é".repeat(60));
    }
}
