//! JSON lines: `jsonl`, an object a line.

mod paths;

use serde::de::DeserializeSeed;
use serde_json::value::RawValue;
use wasmill_sdk::Failure;
use wasmill_sdk::rejects::RAW_LIMIT;

use crate::column::Column;
use crate::decoder::Records;
use crate::rows::Rows;
use crate::schema::ColumnPlan;
use crate::text::Text;
use paths::{Fill, Paths};

/// How JSON lines are read.
#[derive(Debug, Clone)]
pub struct JsonlPlan {
    paths: Paths,
    max_bytes: usize,
}

impl JsonlPlan {
    /// Checks the columns' paths.
    pub fn new(columns: &[ColumnPlan], max_bytes: usize) -> Result<Self, String> {
        Ok(Self { paths: Paths::new(columns)?, max_bytes })
    }
}

/// The lines of an object.
pub struct JsonlRecords {
    plan: JsonlPlan,
    text: Text,
}

impl JsonlRecords {
    /// Starts reading an object.
    pub fn open(plan: &JsonlPlan, text: Text) -> Self {
        Self { plan: plan.clone(), text }
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
        let line = self.text.line();
        let Some(len) = self.line()? else {
            let raw = self.skip()?;
            let limit = self.plan.max_bytes;
            rows.reject(line, &raw, &format!("longer than {limit} bytes; hint: max_row_bytes = {}", 2 * limit));
            return Ok(true);
        };
        let raw = self.text.unread().get(..len).unwrap_or_default();
        if !raw.trim_ascii().is_empty() {
            rows.push(line, raw, |columns| read(raw, &self.plan.paths, columns));
        }
        self.text.consume(len);
        Ok(true)
    }
}

/// Adds the values of a line.
fn read(raw: &[u8], paths: &Paths, columns: &mut [Column]) -> Result<(), String> {
    let json = str::from_utf8(raw).map_err(|err| format!("not UTF-8 at byte {} of the line", err.valid_up_to() + 1))?;
    let mut values: Vec<Option<&RawValue>> = vec![None; columns.len()];
    let mut deserializer = serde_json::Deserializer::from_str(json);
    Fill { paths, values: &mut values }
        .deserialize(&mut deserializer)
        .and_then(|()| deserializer.end())
        .map_err(|err| explain(&err))?;
    columns.iter_mut().zip(values).try_for_each(|(column, value)| match value {
        Some(value) => column.append_json(value.get()),
        None => column.append_null(),
    })
}

/// An error of JSON, with the position in the line instead of one in the text.
fn explain(err: &serde_json::Error) -> String {
    let text = err.to_string();
    let problem = text.rsplit_once(" at line ").map_or(text.as_str(), |(problem, _)| problem);
    format!("not a JSON object of the columns' form: {problem} at byte {} of the line", err.column())
}
