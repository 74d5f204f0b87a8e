//! The tables. Collections have numbers, which stand in the keys of documents.

use super::sql::{Sql, SqlError, Value};

/// Each is a statement of its own. A body comes with its digest, which is what is read to decide what wins.
const TABLES: [&str; 2] = [
    "CREATE TABLE IF NOT EXISTS wasmill_collections (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT",
    "CREATE TABLE IF NOT EXISTS wasmill_documents (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        collection INTEGER NOT NULL REFERENCES wasmill_collections (id),
        partition_key TEXT NOT NULL,
        id TEXT NOT NULL,
        version INTEGER NOT NULL,
        row INTEGER NOT NULL,
        pipeline INTEGER NOT NULL,
        digest TEXT,
        body TEXT,
        CHECK ((digest IS NULL) = (body IS NULL)),
        UNIQUE (collection, partition_key, id)
    ) STRICT",
];

const FIND: &str = "SELECT id FROM wasmill_collections WHERE name = ?1";
const MAKE: &str = "INSERT INTO wasmill_collections (name) VALUES (?1) ON CONFLICT DO NOTHING RETURNING id";

/// Makes the tables if they are not there.
pub fn create(sql: &mut impl Sql) -> Result<(), SqlError> {
    TABLES.iter().try_for_each(|table| sql.execute(table, Vec::new()).map(drop))
}

/// The number of a collection, which is made if it is not there.
pub fn collection(sql: &mut impl Sql, name: &str) -> Result<i64, SqlError> {
    // Twice, for somebody else may make it in between.
    for statement in [FIND, MAKE, FIND] {
        let rows = sql.execute(statement, vec![name.into()])?;
        if let Some([Value::Integer(number)]) = rows.first().map(Vec::as_slice) {
            return Ok(*number);
        }
    }
    Err(SqlError::Io(format!("the collection `{name}` is neither there nor made")))
}
