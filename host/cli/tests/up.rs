//! `wasmill up`, `runs` and `dead-letters`, as a user handles them.

mod common;
#[path = "common/up.rs"]
mod up_folder;

use std::time::{Duration, Instant};

use common::{command, wasmill};
use up_folder::{MANIFEST, Up, database, documents, drain, land, pipeline, pipeline_of, rows};

#[test]
fn an_object_that_lands_becomes_documents_once() {
    let folder = pipeline();
    let folder = folder.path();
    let up = Up::start(folder, &[]);
    land(folder, "a.csv", &rows(0, 10));
    up.wait_for(folder, 10);
    land(folder, "b.csv", &rows(10, 20_000));
    up.wait_for(folder, 20_010);
    // The same object, changed: what is the same in it has no effect.
    land(folder, "a.csv", &rows(0, 11).replace("\n10,", "\n100000,"));
    up.wait_for(folder, 20_011);
    assert_eq!(up.stop(), Some(0));
    assert_eq!(documents(folder), (20_011, 20_011));
    // What was done is not done again.
    assert_eq!(drain(folder).0, 0);
    assert_eq!(documents(folder), (20_011, 20_011));
    let (_, runs, counts) = wasmill(folder, &["runs", "list", "."]);
    assert_eq!(runs.lines().count(), 3, "{runs}");
    assert!(runs.lines().all(|line| line.contains("  done  ")), "{runs}");
    assert_eq!(counts, "events: 0 waiting, 0 running, 3 done, 0 dead; dead letters: 0\n");
    let event = runs.split_whitespace().find(|word| word.starts_with("b.csv@")).unwrap();
    let (_, run, _) = wasmill(folder, &["runs", "show", ".", event]);
    for part in [" done ", "rows in", " 20,000 ", " MiB"] {
        assert!(run.contains(part), "{run}");
    }
    let (_, run, _) = wasmill(folder, &["runs", "show", ".", event, "--format", "json"]);
    let run: serde_json::Value = serde_json::from_str(&run).unwrap();
    let steps = run["report"]["steps"].as_array().unwrap();
    let of = |step: usize, key: &str| steps[step][key].as_f64().unwrap();
    assert_eq!((of(0, "rows_in"), of(1, "rows_in")), (20_000.0, 20_000.0));
    assert_eq!(of(0, "bytes_in"), rows(10, 20_000).len() as f64);
    for step in 0..2 {
        assert!(of(step, "peak_memory_bytes") > 1e6 && of(step, "cpu_seconds") > 0.0, "{run}");
    }
    assert!(of(0, "bytes_out") >= of(1, "bytes_in") && of(1, "bytes_in") > 20_000.0 * 16.0, "{run}");
}

