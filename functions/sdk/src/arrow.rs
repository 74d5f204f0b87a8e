//! Arrow IPC, the form of data between steps.

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::reader::StreamDecoder;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, Schema, SchemaRef};

/// A stream of one batch; of none if the batch has no rows.
pub fn encode(batch: &RecordBatch) -> Result<Vec<u8>, ArrowError> {
    let mut bytes = Vec::with_capacity(batch.get_array_memory_size() + 4096);
    let mut writer = StreamWriter::try_new(&mut bytes, &batch.schema())?;
    if batch.num_rows() > 0 {
        writer.write(batch)?;
    }
    writer.finish()?;
    drop(writer);
    Ok(bytes)
}

/// A stream of no batch.
pub fn encode_schema(schema: &Schema) -> Result<Vec<u8>, ArrowError> {
    let mut bytes = Vec::new();
    StreamWriter::try_new(&mut bytes, schema)?.finish()?;
    Ok(bytes)
}

/// The schema and the batches of a stream. Their buffers are slices of `bytes`, not copies.
pub fn decode(bytes: Vec<u8>) -> Result<(SchemaRef, Vec<RecordBatch>), ArrowError> {
    let mut buffer = Buffer::from_vec(bytes);
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

#[cfg(test)]
mod tests {
    use super::*;
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

    #[test]
    fn what_is_not_arrow_is_an_error() {
        assert!(decode(b"not arrow at all".to_vec()).is_err());
        assert!(decode(Vec::new()).is_err());
    }
}
