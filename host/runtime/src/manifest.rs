//! The manifest as it is typed: `pipeline.toml`.
//!
//! These types are what the JSON schema is made of, so their documentation is the manifest's reference.

mod documents;
mod extract;
mod nats;
mod query;
mod sink;
mod table;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::sandbox::Limits;

pub use documents::{DocumentCollection, Documents, Mean, OwnTotal, Ratio, Total, TotalOf};
pub use extract::{Band, ExtractFrom, ExtractMode, ExtractTo, ExtractTrigger, ExtractType, Rewrites, Side};
pub use nats::NatsTrigger;
pub use query::{AttachedDatabase, View, ViewFile, ViewSql};
pub use sink::{DeltaSink, PostgresSink, Sink, SinkColumns, SinkMode};
pub use table::{Table, TableType};

/// The name of a manifest's file in its folder.
pub const FILE_NAME: &str = "pipeline.toml";

/// A pipeline: where its objects come from, the steps they go through, and what it writes.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Manifest {
    /// The version of this format: 1.
    pub version: u32,
    /// The pipeline's name, in kebab-case.
    pub name: Id,
    /// What it is for, in a sentence.
    pub description: Option<String>,
    /// Places that hold objects, by name.
    #[serde(default)]
    pub stores: BTreeMap<Id, Store>,
    /// Where documents are written.
    pub documents: Option<Documents>,
    /// Values that whoever runs the pipeline may choose, by name. In configurations `{ parameter = "NAME" }` stands for
    /// one.
    #[serde(default)]
    pub parameters: BTreeMap<TableName, Parameter>,
    /// Reference tables for transforms, by the name they have in SQL.
    #[serde(default)]
    pub tables: BTreeMap<TableName, Table>,
    /// Queries that `wasmill query` knows as tables, by the name they have in SQL.
    #[serde(default)]
    pub views: BTreeMap<TableName, View>,
    /// Databases that `wasmill query` knows as schemas, by the name they have in SQL.
    #[serde(default)]
    pub databases: BTreeMap<TableName, AttachedDatabase>,
    /// The semantic model: a file of measures and dimensions, relative to the manifest. It is asked by its name.
    pub semantic_model: Option<String>,
    /// Reports on the semantic model's measures: files, relative to the manifest.
    #[serde(default)]
    pub reports: Vec<String>,
    /// Where it is kept what became of every event.
    pub journal: Option<Journal>,
    /// How events are delivered.
    #[serde(default)]
    pub delivery: Delivery,
    /// What starts a run.
    #[serde(default)]
    pub trigger: Vec<Trigger>,
    /// The steps. Unless it says otherwise, a step takes what the one before it gives.
    #[serde(default)]
    pub step: Vec<Step>,
    /// Tables that steps' rows are written to.
    #[serde(default)]
    pub sink: Vec<Sink>,
    /// The pipeline's own tests, for `wasmill test`.
    #[serde(default)]
    pub test: Vec<Test>,
}

/// A place that holds objects.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Store {
    /// `file:FOLDER`, relative to the manifest; `s3://BUCKET/PREFIX`, `az://CONTAINER/PREFIX`,
    /// `abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/PREFIX` or `gs://BUCKET/PREFIX`, with credentials from the environment.
    pub url: String,
}

/// A value that whoever runs the pipeline may choose, with `--set NAME=VALUE`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Parameter {
    /// What it is for, in a sentence.
    pub description: Option<String>,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: ParameterType,
    /// Its value if none is chosen; without it one must be.
    #[schemars(with = "Option<serde_json::Value>")]
    pub default: Option<toml::Value>,
}

/// What a parameter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ParameterType {
    /// A text.
    String,
    /// A whole number of 64 bits.
    Integer,
    /// A number.
    Float,
    /// `true` or `false`.
    Boolean,
}

