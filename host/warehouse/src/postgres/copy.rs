//! Rows as `COPY` takes them: <https://www.postgresql.org/docs/current/sql-copy.html>, in its text format.

use std::io::{self, Write};

use arrow_array::{Array, RecordBatch};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_json::EncoderOptions;
use arrow_json::writer::{NullableEncoder, make_encoder};
use arrow_schema::{ArrowError, DataType, FieldRef};
use postgres::Transaction;

use super::failed;
use super::table::quoted;

/// How much is sent at once, in bytes.
const PART: usize = 1 << 20;

/// Adds rows to a table, by the names of their columns.
pub fn copy(transaction: &mut Transaction<'_>, table: &str, rows: &RecordBatch) -> io::Result<()> {
    let schema = rows.schema();
    let names: Vec<String> = schema.fields().iter().map(|field| quoted(field.name())).collect();
    let copy = format!("COPY {table} ({}) FROM STDIN", names.join(", "));
    let mut to = transaction.copy_in(&copy).map_err(failed)?;
    let mut cells = schema
        .fields()
        .iter()
        .zip(rows.columns())
        .map(|(field, column)| Cells::new(field, column.as_ref()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(io::Error::other)?;
    let mut text = Vec::with_capacity(PART + (PART >> 2));
    for row in 0..rows.num_rows() {
        for (index, cells) in cells.iter_mut().enumerate() {
            if index > 0 {
                text.push(b'\t');
            }
            cells.write(row, &mut text).map_err(io::Error::other)?;
        }
        text.push(b'\n');
        if text.len() >= PART {
            to.write_all(&text).map_err(cause)?;
            text.clear();
        }
    }
    to.write_all(&text).map_err(cause)?;
    to.finish().map_err(failed).map(drop)
}

/// What the server says rather than that writing failed.
fn cause(err: io::Error) -> io::Error {
    match err.get_ref().and_then(|err| err.downcast_ref::<postgres::Error>()) {
        Some(said) => io::Error::other(wasmill_postgres::said(said)),
        None => err,
    }
}

/// The cells of a column.
enum Cells<'a> {
    /// As Arrow shows them, which is as PostgreSQL reads them.
    Shown { column: &'a dyn Array, formatter: ArrayFormatter<'a>, shown: String },
    /// Bytes, which it reads as hexadecimal.
    Bytes { column: &'a dyn Array, formatter: ArrayFormatter<'a>, shown: String },
    /// Lists and structs, as JSON.
    Json { encoder: NullableEncoder<'a>, json: Vec<u8> },
}

impl<'a> Cells<'a> {
    fn new(field: &'a FieldRef, column: &'a dyn Array) -> Result<Self, ArrowError> {
        static OPTIONS: FormatOptions<'static> = FormatOptions::new().with_display_error(false);
        static JSON: std::sync::LazyLock<EncoderOptions> =
            std::sync::LazyLock::new(|| EncoderOptions::default().with_explicit_nulls(true));
        let formatter = || ArrayFormatter::try_new(column, &OPTIONS);
        Ok(match value_type(column.data_type()) {
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
                Self::Bytes { column, formatter: formatter()?, shown: String::new() }
            }
            of if of.is_nested() => Self::Json { encoder: make_encoder(field, column, &JSON)?, json: Vec::new() },
            _ => Self::Shown { column, formatter: formatter()?, shown: String::new() },
        })
    }

    fn write(&mut self, row: usize, text: &mut Vec<u8>) -> Result<(), ArrowError> {
        match self {
            Self::Shown { column, .. } | Self::Bytes { column, .. } if column.is_null(row) => text.extend(b"\\N"),
            Self::Shown { formatter, shown, .. } => {
                shown.clear();
                formatter.value(row).write(shown)?;
                escape(shown.as_bytes(), text);
            }
            Self::Bytes { formatter, shown, .. } => {
                shown.clear();
                formatter.value(row).write(shown)?;
                text.extend(b"\\\\x");
                text.extend(shown.as_bytes());
            }
            Self::Json { encoder, .. } if encoder.is_null(row) => text.extend(b"\\N"),
            Self::Json { encoder, json } => {
                json.clear();
                encoder.encode(row, json);
                escape(&wasmill_postgres::json::without_nul(json), text);
            }
        }
        Ok(())
    }
}

/// The type of a column's values.
pub fn value_type(of: &DataType) -> &DataType {
    match of {
        DataType::Dictionary(_, values) => value_type(values),
        of => of,
    }
}

fn escape(value: &[u8], text: &mut Vec<u8>) {
    for byte in value {
        match byte {
            b'\\' => text.extend(b"\\\\"),
            b'\n' => text.extend(b"\\n"),
            b'\r' => text.extend(b"\\r"),
            b'\t' => text.extend(b"\\t"),
            // It has no place for a zero byte.
            0 => text.extend("\u{fffd}".as_bytes()),
            byte => text.push(*byte),
        }
    }
}
