//! One suite for every kind of store: a folder, Azure's blobs, S3.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use wasmill_tests_full::store::{Kind, Store};

const MANIFEST: &str = r#"
version = 1
name = "numbers"

[stores.landing]
url = "URL"

[documents]
url = "sqlite:.wasmill/documents.db"

[tables.names]
store = "landing"
path = "tables/names.csv"
component = "ingest"
config = { format = "csv", columns = [{ name = "id", type = "int64" }, { name = "name", type = "utf8" }] }

[[trigger]]
type = "object"
store = "landing"
pattern = "*.csv"
settle_seconds = 0

[[trigger]]
type = "http"
store = "landing"

[[step]]
id = "read"
component = "ingest"
config = { format = "csv", columns = [{ name = "id", type = "int64" }, { name = "value", type = "float64" }] }

[[step]]
id = "join"
component = "transform"
tables = ["names"]
config = { sql = "SELECT input.id, value, name FROM input LEFT JOIN names ON names.id = input.id" }

[[step]]
id = "publish"
component = "publish"
grants = { documents = ["numbers"] }
config = { collection = "numbers", id = "{id}" }
"#;

/// A folder with the pipeline, over a store with its table.
struct Case {
    folder: TempDir,
    store: Store,
}

impl Case {
    fn new(kind: Kind) -> Self {
        let (folder, store) = (tempfile::tempdir().unwrap(), Store::start(kind));
        std::fs::write(folder.path().join("pipeline.toml"), MANIFEST.replace("URL", &store.url)).unwrap();
        store.put("tables/names.csv", "id,name\n1,one\n2,two\n");
        Self { folder, store }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        command(&self.store, self.folder.path(), arguments)
    }

    fn run(&self, arguments: &[&str]) -> Value {
        let (code, stdout, stderr) = finished(self.command(&[&["run", ".", "--format", "json"], arguments].concat()));
        assert_eq!(code, 0, "{stderr}");
        serde_json::from_str(&stdout).unwrap()
    }

    fn document(&self, id: u32) -> Value {
        let (_, stdout, stderr) = finished(self.command(&["documents", "get", ".", &id.to_string()]));
        serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("{stderr}"))
    }
}

fn command(store: &Store, folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("WASMILL_PROGRAM").unwrap());
    command.args(arguments).current_dir(folder).envs(store.variables.iter().map(|(name, value)| (name, value)));
    command
}

fn finished(mut command: Command) -> (i32, String, String) {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// What was written by a run's step, of each event.
fn written<'a>(run: &'a Value, kind: &str) -> Vec<(&'a str, u64)> {
    let events = run["events"].as_array().unwrap().iter();
    let count = |event: &Value| event["steps"][2]["written"][kind].as_u64().unwrap();
    events.map(|event| (event["object"].as_str().unwrap(), count(event))).collect()
}

fn objects_are_found_run_once_and_run_again_when_they_change(kind: Kind) {
    let case = Case::new(kind);
    for (path, content) in [
        ("a.csv", "id,value\n1,1\n2,2\n"),
        ("b c.csv", "id,value\n3,3\n"),
        ("b.tmp", "not whole yet"),
        ("old/c.csv", "id,value\n4,4\n"),
    ] {
        case.store.put(path, content);
    }
    assert_eq!(written(&case.run(&[]), "inserted"), [("a.csv", 2), ("b c.csv", 1)]);
    assert_eq!(case.document(2), serde_json::json!({ "id": 2, "value": 2.0, "name": "two" }));
    assert_eq!(written(&case.run(&[]), "unchanged"), [("a.csv", 2), ("b c.csv", 1)]);

    // As long as before, and at once: stores tell times by the second.
    case.store.put("a.csv", "id,value\n1,9\n2,2\n");
    assert_eq!(written(&case.run(&[]), "replaced")[0], ("a.csv", 1));
    assert_eq!(case.document(1)["value"], 9.0);

    // One that is named, and one that is not there.
    let named = format!("{}/old/c.csv", case.store.url.trim_start_matches("file:"));
    assert_eq!(written(&case.run(&[&named]), "inserted"), [("c.csv", 1)]);
    let (code, _, stderr) = finished(case.command(&["run", ".", &named.replace("c.csv", "d.csv")]));
    assert!(code == 2 && stderr.starts_with("error: cannot open `"), "{stderr}");
}

fn a_long_list_and_a_long_object_are_read_to_their_end(kind: Kind) {
    let case = Case::new(kind);
    // More than a page of a list: 1,000 in S3, 5,000 in Azure.
    let count = if kind == Kind::Azure { 5_100 } else { 1_100 };
    case.store.put_all((0..count).map(|number| (format!("{number:04}.csv"), b"id,value\n".to_vec())));
    let (code, stdout, stderr) = finished(case.command(&["backfill", "start", ".", "--dry-run"]));
    assert_eq!((code, stdout.lines().count()), (0, count), "{stderr}");

    // Some pieces of it, the last of which is not whole; and so many that it is read in parts.
    let rows = 2_500_000;
    let lines = (0..rows).map(|id| format!("{id},0.5\n"));
    let text: String = std::iter::once("id,value\n".to_owned()).chain(lines).collect();
    assert!(text.len() > 24 << 20);
    case.store.put("long/long.csv", text);
    let named = format!("{}/long/long.csv", case.store.url.trim_start_matches("file:"));
    let run = case.run(&["--dry-run", &named]);
    assert_eq!(written(&run, "inserted"), [("long.csv", rows)]);
}

