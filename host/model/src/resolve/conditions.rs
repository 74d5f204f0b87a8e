//! Filters as SQL.

use serde_json::Value;

use crate::dates::Moment;
use crate::dialect::Dialect;
use crate::error::QueryError;
use crate::model::{Dimension, Kind};
use crate::query::{Filter, Operator};
use crate::security::quote_text;

/// What rows have to meet.
pub(crate) struct Condition<'m> {
    pub(crate) name: &'m str,
    pub(crate) dimension: &'m Dimension,
    test: Test,
}

/// SQL of what comes after a value, or around it.
enum Test {
    Null(bool),
    /// It is one of these, or none of them.
    Among(Vec<String>, bool),
    Compared(Vec<(&'static str, String)>),
    Contains(String),
    StartsWith(String),
}

impl<'m> Condition<'m> {
    pub(crate) fn of_filter(
        name: &'m str,
        dimension: &'m Dimension,
        filter: &Filter,
        dialect: Dialect,
    ) -> Result<Self, QueryError> {
        Ok(Self { name, dimension, test: test(filter, dimension.kind, dialect)? })
    }

    /// A time from a moment on, until before another; both as SQL.
    pub(crate) fn of_range(
        name: &'m str,
        dimension: &'m Dimension,
        from: Option<String>,
        before: Option<String>,
    ) -> Self {
        let from = from.map(|from| (">=", from));
        let test = Test::Compared(from.into_iter().chain(before.map(|before| ("<", before))).collect());
        Self { name, dimension, test }
    }

    /// The condition of the dimension's value.
    pub(crate) fn sql(&self, value: &str, dialect: Dialect) -> String {
        self.test.sql(value, dialect)
    }
}

impl Test {
    fn sql(&self, value: &str, dialect: Dialect) -> String {
        match self {
            Self::Null(true) => format!("{value} IS NULL"),
            Self::Null(false) => format!("{value} IS NOT NULL"),
            Self::Among(values, true) => format!("{value} IN ({})", values.join(", ")),
            Self::Among(values, false) => format!("({value} IS NULL OR {value} NOT IN ({}))", values.join(", ")),
            Self::Compared(tests) => {
                let tests: Vec<String> = tests.iter().map(|(sign, with)| format!("{value} {sign} {with}")).collect();
                if tests.is_empty() { "TRUE".to_owned() } else { tests.join(" AND ") }
            }
            Self::Contains(part) => dialect.contains(value, part),
            Self::StartsWith(part) => dialect.starts_with(value, part),
        }
    }
}

/// The condition of a measure, over the columns of the results.
pub(crate) fn of_measure(filter: &Filter, dialect: Dialect) -> Result<String, QueryError> {
    Ok(test(filter, Kind::Number, dialect)?.sql(&dialect.name(&filter.name), dialect))
}

fn test(filter: &Filter, kind: Kind, dialect: Dialect) -> Result<Test, QueryError> {
    let refuse = |why: &str, hint: &str| {
        Err(QueryError::Filter { name: filter.name.clone(), why: why.to_owned(), hint: hint.to_owned() })
    };
    if matches!(filter.operator, Operator::IsNull | Operator::IsNotNull) {
        if !filter.values.is_empty() {
            return refuse("it has values", "remove them; nothing is compared");
        }
        return Ok(Test::Null(filter.operator == Operator::IsNull));
    }
    if matches!(filter.operator, Operator::Equals | Operator::NotEquals) {
        if filter.values.is_empty() {
            return refuse("it has no values", "add `values`, of which it is one, or none");
        }
        let values =
            filter.values.iter().map(|value| literal(filter, value, kind, dialect)).collect::<Result<_, _>>()?;
        return Ok(Test::Among(values, filter.operator == Operator::Equals));
    }
    let [value] = filter.values.as_slice() else {
        return refuse("it has not one value", "give it one of `values`");
    };
    if matches!(filter.operator, Operator::Contains | Operator::StartsWith) {
        let (Value::String(part), Kind::String) = (value, kind) else {
            return refuse("only texts have parts", "use another operator");
        };
        literal(filter, value, kind, dialect)?;
        return Ok(match filter.operator {
            Operator::Contains => Test::Contains(part.clone()),
            _ => Test::StartsWith(part.clone()),
        });
    }
    let sign = match filter.operator {
        Operator::Gt => ">",
        Operator::Gte => ">=",
        Operator::Lt => "<",
        _ => "<=",
    };
    Ok(Test::Compared(vec![(sign, literal(filter, value, kind, dialect)?)]))
}

/// A value of JSON, as SQL.
fn literal(filter: &Filter, value: &Value, kind: Kind, dialect: Dialect) -> Result<String, QueryError> {
    let sql = match (kind, value) {
        (Kind::String, Value::String(text)) if !text.contains('\0') => Some(quote_text(text)),
        (Kind::Number, Value::Number(number)) => Some(number.to_string()),
        (Kind::Boolean, Value::Bool(truth)) => Some(if *truth { "TRUE" } else { "FALSE" }.to_owned()),
        (Kind::Date | Kind::Timestamp, Value::String(text)) => Moment::parse(text)
            .filter(|moment| kind == Kind::Timestamp || moment.seconds == 0)
            .map(|moment| dialect.moment(moment, kind)),
        _ => None,
    };
    let example = match kind {
        Kind::String => "a text; for null there is the operator `is_null`",
        Kind::Number => "a number",
        Kind::Boolean => "`true` or `false`",
        Kind::Date => "a day such as `2024-01-31`",
        Kind::Timestamp => "a time such as `2024-01-31T12:00:00`",
    };
    sql.ok_or_else(|| QueryError::Filter {
        name: filter.name.clone(),
        why: format!("its values are not {value}"),
        hint: format!("write {example}"),
    })
}
