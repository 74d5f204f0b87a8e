//! JSON lines: an object a line.

use wasmill_sdk::Failure;
use wasmill_sdk::rejects::RAW_LIMIT;

use super::{JsonPlan, too_long};
use crate::decoder::Records;
use crate::rows::Rows;
use crate::text::Text;

/// The lines of an object.
pub struct JsonlRecords {
    plan: JsonPlan,
    text: Text,
    /// How many rows there were, and how many of those of the line that is next.
    count: u64,
    done: usize,
}

impl JsonlRecords {
    /// Starts reading an object.
    pub fn open(plan: &JsonPlan, text: Text) -> Self {
        Self { plan: plan.clone(), text, count: 0, done: 0 }
    }

    /// Starts reading a part of an object, which begins on a line.
    pub fn open_part(plan: &JsonPlan, mut text: Text, line: u64) -> Self {
        text.set_line(line);
        Self::open(plan, text)
    }

    /// How long the next line is, without its end; none if it is too long.
    fn line(&mut self) -> Result<Option<usize>, Failure> {
        let mut searched = 0;
        loop {
            let unread = self.text.unread();
            let found = memchr::memchr(b'\n', unread.get(searched..).unwrap_or_default()).map(|at| searched + at);
            searched = found.unwrap_or(unread.len());
            if searched > self.plan.max_bytes {
                return Ok(None);
            }
            if found.is_some() || !self.text.more()? {
                return Ok(Some(searched));
            }
        }
    }

    /// Leaves a line behind that is too long: its beginning.
    fn skip(&mut self) -> Result<Vec<u8>, Failure> {
        let raw = self.text.unread().iter().take(RAW_LIMIT.min(self.plan.max_bytes)).copied().collect();
        loop {
            let unread = self.text.unread();
            let end = memchr::memchr(b'\n', unread);
            let len = end.unwrap_or(unread.len());
            self.text.consume(len);
            if end.is_some() || !self.text.more()? {
                return Ok(raw);
            }
        }
    }
}

impl Records for JsonlRecords {
    fn next(&mut self, rows: &mut Rows) -> Result<bool, Failure> {
        while self.text.unread().first() == Some(&b'\n') {
            self.text.consume(1);
        }
        if self.text.unread().is_empty() && !self.text.more()? {
            return Ok(false);
        }
        let (line, len) = (self.text.line(), self.line()?);
        let skipped = if len.is_none() { self.skip()? } else { Vec::new() };
        let Self { plan, text, count, done } = self;
        // A line has one number; its rows need one each, so then they are counted.
        let explodes = plan.explodes();
        let mut number = || {
            *count += 1;
            if explodes { *count } else { line }
        };
        let Some(len) = len else {
            rows.reject(number(), &skipped, &too_long(plan.max_bytes));
            return Ok(true);
        };
        let raw = text.unread().get(..len).unwrap_or_default();
        if !raw.trim_ascii().is_empty()
            && let Some(added) = plan.record.read(raw, rows, *done, number)
        {
            *done = added;
            return Ok(true);
        }
        *done = 0;
        text.consume(len);
        Ok(true)
    }
}
