//! What adds up of a measure, so that a change of it can be taken apart: a sum, or the two sums that a ratio is of.
//!
//! A mean is the ratio of a sum and a count. A ratio times a number, or one to which a number is added, is a ratio again:
//! `1 - a / b` is `(b - a) / b`.

use std::collections::BTreeSet;

use crate::arithmetic::{Arithmetic, Operator};
use crate::error::QueryError;
use crate::model::{Aggregate, Computation, Kind, Measure, Model};
use crate::paths::{Reach, reach};
use crate::resolve::value;
use crate::values::Value;

/// A model in which what adds up of a measure has names, which no measure of a file can have.
#[derive(Debug, Clone, PartialEq)]
pub struct Additive {
    /// The model, with the measures below.
    pub model: Model,
    /// The measure itself, or what is divided and by what.
    pub sums: Vec<String>,
    /// How many rows they are of.
    pub rows: String,
}

/// What is divided, and by what.
type Ratio = (Arithmetic, Arithmetic);

impl Model {
    /// What adds up of a measure.
    ///
    /// # Errors
    /// A measure that is not there, that nothing adds up to (a maximum), or that is computed along time.
    pub fn additive(&self, measure: &str) -> Result<Additive, QueryError> {
        let refused = |why: &str, hint: String| QueryError::NotAdditive {
            measure: measure.to_owned(),
            why: why.to_owned(),
            hint,
        };
        let value = value(self, measure)?;
        let leaves = value.leaves();
        if leaves.iter().any(|(_, window)| !window.is_period()) {
            let hint = match self.measures.get(measure).map(|measure| &measure.computation) {
                Some(
                    Computation::YearToDate(of)
                    | Computation::SamePeriodLastYear(of)
                    | Computation::Rolling { of, .. }
                    | Computation::Change { of, .. },
                ) => format!("ask for `{of}`"),
                _ => "ask for what it is computed of".to_owned(),
            };
            return Err(refused("it is computed along time", hint));
        }
        if leaves.is_empty() {
            return Err(refused("it is of no rows", "ask for another one".to_owned()));
        }
        let mut model = self.clone();
        for (name, _) in &leaves {
            model.take_apart(name);
        }
        let mut name = |words: &str, computation: Computation| {
            let name = format!("{words} {measure}");
            model.measures.insert(name.clone(), plain(computation));
            name
        };
        let (sums, counted) = if let Some(sum) = sum(&value, self) {
            let counted = sum.clone();
            (vec![name("all of", Computation::Expression(sum))], counted)
        } else if let Some((numerator, denominator)) = ratio(&value, self) {
            let counted = denominator.clone();
            let numerator = name("numerator of", Computation::Expression(numerator));
            (vec![numerator, name("denominator of", Computation::Expression(denominator))], counted)
        } else {
            let hint = "sums, counts, means and ratios of sums and counts can be explained".to_owned();
            return Err(refused("what it is of parts of the rows does not add up to what it is of all", hint));
        };
        let rows = model.rows_of(measure, &counted);
        Ok(Additive { model, sums, rows })
    }

    /// Has a mean's sum and count as measures too, and sums and counts be 0 where there are no rows: what is missing adds nothing.
    fn take_apart(&mut self, name: &str) {
        let Some(Measure { computation: Computation::Aggregate { aggregate, zero, .. }, .. }) =
            self.measures.get_mut(name)
        else {
            return;
        };
        *zero |= matches!(aggregate, Aggregate::Sum | Aggregate::Count);
        if *aggregate != Aggregate::Avg {
            return;
        }
        let Some(mean) = self.measures.get(name).map(|measure| measure.computation.clone()) else { return };
        for (of, words) in [(Aggregate::Sum, SUM), (Aggregate::Count, COUNT)] {
            if let Computation::Aggregate { table, value, filter, .. } = &mean {
                let (table, value, filter) = (table.clone(), value.clone(), filter.clone());
                let part = Computation::Aggregate { table, aggregate: of, value, filter, zero: true };
                self.measures.insert(format!("{words} {name}"), plain(part));
            }
        }
    }

    /// A measure of how many rows there are of the tables that some measures are of.
    fn rows_of(&mut self, measure: &str, measures: &Arithmetic) -> String {
        let table =
            |name: &str| self.measures.get(name).and_then(|measure| measure.computation.table()).map(str::to_owned);
        let tables: BTreeSet<String> = measures.measures().into_iter().filter_map(table).collect();
        let mut sum: Option<Arithmetic> = None;
        for table in tables {
            let name = format!("rows of table {table}");
            let count =
                Computation::Aggregate { table, aggregate: Aggregate::Count, value: None, filter: None, zero: true };
            self.measures.insert(name.clone(), plain(count));
            let count = Arithmetic::Measure(name);
            sum = Some(match sum {
                Some(sum) => binary(sum, Operator::Add, count),
                None => count,
            });
        }
        let rows = format!("rows of {measure}");
        let sum = sum.unwrap_or_else(|| Arithmetic::Number("0".to_owned()));
        self.measures.insert(rows.clone(), plain(Computation::Expression(sum)));
        rows
    }

