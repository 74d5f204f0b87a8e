//! The parts of a statement that aggregate: one for each table that has measures, and one for each window of time.
//!
//! A window is computed of sums by period and not of rows: each table is aggregated once by the periods of the query
//! (*by period*), and each period of the answer takes the sums of those that its window has. Periods without rows add
//! nothing to a window, which is 0 to a sum and a count; a mean is of the rows of all its periods.

use std::collections::{BTreeMap, BTreeSet};

use crate::dates::Date;
use crate::dialect::Dialect;
use crate::error::QueryError;
use crate::model::{Aggregate, Computation, Granularity, Model, Scalar};
use crate::probe::scalar;
use crate::resolve::{Along, Resolved};
use crate::security::Attributes;
use crate::sql::rows::Rows;
use crate::sql::{Fact, leaf, unrelated};
use crate::values::{Span, Window};

/// An aggregate measure.
#[derive(Clone, Copy)]
struct Input<'m> {
    name: &'m str,
    aggregate: Aggregate,
    value: Option<&'m Scalar>,
    filter: Option<&'m str>,
}

/// Parts that are written one after another, of which later ones read earlier ones.
pub(super) struct Parts<'a> {
    model: &'a Model,
    resolved: &'a Resolved<'a>,
    attributes: &'a Attributes,
    dialect: Dialect,
    common: Vec<(String, String)>,
    facts: Vec<Fact>,
    /// Parts that have periods.
    with_periods: Vec<String>,
}

/// The windows of a table's measures, which are computed of the same sums by period.
type Windows<'m> = BTreeMap<Window, Vec<Input<'m>>>;

impl<'a> Parts<'a> {
    pub(super) fn new(
        model: &'a Model,
        resolved: &'a Resolved<'a>,
        attributes: &'a Attributes,
        dialect: Dialect,
    ) -> Self {
        Self { model, resolved, attributes, dialect, common: Vec::new(), facts: Vec::new(), with_periods: Vec::new() }
    }

    /// The parts by name, and those that have the results.
    pub(super) fn finish(self) -> (Vec<(String, String)>, Vec<Fact>) {
        (self.common, self.facts)
    }

    /// Without measures: the values that there are in the table that has all the dimensions.
    pub(super) fn values_of_dimensions(&mut self) -> Result<(), QueryError> {
        let sources = self.resolved.dimensions.iter().flat_map(|asked| &asked.dimension.sources);
        for table in sources.map(|source| source.table.as_str()).collect::<BTreeSet<_>>() {
            let (model, dialect) = (self.model, self.dialect);
            let mut rows = Rows::new(model, table, dialect);
            let Ok(dimensions) = self.dimensions(&mut rows) else { continue };
            self.conditions(&mut rows)?;
            let sql = self.select(&rows, &dimensions, &[])?;
            self.common.push((format!("{table} values"), sql));
            self.facts.push(Fact { name: format!("{table} values"), columns: Vec::new() });
            return Ok(());
        }
        Err(unrelated(self.resolved))
    }

    /// The parts for all measures.
    pub(super) fn aggregates(&mut self) -> Result<(), QueryError> {
        let mut plain: BTreeMap<&'a str, Vec<Input<'a>>> = BTreeMap::new();
        // Different values are counted over a window, and cannot be added up: each such measure has sums of its own.
        let mut windows: BTreeMap<(&'a str, Option<&'a str>), Windows<'a>> = BTreeMap::new();
        for (name, window) in self.resolved.leaves() {
            let Some((name, measure)) = self.model.measures.get_key_value(name) else { continue };
            let Computation::Aggregate { table, aggregate, value, filter, .. } = &measure.computation else { continue };
            let input = Input { name, aggregate: *aggregate, value: value.as_ref(), filter: filter.as_deref() };
            if window.is_period() {
                plain.entry(table).or_default().push(input);
            } else {
                let distinct = (*aggregate == Aggregate::CountDistinct).then_some(name.as_str());
                windows.entry((table, distinct)).or_default().entry(window).or_default().push(input);
            }
        }
        for (table, inputs) in plain {
            self.plain(table, &inputs)?;
        }
        let Some(along) = &self.resolved.along else { return Ok(()) };
        let mut by_period = Vec::new();
        for ((table, distinct), windows) in &windows {
            by_period.push(self.by_period(table, *distinct, windows, along)?);
        }
        if by_period.is_empty() {
            return Ok(());
        }
        self.periods(along);
        for (part, windows) in by_period.iter().zip(windows.values()) {
            for (window, inputs) in windows {
                self.window(part, *window, inputs, along);
            }
        }
        Ok(())
    }

