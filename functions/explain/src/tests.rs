//! What comes of a table as a whole, also of tables that nobody would make.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, UInt32Type, UInt64Type};
use arrow_array::{ArrayRef, Float64Array, Int64Array, NullArray, RecordBatch, StringArray, UInt32Array};
use arrow_select::take::take;

use wasmill_sdk::{Context, Failure, Transform};

use crate::function::Explain;
use crate::{Config, Error, Explainer, Explanation, explain};

type Column = (&'static str, ArrayRef);

fn floats(values: impl IntoIterator<Item = f64>) -> ArrayRef {
    Arc::new(Float64Array::from_iter_values(values))
}

fn texts(values: impl IntoIterator<Item = String>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

fn batch(columns: Vec<Column>) -> RecordBatch {
    let nullable = columns.into_iter().map(|(name, values)| (name, values, true));
    RecordBatch::try_from_iter_with_nullable(nullable).unwrap()
}

fn config(json: &str) -> Config {
    serde_json::from_str(json).unwrap()
}

/// All combinations of a letter of 8 and a number of 25, with some noise, and what becomes of the expected value.
fn table(actual: impl Fn(usize, usize, f64) -> f64) -> Vec<Column> {
    let (mut letters, mut numbers, mut actuals, mut expecteds) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut state = 7_u32;
    for letter in 0..8 {
        for number in 0..25 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = 0.9 + 0.2 * f64::from(state >> 16) / 65_536.0;
            let expected = 100.0 + 10.0 * number as f64;
            letters.push(char::from(b'a' + letter as u8).to_string());
            numbers.push(number as i64);
            actuals.push(actual(letter, number, expected * noise));
            expecteds.push(expected);
        }
    }
    let numbers: ArrayRef = Arc::new(Int64Array::from(numbers));
    vec![("letter", texts(letters)), ("number", numbers), ("actual", floats(actuals)), ("expected", floats(expecteds))]
}

const BOTH: &str = r#"{"dimensions": ["letter", "number"]}"#;

fn causes(json: &str, columns: Vec<Column>) -> Vec<String> {
    explain(config(json), &batch(columns)).unwrap().causes.iter().map(crate::Cause::text).collect()
}

#[test]
fn a_cause_is_found_and_told_in_words() {
    let explanation =
        explain(config(BOTH), &batch(table(|letter, _, value| if letter == 2 { 0.4 * value } else { value }))).unwrap();
    let cause = &explanation.causes[0];
    assert_eq!((explanation.causes.len(), cause.text().as_str(), cause.layer(), cause.leaves), (1, "letter=c", 1, 25));
    assert!(cause.confidence > 0.99 && cause.share.unwrap() > 0.8 && cause.surprise.unwrap() > 0.0);
    assert_eq!(cause.sentence, "letter c: 2,217 instead of the expected 5,500 (60 % less), 101 % of the whole change.");
    assert_eq!(
        explanation.summary.sentence,
        "The measure is 40,754 instead of the expected 44,000 (7.4 % less); one cause explains all of it: letter=c."
    );
}

#[test]
fn where_there_is_no_cause_none_is_found() {
    let explanation = explain(config(BOTH), &batch(table(|_, _, value| value))).unwrap();
    assert_eq!(explanation.causes, []);
    assert!(explanation.summary.sentence.contains("No combination of values stands out by more than chance."));
    assert_eq!(causes(BOTH, table(|_, _, value| 0.7 * value)), [""; 0], "an expectation that is off as a whole");
}

#[test]
fn a_cause_that_is_known_can_be_left_out() {
    let two = |letter: usize, number: usize, value: f64| match (letter, number) {
        (2, _) => 0.4 * value,
        (_, 9) => 1.9 * value,
        _ => value,
    };
    let mut found = causes(BOTH, table(two));
    found.sort();
    assert_eq!(found, ["letter=c", "number=9"]);
    let without = r#"{"dimensions": ["letter", "number"], "exclude": [{"letter": "c"}]}"#;
    assert_eq!(causes(without, table(two)), ["number=9"]);
    assert_eq!(causes(r#"{"dimensions": ["letter", "number"], "direction": "down"}"#, table(two)), ["letter=c"]);
    assert_eq!(causes(r#"{"dimensions": ["letter", "number"], "max_causes": 1}"#, table(two)).len(), 1);
}

#[test]
fn a_ratio_is_explained_by_where_it_changed_and_not_by_where_there_is_more() {
    let mut columns = table(|letter, _, value| if letter == 1 { 3.0 * value } else { value }.round());
    let under: Vec<f64> = columns[2].1.as_primitive::<arrow_array::types::Float64Type>().values().to_vec();
    let under_expected = columns[3].1.clone();
    let top = under.iter().enumerate().map(|(at, value)| value * if at / 25 == 5 { 0.2 } else { 0.5 });
    let top_expected =
        under_expected.as_primitive::<arrow_array::types::Float64Type>().values().iter().map(|v| v * 0.5);
    columns.truncate(2);
    columns.extend([("top", floats(top)), ("top_expected", floats(top_expected.collect::<Vec<_>>()))]);
    columns.extend([("under", floats(under)), ("under_expected", under_expected)]);
    let json = r#"{"dimensions": ["letter", "number"], "numerator": {"actual": "top", "expected": "top_expected"},
        "denominator": {"actual": "under", "expected": "under_expected"}}"#;
    let explanation = explain(config(json), &batch(columns)).unwrap();
    assert_eq!(explanation.causes.iter().map(crate::Cause::text).collect::<Vec<_>>(), ["letter=f"]);
    let cause = &explanation.causes[0];
    assert!((cause.actual - 0.2).abs() < 1e-9 && (cause.expected - 0.5).abs() < 1e-9);
    assert!((cause.share.unwrap() - 1.0).abs() < 1e-6, "{cause:?}");
}

#[test]
fn rows_of_the_same_values_are_one_leaf() {
    let whole = batch(table(|letter, _, value| if letter == 2 { 0.4 * value } else { value }));
    let mut explainer = Explainer::new(config(BOTH)).unwrap();
    explainer.push(&whole).unwrap();
    explainer.push(&whole).unwrap();
    let explanation = explainer.finish();
    assert_eq!((explanation.causes[0].leaves, explanation.causes[0].rows), (25, 50));
    assert_eq!(explanation.summary.leaves, 200);
}

#[test]
fn the_batch_has_a_row_for_each_cause() {
    let explanation =
        explain(config(BOTH), &batch(table(|letter, _, value| if letter == 2 { 0.4 * value } else { value }))).unwrap();
    let batch = explanation.batch().unwrap();
    assert_eq!((batch.num_rows(), batch.schema()), (1, Explanation::schema()));
    let entries = batch.column_by_name("cause").unwrap().as_map().value(0);
    let text = |column: usize| entries.column(column).as_string::<i32>().value(0).to_owned();
    assert_eq!((text(0).as_str(), text(1).as_str()), ("letter", "c"));
    assert_eq!(batch.column_by_name("text").unwrap().as_string::<i32>().value(0), "letter=c");
    let nothing = explain(config(BOTH), &batch_of_nothing()).unwrap();
    assert_eq!(nothing.batch().unwrap().num_rows(), 0);
    assert_eq!(nothing.summary.sentence, "There is nothing to explain: no row has numbers.");
}

fn batch_of_nothing() -> RecordBatch {
    let none: ArrayRef = Arc::new(NullArray::new(3));
    batch(vec![("letter", none.clone()), ("number", none.clone()), ("actual", none.clone()), ("expected", none)])
}

#[test]
fn a_mistake_is_named() {
    let check = |json: &str, columns: Vec<Column>, expect: &str| {
        let found = explain(config(json), &batch(columns)).unwrap_err().to_string();
        assert!(found.starts_with(expect), "{found}");
    };
    let plain = || table(|_, _, value| value);
    check(r#"{"dimensions": ["lettre"]}"#, plain(), "there is no column `lettre` for a dimension; known: `letter`, ");
    let wrong = r#"{"dimensions": ["letter"], "actual": "was"}"#;
    check(wrong, plain(), "there is no column `was` for `actual`; known: `letter`, `number`");
    let text = r#"{"dimensions": ["number"], "actual": "letter"}"#;
    check(text, plain(), "the column `letter` is Utf8, which cannot be a measure");
    assert!(matches!(Explainer::new(config(r#"{"dimensions": []}"#)), Err(Error::NoDimensions)));
}

#[test]
fn what_nobody_would_ask_is_answered() {
    let odd = |value: fn(usize) -> (f64, f64), rows: usize| -> Vec<Column> {
        let (actual, expected): (Vec<f64>, Vec<f64>) = (0..rows).map(value).unzip();
        let letters = (0..rows).map(|row| format!("{}", row % 7));
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values((0..rows).map(|row| (row / 7) as i64)));
        vec![
            ("letter", texts(letters)),
            ("number", numbers),
            ("actual", floats(actual)),
            ("expected", floats(expected)),
        ]
    };
    let cases: [fn(usize) -> (f64, f64); 10] = [
        |_| (0.0, 0.0),
        |row| (row as f64, 0.0),
        |row| (0.0, row as f64),
        |row| (-(row as f64), row as f64),
        |row| (f64::MAX, if row.is_multiple_of(2) { f64::MAX } else { -f64::MAX }),
        |row| (f64::MIN_POSITIVE, row as f64 * f64::MIN_POSITIVE),
        |row| (if row == 3 { f64::NAN } else { 1.0 }, f64::INFINITY),
        |_| (5.0, 5.0),
        |row| (if row == 1 { 1e12 } else { 1.0 }, 1.0),
        |row| ((row as f64).sin(), (row as f64).cos()),
    ];
    for (at, value) in cases.into_iter().enumerate() {
        for rows in [0, 1, 2, 13, 700] {
            let explanation = explain(config(BOTH), &batch(odd(value, rows))).unwrap();
            assert!(explanation.batch().is_ok(), "case {at}, {rows} rows");
            assert!(explanation.causes.iter().all(|cause| cause.confidence.is_finite()), "case {at}, {rows} rows");
        }
    }
    assert!(explain(config(BOTH), &batch_of_nothing()).unwrap().causes.is_empty());
}

#[test]
fn nonsense_never_ends_it() {
    let mut state = 1_u64;
    let mut random = |most: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % most
    };
    for _ in 0..300 {
        let rows = random(400) as usize;
        let mut columns: Vec<Column> = Vec::new();
        for name in ["letter", "number", "third"] {
            let values = 1 + random(30);
            let column: StringArray = (0..rows)
                .map(|_| Some(random(values)).filter(|value| *value != 3).map(|value| value.to_string()))
                .collect();
            columns.push((name, Arc::new(column)));
        }
        let kinds = 1 + random(6);
        for name in ["actual", "expected", "under", "under_expected"] {
            let column: Float64Array = (0..rows)
                .map(|_| match random(kinds) {
                    0 => Some(random(1000) as f64),
                    1 => Some(0.0),
                    2 => Some(-(random(100) as f64)),
                    3 => None,
                    4 => Some(random(10) as f64 * 1e300),
                    _ => Some(f64::NAN),
                })
                .collect();
            columns.push((name, Arc::new(column)));
        }
        let batch = batch(columns);
        let ratio = r#"{"dimensions": ["letter", "number", "third"], "min_support": 2, "max_layer": 2,
            "numerator": {"actual": "actual", "expected": "expected"},
            "denominator": {"actual": "under", "expected": "under_expected"}, "exclude": [{"third": null}]}"#;
        for json in [BOTH, r#"{"dimensions": ["third", "letter", "number"], "direction": "up"}"#, ratio] {
            explain(config(json), &batch).unwrap().batch().unwrap();
        }
    }
}

#[test]
fn a_dimension_of_as_many_values_as_rows_hides_nothing() {
    let rows = 60_000;
    let ids = (0..rows).map(|row| format!("id {row}"));
    let letters = (0..rows).map(|row| format!("{}", row % 10));
    let noise = |row: usize| 1.0 + 0.05 * ((row * 7919 % 101) as f64 / 50.0 - 1.0);
    let actual = (0..rows).map(|row| 50.0 * noise(row) * if row % 10 == 4 { 0.7 } else { 1.0 });
    let columns = vec![
        ("letter", texts(letters)),
        ("number", texts(ids)),
        ("actual", floats(actual.collect::<Vec<_>>())),
        ("expected", floats(vec![50.0; rows])),
    ];
    assert_eq!(causes(BOTH, columns), ["letter=4"]);
}

#[test]
fn a_cause_of_a_sixth_of_a_small_table_is_not_taken_for_noise() {
    // Of 6 letters and 12 numbers.
    let kept = UInt32Array::from_iter_values((0..200).filter(|row| row / 25 < 6 && row % 25 < 12));
    let few = |columns: Vec<Column>| -> Vec<Column> {
        columns.into_iter().map(|(name, values)| (name, take(&values, &kept, None).unwrap())).collect()
    };
    let halved = table(|letter, _, value| if letter == 2 { 0.5 * value } else { value });
    assert_eq!(causes(BOTH, few(halved)), ["letter=c"]);
    assert!(causes(BOTH, few(table(|_, _, value| value))).is_empty());
}

#[test]
fn the_step_tells_of_the_whole_and_keeps_what_is_the_same_in_all_rows() {
    let ctx = Context { event_id: "day".to_owned(), event_time: 0, attempt: 1 };
    let step = |json: &str, columns: Vec<Column>| {
        let mut step = Explain::configure(config(json)).unwrap();
        let rows = batch(columns);
        let (schema, _) = step.bind(rows.schema()).map_err(Failure::Reject)?;
        step.process(&ctx, rows)?;
        let out = step.finish(&ctx)?.batch;
        assert_eq!(out.schema_ref().fields(), schema.fields());
        Ok::<_, Failure>(out)
    };
    let with = r#"{"dimensions": ["letter", "number"], "whole": true, "keep": ["day"]}"#;
    let day =
        |value: fn(usize) -> i64| -> Column { ("day", Arc::new(Int64Array::from_iter_values((0..200).map(value)))) };
    let lost = |letter: usize, _: usize, value: f64| if letter == 2 { 0.4 * value } else { value };
    let out = step(with, [table(lost), vec![day(|_| 31)]].concat()).unwrap();
    let ranks = out["rank"].as_primitive::<UInt32Type>().values().to_vec();
    assert_eq!((ranks, out["day"].as_primitive::<Int64Type>().values().to_vec()), (vec![0, 1], vec![31, 31]));
    assert_eq!(out["text"].as_string::<i32>().iter().flatten().collect::<Vec<_>>(), ["", "letter=c"]);
    assert_eq!(out["rows"].as_primitive::<UInt64Type>().value(0), 200);
    // Also if nothing stands out.
    let out = step(with, [table(|_, _, value| value), vec![day(|_| 31)]].concat()).unwrap();
    assert_eq!(out.num_rows(), 1);

    let other = step(with, [table(lost), vec![day(|row| row as i64 / 150)]].concat());
    assert!(matches!(&other, Err(Failure::Reject(why)) if why.contains("`day`, which is not the same")), "{other:?}");
    let none = step(with, table(lost));
    assert!(matches!(&none, Err(Failure::Reject(why)) if why.contains("no column `day` to keep")), "{none:?}");
    let clash = r#"{"dimensions": ["letter"], "keep": ["rank"]}"#;
    assert!(Explain::configure(config(clash)).is_err_and(|why| why.contains("`keep` has `rank`")));
}
