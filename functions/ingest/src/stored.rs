//! The bytes of an object as they are stored, and how far they are read.

use std::io::{self, BufRead, Read};

use wasmill_sdk::{Failure, Source, SourceReader};

/// Reads an object from its beginning, which can be looked at first.
pub struct Stored {
    head: Vec<u8>,
    used: usize,
    rest: SourceReader,
    position: u64,
    ended: bool,
}

impl Stored {
    /// Starts at the beginning.
    pub fn new(source: Box<dyn Source>) -> Self {
        Self { head: Vec::new(), used: 0, rest: SourceReader::new(source), position: 0, ended: false }
    }

    /// The first `len` bytes, fewer if there are fewer; before anything is read.
    pub fn peek(&mut self, len: u64) -> Result<&[u8], Failure> {
        let outcome = self.rest.by_ref().take(len).read_to_end(&mut self.head);
        outcome.map_err(|err| self.failure().unwrap_or_else(|| Failure::Other(err.to_string())))?;
        Ok(&self.head)
    }

    /// How many bytes were read.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Whether more was asked for than there is.
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// The source's own failure, if that is what went wrong.
    pub fn failure(&mut self) -> Option<Failure> {
        self.rest.take_failure()
    }
}

impl BufRead for Stored {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.used < self.head.len() {
            return Ok(self.head.get(self.used..).unwrap_or_default());
        }
        let bytes = self.rest.fill_buf()?;
        self.ended |= bytes.is_empty();
        Ok(bytes)
    }

    fn consume(&mut self, amount: usize) {
        self.position += amount as u64;
        if self.used < self.head.len() {
            self.used += amount;
        } else {
            self.rest.consume(amount);
        }
    }
}

impl Read for Stored {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let amount = self.fill_buf()?.read(out)?;
        self.consume(amount);
        Ok(amount)
    }
}
