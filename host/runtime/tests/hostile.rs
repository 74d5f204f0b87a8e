//! Functions that do harm: each is contained, and reported with its step and event.

mod common;

use std::path::Path;
use std::time::Duration;

use common::Case;
use wasmill_runtime::documents::ReadDocuments;
use wasmill_runtime::documents::query::Filter;
use wasmill_runtime::run::RunOptions;

/// A pipeline with a hostile step, bounded so that the tests are quick.
fn hostile(when: &str, harm: &str) -> Case {
    hostile_with(when, harm, "")
}

/// The same, with more said of the step.
fn hostile_with(when: &str, harm: &str, more: &str) -> Case {
    // Only what has no end should meet its deadline, however busy the machine is, and only the hoard its limit.
    let deadline = if matches!(harm, "loop" | "stuck") { 0.5 } else { 60.0 };
    let memory = if harm == "memory" { 64 } else { 1024 };
    Case::new(&format!(
        r#"
version = 1
name = "hostile"

[[step]]
id = "read"
component = "ingest"
config = {{ format = "csv", columns = [{{ name = "a", type = "int64" }}], batch_rows = 10 }}

[[step]]
id = "harm"
component = "hostile"
config = {{ when = "{when}", harm = "{harm}" }}
limits = {{ memory_mib = {memory}, deadline_seconds = {deadline:?} }}
{more}
"#
    ))
}

/// What a run says when the step does this harm to a batch.
fn in_process(harm: &str) -> String {
    let case = hostile("process", harm);
    let pipeline = case.load().unwrap();
    let (outcome, _) = case.run(&pipeline, b"a\n1\n2\n");
    let message = outcome.unwrap_err().to_string();
    assert!(message.starts_with("event `object@") && message.contains("step `harm`: "), "{message}");

    // The host goes on: the same pipeline still starts and fails the same way.
    let (again, _) = case.run(&pipeline, b"a\n1\n2\n");
    assert!(again.is_err());
    message
}

/// What validation says when the step does this harm while it is set up.
fn in_set_up(when: &str, harm: &str) -> String {
    let message = hostile(when, harm).load().err().unwrap().to_string();
    assert!(message.contains("pipeline.toml:") && message.contains("step `harm`: "), "{message}");
    message
}

#[test]
fn harm_done_to_a_batch_is_contained_and_named() {
    for (harm, expect) in [
        ("trap", "trap: wasm `unreachable` instruction executed"),
        ("panic", "harm was asked for"),
        ("loop", "deadline: no answer within 500ms\nhint: give the step more time"),
        ("stuck", "deadline: no answer within 500ms\nhint: give the step more time"),
        ("memory", "memory: it needs more than 64 MiB"),
        // What the host keeps for it.
        ("handles", "trap: it holds on to 1024 things of the host already"),
        ("headers", "trap: total size of fields exceeds limit"),
        // Rust keeps a stack of its own in a function's memory, and this one ends first.
        ("recursion", "trap: out of bounds memory access"),
        ("not-arrow", "answer: it is not an Arrow IPC stream"),
        ("cut-arrow", "answer: "),
        ("empty", "answer: it is not an Arrow IPC stream"),
        ("columns", "answer: "),
        (
            "other-schema",
            "answer: the rows are not of the schema it promised: promised `a` Int64, found `surprise` Int8",
        ),
    ] {
        let message = in_process(harm);
        assert!(message.contains(expect), "{harm}: {message}");
    }
}

#[test]
fn harm_done_while_setting_up_is_a_diagnostic() {
    for (when, harm, expect) in [
        ("configure", "panic", "harm was asked for"),
        ("configure", "loop", "deadline: no answer within 500ms"),
        ("configure", "memory", "memory: it needs more than 64 MiB"),
        ("bind", "not-arrow", "answer: it is not an Arrow IPC stream"),
        ("bind", "wide", "answer: its schema has 5000 columns, the limit is 4096"),
        ("bind", "columns", "answer: it is not an Arrow IPC stream"),
        ("bind", "recursion", "trap: out of bounds memory access"),
    ] {
        let message = in_set_up(when, harm);
        assert!(message.contains(expect), "{when} {harm}: {message}");
    }
}

#[test]
fn the_end_of_a_huge_output_is_kept_with_the_error() {
    let message = in_process("stderr");
    assert!(message.contains("line 199999 of far too many"), "{message}");
    assert!(message.contains("after much was printed"), "{message}");
    assert!(message.len() < 64 * 1024, "{} bytes", message.len());
}

