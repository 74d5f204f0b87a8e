//! The embedded document database: one SQLite file, written in batches.
//!
//! A document's key is its collection, partition key and id. `sequence` grows with every change and is the
//! primary key, so that a change feed is a scan from a position; a write that changes nothing gets none. A document that
//! was deleted has no body, and is not shown.
//!
//! - `read`: what is asked; `sweep`: what expires and is forgotten.

mod read;
mod sweep;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{CachedStatement, Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use serde_json::value::RawValue;

use wasmill_settle::{Counts, Stamp, There, settle};

use super::query::Field;
use super::{Document, DocumentCounts, Documents, ReadDocuments, Stored};
use crate::crash;
use crate::failure::Failure;
use crate::metering;
use crate::sqlite::{self, FileError, Format};

/// What a document database's file is.
const FORMAT: Format = Format {
    what: "document database",
    // "WMdb"
    application_id: 0x574d_6462,
    migrations: MIGRATIONS,
    key: "[documents] url",
};

const MIGRATIONS: &[&str] = &[
    "
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
",
    "
    ALTER TABLE documents ADD COLUMN pipeline INTEGER NOT NULL DEFAULT 0;
",
    // Documents of a partition are together; one that was deleted has a body of NULL.
    "
    CREATE TABLE documents_3 (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        collection INTEGER NOT NULL REFERENCES collections (id),
        partition_key TEXT NOT NULL,
        id TEXT NOT NULL,
        version INTEGER NOT NULL,
        row INTEGER NOT NULL,
        pipeline INTEGER NOT NULL,
        body TEXT,
        UNIQUE (collection, partition_key, id)
    ) STRICT;
    INSERT INTO documents_3 SELECT sequence, collection, partition_key, id, version, row, pipeline, nullif(body, '')
        FROM documents ORDER BY sequence;
    DROP TABLE documents;
    ALTER TABLE documents_3 RENAME TO documents;
    CREATE TABLE identity (secret BLOB NOT NULL) STRICT;
    INSERT INTO identity VALUES (randomblob(32));
",
    // When a document was written stands before its body, so that the body need not be read for it.
    "
    CREATE TABLE documents_4 (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        collection INTEGER NOT NULL REFERENCES collections (id),
        partition_key TEXT NOT NULL,
        id TEXT NOT NULL,
        version INTEGER NOT NULL,
        row INTEGER NOT NULL,
        pipeline INTEGER NOT NULL,
        written INTEGER NOT NULL,
        body TEXT,
        UNIQUE (collection, partition_key, id)
    ) STRICT;
    INSERT INTO documents_4 SELECT sequence, collection, partition_key, id, version, row, pipeline, unixepoch(), body
        FROM documents ORDER BY sequence;
    DROP TABLE documents;
    ALTER TABLE documents_4 RENAME TO documents;
    CREATE INDEX deleted ON documents (written) WHERE body IS NULL;
    ALTER TABLE collections ADD COLUMN ttl INTEGER;
    ALTER TABLE collections ADD COLUMN forgotten INTEGER NOT NULL DEFAULT 0;
",
];

/// What can go wrong with a document database.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// SQLite refused something.
    #[error("document database")]
    Sqlite(#[from] rusqlite::Error),
}

/// A document database. Writers in one process take turns; other processes may read and write as well.
#[derive(Debug)]
pub struct Database {
    connection: Mutex<Connection>,
    /// The file; none if it is in memory.
    path: Option<PathBuf>,
    /// Connections that only read, and that nobody uses at the moment.
    readers: Mutex<Vec<Connection>>,
    /// Whether what is written is taken back.
    is_rehearsal: bool,
    /// The seconds since 1970-01-01T00:00:00Z.
    clock: fn() -> i64,
}

impl Database {
    /// Opens the file, makes it if it is not there, and brings its schema up to date.
    pub fn open(path: &Path) -> Result<Self, DatabaseError> {
        Ok(Self::new(sqlite::open(path, &FORMAT)?, Some(path)))
    }

    /// Opens the file to look at it; an error if it is not there.
    pub fn open_existing(path: &Path) -> Result<Self, DatabaseError> {
        Ok(Self::new(sqlite::open_existing(path, &FORMAT)?, Some(path)))
    }

    /// A database that is gone when it is dropped.
    pub fn in_memory() -> Result<Self, DatabaseError> {
        let connection = sqlite::prepare(Connection::open_in_memory()?, Path::new(":memory:"), &FORMAT)?;
        Ok(Self::new(connection, None))
    }

    /// The file for a dry run, an empty database if it is not there: every batch is written and taken back, so the counts
    /// are those of a run, but for documents that come in several batches. Those count as if each were the first.
    pub fn rehearsal(path: &Path) -> Result<Self, DatabaseError> {
        if !path.exists() {
            return Self::in_memory();
        }
        Ok(Self { is_rehearsal: true, ..Self::open_existing(path)? })
    }

