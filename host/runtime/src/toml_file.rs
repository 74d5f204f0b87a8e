//! A TOML file as a type, with every problem reported: what it cannot be, and every unknown key with the ones there are.

use std::path::Path;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_ignored::Path as KeyPath;
use serde_json::Value;

use crate::diagnostics::{Diagnostics, Reporter};

/// Reads a file. `check` makes of what was typed, and its text, what will be used; it reports what is wrong with it.
pub fn read<T, V>(file: &Path, check: impl FnOnce(T, &str, &mut Reporter) -> Option<V>) -> Result<V, Diagnostics>
where
    T: DeserializeOwned + JsonSchema,
{
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(err) => {
            let mut reporter = Reporter::new(file, "");
            reporter.at_byte(None, format!("cannot read this file: {err}"));
            return reporter.finish(None);
        }
    };
    read_text(file, &text, check)
}

/// The same of a file whose text is known.
pub fn read_text<T, V>(
    file: &Path,
    text: &str,
    check: impl FnOnce(T, &str, &mut Reporter) -> Option<V>,
) -> Result<V, Diagnostics>
where
    T: DeserializeOwned + JsonSchema,
{
    let mut reporter = Reporter::new(file, text);
    let value = parse(text, &mut reporter).and_then(|typed| check(typed, text, &mut reporter));
    reporter.finish(value)
}

fn parse<T: DeserializeOwned + JsonSchema>(text: &str, reporter: &mut Reporter) -> Option<T> {
    let deserializer = match toml::Deserializer::parse(text) {
        Ok(deserializer) => deserializer,
        Err(err) => {
            reporter.at_byte(err.span().map(|span| span.start), err.message());
            return None;
        }
    };
    let schema = schemars::schema_for!(T).to_value();
    let mut unknown = Vec::new();
    let parsed = serde_ignored::deserialize(deserializer, |path| {
        let mut keys = Vec::new();
        flatten(&path, &mut keys);
        unknown.push(keys);
    });
    for keys in unknown {
        let path: Vec<&str> = keys.iter().map(String::as_str).collect();
        let (key, table) = path.split_last().unwrap_or((&"", &[]));
        let known = known_keys(&schema, table).join("`, `");
        reporter.at(&path, format!("there is no key `{key}` here\nhint: the keys are `{known}`"));
    }
    match parsed {
        Ok(typed) => Some(typed),
        Err(err) => {
            let err: toml::de::Error = err;
            reporter.at_byte(err.span().map(|span| span.start), err.message());
            None
        }
    }
}

fn flatten(path: &KeyPath<'_>, keys: &mut Vec<String>) {
    match path {
        KeyPath::Root => {}
        KeyPath::Seq { parent, index } => {
            flatten(parent, keys);
            keys.push(index.to_string());
        }
        KeyPath::Map { parent, key } => {
            flatten(parent, keys);
            keys.push(key.clone());
        }
        KeyPath::Some { parent } | KeyPath::NewtypeStruct { parent } | KeyPath::NewtypeVariant { parent } => {
            flatten(parent, keys);
        }
    }
}

/// The keys that the schema has for the table at `path`.
fn known_keys(schema: &Value, path: &[&str]) -> Vec<String> {
    let mut here = schema;
    for key in path {
        here = resolve_reference(schema, here);
        here = here
            .pointer(&format!("/properties/{key}"))
            .or_else(|| here.get("items"))
            .or_else(|| here.get("additionalProperties"))
            .unwrap_or(&Value::Null);
    }
    let properties = resolve_reference(schema, here).get("properties").and_then(Value::as_object);
    properties.map(|properties| properties.keys().cloned().collect()).unwrap_or_default()
}

fn resolve_reference<'a>(schema: &'a Value, mut here: &'a Value) -> &'a Value {
    // An optional table is `anyOf` itself and null.
    if let Some(first) = here.pointer("/anyOf/0") {
        here = first;
    }
    let reference = here.get("$ref").and_then(Value::as_str).and_then(|reference| reference.strip_prefix('#'));
    reference.and_then(|pointer| schema.pointer(pointer)).unwrap_or(here)
}
