//! Arrow IPC, the form of data between steps.
//!
//! A function sees few schemas and many streams, often of one row, whose schema takes longer to read and to write than
//! the row. So a schema that goes by in a stream of its own, as it does when a function is set up, is remembered, and its
//! message is neither read nor written anew after that.

use std::cell::RefCell;
use std::collections::HashMap;

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::reader::{StreamDecoder, read_record_batch};
use arrow_ipc::root_as_message;
use arrow_ipc::writer::{
    DictionaryTracker, IpcDataGenerator, IpcWriteContext, IpcWriteOptions, StreamWriter, write_message,
};
use arrow_schema::{ArrowError, DataType, SchemaRef};

/// A stream of one batch; of none if the batch has no rows.
pub fn encode(batch: &RecordBatch) -> Result<Vec<u8>, ArrowError> {
    let mut bytes = Vec::with_capacity(size(batch));
    if Known::find(|known| known.is(batch.schema_ref()).then(|| bytes.extend_from_slice(&known.message))).is_some() {
        if batch.num_rows() > 0 {
            let (options, mut context) = (IpcWriteOptions::default(), IpcWriteContext::default());
            let mut no_dictionaries = DictionaryTracker::new(false);
            let generator = IpcDataGenerator::default();
            let (_, encoded) = generator.encode(batch, &mut no_dictionaries, &options, &mut context)?;
            write_message(&mut bytes, encoded, &options)?;
        }
        bytes.extend_from_slice(&END);
        return Ok(bytes);
    }
    let mut writer = StreamWriter::try_new(&mut bytes, &batch.schema())?;
    if batch.num_rows() > 0 {
        writer.write(batch)?;
    }
    writer.finish()?;
    drop(writer);
    Ok(bytes)
}

/// About how long a batch is as a stream, in bytes. (Arrow's own `get_array_memory_size` counts all of what a column is a
/// slice of, and the columns of a batch that was decoded are slices of the same stream.)
pub fn size(batch: &RecordBatch) -> usize {
    let columns = batch.columns().iter().map(|column| column.to_data().get_slice_memory_size().unwrap_or_default());
    columns.sum::<usize>() + 256 * batch.num_columns() + 4096
}

/// A stream of no batch, whose schema is remembered.
pub fn encode_schema(schema: &SchemaRef) -> Result<Vec<u8>, ArrowError> {
    let mut bytes = Vec::new();
    StreamWriter::try_new(&mut bytes, schema)?.finish()?;
    Known::remember(schema, &bytes);
    Ok(bytes)
}

/// The schema and the batches of a stream. Their buffers are slices of `bytes`, not copies. The schema of a stream of no
/// batch is remembered.
pub fn decode(bytes: Vec<u8>) -> Result<(SchemaRef, Vec<RecordBatch>), ArrowError> {
    let mut buffer = Buffer::from_vec(bytes);
    let known =
        Known::find(|known| buffer.starts_with(&known.message).then(|| (known.schema.clone(), known.message.len())));
    if let Some((schema, length)) = known {
        buffer.advance(length);
        let batches = batches(&schema, buffer)?;
        return Ok((schema, batches));
    }
    let whole = buffer.clone();
    let mut decoder = StreamDecoder::new();
    let mut batches = Vec::new();
    while !buffer.is_empty() {
        match decoder.decode(&mut buffer)? {
            Some(batch) => batches.push(batch),
            None => break,
        }
    }
    decoder.finish()?;
    let schema = decoder.schema().ok_or_else(|| ArrowError::IpcError("the stream has no schema".into()))?;
    if batches.is_empty() {
        Known::remember(&schema, &whole);
    }
    Ok((schema, batches))
}

/// The batches of a stream as one; empty if the stream has none.
pub fn decode_one(bytes: Vec<u8>) -> Result<RecordBatch, ArrowError> {
    let (schema, mut batches) = decode(bytes)?;
    match (batches.pop(), batches.is_empty()) {
        (None, _) => Ok(RecordBatch::new_empty(schema)),
        (Some(only), true) => Ok(only),
        (Some(last), false) => {
            batches.push(last);
            arrow_select::concat::concat_batches(&schema, &batches)
        }
    }
}

/// What ends a stream: the marker that every message starts with, and the length 0.
const END: [u8; 8] = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];

/// The most schemas that are remembered. A function needs its input's and its output's; the first ones stay, so that
/// what comes later, from anyone, cannot push them out.
const MOST_KNOWN: usize = 4;

thread_local! {
    static KNOWN: RefCell<Vec<Known>> = const { RefCell::new(Vec::new()) };
}

/// A schema that was seen.
struct Known {
    schema: SchemaRef,
    /// It, as streams begin with it.
    message: Vec<u8>,
}

impl Known {
    fn find<T>(matches: impl FnMut(&Self) -> Option<T>) -> Option<T> {
        KNOWN.with_borrow(|known| known.iter().find_map(matches))
    }

    fn is(&self, schema: &SchemaRef) -> bool {
        std::sync::Arc::ptr_eq(&self.schema, schema) || self.schema == *schema
    }

