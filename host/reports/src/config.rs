//! A report as it is typed.
//!
//! ```toml
//! version = 1
//! title = "Departures from New York"
//!
//! [[filter]]
//! dimension = "date"
//! default = { from = "2013-01-01", before = "2013-02-01" }
//!
//! [[filter]]
//! dimension = "carrier"
//!
//! [[tile]]
//! kind = "kpi"
//! measures = ["flights"]
//! compare = "previous"
//!
//! [[tile]]
//! kind = "bar"
//! title = "Delays by carrier"
//! measures = ["mean_delay"]
//! dimensions = ["carrier"]
//! order = [{ by = "mean_delay", descending = true }]
//! drill = ["carrier", "origin", "destination"]
//! width = 2
//! ```

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The file.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct File {
    /// The version of this format: 1.
    pub version: u32,
    /// What stands above it.
    pub title: String,
    /// What it shows, in a sentence or two.
    pub description: Option<String>,
    /// What whoever looks at it may choose. It holds for every tile.
    #[serde(default)]
    pub filter: Vec<Filter>,
    /// What is shown, in reading order, in four columns.
    #[serde(default)]
    pub tile: Vec<Tile>,
}

/// A dimension whose values may be chosen.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Filter {
    /// The dimension.
    pub dimension: String,
    /// What stands beside it (default: the dimension's name).
    pub title: Option<String>,
    /// What is chosen at first: values, or of time `{ from = "2013-01-01", before = "2013-02-01" }`.
    pub default: Option<Chosen>,
}

/// What is chosen of a dimension.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Chosen {
    /// These values.
    Values(Vec<Value>),
    /// A time.
    Time(Period),
}

/// A time, from the first moment on until before the last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Period {
    /// The first day.
    pub from: Option<String>,
    /// The day after the last.
    pub before: Option<String>,
}

/// Something that is shown.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Tile {
    /// What it is known by in links (default: `t` and its place).
    pub id: Option<String>,
    /// As what.
    pub kind: Kind,
    /// What stands above it (default: the measures' names).
    pub title: Option<String>,
    /// What is to be known of it.
    pub description: Option<String>,
    /// What is shown.
    #[serde(default)]
    pub measures: Vec<String>,
    /// By what: `carrier`, `date.day`.
    #[serde(default)]
    pub dimensions: Vec<String>,
    /// One of the dimensions, each of whose values is a line or a colour.
    pub series: Option<String>,
    /// Conditions, besides those that are chosen: `{ name = "status", operator = "equals", values = ["flown"] }`.
    #[serde(default)]
    pub filters: Vec<Value>,
    /// In which order: `{ by = "flights", descending = true }`.
    #[serde(default)]
    pub order: Vec<Value>,
    /// How many rows at most.
    pub limit: Option<u64>,
    /// How many of the four columns it is wide (default: 1 of a number, else 2).
    pub width: Option<u8>,
    /// Of a number: what it is compared with.
    pub compare: Option<Compare>,
    /// Of a comparison: which way is good.
    pub good: Option<Good>,
    /// Dimensions to go down by: the tile's first, then those that a value of it opens into, one after the other.
    #[serde(default)]
    pub drill: Vec<String>,
    /// Of a map: the dimension of degrees north.
    pub latitude: Option<String>,
    /// Of a map: the dimension of degrees east.
    pub longitude: Option<String>,
}

/// As what something is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// One number.
    Kpi,
    /// Lines along a dimension, of time as a rule.
    Line,
    /// Bars.
    Bar,
    /// Points on a map.
    Map,
    /// A table.
    Table,
}

/// What a number is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Compare {
    /// The time before of the same length.
    Previous,
    /// The same time of the year before.
    Year,
}

/// Which way is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Good {
    /// More.
    Up,
    /// Less.
    Down,
}
