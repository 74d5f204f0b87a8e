//! SQLite as Spin gives it to its components (`sqlite_databases` in spin.toml): documents without a server.
//!
//! The tables are those of the embedded database, with names of their own, so that an application may have its tables
//! beside them and read these: a document that was deleted has no body, and `sequence` grows with every change, so that
//! a change feed is a scan from a position.
//!
//! # Layout
//! - [`config`]: what the adapter is told.
//! - [`sql`]: a connection, which a component has from Spin and tests from SQLite itself.
//! - [`schema`]: the tables; [`mod@write`]: documents.

pub mod config;
pub mod schema;
pub mod sql;
pub mod write;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use wasmill_sdk::documents::DocumentStore;
use wasmill_sdk::{Document, Failure, Written};
use wasmill_settle::Counts;

use self::config::Config;
use self::sql::Sql;
use self::write::Writer;
use crate::stamp;

/// The adapter.
pub struct Spin<S> {
    config: Config,
    sql: S,
    /// The numbers of collections, as far as they are known; none before the database is open.
    collections: Option<BTreeMap<String, i64>>,
}

impl<S: Sql> Spin<S> {
    /// An adapter that reaches its database by `sql`. Nothing is opened yet: what is set up may be baked.
    pub fn new(config: Config, sql: S) -> Result<Self, String> {
        config.check()?;
        Ok(Self { config, sql, collections: None })
    }

    fn write(&mut self, collection: &str, documents: &[Document]) -> Result<Written, Failure> {
        documents.iter().try_for_each(write::check)?;
        let counts = self.write_checked(collection, documents);
        if counts.is_err() {
            // Whatever it was: the connection may be gone, or the tables.
            self.collections = None;
        }
        Ok(stamp::written(counts?, 0.0))
    }

    fn write_checked(&mut self, collection: &str, documents: &[Document]) -> Result<Counts, Failure> {
        let number = self.number(collection)?;
        let mut writer = Writer {
            sql: &mut self.sql,
            database: &self.config.database,
            collection: number,
            pipeline: self.config.pipeline,
        };
        writer.write(documents)
    }

    /// The number of a collection, which is made if it is not there.
    fn number(&mut self, collection: &str) -> Result<i64, Failure> {
        let database = &self.config.database;
        let failed = |err: sql::SqlError| err.failure(database);
        let known = match &mut self.collections {
            Some(known) => known,
            unknown => {
                self.sql.open(database).map_err(failed)?;
                schema::create(&mut self.sql).map_err(failed)?;
                unknown.insert(BTreeMap::new())
            }
        };
        if let Some(number) = known.get(collection) {
            return Ok(*number);
        }
        let number = schema::collection(&mut self.sql, collection).map_err(failed)?;
        known.insert(collection.to_owned(), number);
        Ok(number)
    }
}

impl<S: Sql + Default + 'static> DocumentStore for Spin<S> {
    type Config = Config;

    fn configure(config: Config) -> Result<Self, String> {
        Self::new(config, S::default())
    }

    fn upsert_batch(&mut self, collection: &str, documents: Vec<Document>) -> Result<Written, Failure> {
        self.write(collection, &documents)
    }
}
