//! What a function may ask of its host. Outside a component, [`Source`] and [`Documents`] have the
//! implementations that a test gives, and [`setting`] reads the environment.

use std::io::{self, BufRead, Read};

use crate::types::Failure;

/// The bytes of the object that an event is about.
pub trait Source {
    /// Its length in bytes, as stored.
    fn size(&self) -> u64;
    /// At most `len` bytes from `offset`; fewer only at the end, none past it.
    fn read(&self, offset: u64, len: u32) -> Result<Vec<u8>, Failure>;
}

impl Source for Vec<u8> {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn read(&self, offset: u64, len: u32) -> Result<Vec<u8>, Failure> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.len());
        let end = start.saturating_add(len as usize).min(self.len());
        Ok(self.get(start..end).unwrap_or_default().to_vec())
    }
}

/// How much [`SourceReader`] asks for at once, in bytes: large enough that calls cost nothing, small
/// against a sandbox's memory.
pub const READ_SIZE: u32 = 256 * 1024;

/// Reads a source from its beginning to its end.
pub struct SourceReader {
    source: Box<dyn Source>,
    offset: u64,
    buffer: Vec<u8>,
    position: usize,
    failure: Option<Failure>,
}

impl SourceReader {
    /// Starts at the beginning.
    pub fn new(source: Box<dyn Source>) -> Self {
        Self { source, offset: 0, buffer: Vec::new(), position: 0, failure: None }
    }

    /// How many bytes were asked of the source so far.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The source's own failure behind an [`io::Error`] of this reader, if it was one.
    pub fn take_failure(&mut self) -> Option<Failure> {
        self.failure.take()
    }
}

impl BufRead for SourceReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.position >= self.buffer.len() {
            self.buffer = self.source.read(self.offset, READ_SIZE).map_err(|failure| {
                let err = io::Error::other(failure.to_string());
                self.failure = Some(failure);
                err
            })?;
            self.offset += self.buffer.len() as u64;
            self.position = 0;
        }
        Ok(self.buffer.get(self.position..).unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        self.position += amount;
    }
}

impl Read for SourceReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let amount = self.fill_buf()?.read(out)?;
        self.consume(amount);
        Ok(amount)
    }
}

/// A document as it is written; see `documents` in `wit/pipeline.wit`.
pub use crate::bindings::imports::wasmill::pipeline::documents::Document;
/// What happened to the documents of a batch.
pub use crate::bindings::imports::wasmill::pipeline::documents::Written;

/// Writes documents.
pub trait Documents {
    /// Writes all of them or none. Writing a batch again changes nothing.
    fn upsert_batch(&mut self, collection: &str, documents: Vec<Document>) -> Result<Written, Failure>;
}

/// The value of a setting: a secret, or something that differs from place to place. None if it is not set
/// or the manifest does not grant it.
pub fn setting(name: &str) -> Option<String> {
    #[cfg(target_family = "wasm")]
    return crate::bindings::imports::wasmill::pipeline::settings::get(name);
    #[cfg(not(target_family = "wasm"))]
    std::env::var(name).ok()
}
