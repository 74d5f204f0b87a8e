//! Reference tables.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Id, StepLimits};

/// Rows that transforms can join with, read anew for each run.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Table {
    /// Where the rows are (default `object`).
    #[serde(rename = "type", default)]
    pub kind: TableType,
    /// The store that holds the object, or the table of Delta Lake.
    pub store: Option<Id>,
    /// The object's path in the store, or the folder of the table of Delta Lake.
    pub path: Option<String>,
    /// The function of kind `ingest` that reads the object, as in a step.
    pub component: Option<String>,
    /// The function's configuration, as in a step.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub config: toml::Table,
    /// Bounds on the function, as in a step.
    #[serde(default)]
    pub limits: StepLimits,
    /// The database: `postgres://USER@HOST:PORT/DATABASE?sslmode=require`, with the password of `PGPASSWORD` in the
    /// environment; `mysql://USER@HOST:PORT/DATABASE`, with that of `MYSQL_PWD`; or `sqlite:FILE`, relative to the manifest.
    pub url: Option<String>,
    /// The table or view in the database, `NAME` or `SCHEMA.NAME`.
    pub table: Option<String>,
    /// The columns that are read of a table of Delta Lake or a database; all if not given.
    #[serde(default)]
    pub columns: Vec<String>,
    /// The rows that are read of a table of Delta Lake or a database, as SQL has it: `country = 'DE' AND price > 10`.
    pub filter: Option<String>,
    /// How often `wasmill up` looks whether a table of Delta Lake or a database is another by now, in seconds (default 300).
    pub refresh_seconds: Option<f64>,
}

/// Where a table's rows are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TableType {
    /// In an object in a store.
    #[default]
    Object,
    /// In a table of Delta Lake in a store, whoever writes it.
    Delta,
    /// In a table or view of PostgreSQL.
    Postgres,
    /// In a table or view of MySQL or MariaDB.
    Mysql,
    /// In a table or view of a file of SQLite.
    Sqlite,
}
