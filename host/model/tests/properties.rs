//! Random rows of two fact tables that share dimensions, and random queries: the answer is the one that is computed here
//! row by row, without joins.

#![expect(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops where it is wrong")]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use rusqlite::Connection;
use wasmill_model::{Attribute, Attributes, Dialect, Model, Query};

const MODEL: &str = r#"
version = 1
name = "stars"
[tables.a]
primary_key = "id"
[tables.b]
primary_key = "id"
[tables.places]
primary_key = "id"
[tables.regions]
primary_key = "id"
SECURITY
[[relationships]]
from = "a"
to = "places"
keys = { place = "id" }
[[relationships]]
from = "b"
to = "places"
keys = { place = "id" }
[[relationships]]
from = "places"
to = "regions"
keys = { region = "id" }
[dimensions.date]
type = "date"
on = { a = "day", b = "day" }
[dimensions.kind]
table = "places"
type = "number"
[dimensions.zone]
table = "regions"
type = "number"
[measures]
a_sum = { aggregate = "sum", table = "a", column = "v" }
a_large = { aggregate = "sum", table = "a", column = "v", filter = "v > 5" }
a_count = { aggregate = "count", table = "a" }
a_distinct = { aggregate = "count_distinct", table = "a", column = "v" }
a_avg = { aggregate = "avg", table = "a", column = "v" }
b_sum = { aggregate = "sum", table = "b", sql = "v * 1" }
b_max = { aggregate = "max", table = "b", column = "v" }
net = { expression = "a_sum - 2 * b_sum" }
rate = { ratio = ["b_sum", "a_count"] }
a_distinct_to_date = { year_to_date = "a_distinct" }
b_max_to_date = { year_to_date = "b_max" }
a_avg_rolling = { rolling = "a_avg", periods = 3 }
rate_rolling = { rolling = "rate", periods = 2 }
net_last_year = { same_period_last_year = "net" }
large_to_date_last_year = { same_period_last_year = "large_to_date" }
large_to_date = { year_to_date = "a_large" }
net_change = { change = "net", since = "period" }
sum_growth = { change = "b_sum", since = "year", as = "share" }
"#;

const PLAIN: [&str; 9] = ["a_sum", "a_large", "a_count", "a_distinct", "a_avg", "b_sum", "b_max", "net", "rate"];
const ALONG_TIME: [&str; 9] = [
    "a_distinct_to_date",
    "b_max_to_date",
    "a_avg_rolling",
    "rate_rolling",
    "net_last_year",
    "large_to_date_last_year",
    "large_to_date",
    "net_change",
    "sum_growth",
];

/// A row of a fact table.
#[derive(Debug, Clone)]
struct Row {
    place: Option<usize>,
    /// Year, month, day.
    day: Option<(i64, i64, i64)>,
    v: Option<i64>,
}

#[derive(Debug, Clone)]
struct Data {
    /// Of each region its zone.
    regions: Vec<Option<i64>>,
    /// Of each place its kind and its region.
    places: Vec<(Option<i64>, Option<usize>)>,
    facts: [Vec<Row>; 2],
    secured: bool,
}

#[derive(Debug, Clone)]
struct Ask {
    measures: Vec<&'static str>,
    by: Vec<&'static str>,
    granularity: Option<&'static str>,
    from: Option<i64>,
    before: Option<i64>,
    zone: Option<i64>,
}

fn row() -> impl Strategy<Value = Row> {
    let day = proptest::option::weighted(0.9, (2022..=2024_i64, 1..=12_i64, 1..=28_i64));
    // Some places there are not.
    (proptest::option::of(0..5_usize), day, proptest::option::weighted(0.8, -3..12_i64))
        .prop_map(|(place, day, v)| Row { place, day, v })
}

fn data() -> impl Strategy<Value = Data> {
    let optional = || proptest::option::of(0..3_i64);
    (
        prop::collection::vec(optional(), 2),
        prop::collection::vec((optional(), proptest::option::of(0..3_usize)), 4),
        prop::collection::vec(row(), 0..12),
        prop::collection::vec(row(), 0..12),
        any::<bool>(),
    )
        .prop_map(|(regions, places, a, b, secured)| Data { regions, places, facts: [a, b], secured })
}

