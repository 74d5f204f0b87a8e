//! Where documents are written, and which collections add them up.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

/// Where documents are written.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Documents {
    /// `sqlite:FILE`, relative to the manifest; `postgres://USER@HOST:PORT/DATABASE?sslmode=require`, with the password of
    /// `PGPASSWORD` in the environment; `cosmos+https://ACCOUNT.documents.azure.com/DATABASE`, Azure Cosmos DB for NoSQL,
    /// with the account's key in the environment, `COSMOS_KEY`, or an application of Microsoft Entra: `AZURE_TENANT_ID`,
    /// `AZURE_CLIENT_ID`, `AZURE_CLIENT_SECRET`; or `couchdb+https://HOST/PREFIX`, Apache CouchDB, whose databases have the
    /// names of collections, after `PREFIX-` if there is a prefix, with `COUCHDB_USER` and `COUCHDB_PASSWORD` in the
    /// environment.
    pub url: String,
    /// Whether a database and its collections that are not there are created. An embedded one always is.
    #[serde(default)]
    pub create: bool,
    /// Regions of the account in order of preference, as Azure names them: `West Europe`.
    #[serde(default)]
    pub regions: Vec<String>,
    /// What is not the default of a collection, by its name.
    #[serde(default)]
    pub collections: BTreeMap<String, DocumentCollection>,
}

/// A collection of a document database.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub struct DocumentCollection {
    /// The fields that there are indexes over: those that applications compare and order by, as `risk`, or `risk.mean` of an
    /// object. Cosmos DB has an index over every field.
    pub indexes: Vec<String>,
    /// Makes the documents totals: what is published to the collection is added up, over all events, each source of it once.
    /// By the name of a field of the total, `"count"` of contributions; `"sum"`, `"min"` or `"max"` of that field; of another
    /// `{ sum = "FIELD" }`, `min`, `max` or `mean`; of two others `{ ratio = ["FIELD", "FIELD"] }`, sum by sum. A mean and a
    /// ratio may have `round = DIGITS`. Other fields are those of the last contribution.
    pub totals: BTreeMap<String, Total>,
    /// Of totals: the field that says what a contribution is of, of which only the newest counts. Without it each row of an
    /// object counts, until the object is another.
    pub source: Option<String>,
    /// Of totals with a `source`: the field that is true if that does not count any more.
    pub withdrawn: Option<String>,
    /// Of Cosmos DB: the path of the partition key in a document (default `/partitionKey`, which documents are given).
    pub partition_key: Option<String>,
    /// After how many seconds a document expires that was not written again (default: never). It is not shown any more then, and
    /// `wasmill up` removes it within seconds, which is a change like any other. What is written with a greater version counts
    /// as written again, also if its body is the same; an event that is run again changes nothing, and not this either, but
    /// brings back what expired. CouchDB has no such thing; Cosmos DB removes without a word, and uses it when the collection
    /// is created.
    pub ttl_seconds: Option<u32>,
    /// Of Cosmos DB: its throughput, in request units a second; used when it is created.
    pub throughput: Option<u32>,
    /// Of Cosmos DB: the same, if it scales by itself: the most there may be.
    pub max_throughput: Option<u32>,
}

/// How a field of a total is computed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "it is `\"count\"`, `\"sum\"`, `\"min\"`, `\"max\"`, one of `{ sum = \"FIELD\" }`, `min`, `max` and `mean`, or `{ ratio = [\"FIELD\", \"FIELD\"] }`"
)]
pub enum Total {
    /// Of the field itself.
    Own(OwnTotal),
    /// Of another.
    Of(TotalOf),
    /// Of another, divided by how many there are.
    Mean(Mean),
    /// Of two others.
    Ratio(Ratio),
}

/// How a field of a total is computed of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OwnTotal {
    /// How many contributions there are.
    Count,
    /// The sum.
    Sum,
    /// The least.
    Min,
    /// The greatest.
    Max,
}

/// How a field of a total is computed of another.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum TotalOf {
    /// The sum.
    Sum(String),
    /// The least.
    Min(String),
    /// The greatest.
    Max(String),
}

/// The mean of a field, of those contributions that have it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mean {
    /// Of which field.
    pub mean: String,
    /// How many decimal digits it has, at most 15.
    pub round: Option<u8>,
}

/// The sum of a field divided by that of another.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ratio {
    /// Which fields.
    pub ratio: [String; 2],
    /// How many decimal digits it has, at most 15.
    pub round: Option<u8>,
}
