//! What a measure is made of, when it leaves its band: a row for each combination of its dimensions, with what was measured and what was
//! usual.
//!
//! It sees all rows, whatever the model's `security` says, as every step does.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow_cast::cast;
use arrow_schema::{DataType, TimeUnit};
use chrono::{DateTime, Days, Months, NaiveDateTime, TimeDelta, Utc};
use wasmill_model::model::Granularity;
use wasmill_model::query::{Asked, Order, TimeRange};
use wasmill_model::{Additive, Attributes, Dialect, Model, Query, QueryError};
use wasmill_runtime::plan::{self, BandPlan, ExtractPlan};
use wasmill_runtime::table_source::Extracted;

use super::landing::Landing;
use crate::explain::band::{Band, Verdict};
use crate::explain::{Against, Period, ROWS, Why, column, written};
use crate::measures::Measures;
use crate::query::{self, Session};

/// The columns of an object besides dimensions: what was measured of each combination, then what is the same in all rows.
const SUM: [&str; 2] = ["actual", "expected"];
const RATIO: [&str; 4] = ["numerator_actual", "numerator_expected", "denominator_actual", "denominator_expected"];
const SAME: [&str; 6] = ["rows", "measure", "period", "value", "usual", "z"];

/// A measure of a model along time, looked up.
struct Watched<'a> {
    plan: &'a BandPlan,
    granularity: Granularity,
    band: Band,
    /// Without what hides rows.
    model: Model,
    additive: Additive,
}

/// An error if a model has no such measure, or it cannot be watched so.
pub fn check(model: &Model, plan: &BandPlan) -> Result<(), String> {
    Watched::new(model, plan).map(|_| ())
}

/// Reads the first period since `state` that is over and out of the band, as an object; without a state it looks at the last period that
/// is over.
pub(super) async fn extract(
    plan: &ExtractPlan,
    watched: &BandPlan,
    manifest: &Path,
    state: Option<&str>,
) -> io::Result<Option<Extracted>> {
    let asked = plan::query_of(manifest).map_err(io::Error::other)?;
    let measures = Measures::read(&asked).map_err(io::Error::other)?;
    let measures = measures.ok_or_else(|| io::Error::other("the manifest has no `semantic_model`"))?;
    let watched = Watched::new(&measures.model, watched).map_err(io::Error::other)?;
    let session = query::for_events(asked)?;
    let seen =
        state.map(|state| Period::moment(state).ok_or_else(|| io::Error::other(format!("`{state}` is no period"))));
    let seen = seen.transpose()?;
    let series = watched.series(&session, seen).await?;
    // Nobody knows whether the last one is over.
    let over = series.len().saturating_sub(1);
    let first = match seen {
        Some(seen) => series.partition_point(|(period, _)| *period <= seen),
        None => over.saturating_sub(1),
    };
    let mut last = None;
    for at in first..over {
        let Some((period, value)) = series.get(at) else { break };
        last = Some(written(*period));
        let window = series.get(at.saturating_sub(watched.band.window)..at).unwrap_or_default();
        let before: Vec<Option<f64>> = window.iter().map(|(_, value)| *value).collect();
        let Some(value) = value else { continue };
        let Some(verdict) = watched.band.judge(&before, *value).filter(|verdict| verdict.is_out) else { continue };
        let like = verdict.like.iter().filter_map(|back| series.get(at.checked_sub(*back)?).map(|(period, _)| *period));
        let rows = watched.rows(&session, *period, like.collect(), *value, &verdict).await?;
        let Some(schema) = rows.first().map(RecordBatch::schema) else { break };
        let mut landing = Landing::create(plan, &schema)?;
        rows.iter().try_for_each(|rows| landing.write(rows))?;
        return landing.finish(written(*period)).await.map(Some);
    }
    Ok(last.map(|state| Extracted { state, object: None, rows: 0 }))
}

