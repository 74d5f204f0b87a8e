//! What `wasmill query` finds besides stores, sinks and tables: views, and databases.

use schemars::JsonSchema;
use serde::Deserialize;

/// A query that has a name, which `wasmill query` knows as a table. It is run whenever it is read.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct View {
    /// What it is for, in a sentence.
    pub description: Option<String>,
    /// The query, or `{ file = "PATH" }`, relative to the manifest.
    pub sql: ViewSql,
}

/// The text of a view.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "`sql` is a query, or `{ file = \"PATH\" }`")]
pub enum ViewSql {
    /// As it stands.
    Text(String),
    /// In a file.
    File(ViewFile),
}

/// A file that has the text of a view.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ViewFile {
    /// The file, relative to the manifest.
    pub file: String,
}

/// A database that `wasmill query` knows as a schema: its tables are `NAME.TABLE`, or `NAME.SCHEMA.TABLE`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct AttachedDatabase {
    /// `postgres://USER@HOST:PORT/DATABASE?sslmode=require`, with the password of `PGPASSWORD` in the environment;
    /// `mysql://USER@HOST:PORT/DATABASE`, with that of `MYSQL_PWD`; or `sqlite:FILE`, relative to the manifest.
    pub url: String,
}
