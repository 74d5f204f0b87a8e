//! The flights demo, all of January: every document is there, and every score is ONNX Runtime's.

mod common;

use std::collections::HashMap;
use std::io::Read;
use std::sync::Arc;

use wasmill_journal::Journal;
use wasmill_journal::totals::WithTotals;
use wasmill_runtime::documents::query::Query;
use wasmill_runtime::documents::{Database, Stored};
use wasmill_runtime::event::Event;
use wasmill_runtime::pipeline::Pipeline;
use wasmill_runtime::plan::Plan;
use wasmill_runtime::run::RunOptions;

use common::{ENGINE, components, root, run};

/// As far as two implementations of the same arithmetic may differ; documents are rounded to four digits.
const TOLERANCE: f64 = 1e-5;

#[test]
fn every_flight_of_january_gets_the_score_that_onnx_runtime_gives() {
    let folder = root().join("manifests/flights");
    let text = std::fs::read_to_string(folder.join("pipeline.toml")).unwrap();
    // Scores as the model gives them, not rounded for readers.
    let exact = text.replace(r#"{ column = "risk", round = 4 }"#, r#""risk""#);
    assert_ne!(exact, text);
    let manifest = tempfile::Builder::new().suffix(".toml").tempfile_in(&folder).unwrap();
    std::fs::write(manifest.path(), exact).unwrap();
    let plan = Plan::read(manifest.path(), &components()).unwrap_or_else(|err| panic!("{err}"));
    let database = Arc::new(Database::in_memory().unwrap());
    let ledger = Arc::new(Journal::in_memory(&plan.name).unwrap());
    let with_totals = WithTotals::new(database.clone(), ledger, plan.totals.clone(), || 1).unwrap();
    let pipeline = Pipeline::load(&ENGINE, &plan, Some(Arc::new(with_totals))).unwrap_or_else(|err| panic!("{err}"));
    let event = Event::of_file(&folder.join("data/flights-2013-01.csv.gz")).unwrap();
    let (report, rejects) = run(&pipeline, &event, &RunOptions::default());
    let report = report.unwrap_or_else(|err| panic!("{err}"));

    assert_eq!(report.rows(), 27_004);
    assert_eq!(rejects.len(), 1, "{rejects:?}");
    assert!(rejects[0].1.reason.contains("plausible-schedule"), "{rejects:?}");

    let expected = expected_scores(&folder.join("expected/scores.csv.gz"));
    assert_eq!(expected.len(), 27_003);
    let documents: Vec<_> = Query::all(10_000).documents(database.as_ref(), "flights").map(Result::unwrap).collect();
    assert_eq!(documents.len(), expected.len());
    let mut worst: f64 = 0.0;
    for document in documents {
        let body: serde_json::Value = serde_json::from_str(document.body.get()).unwrap();
        let found = body["risk"].as_f64().unwrap();
        worst = worst.max((found - expected[&document.id]).abs());
    }
    assert!(worst <= TOLERANCE, "a score differs by {worst}");

    for collection in ["routes", "hours"] {
        let totals = database.page(collection, &Query::all(100_000)).unwrap().documents;
        let count = |total: &Stored| {
            let body: serde_json::Value = serde_json::from_str(total.body.get()).unwrap();
            ["flights", "cancelled"].map(|field| body[field].as_u64().unwrap())
        };
        let [flights, cancelled] =
            totals.iter().map(count).fold([0, 0], |sum, more| [sum[0] + more[0], sum[1] + more[1]]);
        assert_eq!((flights, cancelled), (27_003, 521), "{collection}");
    }

    // Once more: nothing changes.
    let (again, _) = run(&pipeline, &event, &RunOptions::default());
    for step in again.unwrap().steps {
        let written = step.counts.written;
        assert_eq!((written.inserted, written.replaced, written.stale), (0, 0, 0), "{}", step.id);
    }
}

fn expected_scores(path: &std::path::Path) -> HashMap<String, f64> {
    let mut text = String::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    let lines = text.lines().skip(1);
    lines.map(|line| line.split_once(',').unwrap()).map(|(id, risk)| (id.to_owned(), risk.parse().unwrap())).collect()
}
