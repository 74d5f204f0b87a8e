//! Measures of a model's file.

use crate::arithmetic::Arithmetic;
use crate::model::{Aggregate, Computation, Measure, Model, Since};
use crate::parse::reader::{Section, Spanned};
use crate::parse::{Places, tables, unknown};
use crate::problem::{Problems, list};
use crate::sql_text;

/// The keys of which a measure has one; it says how it is computed.
const KINDS: [&str; 7] =
    ["aggregate", "ratio", "expression", "year_to_date", "same_period_last_year", "rolling", "change"];

pub(super) fn measures(root: &Section<'_>, model: &mut Model, places: &mut Places, problems: &Problems<'_>) {
    let mut references: Vec<Spanned<String>> = Vec::new();
    for (name, section) in root.named("measures", "measure") {
        places.measures.insert(name.value.clone(), name.span.clone());
        let computation = computation(&section, model, &mut references, problems);
        let is_along_time = computation.as_ref().is_some_and(Computation::is_along_time);
        let time = section.text("time");
        if let Some(time) = &time {
            match model.dimensions.get(&time.value) {
                None => unknown("dimension", time, model.dimensions.keys(), problems),
                Some(dimension) if !dimension.kind.is_time() => {
                    problems.add(&time.span, format!("`{}` is not of time", time.value), "name a dimension that is");
                }
                Some(_) if !is_along_time => {
                    let hint = "remove it; it is for measures of other periods";
                    problems.add(&time.span, "this measure is not computed along a time", hint);
                }
                Some(_) => {}
            }
        }
        let time = time.map(|time| time.value);
        let format = tables::format(&section, problems);
        let description = section.text("description").map(|text| text.value);
        section.finish();
        let Some(computation) = computation else { continue };
        model.measures.insert(name.value, Measure { computation, time, format, description });
    }
    for reference in references {
        // One that could not be read was reported, and is there all the same.
        if !places.measures.contains_key(&reference.value) {
            unknown("measure", &reference, places.measures.keys(), problems);
        }
    }
}

fn computation(
    section: &Section<'_>,
    model: &Model,
    references: &mut Vec<Spanned<String>>,
    problems: &Problems<'_>,
) -> Option<Computation> {
    let has: Vec<&str> = KINDS.iter().copied().filter(|key| section.has(key)).collect();
    let kind = match has.as_slice() {
        [kind] => *kind,
        [] => {
            section.problem("does not say how it is computed", format!("give it one of {}", list(KINDS)));
            return None;
        }
        several => {
            let message = format!("is computed in several ways: {}", list(several.iter().copied()));
            section.problem(message, "leave one of them");
            return None;
        }
    };
    let mut refer = |key: &'static str| {
        let reference = section.text(key)?;
        references.push(reference.clone());
        Some(reference.value)
    };
    match kind {
        "aggregate" => aggregate(section, model, problems),
        "ratio" => {
            let ratio = section.texts("ratio");
            references.extend(ratio.iter().cloned());
            let [numerator, denominator] = ratio.as_slice() else {
                section.problem("is a ratio of two measures", "write `ratio = [\"MEASURE\", \"MEASURE\"]`");
                return None;
            };
            let (numerator, denominator) = (numerator.value.clone(), denominator.value.clone());
            Some(Computation::Ratio { numerator, denominator })
        }
        "expression" => {
            let text = section.text("expression")?;
            match Arithmetic::parse(&text.value) {
                Ok(parsed) => {
                    let names = parsed.measures().into_iter().map(str::to_owned);
                    references.extend(names.map(|value| Spanned { value, span: text.span.clone() }));
                    Some(Computation::Expression(parsed))
                }
                Err(why) => {
                    let hint = "it is of measures, numbers, `+`, `-`, `*`, `/`, `(` and `)`";
                    problems.add(&text.span, format!("this expression cannot be read: {why}"), hint);
                    None
                }
            }
        }
        "year_to_date" => refer("year_to_date").map(Computation::YearToDate),
        "same_period_last_year" => refer("same_period_last_year").map(Computation::SamePeriodLastYear),
        "rolling" => {
            let of = refer("rolling")?;
            let periods = section.number("periods").filter(|periods| (1..=1000).contains(&periods.value));
            if periods.is_none() {
                section.problem("has no number of `periods`", "add `periods = 3`; it is from 1 to 1000");
            }
            Some(Computation::Rolling { of, periods: periods?.value })
        }
        _ => {
            let of = refer("change")?;
            let since = section.one_of("since", &[("period", Since::Period), ("year", Since::Year)]);
            let share = section.one_of("as", &[("difference", false), ("share", true)]);
            let since = since.map_or(Since::Period, |since| since.value);
            Some(Computation::Change { of, since, share: share.is_some_and(|share| share.value) })
        }
    }
}

fn aggregate(section: &Section<'_>, model: &Model, problems: &Problems<'_>) -> Option<Computation> {
    let aggregate = section.one_of("aggregate", &Aggregate::ALL);
    let table = section.required("table", "\"orders\"");
    let known = table.as_ref().and_then(|table| model.tables.get(&table.value));
    if let (Some(table), None) = (&table, known) {
        unknown("table", table, model.tables.keys(), problems);
    }
    let value = tables::scalar(section, known, problems);
    if let Some(sql) = section.text("sql")
        && let Some(function) = sql_text::aggregate_call(&sql.value)
    {
        let hint = format!("remove `{function}`: `aggregate` is what is done with the values");
        problems.add(&sql.span, "this expression is of a row, and aggregates already", hint);
    }
    let filter = section.text("filter");
    if let Some(filter) = &filter {
        tables::check_expression(filter, known, problems);
    }
    let by_default = match aggregate.as_ref().map(|aggregate| aggregate.value) {
        Some(Aggregate::Sum | Aggregate::Count | Aggregate::CountDistinct) => true,
        Some(Aggregate::Min | Aggregate::Max | Aggregate::Avg) | None => false,
    };
    let missing = section.one_of("missing", &[("zero", true), ("null", false)]);
    let aggregate = aggregate?.value;
    if value.is_none() && aggregate != Aggregate::Count {
        section.problem("has no values", "add `column = \"…\"`, or `sql = \"…\"`");
    }
    Some(Computation::Aggregate {
        table: table?.value,
        aggregate,
        value,
        filter: filter.map(|filter| filter.value),
        zero: missing.map_or(by_default, |missing| missing.value),
    })
}
