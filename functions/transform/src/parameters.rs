//! Parameters: values in the place of `$NAME`, put there before anything is planned.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Expr, UnaryOperator, Value, VisitMut, visit_expressions_mut};
use serde::Deserialize;

/// The value of a parameter.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged, expecting = "a parameter is a text, a number, or `true` or `false`")]
pub enum Scalar {
    /// `true` or `false`.
    Boolean(bool),
    /// `BIGINT`.
    Integer(i64),
    /// `DOUBLE`.
    Float(f64),
    /// Text.
    String(String),
}

/// Puts values in the place of `$NAME`.
pub fn replace(sql: &mut impl VisitMut, parameters: &BTreeMap<String, Scalar>) -> Result<(), String> {
    let replaced = visit_expressions_mut(sql, |expr| {
        let Expr::Value(value) = expr else { return ControlFlow::Continue(()) };
        let Value::Placeholder(name) = &value.value else { return ControlFlow::Continue(()) };
        match name.strip_prefix('$').and_then(|name| parameters.get(name)) {
            Some(scalar) => {
                *expr = literal(scalar);
                ControlFlow::Continue(())
            }
            None => ControlFlow::Break(unknown(name, parameters)),
        }
    });
    match replaced {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(message) => Err(message),
    }
}

fn literal(scalar: &Scalar) -> Expr {
    let number = |text: String, is_negative| {
        let number = Expr::value(Value::Number(text, false));
        match is_negative {
            true => Expr::Nested(Box::new(Expr::UnaryOp { op: UnaryOperator::Minus, expr: Box::new(number) })),
            false => number,
        }
    };
    match scalar {
        Scalar::Boolean(value) => Expr::value(Value::Boolean(*value)),
        Scalar::Integer(value) => number(value.unsigned_abs().to_string(), *value < 0),
        // With a point or an exponent, so that it stays a float.
        Scalar::Float(value) => number(format!("{:?}", value.abs()), value.is_sign_negative()),
        Scalar::String(value) => Expr::value(Value::SingleQuotedString(value.clone())),
    }
}

fn unknown(name: &str, parameters: &BTreeMap<String, Scalar>) -> String {
    let known: Vec<String> = parameters.keys().map(|name| format!("`${name}`")).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    let bare = name.trim_start_matches(['$', '?', ':']);
    format!("there is no parameter `{name}`\nhint: the parameters are {known}; add `parameters = {{ {bare} = … }}`")
}