    fn new(connection: Connection, path: Option<&Path>) -> Self {
        Self {
            connection: Mutex::new(connection),
            path: path.map(Path::to_owned),
            readers: Mutex::default(),
            is_rehearsal: false,
            clock: now,
        }
    }

    /// The same database by another clock, which tells the seconds since 1970-01-01T00:00:00Z.
    pub fn with_clock(self, clock: fn() -> i64) -> Self {
        Self { clock, ..self }
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A transaction that a panic cut short was rolled back when it was dropped.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes all of them or none.
    pub fn upsert_batch(
        &self,
        collection: &str,
        pipeline: i64,
        documents: &[Document],
    ) -> Result<DocumentCounts, DatabaseError> {
        let mut connection = self.lock();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut counts = Counts::default();
        let collection = collection_of(&transaction, collection)?;
        let mut writer = Writer::new(&transaction, collection, pipeline, (self.clock)())?;
        for document in documents {
            counts += writer.upsert(document)?;
        }
        drop(writer);
        if self.is_rehearsal {
            transaction.rollback()?;
            return Ok(counts.into());
        }
        crash::point("effect", "before");
        transaction.commit()?;
        crash::point("effect", "after");
        Ok(counts.into())
    }

    /// Makes indexes over fields of a collection's documents, if they are not there, and removes those over others.
    pub fn index(&self, collection: &str, fields: &[Field]) -> Result<(), DatabaseError> {
        let mut connection = self.lock();
        // Mostly it is so already, and whoever starts need not wait for whoever writes.
        let is_so = match Collection::find(&connection, collection)? {
            Some(there) => read::indexing(&connection, there.number, fields)?.is_empty(),
            None => fields.is_empty(),
        };
        if is_so {
            return Ok(());
        }
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let number = collection_of(&transaction, collection)?.number;
        transaction.execute_batch(&read::indexing(&transaction, number, fields)?.join(";"))?;
        Ok(transaction.commit()?)
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// A collection.
struct Collection {
    /// Its number.
    number: i64,
    /// After how many seconds its documents expire.
    ttl: Option<i64>,
}

impl Collection {
    /// One that is there.
    fn find(connection: &Connection, name: &str) -> rusqlite::Result<Option<Self>> {
        let mut statement = connection.prepare_cached("SELECT id, ttl FROM collections WHERE name = ?1")?;
        statement.query_row([name], |row| Ok(Self { number: row.get(0)?, ttl: row.get(1)? })).optional()
    }

    /// What was written last at this time, or earlier, is expired.
    fn expired(&self, now: i64) -> i64 {
        self.ttl.map_or(i64::MIN, |ttl| now.saturating_sub(ttl))
    }
}

/// A collection, which is made if it is not there.
fn collection_of(transaction: &Transaction<'_>, name: &str) -> rusqlite::Result<Collection> {
    transaction.prepare_cached("INSERT INTO collections (name) VALUES (?1) ON CONFLICT DO NOTHING")?.execute([name])?;
    Collection::find(transaction, name)?.ok_or(rusqlite::Error::QueryReturnedNoRows)
}

/// The statements of a batch, prepared once.
struct Writer<'a> {
    collection: i64,
    pipeline: i64,
    now: i64,
    expired: i64,
    insert: CachedStatement<'a>,
    find: CachedStatement<'a>,
    confirm: CachedStatement<'a>,
    delete: CachedStatement<'a>,
}

impl<'a> Writer<'a> {
    fn new(
        transaction: &'a Transaction<'_>,
        collection: Collection,
        pipeline: i64,
        now: i64,
    ) -> rusqlite::Result<Self> {
        Ok(Self {
            collection: collection.number,
            pipeline,
            now,
            expired: collection.expired(now),
            insert: transaction.prepare_cached(
                "INSERT INTO documents (collection, partition_key, id, version, row, pipeline, written, body)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING",
            )?,
            find: transaction.prepare_cached(
                "SELECT sequence, version, row, pipeline, body, written FROM documents
                 WHERE collection = ?1 AND partition_key = ?2 AND id = ?3",
            )?,
            confirm: transaction.prepare_cached(
                "UPDATE documents SET version = ?2, row = ?3, pipeline = ?4, written = ?5 WHERE sequence = ?1",
            )?,
            delete: transaction.prepare_cached("DELETE FROM documents WHERE sequence = ?1")?,
        })
    }

    fn upsert(&mut self, document: &Document) -> rusqlite::Result<Counts> {
        // SQLite's integers are signed; row numbers never come near the difference.
        let row = i64::try_from(document.row).unwrap_or(i64::MAX);
        let new = Stamp {
            version: document.version,
            row: row.unsigned_abs(),
            pipeline: self.pipeline,
            body: document.body.as_deref(),
        };
        if self.insert(document, row)? {
            return Ok(settle(There::Nothing, [(0, new)]).counts);
        }
        let key = params![self.collection, document.partition_key, document.id];
        let (sequence, (counts, is_write, is_change)) = self.find.query_row(key, |old| {
            let body = old.get_ref(4)?.as_str_or_null()?;
            // What expired counts as deleted, before the sweep makes it that.
            let is_expired = body.is_some() && old.get::<_, i64>(5)? <= self.expired;
            let there = Stamp {
                version: old.get(1)?,
                row: old.get::<_, i64>(2)?.unsigned_abs(),
                pipeline: old.get(3)?,
                body: body.filter(|_| !is_expired),
            };
            let settled = settle(There::Written(there), [(0, new)]);
            let is_change = settled.is_change || is_expired;
            Ok((old.get::<_, i64>(0)?, (settled.counts, settled.write.is_some(), is_change)))
        })?;
        match (is_write, is_change) {
            (false, _) => {}
            (true, false) => {
                self.confirm.execute(params![sequence, document.version, row, self.pipeline, self.now])?;
            }
            (true, true) => {
                self.delete.execute([sequence])?;
                self.insert(document, row)?;
            }
        }
        Ok(counts)
    }

    fn insert(&mut self, document: &Document, row: i64) -> rusqlite::Result<bool> {
        let Document { partition_key, id, version, body, .. } = document;
        let values = params![self.collection, partition_key, id, version, row, self.pipeline, self.now, body];
        Ok(self.insert.execute(values)? == 1)
    }
}

impl Documents for Database {
    fn upsert_batch(&self, collection: &str, pipeline: i64, documents: &[Document]) -> Result<DocumentCounts, Failure> {
        if documents.is_empty() {
            return Ok(DocumentCounts::default());
        }
        metering::give(documents);
        self.upsert_batch(collection, pipeline, documents).map_err(failed)
    }

    fn sweep(&self) -> Result<bool, Failure> {
        self.sweep().map_err(failed)
    }

    /// Without it a machine that loses power may lose the last batches; a process that dies loses none.
    fn sync(&self) -> io::Result<()> {
        self.path.as_deref().map_or(Ok(()), sqlite::sync)
    }

    fn reader(self: Arc<Self>) -> Option<Arc<dyn ReadDocuments>> {
        Some(self)
    }
}

fn failed(err: DatabaseError) -> Failure {
    let cause = std::error::Error::source(&err).map(|cause| format!(": {cause}")).unwrap_or_default();
    Failure::Retry(format!("{err}{cause}"))
}

fn stored(row: &rusqlite::Row<'_>) -> rusqlite::Result<Stored> {
    let body = raw(row.get(4)?)?;
    Ok(Stored { id: row.get(0)?, partition_key: row.get(1)?, version: row.get(2)?, sequence: row.get(3)?, body })
}

/// A body, which is the fifth column.
fn raw(json: String) -> rusqlite::Result<Box<RawValue>> {
    RawValue::from_string(json)
        .map_err(|err| rusqlite::Error::FromSqlConversionFailure(4, rusqlite::types::Type::Text, Box::new(err)))
}

#[cfg(test)]
mod tests {
    use super::super::query::{Filter, Key, Query};
    use super::*;

    fn document(id: &str, version: i64, row: u64, body: &str) -> Document {
        Document { id: id.into(), partition_key: String::new(), version, row, body: Some(body.into()) }
    }

    /// The bodies of the documents with an id, by partition.
    fn bodies(database: &Database, id: &str) -> Vec<String> {
        let filter = Filter { id: Some(id.to_owned()), ..Filter::default() };
        let page = database.page("c", &Query { filter, ..Query::all(10) }).unwrap();
        page.documents.iter().map(|document| document.body.get().to_owned()).collect()
    }

    fn counts(counts: DocumentCounts) -> [u64; 5] {
        [counts.inserted, counts.replaced, counts.unchanged, counts.stale, counts.duplicates]
    }

    #[test]
    fn the_newest_write_wins_whatever_the_order_and_a_replay_changes_nothing() {
        let writes =
            [document("a", 1, 2, "{\"n\":2}"), document("a", 1, 1, "{\"n\":1}"), document("a", 2, 1, "{\"n\":3}")];
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
            let database = Database::in_memory().unwrap();
            for index in order {
                database.upsert_batch("c", 1, &[writes[index].clone()]).unwrap();
            }
            assert_eq!(bodies(&database, "a"), ["{\"n\":3}"], "order {order:?}");
            let position = database.position("c").unwrap();
            assert_eq!(counts(database.upsert_batch("c", 1, &writes).unwrap()), [0, 0, 1, 2, 0]);
            assert_eq!(database.position("c").unwrap(), position);
        }
    }

    #[test]
    fn a_changed_pipeline_replaces_what_the_old_one_wrote_whatever_the_rows() {
        let database = Database::in_memory().unwrap();
        let write =
            |pipeline, row, body| counts(database.upsert_batch("c", pipeline, &[document("a", 1, row, body)]).unwrap());
        assert_eq!(write(1, 7, "{\"n\":1}"), [1, 0, 0, 0, 0]);
        assert_eq!(write(2, 3, "{\"n\":2}"), [0, 1, 0, 0, 0]);
        assert_eq!(write(2, 3, "{\"n\":2}"), [0, 0, 1, 0, 0]);
        assert_eq!(write(2, 2, "{\"n\":3}"), [0, 0, 0, 1, 1], "another row of the same run");
        assert_eq!(bodies(&database, "a"), ["{\"n\":2}"]);
    }

    #[test]
    fn a_deletion_is_remembered_and_not_shown() {
        let database = Database::in_memory().unwrap();
        let write = |version, body: Option<&str>| {
            let document = Document { body: body.map(str::to_owned), ..document("a", version, 1, "") };
            let counts = database.upsert_batch("c", 1, &[document]).unwrap();
            [counts.inserted, counts.replaced, counts.deleted, counts.unchanged, counts.stale]
        };
        assert_eq!(write(2, None), [0, 0, 0, 1, 0]);
        assert_eq!(write(1, Some("{}")), [0, 0, 0, 0, 1], "written before it was deleted");
        assert_eq!(database.count("c", &Filter::default()).unwrap(), 0);
        assert_eq!(write(3, Some("{}")), [1, 0, 0, 0, 0]);
        assert_eq!(write(4, None), [0, 0, 1, 0, 0]);
        assert_eq!(write(4, None), [0, 0, 0, 1, 0]);
        assert!(bodies(&database, "a").is_empty());
    }

    #[test]
    fn partitions_keep_documents_of_one_id_apart() {
        let database = Database::in_memory().unwrap();
        let mut other = document("a", 1, 1, "{}");
        other.partition_key = "p".into();
        assert_eq!(
            counts(database.upsert_batch("c", 1, &[document("a", 1, 1, "{}"), other]).unwrap()),
            [2, 0, 0, 0, 0]
        );
        assert_eq!(bodies(&database, "a").len(), 2);
        let key = |partition_key: &str| Key { partition_key: partition_key.into(), id: "a".into() };
        let found = database.get("c", &[key("p"), key("q"), key("")]).unwrap();
        assert_eq!(found.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, true]);
        assert_eq!(ReadDocuments::collections(&database).unwrap(), ["c"]);
        assert_eq!(database.count("c", &Filter::default()).unwrap(), 2);
    }

