//! What is asked of a model, as JSON has it: names of measures and of dimensions.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A query.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Query {
    /// The measures. Without any, the values of the dimensions are answered, each once.
    pub measures: Vec<String>,
    /// By what.
    pub dimensions: Vec<Asked>,
    /// Which rows count, and which results are answered: those for which all of these are so.
    pub filters: Vec<Filter>,
    /// Of which time.
    pub time_range: Option<TimeRange>,
    /// In which order; after that by the dimensions. Null is last.
    pub order: Vec<Order>,
    /// How many rows at most.
    pub limit: Option<u64>,
    /// How many rows are left out before.
    pub offset: Option<u64>,
}

/// A dimension that is asked: `"country"`, `"date.month"`, or `{ "name": "date", "granularity": "month" }`. In the answer
/// its column is `country`, `date_month`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "AskedForm")]
pub struct Asked {
    /// The dimension.
    pub name: String,
    /// Of time: by which periods. Without, by its values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub granularity: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a dimension is `\"NAME\"`, `\"NAME.month\"` or `{ \"name\": …, \"granularity\": … }`")]
enum AskedForm {
    Short(String),
    Long(LongForm),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LongForm {
    name: String,
    granularity: Option<String>,
}

impl From<AskedForm> for Asked {
    fn from(form: AskedForm) -> Self {
        match form {
            AskedForm::Short(text) => Self::from(text.as_str()),
            AskedForm::Long(LongForm { name, granularity }) => Self { name, granularity },
        }
    }
}

impl From<&str> for Asked {
    fn from(text: &str) -> Self {
        match text.split_once('.') {
            Some((name, granularity)) => Self { name: name.to_owned(), granularity: Some(granularity.to_owned()) },
            None => Self { name: text.to_owned(), granularity: None },
        }
    }
}

/// A condition on a dimension, which rows meet before they are aggregated, or on a measure, which results meet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// The dimension or the measure; it need not be asked.
    pub name: String,
    /// What is compared how.
    pub operator: Operator,
    /// With what.
    #[serde(default)]
    pub values: Vec<Value>,
}

/// How something is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operator {
    /// It is one of the values.
    Equals,
    /// It is none of the values; null is none.
    NotEquals,
    /// It is greater than the value.
    Gt,
    /// Or equal.
    Gte,
    /// It is less than the value.
    Lt,
    /// Or equal.
    Lte,
    /// The text has the value in it.
    Contains,
    /// The text begins with the value.
    StartsWith,
    /// It is null.
    IsNull,
    /// It is not.
    IsNotNull,
}

/// A time from a moment on, until before another: `{ "dimension": "date", "from": "2024-01-01", "before": "2025-01-01" }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeRange {
    /// A dimension of time; it need not be asked.
    pub dimension: String,
    /// The first moment, as ISO 8601 has it.
    pub from: Option<String>,
    /// The first moment that is not of it any more.
    pub before: Option<String>,
}

/// By what an answer is ordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// A measure or a dimension that is asked, as it was asked or as its column is named.
    pub by: String,
    /// From the greatest on.
    #[serde(default)]
    pub descending: bool,
}