#[test]
fn documents_that_expired_are_not_shown_and_are_removed() {
    let url = "url = \"sqlite:.wasmill/documents.db\"\n";
    let folder =
        pipeline_of(&MANIFEST.replace(url, &format!("{url}collections = {{ numbers = {{ ttl_seconds = 3600 }} }}\n")));
    let folder = folder.path();
    let list = || wasmill(folder, &["documents", "list", ".", "--limit", "100"]).1.lines().count();
    let pass = || database(folder).execute("UPDATE documents SET written = written - 3600", []).unwrap();
    let there = || {
        let count = "SELECT count(*) FROM documents WHERE body IS NOT NULL";
        database(folder).query_row(count, [], |row| row.get::<_, usize>(0)).unwrap()
    };
    land(folder, "a.csv", &rows(0, 10));
    assert_eq!(drain(folder).0, 0);
    assert_eq!((list(), there()), (10, 10));
    pass();
    assert_eq!((list(), there()), (0, 10));
    let up = Up::start(folder, &[]);
    let started = Instant::now();
    while there() > 0 {
        assert!(started.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(up.stop(), Some(0));
    // `wasmill run` does so at its end.
    land(folder, "b.csv", &rows(10, 5));
    assert_eq!(wasmill(folder, &["run", ".", "landing/b.csv"]).0, 0);
    assert_eq!((list(), there()), (5, 5));
    pass();
    land(folder, "c.csv", &rows(20, 1));
    assert_eq!(wasmill(folder, &["run", ".", "landing/c.csv", "--dry-run"]).0, 0);
    assert_eq!((list(), there()), (0, 5));
    assert_eq!(wasmill(folder, &["run", ".", "landing/c.csv"]).0, 0);
    assert_eq!((list(), there()), (1, 1));
    // What the manifest does not say any more is not so any more.
    std::fs::write(folder.join("pipeline.toml"), MANIFEST).unwrap();
    pass();
    assert_eq!(wasmill(folder, &["run", ".", "landing/c.csv"]).0, 0);
    assert_eq!((list(), there()), (1, 1));
}

#[test]
fn events_over_http_are_accepted_once() {
    let folder = pipeline();
    let folder = folder.path();
    let up = Up::start(folder, &[]);
    up.wait_ready();
    let post = |headers: &str, body: &str| up.request("POST", "/v1/events", headers, body);

    // The data itself.
    assert_eq!(post("idempotency-key: k1\r\n", "id,value\n1,1\n").0, 202);
    let (status, answer) = post("idempotency-key: k1\r\n", "id,value\n1,1\n");
    assert_eq!((status, answer.as_str()), (202, r#"{"events":[{"event":"http@k1","status":"known"}]}"#));
    // CloudEvents: binary, structured, a batch, and one of them again.
    let binary = "ce-specversion: 1.0\r\nce-type: x\r\nce-source: /a\r\nce-id: 7\r\nce-time: 2026-01-01T00:00:00Z\r\n";
    assert_eq!(post(binary, "id,value\n2,2\n").0, 202);
    let structured = r#"{"specversion":"1.0","type":"x","source":"/b","id":"7","data":"id,value\n3,3\n"}"#;
    let content_type = "content-type: application/cloudevents+json; charset=utf-8\r\n";
    assert_eq!(post(content_type, structured).0, 202);
    let encoded = r#"[{"specversion":"1.0","type":"x","source":"/b","id":"8","data_base64":"aWQsdmFsdWUKNCw0Cg=="},
        {"specversion":"1.0","type":"x","source":"/a","id":"7","data":"id,value\n5,5\n"}]"#;
    let (status, answer) = post("content-type: application/cloudevents-batch+json\r\n", encoded);
    assert_eq!((status, answer.matches("accepted").count(), answer.matches("known").count()), (202, 1, 1), "{answer}");
    // Event Grid: its handshake, and a blob that is there.
    let grid = "aeg-event-type: Notification\r\ncontent-type: application/json\r\n";
    let hello = r#"[{"id":"1","topic":"t","subject":"","eventType":"Microsoft.EventGrid.SubscriptionValidationEvent",
        "eventTime":"2026-01-01T00:00:00Z","data":{"validationCode":"abc"},"dataVersion":"1"}]"#;
    assert_eq!(post(grid, hello), (200, r#"{"validationResponse":"abc"}"#.into()));
    std::fs::write(folder.join("landing/blob.txt"), "id,value\n6,6\n").unwrap();
    let blob = |path: &str| {
        format!(
            r#"[{{"id":"b-{path}","topic":"t","subject":"/blobServices/default/containers/landing/blobs/{path}",
            "eventType":"Microsoft.Storage.BlobCreated","eventTime":"2026-01-01T00:00:00Z","data":{{}},"dataVersion":"1"}}]"#
        )
    };
    assert_eq!(post(grid, &blob("blob.txt")).0, 202);
    up.wait_for(folder, 5);

    for (headers, body, status) in [
        (grid, blob("../pipeline.toml"), 400),
        (content_type, "{".into(), 400),
        ("ce-specversion: 1.0\r\nce-type: x\r\nce-id: 7\r\n", String::new(), 400),
        ("", "x".repeat((16 << 20) + 1), 413),
    ] {
        let (found, answer) = post(headers, &body);
        assert_eq!(found, status, "{answer}");
    }
    assert_eq!(up.request("GET", "/v1/events", "", "").0, 405);
    assert_eq!(up.request("POST", "/elsewhere", "", "").0, 404);
    assert_eq!(up.request("GET", "/ready", "", "").0, 200);
    let (_, metrics) = up.request("GET", "/metrics", "", "");
    assert!(metrics.contains("wasmill_events_accepted_total{trigger=\"http\"} 5"), "{metrics}");
    assert_eq!(up.stop(), Some(0));
    assert_eq!(documents(folder), (5, 5));
}

