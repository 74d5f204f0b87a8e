//! A question: the query that adds up what it is about, and the function's configuration.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};
use wasmill_warehouse::explain::{Period, ROWS, column, measured};

use super::Explain;

/// What is asked, of whom.
#[derive(Debug)]
pub struct Question {
    /// A row for each combination of values, with what was measured and expected of it.
    pub sql: String,
    /// For the function.
    pub config: Map<String, Value>,
}

/// What is added up: one expression, or two of which the first is divided by the second.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Measure(Vec<String>);

impl Measure {
    fn of(text: &str) -> Result<Self> {
        let parts: Vec<String> = text.split('/').map(|part| part.trim().to_owned()).collect();
        if parts.len() > 2 || parts.iter().any(String::is_empty) {
            bail!("`{text}` is no measure\nhint: a column, `count`, or a ratio of two, `late/count`");
        }
        Ok(Self(parts))
    }
}

/// What one row adds: a number, or nothing if it is none, as where a file says `NA`.
fn each(part: &str) -> String {
    if part.eq_ignore_ascii_case("count") || part == "*" {
        return "1.0".to_owned();
    }
    format!("TRY_CAST({part} AS DOUBLE)")
}

impl Question {
    /// Of what was typed, about a relation in SQL, compared with those of [`others`] that have rows.
    pub fn of(typed: &Explain, relation: &str, others: &[Period]) -> Result<Self> {
        let columns = typed.by.iter().flat_map(|columns| listed(columns));
        let dimensions = columns.map(dimension).collect::<Result<Vec<_>>>()?;
        let (sums, condition) = match &typed.outliers {
            Some(odd) => (outliers(odd), None),
            None => sums(typed, &Measure::of(&typed.measure)?, others)?,
        };
        let parts = sums.len() / 2;
        let conditions: Vec<String> =
            condition.into_iter().chain(typed.condition.clone()).map(|condition| format!("({condition})")).collect();
        let columns = dimensions.iter().map(|(name, sql)| format!("{sql} AS {}", quoted(name)));
        let rows = format!("count(*) AS {}", quoted(ROWS));
        let columns: Vec<String> = columns.chain(sums).chain([rows]).collect();
        let places: Vec<String> = (1..=dimensions.len()).map(|place| place.to_string()).collect();
        let filter = if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) };
        let sql = format!("SELECT {} FROM {relation}{filter} GROUP BY {}", columns.join(", "), places.join(", "));
        let names: Vec<&str> = dimensions.iter().map(|(name, _)| name.as_str()).collect();
        let excluded = typed.exclude.iter().map(|cause| excluded(cause)).collect::<Result<Vec<_>>>()?;
        let mut config = measured(parts);
        let mut set = |name: &str, value: Value| config.insert(name.to_owned(), value);
        set("dimensions", json!(names));
        set("direction", json!(typed.direction));
        set("max_causes", json!(typed.causes.max(1)));
        set("exclude", json!(excluded));
        if let Some(layers) = typed.layers {
            set("max_layer", json!(layers));
        }
        Ok(Self { sql, config })
    }
}

/// How many rows are odd, as a ratio of all; the ratio of the whole is expected everywhere.
fn outliers(odd: &str) -> Vec<String> {
    let odd = format!("sum(CASE WHEN {odd} THEN 1.0 ELSE 0.0 END)");
    let all = "CAST(count(*) AS DOUBLE)";
    let expected = format!("{all} * sum({odd}) OVER () / sum({all}) OVER ()");
    [(0, true, odd.as_str()), (0, false, &expected), (1, true, all), (1, false, all)]
        .map(|(part, is_actual, sql)| format!("{sql} AS {}", quoted(&column(part, is_actual))))
        .to_vec()
}

