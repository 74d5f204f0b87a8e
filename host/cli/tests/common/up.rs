//! `wasmill up` over a pipeline that reads lines of `id,value` and publishes each as a document.

#![allow(dead_code, reason = "no test uses all of it")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use super::common::{command, wasmill};

/// The pipeline; `landing` is the folder that it watches.
pub const MANIFEST: &str = r#"
version = 1
name = "numbers"

[stores.landing]
url = "file:landing"

[documents]
url = "sqlite:.wasmill/documents.db"

[delivery]
backoff_seconds = 0.05
lease_seconds = 1

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
[step.config]
format = "csv"
columns = [
    { name = "id", type = "int64", nullable = false },
    { name = "value", type = "float64", nullable = false },
]

[[step]]
id = "publish"
component = "publish"
grants = { documents = ["numbers"] }
[step.config]
collection = "numbers"
id = "{id}"
"#;

/// A folder with the pipeline.
pub fn pipeline() -> tempfile::TempDir {
    pipeline_of(MANIFEST)
}

/// A folder with a pipeline, perhaps of other triggers.
pub fn pipeline_of(manifest: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("pipeline.toml"), manifest).unwrap();
    std::fs::create_dir(folder.path().join("landing")).unwrap();
    drain(folder.path());
    let count = "CREATE TABLE effects (id TEXT);
        CREATE TRIGGER count_effects AFTER INSERT ON documents BEGIN INSERT INTO effects VALUES (new.id); END";
    database(folder.path()).execute_batch(count).unwrap();
    folder
}

/// An object of so many rows.
pub fn rows(first: usize, count: usize) -> String {
    let lines = (first..first + count).map(|id| format!("{id},{}.5\n", id % 1000));
    std::iter::once("id,value\n".to_owned()).chain(lines).collect()
}

/// Lands an object, whole at once.
pub fn land(folder: &Path, name: &str, content: &str) {
    let temporary = folder.join(format!("landing/{name}.tmp"));
    std::fs::write(&temporary, content).unwrap();
    std::fs::rename(temporary, folder.join(format!("landing/{name}"))).unwrap();
}

/// What a `wasmill up` that runs is asked.
pub struct Up {
    /// The process.
    pub process: Child,
    addr: String,
    printed: BufReader<ChildStdout>,
    said: PathBuf,
}

impl Up {
    /// Starts it, and waits until it listens.
    pub fn start(folder: &Path, variables: &[(&str, &str)]) -> Self {
        let mut command = command(folder, &["up", ".", "--addr", "127.0.0.1:0"]);
        command.envs(variables.iter().copied());
        Self::spawn(folder, command)
    }

    /// Starts a command that ends up as it, and waits until it listens.
    pub fn spawn(folder: &Path, mut command: Command) -> Self {
        let said = folder.join("said");
        let stderr = std::fs::File::create(&said).unwrap();
        command.stdout(Stdio::piped()).stderr(stderr);
        let mut process = command.spawn().unwrap();
        let mut printed = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        printed.read_line(&mut line).unwrap();
        let addr = line.trim_end().strip_prefix("http://").map(str::to_owned);
        let addr = addr.unwrap_or_else(|| panic!("it does not start: {}", std::fs::read_to_string(&said).unwrap()));
        Self { process, addr, printed, said }
    }

    /// The next line that it prints.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.printed.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Waits until it has said this on standard error.
    pub fn wait_said(&self, text: &str) {
        let started = Instant::now();
        loop {
            let said = std::fs::read_to_string(&self.said).unwrap();
            if said.contains(text) {
                return;
            }
            assert!(started.elapsed() < Duration::from_secs(60), "`{text}` is not in:\n{said}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The status and the body of an answer.
    pub fn request(&self, method: &str, path: &str, headers: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.addr).unwrap();
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    /// Waits until so many documents are there.
    pub fn wait_for(&self, folder: &Path, count: usize) {
        let started = Instant::now();
        while documents(folder).0 < count {
            let said = std::fs::read_to_string(&self.said).unwrap();
            assert!(
                started.elapsed() < Duration::from_secs(60),
                "{:?} of {count} documents\n{said}",
                documents(folder)
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until it says that it is ready.
    pub fn wait_ready(&self) {
        let started = Instant::now();
        while self.request("GET", "/ready", "", "").0 != 200 {
            assert!(started.elapsed() < Duration::from_secs(60));
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Asks it to stop; how it ended.
    pub fn stop(mut self) -> Option<i32> {
        Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status().unwrap();
        self.process.wait().unwrap().code()
    }
}

/// A test that fails leaves nothing running.
impl Drop for Up {
    fn drop(&mut self) {
        // It may be over.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Sees everything through that is there; exit code and what was said.
pub fn drain(folder: &Path) -> (i32, String) {
    let (code, _, said) = wasmill(folder, &["up", ".", "--addr", "127.0.0.1:0", "--drain"]);
    (code, said)
}

/// How many documents there are, and how often one was written: the store itself counts.
pub fn documents(folder: &Path) -> (usize, usize) {
    let query = "SELECT (SELECT count(*) FROM documents), (SELECT count(*) FROM effects)";
    database(folder).query_row(query, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
}

/// The document database.
pub fn database(folder: &Path) -> rusqlite::Connection {
    let database = rusqlite::Connection::open(folder.join(".wasmill/documents.db")).unwrap();
    database.busy_timeout(Duration::from_secs(10)).unwrap();
    database
}