fn what_appears_is_run_and_so_is_what_is_notified(kind: Kind) {
    let case = Case::new(kind);
    case.store.put("a.csv", "id,value\n1,1\n");
    let up = Up::start(&case);
    up.wait_for(1);
    case.store.put("old/b.csv", "id,value\n2,2\n");
    let notification = r#"[{"id":"1","topic":"t","subject":"/blobServices/default/containers/wasmill/blobs/PREFIXold/b.csv",
        "eventType":"Microsoft.Storage.BlobCreated","eventTime":"2026-01-01T00:00:00Z","data":{},"dataVersion":"1"}]"#;
    let notification = notification.replace("PREFIX", if kind == Kind::Folder { "" } else { "landing/" });
    assert_eq!(up.post(&notification), 202);
    up.wait_for(2);
    case.store.put("c.csv", "id,value\n3,3\n");
    up.wait_for(3);
    assert_eq!([1, 2, 3].map(|id| case.document(id)["value"].as_f64()), [Some(1.0), Some(2.0), Some(3.0)]);

    // What is not there is a dead letter, until it is there and replayed.
    assert_eq!(up.post(&notification.replace("old/b.csv", "old/d.csv").replace("\"1\",\"topic", "\"2\",\"topic")), 202);
    let deadline = Instant::now() + Duration::from_secs(60);
    let letters = || finished(case.command(&["dead-letters", "list", "."])).1;
    while !letters().contains("there is no such object") && !letters().contains("No such file") {
        assert!(Instant::now() < deadline, "{}", letters());
        std::thread::sleep(Duration::from_millis(200));
    }
    case.store.put("old/d.csv", "id,value\n4,4\n");
    let (code, _, stderr) = finished(case.command(&["dead-letters", "replay", ".", "--all"]));
    assert_eq!(code, 0, "{stderr}");
    up.wait_for(4);
    assert_eq!(letters(), "");

    // A table that changes is read again.
    case.store.put("tables/names.csv", "id,name\n3,three\n");
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut landed = 4;
    while case.document(3)["name"] != "three" {
        assert!(Instant::now() < deadline, "the table stays as it was");
        landed += 1;
        case.store.put("e.csv", format!("id,value\n3,{landed}\n"));
        up.wait_for(landed);
    }
}

/// What a sink adds to the manifest; small commits, of which there are many.
const SINK: &str = r#"
[[sink]]
id = "lake"
type = "delta"
from = "read"
store = "landing"
path = "lake/numbers"
commit_rows = 10
commit_seconds = 0.1
"#;

fn rows_go_into_one_table_from_several_pipelines_each_once(kind: Kind) {
    let case = Case::new(kind);
    // More than the journal keeps: a file of the table.
    let lines = |first: usize, count: usize| (first..first + count).map(|id| format!("{id},1\n")).collect::<String>();
    case.store.put("first/a.csv", format!("id,value\n{}", lines(0, 30_000)));
    let parts = ["first", "second", "third"];
    for part in parts {
        let manifest = MANIFEST
            .replace("URL", &case.store.url)
            .replace("\"numbers\"\n\n[stores", &format!("\"{part}\"\n\n[stores"));
        let manifest = manifest.replace("pattern = \"*.csv\"", &format!("pattern = \"{part}/*.csv\""));
        let folder = case.folder.path().join(part);
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("pipeline.toml"), manifest + SINK).unwrap();
    }
    let run = |part: &str| command(&case.store, &case.folder.path().join(part), &["run", "."]);
    let (code, _, stderr) = finished(run("first"));
    assert_eq!(code, 0, "{stderr}");
    for (index, part) in parts.iter().enumerate() {
        for object in 0..5 {
            let first = 30_000 + index * 1000 + object * 20;
            case.store.put(&format!("{part}/{object}.csv"), format!("id,value\n{}", lines(first, 20)));
        }
    }
    for _ in 0..2 {
        let running: Vec<Child> = parts.iter().map(|part| run(part).spawn().unwrap()).collect();
        for mut run in running {
            assert!(run.wait().unwrap().success());
        }
    }
    let table = format!("{}/lake/numbers", case.store.url.trim_start_matches("file:"));
    let (_, stdout, stderr) = finished(case.command(&["tables", "show", &table, "--format", "json"]));
    let shown: Value = serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("{stderr}"));
    assert_eq!(shown["rows"], 30_300, "{shown}");

    // The same asked in SQL, beside the files that it came from.
    for (from, expect) in [
        (format!("'{table}'"), 30_300),
        (format!("'{table}' VERSION AS OF 0"), 0),
        ("'landing/*/*.csv'".to_owned(), 30_300),
        ("'landing/second'".to_owned(), 100),
        ("'landing/first/a.csv'".to_owned(), 30_000),
        ("lake".to_owned(), 30_300),
    ] {
        let sql = format!("SELECT count(DISTINCT id) AS n FROM {from}");
        let (_, stdout, stderr) = finished(case.command(&["query", "first", &sql, "--format", "json"]));
        assert_eq!(stdout, format!("{{\"n\":{expect}}}\n"), "{from}: {stderr}");
    }
}

