//! What the gateway is told when it is composed.

use serde::{Deserialize, Serialize};

/// The configuration, as JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The model's name in paths.
    pub model: String,
    /// Its version in paths.
    pub version: String,
    /// The tensors that requests give.
    pub inputs: Vec<Input>,
    /// The tensors that answers have.
    pub outputs: Vec<Output>,
}

/// A tensor of a request.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// In the protocol's spelling: `FP32`, `INT64`, `BYTES`, and so on.
    pub datatype: String,
    /// -1 where any size will do; the first dimension counts rows.
    pub shape: Vec<i64>,
    /// The columns that a row of it fills, in order; or one of lists of all its values.
    pub columns: Vec<String>,
}

/// A tensor of an answer: a column.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// Its name, which is the column's.
    pub name: String,
    /// In the protocol's spelling.
    pub datatype: String,
    /// -1 where any size will do.
    pub shape: Vec<i64>,
}
