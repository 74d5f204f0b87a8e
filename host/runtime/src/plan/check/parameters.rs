//! The parameters of a manifest, and the values that were chosen for them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Check, list};
use crate::diagnostics::Reporter;
use crate::manifest::{Parameter, ParameterType, TableName};

/// The value of each parameter. What has none, or one of another type, is reported, as is a value for no parameter.
pub fn chosen<'a>(
    parameters: &'a BTreeMap<TableName, Parameter>,
    given: &[(String, String)],
    reporter: &mut Reporter,
) -> BTreeMap<&'a str, Value> {
    let mut values = BTreeMap::new();
    for (name, parameter) in parameters {
        // The last one counts, as with other options.
        let given = given.iter().rev().find(|(given, _)| given == name.as_str()).map(|(_, value)| value);
        let value = match (given, &parameter.default) {
            (Some(text), _) => {
                read(parameter.kind, text).map_err(|what| format!("parameter `{name}`: `{text}` is not {what}"))
            }
            (None, Some(default)) => typed(parameter.kind, default)
                .map_err(|what| format!("parameter `{name}`: its default `{default}` is not {what}")),
            (None, None) => Err(format!(
                "parameter `{name}` has no value\nhint: choose one with `--set {name}=VALUE`, or add a `default`"
            )),
        };
        match value {
            Ok(value) => drop(values.insert(name.as_str(), value)),
            Err(message) => {
                let at = ["parameters", name.as_str(), "default"];
                reporter.at(if given.is_none() && parameter.default.is_some() { &at } else { &at[..2] }, message);
            }
        }
    }
    for (name, _) in given {
        if !parameters.keys().any(|known| known.as_str() == name) {
            let known = list(parameters.keys());
            reporter.at(&["parameters"], format!("there is no parameter `{name}`\nhint: the parameters are {known}"));
        }
    }
    values
}

/// A value as it was typed on the command line.
fn read(kind: ParameterType, text: &str) -> Result<Value, &'static str> {
    match kind {
        ParameterType::String => Ok(text.into()),
        ParameterType::Integer => text.parse::<i64>().map(Into::into).map_err(|_| "an integer of 64 bits"),
        ParameterType::Float => text.parse().ok().and_then(number).ok_or("a number"),
        ParameterType::Boolean => text.parse::<bool>().map(Into::into).map_err(|_| "`true` or `false`"),
    }
}

/// A value as it is in the manifest.
fn typed(kind: ParameterType, value: &toml::Value) -> Result<Value, &'static str> {
    match (kind, value) {
        (ParameterType::String, toml::Value::String(text)) => Ok(text.as_str().into()),
        (ParameterType::Integer, toml::Value::Integer(number)) => Ok((*number).into()),
        (ParameterType::Float, toml::Value::Float(value)) => number(*value).ok_or("a number"),
        (ParameterType::Float, toml::Value::Integer(value)) => number(*value as f64).ok_or("a number"),
        (ParameterType::Boolean, toml::Value::Boolean(value)) => Ok((*value).into()),
        (ParameterType::String, _) => Err("a text"),
        (ParameterType::Integer, _) => Err("an integer"),
        (ParameterType::Float, _) => Err("a number"),
        (ParameterType::Boolean, _) => Err("`true` or `false`"),
    }
}

/// JSON has no infinity.
fn number(value: f64) -> Option<Value> {
    serde_json::Number::from_f64(value).map(Value::Number)
}

impl Check<'_> {
    /// The value of a parameter that a configuration names.
    pub(super) fn parameter(&mut self, name: &str, at: &[&str]) -> Option<Value> {
        let value = self.parameters.get(name).cloned();
        // Of one that has no value that was reported.
        if !self.manifest.parameters.keys().any(|known| known.as_str() == name) {
            let known = list(self.manifest.parameters.keys());
            let message = format!(
                "there is no parameter `{name}`\nhint: the parameters are {known}; add `[parameters.{name}]` with its `type` and `default`"
            );
            self.reporter.at(at, message);
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_of_their_type() {
        for (kind, text, expect) in [
            (ParameterType::String, "15", Ok("\"15\"")),
            (ParameterType::Integer, "15", Ok("15")),
            (ParameterType::Integer, "15.5", Err("an integer of 64 bits")),
            (ParameterType::Integer, "99999999999999999999", Err("an integer of 64 bits")),
            (ParameterType::Float, "15", Ok("15.0")),
            (ParameterType::Float, "1e3", Ok("1000.0")),
            (ParameterType::Float, "inf", Err("a number")),
            (ParameterType::Boolean, "true", Ok("true")),
            (ParameterType::Boolean, "yes", Err("`true` or `false`")),
        ] {
            assert_eq!(read(kind, text).map(|value| value.to_string()), expect.map(str::to_owned), "{text}");
        }
        assert_eq!(typed(ParameterType::Float, &toml::Value::Integer(2)), Ok(2.0.into()));
        assert_eq!(typed(ParameterType::Integer, &toml::Value::Float(2.0)), Err("an integer"));
        assert_eq!(typed(ParameterType::String, &toml::Value::Boolean(true)), Err("a text"));
    }
}
