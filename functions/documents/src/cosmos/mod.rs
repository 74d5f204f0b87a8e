//! Azure Cosmos DB for NoSQL, by its REST API.
//!
//! A collection is a container. A document is an item: its body, with `id`, its partition key at the container's path
//! (`/partitionKey` unless said otherwise), and `_wasmill`, what it was written with. What was deleted is an item without
//! a body that expires after 30 days, so that an older write does not bring it back: readers leave out what has
//! `_wasmill.deleted`.
//!
//! Documents of one partition are written in transactional batches; those of several are sent at the same time, and
//! nothing is atomic across them. Numbers are floats there, of which integers beyond 2⁵³ are not exact.
//!
//! # Layout
//! - [`config`]: what the adapter is told; [`auth`]: who it is.
//! - [`account`]: regions; [`client`]: requests, tried again.
//! - [`containers`]: databases and containers; [`mod@write`]: documents.

pub mod account;
pub mod auth;
pub mod client;
pub mod config;
pub mod containers;
pub mod write;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use wasmill_sdk::documents::DocumentStore;
use wasmill_sdk::{Document, Failure, Written};

use self::client::Client;
use self::config::Config;
use self::write::Writer;
use crate::stamp;
use crate::web::{Wasi, Web};

/// The adapter.
pub struct Cosmos<W = Wasi> {
    config: Config,
    client: Client<W>,
    /// Of each container, whether documents are looked for before they are written.
    looks_first: BTreeMap<String, bool>,
}

impl<W: Web> Cosmos<W> {
    /// An adapter that sends its requests by `web`.
    pub fn new(config: Config, web: W) -> Result<Self, String> {
        config.check()?;
        let client = Client::new(&config, web);
        Ok(Self { config, client, looks_first: BTreeMap::new() })
    }

    fn write(&mut self, collection: &str, documents: &[Document]) -> Result<Written, Failure> {
        self.client.begin();
        if documents.is_empty() {
            containers::ensure(&mut self.client, &self.config, collection)?;
            return Ok(Written { charge: self.client.take_charge(), ..Written::default() });
        }
        let looks_first = self.looks_first.entry(collection.to_owned()).or_default();
        let mut writer = Writer { client: &mut self.client, config: &self.config, container: collection, looks_first };
        let counts = writer.write(documents)?;
        Ok(stamp::written(counts, self.client.take_charge()))
    }
}

impl DocumentStore for Cosmos {
    type Config = Config;

    fn configure(config: Config) -> Result<Self, String> {
        Self::new(config, Wasi)
    }

    fn upsert_batch(&mut self, collection: &str, documents: Vec<Document>) -> Result<Written, Failure> {
        self.write(collection, &documents)
    }
}
