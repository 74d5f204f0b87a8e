//! Apache CouchDB, by its HTTP API.
//!
//! A collection is a database: its name, after a prefix and `-` if there is one. A document's `_id` is its partition key,
//! `:` and its id ([`body::key`]), which is how CouchDB's partitioned databases have it. It holds its body, and `wasmill_`,
//! what it was written with, its partition key and its id; a body has no fields of its own that begin with `_`.
//!
//! What was deleted is a document without a body that stays, so that an older write does not bring it back: readers leave
//! out what has `wasmill_.deleted`. CouchDB's own deletions are of no use for that. They cannot be replaced on condition
//! that they are what was read (with their revision it is a conflict, since CouchDB 2), and a write without a revision
//! always undoes them (`couch_db_updater.erl`, `merge_rev_tree`).
//!
//! Nothing is atomic across documents. In a cluster CouchDB takes two writes of one document that come to two nodes at the
//! same moment, and keeps both: the one that it shows may be the older, until the document is written again.
//!
//! # Layout
//! - [`config`]: what the adapter is told.
//! - [`client`]: requests, tried again; [`mod@databases`]: databases.
//! - [`mod@body`]: documents as they are stored; [`mod@write`]: how they are written.

pub mod body;
pub mod client;
pub mod config;
pub mod databases;
pub mod write;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use wasmill_sdk::documents::DocumentStore;
use wasmill_sdk::{Document, Failure, Written};

use self::client::Client;
use self::config::Config;
use self::write::{Learnt, Writer};
use crate::stamp;
use crate::web::{Wasi, Web};

/// The adapter.
pub struct Couch<W = Wasi> {
    config: Config,
    client: Client<W>,
    /// By database.
    learnt: BTreeMap<String, Learnt>,
}

impl<W: Web> Couch<W> {
    /// An adapter that sends its requests by `web`.
    pub fn new(config: Config, web: W) -> Result<Self, String> {
        config.check()?;
        let client = Client::new(&config, web);
        Ok(Self { config, client, learnt: BTreeMap::new() })
    }

    /// Writes documents; see `documents` in `wit/pipeline.wit`.
    pub fn write(&mut self, collection: &str, documents: &[Document]) -> Result<Written, Failure> {
        let database = self.config.database(collection)?;
        self.client.begin()?;
        if documents.is_empty() {
            databases::ensure(&mut self.client, &self.config, &database)?;
            return Ok(Written::default());
        }
        let learnt = self.learnt.entry(database.clone()).or_default();
        let mut writer = Writer { client: &mut self.client, config: &self.config, database: &database, learnt };
        Ok(stamp::written(writer.write(documents)?, 0.0))
    }
}

impl DocumentStore for Couch {
    type Config = Config;

    fn configure(config: Config) -> Result<Self, String> {
        Self::new(config, Wasi)
    }

    fn upsert_batch(&mut self, collection: &str, documents: Vec<Document>) -> Result<Written, Failure> {
        self.write(collection, &documents)
    }
}