impl<'a> Watched<'a> {
    fn new(model: &Model, plan: &'a BandPlan) -> Result<Self, String> {
        let BandPlan { measure, time, granularity, band, .. } = plan;
        let mut model = model.clone();
        model.tables.values_mut().for_each(|table| table.security = None);
        let additive = model.additive(measure).map_err(|err| err.to_string())?;
        let known = Granularity::ALL.iter().find(|(name, _)| name == granularity).map(|(_, granularity)| *granularity);
        let dimension = model.dimensions.get(time).filter(|dimension| dimension.kind.is_time());
        let granularity =
            known.filter(|known| dimension.is_some_and(|it| it.granularities.contains(known))).ok_or_else(|| {
                let times = model.dimensions.iter().filter(|(_, dimension)| dimension.kind.is_time());
                let times = times
                    .flat_map(|(name, it)| it.granularities.iter().map(move |of| format!("`{name}.{}`", of.name())));
                let times: Vec<String> = times.collect();
                format!(
                    "there are no periods `{time}.{granularity}` in the model\nhint: there are {}",
                    times.join(", ")
                )
            })?;
        let watched = Self { plan, granularity, band: Band::new(band, granularity), model, additive };
        watched.sql(&watched.by_period()).map_err(|err| err.to_string())?;
        let by = watched.why(NaiveDateTime::default()).by(&watched.model).map_err(|err| err.to_string())?;
        let reserved = SUM.iter().chain(&RATIO).chain(&SAME);
        if let Some(name) = reserved.into_iter().find(|name| by.iter().any(|by| by == *name)) {
            return Err(format!(
                "the dimension `{name}` has the name of a column of the object\nhint: leave it out of `by`"
            ));
        }
        Ok(watched)
    }

    /// The measure by period, without gaps: what it was up to now, since some seasons before what was seen.
    async fn series(
        &self,
        session: &Session,
        seen: Option<NaiveDateTime>,
    ) -> io::Result<Vec<(NaiveDateTime, Option<f64>)>> {
        let (time, mut query) = (&self.plan.time, self.by_period());
        // A date that is wrong and far ahead would have everything until then be over. Wherever it is, tomorrow is over by then.
        let soon = Utc::now().date_naive() + Days::new(2);
        let mut range = TimeRange { dimension: time.clone(), from: None, before: Some(soon.to_string()) };
        match seen {
            Some(seen) => {
                let window = i32::try_from(self.band.window).unwrap_or(i32::MAX);
                range.from = step(self.granularity, seen, -window).map(written);
            }
            None => {
                query.order = vec![Order { by: format!("{time}.{}", self.granularity.name()), descending: true }];
                query.limit = Some(self.band.window as u64 + 2);
            }
        }
        query.time_range = Some(range);
        let sql = self.sql(&query).map_err(io::Error::other)?;
        let asked = session.ask(&sql).await.map_err(io::Error::other)?;
        let mut values = BTreeMap::new();
        for batch in asked.collect(session).await.map_err(io::Error::other)? {
            let columns: Vec<ArrayRef> = batch
                .columns()
                .iter()
                .enumerate()
                .map(|(at, column)| match at {
                    0 => cast(column, &DataType::Timestamp(TimeUnit::Microsecond, None)),
                    _ => cast(column, &DataType::Float64),
                })
                .collect::<Result<_, _>>()
                .map_err(io::Error::other)?;
            let Some((periods, sums)) = columns.split_first() else { continue };
            let sums: Vec<&Float64Array> = sums.iter().map(|column| column.as_primitive::<Float64Type>()).collect();
            for (row, period) in periods.as_primitive::<TimestampMicrosecondType>().iter().enumerate() {
                let sum = |column: &&Float64Array| column.is_valid(row).then(|| column.value(row));
                let sums: Vec<Option<f64>> = sums.iter().map(sum).collect();
                // Rows without a time are of no period.
                if let Some(period) = period.and_then(DateTime::from_timestamp_micros) {
                    values.insert(period.naive_utc(), value(&sums));
                }
            }
        }
        let (Some((first, _)), Some((last, _))) = (values.first_key_value(), values.last_key_value()) else {
            return Ok(Vec::new());
        };
        let periods = std::iter::successors(Some(*first), |period| step(self.granularity, *period, 1));
        // A period without rows has nothing to add up; a share of nothing is none.
        let nothing = (self.additive.sums.len() == 1).then_some(0.0);
        let last = *last;
        let each = periods.take_while(|period| *period <= last);
        Ok(each.map(|period| (period, values.get(&period).copied().unwrap_or(nothing))).collect())
    }