    /// A table, aggregated to the dimensions.
    fn plain(&mut self, table: &'a str, inputs: &[Input<'a>]) -> Result<(), QueryError> {
        let mut rows = Rows::new(self.model, table, self.dialect);
        let dimensions = self.dimensions(&mut rows)?;
        self.conditions(&mut rows)?;
        if let Some(range) = self.resolved.along.as_ref().and_then(|along| along.range.as_ref()) {
            let value = rows.dimension(range.name, range.dimension)?;
            rows.filter(range.sql(&value, self.dialect));
        }
        let mut aggregates = Vec::new();
        for input in inputs {
            let value = self.input(&mut rows, *input);
            aggregates.push((input.name.to_owned(), aggregate(input.aggregate, &value)));
        }
        let sql = self.select(&rows, &dimensions, &aggregates)?;
        let name = format!("{table} facts");
        self.common.push((name.clone(), sql));
        self.with_periods.push(name.clone());
        self.facts.push(Fact { name, columns: aggregates.into_iter().map(|(name, _)| name).collect() });
        Ok(())
    }

    /// A table, aggregated to the dimensions with the time by period, over all the time that windows are of.
    fn by_period(
        &mut self,
        table: &'a str,
        distinct: Option<&str>,
        windows: &Windows<'a>,
        along: &Along<'_>,
    ) -> Result<String, QueryError> {
        let mut rows = Rows::new(self.model, table, self.dialect);
        let mut dimensions = self.dimensions(&mut rows)?;
        self.conditions(&mut rows)?;
        if let Some(until) = &along.until {
            let value = rows.dimension(until.name, until.dimension)?;
            rows.filter(until.sql(&value, self.dialect));
        }
        if let Some(first) = along.first {
            self.begin(&mut rows, first, windows, along)?;
        }
        let mut aggregates: BTreeMap<String, String> = BTreeMap::new();
        for input in windows.values().flatten() {
            let value = self.input(&mut rows, *input);
            match input.aggregate {
                Aggregate::CountDistinct => dimensions.push((input.name.to_owned(), value)),
                Aggregate::Avg => {
                    aggregates.insert(format!("{} sum", input.name), aggregate(Aggregate::Sum, &value));
                    aggregates.insert(format!("{} count", input.name), aggregate(Aggregate::Count, &value));
                }
                other => {
                    aggregates.insert(input.name.to_owned(), aggregate(other, &value));
                }
            }
        }
        dimensions.dedup();
        let aggregates: Vec<(String, String)> = aggregates.into_iter().collect();
        let sql = self.select(&rows, &dimensions, &aggregates)?;
        let name = match distinct {
            Some(measure) => format!("{table} {measure} by period"),
            None => format!("{table} by period"),
        };
        self.common.push((name.clone(), sql));
        self.with_periods.push(name.clone());
        Ok(name)
    }

    /// Leaves out rows of before the first period of which a window has any.
    fn begin(
        &self,
        rows: &mut Rows<'a>,
        first: Date,
        windows: &Windows<'a>,
        along: &Along<'_>,
    ) -> Result<(), QueryError> {
        let Some(until) = along.until.as_ref().or(along.range.as_ref()) else { return Ok(()) };
        let value = rows.dimension(until.name, until.dimension)?;
        let first = match self.dialect {
            Dialect::DataFusion => format!("DATE '{first}'"),
            Dialect::Sqlite => format!("'{first}'"),
        };
        let begins = windows.keys().map(|window| {
            let (from, _) = bounds(*window, &first, along.granularity, self.dialect);
            format!("{value} >= {from}")
        });
        let begins: BTreeSet<String> = begins.collect();
        rows.filter(format!("({})", begins.into_iter().collect::<Vec<_>>().join(" OR ")));
        Ok(())
    }

    /// All periods of the answer, those without rows too.
    fn periods(&mut self, along: &Along<'_>) {
        let column = self.dialect.name(&along.column);
        let periods: Vec<String> = self
            .with_periods
            .iter()
            .map(|part| format!("SELECT {column} AS \"period\" FROM {}", self.dialect.name(part)))
            .collect();
        let bound = |date: Option<Date>, aggregate: &str| match (date, self.dialect) {
            (Some(date), Dialect::DataFusion) => format!("DATE '{date}'"),
            (Some(date), Dialect::Sqlite) => format!("'{date}'"),
            (None, _) => format!("{aggregate}(\"period\")"),
        };
        let (first, last) = (bound(along.first, "MIN"), bound(along.last, "MAX"));
        let mut bounds = format!("SELECT {first} AS \"first\", {last} AS \"last\"");
        if along.first.is_none() || along.last.is_none() {
            bounds.push_str(&format!("\nFROM (\n  {}\n) AS \"periods\"", periods.join("\n  UNION ALL\n  ")));
        }
        self.common.push(("period bounds".to_owned(), bounds));
        let all = self.dialect.periods(along.granularity, "\"period bounds\"", "\"all periods\"");
        self.common.push(("all periods".to_owned(), all));
    }

    /// The measures of a window, for every period of the answer.
    fn window(&mut self, part: &str, window: Window, inputs: &[Input<'a>], along: &Along<'_>) {
        let time = format!("f.{}", self.dialect.name(&along.column));
        let (from, to) = bounds(window, "p.\"period\"", along.granularity, self.dialect);
        let on = if from == to { format!("{time} = {to}") } else { format!("{time} >= {from} AND {time} <= {to}") };
        let mut columns: Vec<String> = Vec::new();
        for asked in &self.resolved.dimensions {
            let column = self.dialect.name(&asked.column);
            columns.push(if asked.column == along.column {
                format!("p.\"period\" AS {column}")
            } else {
                format!("f.{column} AS {column}")
            });
        }
        let count = columns.len();
        for input in inputs {
            let value = |suffix: &str| format!("f.{}", self.dialect.name(&format!("{}{suffix}", input.name)));
            let sql = match input.aggregate {
                Aggregate::Sum | Aggregate::Count => format!("SUM({})", value("")),
                Aggregate::Avg => {
                    let sum = self.dialect.double(&format!("SUM({})", value(" sum")));
                    format!("{sum} / NULLIF(SUM({}), 0)", value(" count"))
                }
                other => aggregate(other, &value("")),
            };
            columns.push(format!("{sql} AS {}", self.dialect.name(&leaf(input.name, window))));
        }
        let sql = format!(
            "SELECT\n  {}\nFROM \"all periods\" AS p\nJOIN {} AS f ON {on}\n{}",
            columns.join(",\n  "),
            self.dialect.name(part),
            group_by(count)
        );
        let name = format!("{part}{}", window.label());
        self.common.push((name.clone(), sql));
        self.facts.push(Fact { name, columns: inputs.iter().map(|input| leaf(input.name, window)).collect() });
    }

    /// The asked dimensions of rows: columns, and SQL.
    fn dimensions(&self, rows: &mut Rows<'a>) -> Result<Vec<(String, String)>, QueryError> {
        let mut dimensions = Vec::new();
        for asked in &self.resolved.dimensions {
            let value = rows.dimension(asked.name, asked.dimension)?;
            let value = match asked.granularity {
                Some(granularity) => self.dialect.truncate(granularity, &value),
                None => value,
            };
            dimensions.push((asked.column.clone(), value));
        }
        Ok(dimensions)
    }

    fn conditions(&self, rows: &mut Rows<'a>) -> Result<(), QueryError> {
        for condition in &self.resolved.rows {
            let value = rows.dimension(condition.name, condition.dimension)?;
            rows.filter(condition.sql(&value, self.dialect));
        }
        Ok(())
    }

    /// The SQL of what a measure aggregates; null for rows that do not count.
    fn input(&self, rows: &mut Rows<'a>, input: Input<'a>) -> String {
        let value = input.value.map_or_else(|| "1".to_owned(), |value| scalar(value, self.dialect));
        let sql = match input.filter {
            Some(filter) => format!("CASE WHEN ({filter}) THEN {value} END"),
            None => value,
        };
        rows.value(input.name, sql)
    }

    fn select(
        &self,
        rows: &Rows<'a>,
        dimensions: &[(String, String)],
        aggregates: &[(String, String)],
    ) -> Result<String, QueryError> {
        let columns = dimensions.iter().chain(aggregates);
        let columns: Vec<String> = columns.map(|(name, sql)| format!("{sql} AS {}", self.dialect.name(name))).collect();
        let mut sql = format!("SELECT\n  {}\n{}", columns.join(",\n  "), rows.sql(self.attributes)?);
        if !dimensions.is_empty() {
            sql.push_str(&format!("\n{}", group_by(dimensions.len())));
        }
        Ok(sql)
    }
}

