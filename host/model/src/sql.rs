//! The statement for a query.
//!
//! Each table that has measures is aggregated by itself, to the dimensions that are asked, before anything meets: rows of
//! one are never joined with rows of another, so none counts twice. The results are put together by one more `GROUP BY`
//! over a `UNION ALL` of them. That is a full join on the dimensions which needs no order of the tables, and in which
//! null is a value like any other.

mod aggregates;
mod rows;

use serde::Serialize;

use crate::arithmetic::Operator;
use crate::dialect::Dialect;
use crate::error::QueryError;
use crate::model::{Computation, Format, Granularity, Kind, Model};
use crate::problem::list;
use crate::query::Query;
use crate::resolve::Resolved;
use crate::security::Attributes;
use crate::values::{Value, Window};
use aggregates::{Parts, part};

/// A statement, and what its columns are.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Statement {
    /// The SQL.
    pub sql: String,
    /// The columns of its rows.
    pub columns: Vec<Column>,
}

/// A column of an answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Column {
    /// Its name: `country`, `date_month`, `revenue`.
    pub name: String,
    /// What its values are; of measures that depends on the table's columns, and is not said.
    pub kind: Option<Kind>,
    /// By which periods, if it is time that is asked by them.
    pub granularity: Option<Granularity>,
    /// Whether it is a measure.
    pub measure: bool,
    /// How it is shown.
    pub format: Option<Format>,
    /// What it means.
    pub description: Option<String>,
}

impl Model {
    /// The statement for a query of somebody.
    pub fn sql(&self, query: &Query, attributes: &Attributes, dialect: Dialect) -> Result<Statement, QueryError> {
        let resolved = Resolved::new(self, query, dialect)?;
        let mut parts = Parts::new(self, &resolved, attributes, dialect);
        if resolved.values.is_empty() {
            parts.values_of_dimensions()?;
        } else {
            parts.aggregates()?;
        }
        let (common, facts) = parts.finish();
        let sql = Writer { model: self, query, resolved: &resolved, dialect }.statement(common, &facts);
        Ok(Statement { sql, columns: columns(self, query, &resolved) })
    }
}

/// Puts the parts together.
struct Writer<'a> {
    model: &'a Model,
    query: &'a Query,
    resolved: &'a Resolved<'a>,
    dialect: Dialect,
}

