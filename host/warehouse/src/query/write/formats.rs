//! Rows for programs.

use std::io::{self, BufWriter, Write};

use arrow_array::RecordBatch;
use arrow_ipc::writer::StreamWriter;
use arrow_json::writer::LineDelimited;
use arrow_json::{Writer, WriterBuilder};
use arrow_schema::{ArrowError, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use super::{Failed, Rows};

/// Rows of a group of Parquet are written when they are about so many bytes.
const GROUP: usize = 64 << 20;

type Out = BufWriter<Box<dyn Write + Send>>;

/// Comma-separated values.
pub struct Csv {
    writer: arrow_csv::Writer<Out>,
}

impl Csv {
    pub fn new(schema: &SchemaRef, out: Box<dyn Write + Send>) -> Result<Self, Failed> {
        if let Some(nested) = schema.fields().iter().find(|field| field.data_type().is_nested()) {
            return Err(Failed::Form(format!("`{}` is {}\nhint: --format json", nested.name(), nested.data_type())));
        }
        let mut writer = arrow_csv::WriterBuilder::new().with_header(true).build(BufWriter::new(out));
        // The names are there even if no row is.
        writer.write(&RecordBatch::new_empty(schema.clone()))?;
        Ok(Self { writer })
    }
}

impl Rows for Csv {
    fn write(&mut self, rows: &RecordBatch) -> Result<(), Failed> {
        Ok(self.writer.write(rows)?)
    }

    fn finish(self: Box<Self>) -> Result<(), Failed> {
        Ok(self.writer.into_inner().flush()?)
    }
}

/// JSON, an object a line.
pub struct Json {
    writer: Writer<Out, LineDelimited>,
}

impl Json {
    pub fn new(out: Box<dyn Write + Send>) -> Self {
        Self { writer: WriterBuilder::new().with_explicit_nulls(true).build(BufWriter::new(out)) }
    }
}

impl Rows for Json {
    fn write(&mut self, rows: &RecordBatch) -> Result<(), Failed> {
        Ok(self.writer.write(rows)?)
    }

    fn finish(mut self: Box<Self>) -> Result<(), Failed> {
        self.writer.finish()?;
        Ok(self.writer.into_inner().flush()?)
    }
}

/// A stream of Arrow's IPC.
pub struct Arrow {
    writer: StreamWriter<Out>,
}

impl Arrow {
    pub fn new(schema: &SchemaRef, out: Box<dyn Write + Send>) -> Result<Self, Failed> {
        Ok(Self { writer: StreamWriter::try_new(BufWriter::new(out), schema)? })
    }
}

impl Rows for Arrow {
    fn write(&mut self, rows: &RecordBatch) -> Result<(), Failed> {
        Ok(self.writer.write(rows)?)
    }

    fn finish(mut self: Box<Self>) -> Result<(), Failed> {
        self.writer.finish()?;
        Ok(self.writer.get_mut().flush()?)
    }
}

/// A file of Parquet.
pub struct Parquet {
    writer: ArrowWriter<Out>,
}

impl Parquet {
    pub fn new(schema: &SchemaRef, out: Box<dyn Write + Send>) -> Result<Self, Failed> {
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        Ok(Self { writer: ArrowWriter::try_new(BufWriter::new(out), schema.clone(), Some(properties))? })
    }
}

impl Rows for Parquet {
    fn write(&mut self, rows: &RecordBatch) -> Result<(), Failed> {
        self.writer.write(rows)?;
        if self.writer.in_progress_size() > GROUP {
            self.writer.flush()?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<(), Failed> {
        self.writer.finish()?;
        Ok(self.writer.inner_mut().flush()?)
    }
}

impl From<ArrowError> for Failed {
    fn from(err: ArrowError) -> Self {
        match err {
            ArrowError::IoError(_, err) => Self::Out(err),
            // The writer of CSV tells of it as text.
            err if err.to_string().contains("Broken pipe") => Self::Out(io::ErrorKind::BrokenPipe.into()),
            err => Self::Form(err.to_string()),
        }
    }
}

impl From<ParquetError> for Failed {
    fn from(err: ParquetError) -> Self {
        match err {
            ParquetError::External(err) => match err.downcast::<io::Error>() {
                Ok(err) => Self::Out(*err),
                Err(err) => Self::Form(err.to_string()),
            },
            err => Self::Form(err.to_string()),
        }
    }
}