    #[test]
    fn a_file_of_the_first_schema_is_brought_up_to_date_with_its_documents() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("documents.db");
        let old = Connection::open(&path).unwrap();
        old.execute_batch(MIGRATIONS[0]).unwrap();
        old.pragma_update(None, "application_id", FORMAT.application_id).unwrap();
        old.pragma_update(None, "user_version", 1).unwrap();
        old.execute_batch(
            "INSERT INTO collections VALUES (1, 'c'); INSERT INTO documents VALUES (1, 1, '', 'a', 1, 9, '{\"n\":1}')",
        )
        .unwrap();
        drop(old);
        let database = Database::open(&path).unwrap();
        assert_eq!(bodies(&database, "a"), ["{\"n\":1}"]);
        // It counts as written now.
        database.expire("c", Some(3_600)).unwrap();
        assert_eq!(database.count("c", &Filter::default()).unwrap(), 1);
        let database = database.with_clock(|| now() + 3_600);
        assert_eq!(database.count("c", &Filter::default()).unwrap(), 0);
        assert_eq!((database.sweep().unwrap(), database.position("c").unwrap()), (false, 2));
        let new = document("a", 1, 2, "{\"n\":2}");
        assert_eq!(counts(database.upsert_batch("c", 7, &[new]).unwrap()), [1, 0, 0, 0, 0]);
    }

    #[test]
    fn a_file_is_found_again_and_a_foreign_or_newer_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/documents.db");
        Database::open(&path).unwrap().upsert_batch("c", 1, &[document("a", 1, 1, "{}")]).unwrap();
        assert_eq!(bodies(&Database::open(&path).unwrap(), "a").len(), 1);

        Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
        assert!(Database::open(&path).unwrap_err().to_string().contains("schema version is 99"));

        let foreign = folder.path().join("foreign.db");
        Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
        assert!(matches!(Database::open(&foreign), Err(DatabaseError::File(FileError::Foreign { .. }))));
    }
}
