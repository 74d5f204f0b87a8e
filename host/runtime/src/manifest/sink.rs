//! Sinks: tables that steps' rows are written to.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{FromSteps, Id};

/// A table that the rows of a step are written to.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Sink {
    /// A table of Delta Lake, in a store.
    Delta(DeltaSink),
    /// A table of PostgreSQL.
    Postgres(PostgresSink),
}

impl Sink {
    /// Its name.
    pub fn id(&self) -> &Id {
        match self {
            Self::Delta(sink) => &sink.id,
            Self::Postgres(sink) => &sink.id,
        }
    }

    /// The store whose folder the table is in.
    pub fn store(&self) -> Option<&Id> {
        match self {
            Self::Delta(sink) => Some(&sink.store),
            Self::Postgres(_) => None,
        }
    }
}

/// A table of Delta Lake. Each row is written once, whatever fails or is killed meanwhile; rows of several events are
/// committed together. It is made with the first commit if it is not there.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeltaSink {
    /// The sink's name in the pipeline, in kebab-case. What was written is remembered by it: a sink that writes another table
    /// from now on needs another name.
    pub id: Id,
    /// The step whose rows it takes, `STEP` or `STEP.ROUTE`, or several of them that give the same columns; the last step
    /// that gives rows if not given.
    pub from: Option<FromSteps>,
    /// The store that has the table.
    pub store: Id,
    /// The table's folder in the store.
    pub path: String,
    /// How rows are written (default `append`).
    #[serde(default)]
    pub mode: SinkMode,
    /// The columns that name a row (mode `merge`). Rows in which one is null are rejected.
    #[serde(default)]
    pub key: Vec<String>,
    /// The column by which a row is newer than another of the same key: what is older than the table's row is left out (mode
    /// `merge`; default: rows of later events replace those of earlier ones in the order in which they are committed).
    pub version: Option<String>,
    /// The columns that the table is partitioned by.
    #[serde(default)]
    pub partition_by: Vec<String>,
    /// What happens when the step gives columns that the table does not have (default `fixed`).
    #[serde(default)]
    pub columns: SinkColumns,
    /// Rows wait for others to be committed with, at most for so long, in seconds (default 10).
    #[serde(default = "commit_seconds")]
    pub commit_seconds: f64,
    /// So many rows do not wait for more (default 1,000,000).
    #[serde(default = "commit_rows")]
    pub commit_rows: u64,
    /// How often files that are too small are put together, in hours (default: never, but by `wasmill tables optimize`).
    pub optimize_hours: Option<f64>,
}

/// A table of PostgreSQL. Each row is written once, whatever fails or is killed meanwhile: beside the table is another,
/// `wasmill_batches`, that remembers which rows are in. Both are made if they are not there.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PostgresSink {
    /// The sink's name in the pipeline, in kebab-case. What was written is remembered by it: a sink that writes another table
    /// from now on needs another name.
    pub id: Id,
    /// The step whose rows it takes, `STEP` or `STEP.ROUTE`, or several of them that give the same columns; the last step
    /// that gives rows if not given.
    pub from: Option<FromSteps>,
    /// The database, `postgres://USER@HOST:PORT/DATABASE?sslmode=require`, with the password of `PGPASSWORD` in the
    /// environment.
    pub url: String,
    /// The table, `NAME` or `SCHEMA.NAME`.
    pub table: String,
    /// How rows are written, `append` or `merge` (default `append`).
    #[serde(default)]
    pub mode: SinkMode,
    /// The columns that name a row (mode `merge`), on which the table has a unique index. Rows in which one is null are
    /// rejected.
    #[serde(default)]
    pub key: Vec<String>,
    /// The column by which a row is newer than another of the same key: what is older than the table's row is left out (mode
    /// `merge`; default: rows of later events replace those of earlier ones in the order in which they are committed).
    pub version: Option<String>,
    /// What happens when the step gives columns that the table does not have (default `fixed`).
    #[serde(default)]
    pub columns: SinkColumns,
    /// Rows wait for others to be committed with, at most for so long, in seconds (default 1).
    #[serde(default = "postgres_seconds")]
    pub commit_seconds: f64,
    /// So many rows do not wait for more (default 100,000).
    #[serde(default = "postgres_rows")]
    pub commit_rows: u64,
}

fn postgres_seconds() -> f64 {
    1.0
}

fn postgres_rows() -> u64 {
    100_000
}

fn commit_seconds() -> f64 {
    10.0
}

fn commit_rows() -> u64 {
    1_000_000
}

/// How rows are written to a table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SinkMode {
    /// Rows are added. A row of an event is added once, also when the event is replayed or backfilled, and stays as it was
    /// then. Rows of a step that takes the whole event are added once as well, all of them or none.
    #[default]
    Append,
    /// A row replaces the one of its key, or is added.
    Merge,
    /// The rows of an event replace all that is in the partitions that they are in; of an event without rows nothing comes.
    /// Nothing of an event is to be seen before all of it is. Where every trigger is an extract in full, a table may have no
    /// partitions, and is replaced as a whole.
    Overwrite,
}

/// What happens when a step gives other columns than a table has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SinkColumns {
    /// The pipeline is refused.
    #[default]
    Fixed,
    /// They are added to the table, and are null in the rows that are there. Columns of other types are refused.
    Evolve,
}
