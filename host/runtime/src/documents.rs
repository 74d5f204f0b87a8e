//! The embedded document database: one SQLite file, written in batches.
//!
//! A document's key is its collection, partition key and id. `sequence` grows with every change and is the
//! primary key, so that a change feed is a scan from a position; a write that changes nothing gets none.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{CachedStatement, Connection, Transaction, TransactionBehavior, params};
use serde::Serialize;
use serde_json::value::RawValue;

pub use crate::bindings::imports::wasmill::pipeline::documents::{Document, Written};

/// Marks a SQLite file as ours: "WMdb".
const APPLICATION_ID: i32 = 0x574d_6462;

/// What brings a file from each schema version to the next; its length is the version this code writes.
const MIGRATIONS: &[&str] = &["
    CREATE TABLE collections (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
    CREATE TABLE documents (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        collection INTEGER NOT NULL REFERENCES collections (id),
        partition_key TEXT NOT NULL,
        id TEXT NOT NULL,
        version INTEGER NOT NULL,
        row INTEGER NOT NULL,
        body TEXT NOT NULL,
        UNIQUE (collection, id, partition_key)
    ) STRICT;
"];

/// How long a writer waits for another process's transaction before the batch is tried again later. It counts
/// against the deadline of the function that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// What can go wrong with a document database.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The folder of the file could not be made.
    #[error("document database `{}`: cannot make its folder", path.display())]
    Folder {
        /// The database file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is a SQLite database of something else.
    #[error("document database `{}`: the file belongs to another program\nhint: name another file in `[documents] url`", path.display())]
    Foreign {
        /// The database file.
        path: PathBuf,
    },
    /// The file was written by a newer Wasmill.
    #[error("document database `{}`: its schema version is {found}, this wasmill knows up to {known}\nhint: use the newer wasmill that wrote it", path.display())]
    Newer {
        /// The database file.
        path: PathBuf,
        /// The file's version.
        found: usize,
        /// The newest version known here.
        known: usize,
    },
    /// There is no such file.
    #[error("document database `{}`: there is none yet\nhint: run the pipeline first", path.display())]
    Missing {
        /// The database file.
        path: PathBuf,
    },
    /// SQLite refused something.
    #[error("document database")]
    Sqlite(#[from] rusqlite::Error),
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

/// A document database. Writers in one process take turns; other processes may read and write as well.
#[derive(Debug)]
pub struct Database {
    connection: Mutex<Connection>,
}

impl Database {
    /// Opens the file, makes it if it is not there, and brings its schema up to date.
    pub fn open(path: &Path) -> Result<Self, DatabaseError> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)
                .map_err(|source| DatabaseError::Folder { path: path.to_owned(), source })?;
        }
        Self::prepare(Connection::open(path)?, path)
    }

    /// Opens the file to look at it; an error if it is not there.
    pub fn open_existing(path: &Path) -> Result<Self, DatabaseError> {
        if path.is_file() { Self::open(path) } else { Err(DatabaseError::Missing { path: path.to_owned() }) }
    }

    /// A database that is gone when it is dropped.
    pub fn in_memory() -> Result<Self, DatabaseError> {
        Self::prepare(Connection::open_in_memory()?, Path::new(":memory:"))
    }

    fn prepare(mut connection: Connection, path: &Path) -> Result<Self, DatabaseError> {
        connection.busy_timeout(BUSY_TIMEOUT)?;
        // A process that dies loses nothing in this mode; a machine that loses power may lose the last
        // batches, which are written again when the event is.
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "normal")?;
        connection.set_prepared_statement_cache_capacity(16);
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        migrate(&transaction, path)?;
        transaction.commit()?;
        Ok(Self { connection: Mutex::new(connection) })
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A transaction that a panic cut short was rolled back when it was dropped.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes all of them or none. Of two writes of one document the one with the greater version, then the
    /// greater row, wins, whatever the order; a write that brings the body that is there changes nothing.
    pub fn upsert_batch(&self, collection: &str, documents: &[Document]) -> Result<Written, DatabaseError> {
        let mut connection = self.lock();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut written = Written { inserted: 0, replaced: 0, unchanged: 0, stale: 0 };
        let collection = collection_id(&transaction, collection)?;
        let mut writer = Writer::new(&transaction, collection)?;
        for document in documents {
            match writer.upsert(document)? {
                Effect::Inserted => written.inserted += 1,
                Effect::Replaced => written.replaced += 1,
                Effect::Unchanged => written.unchanged += 1,
                Effect::Stale => written.stale += 1,
            }
        }
        drop(writer);
        transaction.commit()?;
        Ok(written)
    }

    /// The documents with this id, one for each partition that has it.
    pub fn get(&self, collection: &str, id: &str, partition_key: Option<&str>) -> Result<Vec<Stored>, DatabaseError> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(
            "SELECT d.id, partition_key, version, sequence, body FROM documents d JOIN collections c ON c.id = d.collection
             WHERE c.name = ?1 AND d.id = ?2 AND partition_key = coalesce(?3, partition_key) ORDER BY partition_key",
        )?;
        let found = statement.query_map(params![collection, id, partition_key], stored)?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// Documents of a collection, ordered by a field of theirs (a dotted path; descending if it starts with
    /// `-`) or else by partition and id.
    pub fn list(&self, collection: &str, order: Option<&str>, limit: u32) -> Result<Vec<Stored>, DatabaseError> {
        let (field, direction) = match order {
            Some(order) => match order.strip_prefix('-') {
                Some(field) => (Some(field), "DESC"),
                None => (Some(order), "ASC"),
            },
            None => (None, "ASC"),
        };
        let path = field.map(|field| field.split('.').fold("$".to_owned(), |path, key| format!("{path}.\"{key}\"")));
        let connection = self.lock();
        let mut statement = connection.prepare(&format!(
            "SELECT d.id, partition_key, version, sequence, body FROM documents d JOIN collections c ON c.id = d.collection
             WHERE c.name = ?1 ORDER BY CASE WHEN ?2 IS NULL THEN NULL ELSE body ->> ?2 END {direction}, partition_key, d.id LIMIT ?3"
        ))?;
        let found = statement.query_map(params![collection, path, limit], stored)?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// The collections and how many documents each has.
    pub fn collections(&self) -> Result<BTreeMap<String, u64>, DatabaseError> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(
            "SELECT name, (SELECT count(*) FROM documents d WHERE d.collection = c.id) FROM collections c",
        )?;
        let found = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(found.collect::<Result<_, _>>()?)
    }
}

fn migrate(transaction: &Transaction<'_>, path: &Path) -> Result<(), DatabaseError> {
    let version: usize = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let application: i32 = transaction.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: u64 = transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application != APPLICATION_ID && (application != 0 || version != 0 || tables != 0) {
        return Err(DatabaseError::Foreign { path: path.to_owned() });
    }
    let known = MIGRATIONS.len();
    if version > known {
        return Err(DatabaseError::Newer { path: path.to_owned(), found: version, known });
    }
    if version < known {
        for migration in MIGRATIONS.iter().skip(version) {
            transaction.execute_batch(migration)?;
        }
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", known)?;
    }
    Ok(())
}

fn collection_id(transaction: &Transaction<'_>, name: &str) -> rusqlite::Result<i64> {
    transaction.prepare_cached("INSERT INTO collections (name) VALUES (?1) ON CONFLICT DO NOTHING")?.execute([name])?;
    transaction.prepare_cached("SELECT id FROM collections WHERE name = ?1")?.query_row([name], |row| row.get(0))
}

enum Effect {
    Inserted,
    Replaced,
    Unchanged,
    Stale,
}

/// The statements of a batch, prepared once.
struct Writer<'a> {
    collection: i64,
    insert: CachedStatement<'a>,
    find: CachedStatement<'a>,
    confirm: CachedStatement<'a>,
    delete: CachedStatement<'a>,
}

