//! The embedded database as it is read. Readers have connections of their own, so that they do not wait for a writer.

use std::fmt::Write as _;
use std::sync::PoisonError;

use rusqlite::types::Value as Sql;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, Rows, params_from_iter};
use serde_json::Value;

use super::{Collection, Database, DatabaseError, raw, stored};
use crate::documents::query::{ANSWER_BYTES, Changed, Changes, Field, Filter, Key, Page, Query, SORTED_BY, Sorted};
use crate::documents::sql::{self, Literal, Place};
use crate::documents::{ReadDocuments, ReadError, Stored};

/// How many connections are kept for readers.
const KEPT: usize = 16;

/// A document by its place in the order of changes; without a body if that was written last before some time.
const BY_SEQUENCE: &str = "SELECT id, partition_key, version, sequence, CASE WHEN written > ?2 THEN body END
    FROM documents WHERE sequence = ?1";

impl Database {
    /// Does something with a connection that only reads.
    pub(super) fn reading<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, DatabaseError> {
        let Some(path) = &self.path else { return Ok(work(&self.lock())?) };
        let readers = || self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = readers().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => {
                let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
                connection.busy_timeout(std::time::Duration::from_secs(5))?;
                connection.set_prepared_statement_cache_capacity(64);
                connection
            }
        };
        let done = work(&connection);
        let mut readers = readers();
        if readers.len() < KEPT {
            readers.push(connection);
        }
        Ok(done?)
    }

    /// A page of documents of a collection.
    pub fn page(&self, collection: &str, query: &Query) -> Result<Page, DatabaseError> {
        self.reading(|connection| {
            // What is found first is still there when it is read.
            let snapshot = connection.unchecked_transaction()?;
            let Some(mut select) = Select::of(&snapshot, collection, &query.filter, (self.clock)())? else {
                return Ok(Page { documents: Vec::new(), next: None });
            };
            let order = query.order.as_ref().map(place);
            if let Some(after) = sql::after(order.as_ref(), query, |value| select.literal(value)) {
                let _ = write!(select.conditions, " AND {after}");
            }
            let sorted = order.as_ref().map_or_else(
                || "0, 0, ''".to_owned(),
                |Place { kind, number, text, .. }| format!("{kind}, {number}, {text}"),
            );
            let order_by = sql::order_by(order.as_ref(), query.descending);
            let limit = select.bind(i64::from(query.limit) + 1);
            let sql = format!(
                "SELECT sequence, {sorted} FROM documents WHERE {} ORDER BY {order_by} LIMIT {limit}",
                select.conditions
            );
            let (mut find, mut statement) = (snapshot.prepare_cached(BY_SEQUENCE)?, snapshot.prepare_cached(&sql)?);
            let rows = statement.query(params_from_iter(&select.values))?;
            let (rows, has_more) = fill(rows, query.limit, |row| {
                let stored = find.query_row([row.get(0)?, i64::MIN], stored)?;
                let bytes = stored.body.get().len();
                Ok(((stored, sorted_of(row)?), bytes))
            })?;
            Ok(Page::of(rows, has_more))
        })
    }
}

/// Takes rows until there are so many, or their bodies have enough bytes; whether there are more. Rows that are ordered have no
/// bodies: SQLite would sort those as well, which is a file of its own for large ones.
fn fill<T>(
    mut rows: Rows<'_>,
    limit: u32,
    mut read: impl FnMut(&Row<'_>) -> rusqlite::Result<(T, usize)>,
) -> rusqlite::Result<(Vec<T>, bool)> {
    let (mut filled, mut bytes) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        if filled.len() >= limit as usize || bytes >= ANSWER_BYTES {
            return Ok((filled, true));
        }
        let (one, more) = read(row)?;
        bytes += more;
        filled.push(one);
    }
    Ok((filled, false))
}

impl ReadDocuments for Database {
    fn collections(&self) -> Result<Vec<String>, ReadError> {
        let found = self.reading(|connection| {
            let mut statement = connection.prepare_cached("SELECT name FROM collections ORDER BY name")?;
            let found = statement.query_map([], |row| row.get(0))?;
            found.collect()
        });
        found.map_err(failed)
    }

