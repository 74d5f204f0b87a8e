//! Totals, as whoever runs a pipeline sees them: again, corrected, by other rules, and beside `wasmill up`.

mod common;

use std::fs;
use std::path::Path;

use common::wasmill;
use serde_json::{Value, json};

const CASE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/pipelines/totals");

/// The case's pipeline and its orders, in a folder of their own.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["pipeline.toml", "orders.csv", "documents.jsonl"] {
        fs::copy(Path::new(CASE).join(name), folder.path().join(name)).unwrap();
    }
    folder
}

/// The bodies of a collection's documents.
fn documents(folder: &Path, collection: &str) -> Vec<Value> {
    let (code, out, said) = wasmill(folder, &["documents", "list", ".", "--collection", collection]);
    assert_eq!(code, 0, "{said}");
    out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["body"].take()).collect()
}

fn run(folder: &Path) -> String {
    let (code, out, said) = wasmill(folder, &["run", "."]);
    assert_eq!(code, 0, "{out}{said}");
    out
}

/// How much each day comes to.
fn days(folder: &Path) -> Vec<Value> {
    documents(folder, "days").iter().map(|day| json!([day["rows"], day["amount"]])).collect()
}

#[test]
fn a_file_that_is_run_again_adds_nothing_and_one_that_is_corrected_replaces_what_it_said() {
    let folder = folder();
    let folder = folder.path();
    run(folder);
    assert_eq!(days(folder), [json!([3, "106.10"]), json!([2, "22.50"]), json!([3, "10.20"])]);
    let again = run(folder);
    assert!(again.contains("publish-days: 0 inserted, 0 replaced, 3 unchanged, 0 stale"), "{again}");

    // Fewer rows, one of them of another day.
    let corrected = "order,shop,day,items,amount,revision,withdrawn\na,north,2026-01-02,2,1.00,3,false\n\
        f,west,2026-01-04,2,2.00,1,false\n";
    fs::write(folder.join("orders.csv"), corrected).unwrap();
    run(folder);
    assert_eq!(days(folder), [json!([1, "1.00"]), json!([1, "2.00"])], "days of which nothing is said are gone");
    let shops: Vec<Value> =
        documents(folder, "shops").iter().map(|shop| json!([shop["shop"], shop["orders"], shop["amount"]])).collect();
    assert_eq!(shops, [json!(["north", 3, "1.30"]), json!(["south", 1, "7.00"]), json!(["west", 1, "2.00"])]);

    // A second file adds to it.
    fs::write(folder.join("orders-2.csv"), corrected.replace("2026-01-04", "2026-01-02")).unwrap();
    run(folder);
    assert_eq!(days(folder), [json!([3, "4.00"]), json!([1, "2.00"])]);
}

#[test]
fn other_rules_add_up_what_is_there_anew() {
    let folder = folder();
    let folder = folder.path();
    run(folder);
    let manifest = fs::read_to_string(folder.join("pipeline.toml")).unwrap();
    let other = manifest.replace(r#"totals = { rows = "count", amount = "sum" }"#, r#"totals = { amount = "max" }"#);
    assert_ne!(other, manifest);
    fs::write(folder.join("pipeline.toml"), other).unwrap();
    run(folder);
    let most: Vec<Value> = documents(folder, "days").iter().map(|day| day["amount"].clone()).collect();
    assert_eq!(most, ["99.00", "12.00", "5.00"]);

    fs::write(folder.join("pipeline.toml"), manifest.replace("source = \"order\"", "source = \"shop\"")).unwrap();
    let (code, _, said) = wasmill(folder, &["run", "."]);
    let expect = "the totals of `shops`: contributions were told apart by another `source`, `order`, not `shop`";
    assert!(code == 2 && said.contains(expect), "{code} {said}");
}

#[test]
fn a_dry_run_counts_and_leaves_no_trace_and_up_goes_on_where_run_was() {
    let folder = folder();
    let folder = folder.path();
    let (code, out, said) = wasmill(folder, &["run", ".", "--dry-run"]);
    assert!(code == 0 && out.contains("publish-days: 3 inserted"), "{out}{said}");
    assert!(!folder.join(".wasmill/journal.db").exists() && !folder.join(".wasmill/documents.db").exists());
    run(folder);
    let before = documents(folder, "shops");
    let more = "order,shop,day,items,amount,revision,withdrawn\ng,west,2026-01-01,1,3.00,1,false\n";
    fs::write(folder.join("orders-2.csv"), more).unwrap();
    let (code, _, said) = wasmill(folder, &["up", ".", "--drain", "--addr", "127.0.0.1:0"]);
    assert_eq!(code, 0, "{said}");
    let after = documents(folder, "shops");
    assert_eq!(after.len(), before.len() + 1);
    assert_eq!(days(folder).first().unwrap(), &json!([4, "109.10"]));
}

#[test]
fn what_is_no_number_is_rejected_with_its_name() {
    let folder = folder();
    let folder = folder.path();
    let manifest = fs::read_to_string(folder.join("pipeline.toml")).unwrap();
    let other = manifest.replace("totals = { rows = \"count\", amount = \"sum\" }", "totals = { day = \"sum\" }");
    fs::write(folder.join("pipeline.toml"), other).unwrap();
    let (code, _, said) = wasmill(folder, &["run", "."]);
    assert_eq!(code, 1, "{said}");
    let rejects = fs::read_to_string(folder.join(".wasmill/rejects.jsonl")).unwrap();
    let expect = "a contribution to `2026-01-02`: `day` is `2026-01-02`, and what is added up are numbers";
    assert!(rejects.contains(expect), "{rejects}");
}