/// What starts a run.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Trigger {
    /// An object that is in a store, or appears or changes there.
    Object(ObjectTrigger),
    /// A request to `wasmill up`.
    Http(HttpTrigger),
    /// A time of day.
    Schedule(ScheduleTrigger),
    /// A message of a stream of NATS JetStream.
    Nats(NatsTrigger),
    /// The end of another pipeline's event.
    Pipeline(PipelineTrigger),
    /// Rows of a table, or those that are new there.
    Extract(Box<ExtractTrigger>),
}

/// An object that is in a store. `wasmill run` takes what is there; `wasmill up` also what appears or changes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ObjectTrigger {
    /// The store.
    pub store: Id,
    /// Which objects: a path in the store, in whose last part `*` stands for anything.
    pub pattern: String,
    /// How long an object must have been left alone before it is taken, in seconds (default 2): it may still be written.
    /// One that is renamed to its name when it is whole, which is better, needs 0.
    #[serde(default = "settle_seconds")]
    pub settle_seconds: f64,
}

fn settle_seconds() -> f64 {
    2.0
}

/// A `POST` to `wasmill up`: a CloudEvent (1.0, structured or binary), whose data is the object; an Azure Event Grid
/// notification of a blob in a store; or the object itself.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpTrigger {
    /// The path of the URL (default `/v1/events`).
    #[serde(default = "events_path")]
    pub path: String,
    /// The store whose objects notifications name. Without it notifications are refused.
    pub store: Option<Id>,
    /// The longest body, in MiB (default 16).
    #[serde(default = "body_limit_mib")]
    pub body_limit_mib: u32,
}

fn events_path() -> String {
    "/v1/events".into()
}

fn body_limit_mib() -> u32 {
    16
}

/// An event of another pipeline that ended: by `wasmill up`, as it is in that one's journal.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PipelineTrigger {
    /// The other pipeline's manifest, relative to this one.
    pub manifest: String,
    /// How the event ended (default `["done"]`).
    #[serde(default = "on_done")]
    pub on: Vec<Ended>,
    /// The object that is run (default `same`).
    #[serde(default)]
    pub object: ChainedObject,
}

fn on_done() -> Vec<Ended> {
    vec![Ended::Done]
}

/// How an event of another pipeline ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// It had all its effects.
    Done,
    /// It is a dead letter.
    Dead,
}

/// What is run when an event of another pipeline ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ChainedObject {
    /// The object of that event.
    #[default]
    Same,
    /// A line of JSON: `pipeline`, `event`, `attempt`, `outcome`, `reason` and `report`, which has what each step did.
    Report,
}

/// Times at which a run starts.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleTrigger {
    /// Names the schedule in the pipeline, in kebab-case.
    pub id: Id,
    /// Minute, hour, day of the month, month, day of the week, as cron has them; a sixth field before them is seconds.
    pub cron: String,
    /// The time zone of `cron`, as IANA names it (default `UTC`).
    #[serde(default = "utc")]
    pub timezone: String,
    /// What becomes of times that passed while nothing ran (default `last`).
    #[serde(default)]
    pub missed: Missed,
    /// What happens if the run before is not over (default `queue`).
    #[serde(default)]
    pub overlap: Overlap,
    /// The store of the object that is run; without it the object is a line of JSON, `{"scheduled":"…"}`.
    pub store: Option<Id>,
    /// The object's path in the store, in which `%Y`, `%m`, `%d`, `%H` and `%M` stand for parts of the time.
    pub path: Option<String>,
}

fn utc() -> String {
    "UTC".into()
}

/// What becomes of times that passed while nothing ran.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Missed {
    /// Nothing.
    Skip,
    /// The last of them is run.
    #[default]
    Last,
    /// Each is run, at most the last 1,000.
    All,
}

/// What happens if the run before is not over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Overlap {
    /// The new one waits or runs beside it.
    #[default]
    Queue,
    /// The new one is left out.
    Skip,
}

