//! A question by the names of a semantic model.

use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use chrono::{DateTime, NaiveDateTime, TimeDelta};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use wasmill_model::model::Granularity;
use wasmill_model::query::{Asked, Filter, Operator, TimeRange};
use wasmill_model::{Additive, Attributes, Dialect, Model, Query};
use wasmill_reports::title;
use wasmill_runtime::failure::Failure;

use super::{Explainer, Explanation, Period, ROWS, column, measured, written};
use crate::query::{QueryError, Session};

/// How many causes are answered, unless it is said.
const CAUSES: usize = 5;

/// How many periods before are usual, unless it is said, and how many may be.
const PERIODS: u32 = 4;
const MOST_PERIODS: u32 = 12;

/// How many causes, and how many dimensions, may be asked for.
const MOST_CAUSES: usize = 64;
const MOST_DIMENSIONS: usize = 24;

/// How many combinations of values are looked at. They are held in memory.
const MOST_ROWS: usize = 1_000_000;

/// Why a measure is what it is, and not what it is elsewhere or was before.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Why {
    /// The measure.
    pub measure: String,
    /// Which rows are asked about, as in a [`Query`].
    #[serde(default)]
    pub filters: Vec<Filter>,
    /// Of which time.
    pub time_range: Option<TimeRange>,
    /// What they are compared with.
    pub compare: Against,
    /// The dimensions that causes may name; without, those of [`Model::suspects`] that the question leaves open.
    pub by: Option<Vec<String>>,
    /// Causes that are known, whose rows are left out.
    #[serde(default)]
    pub exclude: Vec<BTreeMap<String, Option<String>>>,
    /// How many causes at most.
    pub causes: Option<usize>,
}

/// What something is compared with.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "with", rename_all = "snake_case", deny_unknown_fields)]
pub enum Against {
    /// The mean of periods before, each as long and beginning on the same day of the week; of those in which there are rows.
    Usual {
        /// How many.
        periods: Option<u32>,
    },
    /// Another time, scaled to the same length.
    Period {
        /// Its first moment.
        from: String,
        /// The first moment that is not of it any more.
        before: String,
    },
    /// The mean of the rest of a longer time, scaled to the same length.
    Rest {
        /// Its first moment.
        from: String,
        /// The first moment that is not of it any more.
        before: String,
    },
    /// The mean of the other values of a dimension.
    Others {
        /// The dimension, of which `filters` has one that is `equals`.
        name: String,
    },
}

/// Why there is no explanation.
#[derive(Debug, thiserror::Error)]
pub enum WhyError {
    /// The question is not one of the model.
    #[error(transparent)]
    Asked(#[from] wasmill_model::QueryError),
    /// The question makes no sense.
    #[error("{0}")]
    Bad(String),
    /// The model's SQL failed.
    #[error("the model's SQL: {0}")]
    Ran(#[from] QueryError),
    /// The function failed.
    #[error("{}", .0.to_string().replace("; hint: ", "\nhint: "))]
    Function(#[from] Failure),
}

/// What was compared with.
#[derive(Debug)]
struct Compared {
    periods: Vec<Period>,
    others: Option<u64>,
    /// What each row is multiplied with.
    scale: f64,
    queries: Vec<Query>,
}

/// A question, looked up.
struct Looked<'a> {
    why: &'a Why,
    additive: Additive,
    by: Vec<String>,
    session: &'a Session,
    whose: &'a Attributes,
}

impl Why {
    /// The rows to explain, and how: what the function is given.
    pub(crate) async fn rows(
        &self,
        model: &Model,
        session: &Session,
        whose: &Attributes,
    ) -> Result<Gathered, WhyError> {
        let looked = self.look(model, session, whose)?;
        let compared = looked.compared().await?;
        looked.gather(compared).await
    }

    /// The same, compared with the mean of periods that are known.
    pub(crate) async fn rows_against(
        &self,
        model: &Model,
        session: &Session,
        periods: Vec<Period>,
    ) -> Result<Gathered, WhyError> {
        let whose = Attributes::default();
        let looked = self.look(model, session, &whose)?;
        let compared = looked.mean(periods);
        looked.gather(compared).await
    }

    fn look<'a>(&'a self, model: &Model, session: &'a Session, whose: &'a Attributes) -> Result<Looked<'a>, WhyError> {
        let additive = model.additive(&self.measure)?;
        let by = self.by(model)?;
        if let Some(filter) = self.filters.iter().find(|filter| !model.dimensions.contains_key(&filter.name)) {
            let message = format!(
                "`{}` of `filters` is no dimension: rows are asked about, and they are filtered by what they are\nhint: remove it",
                filter.name
            );
            return Err(WhyError::Bad(message));
        }
        Ok(Looked { why: self, additive, by, session, whose })
    }

