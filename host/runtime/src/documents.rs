//! Document databases: what functions write to `documents`, and what applications read.
//!
//! - [`sqlite`]: the embedded one, a file.
//! - [`adapter`]: one that is reached over HTTP, by a component.
//! - [`query`]: what can be asked of one; [`sql`]: the same for databases of SQL.
//! - [`totals`]: collections whose documents add up what is published.
//!
//! Which of two writes of one document wins is the same in all of them: see [`wasmill_settle`].

pub mod adapter;
pub mod query;
pub mod sql;
pub mod sqlite;
pub mod totals;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use wasmill_settle::Counts;

use crate::event::{Event, Object};
use crate::failure::Failure;

pub use crate::bindings::imports::wasmill::pipeline::documents::{Document, Written};
use query::{Changes, Filter, Key, Page, Query};
pub use sqlite::Database;

/// For how many seconds a deletion is remembered: whoever follows the changes and comes back within that time is told of it,
/// and an older write that comes late does not bring the document back. The adapter of Cosmos DB has it the same.
pub const REMEMBERED_SECONDS: u32 = 30 * 24 * 60 * 60;

/// A document database that is written to.
pub trait Documents: fmt::Debug + Send + Sync {
    /// Writes documents of a collection; `pipeline` is a digest of what makes the rows. Writing them again changes nothing,
    /// and completes what failed with a part of it written. It waits for the database: not to be called where others wait.
    fn upsert_batch(&self, collection: &str, pipeline: i64, documents: &[Document]) -> Result<DocumentCounts, Failure>;

    /// The same, of an event.
    fn upsert_of(
        &self,
        _: &Origin,
        collection: &str,
        pipeline: i64,
        documents: &[Document],
    ) -> Result<DocumentCounts, Failure> {
        self.upsert_batch(collection, pipeline, documents)
    }

    /// Whether what is published to a collection of totals is added up.
    fn adds_up(&self) -> bool {
        false
    }

    /// That an event has written all that it writes; what happened to documents in consequence, by collection.
    fn end(&self, _: &Origin, _pipeline: i64) -> Result<BTreeMap<String, DocumentCounts>, Failure> {
        Ok(BTreeMap::new())
    }

    /// Removes documents that expired, and forgets deletions of long ago, a bounded number of them; whether there may be more.
    /// It waits for the database.
    fn sweep(&self) -> Result<bool, Failure> {
        Ok(false)
    }

    /// Makes durable what was written so far, if it is not already.
    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    /// The same database, to be read; none if that cannot be done.
    fn reader(self: Arc<Self>) -> Option<Arc<dyn ReadDocuments>> {
        None
    }
}

/// What documents are written for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// The object's name, or the event's own if it brings the bytes itself.
    pub name: String,
    /// When the event happened, in microseconds since 1970-01-01T00:00:00Z: when the object was last changed.
    pub time: i64,
    /// Whether it is about an object in a store, of which there may be another version.
    pub is_stored: bool,
}

impl From<&Event> for Origin {
    fn from(event: &Event) -> Self {
        let is_stored = matches!(event.object, Object::Stored { .. });
        Self { name: event.name(), time: event.time, is_stored }
    }
}

/// A document database that is read. Nothing here waits for long, but all of it waits for the database: not to be called
/// where others wait. A collection that is not there has no documents, and a document that expired is not there.
pub trait ReadDocuments: fmt::Debug + Send + Sync {
    /// The collections, in the order of their names.
    fn collections(&self) -> Result<Vec<String>, ReadError>;

    /// The documents with these keys, each in the place of its key; of the first keys alone once their bodies have
    /// [`query::ANSWER_BYTES`]. There is always one for the first key.
    fn get(&self, collection: &str, keys: &[Key]) -> Result<Vec<Option<Stored>>, ReadError>;

    /// A page of documents. It ends once their bodies have [`query::ANSWER_BYTES`].
    fn query(&self, collection: &str, query: &Query) -> Result<Page, ReadError>;

    /// How many there are.
    fn count(&self, collection: &str, filter: &Filter) -> Result<u64, ReadError>;

    /// What changed after a position, of some partitions or all, and at most `limit` of it, or less once its bodies have
    /// [`query::ANSWER_BYTES`]. A position is never before a change that becomes visible later.
    fn changes(
        &self,
        collection: &str,
        after: i64,
        partitions: Option<&[String]>,
        limit: u32,
    ) -> Result<Changes, ReadError>;

    /// The position after the last change; something changed if it is another than before.
    fn position(&self, collection: &str) -> Result<i64, ReadError>;

    /// The position of the last deletion that is forgotten: whoever knows fewer of the changes may have missed it.
    fn forgotten(&self, collection: &str) -> Result<i64, ReadError>;

    /// Random bytes that are the database's own, and stay: positions are its own as well.
    fn identity(&self) -> Result<[u8; 32], ReadError>;
}

/// Why a database was not read.
#[derive(Debug, thiserror::Error)]
#[error("the document database: {0}")]
pub struct ReadError(pub String);

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

impl From<Counts> for DocumentCounts {
    fn from(counts: Counts) -> Self {
        let Counts { inserted, replaced, deleted, unchanged, stale, duplicates } = counts;
        Self { inserted, replaced, deleted, unchanged, stale, duplicates, charge: 0.0 }
    }
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