impl Writer<'_> {
    fn statement(&self, mut common: Vec<(String, String)>, facts: &[Fact]) -> String {
        let dimensions: Vec<String> = self.resolved.dimensions.iter().map(|it| self.dialect.name(&it.column)).collect();
        let merged = match facts {
            [only] => only.name.clone(),
            _ => {
                common.push(("all facts".to_owned(), self.merge(facts, &dimensions)));
                "all facts".to_owned()
            }
        };
        let values = self.resolved.values.iter();
        let values = values.map(|(name, value)| format!("{} AS {}", self.value(value), self.dialect.name(name)));
        let columns: Vec<String> = dimensions.iter().cloned().chain(values).collect();
        let select = format!("SELECT {}\nFROM {}", columns.join(", "), self.dialect.name(&merged));
        common.push(("query results".to_owned(), select));
        let with: Vec<String> = common.iter().map(|(name, sql)| part(&self.dialect.name(name), sql)).collect();
        let measures = self.query.measures.iter().map(|name| self.dialect.name(name));
        let columns: Vec<String> = dimensions.into_iter().chain(measures).collect();
        let mut sql = format!(
            "{} {}\nSELECT {}\nFROM \"query results\"",
            self.dialect.with(),
            with.join(",\n"),
            columns.join(", ")
        );
        if !self.resolved.results.is_empty() {
            sql.push_str(&format!("\nWHERE {}", self.resolved.results.join(" AND ")));
        }
        let order = self.resolved.order.iter().map(|(column, descending)| {
            format!("{} {} NULLS LAST", self.dialect.name(column), if *descending { "DESC" } else { "ASC" })
        });
        let order: Vec<String> = order.collect();
        if !order.is_empty() {
            sql.push_str(&format!("\nORDER BY {}", order.join(", ")));
        }
        match (self.query.limit, self.query.offset) {
            (Some(limit), None) => sql.push_str(&format!("\nLIMIT {limit}")),
            (limit, Some(offset)) => {
                // SQLite has no offset without a limit.
                let limit = limit.unwrap_or(i64::MAX.unsigned_abs());
                sql.push_str(&format!("\nLIMIT {limit} OFFSET {offset}"));
            }
            (None, None) => {}
        }
        sql
    }

    /// What is known of the same values of the dimensions in one row. Each fact has one, so any aggregate takes it.
    fn merge(&self, facts: &[Fact], dimensions: &[String]) -> String {
        let columns: Vec<&String> = facts.iter().flat_map(|fact| &fact.columns).collect();
        let selects: Vec<String> = facts
            .iter()
            .map(|fact| {
                let values = columns.iter().map(|column| {
                    let name = self.dialect.name(column);
                    if fact.columns.contains(column) { name } else { format!("NULL AS {name}") }
                });
                let selected: Vec<String> = dimensions.iter().cloned().chain(values).collect();
                format!("  SELECT {} FROM {}", selected.join(", "), self.dialect.name(&fact.name))
            })
            .collect();
        let values = columns.iter().map(|column| {
            let name = self.dialect.name(column);
            format!("MAX({name}) AS {name}")
        });
        let selected: Vec<String> = dimensions.iter().cloned().chain(values).collect();
        let mut sql =
            format!("SELECT {}\nFROM (\n{}\n) AS \"facts\"", selected.join(", "), selects.join("\n  UNION ALL\n"));
        if !dimensions.is_empty() {
            sql.push_str(&format!("\nGROUP BY {}", dimensions.join(", ")));
        }
        sql
    }

    fn value(&self, value: &Value) -> String {
        match value {
            Value::Number(number) => number.clone(),
            Value::Leaf(name, window) => {
                let column = self.dialect.name(&leaf(name, *window));
                let zero =
                    self.model.measures.get(name).is_some_and(|measure| {
                        matches!(measure.computation, Computation::Aggregate { zero: true, .. })
                    });
                if zero { format!("COALESCE({column}, 0)") } else { column }
            }
            Value::Binary(left, operator, right) => {
                let (left, right) = (self.value(left), self.value(right));
                match operator {
                    Operator::Add => format!("({left} + {right})"),
                    Operator::Subtract => format!("({left} - {right})"),
                    Operator::Multiply => format!("({left} * {right})"),
                    Operator::Divide => format!("({} / NULLIF({right}, 0))", self.dialect.double(&left)),
                }
            }
        }
    }
}

/// A part that has one row for each combination of the dimensions.
pub(crate) struct Fact {
    /// Its name.
    pub(crate) name: String,
    /// What it has beside the dimensions.
    pub(crate) columns: Vec<String>,
}

/// The column of an aggregate over a window.
pub(crate) fn leaf(measure: &str, window: Window) -> String {
    format!("{measure}{}", window.label())
}

impl Computation {
    /// The table, if it is an aggregate of one.
    pub fn table(&self) -> Option<&str> {
        match self {
            Self::Aggregate { table, .. } => Some(table),
            _ => None,
        }
    }
}

fn columns(model: &Model, query: &Query, resolved: &Resolved<'_>) -> Vec<Column> {
    let mut columns: Vec<Column> = Vec::new();
    for asked in &resolved.dimensions {
        let kind = match asked.granularity {
            None => asked.dimension.kind,
            Some(Granularity::Hour) => Kind::Timestamp,
            Some(_) => Kind::Date,
        };
        columns.push(Column {
            name: asked.column.clone(),
            kind: Some(kind),
            granularity: asked.granularity,
            measure: false,
            format: asked.dimension.format.clone(),
            description: asked.dimension.description.clone(),
        });
    }
    for (name, measure) in query.measures.iter().filter_map(|name| model.measures.get_key_value(name)) {
        columns.push(Column {
            name: name.clone(),
            kind: None,
            granularity: None,
            measure: true,
            format: measure.format.clone(),
            description: measure.description.clone(),
        });
    }
    columns
}

/// The error for dimensions that no table has all of.
fn unrelated(resolved: &Resolved<'_>) -> QueryError {
    QueryError::Unrelated { dimensions: list(resolved.dimensions.iter().map(|it| it.name)) }
}
