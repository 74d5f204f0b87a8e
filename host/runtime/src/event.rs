//! Events: what a pipeline runs for.

use std::fmt;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Names an event: the object's file name, and a digest of it with the object's size and time of change. The
/// same file is the same event when it is run again; once it changes, it is another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventId(String);

impl EventId {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for EventId {
    fn from(name: String) -> Self {
        Self(name)
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The bytes that an event is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Object {
    /// A file.
    File {
        /// Where it is.
        path: PathBuf,
        /// Its length in bytes, as far as it is known.
        size: u64,
        /// When it was last changed, in microseconds since 1970-01-01T00:00:00Z: a file that changed since is another
        /// object. None: whatever is there by then.
        changed: Option<i64>,
    },
    /// The bytes themselves.
    Bytes(Arc<[u8]>),
}

impl Object {
    /// The length in bytes.
    pub fn size(&self) -> u64 {
        match self {
            Self::File { size, .. } => *size,
            Self::Bytes(bytes) => bytes.len() as u64,
        }
    }
}

/// An object that is there to be run through a pipeline.
#[derive(Debug, Clone)]
pub struct Event {
    /// Names it.
    pub id: EventId,
    /// When it happened, in microseconds since 1970-01-01T00:00:00Z: when the object was last changed.
    pub time: i64,
    /// 1 for the first attempt at it, 2 for the first retry.
    pub attempt: u32,
    /// The object.
    pub object: Object,
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
        let object = Object::File { path: path.to_owned(), size: metadata.len(), changed: Some(time) };
        Ok(Self { id: EventId(format!("{name}@{digest}")), time, attempt: 1, object })
    }

    /// The object's file name, or the event's own name if it brings the bytes itself.
    pub fn name(&self) -> String {
        match &self.object {
            Object::File { path, .. } => path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            Object::Bytes(_) => self.id.to_string(),
        }
    }
}
