//! Events: what a pipeline runs for.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::store::{Found, Location};

/// Names an event: the object's name, and a digest of it with the object's size, time of change and version. The
/// same object is the same event when it is run again; once it changes, it is another.
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
    /// In a store.
    Stored {
        /// Where it is.
        location: Location,
        /// Its length in bytes, as far as it is known.
        size: u64,
        /// When it was last changed, in microseconds since 1970-01-01T00:00:00Z: one that changed since is another
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
            Self::Stored { size, .. } => *size,
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
    /// The event of an object that was found.
    pub fn of(found: Found) -> Self {
        let Found { location, size, changed, version } = found;
        let name = location.name();
        let version = version.map(|version| format!("\0{version}")).unwrap_or_default();
        let digest = Sha256::digest(format!("{name}\0{size}\0{changed}{version}"));
        let digest: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let object = Object::Stored { location, size, changed: Some(changed) };
        Self { id: EventId(format!("{name}@{digest}")), time: changed, attempt: 1, object }
    }

    /// The event of a file as it is now.
    pub fn of_file(path: &Path) -> std::io::Result<Self> {
        Found::of_file(path, &std::fs::metadata(path)?).map(Self::of)
    }

    /// The object's name, or the event's own name if it brings the bytes itself.
    pub fn name(&self) -> String {
        match &self.object {
            Object::Stored { location, .. } => location.name(),
            Object::Bytes(_) => self.id.to_string(),
        }
    }
}