fn ask() -> impl Strategy<Value = Ask> {
    let granularity = proptest::option::weighted(0.8, select(vec!["year", "quarter", "month"]));
    let by = subsequence(vec!["kind", "zone"], 0..=2);
    let plain = subsequence(PLAIN.to_vec(), 1..=4);
    let along = subsequence(ALONG_TIME.to_vec(), 0..=3);
    let year = || proptest::option::of(2022..=2025_i64);
    (granularity, by, plain, along, year(), year(), proptest::option::weighted(0.3, 0..3_i64)).prop_map(
        |(granularity, by, mut measures, along, from, before, zone)| {
            if granularity.is_some() {
                measures.extend(along);
            }
            Ask { measures, by, granularity, from, before, zone }
        },
    )
}

/// Which periods of a period are meant.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Window {
    earlier: i64,
    span: Span,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Span {
    One,
    ToDate,
    Last(i64),
}

const ONE: Window = Window { earlier: 0, span: Span::One };

/// What is computed here.
struct Plainly<'a> {
    data: &'a Data,
    ask: &'a Ask,
    /// How many periods a year has.
    per_year: i64,
}

/// Values of the dimensions: the period's number, if periods are asked, and the others.
type Key = (Option<i64>, Vec<Option<i64>>);

impl Plainly<'_> {
    fn period(&self, row: &Row) -> Option<i64> {
        self.ask.granularity?;
        row.day.map(|(year, month, _)| year * self.per_year + (month - 1) * self.per_year / 12)
    }

    fn zone(&self, row: &Row) -> Option<i64> {
        let (_, region) = self.data.places.get(row.place?)?;
        *self.data.regions.get((*region)?)?
    }

    fn others(&self, row: &Row) -> Vec<Option<i64>> {
        let kind = || self.data.places.get(row.place?)?.0;
        self.ask.by.iter().map(|name| if *name == "kind" { kind() } else { self.zone(row) }).collect()
    }

    /// Whether somebody of zone 1 sees the row, and the filter leaves it.
    fn counts(&self, row: &Row) -> bool {
        let region = row.place.and_then(|place| self.data.places.get(place)).and_then(|(_, region)| *region);
        let hidden = self.data.secured && region.is_some() && self.zone(row) != Some(1);
        !hidden && (self.ask.zone.is_none() || self.zone(row) == self.ask.zone)
    }

    fn in_range(&self, row: &Row) -> bool {
        let year = row.day.map(|(year, ..)| year);
        self.ask.from.is_none_or(|from| year.is_some_and(|year| year >= from))
            && self.ask.before.is_none_or(|before| year.is_some_and(|year| year < before))
    }

    fn rows(&self, fact: usize, key: &Key, window: Window) -> Vec<&Row> {
        let in_window = |row: &&Row| {
            if window == ONE {
                return self.period(row) == key.0 && self.in_range(row);
            }
            let (Some(asked), Some(period)) = (key.0, self.period(row)) else { return false };
            let to = asked - window.earlier;
            let from = match window.span {
                Span::One => to,
                Span::ToDate => to.div_euclid(self.per_year) * self.per_year,
                Span::Last(periods) => to - periods + 1,
            };
            (from..=to).contains(&period)
        };
        let rows = self.data.facts[fact].iter().filter(|row| self.counts(row) && self.others(row) == key.1);
        rows.filter(in_window).collect()
    }

    /// Which rows a measure is of, and its value.
    fn measure(&self, name: &str, key: &Key, window: Window, seen: &mut Vec<(usize, Window)>) -> Option<f64> {
        let mut values = |fact: usize| -> Vec<f64> {
            seen.push((fact, window));
            self.rows(fact, key, window).iter().filter_map(|row| row.v).map(|v| v as f64).collect()
        };
        let year = Window { earlier: window.earlier + self.per_year, ..window };
        let before = Window { earlier: window.earlier + 1, ..window };
        match name {
            "a_sum" => Some(values(0).iter().sum()),
            "a_large" => Some(values(0).iter().filter(|v| **v > 5.0).sum()),
            "a_count" => {
                values(0);
                Some(self.rows(0, key, window).len() as f64)
            }
            "a_distinct" => Some(values(0).iter().map(|v| *v as i64).collect::<BTreeSet<_>>().len() as f64),
            "a_avg" => {
                let values = values(0);
                (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
            }
            "b_sum" => Some(values(1).iter().sum()),
            "b_max" => values(1).into_iter().reduce(f64::max),
            "net" => {
                let a = self.measure("a_sum", key, window, seen)?;
                Some(a - 2.0 * self.measure("b_sum", key, window, seen)?)
            }
            "rate" => {
                let sum = self.measure("b_sum", key, window, seen)?;
                let count = self.measure("a_count", key, window, seen)?;
                (count != 0.0).then(|| sum / count)
            }
            "a_distinct_to_date" => self.measure("a_distinct", key, Window { span: Span::ToDate, ..window }, seen),
            "b_max_to_date" => self.measure("b_max", key, Window { span: Span::ToDate, ..window }, seen),
            "large_to_date" => self.measure("a_large", key, Window { span: Span::ToDate, ..window }, seen),
            "a_avg_rolling" => self.measure("a_avg", key, Window { span: Span::Last(3), ..window }, seen),
            "rate_rolling" => self.measure("rate", key, Window { span: Span::Last(2), ..window }, seen),
            "net_last_year" => self.measure("net", key, year, seen),
            "large_to_date_last_year" => self.measure("large_to_date", key, year, seen),
            "net_change" => {
                let now = self.measure("net", key, window, seen)?;
                Some(now - self.measure("net", key, before, seen)?)
            }
            "sum_growth" => {
                let now = self.measure("b_sum", key, window, seen)?;
                let then = self.measure("b_sum", key, year, seen)?;
                (then != 0.0).then(|| (now - then) / then)
            }
            other => panic!("{other}"),
        }
    }

    /// The answer: by the values of the dimensions, those of the measures.
    fn answer(&self) -> BTreeMap<Vec<String>, Vec<Option<f64>>> {
        let mut seen = Vec::new();
        for name in &self.ask.measures {
            self.measure(name, &(None, Vec::new()), ONE, &mut seen);
        }
        let along = seen.iter().any(|(_, window)| *window != ONE);
        // Periods of the answer: of the rows that count, or of the range.
        let mut periods: BTreeSet<Option<i64>> = BTreeSet::new();
        let mut others: BTreeSet<Vec<Option<i64>>> = BTreeSet::new();
        for (fact, window) in &seen {
            for row in self.data.facts[*fact].iter().filter(|row| self.counts(row)) {
                others.insert(self.others(row));
                let until = self.ask.before.is_none_or(|before| row.day.is_some_and(|(year, ..)| year < before));
                if self.in_range(row) || (*window != ONE && until) {
                    periods.insert(self.period(row));
                }
            }
        }
        let known = || periods.iter().flatten();
        let first = self.ask.from.map(|from| from * self.per_year).or(known().min().copied());
        let last = self.ask.before.map(|before| before * self.per_year - 1).or(known().max().copied());
        if let (Some(first), Some(last), true) = (first, last, along) {
            periods = periods.into_iter().filter(Option::is_none).chain((first..=last).map(Some)).collect();
        }
        if self.ask.granularity.is_none() {
            periods = [None].into();
            if self.ask.by.is_empty() {
                others.insert(Vec::new());
            }
        }
        let mut answer = BTreeMap::new();
        for period in &periods {
            for other in &others {
                let key = (*period, other.clone());
                let is_there = seen.iter().any(|(fact, window)| !self.rows(*fact, &key, *window).is_empty());
                let is_total = self.ask.granularity.is_none() && self.ask.by.is_empty();
                if !is_there && !is_total {
                    continue;
                }
                let mut names = Vec::new();
                if self.ask.granularity.is_some() {
                    let month = |period: i64| period.rem_euclid(self.per_year) * 12 / self.per_year + 1;
                    let date = |period: i64| format!("{}-{:02}-01", period.div_euclid(self.per_year), month(period));
                    names.push(period.map_or("null".to_owned(), date));
                }
                names.extend(other.iter().map(|value| value.map_or("null".to_owned(), |value| value.to_string())));
                let values = self.ask.measures.iter().map(|name| self.measure(name, &key, ONE, &mut Vec::new()));
                answer.insert(names, values.collect());
            }
        }
        answer
    }
}