/// How events are delivered by `wasmill up`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Delivery {
    /// Events that are worked on at once (default: one for each core).
    pub concurrency: Option<u16>,
    /// How often an event may end in a fault before it is a dead letter (default 3). It may lose its worker ten times as
    /// often.
    pub faults: u32,
    /// How long an event is tried while something outside, such as the database, does not answer, in hours (default 24).
    pub give_up_hours: f64,
    /// The wait before the second attempt, in seconds (default 1); each further one is twice as long, up to a minute, with
    /// up to half of it left to chance.
    pub backoff_seconds: f64,
    /// How long a worker that is heard of no more keeps its events, in seconds (default 30).
    pub lease_seconds: f64,
    /// The longest that an attempt at an event may take, in seconds (default: any time); then it ends in a fault. Of a
    /// large object the next attempt goes on where this one was.
    pub timeout_seconds: Option<f64>,
    /// The share of the events worked on at once that backfills may have (default 0.5), but for one, which there may always
    /// be.
    pub backfill_share: f64,
}

impl Default for Delivery {
    fn default() -> Self {
        Self {
            concurrency: None,
            faults: 3,
            give_up_hours: 24.0,
            backoff_seconds: 1.0,
            lease_seconds: 30.0,
            timeout_seconds: None,
            backfill_share: 0.5,
        }
    }
}

/// Where it is kept what became of every event.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Journal {
    /// `sqlite:FILE`, relative to the manifest (default `sqlite:.wasmill/journal.db`), for workers on one machine; or
    /// `postgres://USER@HOST:PORT/DATABASE?sslmode=require`, for workers on several. The password is that of `PGPASSWORD` in
    /// the environment.
    pub url: Option<String>,
    /// How long events that are done are remembered, in days (default 30), with what their attempts did. Objects are known
    /// for as long as the journal is there, and dead letters until they are dropped.
    pub keep_days: Option<f64>,
}

/// A step: a function and what it is given.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Step {
    /// The step's name, in kebab-case.
    pub id: Id,
    /// The function: the name of a bundled one (`ingest`, `transform`, `score`, `publish`), the path of a component,
    /// relative to the manifest, or one in a registry, `oci://HOST/NAME@sha256:…`.
    pub component: String,
    /// The step whose rows it takes, `STEP` or `STEP.ROUTE`, or several of them that give the same columns; the step
    /// before it if not given.
    pub from: Option<FromSteps>,
    /// The reference tables it is given (kind `transform`).
    #[serde(default)]
    pub tables: Vec<TableName>,
    /// The model's file, relative to the manifest (kind `score`).
    pub model: Option<String>,
    /// The function's configuration. A value `{ file = "PATH" }` stands for the text of that file, `{ parameter = "NAME" }`
    /// for the value of a parameter.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub config: toml::Table,
    /// What the function may reach; nothing if not given.
    #[serde(default)]
    pub grants: StepGrants,
    /// Bounds on the function.
    #[serde(default)]
    pub limits: StepLimits,
    /// What happens when a call of the function fails. Reading an object is not called again: after a read that failed the
    /// event begins anew, as `[delivery]` says.
    #[serde(default)]
    pub retry: StepRetry,
}

/// The steps whose rows a step takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "`from` is a step, `\"STEP\"` or `\"STEP.ROUTE\"`, or a list of them")]
pub enum FromSteps {
    /// One.
    One(String),
    /// Several.
    Several(Vec<String>),
}

impl FromSteps {
    /// All of them.
    pub fn all(&self) -> &[String] {
        match self {
            Self::One(from) => std::slice::from_ref(from),
            Self::Several(all) => all,
        }
    }
}

/// How often a call of a function that failed is made again, with the same rows. After that the event fails, and is
/// tried again as `[delivery]` says.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default)]
pub struct StepRetry {
    /// The most calls, with the first (default 5).
    pub attempts: u32,
    /// The wait before the second call, in seconds (default 0.2); each further one is twice as long, with up to half of it
    /// left to chance.
    pub backoff_seconds: f64,
    /// The longest wait, in seconds (default 10).
    pub longest_seconds: f64,
    /// The failures after which it is called again (default `["retry"]`).
    pub on: Vec<RetryOn>,
}

