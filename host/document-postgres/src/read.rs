//! Documents as they are read.

use std::fmt::Write as _;

use postgres::error::SqlState;
use postgres::types::ToSql;
use postgres::{Row, Statement};
use serde_json::value::RawValue;
use wasmill_runtime::documents::query::{ANSWER_BYTES, Changed, Changes, Filter, Key, Page, Query, Sorted};
use wasmill_runtime::documents::sql::{self, Literal, Place};
use wasmill_runtime::documents::{ReadDocuments, ReadError, Stored};

use crate::sweep::expired;
use crate::table::place;
use crate::{Connection, Error, Postgres, quoted};

/// The size of a body. Those that an earlier version wrote have none.
const SIZE: &str = "coalesce(size, octet_length(body::text), 0)";

/// What rows are ordered by in a statement around one that found them.
const FOUND: [&str; 3] = ["sort_kind", "sort_number", "sort_text"];

/// A value of a statement.
type Bound = Box<dyn ToSql + Sync>;

impl Postgres {
    /// Reads something; what a collection that is not there gives instead.
    fn read<T>(&self, nothing: T, work: impl FnMut(&mut Connection) -> Result<T, Error>) -> Result<T, ReadError> {
        match self.with(work) {
            Err(Error::Said(err)) if err.code() == Some(&SqlState::UNDEFINED_TABLE) => Ok(nothing),
            Err(Error::Said(err)) if err.code() == Some(&SqlState::UNDEFINED_COLUMN) => Err(ReadError(format!(
                "the tables of PostgreSQL are of an earlier version: {}\nhint: set `create = true` in [documents]",
                wasmill_postgres::said(&err)
            ))),
            done => done.map_err(|err| ReadError(err.to_string())),
        }
    }

    /// What is known of a collection, by a column.
    fn of_collection(&self, column: &str, collection: &str) -> Result<i64, ReadError> {
        self.read(0, |connection| {
            let sql = format!("SELECT {column} FROM wasmill_collections WHERE name = $1");
            let statement = connection.prepare(&sql)?;
            let row = connection.client.query_opt(&statement, &[&collection])?;
            Ok(row.map_or(0, |row| row.get(0)))
        })
    }

    /// That a document is there: neither deleted nor expired.
    fn is_there(&self, collection: &str) -> String {
        format!("body IS NOT NULL AND written > {}", expired(&self.clock, collection))
    }
}

impl ReadDocuments for Postgres {
    fn collections(&self) -> Result<Vec<String>, ReadError> {
        self.read(Vec::new(), |connection| {
            let rows = connection.client.query("SELECT name FROM wasmill_collections ORDER BY name", &[])?;
            Ok(rows.iter().map(|row| row.get(0)).collect())
        })
    }

    fn get(&self, collection: &str, keys: &[Key]) -> Result<Vec<Option<Stored>>, ReadError> {
        let sql = format!(
            "SELECT id, partition_key, version, sequence, CASE WHEN fits THEN body::text END, place::int - 1
             FROM (SELECT *, {} AS fits FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS k (partition_key, id, place)
                   JOIN {} AS d USING (partition_key, id) WHERE {}) AS found
             ORDER BY place",
            fits("place"),
            quoted(collection),
            self.is_there(collection)
        );
        let (partitions, ids): (Vec<&str>, Vec<&str>) =
            keys.iter().map(|key| (key.partition_key.as_str(), key.id.as_str())).unzip();
        self.read(vec![None; keys.len()], |connection| {
            let statement = connection.prepare(&sql)?;
            let mut found = vec![None; keys.len()];
            for row in connection.client.query(&statement, &[&partitions, &ids])? {
                let place = usize::try_from(row.get::<_, i32>(5)).unwrap_or_default();
                let Some(stored) = stored(&row)? else {
                    found.truncate(place);
                    break;
                };
                if let Some(slot) = found.get_mut(place) {
                    *slot = Some(stored);
                }
            }
            Ok(found)
        })
    }

