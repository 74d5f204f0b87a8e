//! Rows between steps: an Arrow IPC stream as a function gave it, and what the host read of it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array, BooleanArray, RecordBatch};
use arrow_buffer::Buffer;
use arrow_ipc::reader::StreamDecoder;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use bytes::Bytes;
use serde::Serialize;

/// The most columns that rows may have. A schema is kept for every batch in flight.
pub const COLUMN_LIMIT: usize = 4096;

/// The most rows that a batch may have: what says it has more lies, or does not fit into memory.
pub const ROW_LIMIT: usize = 1 << 24;

/// The longest text that is kept of what a function says, in bytes.
pub const TEXT_LIMIT: usize = 4096;

/// The column that numbers rows in the object they came from.
pub const ROW: &str = "__row";

/// Rows of one schema. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Rows {
    stream: Arc<Vec<u8>>,
    /// The rows, checked, as slices of the stream.
    pub batch: RecordBatch,
}

impl Rows {
    /// Reads a stream that a function gave; its schema must be the one that `bind` promised.
    pub fn read(stream: Vec<u8>, promised: &Schema) -> Result<Self, String> {
        let stream = Arc::new(stream);
        let (schema, batches) = decode(Buffer::from(Bytes::from_owner(Shared(stream.clone()))))?;
        if schema.fields() != promised.fields() {
            return Err(format!("the rows are not of the schema it promised: {}", difference(promised, &schema)));
        }
        let batch = match <[RecordBatch; 1]>::try_from(batches) {
            Ok([batch]) => batch,
            Err(batches) => arrow_select::concat::concat_batches(&schema, &batches).map_err(|err| err.to_string())?,
        };
        Ok(Self { stream, batch })
    }

    /// Rows of the host's own making.
    pub fn new(batch: RecordBatch) -> Result<Self, ArrowError> {
        let mut stream = Vec::new();
        let mut writer = StreamWriter::try_new(&mut stream, &batch.schema())?;
        writer.write(&batch)?;
        writer.finish()?;
        drop(writer);
        Ok(Self { stream: Arc::new(stream), batch })
    }

    /// The same rows as rows of a schema that [`join_schemas`] gave.
    pub fn widened(self, schema: &SchemaRef) -> Result<Self, ArrowError> {
        if self.batch.schema_ref().fields() == schema.fields() {
            return Ok(self);
        }
        Self::new(RecordBatch::try_new(schema.clone(), self.batch.columns().to_vec())?)
    }

    /// The Arrow IPC stream.
    pub fn stream(&self) -> &Vec<u8> {
        &self.stream
    }

