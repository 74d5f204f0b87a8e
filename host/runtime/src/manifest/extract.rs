//! Extracts: rows of tables that become objects, again and again.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Id, TableName};

/// Rows of a table of Delta Lake or a database, or of a view, which are read again and again: all of them, or those that are new. Or what a
/// measure of the semantic model is made of, once it leaves its band. What was
/// read each time becomes an object of Parquet in a store, and the object is run. `wasmill run` reads once. How far it has
/// read is in the journal.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExtractTrigger {
    /// The extract's name in the pipeline, in kebab-case. How far it has read is remembered by it: with another name it begins
    /// anew.
    pub id: Id,
    /// The table.
    pub from: ExtractFrom,
    /// Where the objects go.
    pub to: ExtractTo,
    /// Which rows are read (default `full`).
    #[serde(default)]
    pub mode: ExtractMode,
    /// The column by which rows are new (mode `watermark`): a time, a number or a text that never becomes less from one row
    /// to the next that is written. Texts are compared by their bytes. Rows in which it is null are not read.
    pub watermark: Option<String>,
    /// How old, in seconds by its `watermark`, a row must be before it is read, if that is a time (default 10): of two
    /// transactions the one that began first may end last, with rows that are older than what was read. Times without a
    /// zone are taken for UTC.
    pub lag_seconds: Option<f64>,
    /// What becomes of a version of a table of Delta Lake that changes or deletes rows (mode `versions`; default `refuse`).
    #[serde(default)]
    pub rewrites: Rewrites,
    /// The band (mode `band`).
    pub band: Option<Band>,
    /// How often the table is read, in seconds (default 300). If what was read is still worked on, it is left out.
    #[serde(default = "every_seconds")]
    pub every_seconds: f64,
}

fn every_seconds() -> f64 {
    300.0
}

/// The table that is read.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExtractFrom {
    /// Where it is.
    #[serde(rename = "type")]
    pub kind: ExtractType,
    /// The store that holds the table of Delta Lake.
    pub store: Option<Id>,
    /// The folder of the table of Delta Lake in the store.
    pub path: Option<String>,
    /// The database: `postgres://USER@HOST:PORT/DATABASE?sslmode=require`, with the password of `PGPASSWORD` in the
    /// environment; `mysql://USER@HOST:PORT/DATABASE`, with that of `MYSQL_PWD`; or `sqlite:FILE`, relative to the manifest.
    pub url: Option<String>,
    /// The table or view in the database, `NAME` or `SCHEMA.NAME`.
    pub table: Option<String>,
    /// The view of the manifest. What it reads is in a lake or in databases.
    pub view: Option<TableName>,
    /// The measure of the manifest's `semantic_model`: a sum, a count, a mean, or a ratio of sums and counts.
    pub measure: Option<String>,
    /// The dimension of time that the measure is watched along, with its periods: `date.day`.
    pub time: Option<String>,
    /// The dimensions that the measure is taken apart by once it leaves its band. If not given: those of texts and of what is true or
    /// false, but for those that the model says are no `cause`.
    pub by: Option<Vec<String>>,
    /// The columns that are read; all if not given.
    #[serde(default)]
    pub columns: Vec<String>,
    /// The rows that are read, as SQL has it: `country = 'DE' AND price > 10`.
    pub filter: Option<String>,
}

/// Where the table is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ExtractType {
    /// A table of Delta Lake in a store, whoever writes it.
    Delta,
    /// A table or view of PostgreSQL.
    Postgres,
    /// A table or view of MySQL or MariaDB.
    Mysql,
    /// A table or view of a file of SQLite.
    Sqlite,
    /// A view of the manifest.
    View,
    /// A measure of the manifest's semantic model.
    Measure,
}

/// Where objects go.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExtractTo {
    /// The store.
    pub store: Id,
    /// The folder in the store (default: the store itself).
    #[serde(default)]
    pub path: String,
}

/// Which rows are read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ExtractMode {
    /// All of them, each time that they are others.
    #[default]
    Full,
    /// First all, then those with a greater `watermark` than any that was read.
    Watermark,
    /// Of a table of Delta Lake first all, then those that versions since then added.
    Versions,
    /// Of a table of Delta Lake with a change data feed: first all, then each change, with the columns `_change_type`
    /// (`insert`, `update_preimage`, `update_postimage` or `delete`), `_commit_version` and `_commit_timestamp`. What is read
    /// first are inserts.
    Changes,
    /// Of a measure each period that is over, and has left its band: a row for each combination of the dimensions, with what was measured
    /// and what was usual. At first the last period that is over; then all since then. A period is over once there are rows of a later
    /// one.
    Band,
}

/// What is usual of a measure, by the periods before. Of each period's value the middle of the values whole seasons before is usual (a
/// seasonal naive forecast, by the median); how much values are apart from that by chance is told by the median of their distances (MAD). Out
/// of the band is what is farther from the usual than `threshold` such standard deviations (a robust z-score).
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Band {
    /// After how many periods values repeat (default: 24 hours, 7 days, 52 weeks, 12 months, 4 quarters; years do not).
    pub season: Option<u32>,
    /// How many seasons before are looked at (default 8), at least 3. A period of which fewer than 3 values before are there is never out of
    /// its band.
    pub seasons: Option<u32>,
    /// How many standard deviations the band is wide, on both sides (default 3.5).
    pub threshold: Option<f64>,
    /// Besides, a value must differ from the usual by this share of it (default 0).
    pub least_change: Option<f64>,
    /// Which side of the band counts (default `both`).
    pub direction: Side,
}

/// A side of a band.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// Either.
    #[default]
    Both,
    /// Below it.
    Down,
    /// Above it.
    Up,
}

/// What becomes of a version that changes or deletes rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Rewrites {
    /// Nothing more is read, and it is said why.
    #[default]
    Refuse,
    /// It is left out, also what it adds.
    Skip,
}
