//! A window on an object's text that moves forward, and the line it is at.

use std::io::Read;

use wasmill_sdk::Failure;

use crate::encoding::{Charset, transcode};
use crate::stored::Account;

/// How much is read at once, in bytes.
const READ_SIZE: usize = 256 * 1024;

/// Text from the record being read on; as long as that record, and one read more.
pub struct Text {
    content: Box<dyn Read>,
    account: Account,
    buffer: Vec<u8>,
    /// How many bytes were left behind that are not in the buffer any more.
    before: u64,
    start: usize,
    end: usize,
    line: u64,
    after_return: bool,
}

impl Text {
    /// Starts at the beginning of what an object holds, after a byte order mark. What is surely not text in the
    /// encoding is refused.
    pub fn open(content: Box<dyn Read>, charset: Charset, account: &Account) -> Result<Self, Failure> {
        let content = transcode(content, charset, account)?;
        let mut text = Self::resume(content, account);
        while text.unread().len() < LONGEST_MAGIC && text.more()? {}
        if let Some((_, what, hint)) = FOREIGN.iter().find(|(magic, ..)| text.unread().starts_with(magic)) {
            return Err(Failure::Reject(format!("the object is {what}, not text in UTF-8; hint: {hint}")));
        }
        Ok(text)
    }

    /// Goes on with text in UTF-8, in the middle of an object.
    pub fn resume(content: Box<dyn Read>, account: &Account) -> Self {
        let buffer = vec![0; READ_SIZE];
        let account = account.clone();
        Self { content, account, buffer, before: 0, start: 0, end: 0, line: 1, after_return: false }
    }

    /// Says which line the first unread byte is of.
    pub fn set_line(&mut self, line: u64) {
        (self.line, self.after_return) = (line, false);
    }

    /// What was read and not consumed.
    pub fn unread(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Reads more behind it; false at the end.
    pub fn more(&mut self) -> Result<bool, Failure> {
        if self.end == self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            self.before += self.start as u64;
            self.end -= self.start;
            self.start = 0;
            // Twice as large for a record that takes most of it, so that records are moved few times.
            if self.end > self.buffer.len() / 2 {
                self.buffer.resize(2 * self.buffer.len(), 0);
            }
        }
        let free = self.buffer.get_mut(self.end..).unwrap_or_default();
        let amount = self.content.read(free).map_err(|err| self.account.explain(&err))?;
        self.end += amount;
        Ok(amount > 0)
    }

    /// How many bytes were left behind.
    pub fn consumed(&self) -> u64 {
        self.before + self.start as u64
    }

    /// The line of the first unread byte, from 1. A line ends with LF, CR, or both.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Leaves bytes behind.
    pub fn consume(&mut self, amount: usize) {
        let (mut line, mut after_return) = (self.line, self.after_return);
        for byte in self.unread().iter().take(amount) {
            line += u64::from(*byte == b'\r' || (*byte == b'\n' && !after_return));
            after_return = *byte == b'\r';
        }
        (self.line, self.after_return) = (line, after_return);
        self.start += amount;
    }

    /// Leaves bytes behind that hold no end of a line.
    pub fn consume_in_line(&mut self, amount: usize) {
        self.after_return &= amount == 0;
        self.start += amount;
    }
}

/// The first bytes of what is not text, what it is, and what to do.
const FOREIGN: [(&[u8], &str, &str); 11] = [
    (b"\xff\xfe\0\0", "UTF-32", "iconv -f UTF-32 -t UTF-8"),
    (b"\0\0\xfe\xff", "UTF-32", "iconv -f UTF-32 -t UTF-8"),
    (b"\x1f\x8b\x08", "packed by gzip", "compression = \"auto\", once"),
    (b"\x28\xb5\x2f\xfd", "packed by zstd", "compression = \"auto\", once"),
    (b"PK\x03\x04", "a zip archive", "archive = \"auto\", once"),
    (b"BZh", "packed by bzip2", "pack it by gzip or zstd"),
    (b"\xfd7zXZ\0", "packed by xz", "pack it by gzip or zstd"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "pack it as zip or tar"),
    (b"PAR1", "a Parquet file", "format = \"parquet\""),
    (b"ARROW1", "an Arrow file", "format = \"arrow\""),
    (b"Obj\x01", "an Avro file", "format = \"avro\""),
];

/// The longest of [`FOREIGN`], in bytes.
const LONGEST_MAGIC: usize = 6;
