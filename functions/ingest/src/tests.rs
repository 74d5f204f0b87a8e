//! The function as a host sees it: configuration and bytes in, rows and rejects out.

mod archives;
mod config;
mod csv;
mod encodings;
mod infer;
mod json;
mod jsonl;
mod packed;
mod parts;
mod random;
mod typed;
mod values;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;
use serde_json::{Value, json};
use wasmill_sdk::{Context, Decoder, Failure, Ingest, Source};

use crate::Function;

/// A source that gives at most so many bytes at a time.
struct Slow(Vec<u8>, u32);

impl Source for Slow {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read(&self, offset: u64, len: u32) -> Result<Vec<u8>, Failure> {
        self.0.read(offset, len.min(self.1))
    }
}

/// All that came of an object.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    /// Each row as `line: value|value`, null as `~`.
    rows: Vec<String>,
    /// Each reject as `line: reason`.
    rejects: Vec<String>,
    /// The rejects' texts.
    raw: Vec<String>,
    /// How many rows and rejects each batch has.
    batches: Vec<usize>,
    /// Why it ended, if it did not end well.
    failure: Option<Failure>,
}

fn configure(config: &Value) -> Result<Function, String> {
    Function::configure(wasmill_sdk::config::parse(&config.to_string())?)
}

fn read(config: &Value, source: impl Source + 'static) -> Outcome {
    let function = configure(config).unwrap();
    let mut outcome = Outcome::default();
    let mut decoder = match function.open(&context(), Box::new(source)) {
        Ok(decoder) => decoder,
        Err(failure) => return Outcome { failure: Some(failure), ..outcome },
    };
    outcome.failure = outcome.read(&function, &mut *decoder);
    outcome
}

/// The same, by parts of about `size` bytes; none if it can only be read as a whole.
fn read_parts(config: &Value, object: &[u8], size: u64) -> Option<Outcome> {
    let function = configure(config).unwrap();
    let mut splitter = function.split(Box::new(Slow(object.to_vec(), 7)), size).unwrap()?;
    let (mut outcome, mut end) = (Outcome::default(), 0);
    while let Some(part) = splitter.next().unwrap() {
        assert!(part.offset == end && part.length > 0, "{part:?} after {end}");
        end = part.offset + part.length;
        let mut decoder = function.open_part(&context(), Box::new(object.to_vec()), part).unwrap();
        outcome.failure = outcome.read(&function, &mut *decoder);
        if outcome.failure.is_some() {
            return Some(outcome);
        }
    }
    assert_eq!(end, object.len() as u64);
    Some(outcome)
}

fn context() -> Context {
    Context { event_id: "test".into(), event_time: 0, attempt: 1 }
}

impl Outcome {
    /// Reads on; why it ended, if it did not end well.
    fn read(&mut self, function: &Function, decoder: &mut dyn Decoder) -> Option<Failure> {
        loop {
            let output = match decoder.next() {
                Ok(Some(output)) => output,
                Ok(None) => return None,
                Err(failure) => return Some(failure),
            };
            assert_eq!(output.batch.schema(), function.schema());
            self.batches.push(output.batch.num_rows() + output.rejects.len());
            self.rows.extend(show(&output.batch));
            let rejects = output.rejects.finish().unwrap();
            let lines = rejects.column(0).as_primitive::<UInt64Type>();
            for row in 0..rejects.num_rows() {
                let reason = rejects.column(1).as_string::<i32>().value(row);
                self.rejects.push(format!("{}: {reason}", lines.value(row)));
                self.raw.push(rejects.column(2).as_string::<i32>().value(row).to_owned());
            }
        }
    }
}

fn show(batch: &RecordBatch) -> Vec<String> {
    let (lines, columns) = batch.columns().split_last().unwrap();
    let lines = lines.as_primitive::<UInt64Type>();
    let row = |row| {
        let values: Vec<String> = columns.iter().map(|column| value(column, row)).collect();
        format!("{}: {}", lines.value(row), values.join("|"))
    };
    (0..batch.num_rows()).map(row).collect()
}

fn value(column: &dyn Array, row: usize) -> String {
    use arrow_array::types::*;
    if column.is_null(row) {
        return "~".to_owned();
    }
    match column.data_type() {
        DataType::Utf8 => column.as_string::<i32>().value(row).to_owned(),
        DataType::Boolean => column.as_boolean().value(row).to_string(),
        DataType::Int8 => column.as_primitive::<Int8Type>().value(row).to_string(),
        DataType::Int16 => column.as_primitive::<Int16Type>().value(row).to_string(),
        DataType::Int32 => column.as_primitive::<Int32Type>().value(row).to_string(),
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::UInt8 => column.as_primitive::<UInt8Type>().value(row).to_string(),
        DataType::UInt16 => column.as_primitive::<UInt16Type>().value(row).to_string(),
        DataType::UInt32 => column.as_primitive::<UInt32Type>().value(row).to_string(),
        DataType::UInt64 => column.as_primitive::<UInt64Type>().value(row).to_string(),
        DataType::Float32 => column.as_primitive::<Float32Type>().value(row).to_string(),
        DataType::Float64 => column.as_primitive::<Float64Type>().value(row).to_string(),
        DataType::Decimal128(..) => column.as_primitive::<Decimal128Type>().value_as_string(row),
        DataType::Date32 => column.as_primitive::<Date32Type>().value_as_date(row).unwrap().to_string(),
        DataType::Timestamp(..) => {
            column.as_primitive::<TimestampMicrosecondType>().value_as_datetime(row).unwrap().to_string()
        }
        DataType::FixedSizeList(..) => {
            let items = column.as_fixed_size_list().value(row);
            (0..items.len()).map(|item| value(&items, item)).collect::<Vec<_>>().join(",")
        }
        other => unreachable!("{other}"),
    }
}

/// The configuration of two columns, `a` and `b`, int32 and text.
fn two(format: &str) -> Value {
    json!({ "format": format, "columns": [{ "name": "a", "type": "int32" }, { "name": "b", "type": "utf8" }] })
}

/// A configuration with other keys too.
fn with(mut config: Value, more: Value) -> Value {
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    config
}

fn rejected(reason: &str) -> Option<Failure> {
    Some(Failure::Reject(reason.to_owned()))
}