    /// The Arrow IPC stream, for keeping.
    pub fn into_stream(self) -> Arc<Vec<u8>> {
        self.stream
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.batch.num_rows()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether each row has a number of its own. What came of a whole event has none.
    pub fn are_numbered(&self) -> bool {
        self.batch.schema_ref().index_of(ROW).is_ok()
    }

    /// The number of the row at `index` in the object that it came from.
    pub fn number(&self, index: usize) -> u64 {
        let numbers = self.batch.column_by_name(ROW).and_then(|column| column.as_primitive_opt::<UInt64Type>());
        numbers.filter(|numbers| index < numbers.len()).map_or(index as u64, |numbers| numbers.value(index))
    }
}

/// A stream that a batch's buffers and the next call both use.
struct Shared(Arc<Vec<u8>>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// A row that did not go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reject {
    /// Its number in the object; for text formats the line.
    pub row: u64,
    /// Why.
    pub reason: String,
    /// The row as text, perhaps cut.
    pub raw: Option<String>,
}

/// Reads the rejects that a function gave; `said` is what is kept of a text.
pub fn read_rejects(stream: Option<Vec<u8>>, said: &dyn Fn(String) -> String) -> Result<Vec<Reject>, String> {
    let Some(stream) = stream else { return Ok(Vec::new()) };
    let (_, batches) = decode(Buffer::from_vec(stream))?;
    let mut rejects = Vec::new();
    for batch in &batches {
        let column =
            |name: &str| batch.column_by_name(name).ok_or_else(|| format!("the rejects have no column `{name}`"));
        let typed = |name: &str, expected: &str| format!("the rejects' column `{name}` is not {expected}");
        let row = column("row")?.as_primitive_opt::<UInt64Type>().ok_or_else(|| typed("row", "uint64"))?;
        let reason = column("reason")?.as_string_opt::<i32>().ok_or_else(|| typed("reason", "utf8"))?;
        let raw = column("raw")?.as_string_opt::<i32>().ok_or_else(|| typed("raw", "utf8"))?;
        for ((row, reason), raw) in row.iter().zip(reason).zip(raw) {
            rejects.push(Reject {
                row: row.unwrap_or_default(),
                reason: said(reason.unwrap_or_default().to_owned()),
                raw: raw.map(|raw| said(raw.to_owned())),
            });
        }
    }
    Ok(rejects)
}

/// Reads the routes that a function gave: boolean columns, as many rows as its batch.
pub fn read_routes(stream: Option<Vec<u8>>, rows: usize) -> Result<Option<RecordBatch>, String> {
    let Some(stream) = stream else { return Ok(None) };
    let (schema, batches) = decode(Buffer::from_vec(stream))?;
    let routes = arrow_select::concat::concat_batches(&schema, &batches).map_err(|err| err.to_string())?;
    if let Some(field) = schema.fields().iter().find(|field| field.data_type() != &DataType::Boolean) {
        return Err(format!("the route `{}` is {}, not boolean", field.name(), field.data_type()));
    }
    if routes.num_rows() != rows {
        return Err(format!("the routes are for {} rows, the batch has {rows}", routes.num_rows()));
    }
    Ok(Some(routes))
}

/// The rows of a route.
pub fn take_route(rows: &Rows, routes: Option<&RecordBatch>, route: &str) -> Result<Rows, String> {
    let chosen = routes
        .filter(|_| !rows.is_empty())
        .map(|routes| routes.column_by_name(route).ok_or_else(|| format!("there is no route `{route}`")))
        .transpose()?;
    let batch = match chosen {
        Some(chosen) => arrow_select::filter::filter_record_batch(&rows.batch, chosen.as_boolean()),
        None => Ok(RecordBatch::new_empty(rows.batch.schema())),
    };
    batch.and_then(Rows::new).map_err(|err| err.to_string())
}

/// The rows in which a column is not null, and the numbers of the others.
pub fn split_nulls(rows: Rows, column: &str) -> Result<(Rows, Vec<u64>), ArrowError> {
    let values = rows.batch.column_by_name(column);
    let Some(nulls) = values.and_then(|values| values.logical_nulls()).filter(|nulls| nulls.null_count() > 0) else {
        return Ok((rows, Vec::new()));
    };
    let numbers = (0..rows.len()).filter(|index| nulls.is_null(*index)).map(|index| rows.number(index)).collect();
    let kept = BooleanArray::new(nulls.into_inner(), None);
    Ok((Rows::new(arrow_select::filter::filter_record_batch(&rows.batch, &kept)?)?, numbers))
}

/// The rows without [`ROW`], for whoever they are no longer rows of an event.
pub fn without_numbers(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let fields = batch.schema();
    let kept: Vec<usize> = (0..fields.fields().len()).filter(|index| fields.field(*index).name() != ROW).collect();
    batch.project(&kept)
}

/// Reads a schema that a function gave.
pub fn read_schema(stream: Vec<u8>) -> Result<SchemaRef, String> {
    decode(Buffer::from_vec(stream)).map(|(schema, _)| schema)
}

/// A stream of a schema and no rows.
pub fn encode_schema(schema: &Schema) -> Result<Vec<u8>, ArrowError> {
    let mut stream = Vec::new();
    StreamWriter::try_new(&mut stream, schema)?.finish()?;
    Ok(stream)
}

fn decode(mut stream: Buffer) -> Result<(SchemaRef, Vec<RecordBatch>), String> {
    // The decoder checks what it reads, but it reads what a stranger wrote: a panic of its own is one more
    // way to say that this is not Arrow.
    let decoded = catch_unwind(AssertUnwindSafe(|| {
        let mut decoder = StreamDecoder::new();
        let mut batches = Vec::new();
        let mut rows = 0;
        while !stream.is_empty() {
            let Some(batch) = decoder.decode(&mut stream)? else { break };
            rows += batch.num_rows();
            if rows > ROW_LIMIT {
                return Err(ArrowError::IpcError(format!("it has more than {ROW_LIMIT} rows")));
            }
            batches.push(batch);
        }
        decoder.finish()?;
        let schema = decoder.schema().ok_or_else(|| ArrowError::IpcError("no schema".into()))?;
        Ok::<_, ArrowError>((schema, batches))
    }));
    match decoded {
        Ok(Ok((schema, _))) if schema.fields().len() > COLUMN_LIMIT => {
            Err(format!("its schema has {} columns, the limit is {COLUMN_LIMIT}", schema.fields().len()))
        }
        Ok(Ok(decoded)) => Ok(decoded),
        Ok(Err(err)) => Err(format!("it is not an Arrow IPC stream: {err}")),
        Err(_) => Err("it is not an Arrow IPC stream".into()),
    }
}

/// The text, without what is past [`TEXT_LIMIT`].
pub fn cut(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(TEXT_LIMIT));
    text
}

/// The schema of rows that are of either: the same columns, which may be null if they may be in one of them. Else the
/// first difference.
pub fn join_schemas(one: &Schema, other: &Schema) -> Result<SchemaRef, String> {
    let (fields, others) = (one.fields(), other.fields());
    for (field, other) in fields.iter().zip(others) {
        if field.name() != other.name() || field.data_type() != other.data_type() {
            return Err(format!("{} and {}", describe(field), describe(other)));
        }
    }
    if fields.len() != others.len() {
        return Err(format!("{} and {} columns", fields.len(), others.len()));
    }
    let joined = fields.iter().zip(others).map(|(field, other)| {
        let is_nullable = field.is_nullable() || other.is_nullable();
        Field::clone(field).with_nullable(is_nullable)
    });
    Ok(Arc::new(Schema::new_with_metadata(joined.collect::<Vec<_>>(), one.metadata().clone())))
}

/// How a schema differs from the one that was promised.
pub fn difference(promised: &Schema, found: &Schema) -> String {
    let pairs = promised.fields().iter().zip(found.fields());
    for (promised, found) in pairs {
        if promised != found {
            return format!("promised {}, found {}", describe(promised), describe(found));
        }
    }
    format!("promised {} columns, found {}", promised.fields().len(), found.fields().len())
}

fn describe(field: &Field) -> String {
    format!("`{}` {}{}", field.name(), field.data_type(), if field.is_nullable() { "" } else { " not null" })
}
