//! What is asked and answered, as JSON.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use wasmill_runtime::documents::Stored;
use wasmill_runtime::documents::query::{Changed, Key};

/// A document.
#[derive(Debug, Serialize, ToSchema)]
pub struct Document {
    /// Unique in its collection and partition.
    pub id: String,
    /// The partition; empty if there are none.
    pub partition_key: String,
    /// What orders its writes: an integer of 64 bits, as a text because JavaScript's numbers have 53.
    #[schema(pattern = "^-?[0-9]+$")]
    pub version: String,
    /// What `ETag` is; another one if the document is another.
    pub etag: String,
    /// What the pipeline published.
    #[schema(value_type = serde_json::Map<String, serde_json::Value>)]
    pub body: Box<RawValue>,
}

/// A page of documents.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page {
    /// The documents, in the order that was asked for.
    pub documents: Vec<Document>,
    /// What `after` is for the next page; null if this is the last.
    pub next: Option<String>,
}

/// What documents are asked for by their keys.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchGet {
    /// At most 100 keys.
    #[schema(max_items = 100)]
    pub keys: Vec<DocumentKey>,
}

/// The key of a document.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DocumentKey {
    /// The id.
    pub id: String,
    /// The partition. If it is not given: the only one that the caller may read, or else the empty one.
    #[schema(nullable = false)]
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub partition_key: Option<String>,
}

/// A text; null is none.
fn given<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    String::deserialize(deserializer).map(Some)
}

/// The documents with certain keys.
#[derive(Debug, Serialize, ToSchema)]
pub struct Found {
    /// Each in the place of its key; null if there is none. There are none for the keys that are left.
    pub documents: Vec<Option<Document>>,
    /// The keys that are left, to be asked for again; there is always a place for the first key.
    pub unprocessed_keys: Vec<DocumentKey>,
}

/// How many there are.
#[derive(Debug, Serialize, ToSchema)]
pub struct Count {
    /// The documents.
    pub count: u64,
}

/// The collections that may be read.
#[derive(Debug, Serialize, ToSchema)]
pub struct Collections {
    /// In the order of their names.
    pub collections: Vec<Collection>,
}

/// A collection.
#[derive(Debug, Serialize, ToSchema)]
pub struct Collection {
    /// Its name.
    pub name: String,
}

/// What changed.
#[derive(Debug, Serialize, ToSchema)]
pub struct Changes {
    /// Documents that changed, in the order of their last change, each once and as it is now.
    pub changes: Vec<Change>,
    /// What `since` is to go on from here.
    pub next: String,
    /// Whether there is more already.
    pub has_more: bool,
}

/// A document that changed.
#[derive(Debug, Serialize, ToSchema)]
pub struct Change {
    /// Unique in its collection and partition.
    pub id: String,
    /// The partition; empty if there are none.
    pub partition_key: String,
    /// What orders its writes: an integer of 64 bits, as a text.
    #[schema(pattern = "^-?[0-9]+$")]
    pub version: String,
    /// Whether it is not there any more.
    pub deleted: bool,
    /// What `ETag` is; null if it was deleted.
    pub etag: Option<String>,
    /// What the pipeline published; null if it was deleted.
    #[schema(value_type = Option<serde_json::Map<String, serde_json::Value>>)]
    pub body: Option<Box<RawValue>>,
}

/// What went wrong.
#[derive(Debug, Serialize, ToSchema)]
pub struct Error {
    /// For people.
    pub error: String,
}

impl From<Stored> for Document {
    fn from(stored: Stored) -> Self {
        let Stored { id, partition_key, version, body, .. } = stored;
        Self { id, partition_key, version: version.to_string(), etag: etag(version, &body), body }
    }
}

impl From<Changed> for Change {
    fn from(changed: Changed) -> Self {
        let Changed { key: Key { id, partition_key }, version, body } = changed;
        let etag = body.as_ref().map(|body| etag(version, body));
        Self { id, partition_key, version: version.to_string(), deleted: body.is_none(), etag, body }
    }
}

/// A strong validator: what is answered is the same if it is.
fn etag(version: i64, body: &RawValue) -> String {
    let digest = Sha256::new().chain_update(version.to_be_bytes()).chain_update(body.get()).finalize();
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
