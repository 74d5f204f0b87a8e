//! The configuration of an explanation.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::error::Error;
use crate::explanation::Explanation;

/// As many dimensions as a set of them fits in a machine word of bits, and then some are left.
pub const MAX_DIMENSIONS: usize = 24;

/// What to explain, and by what; see the crate's documentation.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The columns whose values may be a cause.
    pub dimensions: Vec<String>,
    /// The column of what was measured, of a measure that adds up.
    pub actual: Option<String>,
    /// The column of what was expected of it.
    pub expected: Option<String>,
    /// What is divided, of a measure that is a ratio.
    pub numerator: Option<Pair>,
    /// What it is divided by.
    pub denominator: Option<Pair>,
    /// The column of how many rows a row stands for, in a table that was added up before; otherwise each is one.
    pub rows: Option<String>,
    /// Which changes are asked for.
    #[serde(default)]
    pub direction: Direction,
    /// How many causes at most.
    #[serde(default = "default_max_causes")]
    pub max_causes: usize,
    /// How many leaves a cause has at least.
    #[serde(default = "default_min_support")]
    pub min_support: usize,
    /// How many dimensions a cause names at most; none: all of up to 6 dimensions, fewer of more.
    pub max_layer: Option<usize>,
    /// Causes that are known: their leaves are left out.
    #[serde(default)]
    pub exclude: Vec<BTreeMap<String, Option<String>>>,
    /// Of the step: whether a row of rank 0 for the whole comes first, also if there is no cause.
    #[serde(default)]
    pub whole: bool,
    /// Of the step: columns that are the same in all rows of an event, which each cause has too.
    #[serde(default)]
    pub keep: Vec<String>,
}

/// The two columns of a part of a ratio.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    /// The column of what was measured.
    pub actual: String,
    /// The column of what was expected.
    pub expected: String,
}

/// Which changes are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Only what fell.
    Down,
    /// Only what rose.
    Up,
    /// All.
    #[default]
    Both,
}

/// Which columns make the measure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Measure {
    /// It adds up.
    Additive(Pair),
    /// It is one sum over another.
    Ratio {
        /// What is divided.
        numerator: Pair,
        /// What it is divided by.
        denominator: Pair,
    },
}

fn default_max_causes() -> usize {
    10
}

fn default_min_support() -> usize {
    1
}

impl Config {
    /// A configuration of which only the dimensions are said.
    pub fn new<T: Into<String>>(dimensions: impl IntoIterator<Item = T>) -> Self {
        Self {
            dimensions: dimensions.into_iter().map(Into::into).collect(),
            actual: None,
            expected: None,
            numerator: None,
            denominator: None,
            rows: None,
            direction: Direction::default(),
            max_causes: default_max_causes(),
            min_support: default_min_support(),
            max_layer: None,
            exclude: Vec::new(),
            whole: false,
            keep: Vec::new(),
        }
    }

    /// Which columns make the measure.
    ///
    /// # Errors
    /// Half a ratio, or a ratio and a sum.
    pub fn measure(&self) -> Result<Measure, Error> {
        match (&self.numerator, &self.denominator) {
            (None, None) => {
                let name = |given: &Option<String>, default: &str| given.clone().unwrap_or_else(|| default.to_owned());
                let actual = name(&self.actual, "actual");
                Ok(Measure::Additive(Pair { actual, expected: name(&self.expected, "expected") }))
            }
            (Some(_), Some(_)) if self.actual.is_some() || self.expected.is_some() => {
                Err(Error::Measure { reason: "a ratio has `numerator` and `denominator`, not `actual` or `expected`" })
            }
            (Some(numerator), Some(denominator)) => {
                Ok(Measure::Ratio { numerator: numerator.clone(), denominator: denominator.clone() })
            }
            (Some(_), None) => Err(Error::Measure { reason: "`numerator` needs `denominator`" }),
            (None, Some(_)) => Err(Error::Measure { reason: "`denominator` needs `numerator`" }),
        }
    }

    /// How many dimensions a cause names at most. Without `max_layer` the sets of dimensions that are looked through
    /// stay around a hundred.
    #[must_use]
    pub fn layers(&self) -> usize {
        let count = self.dimensions.len();
        let default = match count {
            0..=6 => count,
            7 | 8 => 4,
            9 | 10 => 3,
            _ => 2,
        };
        self.max_layer.unwrap_or(default).min(count)
    }