    fn get(&self, collection: &str, keys: &[Key]) -> Result<Vec<Option<Stored>>, ReadError> {
        let found = self.reading(|connection| {
            let Some(collection) = Collection::find(connection, collection)? else { return Ok(vec![None; keys.len()]) };
            let expired = collection.expired((self.clock)());
            let mut statement = connection.prepare_cached(
                "SELECT id, partition_key, version, sequence, body FROM documents
                 WHERE collection = ?1 AND partition_key = ?2 AND id = ?3 AND body IS NOT NULL AND written > ?4",
            )?;
            let (mut found, mut bytes) = (Vec::new(), 0);
            for Key { partition_key, id } in keys {
                let stored = statement.query_row((collection.number, partition_key, id, expired), stored).optional()?;
                bytes += stored.as_ref().map_or(0, |stored| stored.body.get().len());
                found.push(stored);
                if bytes >= ANSWER_BYTES {
                    break;
                }
            }
            Ok(found)
        });
        found.map_err(failed)
    }

    fn query(&self, collection: &str, query: &Query) -> Result<Page, ReadError> {
        self.page(collection, query).map_err(failed)
    }

    fn count(&self, collection: &str, filter: &Filter) -> Result<u64, ReadError> {
        let count = self.reading(|connection| {
            let Some(select) = Select::of(connection, collection, filter, (self.clock)())? else { return Ok(0) };
            let sql = format!("SELECT count(*) FROM documents WHERE {}", select.conditions);
            connection.prepare_cached(&sql)?.query_row(params_from_iter(&select.values), |row| row.get(0))
        });
        count.map_err(failed)
    }

    fn changes(
        &self,
        collection: &str,
        after: i64,
        partitions: Option<&[String]>,
        limit: u32,
    ) -> Result<Changes, ReadError> {
        let changes = self.reading(|connection| {
            let snapshot = connection.unchecked_transaction()?;
            let last = last(&snapshot)?;
            let forgotten = forgotten(&snapshot, collection)?;
            let Some(collection) = Collection::find(&snapshot, collection)? else {
                return Ok(Changes::none(last.max(after)));
            };
            let expired = collection.expired((self.clock)());
            let mut values: Vec<Sql> = vec![after.into(), collection.number.into(), (i64::from(limit) + 1).into()];
            let mut only = "";
            if let Some(partitions) = partitions {
                values.push(Value::from(partitions).to_string().into());
                only = "AND partition_key IN (SELECT value FROM json_each(?4))";
            }
            // SQLite would rather go through all documents of the collection than through all changes since a position.
            let sql = format!(
                "SELECT sequence FROM documents NOT INDEXED WHERE sequence > ?1 AND collection = ?2 {only}
                 ORDER BY sequence LIMIT ?3"
            );
            let (mut find, mut statement) = (snapshot.prepare_cached(BY_SEQUENCE)?, snapshot.prepare_cached(&sql)?);
            let rows = statement.query(params_from_iter(&values))?;
            let (rows, has_more) = fill(rows, limit, |row| {
                let sequence: i64 = row.get(0)?;
                let changed = find.query_row([sequence, expired], changed)?;
                let bytes = changed.body.as_ref().map_or(0, |body| body.get().len());
                Ok(((changed, sequence), bytes))
            })?;
            Ok(Changes::of(rows, has_more, last.max(after), forgotten))
        });
        changes.map_err(failed)
    }

    fn position(&self, _: &str) -> Result<i64, ReadError> {
        self.reading(last).map_err(failed)
    }

    fn forgotten(&self, collection: &str) -> Result<i64, ReadError> {
        self.reading(|connection| forgotten(connection, collection)).map_err(failed)
    }

    fn identity(&self) -> Result<[u8; 32], ReadError> {
        self.reading(|connection| connection.query_row("SELECT secret FROM identity", [], |row| row.get(0)))
            .map_err(failed)
    }
}

fn failed(err: DatabaseError) -> ReadError {
    let cause = std::error::Error::source(&err).map_or_else(|| err.to_string(), ToString::to_string);
    ReadError(cause)
}

/// The last change of any collection, also if it is forgotten.
fn last(connection: &Connection) -> rusqlite::Result<i64> {
    let mut statement = connection.prepare_cached(
        "SELECT max((SELECT coalesce(max(sequence), 0) FROM documents), (SELECT coalesce(max(forgotten), 0) FROM collections))",
    )?;
    statement.query_row([], |row| row.get(0))
}

/// The last deletion of a collection that is forgotten.
fn forgotten(connection: &Connection, collection: &str) -> rusqlite::Result<i64> {
    let mut statement = connection.prepare_cached("SELECT forgotten FROM collections WHERE name = ?1")?;
    Ok(statement.query_row([collection], |row| row.get(0)).optional()?.unwrap_or_default())
}

fn changed(row: &Row<'_>) -> rusqlite::Result<Changed> {
    let body = row.get::<_, Option<String>>(4)?.map(raw).transpose()?;
    Ok(Changed { key: Key { partition_key: row.get(1)?, id: row.get(0)? }, version: row.get(2)?, body })
}

