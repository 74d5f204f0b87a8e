//! Causes are found as well as they were, on a few of the evaluation's tables.
#![expect(dead_code, clippy::unwrap_used, clippy::indexing_slicing, reason = "parts of the example")]

#[path = "../examples/eval/generator.rs"]
mod generator;
#[path = "../examples/eval/normal.rs"]
mod normal;
#[path = "../examples/eval/random.rs"]
mod random;
#[path = "../examples/eval/settings.rs"]
mod settings;
#[path = "../examples/eval/tally.rs"]
mod tally;

use settings::SETTINGS;
use tally::Tally;
use wasmill_explain::explain;

/// F1 of a few cases of a setting is at least this; of the settings without a cause, the share in which none is found.
fn check(name: &str, cases: u64, least: f64) {
    let setting = SETTINGS.iter().find(|setting| setting.name == name).unwrap();
    let mut tally = Tally::default();
    for seed in 0..cases {
        let case = (setting.case)(seed);
        let mut config = case.config();
        config.max_causes = 64;
        let found = explain(config, &case.batch()).unwrap();
        tally.add("explain", &case.truth, &generator::elements(&found), 0.0);
    }
    let reached = if name.starts_with("none") { tally.exact() } else { tally.f1() };
    assert!(reached >= least, "{name}: {reached:.3} is less than {least}");
}

#[test]
fn causes_of_risklocs_tables_are_found() {
    check("S", 30, 0.85);
    check("L", 30, 0.95);
}

#[test]
fn causes_of_squeezes_tables_are_found() {
    check("B0", 30, 0.85);
    check("B2", 30, 0.9);
    check("B4", 30, 0.85);
}

#[test]
fn causes_of_harder_tables_are_found() {
    check("biased", 30, 0.5);
    check("overlapping", 30, 0.9);
    check("nested", 30, 0.8);
    check("derived", 30, 0.85);
    check("counts", 30, 0.8);
    check("small", 120, 0.6);
}

#[test]
fn where_there_is_no_cause_none_is_found() {
    check("none", 120, 1.0);
    check("none, S", 30, 1.0);
    check("none, small", 120, 1.0);
}
