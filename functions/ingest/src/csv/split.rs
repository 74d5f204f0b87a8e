//! Records and fields of separated values.

use std::ops::Range;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use wasmill_sdk::Failure;
use wasmill_sdk::rejects::RAW_LIMIT;

use crate::text::Text;

/// The characters that mean something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    /// Separates fields.
    pub delimiter: u8,
    /// Encloses fields.
    pub quote: Option<u8>,
    /// Takes the next character of a quoted field as it is.
    pub escape: Option<u8>,
    /// Begins a line that is not read.
    pub comment: Option<u8>,
    /// The longest record, in bytes.
    pub max_bytes: usize,
}

/// A record in a text.
pub enum Record {
    /// Its fields are in [`Splitter::field`]; it is this many bytes of the text, which are still unread.
    Whole(usize),
    /// It is not read, but left behind.
    Broken {
        /// The line it starts on.
        line: u64,
        /// Its beginning.
        raw: Vec<u8>,
        /// Why.
        reason: String,
    },
}

/// Splits text into records, and records into fields.
///
/// A record without quotes is split where it stands. The others take the way through csv-core, which removes
/// quotes into a buffer; for a record without quotes that way would give the same.
pub struct Splitter {
    dialect: Dialect,
    reader: Reader,
    fields: Vec<Range<usize>>,
    unquoted: Vec<u8>,
    ends: Vec<usize>,
    in_place: bool,
}

impl Splitter {
    /// A splitter for the dialect.
    pub fn new(dialect: Dialect) -> Self {
        let mut reader = ReaderBuilder::new()
            .delimiter(dialect.delimiter)
            .quoting(dialect.quote.is_some())
            .quote(dialect.quote.unwrap_or(b'"'))
            .escape(dialect.escape)
            .build();
        // At its very beginning, csv-core would look for a byte order mark; that is done.
        reader.read_record(b"\n", &mut [], &mut []);
        let (unquoted, ends) = (vec![0; 4096], vec![0; 64]);
        Self { dialect, reader, fields: Vec::new(), unquoted, ends, in_place: true }
    }

    /// Finds the next record, none after the last. Empty lines and comments are left behind.
    pub fn next(&mut self, text: &mut Text) -> Result<Option<Record>, Failure> {
        if !self.begin(text)? {
            return Ok(None);
        }
        match self.split_in_place(text)? {
            Some(len) => Ok(Some(Record::Whole(len))),
            None => self.split_quoted(text).map(Some),
        }
    }

    /// Whether the record surely has no line end in it.
    pub fn in_one_line(&self) -> bool {
        self.in_place
    }

    /// How many fields the record has.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// A field of the record that is `raw`.
    pub fn field<'a>(&'a self, raw: &'a [u8], index: usize) -> Option<&'a [u8]> {
        let bytes = if self.in_place { raw } else { &self.unquoted };
        bytes.get(self.fields.get(index)?.clone())
    }

    /// Goes to the first byte of a record; false if there is none.
    fn begin(&self, text: &mut Text) -> Result<bool, Failure> {
        let mut in_comment = false;
        loop {
            let unread = text.unread();
            match unread.first() {
                None => {
                    if !text.more()? {
                        return Ok(false);
                    }
                }
                Some(b'\n' | b'\r') => {
                    in_comment = false;
                    text.consume(1);
                }
                Some(byte) if in_comment || Some(*byte) == self.dialect.comment => {
                    in_comment = true;
                    let len = memchr::memchr2(b'\n', b'\r', unread).unwrap_or(unread.len());
                    text.consume_in_line(len);
                }
                Some(_) => return Ok(true),
            }
        }
    }