    fn query(&self, collection: &str, query: &Query) -> Result<Page, ReadError> {
        let mut select = Select::of(self.is_there(collection), &query.filter);
        let order = query.order.as_ref().map(place);
        if let Some(after) = sql::after(order.as_ref(), query, |value| select.literal(value)) {
            let _ = write!(select.conditions, " AND {after}");
        }
        let [kind, number, text] = FOUND;
        let sorted = order.as_ref().map_or_else(
            || format!("0 AS {kind}, 0 AS {number}, '' AS {text}"),
            |place| format!("{} AS {kind}, {} AS {number}, {} AS {text}", place.kind, place.number, place.text),
        );
        let found = order.as_ref().map(|_| Place {
            kind: kind.to_owned(),
            number: number.to_owned(),
            text: text.to_owned(),
            value: String::new(),
        });
        let order_by = sql::order_by(order.as_ref(), query.descending);
        let order_again = sql::order_by(found.as_ref(), query.descending);
        let limit = select.bind(i64::from(query.limit) + 1);
        // Bodies are made texts after it is known which of them are in the page.
        let sql = format!(
            "SELECT id, partition_key, version, sequence, CASE WHEN fits THEN body::text END, {kind}, {number}::text AS digits, {text}
             FROM (SELECT *, {} AS fits
                   FROM (SELECT id, partition_key, version, sequence, body, size, {sorted} FROM {} WHERE {}
                         ORDER BY {order_by} LIMIT {limit}) AS found) AS found
             ORDER BY {order_again}",
            fits(&order_again),
            quoted(collection),
            select.conditions
        );
        let (rows, has_more) = self.read((Vec::new(), false), |connection| {
            let sorted = |row: &Row| Sorted {
                kind: u8::try_from(row.get::<_, i32>(5)).unwrap_or_default(),
                number: row.get(6),
                text: row.get(7),
            };
            let rows = select.query(connection, &sql)?;
            filled(&rows, query.limit, |row| Ok(stored(row)?.map(|stored| (stored, sorted(row)))))
        })?;
        Ok(Page::of(rows, has_more))
    }

    fn count(&self, collection: &str, filter: &Filter) -> Result<u64, ReadError> {
        let select = Select::of(self.is_there(collection), filter);
        let sql = format!("SELECT count(*) FROM {} WHERE {}", quoted(collection), select.conditions);
        self.read(0, |connection| {
            let rows = select.query(connection, &sql)?;
            Ok(rows.first().map_or(0, |row| row.get::<_, i64>(0).unsigned_abs()))
        })
    }

    fn changes(
        &self,
        collection: &str,
        after: i64,
        partitions: Option<&[String]>,
        limit: u32,
    ) -> Result<Changes, ReadError> {
        // One statement, so that what is committed meanwhile is neither in the position nor among the changes.
        let sql = format!(
            "SELECT id, partition_key, version, sequence, CASE WHEN fits THEN body::text END, fits, last, forgotten
             FROM wasmill_collections LEFT JOIN
                 (SELECT *, {} AS fits
                  FROM (SELECT id, partition_key, version, sequence, size, CASE WHEN {} THEN body END AS body FROM {}
                        WHERE sequence > $2 AND ($3::text[] IS NULL OR partition_key = ANY ($3))
                        ORDER BY sequence LIMIT $4) AS found) AS found ON true
             WHERE name = $1 ORDER BY sequence",
            fits("sequence"),
            self.is_there(collection),
            quoted(collection)
        );
        let count = i64::from(limit) + 1;
        self.read(Changes::none(after), |connection| {
            let statement = connection.prepare(&sql)?;
            let rows = connection.client.query(&statement, &[&collection, &after, &partitions, &count])?;
            let (last, forgotten) = rows.first().map_or((0, 0), |row| (row.get::<_, i64>(6), row.get(7)));
            let rows: Vec<Row> = rows.into_iter().filter(|row| row.get::<_, Option<i64>>(3).is_some()).collect();
            let (rows, has_more) = filled(&rows, limit, changed)?;
            Ok(Changes::of(rows, has_more, last.max(after), forgotten))
        })
    }

    fn position(&self, collection: &str) -> Result<i64, ReadError> {
        self.of_collection("last", collection)
    }

