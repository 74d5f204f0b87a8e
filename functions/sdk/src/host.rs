//! What a function may ask of its host. Outside a component, [`Source`] and [`Documents`] have the
//! implementations that a test gives, and [`setting`] reads the environment.

use std::cell::Cell;
use std::io::{self, BufRead, Read, Seek, SeekFrom};
use std::rc::Rc;

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

/// Reads a source, from its beginning unless told otherwise. A clone reads the same source at a place of its own.
pub struct SourceReader {
    source: Rc<dyn Source>,
    offset: u64,
    buffer: Vec<u8>,
    position: usize,
    failure: Rc<Cell<Option<Failure>>>,
}

impl SourceReader {
    /// Starts at the beginning.
    pub fn new(source: Box<dyn Source>) -> Self {
        Self { source: source.into(), offset: 0, buffer: Vec::new(), position: 0, failure: Rc::default() }
    }

    /// The source's length in bytes.
    pub fn size(&self) -> u64 {
        self.source.size()
    }

    /// The place of the next byte, from the source's beginning.
    pub fn place(&self) -> u64 {
        self.offset - (self.buffer.len() - self.position.min(self.buffer.len())) as u64
    }

    /// Bytes of the source, wherever they are: as many as asked for, or up to the end.
    pub fn read_at(&self, mut offset: u64, len: u64) -> io::Result<Vec<u8>> {
        let end = offset.saturating_add(len).min(self.size());
        let mut bytes = Vec::new();
        while offset < end {
            let most = u32::try_from(end - offset).unwrap_or(u32::MAX);
            let part = self.source.read(offset, most).map_err(|failure| self.fail(failure))?;
            if part.is_empty() {
                break;
            }
            offset += part.len() as u64;
            if bytes.is_empty() { bytes = part } else { bytes.extend_from_slice(&part) }
        }
        Ok(bytes)
    }

    /// The source's own failure behind an [`io::Error`] of this reader or a clone, if it was one.
    pub fn take_failure(&self) -> Option<Failure> {
        self.failure.take()
    }

    fn fail(&self, failure: Failure) -> io::Error {
        let err = io::Error::other(failure.to_string());
        self.failure.set(Some(failure));
        err
    }
}

impl Clone for SourceReader {
    fn clone(&self) -> Self {
        let (source, failure) = (self.source.clone(), self.failure.clone());
        Self { source, offset: self.place(), buffer: Vec::new(), position: 0, failure }
    }
}

impl Seek for SourceReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = match to {
            SeekFrom::Start(place) => Some(place),
            SeekFrom::End(by) => self.size().checked_add_signed(by),
            SeekFrom::Current(by) => self.place().checked_add_signed(by),
        };
        let place = place.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        let start = self.offset - self.buffer.len() as u64;
        match place.checked_sub(start).and_then(|at| usize::try_from(at).ok()) {
            Some(at) if at <= self.buffer.len() => self.position = at,
            _ => {
                self.buffer.clear();
                (self.offset, self.position) = (place, 0);
            }
        }
        Ok(place)
    }
}

impl BufRead for SourceReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.position >= self.buffer.len() {
            self.buffer = self.source.read(self.offset, READ_SIZE).map_err(|failure| self.fail(failure))?;
            self.offset += self.buffer.len() as u64;
            self.position = 0;
        }
        Ok(self.buffer.get(self.position..).unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        self.position = (self.position + amount).min(self.buffer.len());
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

impl Default for Written {
    /// Nothing happened.
    fn default() -> Self {
        Self { inserted: 0, replaced: 0, deleted: 0, unchanged: 0, stale: 0, duplicates: 0, charge: 0.0 }
    }
}

impl std::ops::AddAssign for Written {
    fn add_assign(&mut self, other: Self) {
        self.inserted += other.inserted;
        self.replaced += other.replaced;
        self.deleted += other.deleted;
        self.unchanged += other.unchanged;
        self.stale += other.stale;
        self.duplicates += other.duplicates;
        self.charge += other.charge;
    }
}

/// Writes documents.
pub trait Documents {
    /// Writes documents; see `documents` in `wit/pipeline.wit`. Writing a batch again changes nothing.
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