#[test]
fn a_dead_letter_is_mended_replayed_and_gone() {
    let folder = pipeline();
    let folder = folder.path();
    land(folder, "a.csv", "id,value\n1,1\nnone,2\n3,3\n");
    land(folder, "b.csv", "wrong,header\n1,1\n");
    let (code, said) = drain(folder);
    assert_eq!(code, 1, "{said}");
    let list = || wasmill(folder, &["dead-letters", "list", "."]).1;
    let letters = list();
    assert_eq!(letters.lines().count(), 2, "{letters}");
    assert!(letters.contains("read line 3: column `id`") && letters.contains("read event: "), "{letters}");

    // The cause of both was the manifest, let us say.
    let manifest = up_folder::MANIFEST
        .replace("name = \"id\", type = \"int64\"", "name = \"id\", type = \"utf8\"")
        .replace("format = \"csv\"\n", "format = \"csv\"\nheader = false\n");
    std::fs::write(folder.join("pipeline.toml"), manifest).unwrap();
    let (_, _, said) = wasmill(folder, &["dead-letters", "replay", ".", "--all"]);
    assert_eq!(said, "2 events are due again; `wasmill up` runs them\n");
    drain(folder);
    let left = list();
    assert!(!left.contains("none") && !left.contains("read event: "), "{left}");
    // The header is no row of numbers: that is right now, and is dropped.
    assert_eq!(left.lines().count(), 2, "{left}");
    wasmill(folder, &["dead-letters", "drop", ".", "--all"]);
    assert_eq!(list(), "");
    assert_eq!(drain(folder).0, 0);
    let (code, _, said) = wasmill(folder, &["dead-letters", "replay", ".", "7"]);
    assert_eq!(code, 2);
    assert!(said.starts_with("error: there is no dead letter 7\nhint: "), "{said}");
}

#[test]
fn a_manifest_that_changes_is_taken_up() {
    let folder = pipeline();
    let folder = folder.path();
    let up = Up::start(folder, &[]);
    land(folder, "a.csv", &rows(0, 10));
    up.wait_for(folder, 10);
    // One that is wrong leaves the old one at work.
    let manifest = |text: &str| std::fs::write(folder.join("pipeline.toml"), text).unwrap();
    manifest("version = 2");
    up.wait_said("changed, and the pipeline goes on as it was: ./pipeline.toml:1: ");
    land(folder, "b.csv", &rows(10, 10));
    up.wait_for(folder, 20);
    manifest(&up_folder::MANIFEST.replace("documents.db", "others.db"));
    up.wait_said("where documents and the journal are cannot change while it runs\nhint: start `wasmill up` again");
    // A file that the manifest names is a part of it.
    let sql = |text: &str| std::fs::write(folder.join("names.sql"), text).unwrap();
    sql("SELECT 'new-' || id AS id, value FROM input");
    let names = "[[step]]\nid = \"names\"\ncomponent = \"transform\"\nconfig = { sql = { file = \"names.sql\" } }\n\n";
    manifest(&up_folder::MANIFEST.replace("[[step]]\nid = \"publish\"", &format!("{names}[[step]]\nid = \"publish\"")));
    up.wait_said("`./pipeline.toml` changed, and the pipeline is taken up as it is now");
    land(folder, "c.csv", &rows(0, 10));
    up.wait_for(folder, 30);
    sql("SELECT 'newer-' || id AS id, value FROM input");
    up.wait_said("names.sql` changed, and the pipeline is taken up as it is now");
    land(folder, "d.csv", &rows(0, 10));
    up.wait_for(folder, 40);
    assert_eq!(up.stop(), Some(0));
    assert_eq!(documents(folder), (40, 40));
    for id in ["7", "new-7", "newer-7"] {
        assert_eq!(wasmill(folder, &["documents", "get", ".", id]).0, 0, "{id}");
    }
}