impl<'a> Writer<'a> {
    fn new(transaction: &'a Transaction<'_>, collection: i64) -> rusqlite::Result<Self> {
        Ok(Self {
            collection,
            insert: transaction.prepare_cached(
                "INSERT INTO documents (collection, partition_key, id, version, row, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT DO NOTHING",
            )?,
            find: transaction.prepare_cached(
                "SELECT sequence, version, row, body = ?4 FROM documents WHERE collection = ?1 AND partition_key = ?2 AND id = ?3",
            )?,
            confirm: transaction.prepare_cached("UPDATE documents SET version = ?2, row = ?3 WHERE sequence = ?1")?,
            delete: transaction.prepare_cached("DELETE FROM documents WHERE sequence = ?1")?,
        })
    }

    fn upsert(&mut self, document: &Document) -> rusqlite::Result<Effect> {
        // SQLite's integers are signed; row numbers never come near the difference.
        let order = (document.version, i64::try_from(document.row).unwrap_or(i64::MAX));
        if self.insert(document, order)? {
            return Ok(Effect::Inserted);
        }
        let key = params![self.collection, document.partition_key, document.id, document.body];
        let (sequence, there, same): (i64, (i64, i64), bool) =
            self.find.query_row(key, |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?), row.get(3)?)))?;
        if order < there {
            return Ok(Effect::Stale);
        }
        if same {
            if order > there {
                self.confirm.execute(params![sequence, order.0, order.1])?;
            }
            return Ok(Effect::Unchanged);
        }
        self.delete.execute([sequence])?;
        self.insert(document, order)?;
        Ok(Effect::Replaced)
    }

    fn insert(&mut self, document: &Document, order: (i64, i64)) -> rusqlite::Result<bool> {
        let Document { partition_key, id, body, .. } = document;
        Ok(self.insert.execute(params![self.collection, partition_key, id, order.0, order.1, body])? == 1)
    }
}

