//! A query with its names looked up and its values checked: what the SQL is written of.

mod conditions;
mod time;

use std::collections::{BTreeMap, BTreeSet};

use crate::dialect::Dialect;
use crate::error::QueryError;
use crate::model::{Dimension, Granularity, Model};
use crate::problem::list;
use crate::query::{Asked, Query};
use crate::values::{ExpandError, Value, Window, expand};

pub(crate) use conditions::Condition;
pub(crate) use time::Along;

/// A query, looked up.
pub(crate) struct Resolved<'m> {
    /// The dimensions that are asked, in that order.
    pub(crate) dimensions: Vec<AskedDimension<'m>>,
    /// The measures that are asked, and those that are only filtered by, each with what it is computed of.
    pub(crate) values: BTreeMap<String, Value>,
    /// What rows have to meet, but for the time that measures are computed along.
    pub(crate) rows: Vec<Condition<'m>>,
    /// What results have to meet: SQL over their columns.
    pub(crate) results: Vec<String>,
    /// The time range as a condition of rows, if it is of the time that measures are computed along.
    pub(crate) along: Option<Along<'m>>,
    /// Columns of the answer, each with whether it is from the greatest on.
    pub(crate) order: Vec<(String, bool)>,
}

/// A dimension that is asked.
pub(crate) struct AskedDimension<'m> {
    pub(crate) name: &'m str,
    pub(crate) dimension: &'m Dimension,
    pub(crate) granularity: Option<Granularity>,
    /// Its column in the answer.
    pub(crate) column: String,
}

impl<'m> Resolved<'m> {
    pub(crate) fn new(model: &'m Model, query: &Query, dialect: Dialect) -> Result<Self, QueryError> {
        if query.measures.is_empty() && query.dimensions.is_empty() {
            return Err(QueryError::Nothing { known: known(model.measures.keys()) });
        }
        let mut dimensions: Vec<AskedDimension<'m>> = Vec::new();
        for asked in &query.dimensions {
            let dimension = asked_dimension(model, asked)?;
            if dimensions.iter().any(|other| other.column == dimension.column) {
                return Err(QueryError::Twice { name: dimension.column });
            }
            dimensions.push(dimension);
        }
        let mut values = BTreeMap::new();
        for name in &query.measures {
            if values.insert(name.clone(), value(model, name)?).is_some() {
                return Err(QueryError::Twice { name: name.clone() });
            }
        }
        let (mut rows, mut results) = (Vec::new(), Vec::new());
        for filter in &query.filters {
            if let Some((name, dimension)) = model.dimensions.get_key_value(&filter.name) {
                rows.push(Condition::of_filter(name, dimension, filter, dialect)?);
            } else if model.measures.contains_key(&filter.name) {
                if !values.contains_key(&filter.name) {
                    values.insert(filter.name.clone(), value(model, &filter.name)?);
                }
                results.push(conditions::of_measure(filter, dialect)?);
            } else {
                let names = model.dimensions.keys().chain(model.measures.keys());
                let (name, known) = (filter.name.clone(), known(names));
                return Err(QueryError::Unknown { kind: "dimension or measure", name, known });
            }
        }
        let along = time::along(model, &values, &dimensions, query, dialect)?;
        if let Some(range) = time::range(model, query, dialect)? {
            let is_along = along.as_ref().is_some_and(|along| along.name == range.name);
            if !is_along {
                rows.push(range);
            }
        }
        let mut order = Vec::new();
        for by in &query.order {
            order.push((column(&by.by, query, &dimensions)?, by.descending));
        }
        // What is equal has an order too, so that a limit takes the same rows each time.
        for dimension in &dimensions {
            if !order.iter().any(|(column, _)| *column == dimension.column) {
                order.push((dimension.column.clone(), false));
            }
        }
        Ok(Self { dimensions, values, rows, results, along, order })
    }

    /// The aggregate measures that are needed, each with the windows that are.
    pub(crate) fn leaves(&self) -> BTreeSet<(&str, Window)> {
        self.values.values().flat_map(Value::leaves).collect()
    }
}

fn asked_dimension<'m>(model: &'m Model, asked: &Asked) -> Result<AskedDimension<'m>, QueryError> {
    let (name, dimension) = dimension(model, &asked.name)?;
    let Some(text) = &asked.granularity else {
        return Ok(AskedDimension { name, dimension, granularity: None, column: name.to_owned() });
    };
    let Some(granularity) = dimension.granularities.iter().copied().find(|it| it.name() == text) else {
        let known = list(dimension.granularities.iter().map(|it| it.name()));
        return Err(QueryError::Unknown { kind: "granularity", name: format!("{name}.{text}"), known });
    };
    let column = format!("{name}_{}", granularity.name());
    Ok(AskedDimension { name, dimension, granularity: Some(granularity), column })
}

fn dimension<'m>(model: &'m Model, name: &str) -> Result<(&'m str, &'m Dimension), QueryError> {
    let found = model.dimensions.get_key_value(name);
    found.map(|(name, dimension)| (name.as_str(), dimension)).ok_or_else(|| QueryError::Unknown {
        kind: "dimension",
        name: name.to_owned(),
        known: known(model.dimensions.keys()),
    })
}

/// What a measure is of.
pub(crate) fn value(model: &Model, name: &str) -> Result<Value, QueryError> {
    if !model.measures.contains_key(name) {
        let known = known(model.measures.keys());
        return Err(QueryError::Unknown { kind: "measure", name: name.to_owned(), known });
    }
    expand(model, name, Window::default()).map_err(|_: ExpandError| QueryError::Measure { name: name.to_owned() })
}

/// The column that an answer is ordered by.
fn column(by: &str, query: &Query, dimensions: &[AskedDimension<'_>]) -> Result<String, QueryError> {
    let asked = Asked::from(by);
    let as_column = asked.granularity.as_ref().map(|granularity| format!("{}_{granularity}", asked.name));
    let columns: Vec<&String> = dimensions.iter().map(|it| &it.column).chain(&query.measures).collect();
    for name in as_column.iter().map(String::as_str).chain([by]) {
        if let Some(column) = columns.iter().find(|column| column.as_str() == name) {
            return Ok((*column).clone());
        }
    }
    Err(QueryError::Unknown { kind: "column of the answer", name: by.to_owned(), known: known(columns) })
}

fn known<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    list(names.into_iter().map(String::as_str))
}