/// The first and the last period of the window of a period.
fn bounds(window: Window, period: &str, granularity: Granularity, dialect: Dialect) -> (String, String) {
    let earlier = |periods: u32| {
        let (months, days) = match granularity {
            Granularity::Year => (12 * periods, 0),
            Granularity::Quarter => (3 * periods, 0),
            Granularity::Month => (periods, 0),
            Granularity::Week => (0, 7 * periods),
            Granularity::Day | Granularity::Hour => (0, periods),
        };
        // 52 weeks before a Monday there is a Monday, a year before it there is not.
        match granularity {
            Granularity::Week => dialect.earlier(period, months, days + 364 * window.years),
            _ => dialect.earlier(period, months + 12 * window.years, days),
        }
    };
    let to = earlier(window.periods);
    let from = match window.span {
        Span::Period => to.clone(),
        Span::YearToDate => dialect.truncate(Granularity::Year, &to),
        Span::Rolling(periods) => earlier(window.periods + periods - 1),
    };
    (from, to)
}

fn aggregate(aggregate: Aggregate, value: &str) -> String {
    match aggregate {
        Aggregate::Sum => format!("SUM({value})"),
        Aggregate::Count => format!("COUNT({value})"),
        Aggregate::CountDistinct => format!("COUNT(DISTINCT {value})"),
        Aggregate::Min => format!("MIN({value})"),
        Aggregate::Max => format!("MAX({value})"),
        Aggregate::Avg => format!("AVG({value})"),
    }
}

fn group_by(count: usize) -> String {
    let positions: Vec<String> = (1..=count).map(|position| position.to_string()).collect();
    format!("GROUP BY {}", positions.join(", "))
}

/// A part of a statement, named. It is not indented, which would change texts of several lines in it.
pub(super) fn part(name: &str, sql: &str) -> String {
    format!("{name} AS (\n{sql}\n)")
}
