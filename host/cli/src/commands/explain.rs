//! `wasmill explain`.

#[cfg(feature = "warehouse")]
mod ask;
#[cfg(feature = "warehouse")]
mod question;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, ValueEnum};

use super::{Exit, name_and_value};
#[cfg(feature = "warehouse")]
pub use ask::explainer;

/// Ask why a number moved: which values of which columns, alone or together, explain the difference.
///
/// The number is the sum of a column, and so is what was expected of it: `--measure sales --expected forecast`; or it is compared
/// with another time: `--time day --compare 2013-02 2013-01`, or with the same days of the week before: `--compare 2013-02-08`. The
/// function `explain` looks for causes, in its sandbox; docs/explain.md says how. If nothing stands out, that is the answer.
#[derive(Debug, Args)]
pub struct Explain {
    /// A table, a file ('flights/*.csv.gz'), or a query; after a pipeline whose tables it may name.
    #[arg(value_name = "[PIPELINE] SOURCE", num_args = 1..=2, required = true)]
    source: Vec<String>,

    /// The columns whose values may be a cause: names, or NAME=EXPRESSION in SQL.
    #[arg(long, value_name = "COLUMNS", required = true)]
    by: Vec<String>,

    /// What moved: a column or an expression, which is added up, or `count`; with `/` a ratio of two, `late/count`.
    #[arg(long, value_name = "MEASURE", default_value = MEASURE)]
    measure: String,

    /// What was expected of it, in the same form [default: `expected`, if nothing is compared].
    #[arg(long, value_name = "MEASURE", conflicts_with = "compare")]
    expected: Option<String>,

    /// Rows that are odd, as a condition in SQL: where are more of them than elsewhere? `dep_delay > 120`.
    #[arg(long, value_name = "CONDITION", conflicts_with_all = ["measure", "expected", "compare"])]
    outliers: Option<String>,

    /// The period that is asked about, and the one that it is compared with: 2013, 2013-01, 2013-01-25 or 2013-01-25..2013-01-31,
    /// the last day included. Without the second it is compared with what --history says.
    #[arg(long, value_name = "PERIOD", num_args = 1..=2, requires = "time")]
    compare: Vec<String>,

    /// The column of dates or times.
    #[arg(long, value_name = "COLUMN")]
    time: Option<String>,

    /// How many periods before are averaged, each as long and beginning on the same day of the week.
    #[arg(long, value_name = "COUNT", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=104))]
    history: u32,

    /// Rows that are looked at, as a condition in SQL.
    #[arg(long = "where", value_name = "CONDITION")]
    condition: Option<String>,

    /// A cause that is known, whose rows are left out: `carrier=EV & origin=EWR`.
    #[arg(long, value_name = "CAUSE")]
    exclude: Vec<String>,

    /// Which changes are looked for.
    #[arg(long, value_enum, default_value = "both")]
    direction: Direction,

    /// The most causes.
    #[arg(long, value_name = "COUNT", default_value_t = 5)]
    causes: usize,

    /// The most columns that a cause names [default: by how many there are].
    #[arg(long, value_name = "COUNT")]
    layers: Option<usize>,

    /// The form of the answer.
    #[arg(long, value_enum, default_value = "text")]
    format: Form,

    /// The folder of the bundled functions [default: `components` beside the program].
    #[arg(long, value_name = "FOLDER", env = "WASMILL_COMPONENTS")]
    components: Option<PathBuf>,

    /// A value for a parameter of the manifest.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = name_and_value)]
    parameters: Vec<(String, String)>,
}

/// The column of a table of what was and what was expected.
const MEASURE: &str = "actual";

/// Which changes are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
enum Direction {
    /// What fell.
    Down,
    /// What rose.
    Up,
    /// Both.
    Both,
}

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people.
    Text,
    /// One JSON document.
    Json,
}

impl Explain {
    /// Asks, and prints the causes.
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
