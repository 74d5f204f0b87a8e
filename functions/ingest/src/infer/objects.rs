//! JSON: lines or documents, where the rows are, and types.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde_json::{Map, Value};
use wasmill_sdk::Failure;

use super::guess::Guess;
use super::toml::{Column, Proposal, quoted};
use crate::json::join;

/// How deep objects are looked into for columns.
const DEPTH: usize = 4;

/// How deep documents are looked into for their rows.
const RECORDS_DEPTH: usize = 3;

/// A configuration for JSON like this.
pub fn propose(sample: &str) -> Result<Proposal, Failure> {
    let lines: Vec<&str> = sample.lines().filter(|line| !line.trim().is_empty()).collect();
    let objects: Vec<Map<String, Value>> = lines.iter().map_while(|line| serde_json::from_str(line).ok()).collect();
    if !objects.is_empty() && objects.len() == lines.len() {
        return Ok(of_rows("jsonl", objects.iter(), None));
    }
    let mut items = Vec::new();
    if sample.trim_start().starts_with('[') {
        let mut deserializer = serde_json::Deserializer::from_str(sample);
        // A sample may end in the middle: the items before are enough.
        let _ = Items(&mut items).deserialize(&mut deserializer);
        return if items.is_empty() {
            Err(nothing())
        } else {
            Ok(of_rows("json", items.iter().filter_map(Value::as_object), None))
        };
    }
    let documents: Vec<Value> = serde_json::Deserializer::from_str(sample).into_iter().map_while(Result::ok).collect();
    let Some(first) = documents.first() else { return Err(nothing()) };
    match rows_in(first, RECORDS_DEPTH) {
        Some((path, rows)) => Ok(of_rows("json", rows.iter().filter_map(Value::as_object), Some(path))),
        None => Ok(of_rows("json", documents.iter().filter_map(Value::as_object), None)),
    }
}

fn nothing() -> Failure {
    Failure::Reject(
        "the object begins like JSON, and its beginning holds no whole object: is it damaged, or is one longer than the \
         sample of 1 MiB?"
            .to_owned(),
    )
}

/// The array of objects that is the longest in a document, and the path to it.
fn rows_in(document: &Value, depth: usize) -> Option<(Vec<String>, &[Value])> {
    let fields = document.as_object().filter(|_| depth > 0)?;
    let found = fields.iter().filter_map(|(key, value)| match value {
        Value::Array(items) if items.first().is_some_and(Value::is_object) => {
            Some((vec![key.clone()], items.as_slice()))
        }
        value => rows_in(value, depth - 1).map(|(mut path, rows)| {
            path.insert(0, key.clone());
            (path, rows)
        }),
    });
    found.max_by_key(|(_, rows)| rows.len())
}

fn of_rows<'a>(
    format: &'static str,
    rows: impl Iterator<Item = &'a Map<String, Value>>,
    records: Option<Vec<String>>,
) -> Proposal {
    let mut fields = Fields::default();
    let mut count = 0;
    for row in rows {
        count += 1;
        fields.see(row, &mut Vec::new());
    }
    let mut proposal = Proposal::of(format, fields.list.into_iter().map(Field::finish).collect());
    if let Some(path) = records {
        proposal.options.push(("records", quoted(&join(&path))));
    }
    for path in fields.arrays {
        proposal.notes.push(format!("`explode = {}` would make each item of that array a row", quoted(&path)));
    }
    proposal.notes.push(format!("from {count} records"));
    proposal
}

/// The fields of the objects, in the order in which they came.
#[derive(Default)]
struct Fields {
    list: Vec<Field>,
    /// Paths of arrays of objects.
    arrays: BTreeSet<String>,
}

/// A field, by its path.
struct Field {
    path: Vec<String>,
    kinds: BTreeSet<&'static str>,
    texts: Guess,
    whole: bool,
    /// How many items each array has, if all have as many and all are numbers.
    length: Option<usize>,
}

impl Fields {
    fn see(&mut self, object: &Map<String, Value>, path: &mut Vec<String>) {
        for (key, value) in object {
            path.push(key.clone());
            match value {
                Value::Object(inner) if !inner.is_empty() && path.len() < DEPTH && !self.is_value(path) => {
                    self.see(inner, path);
                }
                Value::Null => {}
                value => {
                    if value.as_array().and_then(|items| items.first()).is_some_and(Value::is_object) {
                        self.arrays.insert(join(path.iter()));
                    }
                    self.note(path, value);
                }
            }
            path.pop();
        }
    }

    /// Whether something other than an object was seen at a path.
    fn is_value(&self, path: &[String]) -> bool {
        self.list.iter().any(|field| field.path == path)
    }

    /// Looks at a value that is no object to look into.
    fn note(&mut self, path: &[String], value: &Value) {
        // What was an object before, and is not now, is kept as JSON, without the columns in it.
        let inside = |field: &Field| field.path.len() > path.len() && field.path.starts_with(path);
        let mixed = self.list.iter().any(inside);
        self.list.retain(|field| !inside(field));
        if !self.is_value(path) {
            let kinds = if mixed { BTreeSet::from(["object"]) } else { BTreeSet::new() };
            self.list.push(Field { path: path.to_vec(), kinds, texts: Guess::new(), whole: true, length: None });
        }
        if let Some(field) = self.list.iter_mut().find(|field| field.path == path) {
            field.see(value);
        }
    }
}

impl Field {
    fn see(&mut self, value: &Value) {
        let kind = match value {
            Value::Null => return,
            Value::Bool(_) => "bool",
            Value::Number(number) => {
                self.whole &= number.is_i64();
                "number"
            }
            Value::String(text) => {
                self.texts.see(text);
                "text"
            }
            Value::Array(items) if items.iter().all(Value::is_number) && !items.is_empty() => {
                let first = self.kinds.is_empty();
                if first || self.length == Some(items.len()) {
                    self.length = Some(items.len());
                    "numbers"
                } else {
                    "array"
                }
            }
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        self.kinds.insert(kind);
    }

    fn finish(self) -> Column {
        let mut kinds = self.kinds.iter();
        let (of, note) = match (kinds.next(), kinds.next()) {
            (Some(&"bool"), None) => ("\"bool\"".to_owned(), None),
            (Some(&"number"), None) if self.whole => ("\"int64\"".to_owned(), None),
            (Some(&"number"), None) => ("\"float64\"".to_owned(), None),
            // In JSON, text that looks like a number is not one.
            (Some(&"text"), None) => match self.texts.finish() {
                (of, note) if of.starts_with("\"date\"") || of.starts_with("\"timestamp\"") => (of, note),
                _ => ("\"utf8\"".to_owned(), None),
            },
            (Some(&"numbers"), None) => match self.length {
                Some(length) => (format!("\"float64\", length = {length}"), None),
                None => ("\"json\"".to_owned(), None),
            },
            _ => ("\"json\"".to_owned(), None),
        };
        Column::new(&self.path, of).with_note(note)
    }
}

/// The items of an array, as many as are whole.
struct Items<'a>(&'a mut Vec<Value>);

impl<'de> DeserializeSeed<'de> for Items<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Items<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(item) = seq.next_element()? {
            self.0.push(item);
        }
        Ok(())
    }
}
