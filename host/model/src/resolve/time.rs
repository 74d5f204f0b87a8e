//! The time of a query: its range, and the periods that measures are computed along.

use std::collections::{BTreeMap, BTreeSet};

use crate::arithmetic::Arithmetic;
use crate::dates::{Date, Moment};
use crate::dialect::Dialect;
use crate::error::QueryError;
use crate::model::{Computation, Granularity, Kind, Model};
use crate::problem::list;
use crate::query::Query;
use crate::resolve::{AskedDimension, Condition, dimension};
use crate::values::Value;

/// The time that measures are computed along.
pub(crate) struct Along<'m> {
    /// The dimension.
    pub(crate) name: &'m str,
    /// Its column in the answer.
    pub(crate) column: String,
    /// The periods.
    pub(crate) granularity: Granularity,
    /// The first period, if the query says it.
    pub(crate) first: Option<Date>,
    /// The last period, if it says that.
    pub(crate) last: Option<Date>,
    /// The range as a condition of the rows of the periods that are asked.
    pub(crate) range: Option<Condition<'m>>,
    /// Of the rows of earlier periods too: the end of the range.
    pub(crate) until: Option<Condition<'m>>,
}

/// The time range as a condition.
pub(super) fn range<'m>(
    model: &'m Model,
    query: &Query,
    dialect: Dialect,
) -> Result<Option<Condition<'m>>, QueryError> {
    let Some((name, kind, from, before)) = moments(model, query)? else { return Ok(None) };
    let (name, dimension) = dimension(model, name)?;
    let sql = |moment: Moment| dialect.moment(moment, kind);
    Ok(Some(Condition::of_range(name, dimension, from.map(sql), before.map(sql))))
}

type Moments<'q> = (&'q str, Kind, Option<Moment>, Option<Moment>);

fn moments<'q>(model: &Model, query: &'q Query) -> Result<Option<Moments<'q>>, QueryError> {
    let Some(range) = &query.time_range else { return Ok(None) };
    let (name, dimension) = dimension(model, &range.dimension)?;
    if !dimension.kind.is_time() {
        let times = model.dimensions.iter().filter(|(_, it)| it.kind.is_time()).map(|(name, _)| name.as_str());
        let hint = format!("of time are {}", list(times));
        return Err(QueryError::TimeRange { why: format!("`{name}` is not of time"), hint });
    }
    let moment = |text: &Option<String>| {
        let Some(text) = text else { return Ok(None) };
        let parsed = Moment::parse(text).filter(|it| dimension.kind == Kind::Timestamp || it.seconds == 0);
        let hint = "write a day such as `2024-01-31`; of a timestamp also `2024-01-31T12:00:00`".to_owned();
        let why = format!("`{text}` is no such time");
        parsed.map(Some).ok_or(QueryError::TimeRange { why, hint })
    };
    Ok(Some((&range.dimension, dimension.kind, moment(&range.from)?, moment(&range.before)?)))
}

/// The time that the query's measures are computed along, if any is.
pub(super) fn along<'m>(
    model: &'m Model,
    values: &BTreeMap<String, Value>,
    dimensions: &[AskedDimension<'m>],
    query: &Query,
    dialect: Dialect,
) -> Result<Option<Along<'m>>, QueryError> {
    let mut named: BTreeSet<&str> = BTreeSet::new();
    for name in values.keys() {
        times(model, name, &mut named);
    }
    let is_window = |value: &&Value| value.leaves().iter().any(|(_, window)| !window.is_period());
    let Some((measure, _)) = values.iter().find(|(_, value)| is_window(value)) else { return Ok(None) };
    let refuse =
        |why: &str, hint: String| Err(QueryError::Time { measure: measure.clone(), why: why.to_owned(), hint });
    let periods: Vec<&AskedDimension<'m>> = dimensions
        .iter()
        .filter(|it| it.granularity.is_some() && (named.is_empty() || named.contains(it.name)))
        .collect();
    let is_by_value =
        |it: &AskedDimension<'_>| periods.iter().any(|period| period.name == it.name && it.granularity.is_none());
    if dimensions.iter().any(is_by_value) {
        return refuse("the time is asked by its values too", "ask for periods only".to_owned());
    }
    let time = named
        .first()
        .copied()
        .or_else(|| model.dimensions.iter().find(|(_, it)| it.kind.is_time()).map(|(name, _)| name.as_str()));
    let [asked] = periods.as_slice() else {
        let hint = format!("ask for one such as `{}.month`", time.unwrap_or("date"));
        return match periods.len() {
            0 => refuse("no periods are asked", hint),
            _ => refuse("several periods are asked", hint),
        };
    };
    if named.len() > 1 {
        return refuse("its measures are computed along several", "ask for them in queries of their own".to_owned());
    }
    let granularity = asked.granularity.unwrap_or(Granularity::Day);
    let is_to_date =
        |value: &Value| value.leaves().iter().any(|(_, window)| window.span == crate::values::Span::YearToDate);
    if granularity == Granularity::Hour {
        return refuse("hours are not counted back", format!("ask for `{}.day`", asked.name));
    }
    if granularity == Granularity::Week && values.values().any(is_to_date) {
        return refuse("a week may be of two years", format!("ask for `{0}.day` or `{0}.month`", asked.name));
    }
    if let Some(filter) = query.filters.iter().find(|filter| filter.name == asked.name) {
        return Err(QueryError::Filter {
            name: filter.name.clone(),
            why: format!("`{measure}` is of other periods too, of which it would take rows away"),
            hint: "use `time_range`, which is of the periods that are answered".to_owned(),
        });
    }
    let mut along = Along {
        name: asked.name,
        column: asked.column.clone(),
        granularity,
        first: None,
        last: None,
        range: None,
        until: None,
    };
    let Some((name, kind, from, before)) = moments(model, query)?.filter(|(name, ..)| *name == asked.name) else {
        return Ok(Some(along));
    };
    for moment in [from, before].into_iter().flatten() {
        if moment.seconds > 0 || moment.date.start_of(granularity) != moment.date {
            let why = format!("{} is within a {}, and `{measure}` is of whole ones", moment.date, granularity.name());
            let hint = format!("the {} begins on {}", granularity.name(), moment.date.start_of(granularity));
            return Err(QueryError::TimeRange { why, hint });
        }
    }
    let (name, dimension) = dimension(model, name)?;
    let sql = |moment: Moment| dialect.moment(moment, kind);
    along.first = from.map(|from| from.date);
    along.last = before.map(|before| before.date.last_before(granularity));
    along.range = Some(Condition::of_range(name, dimension, from.map(sql), before.map(sql)));
    along.until = before.map(|before| Condition::of_range(name, dimension, None, Some(sql(before))));
    Ok(Some(along))
}

/// The times that a measure, or one that it is of, says it is computed along.
fn times<'m>(model: &'m Model, name: &str, found: &mut BTreeSet<&'m str>) {
    let Some(measure) = model.measures.get(name) else { return };
    found.extend(measure.time.as_deref());
    match &measure.computation {
        Computation::Aggregate { .. } => {}
        Computation::Ratio { numerator, denominator } => {
            times(model, numerator, found);
            times(model, denominator, found);
        }
        Computation::Expression(expression) => expression_times(model, expression, found),
        Computation::YearToDate(of)
        | Computation::SamePeriodLastYear(of)
        | Computation::Rolling { of, .. }
        | Computation::Change { of, .. } => times(model, of, found),
    }
}

fn expression_times<'m>(model: &'m Model, expression: &Arithmetic, found: &mut BTreeSet<&'m str>) {
    for name in expression.measures() {
        times(model, name, found);
    }
}
