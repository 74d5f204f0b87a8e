//! What the step's configuration holds; see the crate's documentation.

use std::collections::{BTreeMap, HashSet};

use serde::Deserialize;

use crate::parameters::Scalar;

/// The configuration of the step.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// One query.
    pub sql: String,
    /// What a row's result depends on.
    #[serde(default)]
    pub scope: Scope,
    /// What must hold of a row.
    #[serde(default)]
    pub rules: Vec<Rule>,
    /// Who gets which row.
    #[serde(default)]
    pub routes: Vec<Route>,
    /// What stands for `$NAME` in all of these.
    #[serde(default)]
    pub parameters: BTreeMap<String, Scalar>,
}

/// What a row's result depends on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// The row alone, and tables.
    #[default]
    Row,
    /// All rows of the event.
    Object,
}

/// A row is rejected unless the predicate is true.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Names the rule in the reason.
    pub name: String,
    /// An SQL expression over the columns of `on`.
    pub predicate: String,
    /// Whether it is about rows before or after the query.
    #[serde(default)]
    pub on: Side,
}

/// The rows that a rule is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The rows that come in.
    Input,
    /// The rows that the query gives.
    #[default]
    Output,
}

/// A row is on the route if the predicate is true.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// Names the route, and its column.
    pub name: String,
    /// An SQL expression over the columns that the query gives.
    pub predicate: String,
}

impl Config {
    /// Checks what the types do not say.
    pub fn validate(&self) -> Result<(), String> {
        let mut problems = Vec::new();
        check_names("rule", self.rules.iter().map(|rule| &rule.name), &mut problems);
        check_names("route", self.routes.iter().map(|route| &route.name), &mut problems);
        if problems.is_empty() { Ok(()) } else { Err(problems.join("; ")) }
    }
}

fn check_names<'a>(what: &str, names: impl Iterator<Item = &'a String>, problems: &mut Vec<String>) {
    let mut seen = HashSet::new();
    for name in names {
        if !is_name(name) {
            problems.push(format!(
                "{what} `{name}`: a name starts with a letter and has only `a` to `z`, `0` to `9`, `-` and `_`"
            ));
        } else if !seen.insert(name) {
            problems.push(format!("{what} `{name}`: the name is there twice"));
        }
    }
}

fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_are_said_all_at_once_and_unknown_keys_are_refused() {
        let parse = wasmill_sdk::config::parse::<Config>;
        let config = r#"{"sql": "", "rules": [{"name": "A", "predicate": ""}],
            "routes": [{"name": "a", "predicate": ""}, {"name": "a", "predicate": ""}]}"#;
        assert_eq!(
            parse(config).unwrap().validate().unwrap_err(),
            "rule `A`: a name starts with a letter and has only `a` to `z`, `0` to `9`, `-` and `_`; \
             route `a`: the name is there twice"
        );
        assert_eq!(
            parse(r#"{"sql": "", "scope": "event"}"#).unwrap_err(),
            "`scope`: unknown variant `event`, expected `row` or `object`"
        );
        assert_eq!(
            parse(r#"{"sql": "", "rules": [{"name": "a", "predicate": "", "onn": "input"}]}"#).unwrap_err(),
            "`rules[0].onn`: unknown field `onn`, expected one of `name`, `predicate`, `on`"
        );
    }
}