fn fill(connection: &Connection, data: &Data) {
    let text = |value: &Option<i64>| value.map_or("NULL".to_owned(), |value| value.to_string());
    let id = |value: &Option<usize>| value.map_or("NULL".to_owned(), |value| value.to_string());
    let mut sql = "CREATE TABLE regions (id INTEGER, zone INTEGER); CREATE TABLE places (id INTEGER, kind INTEGER, region INTEGER);".to_owned();
    for (index, zone) in data.regions.iter().enumerate() {
        sql.push_str(&format!("INSERT INTO regions VALUES ({index}, {});", text(zone)));
    }
    for (index, (kind, region)) in data.places.iter().enumerate() {
        sql.push_str(&format!("INSERT INTO places VALUES ({index}, {}, {});", text(kind), id(region)));
    }
    for (name, rows) in ["a", "b"].iter().zip(&data.facts) {
        sql.push_str(&format!("CREATE TABLE {name} (id INTEGER PRIMARY KEY, place INTEGER, day TEXT, v INTEGER);"));
        for row in rows {
            let day = row.day.map_or("NULL".to_owned(), |(year, month, day)| format!("'{year}-{month:02}-{day:02}'"));
            sql.push_str(&format!(
                "INSERT INTO {name} (place, day, v) VALUES ({}, {day}, {});",
                id(&row.place),
                text(&row.v)
            ));
        }
    }
    connection.execute_batch(&sql).expect("data");
}