    /// Checks what can be checked without rows.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), Error> {
        if self.dimensions.is_empty() {
            return Err(Error::NoDimensions);
        }
        if self.dimensions.len() > MAX_DIMENSIONS {
            return Err(Error::TooManyDimensions { found: self.dimensions.len(), limit: MAX_DIMENSIONS });
        }
        for (key, found) in [("max_causes", self.max_causes), ("min_support", self.min_support)] {
            if found == 0 {
                return Err(Error::OutOfRange { key, found: "0".into(), expected: "at least 1" });
            }
        }
        if self.max_layer == Some(0) {
            return Err(Error::OutOfRange { key: "max_layer", found: "0".into(), expected: "at least 1" });
        }
        let schema = Explanation::schema();
        if let Some(name) = self.keep.iter().find(|name| schema.field_with_name(name).is_ok()) {
            return Err(Error::Kept { name: name.clone() });
        }
        self.check_roles()?;
        self.check_exclude()
    }

    fn check_roles(&self) -> Result<(), Error> {
        let mut roles: BTreeMap<&str, &'static str> = BTreeMap::new();
        let measure = self.measure()?;
        let dimensions = self.dimensions.iter().map(|name| (name.as_str(), "a dimension"));
        for (name, second) in dimensions.chain(measure.columns()) {
            // One column may be both what was measured and what was expected of a ratio's part that did not change.
            let clash = roles.insert(name, second).filter(|first| [*first, second].contains(&"a dimension"));
            if let Some(first) = clash {
                return Err(Error::NamedTwice { name: name.to_owned(), first, second });
            }
        }
        Ok(())
    }

    fn check_exclude(&self) -> Result<(), Error> {
        for (index, cause) in self.exclude.iter().enumerate() {
            if cause.is_empty() {
                return Err(Error::EmptyExclude { index });
            }
            if let Some(name) = cause.keys().find(|name| !self.dimensions.contains(name)) {
                return Err(Error::UnknownDimension { index, name: name.clone(), known: list(&self.dimensions) });
            }
        }
        Ok(())
    }
}

impl Measure {
    /// The columns and what each is for, in the order in which they are read.
    pub(crate) fn columns(&self) -> Vec<(&str, &'static str)> {
        match self {
            Self::Additive(pair) => vec![(&pair.actual, "`actual`"), (&pair.expected, "`expected`")],
            Self::Ratio { numerator, denominator } => vec![
                (&numerator.actual, "`numerator.actual`"),
                (&numerator.expected, "`numerator.expected`"),
                (&denominator.actual, "`denominator.actual`"),
                (&denominator.expected, "`denominator.expected`"),
            ],
        }
    }
}

/// Names for a message.
pub(crate) fn list<T: AsRef<str>>(names: &[T]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{}`", name.as_ref())).collect();
    quoted.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, expect: &str) {
        let outcome = match serde_json::from_str::<Config>(json) {
            Ok(config) => config.check().map_or_else(|err| err.to_string(), |()| "fine".into()),
            Err(err) => err.to_string(),
        };
        assert!(outcome.starts_with(expect), "{json}\n  says   {outcome}\n  not    {expect}");
    }

    #[test]
    fn only_dimensions_must_be_said_and_mistakes_are_named() {
        check(r#"{"dimensions": ["a"]}"#, "fine");
        check(r#"{"dimensions": []}"#, "`dimensions` is empty");
        check(r#"{"dimension": ["a"]}"#, "unknown field `dimension`, expected one of `dimensions`, `actual`");
        check(r#"{"dimensions": ["a", "a"]}"#, "the column `a` is named twice, as a dimension and as a dimension");
        check(r#"{"dimensions": ["actual"]}"#, "the column `actual` is named twice, as a dimension and as `actual`");
        check(r#"{"dimensions": ["a"], "direction": "left"}"#, "unknown variant `left`, expected one of `down`, `up`");
        check(r#"{"dimensions": ["a"], "max_causes": 0}"#, "`max_causes` is 0, but must be at least 1");
        check(r#"{"dimensions": ["a"], "numerator": {"actual": "x", "expected": "y"}}"#, "`numerator` needs");
        check(r#"{"dimensions": ["a"], "exclude": [{"b": "1"}]}"#, "`exclude[0]` names `b`, which is not a dimension");
        check(r#"{"dimensions": ["a"], "exclude": [{}]}"#, "`exclude[0]` names no dimension");
        check(r#"{"dimensions": ["a"], "exclude": [{"a": null}]}"#, "fine");
    }
}
