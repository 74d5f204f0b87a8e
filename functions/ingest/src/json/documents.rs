//! JSON documents: arrays whose items are rows, found by a path, read an item at a time.

use wasmill_sdk::Failure;
use wasmill_sdk::rejects::RAW_LIMIT;

use super::extent::Extent;
use super::{JsonPlan, too_long};
use crate::decoder::Records;
use crate::rows::Rows;
use crate::text::Text;

/// The rows of an object of JSON documents, numbered from 1.
pub struct JsonRecords {
    plan: JsonPlan,
    text: Text,
    place: Place,
    /// How many rows there were, and how many of those of the value that is next, if it is not done.
    count: u64,
    done: usize,
}

/// Where in the documents the reader is; `open` is how many brackets are open around.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// Before a document, or behind the last.
    Between,
    /// Before a value that is a row.
    Value { open: usize },
    /// In the array, before its first item or behind one.
    Items { open: usize, first: bool },
    /// Behind the rows.
    Rest { open: usize },
}

impl JsonRecords {
    /// Starts reading an object.
    pub fn open(plan: &JsonPlan, text: Text) -> Self {
        Self { plan: plan.clone(), text, place: Place::Between, count: 0, done: 0 }
    }

    /// The next byte that is no space, none at the end.
    fn peek(&mut self) -> Result<Option<u8>, Failure> {
        loop {
            let unread = self.text.unread();
            let spaces = unread.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
            let byte = unread.get(spaces).copied();
            self.text.consume(spaces);
            if byte.is_some() || !self.text.more()? {
                return Ok(byte);
            }
        }
    }

    /// Leaves a byte behind that must be there.
    fn expect(&mut self, byte: u8) -> Result<(), Failure> {
        match self.peek()? {
            Some(found) if found == byte => {
                self.text.consume_in_line(1);
                Ok(())
            }
            _ => Err(self.broken(&format!("expected `{}`", char::from(byte)))),
        }
    }

    /// Why the documents cannot be read on.
    fn broken(&self, problem: &str) -> Failure {
        match self.text.unread().first() {
            Some(_) => Failure::Reject(format!("not JSON: {problem} on line {}", self.text.line())),
            None => self.cut(),
        }
    }

    fn cut(&self) -> Failure {
        let line = self.text.line();
        Failure::Reject(format!("the JSON document ends on line {line} before it is complete: was the object cut off?"))
    }

    /// How long the next value is. None if it is longer than the limit.
    fn value_len(&mut self) -> Result<Option<usize>, Failure> {
        let (mut searched, mut extent) = (0, Extent::default());
        loop {
            let unread = self.text.unread();
            let found = extent.end(unread.get(searched..).unwrap_or_default()).map(|at| searched + at);
            searched = found.unwrap_or(unread.len());
            if searched > self.plan.max_bytes {
                return Ok(None);
            }
            match found {
                Some(0) => return Err(self.broken("expected a value")),
                Some(len) => return Ok(Some(len)),
                None if self.text.more()? => {}
                None if extent.may_end() => return Ok(Some(searched)),
                None => {
                    self.text.consume(searched);
                    return Err(self.cut());
                }
            }
        }
    }

    /// Leaves a value behind, or what is left of one.
    fn skip(&mut self, mut extent: Extent) -> Result<(), Failure> {
        loop {
            let unread = self.text.unread();
            let end = extent.end(unread);
            let len = end.unwrap_or(unread.len());
            self.text.consume(len);
            if end.is_some() {
                return Ok(());
            }
            if !self.text.more()? {
                return if extent.may_end() { Ok(()) } else { Err(self.cut()) };
            }
        }
    }

    /// Goes to the rows of the document that begins here.
    fn descend(&mut self) -> Result<Place, Failure> {
        let records = self.plan.records.clone();
        for key in &records {
            self.expect(b'{')?;
            self.find(key)?;
        }
        let open = records.len();
        match self.peek()? {
            Some(b'[') => {
                self.text.consume_in_line(1);
                Ok(Place::Items { open, first: true })
            }
            Some(b'{') => Ok(Place::Value { open }),
            _ if records.is_empty() => Err(self.broken("expected an array or an object")),
            _ => Err(self.broken(&format!("`{}` is neither an array nor an object", records.join(".")))),
        }
    }

    /// Goes to the value of a key in an object, from its first key on.
    fn find(&mut self, key: &str) -> Result<(), Failure> {
        let mut first = true;
        loop {
            match self.peek()? {
                Some(b'}') => {
                    let path = self.plan.records.join(".");
                    return Err(self.broken(&format!("there is no `{key}` of the path `{path}`")));
                }
                Some(b',') if !first => {
                    self.text.consume_in_line(1);
                    self.peek()?;
                }
                _ if !first => return Err(self.broken("expected `,` or `}`")),
                _ => {}
            }
            first = false;
            if self.text.unread().first() != Some(&b'"') {
                return Err(self.broken("expected a key"));
            }
            let found = match self.value_len()? {
                Some(len) => {
                    let raw = self.text.unread().get(..len).unwrap_or_default();
                    let found = serde_json::from_slice::<String>(raw).is_ok_and(|name| name == key);
                    self.text.consume(len);
                    found
                }
                None => {
                    self.skip(Extent::default())?;
                    false
                }
            };
            self.expect(b':')?;
            self.peek()?;
            if found {
                return Ok(());
            }
            self.skip(Extent::default())?;
        }
    }

    /// Reads the value that begins here.
    fn read(&mut self, rows: &mut Rows) -> Result<(), Failure> {
        let len = self.value_len()?;
        let Self { plan, text, count, done, .. } = self;
        let mut number = || {
            *count += 1;
            *count
        };
        match len {
            Some(len) => {
                let raw = text.unread().get(..len).unwrap_or_default();
                *done = plan.record.read(raw, rows, *done, number).unwrap_or(0);
                if *done == 0 {
                    text.consume(len);
                }
            }
            None => {
                let limit = plan.max_bytes;
                let raw: Vec<u8> = text.unread().iter().take(RAW_LIMIT.min(limit)).copied().collect();
                rows.reject(number(), &raw, &too_long(limit));
                self.skip(Extent::default())?;
            }
        }
        Ok(())
    }
}

impl Records for JsonRecords {
    fn next(&mut self, rows: &mut Rows) -> Result<bool, Failure> {
        if self.done > 0 {
            self.read(rows)?;
            return Ok(true);
        }
        loop {
            self.place = match self.place {
                Place::Between => match self.peek()? {
                    None => return Ok(false),
                    Some(_) => self.descend()?,
                },
                Place::Items { open, first } => match self.peek()? {
                    Some(b']') => {
                        self.text.consume_in_line(1);
                        Place::Rest { open }
                    }
                    Some(_) if first => {
                        self.place = Place::Items { open, first: false };
                        self.read(rows)?;
                        return Ok(true);
                    }
                    Some(b',') => {
                        self.text.consume_in_line(1);
                        self.peek()?;
                        self.read(rows)?;
                        return Ok(true);
                    }
                    _ => return Err(self.broken("expected `,` or `]`")),
                },
                Place::Value { open } => {
                    self.place = Place::Rest { open };
                    self.read(rows)?;
                    return Ok(true);
                }
                Place::Rest { open } => {
                    if open > 0 {
                        self.skip(Extent::of_open(open))?;
                    }
                    Place::Between
                }
            };
        }
    }
}
