//! What is forgotten, and what is not.

use std::sync::Arc;

use wasmill_journal::event::Accepted;
use wasmill_journal::letters::Letter;
use wasmill_journal::{Journal, NewEvent, Terms};
use wasmill_runtime::event::{EventId, Object};
use wasmill_runtime::manifest::Id;
use wasmill_runtime::plan::JournalPlan;
use wasmill_runtime::store::Location;

fn event(id: &str, trigger: &str, object: Object) -> NewEvent {
    NewEvent { id: EventId::from(id.to_owned()), generation: 0, trigger: trigger.into(), time: 0, object, trace: None }
}

#[tokio::test]
async fn what_ended_long_ago_is_forgotten_but_for_objects_dead_letters_and_the_last_of_a_trigger() {
    let folder = tempfile::tempdir().unwrap();
    let place = JournalPlan::Sqlite(folder.path().join("journal.db"));
    let pipeline = Id::try_from("numbers".to_owned()).unwrap();
    let journal = Journal::open(&place, &pipeline, Box::new(|| Ok(()))).unwrap();
    let bytes = || Object::Bytes([1].into());
    let file = || Object::Stored { location: Location::of("/a.csv"), size: 1, changed: Some(0) };
    let all = [
        event("old", "http", bytes()),
        event("rejected", "http", bytes()),
        event("object", "object", file()),
        event("daily", "schedule", bytes()),
        event("last", "http", bytes()),
    ];
    for event in all.clone() {
        journal.accept(event, 0).await.unwrap();
    }
    let terms = Arc::new(Terms { worker: "w".into(), plan: "p".into(), lease: 100, most_deaths: 3 });
    for lease in journal.lease(&terms, 10, 10, u64::MAX, 0).await.unwrap() {
        let letter = Letter { step: "read".into(), row: Some(1), reason: "bad".into(), raw: None };
        let letters = if lease.id.as_str() == "rejected" { vec![letter] } else { Vec::new() };
        let at = if lease.id.as_str() == "last" { 2000 } else { 1000 };
        journal.done(&lease, letters, Vec::new(), "{}".into(), at).await.unwrap();
    }
    assert!(!journal.prune(1000).await.unwrap());
    while journal.prune(1500).await.unwrap() {}
    let runs: Vec<String> = journal.runs(None, 100).await.unwrap().into_iter().map(|run| run.event).collect();
    assert_eq!(runs, ["last", "rejected"]);
    for (event, expect) in all.into_iter().zip([false, true, true, true, true]) {
        let id = event.id.clone();
        let accepted = journal.accept(event, 3000).await.unwrap();
        assert_eq!(matches!(accepted, Accepted::Known(_)), expect, "{id}");
    }
}

#[test]
fn a_file_of_the_first_version_is_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journal.db");
    let (pipeline, place) = (Id::try_from("numbers".to_owned()).unwrap(), JournalPlan::Sqlite(file.clone()));
    drop(Journal::open(&place, &pipeline, Box::new(|| Ok(()))).unwrap());
    // As the first version left it: without what later ones added, and with what they dropped.
    let back = "DROP TABLE runs; DROP TABLE contributions; DROP TABLE totals; DROP TABLE contributors; DROP TABLE total_rules;
        DROP TABLE extracts; DROP TABLE sinks; DROP TABLE staged; DROP TABLE written; CREATE TABLE batches (number INTEGER) STRICT;
        DROP TABLE backfills; DROP INDEX events_that_wait; DROP INDEX backfills_that_wait;
        ALTER TABLE events DROP COLUMN trace; PRAGMA user_version = 1;
        INSERT INTO events (pipeline, id, generation, trigger, time, accepted, size, body, state, due, since)
        VALUES ('numbers', 'before', 0, 'http', 0, 0, 1, x'31', 'waiting', 0, 0)";
    rusqlite::Connection::open(&file).unwrap().execute_batch(back).unwrap();
    let journal = Journal::open(&place, &pipeline, Box::new(|| Ok(()))).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let terms = Arc::new(Terms { worker: "w".into(), plan: "p".into(), lease: 100, most_deaths: 3 });
    let leases = runtime.block_on(journal.lease(&terms, 10, 10, u64::MAX, 0)).unwrap();
    assert_eq!(
        leases.iter().map(|lease| (lease.id.as_str(), lease.trace.clone())).collect::<Vec<_>>(),
        [("before", None)]
    );
    assert_eq!(runtime.block_on(journal.backfills()).unwrap(), []);
}