/// A failure after which a function may be called again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RetryOn {
    /// The function asked for it: what it needs does not answer.
    Retry,
    /// The function broke, or ran into its deadline or memory limit; it is started anew.
    Fault,
}

impl Default for StepRetry {
    fn default() -> Self {
        Self { attempts: 5, backoff_seconds: 0.2, longest_seconds: 10.0, on: vec![RetryOn::Retry] }
    }
}

/// What a function may reach.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub struct StepGrants {
    /// Collections of the document database that it may write.
    #[serde(default)]
    pub documents: Vec<String>,
    /// Settings that it may read: names of variables in wasmill's environment.
    #[serde(default)]
    pub settings: Vec<String>,
    /// Where it may send HTTP requests: `https://api.example.com`, `https://*.example.com:8443` (whatever is below a name),
    /// `https://*` (any). Names may lead only to addresses on the public internet, unless `networks` says otherwise;
    /// an address that is written here, or `localhost`, is meant.
    #[serde(default)]
    pub http: Vec<String>,
    /// Addresses that names in `http` may lead to though they are not on the public internet: `10.0.0.0/8`, `127.0.0.1`.
    #[serde(default)]
    pub networks: Vec<String>,
}

/// Bounds on a function; a call that exceeds one is a fault.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default)]
pub struct StepLimits {
    /// Memory of one instance, in MiB (default 1024, at most 4096).
    pub memory_mib: u32,
    /// Time for one call, in seconds (default 60).
    pub deadline_seconds: f64,
    /// Calls at once in one process (default: as many as there are events and cores to work on them), for what does not
    /// bear more.
    pub concurrency: Option<std::num::NonZeroU16>,
}

impl Default for StepLimits {
    fn default() -> Self {
        let Limits { memory, deadline } = Limits::default();
        let memory_mib = u32::try_from(memory >> 20).unwrap_or(u32::MAX);
        Self { memory_mib, deadline_seconds: deadline.as_secs_f64(), concurrency: None }
    }
}

/// An object and what must come of it.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Test {
    /// The test's name, in kebab-case.
    pub name: Id,
    /// The object, relative to the manifest.
    pub input: String,
    /// The expected documents: JSON lines of `collection`, `partition_key`, `id`, `body`, in this order of
    /// sorting; relative to the manifest.
    pub documents: Option<String>,
    /// The expected rejects: JSON lines of `step`, `row`, `reason`, `raw`, by step and row; none are
    /// expected if not given.
    pub rejects: Option<String>,
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $joint:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, JsonSchema)]
        #[serde(try_from = "String")]
        pub struct $type(String);

        impl $type {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $type {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                let good = |word: &str| {
                    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
                };
                if text.len() <= 63 && text.starts_with(|first: char| first.is_ascii_lowercase()) && text.split($joint).all(good) {
                    Ok(Self(text))
                } else {
                    Err(format!("`{text}` is not {}", $what))
                }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(&self.0)
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
    };
}

name!(
    /// A name in kebab-case: lower-case words of letters and digits, joined by `-`; at most 63 bytes.
    Id,
    '-',
    "in kebab-case: lower-case letters and digits, words joined by `-`, a letter first, at most 63"
);
name!(
    /// A name in snake_case, as SQL takes it without quotes; at most 63 bytes.
    TableName,
    '_',
    "in snake_case: lower-case letters and digits, words joined by `_`, a letter first, at most 63"
);

/// The manifest's JSON schema, for editors.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Manifest).to_value()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_when_they_are_read() {
        for good in ["a", "flights", "flights-2013", "a-b-c1"] {
            assert!(Id::try_from(good.to_owned()).is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "a--b", "A", "1a", "a_b", "ä", &"a".repeat(64)] {
            assert!(Id::try_from(bad.to_owned()).is_err(), "{bad}");
        }
        assert!(TableName::try_from("air_ports".to_owned()).is_ok());
        assert!(TableName::try_from("air-ports".to_owned()).is_err());
    }
}
