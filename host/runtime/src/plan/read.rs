//! From a manifest's text to a manifest, with every unknown key reported.

use std::path::{Path, PathBuf};

use serde_ignored::Path as KeyPath;
use serde_json::Value;

use crate::diagnostics::{Diagnostics, Reporter};
use crate::manifest::{self, FILE_NAME, Id, Manifest};
use crate::plan::{Plan, Sources, check};

/// The manifest that a user means: a file, a folder with one in it, or the name of a folder in `manifests`.
pub fn resolve(pipeline: &Path) -> Result<PathBuf, Diagnostics> {
    let named = Path::new("manifests").join(pipeline);
    for candidate in [pipeline, &named] {
        if candidate.is_file() {
            return Ok(candidate.to_owned());
        }
        let inside = candidate.join(FILE_NAME);
        if inside.is_file() {
            return Ok(inside);
        }
    }
    let mut reporter = Reporter::new(pipeline, "");
    reporter.at_byte(
        None,
        format!("there is no such manifest\nhint: name a folder that holds a {FILE_NAME}, or the file itself"),
    );
    reporter.finish(None)
}

/// A manifest's name and the file of its document database; nothing else of it is looked at.
pub fn documents_of(file: &Path) -> Result<(Id, Option<PathBuf>), Diagnostics> {
    let (text, mut reporter) = open(file)?;
    let found = parse(&text, &mut reporter).and_then(|manifest| {
        let path = check::documents(&manifest, &check::folder(file)?, &mut reporter);
        Some((manifest.name, path))
    });
    reporter.finish(found)
}

fn open(file: &Path) -> Result<(String, Reporter), Diagnostics> {
    match std::fs::read_to_string(file) {
        Ok(text) => {
            let reporter = Reporter::new(file, &text);
            Ok((text, reporter))
        }
        Err(err) => {
            let mut reporter = Reporter::new(file, "");
            reporter.at_byte(None, format!("cannot read the manifest: {err}"));
            reporter.finish(None)
        }
    }
}

impl Plan {
    /// Reads and checks a manifest of which no registry has a component. Names of bundled functions are looked up in
    /// the folder `components`.
    pub fn read(file: &Path, components: &Path) -> Result<Self, Diagnostics> {
        let registry = |_: &str| Err("no registry is asked here".to_owned());
        Self::read_from(file, Sources { bundled: components, registry: &registry })
    }

    /// Reads and checks a manifest.
    pub fn read_from(file: &Path, sources: Sources<'_>) -> Result<Self, Diagnostics> {
        let (text, mut reporter) = open(file)?;
        let plan = parse(&text, &mut reporter)
            .and_then(|manifest| check::plan(&manifest, file, &text, sources, &mut reporter));
        reporter.finish(plan)
    }
}

fn parse(text: &str, reporter: &mut Reporter) -> Option<Manifest> {
    let deserializer = match toml::Deserializer::parse(text) {
        Ok(deserializer) => deserializer,
        Err(err) => {
            reporter.at_byte(err.span().map(|span| span.start), err.message());
            return None;
        }
    };
    let schema = manifest::schema();
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
        Ok(manifest) => Some(manifest),
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

/// The keys that the manifest's schema has for the table at `path`.
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
