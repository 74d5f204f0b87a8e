//! What a pipeline costs, as whoever ran it sees it.

mod common;

use std::fs;
use std::path::Path;

use common::wasmill;
use serde_json::{Value, json};

const CASE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/pipelines/diamond");

/// The case's pipeline and its sales, in a folder of their own.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["pipeline.toml", "sales.csv"] {
        fs::copy(Path::new(CASE).join(name), folder.path().join(name)).unwrap();
    }
    folder
}

fn json_of(folder: &Path, arguments: &[&str]) -> Vec<Value> {
    let (code, out, said) = wasmill(folder, arguments);
    assert_eq!(code, 0, "{out}{said}");
    serde_json::Deserializer::from_str(&out).into_iter().collect::<Result<_, _>>().unwrap()
}

/// What an event used of something, and how many events that rests on.
fn measured(cost: &Value, resource: &str) -> Option<(f64, u64)> {
    let found = cost["measured"].as_array().unwrap().iter().find(|found| found["resource"] == resource)?;
    let per_event = found["per_event"].as_f64().unwrap();
    assert_close(found["quantity"].as_f64().unwrap(), per_event * cost["events"].as_f64().unwrap());
    Some((per_event, found["runs"].as_u64().unwrap()))
}

#[track_caller]
fn assert_close(one: f64, other: f64) {
    assert!((one - other).abs() <= 1e-9 * one.abs().max(1e-6), "{one} {other}");
}