    /// Remembers the schema of a stream of no batch.
    fn remember(schema: &SchemaRef, stream: &[u8]) {
        // The messages of dictionaries belong to the whole stream, not to a batch.
        let mut fields = schema.flattened_fields().into_iter();
        if fields.any(|field| matches!(field.data_type(), DataType::Dictionary(..))) {
            return;
        }
        let Some(message) = stream.strip_suffix(&END) else { return };
        KNOWN.with_borrow_mut(|known| {
            if known.len() < MOST_KNOWN && known.iter().all(|known| known.message != message) {
                known.push(Self { schema: schema.clone(), message: message.to_vec() });
            }
        });
    }
}

/// The batches that follow a schema without dictionaries in a stream
/// (<https://arrow.apache.org/docs/format/Columnar.html#encapsulated-message-format>).
fn batches(schema: &SchemaRef, mut rest: Buffer) -> Result<Vec<RecordBatch>, ArrowError> {
    let cut = || ArrowError::IpcError("the stream ends within a message".into());
    let mut batches = Vec::new();
    while !rest.is_empty() {
        let Some([0xff, 0xff, 0xff, 0xff, length @ ..]) = rest.first_chunk::<8>() else { return Err(cut()) };
        let length = u32::from_le_bytes(*length) as usize;
        if length == 0 {
            let rest = rest.len() - END.len();
            return if rest == 0 {
                Ok(batches)
            } else {
                Err(ArrowError::IpcError(format!("{rest} bytes follow the end")))
            };
        }
        let start = length.saturating_add(8);
        let message = root_as_message(rest.get(8..start).ok_or_else(cut)?)
            .map_err(|err| ArrowError::IpcError(format!("a message cannot be read: {err}")))?;
        let batch = message
            .header_as_record_batch()
            .ok_or_else(|| ArrowError::IpcError(format!("a message is {:?}, not a batch", message.header_type())))?;
        let body = usize::try_from(message.bodyLength()).map_err(|_| cut())?;
        let end = start.checked_add(body).filter(|end| *end <= rest.len()).ok_or_else(cut)?;
        let body = rest.slice_with_length(start, body);
        batches.push(read_record_batch(&body, batch, schema.clone(), &HashMap::new(), None, &message.version())?);
        rest.advance(end);
    }
    Ok(batches)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_schema::{Field, Schema};

    use crate::rejects::Rejects;

    #[test]
    fn a_batch_comes_back_and_an_empty_one_keeps_its_schema() {
        let mut rejects = Rejects::default();
        rejects.push(1, "why", Some("a,b"));
        let batch = rejects.finish().unwrap();
        assert_eq!(decode_one(encode(&batch).unwrap()).unwrap(), batch);
        let empty = decode_one(encode_schema(&batch.schema()).unwrap()).unwrap();
        assert_eq!((empty.num_rows(), empty.schema()), (0, batch.schema()));
    }

    fn reject(row: u64) -> RecordBatch {
        let mut rejects = Rejects::default();
        rejects.push(row, "why", Some("a,b"));
        rejects.finish().unwrap()
    }

    #[test]
    fn a_schema_that_is_known_changes_nothing() {
        let batch = reject(1);
        let before = encode(&batch).unwrap();
        let read = |stream: &[u8]| decode(stream.to_vec()).unwrap();
        assert_eq!(read(&before), (batch.schema(), vec![batch.clone()]));
        encode_schema(&batch.schema()).unwrap();
        assert!(Known::find(|known| known.is(&batch.schema()).then_some(())).is_some());
        assert_eq!(encode(&batch).unwrap(), before);
        assert_eq!(read(&before), (batch.schema(), vec![batch.clone()]));

        let mut two = Vec::new();
        let mut writer = StreamWriter::try_new(&mut two, &batch.schema()).unwrap();
        writer.write(&batch).unwrap();
        writer.write(&reject(2)).unwrap();
        assert_eq!(read(writer.get_ref()), (batch.schema(), vec![batch.clone(), reject(2)]), "without an end");
        writer.finish().unwrap();
        assert_eq!(read(&two), (batch.schema(), vec![batch, reject(2)]));
        assert!(decode([two.as_slice(), b"more"].concat()).is_err());
        // Wherever a stream is cut it is refused, or has the batches before.
        let boundaries = (0..two.len()).filter(|length| decode(two[..*length].to_vec()).is_ok()).count();
        assert_eq!(boundaries, 3, "after the schema and each batch");
    }

    #[test]
    fn as_much_memory_is_taken_as_a_stream_needs() {
        let mut rejects = Rejects::default();
        (0..1000).for_each(|row| rejects.push(row, "why", Some("a,b")));
        let decoded = decode_one(encode(&rejects.finish().unwrap()).unwrap()).unwrap();
        let bytes = encode(&decoded).unwrap();
        assert!(
            bytes.len() <= size(&decoded) && size(&decoded) < 2 * bytes.len(),
            "{} for {}",
            size(&decoded),
            bytes.len()
        );
    }

    #[test]
    fn only_the_first_few_schemas_are_remembered() {
        let schema = |name: String| std::sync::Arc::new(Schema::new(vec![Field::new(name, DataType::Int8, true)]));
        let first = schema("0".into());
        for number in 0..9 {
            encode_schema(&schema(number.to_string())).unwrap();
        }
        assert_eq!(KNOWN.with_borrow(Vec::len), MOST_KNOWN);
        assert!(Known::find(|known| known.is(&first).then_some(())).is_some());
    }

    #[test]
    fn what_is_not_arrow_is_an_error() {
        assert!(decode(b"not arrow at all".to_vec()).is_err());
        assert!(decode(Vec::new()).is_err());
    }
}
