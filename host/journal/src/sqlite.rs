//! Journals in a file of SQLite.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ToSql, TransactionBehavior, params_from_iter};
use wasmill_runtime::sqlite::{self, Format};

use crate::journal::JournalError;
use crate::schema;
use crate::sql::{Backend, Cell, Db, Durability, Row, Transaction, Value};

/// What a journal's file is.
const FORMAT: Format = Format {
    what: "journal",
    // "WMjn"
    application_id: 0x574d_6a6e,
    migrations: schema::SQLITE,
    key: "[journal] url",
};

/// A connection to the file.
pub struct Sqlite {
    connection: Connection,
    behavior: TransactionBehavior,
    /// What the connection is set to.
    durability: Durability,
}

impl Sqlite {
    /// Opens the file, and makes it if it is not there.
    pub fn open(path: &Path, writes: bool) -> Result<Self, JournalError> {
        let connection = sqlite::open(path, &FORMAT).map_err(Arc::new)?;
        connection.pragma_update(None, "synchronous", "full")?;
        let behavior = if writes { TransactionBehavior::Immediate } else { TransactionBehavior::Deferred };
        Ok(Self { connection, behavior, durability: Durability::Now })
    }

    /// One without a file.
    pub fn in_memory() -> Result<Self, JournalError> {
        let connection = Connection::open_in_memory()?;
        let connection = sqlite::prepare(connection, Path::new(":memory:"), &FORMAT).map_err(Arc::new)?;
        Ok(Self { connection, behavior: TransactionBehavior::Immediate, durability: Durability::Now })
    }

    /// An error if the file is not there.
    pub fn exists(path: &Path) -> Result<(), JournalError> {
        drop(sqlite::open_existing(path, &FORMAT).map_err(Arc::new)?);
        Ok(())
    }
}

impl Backend for Sqlite {
    fn begin(&mut self, durability: Durability) -> Result<Box<dyn Transaction + '_>, JournalError> {
        if self.durability != durability {
            // What was accepted must be there after the machine lost its power. Of a write-ahead log the rest is then too.
            let synchronous = if durability == Durability::Now { "full" } else { "normal" };
            self.connection.pragma_update(None, "synchronous", synchronous)?;
            self.durability = durability;
        }
        Ok(Box::new(InFile(self.connection.transaction_with_behavior(self.behavior)?)))
    }
}

struct InFile<'a>(rusqlite::Transaction<'a>);

/// A statement in SQLite's words: parameters are `?1`, one transaction writes at a time, and the greatest of several values
/// is `max`.
fn translated(sql: &'static str) -> Arc<str> {
    static KNOWN: LazyLock<Mutex<HashMap<&'static str, Arc<str>>>> = LazyLock::new(Mutex::default);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let translate = || {
        let sql = sql.replace('$', "?").replace("FOR UPDATE SKIP LOCKED", "").replace("FOR UPDATE", "");
        sql.replace("GREATEST(", "max(").into()
    };
    known.entry(sql).or_insert_with(translate).clone()
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

impl Db for InFile<'_> {
    fn execute(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<u64, JournalError> {
        let mut statement = self.0.prepare_cached(&translated(sql))?;
        Ok(statement.execute(params_from_iter(values))? as u64)
    }

    fn query(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<Vec<Row>, JournalError> {
        let mut statement = self.0.prepare_cached(&translated(sql))?;
        let columns = statement.column_count();
        let rows = statement.query_map(params_from_iter(values), |row| {
            let cell = |column| {
                Ok(match row.get_ref(column)? {
                    ValueRef::Null => Cell::Null,
                    ValueRef::Integer(number) => Cell::Integer(number),
                    ValueRef::Text(text) => Cell::Text(String::from_utf8_lossy(text).into_owned()),
                    ValueRef::Blob(bytes) => Cell::Bytes(bytes.to_vec()),
                    ValueRef::Real(number) => Cell::Text(number.to_string()),
                })
            };
            (0..columns).map(cell).collect::<rusqlite::Result<Vec<Cell>>>().map(Row)
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn lock(&mut self, _: &str) -> Result<(), JournalError> {
        // Nobody else writes in the meantime.
        Ok(())
    }

    fn skew(&self) -> i64 {
        0
    }
}

impl Transaction for InFile<'_> {
    fn begin_part(&mut self) -> Result<(), JournalError> {
        self.0.prepare_cached("SAVEPOINT part")?.execute([])?;
        Ok(())
    }

    fn end_part(&mut self, keep: bool) -> Result<(), JournalError> {
        if !keep {
            self.0.prepare_cached("ROLLBACK TO part")?.execute([])?;
        }
        self.0.prepare_cached("RELEASE part")?.execute([])?;
        Ok(())
    }

    fn commit(self: Box<Self>) -> Result<(), JournalError> {
        // A full disk, and some other errors, roll back all of it at once.
        if self.0.is_autocommit() {
            let lost = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_ABORT_ROLLBACK);
            return Err(rusqlite::Error::SqliteFailure(lost, None).into());
        }
        Ok(self.0.commit()?)
    }
}
