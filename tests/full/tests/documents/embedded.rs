//! The embedded database, read with SQLite itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use rusqlite::Connection;
use serde_json::Value;
use wasmill_runtime::documents::{Database, Documents};

use crate::suite::Rig;

/// The time, for databases whose documents expire.
pub static NOW: AtomicI64 = AtomicI64::new(1_700_000_000);

/// A file of documents.
pub struct Embedded {
    folder: tempfile::TempDir,
}

impl Embedded {
    /// A new one.
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// A connection of its own, with indexes over these fields of a collection.
    pub fn indexed(&self, collection: &str, fields: &[&str]) -> Arc<Database> {
        let database = Database::open(&self.folder.path().join("documents.db")).unwrap();
        let fields: Vec<_> = fields.iter().map(|field| field.parse().unwrap()).collect();
        database.index(collection, &fields).unwrap();
        Arc::new(database)
    }

    /// A connection of its own, by [`NOW`], to a collection whose documents expire.
    pub fn expiring(&self, collection: &str, ttl_seconds: u32) -> Arc<Database> {
        let database = Database::open(&self.folder.path().join("documents.db")).unwrap();
        database.expire(collection, Some(ttl_seconds)).unwrap();
        Arc::new(database.with_clock(|| NOW.load(Ordering::SeqCst)))
    }
}

impl Rig for Embedded {
    fn connect(&self) -> Arc<dyn Documents> {
        Arc::new(Database::open(&self.folder.path().join("documents.db")).unwrap())
    }

    fn read(&self, collection: &str) -> BTreeMap<(String, String), Value> {
        let connection = Connection::open(self.folder.path().join("documents.db")).unwrap();
        let mut statement = connection
            .prepare(
                "SELECT partition_key, d.id, body FROM documents d JOIN collections c ON c.id = d.collection
                 WHERE c.name = ?1 AND body IS NOT NULL",
            )
            .unwrap();
        let rows = statement.query_map([collection], |row| {
            Ok(((row.get(0)?, row.get(1)?), serde_json::from_str(&row.get::<_, String>(2)?).unwrap()))
        });
        rows.unwrap().map(Result::unwrap).collect()
    }

    fn is_atomic(&self) -> bool {
        true
    }
}
