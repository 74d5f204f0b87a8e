//! Who read what: a line of JSON for each request or statement, added to a file. The file is opened for every few lines, so that it may be
//! moved away at any time.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use chrono::{SecondsFormat, Utc};
use serde::Serialize;

/// How many bytes are written at once.
const AT_ONCE: usize = 1 << 20;

#[derive(Serialize)]
struct Line<'a, T> {
    time: String,
    #[serde(flatten)]
    entry: &'a T,
}

/// Writes entries.
pub struct Audit(Sender<(PathBuf, String)>);

impl Default for Audit {
    fn default() -> Self {
        let (sender, receiver) = channel();
        thread::spawn(move || write(&receiver));
        Self(sender)
    }
}

impl Audit {
    /// Adds an entry, an object in JSON, to a file, with the time before it.
    pub fn record<T: Serialize>(&self, file: &Path, entry: &T) {
        let line = Line { time: Utc::now().to_rfc3339_opts(SecondsFormat::Micros, true), entry };
        if let Ok(line) = serde_json::to_string(&line) {
            // The thread is there for as long as this is.
            let _ = self.0.send((file.to_owned(), line));
        }
    }
}

fn write(lines: &Receiver<(PathBuf, String)>) {
    let mut ahead = None;
    while let Some((file, line)) = ahead.take().or_else(|| lines.recv().ok()) {
        let mut text = line + "\n";
        while text.len() < AT_ONCE {
            match lines.try_recv() {
                Ok((same, line)) if same == file => text.extend([line.as_str(), "\n"]),
                Ok(other) => {
                    ahead = Some(other);
                    break;
                }
                Err(_) => break,
            }
        }
        let append = || OpenOptions::new().create(true).append(true).open(&file)?.write_all(text.as_bytes());
        if let Err(err) = append() {
            tracing::error!("the audit log `{}`: {err}; what was read is not in it", file.display());
            thread::sleep(Duration::from_secs(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_moved_away_is_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (file, moved) = (folder.path().join("audit.jsonl"), folder.path().join("audit.1"));
        let audit = Audit::default();
        let record = |path| {
            let entry = serde_json::json!({ "principal": "ada", "path": path });
            audit.record(&file, &entry);
        };
        let wait_for = |count: usize| {
            while std::fs::read_to_string(&file).unwrap_or_default().lines().count() < count {
                thread::sleep(Duration::from_millis(5));
            }
        };
        record("/a");
        record("/b");
        wait_for(2);
        std::fs::rename(&file, &moved).unwrap();
        record("/c");
        wait_for(1);
        let line: serde_json::Value = serde_json::from_str(std::fs::read_to_string(&file).unwrap().trim()).unwrap();
        assert_eq!((&line["principal"], &line["path"]), (&"ada".into(), &"/c".into()));
        assert_eq!(std::fs::read_to_string(&moved).unwrap().lines().count(), 2);
    }
}
