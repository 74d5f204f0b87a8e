//! Formats that have types of their own: record batches, by `arrow` and `parquet`.

mod arrow;
mod cells;
mod parquet;

pub use arrow::ArrowBatches;
pub use cells::Class;
pub use parquet::ParquetBatches;

use arrow_array::RecordBatch;
use arrow_schema::Schema;
use wasmill_sdk::Failure;

use crate::decoder::Records;
use crate::reason::{names, unlike};
use crate::rows::Rows;
use crate::schema::ColumnPlan;
use cells::{Cells, Place, class};

/// The batches of an object, one after another.
pub trait BatchSource {
    /// The schema of the object. Batches may leave out what is not wanted of it.
    fn schema(&self) -> &Schema;
    /// The next batch, none after the last.
    fn next(&mut self) -> Result<Option<RecordBatch>, Failure>;
}

/// The rows of an object, numbered from 1.
pub struct TypedRecords<B> {
    batches: B,
    columns: Vec<ColumnPlan>,
    cells: Vec<Cells>,
    row: usize,
    rows: usize,
    count: u64,
}

impl<B: BatchSource> TypedRecords<B> {
    /// Starts reading an object; it is refused if it does not have the columns.
    pub fn open(columns: &[ColumnPlan], batches: B) -> Result<Self, Failure> {
        places(columns, batches.schema())?;
        Ok(Self { batches, columns: columns.to_vec(), cells: Vec::new(), row: 0, rows: 0, count: 0 })
    }

    /// Goes to the next batch that has rows; false after the last.
    fn advance(&mut self) -> Result<bool, Failure> {
        while self.row == self.rows {
            let Some(batch) = self.batches.next()? else { return Ok(false) };
            let places = places(&self.columns, &batch.schema())?;
            let cells = places.iter().map(|place| Cells::of(&batch, place));
            self.cells = cells
                .collect::<Result<_, _>>()
                .map_err(|err| Failure::Reject(format!("rows {} and on cannot be read: {err}", self.count + 1)))?;
            (self.row, self.rows) = (0, batch.num_rows());
            // Nulls take no place, so a few bytes could be any number of rows.
            if self.rows > FREE_ROWS && batch.get_array_memory_size() < self.rows / 8 {
                return Err(Failure::Reject(format!(
                    "there are {} rows from {} on without data",
                    self.rows,
                    self.count + 1
                )));
            }
        }
        Ok(true)
    }
}

impl<B: BatchSource> Records for TypedRecords<B> {
    fn next(&mut self, rows: &mut Rows) -> Result<bool, Failure> {
        if !self.advance()? {
            return Ok(false);
        }
        let (row, cells) = (self.row, &self.cells);
        self.row += 1;
        self.count += 1;
        let bytes = cells.iter().map(|cells| cells.len(row)).sum();
        let outcome = rows.try_push(self.count, bytes, |columns| {
            columns.iter_mut().zip(cells).try_for_each(|(column, cells)| cells.append(row, column))
        });
        if let Err(reason) = outcome {
            let values = self.columns.iter().zip(cells).map(|(column, cells)| (column.name.as_str(), cells.show(row)));
            rows.reject(self.count, describe(values).as_bytes(), &reason);
        }
        Ok(true)
    }
}

/// How many rows a batch may have whatever its size.
const FREE_ROWS: usize = 1024 * 1024;

/// Where the columns are in batches of a schema. The object is refused if one is not there, or never has values of the
/// column's type.
fn places(columns: &[ColumnPlan], schema: &Schema) -> Result<Vec<Place>, Failure> {
    let mut missing = Vec::new();
    let mut places = Vec::with_capacity(columns.len());
    for column in columns {
        match Place::find(&column.path(), schema) {
            Some((place, found)) if class(&found).fits(&column.kind) => places.push(place),
            Some((_, found)) => return Err(Failure::Reject(unlike(column, &found.to_string()))),
            None => missing.push(column.from()),
        }
    }
    let found: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    if missing.is_empty() { Ok(places) } else { Err(Failure::Reject(lacking(&missing, &found))) }
}

/// That an object does not have columns.
pub fn lacking(missing: &[&str], found: &[&str]) -> String {
    format!("the object has no column {}: found {}", names(missing), names(found))
}

/// A row for a reject: a JSON object of the columns, as they are in the object.
pub fn describe<'a>(values: impl Iterator<Item = (&'a str, String)>) -> String {
    let fields: Vec<String> =
        values.map(|(name, value)| format!("{}:{value}", serde_json::Value::from(name))).collect();
    format!("{{{}}}", fields.join(","))
}
