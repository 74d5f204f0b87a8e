//! Arrow IPC: a stream, or a file, which holds one.

use std::io::Read;

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::reader::StreamDecoder;
use arrow_schema::{ArrowError, Schema, SchemaRef};
use wasmill_sdk::Failure;

use super::BatchSource;
use crate::stored::{Account, peek};

/// The batches of a stream. Messages are taken as they come, so that none is believed how long it says it is.
pub struct ArrowBatches {
    content: Box<dyn Read>,
    account: Account,
    decoder: StreamDecoder,
    buffer: Buffer,
    schema: SchemaRef,
    /// A batch that came with the schema.
    first: Option<RecordBatch>,
    ended: bool,
}

/// How an Arrow file begins; the stream in it follows.
const MAGIC: &[u8] = b"ARROW1\0\0";

/// How much is read at once, in bytes.
const READ_SIZE: u64 = 256 * 1024;

impl ArrowBatches {
    /// Starts reading an object, up to its schema.
    pub fn open(content: Box<dyn Read>, account: &Account) -> Result<Self, Failure> {
        let (head, content) = peek(content, MAGIC.len() as u64, account)?;
        let mut batches = Self {
            content,
            account: account.clone(),
            decoder: StreamDecoder::new(),
            buffer: Buffer::default(),
            schema: SchemaRef::new(Schema::empty()),
            first: None,
            ended: false,
        };
        if head == MAGIC {
            batches.fill(MAGIC.len() as u64)?;
            batches.buffer = Buffer::default();
        }
        batches.first = batches.decode()?;
        batches.schema = batches
            .decoder
            .schema()
            .ok_or_else(|| Failure::Reject("the object is no Arrow stream or file: it has no schema".to_owned()))?;
        Ok(batches)
    }

    /// Reads more; false at the end.
    fn fill(&mut self, len: u64) -> Result<bool, Failure> {
        let mut bytes = Vec::new();
        let outcome = self.content.by_ref().take(len).read_to_end(&mut bytes);
        outcome.map_err(|err| self.account.explain(&err))?;
        self.buffer = Buffer::from_vec(bytes);
        Ok(!self.buffer.is_empty())
    }

    fn decode(&mut self) -> Result<Option<RecordBatch>, Failure> {
        while !self.ended {
            if self.buffer.is_empty() && !self.fill(READ_SIZE)? {
                self.ended = true;
                return self.decoder.finish().map(|()| None).map_err(|err| damaged(&err));
            }
            match self.decoder.decode(&mut self.buffer) {
                Ok(None) => {}
                Ok(Some(batch)) => return Ok(Some(batch)),
                // Behind the stream's end, in a file, is its footer.
                Err(_) if self.decoder.finish().is_ok() => {
                    self.ended = true;
                    // What packs it may have a checksum behind it.
                    while self.fill(READ_SIZE)? {}
                }
                Err(err) => return Err(damaged(&err)),
            }
        }
        Ok(None)
    }
}

impl BatchSource for ArrowBatches {
    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn next(&mut self) -> Result<Option<RecordBatch>, Failure> {
        match self.first.take() {
            Some(batch) => Ok(Some(batch)),
            None => self.decode(),
        }
    }
}

fn damaged(err: &ArrowError) -> Failure {
    Failure::Reject(format!("the Arrow data is damaged or cut off: {err}"))
}
