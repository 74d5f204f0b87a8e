//! Documents as they are read.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use postgres::error::SqlState;
use postgres::types::ToSql;
use postgres::{Row, Statement};
use serde_json::value::RawValue;
use wasmill_runtime::documents::query::{Changed, Changes, Filter, Key, Page, Query, Sorted};
use wasmill_runtime::documents::sql::{self, Literal, Place};
use wasmill_runtime::documents::{ReadDocuments, ReadError, Stored};

use crate::table::place;
use crate::{Connection, Error, Postgres, quoted};

/// A value of a statement.
type Bound = Box<dyn ToSql + Sync>;

impl Postgres {
    /// Reads something; what a collection that is not there gives instead.
    fn read<T>(&self, nothing: T, work: impl FnMut(&mut Connection) -> Result<T, Error>) -> Result<T, ReadError> {
        match self.with(work) {
            Err(Error::Said(err)) if err.code() == Some(&SqlState::UNDEFINED_TABLE) => Ok(nothing),
            done => done.map_err(|err| ReadError(err.to_string())),
        }
    }
}

impl ReadDocuments for Postgres {
    fn collections(&self) -> Result<BTreeMap<String, u64>, ReadError> {
        let names: Vec<String> = self.read(Vec::new(), |connection| {
            let rows = connection.client.query("SELECT name FROM wasmill_collections ORDER BY name", &[])?;
            Ok(rows.iter().map(|row| row.get(0)).collect())
        })?;
        names.into_iter().map(|name| Ok((name.clone(), self.count(&name, &Filter::default())?))).collect()
    }

    fn get(&self, collection: &str, keys: &[Key]) -> Result<Vec<Option<Stored>>, ReadError> {
        let sql = format!(
            "SELECT k.place::int - 1, d.id, d.partition_key, d.version, d.sequence, d.body::text
             FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS k (partition_key, id, place)
             JOIN {} AS d ON d.partition_key = k.partition_key AND d.id = k.id WHERE d.body IS NOT NULL",
            quoted(collection)
        );
        let (partitions, ids): (Vec<&str>, Vec<&str>) =
            keys.iter().map(|key| (key.partition_key.as_str(), key.id.as_str())).unzip();
        self.read(vec![None; keys.len()], |connection| {
            let statement = connection.prepare(&sql)?;
            let mut found = vec![None; keys.len()];
            for row in connection.client.query(&statement, &[&partitions, &ids])? {
                let place = usize::try_from(row.get::<_, i32>(0)).unwrap_or_default();
                if let Some(slot) = found.get_mut(place) {
                    *slot = Some(stored(&row, 1)?);
                }
            }
            Ok(found)
        })
    }

    fn query(&self, collection: &str, query: &Query) -> Result<Page, ReadError> {
        let mut select = Select::of(&query.filter);
        let order = query.order.as_ref().map(place);
        if let Some(after) = sql::after(order.as_ref(), query, |value| select.literal(value)) {
            let _ = write!(select.conditions, " AND {after}");
        }
        let sorted = order.as_ref().map_or_else(
            || "0, '0', ''".to_owned(),
            |Place { kind, number, text, .. }| format!("{kind}, ({number})::text, {text}"),
        );
        let order_by = sql::order_by(order.as_ref(), query.descending);
        let limit = select.bind(i64::from(query.limit) + 1);
        let sql = format!(
            "SELECT id, partition_key, version, sequence, body::text, {sorted} FROM {} WHERE {}
             ORDER BY {order_by} LIMIT {limit}",
            quoted(collection),
            select.conditions
        );
        let rows = self.read(Vec::new(), |connection| {
            let rows = select.query(connection, &sql)?;
            let sorted = |row: &Row| Sorted {
                kind: u8::try_from(row.get::<_, i32>(5)).unwrap_or_default(),
                number: row.get(6),
                text: row.get(7),
            };
            rows.iter().map(|row| Ok((stored(row, 0)?, sorted(row)))).collect()
        })?;
        Ok(Page::of(rows, query.limit))
    }

    fn count(&self, collection: &str, filter: &Filter) -> Result<u64, ReadError> {
        let select = Select::of(filter);
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
        // What is committed between the two statements has greater numbers, and is in the next answer.
        let last = self.position(collection)?;
        let sql = format!(
            "SELECT id, partition_key, version, sequence, body::text FROM {}
             WHERE sequence > $1 AND sequence <= $2 AND ($3::text[] IS NULL OR partition_key = ANY ($3))
             ORDER BY sequence LIMIT $4",
            quoted(collection)
        );
        let count = i64::from(limit) + 1;
        let rows = self.read(Vec::new(), |connection| {
            let statement = connection.prepare(&sql)?;
            let rows = connection.client.query(&statement, &[&after, &last, &partitions, &count])?;
            rows.iter().map(|row| Ok((changed(row)?, row.get(3)))).collect()
        })?;
        Ok(Changes::of(rows, limit, last.max(after)))
    }

    fn position(&self, collection: &str) -> Result<i64, ReadError> {
        self.read(0, |connection| {
            let statement = connection.prepare("SELECT last FROM wasmill_collections WHERE name = $1")?;
            let row = connection.client.query_opt(&statement, &[&collection])?;
            Ok(row.map_or(0, |row| row.get(0)))
        })
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

fn stored(row: &Row, from: usize) -> Result<Stored, Error> {
    let body: String = row.get(from + 4);
    Ok(Stored {
        id: row.get(from),
        partition_key: row.get(from + 1),
        version: row.get(from + 2),
        sequence: row.get(from + 3),
        body: raw(body)?,
    })
}

fn changed(row: &Row) -> Result<Changed, Error> {
    let body: Option<String> = row.get(4);
    let key = Key { partition_key: row.get(1), id: row.get(0) };
    Ok(Changed { key, version: row.get(2), body: body.map(raw).transpose()? })
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
    fn of(filter: &Filter) -> Self {
        let mut select = Self { conditions: "body IS NOT NULL".to_owned(), values: Vec::new() };
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