#[test]
fn a_call_that_fails_is_made_again_as_the_step_says() {
    let run = |harm: &str, retry: &str| {
        let case = hostile_with("process", harm, &format!("retry = {{ backoff_seconds = 0.01, {retry} }}"));
        let (outcome, _) = case.run(&case.load().unwrap(), b"a\n1\n2\n");
        outcome.map(|report| report.steps[1].counts.rows_out).map_err(|err| err.to_string())
    };
    assert_eq!(run("retry-twice", "attempts = 3"), Ok(2));
    assert_eq!(run("trap-twice", "attempts = 3, on = ['fault']"), Ok(2));
    for (harm, retry, expect) in [
        ("retry-twice", "attempts = 2", "step `harm`: attempt 2"),
        ("retry-twice", "attempts = 3, on = ['fault']", "step `harm`: attempt 1"),
        ("trap-twice", "attempts = 2, on = ['fault']", "step `harm`: trap: "),
        ("trap-twice", "attempts = 3", "step `harm`: trap: "),
    ] {
        let message = run(harm, retry).unwrap_err();
        assert!(message.contains(expect), "{harm}, {retry}: {message}");
    }
}

#[test]
fn an_event_that_takes_too_long_is_a_fault() {
    let case = hostile("never", "");
    let pipeline = case.load().unwrap();
    let options = RunOptions { timeout: Some(Duration::ZERO), ..RunOptions::default() };
    let message = case.run_with(&pipeline, b"a\n1\n", &options).0.unwrap_err().to_string();
    assert!(message.contains("step `read`: timeout: the event took longer than 0ns\nhint: "), "{message}");
}

#[test]
fn a_sleep_is_over_at_once() {
    let case = hostile("process", "sleep");
    let (outcome, rejects) = case.run(&case.load().unwrap(), b"a\n1\n2\n");
    assert_eq!((outcome.unwrap().steps[1].counts.rows_out, rejects.len()), (2, 0));
}

#[test]
fn what_a_function_says_of_a_refused_batch_is_cut() {
    let case = hostile("process", "long-reject");
    let (outcome, rejects) = case.run(&case.load().unwrap(), b"a\n1\n2\n");
    assert_eq!((outcome.unwrap().rejected(), rejects.len()), (2, 2));
    assert!(rejects.iter().all(|(_, reject)| reject.reason.len() < 5000));
}

#[test]
fn a_run_that_failed_leaves_other_events_alone() {
    let case = Case::new(
        r#"
version = 1
name = "strict"
[documents]
url = "sqlite:documents.db"
[[step]]
id = "read"
component = "ingest"
config = { format = "csv", columns = [{ name = "a", type = "int64" }] }
[[step]]
id = "publish"
component = "publish"
grants = { documents = ["numbers"] }
config = { collection = "numbers", id = "{a}" }
"#,
    );
    let pipeline = case.load().unwrap();
    let (outcome, _) = case.run(&pipeline, b"wrong header\n1\n");
    assert!(outcome.unwrap_err().to_string().contains("step `read`: "));
    let (outcome, rejects) = case.run(&pipeline, b"a\n1\nx\n2\n");
    assert_eq!(outcome.unwrap().rejected(), 1);
    assert_eq!(rejects[0].0, "read");
    assert_eq!(rejects[0].1.row, 3);
    assert_eq!(case.database.count("numbers", &Filter::default()).unwrap(), 2);
}

#[test]
fn a_damaged_file_is_refused_or_ends_its_sandbox_and_no_more() {
    for (format, file) in [("parquet", "none.parquet"), ("parquet", "zstd.parquet"), ("arrow", "none.arrow")] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../functions/ingest/tests/formats").join(file);
        let whole = std::fs::read(path).unwrap();
        let case = Case::new(&format!(
            r#"
version = 1
name = "damaged"
[[step]]
id = "read"
component = "ingest"
limits = {{ memory_mib = 256, deadline_seconds = 30.0 }}
[step.config]
format = "{format}"
columns = [
    {{ name = "small", type = "int64" }},
    {{ name = "text", type = "utf8" }},
    {{ name = "kind", type = "utf8" }},
    {{ name = "city", from = "place.city", type = "utf8" }},
]
"#
        ));
        let pipeline = case.load().unwrap();
        let mut failed = 0;
        for at in (0..whole.len()).step_by(whole.len() / 60) {
            let mut object = whole.clone();
            object[at] ^= 0x41;
            if let (Err(err), _) = case.run(&pipeline, &object) {
                assert!(err.to_string().contains("step `read`: "), "{err}");
                failed += 1;
            }
        }
        assert!(failed > 0, "{file}");
        let (outcome, rejects) = case.run(&pipeline, &whole);
        assert_eq!((outcome.unwrap().steps[0].counts.rows_out, rejects.len()), (100, 0));
    }
}