    /// The dimensions that all that a measure is of can be given by, but for time.
    pub fn dimensions_of(&self, measure: &str) -> Vec<&str> {
        let Ok(value) = value(self, measure) else { return Vec::new() };
        let leaves = value.leaves();
        let tables: Vec<&str> = leaves
            .iter()
            .filter_map(|(name, _)| self.measures.get(*name).and_then(|measure| measure.computation.table()))
            .collect();
        let reached = self.dimensions.iter().filter(|(_, dimension)| {
            let is_reached = |table: &&str| matches!(reach(&self.relationships, table, dimension), Reach::One(..));
            !dimension.kind.is_time() && tables.iter().all(is_reached)
        });
        reached.map(|(name, _)| name.as_str()).collect()
    }

    /// Those of them that a cause is looked for in, unless others are chosen: texts and what is true or false. Numbers are
    /// rarely groups of rows, and what an outcome is, its model says: `cause = false`.
    pub fn suspects(&self, measure: &str) -> Vec<&str> {
        let is_suspect = |name: &&str| {
            let dimension = self.dimensions.get(*name);
            dimension.is_some_and(|it| it.cause.unwrap_or(matches!(it.kind, Kind::String | Kind::Boolean)))
        };
        self.dimensions_of(measure).into_iter().filter(is_suspect).collect()
    }
}

/// What the sum and the count of a mean are called.
const SUM: &str = "sum of";
const COUNT: &str = "count of";

fn plain(computation: Computation) -> Measure {
    Measure { computation, time: None, format: None, description: None }
}

/// What is of all rows the sum of what it is of their parts: sums and counts, added, and times numbers.
fn sum(value: &Value, model: &Model) -> Option<Arithmetic> {
    match value {
        Value::Leaf(name, _) => match &model.measures.get(name)?.computation {
            Computation::Aggregate { aggregate: Aggregate::Sum | Aggregate::Count, .. } => {
                Some(Arithmetic::Measure(name.clone()))
            }
            _ => None,
        },
        Value::Binary(left, operator, right) => match (&**left, operator, &**right) {
            (Value::Number(number), Operator::Multiply, of) | (of, Operator::Multiply, Value::Number(number)) => {
                Some(times(sum(of, model)?, number))
            }
            (of, Operator::Divide, Value::Number(number)) => {
                Some(binary(sum(of, model)?, Operator::Divide, Arithmetic::Number(number.clone())))
            }
            // How a sign is read.
            (Value::Number(zero), Operator::Subtract, of) if zero == "0" => {
                Some(binary(Arithmetic::Number(zero.clone()), Operator::Subtract, sum(of, model)?))
            }
            (left, Operator::Add | Operator::Subtract, right) => {
                Some(binary(sum(left, model)?, *operator, sum(right, model)?))
            }
            _ => None,
        },
        Value::Number(_) => None,
    }
}

fn ratio(value: &Value, model: &Model) -> Option<Ratio> {
    let (left, operator, right) = match value {
        Value::Binary(left, operator, right) => (left, operator, right),
        Value::Leaf(name, _) => {
            let computation = &model.measures.get(name)?.computation;
            let is_mean = matches!(computation, Computation::Aggregate { aggregate: Aggregate::Avg, .. });
            let part = |words: &str| Arithmetic::Measure(format!("{words} {name}"));
            return is_mean.then(|| (part(SUM), part(COUNT)));
        }
        Value::Number(_) => return None,
    };
    match (&**left, operator, &**right) {
        (Value::Number(number), Operator::Multiply, of) | (of, Operator::Multiply, Value::Number(number)) => {
            let (numerator, denominator) = ratio(of, model)?;
            Some((times(numerator, number), denominator))
        }
        (Value::Number(number), Operator::Add | Operator::Subtract, of) => {
            let (numerator, denominator) = ratio(of, model)?;
            Some((binary(times(denominator.clone(), number), *operator, numerator), denominator))
        }
        (of, Operator::Add | Operator::Subtract, Value::Number(number)) => {
            let (numerator, denominator) = ratio(of, model)?;
            Some((binary(numerator, *operator, times(denominator.clone(), number)), denominator))
        }
        (of, Operator::Divide, Value::Number(number)) => {
            let (numerator, denominator) = ratio(of, model)?;
            Some((binary(numerator, Operator::Divide, Arithmetic::Number(number.clone())), denominator))
        }
        (numerator, Operator::Divide, denominator) => Some((sum(numerator, model)?, sum(denominator, model)?)),
        _ => None,
    }
}

