//! Parts of objects of text, which can be read at the same time.
//!
//! A part begins where a record does, so what is quoted must be known from the object's beginning on: a `Cutter` goes
//! through all of it, from one quote or line end to the next, which takes a small share of the time of reading it.

use std::io::BufRead;

use wasmill_sdk::{Failure, Part, Splitter};

use crate::csv::split::Dialect;
use crate::stored::Stored;

/// A mark that text in UTF-8 may begin with.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// What must be known to read a part: the line it begins on, and the record that names the columns.
#[derive(Debug, PartialEq, Eq)]
pub struct Hint {
    /// The line, from 1.
    pub line: u64,
    /// The header with the end of its line; empty if there is none, or if it is in the part.
    pub header: Vec<u8>,
}

impl Hint {
    fn encode(&self) -> Vec<u8> {
        [&self.line.to_le_bytes(), self.header.as_slice()].concat()
    }

    /// What a part brings.
    pub fn decode(hint: &[u8]) -> Result<Self, Failure> {
        match hint.split_first_chunk() {
            Some((line, header)) => Ok(Self { line: u64::from_le_bytes(*line), header: header.to_vec() }),
            None => Err(Failure::Other("a part of an object brings no line".to_owned())),
        }
    }
}

/// What an object is cut apart by.
pub struct Cutting {
    /// What its records are; none: lines.
    pub dialect: Option<Dialect>,
    /// What names the columns, with the end of its line.
    pub header: Vec<u8>,
    /// How many bytes the first part has at least, so that all of the header is in it.
    pub first: u64,
}

impl Cutting {
    /// Lines, without a header.
    pub fn lines() -> Self {
        Self { dialect: None, header: Vec::new(), first: 0 }
    }
}

/// Parts of an object of text.
pub struct TextParts {
    stored: Stored,
    size: u64,
    header: Vec<u8>,
    first: u64,
    cutter: Cutter,
    /// Where the next part begins, and on which line.
    offset: u64,
    line: u64,
}

impl TextParts {
    /// Parts of about `size` bytes.
    pub fn new(mut stored: Stored, size: u64, cutting: Cutting) -> Result<Self, Failure> {
        let Cutting { dialect, header, mut first } = cutting;
        if stored.read_at(0, MARK.len() as u64)? == MARK {
            stored.skip(MARK.len() as u64);
            first += MARK.len() as u64;
        }
        let size = size.max(1);
        Ok(Self { stored, size, header, first, cutter: Cutter::new(dialect), offset: 0, line: 1 })
    }
}

impl Splitter for TextParts {
    fn next(&mut self) -> Result<Option<Part>, Failure> {
        let begin = self.offset;
        let (line, end) = (self.line, self.stored.size());
        if begin >= end {
            return Ok(None);
        }
        let wanted = begin.saturating_add(self.size).max(self.first);
        self.offset = loop {
            let place = self.stored.place();
            let account = self.stored.account().clone();
            let bytes = self.stored.fill_buf().map_err(|err| account.explain(&err))?;
            if bytes.is_empty() {
                break end;
            }
            let len = bytes.len();
            // Cuts before `wanted` are passed over.
            let target = usize::try_from(wanted.saturating_sub(place)).unwrap_or(usize::MAX);
            let cut = self.cutter.cut(bytes, target);
            self.stored.consume(cut.unwrap_or(len));
            if let Some(cut) = cut {
                break place + cut as u64;
            }
        };
        self.line = self.cutter.line;
        let header = if begin == 0 { Vec::new() } else { self.header.clone() };
        let hint = Hint { line, header }.encode();
        Ok(Some(Part { offset: begin, length: self.offset - begin, hint }))
    }
}

/// Finds where records end.
struct Cutter {
    delimiter: u8,
    quote: Option<u8>,
    escape: Option<u8>,
    comment: Option<u8>,
    state: State,
    /// The byte before the next.
    last: u8,
    /// The line of the next byte, from 1.
    line: u64,
}

/// What the next byte is in; the same as csv-core has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It is the first of a record, or ends an empty line.
    Start,
    /// A record, outside of quotes.
    Plain,
    /// A line that is left out.
    Comment,
    /// Quotes.
    Quoted,
    /// Quotes, behind an escape.
    Escaped,
    /// It follows a quote in quotes, which it ends or doubles.
    AfterQuote,
}

impl Cutter {
    fn new(dialect: Option<Dialect>) -> Self {
        let (delimiter, quote, escape, comment) = match dialect {
            Some(Dialect { delimiter, quote, escape, comment, .. }) => (delimiter, quote, escape, comment),
            None => (b'\n', None, None, None),
        };
        Self { delimiter, quote, escape, comment, state: State::Start, last: 0, line: 1 }
    }

    /// Goes on with `bytes`, up to the first end of a record at `target` or after it that is a line feed: behind it is the next
    /// record. None if there is none among them.
    fn cut(&mut self, bytes: &[u8], target: usize) -> Option<usize> {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let Some(step) = self.next_of_interest(rest) else {
                if self.state == State::Start {
                    self.state = State::Plain;
                }
                break;
            };
            let (Some(byte), place) = (rest.get(step).copied(), at + step) else { break };
            let before = place.checked_sub(1).and_then(|before| bytes.get(before)).copied().unwrap_or(self.last);
            let is_first = step == 0 && self.state == State::Start;
            at = place + 1;
            let ends_line = byte == b'\n' || byte == b'\r';
            if ends_line && !(byte == b'\n' && before == b'\r') {
                self.line += 1;
            }
            self.state = match self.state {
                State::Start if is_first && Some(byte) == self.comment => State::Comment,
                State::Start | State::Plain | State::Comment | State::AfterQuote if ends_line => State::Start,
                State::Start | State::Plain if Some(byte) == self.quote && (is_first || before == self.delimiter) => {
                    State::Quoted
                }
                State::Start | State::Plain => State::Plain,
                State::Comment => State::Comment,
                State::Quoted if Some(byte) == self.quote => State::AfterQuote,
                State::Quoted if Some(byte) == self.escape => State::Escaped,
                State::Quoted | State::Escaped => State::Quoted,
                State::AfterQuote if Some(byte) == self.quote => State::Quoted,
                State::AfterQuote => State::Plain,
            };
            if byte == b'\n' && self.state == State::Start && at >= target {
                self.last = byte;
                return Some(at);
            }
        }
        self.last = bytes.last().copied().unwrap_or(self.last);
        None
    }

    /// The next byte that may change the state, or ends a line.
    fn next_of_interest(&self, bytes: &[u8]) -> Option<usize> {
        let first = bytes.first().copied();
        match (self.state, self.quote) {
            (State::Escaped | State::AfterQuote, _) => Some(0),
            (State::Start, _) if first.is_some() && first == self.comment => Some(0),
            (State::Quoted, Some(quote)) if self.escape.is_none() => memchr::memchr3(quote, b'\n', b'\r', bytes),
            (State::Quoted, _) => {
                let of_interest = |byte: &u8| {
                    matches!(byte, b'\n' | b'\r') || Some(*byte) == self.quote || Some(*byte) == self.escape
                };
                bytes.iter().position(of_interest)
            }
            (State::Start | State::Plain, Some(quote)) => memchr::memchr3(quote, b'\n', b'\r', bytes),
            (State::Start | State::Plain | State::Comment, _) => memchr::memchr2(b'\n', b'\r', bytes),
        }
    }
}
