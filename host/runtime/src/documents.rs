//! Document databases: what functions write to `documents`, and what applications read.
//!
//! - [`sqlite`]: the embedded one, a file.
//! - [`adapter`]: one that is reached over HTTP, by a component.
//!
//! Of two writes of one document the one with the greater version wins, whatever the order. Of one version, the greater
//! row wins if both come from the same pipeline (a digest of what makes the rows); a changed pipeline's write replaces what
//! the old one wrote. A write that brings the body that is there changes nothing.

pub mod adapter;
pub mod sqlite;

use std::fmt;
use std::io;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::failure::Failure;

pub use crate::bindings::imports::wasmill::pipeline::documents::{Document, Written};
pub use sqlite::Database;

/// A document database that is written to.
pub trait Documents: fmt::Debug + Send + Sync {
    /// Writes documents of a collection; `pipeline` is a digest of what makes the rows. Writing them again changes nothing,
    /// and completes what failed with a part of it written. It waits for the database: not to be called where others wait.
    fn upsert_batch(&self, collection: &str, pipeline: i64, documents: &[Document]) -> Result<DocumentCounts, Failure>;

    /// Makes durable what was written so far, if it is not already.
    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

/// A document as it is stored.
#[derive(Debug, Clone, Serialize)]
pub struct Stored {
    /// Unique in its collection and partition.
    pub id: String,
    /// The partition.
    pub partition_key: String,
    /// What ordered its writes.
    pub version: i64,
    /// Its place in the order of changes.
    pub sequence: i64,
    /// The JSON object.
    pub body: Box<RawValue>,
}

/// What happened to documents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DocumentCounts {
    /// New.
    pub inserted: u64,
    /// There, and changed.
    pub replaced: u64,
    /// There, and not any more.
    pub deleted: u64,
    /// There, and the same.
    pub unchanged: u64,
    /// There, and newer.
    pub stale: u64,
    /// Of all these, those with the id of another row of the same version: only the last row of an id is there.
    pub duplicates: u64,
    /// What the database charged, in its own unit (Cosmos DB: request units).
    pub charge: f64,
}

impl From<Written> for DocumentCounts {
    fn from(written: Written) -> Self {
        let Written { inserted, replaced, deleted, unchanged, stale, duplicates, charge } = written;
        Self { inserted, replaced, deleted, unchanged, stale, duplicates, charge }
    }
}

impl From<DocumentCounts> for Written {
    fn from(counts: DocumentCounts) -> Self {
        let DocumentCounts { inserted, replaced, deleted, unchanged, stale, duplicates, charge } = counts;
        Self { inserted, replaced, deleted, unchanged, stale, duplicates, charge }
    }
}

impl std::ops::AddAssign for DocumentCounts {
    fn add_assign(&mut self, other: Self) {
        self.inserted += other.inserted;
        self.replaced += other.replaced;
        self.deleted += other.deleted;
        self.unchanged += other.unchanged;
        self.stale += other.stale;
        self.duplicates += other.duplicates;
        self.charge += other.charge;
    }
}