    /// Splits a record in which nothing is quoted: how long it is. None if there is a quote or no end in sight.
    fn split_in_place(&mut self, text: &mut Text) -> Result<Option<usize>, Failure> {
        self.in_place = true;
        self.fields.clear();
        let Dialect { delimiter, max_bytes, .. } = self.dialect;
        let quote = self.dialect.quote.unwrap_or(delimiter);
        let (mut field, mut at) = (0, 0);
        loop {
            let unread = text.unread();
            for byte in unread.get(at..).unwrap_or_default() {
                if *byte == delimiter {
                    self.fields.push(field..at);
                    field = at + 1;
                } else if *byte == b'\n' || *byte == b'\r' {
                    self.fields.push(field..at);
                    return Ok((at <= max_bytes).then_some(at));
                } else if *byte == quote {
                    return Ok(None);
                }
                at += 1;
            }
            if at > max_bytes {
                return Ok(None);
            }
            if !text.more()? {
                self.fields.push(field..at);
                return Ok(Some(at));
            }
        }
    }

    /// Splits any record.
    fn split_quoted(&mut self, text: &mut Text) -> Result<Record, Failure> {
        self.in_place = false;
        // One more for the end of the line, which csv-core must see.
        let limit = self.dialect.max_bytes.saturating_add(1);
        let (mut fed, mut written, mut ended, mut last) = (0, 0, 0, false);
        loop {
            let rest = text.unread().get(fed..).unwrap_or_default();
            if rest.is_empty() && !last {
                last = !text.more()?;
                continue;
            }
            let input = if last { b"\n" } else { rest.get(..limit - fed).unwrap_or(rest) };
            let output = self.unquoted.get_mut(written..).unwrap_or_default();
            let ends = self.ends.get_mut(ended..).unwrap_or_default();
            let (result, read, wrote, found) = self.reader.read_record(input, output, ends);
            fed += if last { 0 } else { read };
            written += wrote;
            ended += found;
            match result {
                ReadRecordResult::Record => {
                    self.take_fields(ended);
                    return Ok(Record::Whole(if last { fed } else { fed - 1 }));
                }
                ReadRecordResult::OutputFull => self.unquoted.resize(2 * self.unquoted.len(), 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(2 * self.ends.len(), 0),
                // A line end in quotes is text, so this is not the end of a record.
                ReadRecordResult::InputEmpty | ReadRecordResult::End if last => {
                    let (raw, line) = (beginning(text, fed), text.line());
                    text.consume(fed);
                    let reason = format!("a quote is left open{}", lines(line, text.line()));
                    return Ok(Record::Broken { line, raw, reason });
                }
                ReadRecordResult::InputEmpty | ReadRecordResult::End if fed == limit => return self.skip(text, fed),
                ReadRecordResult::InputEmpty | ReadRecordResult::End => {}
            }
        }
    }

    /// Leaves a record behind that is too long, of which csv-core has seen `fed` bytes.
    fn skip(&mut self, text: &mut Text, fed: usize) -> Result<Record, Failure> {
        let (raw, line) = (beginning(text, fed), text.line());
        text.consume(fed);
        loop {
            if text.unread().is_empty() && !text.more()? {
                break;
            }
            let (result, read, ..) = self.reader.read_record(text.unread(), &mut self.unquoted, &mut self.ends);
            let whole = result == ReadRecordResult::Record;
            text.consume(if whole { read.saturating_sub(1) } else { read });
            if whole {
                break;
            }
        }
        let limit = self.dialect.max_bytes;
        let lines = lines(line, text.line());
        let reason =
            format!("longer than {limit} bytes{lines}: is a quote left open? hint: max_row_bytes = {}", 2 * limit);
        Ok(Record::Broken { line, raw, reason })
    }

    /// Notes where the fields are that csv-core found.
    fn take_fields(&mut self, count: usize) {
        self.fields.clear();
        let mut start = 0;
        for end in self.ends.iter().take(count) {
            self.fields.push(start..*end);
            start = *end;
        }
    }
}

/// The beginning of the record that is next, of which `len` bytes are read.
fn beginning(text: &Text, len: usize) -> Vec<u8> {
    text.unread().iter().take(len.min(RAW_LIMIT)).copied().collect()
}

/// The lines of a broken record, if there are several.
fn lines(first: u64, last: u64) -> String {
    if first == last { String::new() } else { format!(" (lines {first} to {last})") }
}
