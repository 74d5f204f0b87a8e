//! What can be wrong with a query.

use std::io;

use deltalake_core::datafusion::error::DataFusionError;
use thiserror::Error;

/// What is wrong with a query.
#[derive(Debug, Error)]
pub enum QueryError {
    /// It is not SQL.
    #[error("cannot read the query: {0}")]
    Syntax(String),
    /// It is none, or several.
    #[error("one query is asked at a time, and there are {count}\nhint: separate them into several calls")]
    Several {
        /// How many.
        count: usize,
    },
    /// It would change something.
    #[error(
        "the query would change something, and only reading is possible\nhint: tables are written by the sinks of a pipeline"
    )]
    Writes,
    /// It names a table that nobody knows.
    #[error("there is no table `{name}`\nhint: {hint}")]
    NoTable {
        /// As it was named.
        name: String,
        /// What there is.
        hint: String,
    },
    /// A table that is known cannot be read.
    #[error("table `{name}`: {why}")]
    Table {
        /// As it was named.
        name: String,
        /// Why.
        why: io::Error,
    },
    /// A view cannot be read.
    #[error("view `{name}`: {why}")]
    View {
        /// Its name.
        name: String,
        /// Why.
        why: Box<QueryError>,
    },
    /// A view reads itself.
    #[error("view `{name}` reads itself, by way of {path}")]
    Circle {
        /// Its name.
        name: String,
        /// The views in between.
        path: String,
    },
    /// What it says of tables does not hold.
    #[error("cannot plan the query: {0}")]
    Plan(String),
    /// It failed while it ran.
    #[error("the query failed: {0}")]
    Run(String),
    /// It needs more memory than it may have.
    #[error(
        "the query needs more than {mib} MiB of memory, in a place where it cannot use files instead: {why}\nhint: give it more with --memory"
    )]
    Memory {
        /// How much it may have.
        mib: usize,
        /// Where.
        why: String,
    },
    /// Its rows cannot be written.
    #[error("cannot write the rows")]
    Write(#[source] io::Error),
    /// Its rows do not go into the form that was asked for.
    #[error("the rows cannot be {format}: {why}")]
    Form {
        /// The form.
        format: &'static str,
        /// Why not.
        why: String,
    },
}

impl QueryError {
    pub(super) fn plan(err: DataFusionError) -> Self {
        Self::Plan(text(&err))
    }

    pub(super) fn run(err: DataFusionError) -> Self {
        match err.find_root() {
            DataFusionError::ResourcesExhausted(why) => Self::Memory { mib: 0, why: first_line(why) },
            _ => Self::Run(text(&err)),
        }
    }

    pub(super) fn with_memory(self, memory: usize) -> Self {
        match self {
            Self::Memory { why, .. } => Self::Memory { mib: memory >> 20, why },
            other => other,
        }
    }
}

/// What went wrong, without the names of DataFusion's kinds of errors before it.
pub(crate) fn text(err: &DataFusionError) -> String {
    // A rule's name says nothing to whoever asked.
    if let DataFusionError::Context(rule, cause) = err
        && !rule.contains(' ')
    {
        return text(cause);
    }
    let text = err.strip_backtrace();
    let kinds = ["Error during planning: ", "Schema error: ", "SQL error: ", "External error: ", "Execution error: "];
    let mut rest = text.as_str();
    while let Some(cut) = kinds.iter().find_map(|kind| rest.strip_prefix(kind)) {
        rest = cut;
    }
    rest.trim().to_owned()
}

/// Who asked for more. After it come those who have the most.
fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.split(" with top memory consumers").next().unwrap_or(line).to_owned()
}
