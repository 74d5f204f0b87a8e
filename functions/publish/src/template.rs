//! Ids and partition keys: text with columns in it.

use arrow_array::RecordBatch;
use arrow_schema::Schema;
use wasmill_sdk::Failure;

use crate::column::{self, Column};

/// A template, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// What it makes, for messages: `id` or `partition_key`.
    key: &'static str,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Column(String),
}

impl Template {
    /// Reads a template.
    pub fn parse(key: &'static str, source: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut text = String::new();
        let mut rest = source.chars().peekable();
        while let Some(char) = rest.next() {
            match char {
                '{' | '}' if rest.next_if_eq(&char).is_some() => text.push(char),
                '{' => {
                    let mut name = String::new();
                    loop {
                        match rest.next() {
                            Some('}') => break,
                            Some(char) if char != '{' => name.push(char),
                            _ => {
                                return Err(format!(
                                    "`{key}` has a `{{` that nothing closes: `{source}`; hint: write `{{{{` for a brace"
                                ));
                            }
                        }
                    }
                    if name.is_empty() {
                        return Err(format!("`{key}` has a `{{}}` without a column: `{source}`"));
                    }
                    if !text.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut text)));
                    }
                    parts.push(Part::Column(name));
                }
                '}' => {
                    return Err(format!(
                        "`{key}` has a `}}` that nothing opens: `{source}`; hint: write `}}}}` for a brace"
                    ));
                }
                other => text.push(other),
            }
        }
        if !text.is_empty() {
            parts.push(Part::Text(text));
        }
        Ok(Self { key, parts })
    }

    /// Whether it is the same for every row.
    pub fn is_constant(&self) -> bool {
        !self.parts.iter().any(|part| matches!(part, Part::Column(_)))
    }

    /// Checks that rows of this schema have its columns, and that those have a text.
    pub fn check(&self, schema: &Schema) -> Result<(), String> {
        let columns = self.parts.iter().filter_map(|part| match part {
            Part::Column(name) => Some(name),
            Part::Text(_) => None,
        });
        for name in columns {
            let datatype = column::find(schema, name, &format!("`{}`", self.key))?.data_type();
            column::check_text(datatype)
                .map_err(|why| format!("column `{name}` is {datatype}, and `{}` cannot take it: {why}", self.key))?;
        }
        Ok(())
    }

    /// Prepares it for the rows of a batch.
    pub fn bind<'a>(&'a self, rows: &RecordBatch) -> Result<Bound<'a>, Failure> {
        let part = |part: &'a Part| match part {
            Part::Text(text) => Ok(BoundPart::Text(text)),
            Part::Column(name) => {
                let array =
                    rows.column_by_name(name).ok_or_else(|| Failure::Other(format!("column `{name}` is gone")))?;
                Ok(BoundPart::Column(name, Column::new(array, None)?))
            }
        };
        Ok(Bound { key: self.key, parts: self.parts.iter().map(part).collect::<Result<_, Failure>>()? })
    }
}

/// A template and the columns that it takes.
pub struct Bound<'a> {
    key: &'static str,
    parts: Vec<BoundPart<'a>>,
}

enum BoundPart<'a> {
    Text(&'a str),
    Column(&'a str, Column),
}

impl Bound<'_> {
    /// The text for a row, or why there is none.
    pub fn render(&self, row: usize) -> Result<String, String> {
        let mut out = Vec::with_capacity(32);
        for part in &self.parts {
            match part {
                BoundPart::Text(text) => out.extend_from_slice(text.as_bytes()),
                BoundPart::Column(name, column) if column.is_null(row) => {
                    return Err(format!("`{name}` is null, and `{}` needs it", self.key));
                }
                BoundPart::Column(_, column) => column.text(row, &mut out),
            }
        }
        String::from_utf8(out).map_err(|err| err.to_string())
    }
}

/// The longest id, in bytes: Cosmos DB's limit.
pub const ID_LIMIT: usize = 1023;

/// Checks an id by the rules of `documents` in `wit/pipeline.wit`.
pub fn check_id(id: &str) -> Result<(), String> {
    if id.is_empty() {
        return Err("the id is empty".into());
    }
    if id.len() > ID_LIMIT {
        return Err(format!("the id has {} bytes, more than 1,023", id.len()));
    }
    match id.chars().find(|char| matches!(char, '/' | '\\' | '?' | '#') || char.is_control()) {
        Some(char) => Err(format!("the id `{}` has a `{}`", id.escape_debug(), char.escape_debug())),
        None => Ok(()),
    }
}
