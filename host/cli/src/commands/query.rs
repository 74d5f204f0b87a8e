//! `wasmill query`.

#[cfg(feature = "warehouse")]
mod ask;
#[cfg(feature = "warehouse")]
mod complete;
#[cfg(feature = "warehouse")]
mod prompt;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, ValueEnum};

use super::{Exit, name_and_value};

/// Ask in SQL: tables of Delta Lake, files, and databases.
///
/// With a pipeline its sinks and reference tables are known by their names, its views, what is in its stores as
/// 'STORE/path/*.parquet', and its databases as NAME.TABLE. Without one files, folders and tables of Delta Lake are named in
/// quotes: `wasmill query "SELECT count(*) FROM 'data/*.csv.gz'"`. A table of Delta Lake can be read as it was: `flights VERSION AS
/// OF 12`, `flights TIMESTAMP AS OF '2026-01-31 12:00:00'`. Nothing is changed by a query. `EXPLAIN ANALYZE` before one tells what it
/// read, and what it left out. Without a query there is a prompt on a terminal; else it is read from standard input. Ctrl-C ends a
/// query, with the exit code 130.
#[derive(Debug, Args)]
pub struct Query {
    /// The pipeline: its folder, its manifest, or the name of a folder in `manifests`. Without one this is the query.
    #[arg(value_name = "PIPELINE")]
    first: Option<String>,

    /// The query.
    #[arg(value_name = "SQL")]
    second: Option<String>,

    /// The form of the rows [default: by the end of --output's name, or a table].
    #[arg(long, value_enum)]
    format: Option<RowFormat>,

    /// A file for the rows, which is there when it is whole.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,

    /// The most rows; 0 is all of them [default: 100 of a table on a terminal, else all].
    #[arg(long, value_name = "COUNT")]
    rows: Option<u64>,

    /// How much memory there is for what is sorted, grouped and joined, in MiB; the rest of it goes into files in TMPDIR
    /// [default: half of the machine's].
    #[arg(long, value_name = "MIB")]
    memory: Option<u32>,

    /// How long a query may take, in seconds [default: any time].
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<f64>,

    /// A database that is known as a schema: `shop=postgres://USER@HOST/DATABASE`, `mysql://…`, `sqlite:FILE`; with the
    /// password of PGPASSWORD or MYSQL_PWD.
    #[arg(long = "attach", value_name = "NAME=URL", value_parser = name_and_value)]
    attached: Vec<(String, String)>,

    /// The folder of the bundled functions, which read tables that are objects [default: `components` beside the program].
    #[arg(long, value_name = "FOLDER", env = "WASMILL_COMPONENTS")]
    components: Option<PathBuf>,

    /// A value for a parameter of the manifest.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = name_and_value)]
    parameters: Vec<(String, String)>,
}

/// The form of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RowFormat {
    /// For people.
    Table,
    /// Comma-separated values, with a line of names.
    Csv,
    /// An object a line.
    Json,
    /// A stream of Arrow's IPC.
    Arrow,
    /// A file of Parquet.
    Parquet,
}

impl Query {
    /// Asks, and prints the rows.
    #[cfg(feature = "warehouse")]
    pub fn run(self) -> Result<Exit> {
        ask::run(self)
    }

    /// Says what is missing.
    #[cfg(not(feature = "warehouse"))]
    pub fn run(self) -> Result<Exit> {
        anyhow::bail!("this wasmill was built without queries\nhint: `make build FEATURES=warehouse`")
    }
}
