//! Events: what a pipeline runs for.

use std::fmt;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::Serialize;
use sha2::{Digest, Sha256};

/// Names an event: the object's file name, and a digest of it with the object's size and time of change. The
/// same file is the same event when it is run again; once it changes, it is another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct EventId(String);

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An object that is there to be run through a pipeline.
#[derive(Debug, Clone)]
pub struct Event {
    /// Names it.
    pub id: EventId,
    /// When it happened, in microseconds since 1970-01-01T00:00:00Z: when the object was last changed.
    pub time: i64,
    /// The object.
    pub path: PathBuf,
    /// The object's length in bytes.
    pub size: u64,
}

impl Event {
    /// The event of a file.
    pub fn of_file(path: &Path) -> std::io::Result<Self> {
        Self::of_open_file(path, &std::fs::metadata(path)?)
    }

    /// The event of a file whose metadata are known.
    pub fn of_open_file(path: &Path, metadata: &Metadata) -> std::io::Result<Self> {
        if !metadata.is_file() {
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, "it is not a file"));
        }
        let time = match metadata.modified()?.duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
            Err(before) => -i64::try_from(before.duration().as_micros()).unwrap_or(i64::MAX),
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let digest = Sha256::digest(format!("{name}\0{}\0{time}", metadata.len()));
        let digest: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { id: EventId(format!("{name}@{digest}")), time, path: path.to_owned(), size: metadata.len() })
    }
}