    /// The dimensions that causes may name.
    pub(crate) fn by(&self, model: &Model) -> Result<Vec<String>, WhyError> {
        let possible = model.dimensions_of(&self.measure);
        let list = |names: &[&str]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let others = match &self.compare {
            Against::Others { name } => Some(name.as_str()),
            Against::Usual { .. } | Against::Period { .. } | Against::Rest { .. } => None,
        };
        let Some(chosen) = &self.by else {
            let mut by = model.suspects(&self.measure);
            by.retain(|name| Some(*name) != others && !self.is_fixed(name));
            by.truncate(MOST_DIMENSIONS);
            if by.is_empty() {
                let message = format!(
                    "`{}` has no dimension left whose values may be a cause\nhint: name some in `by`, of {}",
                    self.measure,
                    list(&possible)
                );
                return Err(WhyError::Bad(message));
            }
            return Ok(by.into_iter().map(str::to_owned).collect());
        };
        for name in chosen {
            if !possible.contains(&name.as_str()) {
                let message = format!(
                    "`{name}` of `by` is no dimension of `{}`\nhint: there are {}",
                    self.measure,
                    list(&possible)
                );
                return Err(WhyError::Bad(message));
            }
        }
        if let Some(name) = others.filter(|name| chosen.iter().any(|chosen| chosen == name)) {
            let message = format!(
                "the values of `{name}` are what is compared, and cannot be a cause\nhint: remove it from `by`"
            );
            return Err(WhyError::Bad(message));
        }
        if chosen.is_empty() {
            let message =
                format!("there is no dimension to look for causes in\nhint: `by` has some of {}", list(&possible));
            return Err(WhyError::Bad(message));
        }
        Ok(chosen.clone())
    }

    /// Whether the question is about one value of a dimension only.
    fn is_fixed(&self, name: &str) -> bool {
        self.filters.iter().any(|filter| {
            let is_one = match filter.operator {
                Operator::Equals => filter.values.len() == 1,
                Operator::IsNull => true,
                _ => false,
            };
            filter.name == name && is_one
        })
    }

    /// The time that is asked about.
    fn period(&self) -> Result<(&str, Period), WhyError> {
        let missing = || {
            let message = "another time is compared with one that has a beginning and an end\nhint: `time_range` with \
                           `from` and `before`";
            WhyError::Bad(message.to_owned())
        };
        let range = self.time_range.as_ref().ok_or_else(missing)?;
        let (Some(from), Some(before)) = (&range.from, &range.before) else { return Err(missing()) };
        let period = Period::between(from, before).ok_or_else(|| no_period(from, before))?;
        Ok((&range.dimension, period))
    }
}

/// What the function is given, and what is told beside what it says.
pub(crate) struct Gathered {
    pub config: Map<String, Value>,
    pub batches: Vec<RecordBatch>,
    told: Value,
}

impl Gathered {
    /// The explanation, with what it is of. It keeps its thread busy.
    pub fn explain(self, explainer: &Explainer) -> Result<Value, WhyError> {
        let explanation: Explanation = explainer.explain(&self.config, &self.batches)?;
        let mut told = self.told;
        if let Value::Object(told) = &mut told {
            told.extend(explanation.json());
        }
        Ok(told)
    }
}

