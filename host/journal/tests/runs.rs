//! What `wasmill run` did, in a journal, and in one that an older Wasmill made.

#[path = "common/runs.rs"]
mod runs;

use wasmill_journal::Journal;
use wasmill_journal::history::NewRun;
use wasmill_runtime::event::EventId;
use wasmill_runtime::manifest::Id;
use wasmill_runtime::plan::JournalPlan;

fn pipeline() -> Id {
    Id::try_from("numbers".to_owned()).unwrap()
}

#[test]
fn runs_are_listed_among_attempts_and_the_last_of_many_are_remembered() {
    let folder = tempfile::tempdir().unwrap();
    let place = JournalPlan::Sqlite(folder.path().join("journal.db"));
    runs::are_listed_among_attempts(&Journal::open(&place, &pipeline(), Box::new(|| Ok(()))).unwrap());
}

#[test]
fn a_file_that_knows_no_runs_keeps_its_attempts_and_takes_some() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journal.db");
    let place = JournalPlan::Sqlite(file.clone());
    let open = || Journal::open(&place, &pipeline(), Box::new(|| Ok(()))).unwrap();
    drop(open());
    // As the fifth version left it, with a report that says nothing of what was used.
    let back = r#"DROP TABLE runs; PRAGMA user_version = 5;
        INSERT INTO events (sequence, pipeline, id, generation, trigger, time, accepted, size, body, state, due, since)
        VALUES (1, 'numbers', 'before', 0, 'http', 0, 0, 1, x'31', 'done', 0, 0);
        INSERT INTO attempts (event, number, worker, plan, started, ended, outcome, report)
        VALUES (1, 1, 'w', 'p', 1, 2, 'done', '{"event":"before","bytes":1,"seconds":0.5,"steps":[]}')"#;
    rusqlite::Connection::open(&file).unwrap().execute_batch(back).unwrap();
    let journal = open();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let event = EventId::from("after".to_owned());
    let run = NewRun { event, plan: "p".into(), started: 3, ended: 4, outcome: Ok("{}".into()) };
    runtime.block_on(journal.record_runs(vec![run])).unwrap();
    let runs = runtime.block_on(journal.runs(None, 10)).unwrap();
    assert_eq!(
        runs.iter().map(|run| (run.event.as_str(), run.attempt)).collect::<Vec<_>>(),
        [("after", 0), ("before", 1)]
    );
    let report: wasmill_runtime::run::EventReport =
        serde_json::from_str(runs[1].report.as_ref().unwrap().get()).unwrap();
    assert_eq!((report.bytes, report.used), (1, None));
}
