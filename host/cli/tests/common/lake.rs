//! A pipeline whose rows go into a table of Delta Lake, and what three readers that are not Wasmill's find there.

#![allow(dead_code, reason = "no test uses all of it")]

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::common::wasmill;

/// The pipeline; `SINK` stands for keys of its sink.
pub const MANIFEST: &str = r#"
version = 1
name = "numbers"

[stores.landing]
url = "file:landing"

[stores.lake]
url = "file:lake"

[delivery]
backoff_seconds = 0.05
lease_seconds = 1

[[trigger]]
type = "object"
store = "landing"
pattern = "*.csv"
settle_seconds = 0

[[step]]
id = "read"
component = "ingest"
[step.config]
format = "csv"
columns = [
    { name = "id", type = "int64" },
    { name = "value", type = "float64" },
    { name = "day", type = "utf8" },
]

[[sink]]
id = "numbers"
type = "delta"
store = "lake"
path = "numbers"
commit_seconds = 0.2
SINK
"#;

/// A folder with the pipeline.
pub fn pipeline(sink: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), sink);
    std::fs::create_dir(folder.path().join("landing")).unwrap();
    folder
}

/// Writes the manifest.
pub fn write(folder: &Path, sink: &str) {
    std::fs::write(folder.join("pipeline.toml"), MANIFEST.replace("SINK", sink)).unwrap();
}

/// The same, whose rows go into a table of PostgreSQL: `sink` has keys for it besides `url`.
pub fn postgres_manifest(url: &str, sink: &str) -> String {
    let manifest = MANIFEST
        .replace("[stores.lake]\nurl = \"file:lake\"\n", "")
        .replace("type = \"delta\"\nstore = \"lake\"\npath = \"numbers\"\n", "type = \"postgres\"\n");
    manifest.replace("SINK", &format!("url = \"{url}\"\n{sink}"))
}

/// An object of so many rows, each with the number as its value.
pub fn rows(first: usize, count: usize, day: &str) -> String {
    let lines = (first..first + count).map(|id| format!("{id},{id},{day}\n"));
    std::iter::once("id,value,day\n".to_owned()).chain(lines).collect()
}

/// What a program of Python prints that is given a path and has the package `deltalake` and its like.
pub fn python(path: &Path, program: &str) -> String {
    // The packages' threads do not always end well with the interpreter.
    let program = format!("import os, sys, deltalake, pyarrow as pa\n{program}\nsys.stdout.flush()\nos._exit(0)\n");
    let output = Command::new(interpreter()).args(["-c", &program]).arg(path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn interpreter() -> OsString {
    std::env::var_os("LAKE_PYTHON").expect("LAKE_PYTHON is not set\nhint: `make test-full` sets it")
}

/// What is in a table: rows, the sum of `value`, and different values of `id`. All three readers must say the same.
pub fn read(folder: &Path) -> (u64, f64, u64) {
    let mut command = Command::new(interpreter());
    command.arg("../../tests/lake/read.py").arg(folder.join("lake/numbers")).args(["id", "value"]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let found: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let numbers = |found: &Value| {
        (found["rows"].as_u64().unwrap(), found["sum"].as_f64().unwrap(), found["keys"].as_u64().unwrap())
    };
    assert_eq!(found.len(), 3);
    assert!(found.iter().all(|one| numbers(one) == numbers(&found[0])), "{text}");
    numbers(&found[0])
}

/// What is in a table if it has so many rows from 0 on, each once.
pub fn each_once(count: usize) -> (u64, f64, u64) {
    let count = count as u64;
    (count, (count * count.saturating_sub(1) / 2) as f64, count)
}

/// What `wasmill tables` says, line by line.
pub fn tables(folder: &Path, arguments: &[&str]) -> Vec<Value> {
    let (code, stdout, stderr) = wasmill(folder, &[&["tables"], arguments, &["--format", "json"]].concat());
    assert_eq!(code, 0, "{stderr}");
    stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The table's version.
pub fn version(folder: &Path) -> u64 {
    tables(folder, &["show", "lake/numbers"])[0]["version"].as_u64().unwrap()
}
