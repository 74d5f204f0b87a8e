//! What the adapter is told.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The path of the partition key of a container, if nothing else is said.
pub const PARTITION_KEY: &str = "/partitionKey";

/// What the adapter is told.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The account: `https://ACCOUNT.documents.azure.com`.
    pub endpoint: String,
    /// The database.
    pub database: String,
    /// Whether the database and its containers are created if they are not there.
    #[serde(default)]
    pub create: bool,
    /// Regions in order of preference, as Azure names them (`West Europe`). With none, all goes to `endpoint`.
    #[serde(default)]
    pub regions: Vec<String>,
    /// How long a call is tried again while the database throttles or does not answer.
    #[serde(default = "patience")]
    pub patience_seconds: u32,
    /// A digest of what makes the documents, as a decimal number: see [`wasmill_settle`].
    #[serde(default)]
    pub pipeline: i64,
    /// What is not the default of a container, by its name.
    #[serde(default)]
    pub collections: BTreeMap<String, Collection>,
}

/// A container.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Collection {
    /// The path of its partition key; [`PARTITION_KEY`] by default.
    pub partition_key: Option<String>,
    /// After how many seconds a document expires that nothing wrote again; never by default. Used when it is created.
    pub ttl_seconds: Option<u32>,
    /// Its throughput in request units a second. Used when it is created.
    pub throughput: Option<u32>,
    /// The same, if it is to scale by itself: the most there may be. Used when it is created.
    pub max_throughput: Option<u32>,
}

fn patience() -> u32 {
    20
}

impl Config {
    /// What is wrong with it, if anything is.
    pub fn check(&self) -> Result<(), String> {
        let url: http::Uri = self.endpoint.parse().map_err(|err| format!("`endpoint`: `{}`: {err}", self.endpoint))?;
        if !matches!(url.scheme_str(), Some("https" | "http")) || url.authority().is_none() {
            return Err(format!("`endpoint`: `{}` is not like `https://ACCOUNT.documents.azure.com`", self.endpoint));
        }
        if self.database.is_empty() || self.database.contains(['/', '\\', '?', '#']) {
            return Err(format!("`database`: `{}` is empty or has a `/`, `\\`, `?` or `#`", self.database));
        }
        for (name, collection) in &self.collections {
            let path = collection.partition_key.as_deref().unwrap_or(PARTITION_KEY);
            let is_path = path.strip_prefix('/').is_some_and(|path| path.split('/').all(|part| !part.is_empty()));
            if !is_path {
                return Err(format!("`collections.{name}.partition_key`: `{path}` is not like `/customer`"));
            }
            if collection.throughput.is_some() && collection.max_throughput.is_some() {
                return Err(format!("`collections.{name}` has both `throughput` and `max_throughput`"));
            }
        }
        Ok(())
    }

    /// The path of the partition key of a container.
    pub fn partition_key(&self, collection: &str) -> &str {
        self.collections.get(collection).and_then(|known| known.partition_key.as_deref()).unwrap_or(PARTITION_KEY)
    }
}