/// The periods that the one that is asked about is compared with, and a query for how many rows each has. None, if it is
/// compared with columns.
pub fn others(typed: &Explain, relation: &str) -> Result<Option<(Vec<Period>, String)>> {
    let Some(asked) = typed.compare.first() else { return Ok(None) };
    let time = time(typed)?;
    let asked: Period = asked.parse().context("--compare")?;
    let others = match typed.compare.get(1) {
        Some(other) => vec![other.parse().context("--compare")?],
        None => asked.before(typed.history),
    };
    let counts = others.iter().map(|period| format!("count(*) FILTER (WHERE {})", within(time, period)));
    let filter = typed.condition.as_ref().map(|condition| format!(" WHERE ({condition})"));
    let sql = format!("SELECT {} FROM {relation}{}", counts.collect::<Vec<_>>().join(", "), filter.unwrap_or_default());
    Ok(Some((others, sql)))
}

fn time(typed: &Explain) -> Result<&str> {
    typed.time.as_deref().context("--compare needs --time, the column of dates or times")
}

fn within(time: &str, period: &Period) -> String {
    format!("CAST({time} AS TIMESTAMP) >= '{}' AND CAST({time} AS TIMESTAMP) < '{}'", period.first, period.end)
}

/// The columns of sums, and which rows they are of.
fn sums(typed: &Explain, measure: &Measure, others: &[Period]) -> Result<(Vec<String>, Option<String>)> {
    let mut sums = Vec::new();
    let Some(asked) = typed.compare.first() else {
        let expected = Measure::of(typed.expected.as_deref().unwrap_or("expected"))?;
        if expected.0.len() != measure.0.len() {
            bail!(
                "--measure is a ratio and --expected is none, or the other way round\nhint: both of the form `late/count`"
            );
        }
        for (part, (actual, expected)) in measure.0.iter().zip(&expected.0).enumerate() {
            sums.push(format!("sum({}) AS {}", each(actual), quoted(&column(part, true))));
            sums.push(format!("sum({}) AS {}", each(expected), quoted(&column(part, false))));
        }
        return Ok((sums, None));
    };
    let time = time(typed)?;
    let asked: Period = asked.parse().context("--compare")?;
    let actual = within(time, &asked);
    let expected: Vec<String> = others.iter().map(|period| format!("({})", within(time, period))).collect();
    let expected = expected.join(" OR ");
    // As much time is expected as is asked about.
    let seconds: i64 = others.iter().map(|period| period.length().num_seconds()).sum();
    let scale = asked.length().num_seconds() as f64 / seconds as f64;
    for (part, value) in measure.0.iter().map(|part| each(part)).enumerate() {
        sums.push(format!("sum(CASE WHEN {actual} THEN {value} END) AS {}", quoted(&column(part, true))));
        let sum = format!("sum(CASE WHEN {expected} THEN {value} END)");
        sums.push(format!("{sum} * CAST({scale:?} AS DOUBLE) AS {}", quoted(&column(part, false))));
    }
    Ok((sums, Some(format!("({actual}) OR {expected}"))))
}

/// What commas are between, but for those in brackets and in quotes.
fn listed(text: &str) -> Vec<&str> {
    let (mut parts, mut from, mut depth, mut quote) = (Vec::new(), 0, 0_u32, None);
    for (place, letter) in text.char_indices() {
        match (quote, letter) {
            (Some(open), _) if letter == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(letter),
            (None, '(') => depth += 1,
            (None, ')') => depth = depth.saturating_sub(1),
            (None, ',') if depth == 0 => {
                parts.push(text.get(from..place).unwrap_or_default());
                from = place + 1;
            }
            _ => {}
        }
    }
    parts.push(text.get(from..).unwrap_or_default());
    parts
}

/// A dimension's name, and what it is in SQL.
fn dimension(typed: &str) -> Result<(String, String)> {
    let typed = typed.trim();
    let (name, sql) = typed.split_once('=').map_or((typed, typed), |(name, sql)| (name.trim(), sql.trim()));
    if name.is_empty() || sql.is_empty() {
        bail!("`{typed}` is no column to explain by\nhint: a name, or NAME=EXPRESSION");
    }
    Ok((name.trim_matches('"').to_owned(), sql.to_owned()))
}