#[test]
fn a_kill_in_the_middle_loses_nothing_and_doubles_nothing() {
    let folder = pipeline();
    let folder = folder.path();
    land(folder, "a.csv", &rows(0, 100_000));
    let mut up = Up::start(folder, &[]);
    up.wait_for(folder, 1);
    up.process.kill().unwrap();
    up.process.wait().unwrap();
    let (done, effects) = documents(folder);
    assert_eq!(done, effects);
    assert_eq!(drain(folder).0, 0);
    assert_eq!(documents(folder), (100_000, 100_000));
}

#[test]
fn a_backfill_runs_what_was_chosen_beside_what_lands() {
    let folder = pipeline();
    let folder = folder.path();
    for (month, first) in [("01", 0), ("02", 10), ("03", 20)] {
        land(folder, &format!("2013-{month}.csv"), &rows(first, 10));
    }
    assert_eq!(drain(folder).0, 0);
    let backfill = |arguments: &[&str]| wasmill(folder, &[&["backfill"], arguments].concat());
    let (code, stdout, stderr) = backfill(&["start", ".", "--from", "2013-02", "--dry-run"]);
    assert_eq!((code, stdout.lines().count(), stderr.as_str()), (0, 2, "2 events; nothing was begun\n"), "{stdout}");
    let (code, _, stderr) = backfill(&["start", ".", "--until", "2001-01-01"]);
    assert!(code == 2 && stderr.contains("there is nothing to run"), "{stderr}");

    // Other documents come of the same objects by now.
    let manifest = up_folder::MANIFEST.replace("\"{id}\"", "\"new-{id}\"");
    std::fs::write(folder.join("pipeline.toml"), manifest).unwrap();
    assert_eq!(drain(folder).0, 0);
    assert_eq!(documents(folder), (30, 30));
    let (code, stdout, _) = backfill(&["start", ".", "--from", "2013-02", "--to", "2013-02"]);
    assert_eq!((code, stdout.as_str()), (0, "1\n"));
    let (_, stdout, _) = backfill(&["list", "."]);
    assert!(stdout.contains(" objects from 2013-02 to 2013-02: 1 waiting, 0 running, 0 done, 0 dead\n"), "{stdout}");
    assert_eq!(drain(folder).0, 0);
    assert_eq!(documents(folder), (40, 40));
    assert_eq!(wasmill(folder, &["documents", "get", ".", "new-15"]).0, 0);

    assert_eq!(backfill(&["start", "."]).1, "2\n");
    assert_eq!(backfill(&["cancel", ".", "2"]).0, 0);
    let (code, _, stderr) = backfill(&["cancel", ".", "3"]);
    assert_eq!((code, stderr.lines().next()), (2, Some("error: there is no backfill 3")));
    let (_, stdout, _) = backfill(&["list", "."]);
    let last = stdout.lines().next().unwrap();
    assert!(last.contains("0 waiting, 0 running, 0 done, 0 dead, cancelled "), "{stdout}");
    assert_eq!(drain(folder).0, 0);
    assert_eq!(documents(folder), (40, 40));
}