fn stored(row: &rusqlite::Row<'_>) -> rusqlite::Result<Stored> {
    let body: String = row.get(4)?;
    let body = RawValue::from_string(body)
        .map_err(|err| rusqlite::Error::FromSqlConversionFailure(4, rusqlite::types::Type::Text, Box::new(err)))?;
    Ok(Stored { id: row.get(0)?, partition_key: row.get(1)?, version: row.get(2)?, sequence: row.get(3)?, body })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(id: &str, version: i64, row: u64, body: &str) -> Document {
        Document { id: id.into(), partition_key: String::new(), version, row, body: body.into() }
    }

    fn counts(written: Written) -> [u64; 4] {
        [written.inserted, written.replaced, written.unchanged, written.stale]
    }

    #[test]
    fn the_newest_write_wins_whatever_the_order_and_a_replay_changes_nothing() {
        let writes =
            [document("a", 1, 2, "{\"n\":2}"), document("a", 1, 1, "{\"n\":1}"), document("a", 2, 1, "{\"n\":3}")];
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
            let database = Database::in_memory().unwrap();
            for index in order {
                database.upsert_batch("c", &[writes[index].clone()]).unwrap();
            }
            let found = database.get("c", "a", None).unwrap();
            assert_eq!(found[0].body.get(), "{\"n\":3}", "order {order:?}");
            let sequence = found[0].sequence;
            assert_eq!(counts(database.upsert_batch("c", &writes).unwrap()), [0, 0, 1, 2]);
            assert_eq!(database.get("c", "a", None).unwrap()[0].sequence, sequence);
        }
    }

    #[test]
    fn partitions_keep_documents_of_one_id_apart() {
        let database = Database::in_memory().unwrap();
        let mut other = document("a", 1, 1, "{}");
        other.partition_key = "p".into();
        assert_eq!(counts(database.upsert_batch("c", &[document("a", 1, 1, "{}"), other]).unwrap()), [2, 0, 0, 0]);
        assert_eq!(database.get("c", "a", None).unwrap().len(), 2);
        assert_eq!(database.get("c", "a", Some("p")).unwrap().len(), 1);
        assert_eq!(database.collections().unwrap(), BTreeMap::from([("c".to_owned(), 2)]));
    }

    #[test]
    fn a_list_is_ordered_by_a_field_of_the_body() {
        let database = Database::in_memory().unwrap();
        let documents =
            [document("a", 1, 1, r#"{"risk":{"mean":0.2}}"#), document("b", 1, 2, r#"{"risk":{"mean":0.9}}"#)];
        database.upsert_batch("c", &documents).unwrap();
        let ids = |order| database.list("c", order, 10).unwrap().into_iter().map(|found| found.id).collect::<Vec<_>>();
        assert_eq!(ids(None), ["a", "b"]);
        assert_eq!(ids(Some("-risk.mean")), ["b", "a"]);
        assert_eq!(database.list("c", None, 1).unwrap().len(), 1);
    }

    #[test]
    fn a_file_is_found_again_and_a_foreign_or_newer_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/documents.db");
        Database::open(&path).unwrap().upsert_batch("c", &[document("a", 1, 1, "{}")]).unwrap();
        assert_eq!(Database::open(&path).unwrap().get("c", "a", None).unwrap().len(), 1);

        Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
        assert!(Database::open(&path).unwrap_err().to_string().contains("schema version is 99"));

        let foreign = folder.path().join("foreign.db");
        Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
        assert!(matches!(Database::open(&foreign), Err(DatabaseError::Foreign { .. })));
    }
}