#[test]
fn what_runs_used_is_what_events_cost() {
    let folder = folder();
    let folder = folder.path();
    let ran = json_of(folder, &["run", ".", "sales.csv", "--format", "json"]);
    let event = &ran[0]["events"][0];
    assert!(event["used"]["cpu_seconds"].as_f64().unwrap() > 0.0, "{event}");
    json_of(folder, &["run", ".", "sales.csv", "--format", "json"]);
    // What is only tried, or is not there, is no run that counts.
    json_of(folder, &["run", ".", "sales.csv", "--dry-run", "--format", "json"]);
    let (code, ..) = wasmill(folder, &["run", ".", "none.csv"]);
    assert_ne!(code, 0);

    let runs = json_of(folder, &["runs", "list", ".", "--format", "json"]);
    let done: Vec<&Value> = runs.iter().filter(|run| run["outcome"] == "done").collect();
    assert_eq!(done.len(), 2, "{runs:?}");
    assert_eq!(done[1]["report"]["used"], event["used"], "the first run is as it said");
    assert_eq!((&done[0]["attempt"], &done[0]["worker"]), (&json!(0), &json!("wasmill run")));
    assert!(done.iter().all(|run| run["ended"].as_i64() >= run["started"].as_i64()), "{done:?}");
    let mean = |key: &str| done.iter().map(|run| run["report"]["used"][key].as_f64().unwrap()).sum::<f64>() / 2.0;

    let cost = json_of(folder, &["cost", ".", "--format", "json", "--events", "2000000"]).remove(0);
    assert_eq!((&cost["runs"], &cost["events"]), (&json!(2), &json!(2e6)));
    for (resource, key) in [
        ("cpu", "cpu_seconds"),
        ("cpu beside", "cpu_beside_seconds"),
        ("memory", "memory_gb_seconds"),
        ("documents", "documents"),
        ("documents' bodies", "document_bytes"),
        ("read of stores", "store_bytes"),
    ] {
        let (per_event, of) = measured(&cost, resource).unwrap();
        assert_close(per_event, mean(key));
        assert!(per_event > 0.0 && of == 2, "{resource}: {per_event}");
    }
    let (cpu, _) = measured(&cost, "cpu").unwrap();
    let (in_functions, _) = measured(&cost, "cpu in functions").unwrap();
    assert!(in_functions > 0.0 && in_functions <= cpu, "{in_functions} of {cpu}");
    let sales = fs::metadata(folder.join("sales.csv")).unwrap().len();
    let (read, _) = measured(&cost, "read of stores").unwrap();
    assert!(read >= sales as f64, "all of it: {read} of {sales}");
    let written = |run: &Value| -> u64 {
        let steps = run["report"]["steps"].as_array().unwrap().iter();
        let of = |step: &Value| -> u64 {
            ["inserted", "replaced", "unchanged", "stale"]
                .iter()
                .map(|key| step["written"][key].as_u64().unwrap())
                .sum()
        };
        steps.map(of).sum()
    };
    assert_eq!(measured(&cost, "documents"), Some((written(done[0]) as f64, 2)));
    // A file is not asked for by requests, and SQLite has no request units.
    assert_eq!((measured(&cost, "requests to stores"), measured(&cost, "request units")), (None, None));

    let prices = cost["prices"].as_array().unwrap();
    let names: Vec<&str> = prices.iter().map(|prices| prices["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["azure-functions", "kubernetes-node", "spin-host"]);
    for prices in prices {
        let lines = prices["lines"].as_array().unwrap();
        let total: f64 = lines.iter().filter_map(|line| line["amount"].as_f64()).sum();
        assert_close(prices["total"].as_f64().unwrap(), total);
        assert!(total > 0.0, "{prices}");
        assert_eq!(prices["is_complete"], lines.iter().all(|line| line["amount"].is_number()), "{prices}");
    }
    let memory = prices[0]["lines"].as_array().unwrap().iter().find(|line| line["item"] == "memory").unwrap();
    let quantity = memory["quantity"].as_f64().unwrap();
    assert!(quantity >= 2e6 * 0.1 * 0.125, "an event is 100 ms of 128 MB at least: {memory}");
    assert_close(memory["amount"].as_f64().unwrap(), quantity * 0.000_016);
}

#[test]
fn prices_of_ones_own_and_a_month() {
    let folder = folder();
    let folder = folder.path();
    json_of(folder, &["run", ".", "sales.csv", "--format", "json"]);
    let own = "title = \"A machine\"\ndate = \"2025-01-31\"\ncurrency = \"EUR\"\nregion = \"Frankfurt\"\nsource = \"the invoice\"\n\
               [node]\nper_node_hour = 0.1\nvcpus = 2\nmemory_gb = 4\nminimum_nodes = 2\n";
    fs::write(folder.join("own.toml"), own).unwrap();
    let both = ["--prices", "own.toml", "--prices", "azure-functions"];
    let (code, out, said) = wasmill(folder, &[&["cost", "."], &both[..], &["--per-month", "1000"]].concat());
    assert_eq!((code, said.as_str()), (0, ""), "{out}");
    for expect in [
        "Measured: the mean of 1 event since 2",
        "Price of a month with 1,000 events",
        // A thousand executions are free, and two nodes are there all month.
        "executions: 1 execution × 1,000 = 1,000 executions; − 1,000,000 that are free each month, not below 0 = 0 executions",
        "at least 2 × 730 h = 1,460 node-h; 1,460 node-h × 0.1 EUR = 146.00 EUR",
        "own: A machine; Frankfurt, prices of 2025-01-31 (the invoice)",
        "used, and without a price here: documents kept, objects kept",
        "reads of objects: not measured: objects were read from files",
        "at least ",
        "note: not counted: ",
    ] {
        assert!(out.contains(expect), "{expect}:\n{out}");
    }
    let total = out.lines().find(|line| line.trim_start().starts_with("total")).unwrap();
    assert!(total.contains("146.00 EUR") && total.contains("USD"), "{total}");
    let show = json_of(folder, &["runs", "list", ".", "--format", "json"]);
    let (_, out, _) = wasmill(folder, &["runs", "show", ".", show[0]["event"].as_str().unwrap()]);
    assert!(
        out.contains("by wasmill run, plan ") && out.contains("  used 0.") && out.contains(" GB-s of memory"),
        "{out}"
    );
}

#[test]
fn what_cannot_be_told_is_said() {
    let folder = folder();
    let folder = folder.path();
    let said = |arguments: &[&str]| {
        let (code, out, said) = wasmill(folder, arguments);
        assert_eq!((code, out.as_str()), (2, ""), "{said}");
        said
    };
    let missing = said(&["cost", "."]);
    assert!(missing.contains("there is none yet\nhint: run the pipeline first"), "{missing}");
    json_of(folder, &["run", ".", "sales.csv", "--format", "json"]);
    let later = said(&["cost", ".", "--since", "2999-01-01"]);
    let expect = "error: there is no run since 2999-01-01T00:00:00Z to tell what it costs\nhint: run the pipeline first, `wasmill run .`\n";
    assert_eq!(later, expect);
    let unknown = said(&["cost", ".", "--prices", "aws"]);
    assert!(unknown.contains("one of those that are built in: `azure-functions`, `kubernetes-node`"), "{unknown}");
    fs::write(folder.join("bad.toml"), "[cpu]\nper_hour = 1\n").unwrap();
    let bad = said(&["cost", ".", "--prices", "bad.toml"]);
    assert!(bad.contains("bad.toml:2: there is no key `per_hour` here"), "{bad}");
    let both = said(&["cost", ".", "--events", "5", "--per-month", "5"]);
    assert!(both.contains("cannot be used with"), "{both}");
}