/// A running `wasmill up`.
struct Up<'a> {
    child: Child,
    addr: String,
    case: &'a Case,
}

impl<'a> Up<'a> {
    fn start(case: &'a Case) -> Self {
        let mut command = case.command(&["up", ".", "--addr", "127.0.0.1:0"]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let first = BufReader::new(child.stdout.take().unwrap()).lines().next().unwrap().unwrap();
        Self { child, addr: first.strip_prefix("http://").unwrap().to_owned(), case }
    }

    fn post(&self, body: &str) -> u16 {
        let mut connection = TcpStream::connect(&self.addr).unwrap();
        let length = body.len();
        let head = format!(
            "POST /v1/events HTTP/1.1\r\nhost: x\r\naeg-event-type: Notification\r\ncontent-length: {length}\r\n\r\n"
        );
        connection.write_all(format!("{head}{body}").as_bytes()).unwrap();
        let mut line = String::new();
        BufReader::new(connection).read_line(&mut line).unwrap();
        line.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// Waits until so many events are done.
    fn wait_for(&self, count: usize) {
        let deadline = Instant::now() + Duration::from_secs(120);
        loop {
            let list = ["runs", "list", ".", "--format", "json", "--limit", "1000"];
            let (_, stdout, _) = finished(self.case.command(&list));
            if stdout.lines().filter(|run| run.contains(r#""outcome":"done""#)).count() >= count {
                return;
            }
            assert!(Instant::now() < deadline, "{count} are not done: {stdout}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

impl Drop for Up<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

macro_rules! suite {
    ($($name:ident $kind:expr;)*) => {$(
        mod $name {
            use super::*;

            #[test]
            fn objects_are_found_run_once_and_run_again_when_they_change() {
                super::objects_are_found_run_once_and_run_again_when_they_change($kind);
            }

            #[test]
            fn a_long_list_and_a_long_object_are_read_to_their_end() {
                super::a_long_list_and_a_long_object_are_read_to_their_end($kind);
            }

            #[test]
            fn what_appears_is_run_and_so_is_what_is_notified() {
                super::what_appears_is_run_and_so_is_what_is_notified($kind);
            }

            #[test]
            fn rows_go_into_one_table_from_several_pipelines_each_once() {
                super::rows_go_into_one_table_from_several_pipelines_each_once($kind);
            }
        }
    )*};
}

suite! {
    folder Kind::Folder;
    azure Kind::Azure;
    s3 Kind::S3;
}

/// A document by its keys: its version and sequence tell when it came.
fn body(line: &str) -> (String, Value) {
    let document: Value = serde_json::from_str(line).unwrap();
    (format!("{} {}", document["id"], document["partition_key"]), document["body"].clone())
}

#[test]
fn flights_are_the_same_from_every_store() {
    let flights = Path::new("../../manifests/flights").canonicalize().unwrap();
    let documents = [Kind::Folder, Kind::Azure, Kind::S3].map(|kind| {
        let (folder, store) = (tempfile::tempdir().unwrap(), Store::start(kind));
        let copy = Command::new("cp").arg("-r").arg(&flights).arg(folder.path()).status();
        assert!(copy.unwrap().success());
        let place = folder.path().join("flights");
        let _ = std::fs::remove_dir_all(place.join(".wasmill"));
        for file in std::fs::read_dir(place.join("data")).unwrap().map(|file| file.unwrap()) {
            store.put(file.file_name().to_str().unwrap(), std::fs::read(file.path()).unwrap());
        }
        std::fs::remove_dir_all(place.join("data")).unwrap();
        let manifest = std::fs::read_to_string(place.join("pipeline.toml")).unwrap();
        // One URL, and nothing else.
        assert!(manifest.contains("url = \"file:data\""));
        std::fs::write(place.join("pipeline.toml"), manifest.replace("file:data", &store.url)).unwrap();
        let (code, _, stderr) = finished(command(&store, &place, &["run", "."]));
        // One row of January is bad.
        assert_eq!(code, 1, "{stderr}");
        let (_, stdout, stderr) = finished(command(&store, &place, &["documents", "list", ".", "--limit", "30000"]));
        let documents: BTreeMap<String, Value> = stdout.lines().map(body).collect();
        assert_eq!(documents.len(), 27_003, "{stderr}");
        documents
    });
    assert!(documents[0] == documents[1] && documents[1] == documents[2]);
}