/// What a row is ordered by, after its place in the order of changes.
fn sorted_of(row: &Row<'_>) -> rusqlite::Result<Sorted> {
    let number = match row.get(2)? {
        Sql::Real(number) => number.to_string(),
        Sql::Integer(number) => number.to_string(),
        _ => "0".to_owned(),
    };
    Ok(Sorted { kind: row.get(1)?, number, text: row.get(3)? })
}

fn number(digits: &str) -> Sql {
    match (digits.parse::<i64>(), digits.parse::<f64>()) {
        (Ok(integer), _) => integer.into(),
        (Err(_), Ok(real)) => real.into(),
        (Err(_), Err(_)) => 0.into(),
    }
}

/// Conditions, and the values in them.
struct Select {
    conditions: String,
    values: Vec<Sql>,
}

impl Select {
    /// Of documents of a collection; none if there is no such collection.
    fn of(connection: &Connection, collection: &str, filter: &Filter, now: i64) -> rusqlite::Result<Option<Self>> {
        let Some(collection) = Collection::find(connection, collection)? else { return Ok(None) };
        // As it stands in indexes, so that they are used.
        let conditions = format!("collection = {} AND body IS NOT NULL", collection.number);
        let mut select = Self { conditions, values: Vec::new() };
        if collection.ttl.is_some() {
            let place = select.bind(collection.expired(now));
            // The index over it is for the sweep: nearly all documents were written later.
            let _ = write!(select.conditions, " AND +written > {place}");
        }
        if let Some(id) = &filter.id {
            let place = select.bind(id.clone());
            let _ = write!(select.conditions, " AND id = {place}");
        }
        if let Some(partitions) = &filter.partitions {
            let place = select.bind(Value::from(partitions.as_slice()).to_string());
            let _ = write!(select.conditions, " AND partition_key IN (SELECT value FROM json_each({place}))");
        }
        for condition in &filter.conditions {
            let sql = sql::condition(&place(&condition.field), condition, |value| select.literal(value));
            let _ = write!(select.conditions, " AND {sql}");
        }
        Ok(Some(select))
    }

    /// A value; its name in the text.
    fn bind(&mut self, value: impl Into<Sql>) -> String {
        self.values.push(value.into());
        format!("?{}", self.values.len())
    }

    fn literal(&mut self, value: Literal) -> String {
        match value {
            Literal::Integer(value) => self.bind(i64::from(value)),
            Literal::Number(digits) => self.bind(number(&digits)),
            Literal::Text(text) => self.bind(text),
        }
    }
}

/// A field of a body.
fn place(field: &Field) -> Place {
    let path = field.names().iter().fold("$".to_owned(), |path, name| format!("{path}.\"{name}\""));
    let path = format!("'{}'", path.replace('\'', "''"));
    let value = format!("body ->> {path}");
    Place {
        kind: format!(
            "CASE json_type(body, {path}) WHEN 'true' THEN 1 WHEN 'false' THEN 1 WHEN 'integer' THEN 2 WHEN 'real' THEN 2 \
             WHEN 'text' THEN 3 WHEN 'array' THEN 4 WHEN 'object' THEN 4 ELSE 0 END"
        ),
        number: format!(
            "CASE WHEN json_type(body, {path}) IN ('true', 'false', 'integer', 'real') THEN {value} ELSE 0 END"
        ),
        text: format!("CASE json_type(body, {path}) WHEN 'text' THEN substr({value}, 1, {SORTED_BY}) ELSE '' END"),
        value: format!("({value})"),
    }
}

/// The statements by which a collection has indexes over these fields, and no others: none if it is so already.
pub(super) fn indexing(connection: &Connection, collection: i64, fields: &[Field]) -> rusqlite::Result<Vec<String>> {
    let prefix = format!("documents_{collection}_");
    let names: Vec<String> = fields.iter().map(|field| format!("{prefix}{field}")).collect();
    let mut there =
        connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'index' AND substr(name, 1, ?1) = ?2")?;
    let there =
        there.query_map((prefix.len(), &prefix), |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()?;
    let gone = there.iter().filter(|name| !names.contains(name)).map(|name| format!("DROP INDEX {}", quoted(name)));
    let made = fields.iter().zip(&names).filter(|(_, name)| !there.contains(name)).map(|(field, name)| {
        let Place { kind, number, text, .. } = place(field);
        let name = quoted(name);
        format!(
            "CREATE INDEX {name} ON documents (({kind}), ({number}), ({text}), partition_key, id)
             WHERE collection = {collection} AND body IS NOT NULL"
        )
    });
    Ok(gone.chain(made).collect())
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
