//! Rows as they come, in the form that is asked for. Nothing is kept but what a form needs: the first rows for a table's widths, a group
//! for Parquet.

mod formats;
mod table;

use std::io::{self, Write};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use futures_util::TryStreamExt;

use super::{Answer, QueryError, Session};

/// What rows are written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// For people.
    Table,
    /// Comma-separated values, with a line of names.
    Csv,
    /// JSON, an object a line.
    Json,
    /// A stream of Arrow's IPC.
    Arrow,
    /// A file of Parquet.
    Parquet,
}

impl Form {
    fn name(self) -> &'static str {
        match self {
            Self::Table => "a table",
            Self::Csv => "CSV",
            Self::Json => "JSON",
            Self::Arrow => "Arrow",
            Self::Parquet => "Parquet",
        }
    }
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// How many rows.
    pub rows: u64,
    /// Whether there are more.
    pub more: bool,
}

/// Writes rows in a form.
trait Rows: Send {
    fn write(&mut self, rows: &RecordBatch) -> Result<(), Failed>;
    /// The end of what was begun.
    fn finish(self: Box<Self>) -> Result<(), Failed>;
}

/// Why rows were not written.
enum Failed {
    /// Whoever takes them fails.
    Out(io::Error),
    /// They do not go into the form.
    Form(String),
}

impl From<io::Error> for Failed {
    fn from(err: io::Error) -> Self {
        Self::Out(err)
    }
}

/// Writes the rows of an answer, at most so many of them; of those that are not written not all are computed.
pub async fn write(
    session: &Session,
    answer: Answer,
    form: Form,
    out: Box<dyn Write + Send>,
    most: Option<u64>,
) -> Result<Written, QueryError> {
    let failed = |failed| match failed {
        Failed::Out(err) => QueryError::Write(err),
        Failed::Form(why) => QueryError::Form { format: form.name(), why },
    };
    let Answer { rows: mut stream, is_plan } = answer;
    let mut writer = writer(form, &stream.schema(), is_plan, most.is_some(), out).map_err(failed)?;
    let mut rows = 0;
    while let Some(batch) = stream.try_next().await.map_err(|err| session.failed(err))? {
        let left = most.map_or(u64::MAX, |most| most - rows);
        let taken = (batch.num_rows() as u64).min(left);
        writer.write(&batch.slice(0, taken as usize)).map_err(failed)?;
        rows += taken;
        if taken < batch.num_rows() as u64 {
            writer.finish().map_err(failed)?;
            return Ok(Written { rows, more: true });
        }
    }
    writer.finish().map_err(failed)?;
    Ok(Written { rows, more: false })
}

fn writer(
    form: Form,
    schema: &SchemaRef,
    is_plan: bool,
    is_short: bool,
    out: Box<dyn Write + Send>,
) -> Result<Box<dyn Rows>, Failed> {
    Ok(match form {
        Form::Table if is_plan => Box::new(table::Plan::new(out)),
        Form::Table => Box::new(table::Table::new(schema, out, is_short)),
        Form::Csv => Box::new(formats::Csv::new(schema, out)?),
        Form::Json => Box::new(formats::Json::new(out)),
        Form::Arrow => Box::new(formats::Arrow::new(schema, out)?),
        Form::Parquet => Box::new(formats::Parquet::new(schema, out)?),
    })
}