#[test]
fn an_event_that_is_cancelled_ends_and_can_be_replayed() {
    let folder = pipeline();
    let folder = folder.path();
    let locked = rusqlite::Connection::open(folder.join(".wasmill/documents.db")).unwrap();
    locked
        .execute_batch("CREATE TRIGGER refuse BEFORE INSERT ON documents BEGIN SELECT RAISE(ABORT, 'not now'); END")
        .unwrap();
    let up = Up::start(folder, &[]);
    land(folder, "a.csv", &rows(0, 10));
    up.wait_said("not now");
    let (_, runs, _) = wasmill(folder, &["runs", "list", "."]);
    let event = runs.split_whitespace().find(|word| word.starts_with("a.csv@")).unwrap().to_owned();
    assert_eq!(wasmill(folder, &["runs", "cancel", ".", &event]).0, 0);
    assert_eq!(wasmill(folder, &["runs", "cancel", ".", &event]).0, 1);
    // What runs at the moment finds out when it tells how far it is, or when it ends.
    assert_eq!(up.stop(), Some(1));
    locked.execute_batch("DROP TRIGGER refuse").unwrap();
    assert_eq!(documents(folder), (0, 0));
    let (_, letters, _) = wasmill(folder, &["dead-letters", "list", "."]);
    assert!(letters.contains("event: it was cancelled"), "{letters}");
    wasmill(folder, &["dead-letters", "replay", ".", "--all"]);
    assert_eq!(drain(folder).0, 0);
    assert_eq!(documents(folder), (10, 10));
}

#[test]
fn a_pipeline_follows_another_and_takes_each_end_once() {
    let (first, second) = (pipeline(), pipeline());
    let chained = up_folder::MANIFEST
        .replace("name = \"numbers\"", "name = \"after\"")
        .replace(
            "type = \"object\"\nstore = \"landing\"\npattern = \"*.csv\"\nsettle_seconds = 0",
            "type = \"pipeline\"\nmanifest = \"FIRST\"",
        )
        .replace("FIRST", &first.path().display().to_string());
    let (first, second) = (first.path(), second.path());
    std::fs::write(second.join("pipeline.toml"), &chained).unwrap();
    // The journal of the other one is there, and empty.
    let up = Up::start(second, &[]);
    land(first, "a.csv", &rows(0, 10));
    assert_eq!(drain(first).0, 0);
    up.wait_for(second, 10);
    drop(up);
    land(first, "b.csv", &rows(10, 10));
    land(first, "c.csv", "nothing\n");
    assert_eq!(drain(first).0, 1);
    let up = Up::start(second, &[]);
    up.wait_for(second, 20);
    assert_eq!(up.stop(), Some(0));
    assert_eq!(documents(second), (20, 20));
    let (_, runs, counts) = wasmill(second, &["runs", "list", "."]);
    assert_eq!(runs.lines().filter(|line| line.contains("numbers/")).count(), 2, "{runs}");
    assert_eq!(counts, "events: 0 waiting, 0 running, 2 done, 0 dead; dead letters: 0\n");

    // What did not end well, as a report.
    let reports = chained
        .replace("type = \"pipeline\"", "type = \"pipeline\"\non = [\"dead\"]\nobject = \"report\"")
        .replace("name = \"after\"", "name = \"alarm\"")
        .replace("format = \"csv\"", "format = \"jsonl\"")
        .replace("{ name = \"id\", type = \"int64\", nullable = false },\n    { name = \"value\", type = \"float64\", nullable = false },", "{ name = \"event\", type = \"utf8\" }, { name = \"outcome\", type = \"utf8\" }, { name = \"reason\", type = \"utf8\" },")
        .replace("id = \"{id}\"", "id = \"{outcome}\"");
    std::fs::write(second.join("pipeline.toml"), reports).unwrap();
    let up = Up::start(second, &[]);
    up.wait_for(second, 21);
    assert_eq!(up.stop(), Some(0));
    let (_, document, _) = wasmill(second, &["documents", "get", ".", "dead"]);
    assert!(document.contains("\"event\": \"c.csv@") && document.contains("\"reason\": "), "{document}");
}

#[test]
fn probes_need_no_key() {
    let folder = pipeline();
    let rules = "[access]\n[[access.read]]\ncollections = [\"*\"]\nanyone = true\n";
    std::fs::write(folder.path().join("access.toml"), rules).unwrap();
    let up = Up::spawn(
        folder.path(),
        command(folder.path(), &["up", ".", "--addr", "127.0.0.1:0", "--access", "access.toml"]),
    );
    let ask = |path: &str| up.request("GET", path, "", "").0;
    assert_eq!(["/healthz", "/health", "/ready", "/metrics", "/v1/overview"].map(ask), [200, 200, 200, 401, 401]);
    up.stop();
}