impl Looked<'_> {
    fn query(&self, time_range: Option<TimeRange>, filters: Vec<Filter>) -> Query {
        let measures = self.additive.sums.iter().chain([&self.additive.rows]).cloned().collect();
        let dimensions = self.by.iter().map(|name| Asked { name: name.clone(), granularity: None }).collect();
        Query { measures, dimensions, filters, time_range, ..Query::default() }
    }

    /// A row for each combination of values, and how it is to be looked at.
    async fn gather(&self, compared: Compared) -> Result<Gathered, WhyError> {
        let why = self.why;
        // A share of nothing is none, and not 0.
        if self.additive.sums.len() == 2
            && !self.has_rows(&self.query(why.time_range.clone(), why.filters.clone())).await?
        {
            let message =
                "there are no rows in what is asked about\nhint: ask about another time, or with other filters";
            return Err(WhyError::Bad(message.to_owned()));
        }
        let mut parts = vec![self.part(&self.query(why.time_range.clone(), why.filters.clone()), None)?];
        for query in &compared.queries {
            parts.push(self.part(query, Some(compared.scale))?);
        }
        let name = |name: &str| Dialect::DataFusion.name(name);
        let sums = (0..self.additive.sums.len()).flat_map(|part| [column(part, true), column(part, false)]);
        let sums = sums.chain([ROWS.to_owned()]).map(|sum| format!("sum({0}) AS {0}", name(&sum)));
        let columns: Vec<String> = self.by.iter().map(|by| name(by)).chain(sums).collect();
        let places: Vec<String> = (1..=self.by.len()).map(|place| place.to_string()).collect();
        let sql = format!(
            "SELECT {} FROM (\n{}\n) AS \"parts\" GROUP BY {} LIMIT {}",
            columns.join(", "),
            parts.join("\nUNION ALL\n"),
            places.join(", "),
            MOST_ROWS + 1
        );
        let batches = self.session.ask(&sql).await?.collect(self.session).await?;
        if batches.iter().map(RecordBatch::num_rows).sum::<usize>() > MOST_ROWS {
            let message = format!(
                "there are more than {MOST_ROWS} combinations of values of {}\nhint: name fewer dimensions in `by`",
                self.by.join(", ")
            );
            return Err(WhyError::Bad(message));
        }
        let mut config = measured(self.additive.sums.len());
        config.insert("dimensions".to_owned(), json!(self.by));
        config.insert("exclude".to_owned(), json!(why.exclude));
        config.insert("max_causes".to_owned(), json!(why.causes.unwrap_or(CAUSES).clamp(1, MOST_CAUSES)));
        let Compared { periods, others, .. } = compared;
        let measure = self.additive.model.measures.get(&why.measure);
        let told = json!({
            "measure": why.measure, "title": title(&why.measure), "by": self.by, "periods": periods, "others": others,
            "format": measure.and_then(|measure| measure.format.as_ref()),
        });
        Ok(Gathered { config, batches, told })
    }

    /// The mean of some periods.
    fn mean(&self, periods: Vec<Period>) -> Compared {
        let scale = 1.0 / periods.len().max(1) as f64;
        let queries = periods.iter().map(|period| self.during(*period)).collect();
        Compared { periods, scale, queries, others: None }
    }

    /// Periods, scaled to the length of another one.
    fn scaled(&self, asked: Period, periods: Vec<Period>) -> Compared {
        let seconds: i64 = periods.iter().map(|period| period.length().num_seconds()).sum();
        let scale = asked.length().num_seconds() as f64 / seconds.max(1) as f64;
        Compared { scale, ..self.mean(periods) }
    }

    async fn compared(&self) -> Result<Compared, WhyError> {
        match &self.why.compare {
            Against::Usual { periods } => {
                let count = periods.unwrap_or(PERIODS);
                if !(1..=MOST_PERIODS).contains(&count) {
                    return Err(WhyError::Bad(format!("`periods` is from 1 to {MOST_PERIODS}")));
                }
                let (_, asked) = self.why.period()?;
                let periods = self.with_rows(asked.before(count)).await?;
                if periods.is_empty() {
                    let message = format!(
                        "there are no rows in the {count} periods before\nhint: compare with another time, or with the other values"
                    );
                    return Err(WhyError::Bad(message));
                }
                Ok(self.mean(periods))
            }
            Against::Period { from, before } => {
                let (_, asked) = self.why.period()?;
                let other = Period::between(from, before).ok_or_else(|| no_period(from, before))?;
                if self.with_rows(vec![other]).await?.is_empty() {
                    let message =
                        format!("there are no rows from {from} until before {before}\nhint: compare with another time");
                    return Err(WhyError::Bad(message));
                }
                Ok(self.scaled(asked, vec![other]))
            }
            Against::Rest { from, before } => {
                let (_, asked) = self.why.period()?;
                let all = Period::between(from, before).ok_or_else(|| no_period(from, before))?;
                let rest = match self.extent(all).await? {
                    Some(all) => self.with_rows(all.without(asked)).await?,
                    None => Vec::new(),
                };
                if rest.is_empty() {
                    let message = format!(
                        "there are no other rows from {from} until before {before}\nhint: compare with another time"
                    );
                    return Err(WhyError::Bad(message));
                }
                Ok(self.scaled(asked, rest))
            }
            Against::Others { name } => self.others(name).await,
        }
    }

    /// The question, of another time.
    fn during(&self, period: Period) -> Query {
        let range = self.why.time_range.as_ref().map(|range| TimeRange {
            dimension: range.dimension.clone(),
            from: Some(written(period.first)),
            before: Some(written(period.end)),
        });
        self.query(range, self.why.filters.clone())
    }

    /// The days of a time from the first to the last that has rows: those before and after say nothing of what is usual.
    async fn extent(&self, all: Period) -> Result<Option<Period>, WhyError> {
        let name = self.why.time_range.as_ref().map(|range| range.dimension.clone()).unwrap_or_default();
        let has_days =
            self.additive.model.dimensions.get(&name).is_some_and(|it| it.granularities.contains(&Granularity::Day));
        if !has_days {
            return Ok(Some(all));
        }
        let dimensions = vec![Asked { name: name.clone(), granularity: Some(Granularity::Day.name().to_owned()) }];
        let counted =
            self.sql(&Query { dimensions, measures: vec![self.additive.rows.clone()], ..self.during(all) })?;
        let day = Dialect::DataFusion.name(&format!("{name}_day"));
        let ends = ["min", "max"].map(|end| format!("CAST({end}(CAST({day} AS DATE)) AS INT)"));
        let sql =
            format!("SELECT CAST(unnest(make_array({})) AS BIGINT) FROM (\n{counted}\n) AS \"days\"", ends.join(", "));
        let day = |days: &i64| {
            let days = TimeDelta::try_days(*days)?;
            DateTime::UNIX_EPOCH.naive_utc().checked_add_signed(days)
        };
        let found: Vec<NaiveDateTime> = self.integers(&sql).await?.iter().filter_map(day).collect();
        let [first, last] = found.as_slice() else { return Ok(None) };
        let end = last.checked_add_signed(TimeDelta::days(1)).unwrap_or(*last);
        Ok(Some(Period { first: all.first.max(*first), end: all.end.min(end) }))
    }

    async fn has_rows(&self, query: &Query) -> Result<bool, WhyError> {
        let query = Query { dimensions: Vec::new(), ..query.clone() };
        let (sql, name) = (self.sql(&query)?, Dialect::DataFusion.name(&self.additive.rows));
        let found = self.integers(&format!("SELECT CAST({name} AS BIGINT) FROM (\n{sql}\n) AS \"counted\"")).await?;
        Ok(found.iter().any(|count| *count > 0))
    }

    /// Those of some periods in which there are rows.
    async fn with_rows(&self, periods: Vec<Period>) -> Result<Vec<Period>, WhyError> {
        let mut counts = Vec::new();
        for (at, period) in periods.iter().enumerate() {
            let query = Query { dimensions: Vec::new(), ..self.during(*period) };
            let (sql, name) = (self.sql(&query)?, Dialect::DataFusion.name(&self.additive.rows));
            counts.push(format!(
                "SELECT CAST({at} AS BIGINT) AS period FROM (\n{sql}\n) AS \"counted\" WHERE {name} > 0"
            ));
        }
        if counts.is_empty() {
            return Ok(Vec::new());
        }
        let found = self.integers(&counts.join("\nUNION ALL\n")).await?;
        let is_found = |at: usize| found.iter().any(|found| usize::try_from(*found).is_ok_and(|found| found == at));
        Ok(periods.into_iter().enumerate().filter(|(at, _)| is_found(*at)).map(|(_, period)| period).collect())
    }

    async fn others(&self, name: &str) -> Result<Compared, WhyError> {
        let is_it =
            |filter: &&Filter| filter.name == name && filter.operator == Operator::Equals && filter.values.len() == 1;
        if self.why.filters.iter().filter(is_it).count() != 1 {
            let message = format!(
                "which value of `{name}` is compared with the others?\nhint: `filters` has one of it that is `equals`, with one value"
            );
            return Err(WhyError::Bad(message));
        }
        let filters = self.why.filters.iter().map(|filter| match is_it(&filter) {
            true => Filter { operator: Operator::NotEquals, ..filter.clone() },
            false => filter.clone(),
        });
        let query = self.query(self.why.time_range.clone(), filters.collect());
        let values = Query {
            measures: vec![self.additive.rows.clone()],
            dimensions: vec![Asked { name: name.to_owned(), granularity: None }],
            ..query.clone()
        };
        let counted = self.sql(&values)?;
        let found = self.integers(&format!("SELECT count(*) FROM (\n{counted}\n) AS \"values\"")).await?;
        let count = found.first().map_or(0, |count| count.unsigned_abs());
        if count == 0 {
            let message = format!("there is no other value of `{name}`\nhint: compare with another time");
            return Err(WhyError::Bad(message));
        }
        Ok(Compared { periods: Vec::new(), others: Some(count), scale: 1.0 / count as f64, queries: vec![query] })
    }

    /// The rows of a query as the function takes them: what was measured, or with a scale what was expected.
    fn part(&self, query: &Query, scale: Option<f64>) -> Result<String, WhyError> {
        let name = |name: &str| Dialect::DataFusion.name(name);
        let mut columns: Vec<String> = self.by.iter().map(|by| name(by)).collect();
        for (part, sum) in self.additive.sums.iter().enumerate() {
            let sum = format!("CAST({} AS DOUBLE)", name(sum));
            let (actual, expected) = match scale {
                None => (sum, "CAST(NULL AS DOUBLE)".to_owned()),
                Some(scale) => ("CAST(NULL AS DOUBLE)".to_owned(), format!("{sum} * CAST({scale:?} AS DOUBLE)")),
            };
            columns.push(format!("{actual} AS {}", name(&column(part, true))));
            columns.push(format!("{expected} AS {}", name(&column(part, false))));
        }
        columns.push(format!("CAST({} AS BIGINT) AS {}", name(&self.additive.rows), name(ROWS)));
        let sql = self.sql(query)?;
        Ok(format!("SELECT {} FROM (\n{sql}\n) AS \"summed\"", columns.join(", ")))
    }

    fn sql(&self, query: &Query) -> Result<String, WhyError> {
        Ok(self.additive.model.sql(query, self.whose, Dialect::DataFusion)?.sql)
    }

    /// The first column of an answer.
    async fn integers(&self, sql: &str) -> Result<Vec<i64>, WhyError> {
        let batches = self.session.ask(sql).await?.collect(self.session).await?;
        let columns = batches.iter().filter(|batch| batch.num_columns() > 0).map(|batch| batch.column(0));
        let integers = columns.filter_map(|column| column.as_primitive_opt::<Int64Type>());
        Ok(integers.flat_map(|column| column.iter().flatten()).collect())
    }
}

fn no_period(from: &str, before: &str) -> WhyError {
    let message = format!(
        "from `{from}` until before `{before}` is no time\nhint: write `2013-01-31` or `2013-01-31T12:00:00`, the later one second"
    );
    WhyError::Bad(message)
}