fn times(of: Arithmetic, number: &str) -> Arithmetic {
    binary(of, Operator::Multiply, Arithmetic::Number(number.to_owned()))
}

fn binary(left: Arithmetic, operator: Operator, right: Arithmetic) -> Arithmetic {
    Arithmetic::Binary(Box::new(left), operator, Box::new(right))
}

#[cfg(test)]
mod tests {
    use crate::query::Query;
    use crate::{Attributes, Dialect};

    use super::*;

    const SHOP: &str = r#"
        version = 1
        name = "shop"
        [tables.orders]
        [tables.visits]
        [dimensions.country]
        on = { orders = "country", visits = "country" }
        [dimensions.state]
        table = "orders"
        cause = false
        [dimensions.size]
        table = "orders"
        type = "number"
        [dimensions.day]
        table = "orders"
        type = "date"
        [measures.revenue]
        aggregate = "sum"
        table = "orders"
        column = "price"
        [measures.orders]
        aggregate = "count"
        table = "orders"
        [measures.visits]
        aggregate = "count"
        table = "visits"
        [measures.mean_price]
        aggregate = "avg"
        table = "orders"
        column = "price"
        [measures.dearest]
        aggregate = "max"
        table = "orders"
        column = "price"
        [measures.conversion]
        ratio = ["orders", "visits"]
        [measures.lost]
        expression = "100 * (1 - conversion)"
        [measures.net]
        expression = "revenue / 1.19 - 2 * orders"
        [measures.cents]
        expression = "100 * mean_price"
        [measures.refunds]
        aggregate = "sum"
        table = "visits"
        column = "refund"
        missing = "null"
        [measures.both]
        expression = "revenue - refunds"
        [measures.odd]
        expression = "revenue + 1"
        [measures.product]
        expression = "revenue * orders"
        [measures.week]
        rolling = "revenue"
        periods = 7
    "#;

    fn model() -> Model {
        Model::parse(SHOP).unwrap_or_else(|problems| panic!("{problems:?}"))
    }

    #[test]
    fn what_adds_up_is_found() {
        let written = |name: &str| {
            let Additive { model, sums, .. } = model().additive(name).unwrap();
            let query = Query { measures: sums.clone(), ..Query::default() };
            let sql = model.sql(&query, &Attributes::default(), Dialect::DataFusion).unwrap().sql;
            let line =
                sql.lines().find(|line| line.contains(&format!("AS \"{}\"", sums[0])) && line.contains("SELECT"));
            (sums.len(), line.unwrap_or(&sql).to_owned())
        };
        let check = |name: &str, count: usize, expect: &str| {
            let (sums, sql) = written(name);
            assert_eq!(sums, count, "{name}");
            assert!(sql.contains(expect), "{name}: {sql}");
        };
        check("revenue", 1, "COALESCE(\"revenue\", 0) AS \"all of revenue\"");
        check("conversion", 2, "COALESCE(\"orders\", 0) AS \"numerator of conversion\"");
        check("mean_price", 2, "COALESCE(\"sum of mean_price\", 0) AS \"numerator of mean_price\"");
        check("cents", 2, "(COALESCE(\"sum of mean_price\", 0) * 100) AS \"numerator of cents\"");
        check("both", 1, "(COALESCE(\"revenue\", 0) - COALESCE(\"refunds\", 0)) AS \"all of both\"");
        check("lost", 2, "(((COALESCE(\"visits\", 0) * 1) - COALESCE(\"orders\", 0)) * 100) AS \"numerator of lost\"");
        check("net", 1, "AS \"all of net\"");
    }

    #[test]
    fn rows_are_of_what_a_ratio_is_over_and_of_all_that_a_sum_is_of() {
        let rows = |name: &str| {
            let Additive { model, rows, .. } = model().additive(name).unwrap();
            let query = Query { measures: vec![rows], ..Query::default() };
            model.sql(&query, &Attributes::default(), Dialect::DataFusion).unwrap().sql
        };
        assert!(rows("conversion").contains("\"visits\"") && !rows("conversion").contains("\"orders\""));
        assert!(rows("both").contains("\"visits\"") && rows("both").contains("\"orders\""));
    }

    #[test]
    fn what_does_not_add_up_is_refused() {
        for (name, why) in [
            ("dearest", "does not add up"),
            ("odd", "does not add up"),
            ("product", "does not add up"),
            ("week", "hint: ask for `revenue`"),
            ("none", "there is no measure `none`"),
        ] {
            let said = model().additive(name).unwrap_err().to_string();
            assert!(said.contains(why), "{said}");
        }
    }

    #[test]
    fn causes_are_looked_for_in_what_all_of_a_measure_is_given_by() {
        let model = model();
        assert_eq!(model.dimensions_of("revenue"), ["country", "size", "state"]);
        assert_eq!(model.suspects("revenue"), ["country"]);
        assert_eq!(model.suspects("conversion"), ["country"]);
    }
}
