//! What `wasmill run` did, in a journal of any kind.

use std::sync::Arc;

use wasmill_journal::history::NewRun;
use wasmill_journal::{Journal, NewEvent, Terms};
use wasmill_runtime::event::{EventId, Object};

/// Runs are listed among attempts, the last one first, and only the last of many are remembered.
pub fn are_listed_among_attempts(journal: &Journal) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let id = EventId::from("accepted".to_owned());
        let object = Object::Bytes([1].into());
        let event = NewEvent { id, generation: 0, trigger: "http".into(), time: 0, object, trace: None };
        journal.accept(event, 0).await.unwrap();
        let terms = Arc::new(Terms { worker: "w".into(), plan: "p".into(), lease: 100, most_deaths: 3 });
        let lease = journal.lease(&terms, 1, 1, u64::MAX, 2000).await.unwrap().remove(0);
        journal.done(&lease, Vec::new(), Vec::new(), "{}".into(), 3000).await.unwrap();
        let run = |event: &str, started, outcome: Result<&str, &str>| NewRun {
            event: EventId::from(event.to_owned()),
            plan: "p".into(),
            started,
            ended: started + 1,
            outcome: outcome.map(str::to_owned).map_err(str::to_owned),
        };
        let both = vec![run("first", 1000, Ok(r#"{"bytes":1}"#)), run("last", 4000, Err("it was no CSV"))];
        journal.record_runs(both).await.unwrap();
        let listed = || async {
            let runs = journal.runs(None, 100).await.unwrap();
            runs.into_iter().map(|run| (run.event, run.attempt, run.outcome.unwrap())).collect::<Vec<_>>()
        };
        let expect = [("last", 0, "failed"), ("accepted", 1, "done"), ("first", 0, "done")];
        assert_eq!(listed().await, expect.map(|(event, attempt, outcome)| (event.into(), attempt, outcome.into())));
        let one = journal.runs(Some("last"), 100).await.unwrap().remove(0);
        assert_eq!((one.worker.as_str(), one.reason.as_deref()), ("wasmill run", Some("it was no CSV")));
        assert_eq!((one.ended.unwrap() - one.started, one.report.is_none()), (1, true));
        let one = journal.runs(Some("first"), 100).await.unwrap().remove(0);
        assert_eq!(one.report.unwrap().get(), r#"{"bytes":1}"#);
        // The first two and one more make room.
        let many = (0..10_001).map(|_| run("many", 5000, Ok("{}"))).collect();
        journal.record_runs(many).await.unwrap();
        assert_eq!(journal.runs(Some("many"), u32::MAX >> 1).await.unwrap().len(), 10_000);
        let left = journal.runs(None, u32::MAX >> 1).await.unwrap();
        assert_eq!(left.len(), 10_001, "attempts stay");
        assert!(journal.prune(5500).await.unwrap());
    });
}