    fn forgotten(&self, collection: &str) -> Result<i64, ReadError> {
        self.of_collection("forgotten", collection)
    }

    fn identity(&self) -> Result<[u8; 32], ReadError> {
        let secret = self.with(|connection| {
            let row = connection.client.query_one("SELECT secret FROM wasmill_identity", &[])?;
            Ok(row.get::<_, Vec<u8>>(0))
        });
        let secret = secret.map_err(|err| ReadError(err.to_string()))?;
        secret.try_into().map_err(|_| ReadError("what is in `wasmill_identity` has not 32 bytes".to_owned()))
    }
}

/// Whether what comes before a row, in an order, leaves room for it in an answer.
fn fits(order_by: &str) -> String {
    format!(
        "coalesce(sum({SIZE}) OVER (ORDER BY {order_by} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) < {ANSWER_BYTES}"
    )
}

/// Of rows those that fit, and so many at most; whether there are more. `read` gives none for one that does not.
fn filled<T>(
    rows: &[Row],
    limit: u32,
    read: impl Fn(&Row) -> Result<Option<T>, Error>,
) -> Result<(Vec<T>, bool), Error> {
    let fitting = rows.iter().take(limit as usize).map_while(|row| read(row).transpose());
    let filled = fitting.collect::<Result<Vec<T>, Error>>()?;
    let has_more = filled.len() < rows.len();
    Ok((filled, has_more))
}

/// A document; none if there is no room for it.
fn stored(row: &Row) -> Result<Option<Stored>, Error> {
    let Some(body) = row.get::<_, Option<String>>(4) else { return Ok(None) };
    let (id, partition_key, version, sequence) = (row.get(0), row.get(1), row.get(2), row.get(3));
    Ok(Some(Stored { id, partition_key, version, sequence, body: raw(body)? }))
}

/// A change and its position; none if there is no room for it.
fn changed(row: &Row) -> Result<Option<(Changed, i64)>, Error> {
    if !row.get::<_, bool>(5) {
        return Ok(None);
    }
    let body: Option<String> = row.get(4);
    let key = Key { partition_key: row.get(1), id: row.get(0) };
    Ok(Some((Changed { key, version: row.get(2), body: body.map(raw).transpose()? }, row.get(3))))
}

fn raw(json: String) -> Result<Box<RawValue>, Error> {
    RawValue::from_string(json).map_err(|err| Error::Refused(format!("the database gives no JSON: {err}")))
}

/// Conditions, and the values in them.
struct Select {
    conditions: String,
    values: Vec<Bound>,
}

impl Select {
    fn of(is_there: String, filter: &Filter) -> Self {
        let mut select = Self { conditions: is_there, values: Vec::new() };
        if let Some(partitions) = &filter.partitions {
            let place = select.bind(partitions.clone());
            let _ = write!(select.conditions, " AND partition_key = ANY ({place}::text[])");
        }
        if let Some(id) = &filter.id {
            let place = select.bind(id.clone());
            let _ = write!(select.conditions, " AND id = {place}::text");
        }
        for condition in &filter.conditions {
            let sql = sql::condition(&place(&condition.field), condition, |value| select.literal(value));
            let _ = write!(select.conditions, " AND {sql}");
        }
        select
    }

    /// A value; its name in the text.
    fn bind(&mut self, value: impl ToSql + Sync + 'static) -> String {
        self.values.push(Box::new(value));
        format!("${}", self.values.len())
    }

    fn query(&self, connection: &mut Connection, sql: &str) -> Result<Vec<Row>, Error> {
        let statement: Statement = connection.prepare(sql)?;
        let values: Vec<&(dyn ToSql + Sync)> = self.values.iter().map(AsRef::as_ref).collect();
        Ok(connection.client.query(&statement, &values)?)
    }

    fn literal(&mut self, value: Literal) -> String {
        match value {
            Literal::Integer(value) => format!("{}::int", self.bind(value)),
            Literal::Number(digits) => format!("{}::text::numeric", self.bind(digits)),
            Literal::Text(text) => format!("{}::text", self.bind(text)),
        }
    }
}