fn query(ask: &Ask) -> Query {
    let mut dimensions: Vec<String> = ask.granularity.iter().map(|granularity| format!("date.{granularity}")).collect();
    dimensions.extend(ask.by.iter().map(|name| (*name).to_owned()));
    let mut json = serde_json::json!({ "measures": ask.measures, "dimensions": dimensions });
    if let Some(zone) = ask.zone {
        json["filters"] = serde_json::json!([{ "name": "zone", "operator": "equals", "values": [zone] }]);
    }
    let day = |year: Option<i64>| year.map(|year| format!("{year}-01-01"));
    if ask.from.is_some() || ask.before.is_some() {
        json["time_range"] =
            serde_json::json!({ "dimension": "date", "from": day(ask.from), "before": day(ask.before) });
    }
    serde_json::from_value(json).expect("query")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn answers_are_those_of_a_plain_computation(data in data(), ask in ask()) {
        let security = if data.secured { "security = \"zone = {zone}\"" } else { "" };
        let model = Model::parse(&MODEL.replace("SECURITY", security)).expect("model");
        let attributes = Attributes::from([("zone".to_owned(), Attribute::Integer(1))]);
        let statement = model.sql(&query(&ask), &attributes, Dialect::Sqlite).expect("statement");
        let connection = Connection::open_in_memory().expect("SQLite");
        fill(&connection, &data);
        let per_year = match ask.granularity { Some("month") => 12, Some("quarter") => 4, _ => 1 };
        let expected = Plainly { data: &data, ask: &ask, per_year }.answer();
        let keys = statement.columns.iter().filter(|column| !column.measure).count();
        let mut answer = BTreeMap::new();
        for row in common::rows(&connection, &statement.sql) {
            let (key, values) = row.split_at(keys);
            prop_assert!(answer.insert(key.to_vec(), values.to_vec()).is_none(), "{key:?} is there twice");
        }
        let number = |value: &Option<f64>| value.map_or("null".to_owned(), common::number_text);
        let expected: BTreeMap<Vec<String>, Vec<String>> =
            expected.iter().map(|(key, values)| (key.clone(), values.iter().map(number).collect())).collect();
        prop_assert_eq!(answer, expected, "{}", statement.sql);
    }
}