/// A cause that is left out: `carrier=EV & origin is null`.
fn excluded(cause: &str) -> Result<BTreeMap<String, Option<String>>> {
    let part = |part: &str| {
        let part = part.trim();
        if let Some(name) = part.strip_suffix(" is null") {
            return Ok((name.trim().to_owned(), None));
        }
        match part.split_once('=') {
            Some((name, value)) if !name.trim().is_empty() => {
                Ok((name.trim().to_owned(), Some(value.trim().to_owned())))
            }
            _ => bail!("--exclude `{cause}` is no cause\nhint: `carrier=EV & origin=EWR`, as it was told"),
        }
    };
    cause.split(" & ").map(part).collect()
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Typed {
        #[command(flatten)]
        explain: Explain,
    }

    fn question(arguments: &[&str]) -> Result<Question> {
        let typed = Typed::parse_from([&["explain", "sales"], arguments].concat());
        let others = others(&typed.explain, "sales")?.map_or_else(Vec::new, |(others, _)| others);
        Question::of(&typed.explain, "sales", &others)
    }

    #[test]
    fn a_measure_is_compared_with_what_was_expected() {
        let asked = question(&["--by", "shop,day=date_trunc('day', sold)", "--where", "shop <> 'x'"]).unwrap();
        assert_eq!(
            asked.sql,
            "SELECT shop AS \"shop\", date_trunc('day', sold) AS \"day\", sum(TRY_CAST(actual AS DOUBLE)) AS \"actual 1\", \
             sum(TRY_CAST(expected AS DOUBLE)) AS \"expected 1\", count(*) AS \"rows of it\" FROM sales WHERE (shop <> 'x') GROUP BY 1, 2"
        );
        assert_eq!(asked.config["dimensions"], json!(["shop", "day"]));
    }

    #[test]
    fn a_period_is_compared_with_those_before() {
        let by =
            ["--by", "shop", "--measure", "late/count", "--time", "day", "--compare", "2013-01-31", "--history", "2"];
        let asked = question(&by).unwrap();
        let within = |day: &str, end: &str| {
            format!("CAST(day AS TIMESTAMP) >= '{day} 00:00:00' AND CAST(day AS TIMESTAMP) < '{end} 00:00:00'")
        };
        let (now, before) = (
            within("2013-01-31", "2013-02-01"),
            format!("({}) OR ({})", within("2013-01-24", "2013-01-25"), within("2013-01-17", "2013-01-18")),
        );
        assert_eq!(
            asked.sql,
            format!(
                "SELECT shop AS \"shop\", sum(CASE WHEN {now} THEN TRY_CAST(late AS DOUBLE) END) AS \"actual 1\", \
                 sum(CASE WHEN {before} THEN TRY_CAST(late AS DOUBLE) END) * CAST(0.5 AS DOUBLE) AS \"expected 1\", \
                 sum(CASE WHEN {now} THEN 1.0 END) AS \"actual 2\", \
                 sum(CASE WHEN {before} THEN 1.0 END) * CAST(0.5 AS DOUBLE) AS \"expected 2\", count(*) AS \"rows of it\" \
                 FROM sales WHERE (({now}) OR {before}) GROUP BY 1"
            )
        );
        assert_eq!(asked.config["denominator"], json!({ "actual": "actual 2", "expected": "expected 2" }));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (arguments, expect) in [
            (&["--by", "a", "--measure", "a/b/c"][..], "`a/b/c` is no measure"),
            (&["--by", "a", "--measure", "a/b", "--expected", "c"], "--measure is a ratio and --expected is none"),
            (&["--by", "a", "--exclude", "EV"], "--exclude `EV` is no cause"),
            (&["--by", "=b"], "`=b` is no column"),
            (&["--by", "a", "--time", "t", "--compare", "yesterday"], "--compare"),
        ] {
            let said = question(arguments).unwrap_err().to_string();
            assert!(said.starts_with(expect), "{said}");
        }
    }
}
