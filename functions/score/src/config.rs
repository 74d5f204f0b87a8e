//! The configuration of a score step.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

/// What a score step's `config` holds; see the crate's documentation.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// How the model's inputs are filled; none: each from the column of its name.
    pub inputs: Option<Vec<InputConfig>>,
    /// Which of the model's outputs become columns; none: all.
    pub outputs: Option<Vec<OutputConfig>>,
    /// The input columns that pass on; none: all.
    pub keep: Option<Vec<String>>,
}

/// How one input of the model is filled.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputConfig {
    /// As in the model's file.
    pub name: String,
    /// One for each value of a tensor's row; none: the column of the input's name.
    pub columns: Option<Vec<String>>,
    /// The dimensions after the first, where the model leaves them open.
    pub shape: Option<Vec<usize>>,
    /// What becomes of nulls.
    #[serde(default)]
    pub null: NullPolicy,
    /// What becomes of NaNs.
    #[serde(default)]
    pub nan: NanPolicy,
}

/// Where one output of the model goes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputConfig {
    /// As in the model's file.
    pub name: String,
    /// The column's name; none: the output's.
    pub column: Option<String>,
    /// Which value of a row, from 0; none: all of them.
    pub index: Option<usize>,
}

/// What becomes of nulls.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum NullPolicy {
    /// The row is rejected.
    #[default]
    Reject,
    /// The whole batch is refused.
    Refuse,
    /// The model gets NaN.
    Nan,
    /// The model gets this number.
    Value(f64),
}

/// What becomes of NaNs.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum NanPolicy {
    /// The row is rejected.
    #[default]
    Reject,
    /// The model gets them.
    Pass,
    /// The model gets this number instead.
    Value(f64),
}

/// Reads one of some words, or a number.
struct WordOrNumber<T: 'static> {
    words: &'static [(&'static str, T)],
    number: fn(f64) -> T,
}

impl<T: Copy> Visitor<'_> for WordOrNumber<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.words.iter().try_for_each(|(word, _)| write!(f, "\"{word}\", "))?;
        f.write_str("or a number")
    }

    fn visit_str<E: de::Error>(self, word: &str) -> Result<T, E> {
        let found = self.words.iter().find(|(known, _)| *known == word).map(|(_, value)| *value);
        found.ok_or_else(|| E::invalid_value(de::Unexpected::Str(word), &self))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<T, E> {
        Ok((self.number)(number))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<T, E> {
        Ok((self.number)(number as f64))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<T, E> {
        Ok((self.number)(number as f64))
    }
}

impl<'de> Deserialize<'de> for NullPolicy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let words = &[("refuse", Self::Refuse), ("reject", Self::Reject), ("nan", Self::Nan)];
        deserializer.deserialize_any(WordOrNumber { words, number: Self::Value })
    }
}

impl<'de> Deserialize<'de> for NanPolicy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let words = &[("pass", Self::Pass), ("reject", Self::Reject)];
        deserializer.deserialize_any(WordOrNumber { words, number: Self::Value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmill_sdk::config::parse;

    #[test]
    fn a_policy_is_a_word_or_a_number() {
        let config: Config = parse(r#"{"inputs": [{"name": "x", "null": -1, "nan": "reject"}]}"#).unwrap();
        let input = config.inputs.unwrap().remove(0);
        assert_eq!((input.null, input.nan), (NullPolicy::Value(-1.0), NanPolicy::Reject));
        assert_eq!(
            parse::<Config>(r#"{"inputs": [{"name": "x", "null": "zero"}]}"#).unwrap_err(),
            "`inputs[0].null`: invalid value: string \"zero\", expected \"refuse\", \"reject\", \"nan\", or a number"
        );
    }
}