    /// A query for what adds up to the measure, by period.
    fn by_period(&self) -> Query {
        let granularity = Some(self.granularity.name().to_owned());
        let time = Asked { name: self.plan.time.clone(), granularity };
        Query { measures: self.additive.sums.clone(), dimensions: vec![time], ..Query::default() }
    }

    fn sql(&self, query: &Query) -> Result<String, QueryError> {
        Ok(self.additive.model.sql(query, &Attributes::default(), Dialect::DataFusion)?.sql)
    }

    fn why(&self, period: NaiveDateTime) -> Why {
        let before = step(self.granularity, period, 1);
        let range =
            TimeRange { dimension: self.plan.time.clone(), from: Some(written(period)), before: before.map(written) };
        Why {
            measure: self.plan.measure.clone(),
            filters: Vec::new(),
            time_range: Some(range),
            compare: Against::Usual { periods: None },
            by: self.plan.by.clone(),
            exclude: Vec::new(),
            causes: None,
        }
    }

    /// The rows of an object.
    async fn rows(
        &self,
        session: &Session,
        period: NaiveDateTime,
        like: Vec<NaiveDateTime>,
        value: f64,
        verdict: &Verdict,
    ) -> io::Result<Vec<RecordBatch>> {
        let to_period = |first| step(self.granularity, first, 1).map(|end| Period { first, end });
        let like = like.into_iter().filter_map(to_period).collect();
        let gathered = self.why(period).rows_against(&self.model, session, like).await.map_err(io::Error::other)?;
        gathered.batches.iter().map(|batch| self.landed(batch, period, value, verdict)).collect()
    }

    /// The columns of an object.
    fn landed(
        &self,
        batch: &RecordBatch,
        period: NaiveDateTime,
        value: f64,
        verdict: &Verdict,
    ) -> io::Result<RecordBatch> {
        let names: &[&str] = if batch.column_by_name(&column(1, true)).is_some() { &RATIO } else { &SUM };
        let measured: Vec<(String, &str)> =
            (0..2).flat_map(|part| [column(part, true), column(part, false)]).zip(names.iter().copied()).collect();
        let rename = |name: &String| {
            let measured = measured.iter().find(|(from, _)| from == name).map(|(_, to)| (*to).to_owned());
            measured.unwrap_or_else(|| if name == ROWS { "rows".to_owned() } else { name.clone() })
        };
        let schema = batch.schema();
        let own = schema.fields().iter().map(|field| rename(field.name())).zip(batch.columns().iter().cloned());
        let count = batch.num_rows();
        let float = |value: Option<f64>| -> ArrayRef { Arc::new(Float64Array::from(vec![value; count])) };
        let micros = period.and_utc().timestamp_micros();
        let same: [(&str, ArrayRef); 5] = [
            ("measure", Arc::new(StringArray::from(vec![self.plan.measure.as_str(); count]))),
            ("period", Arc::new(TimestampMicrosecondArray::from(vec![micros; count]))),
            ("value", float(Some(value))),
            ("usual", float(Some(verdict.usual))),
            ("z", float(verdict.z)),
        ];
        let columns = own.chain(same.into_iter().map(|(name, column)| (name.to_owned(), column)));
        RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true)))
            .map_err(io::Error::other)
    }
}

/// Of one sum, or of two of which the first is divided by the second.
fn value(sums: &[Option<f64>]) -> Option<f64> {
    match sums {
        [sum] => *sum,
        [Some(numerator), Some(denominator)] if *denominator != 0.0 => Some(numerator / denominator),
        _ => None,
    }
}

/// The beginning of the period that is so many later, or earlier.
fn step(granularity: Granularity, period: NaiveDateTime, count: i32) -> Option<NaiveDateTime> {
    let months = |each: u32| {
        let months = Months::new(each * count.unsigned_abs());
        if count < 0 { period.checked_sub_months(months) } else { period.checked_add_months(months) }
    };
    let time = |each: TimeDelta| period.checked_add_signed(each.checked_mul(count)?);
    match granularity {
        Granularity::Year => months(12),
        Granularity::Quarter => months(3),
        Granularity::Month => months(1),
        Granularity::Week => time(TimeDelta::weeks(1)),
        Granularity::Day => time(TimeDelta::days(1)),
        Granularity::Hour => time(TimeDelta::hours(1)),
    }
}
