//! Events that a broker delivers: what nothing came of is kept once, and replayed like any other.

use std::sync::Arc;

use wasmill_journal::deposit::{Deposit, Remains};
use wasmill_journal::journal::Reason;
use wasmill_journal::letters::{DeadLetter, Letter};
use wasmill_journal::{Journal, Lease, NewEvent, Terms};
use wasmill_runtime::event::{EventId, Object};
use wasmill_runtime::manifest::Id;
use wasmill_runtime::plan::JournalPlan;

struct Here {
    journal: Journal,
    runtime: tokio::runtime::Runtime,
    _folder: tempfile::TempDir,
}

impl Here {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pipeline = Id::try_from("numbers".to_owned()).unwrap();
        let journal =
            Journal::open(&JournalPlan::Sqlite(folder.path().join("journal.db")), &pipeline, Box::new(|| Ok(())))
                .unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        Self { journal, runtime, _folder: folder }
    }

    fn deposit(&self, attempt: u32, remains: Remains) {
        let event = NewEvent {
            trace: None,
            id: EventId::from("S@1".to_owned()),
            generation: 0,
            trigger: "nats S/c".into(),
            time: 5,
            object: Object::Bytes(Arc::from(*b"body")),
        };
        let deposit = Deposit { event, attempt, worker: "w".into(), plan: "p".into(), started: 6, remains };
        self.runtime.block_on(self.journal.deposit(deposit, 10)).unwrap();
    }

    fn letters(&self) -> Vec<(u32, Option<u64>, String)> {
        let letters = self.runtime.block_on(self.journal.letters(100)).unwrap();
        letters.into_iter().map(|DeadLetter { attempt, row, reason, .. }| (attempt, row, reason)).collect()
    }

    fn replay(&self) -> Vec<Lease> {
        let ids = self.runtime.block_on(self.journal.letters(100)).unwrap().iter().map(|letter| letter.id).collect();
        self.runtime.block_on(self.journal.replay(ids, 20)).unwrap();
        let terms = Terms { worker: "w".into(), plan: "p".into(), lease: 100, most_deaths: 3 };
        self.runtime.block_on(self.journal.lease(&Arc::new(terms), 10, 10, 1 << 20, 20)).unwrap()
    }

    /// Waiting, running, done, dead, and letters.
    fn counts(&self) -> [u64; 5] {
        let counts = self.runtime.block_on(self.journal.counts()).unwrap();
        [counts.waiting, counts.running, counts.done, counts.dead, counts.letters]
    }
}

fn dead(text: &str) -> Remains {
    Remains::Dead(Reason { step: "read".into(), text: text.into() })
}

fn rejected(rows: &[u64]) -> Remains {
    let letter = |row: &u64| Letter { step: "read".into(), row: Some(*row), reason: format!("row {row}"), raw: None };
    Remains::Done { letters: rows.iter().map(letter).collect(), report: "{}".into() }
}

#[test]
fn a_dead_event_is_kept_once_and_replayed_with_its_body() {
    let here = Here::new();
    here.deposit(3, dead("no"));
    here.deposit(3, dead("no"));
    here.deposit(4, dead("still no"));
    assert_eq!(here.letters(), [(4, None, "still no".to_owned())]);
    assert_eq!(here.counts(), [0, 0, 0, 1, 1]);
    assert_eq!(here.runtime.block_on(here.journal.runs(None, 10)).unwrap().len(), 2);

    let leases = here.replay();
    let [lease] = leases.as_slice() else { panic!("{leases:?}") };
    assert_eq!((lease.attempt, lease.time, &lease.object), (5, 5, &Object::Bytes(Arc::from(*b"body"))));
    // The broker has not heard of it, and delivers it once more.
    here.deposit(6, dead("once more"));
    assert_eq!(here.counts(), [0, 1, 0, 0, 1]);
    here.runtime.block_on(here.journal.done(lease, Vec::new(), Vec::new(), "{}".into(), 30)).unwrap();
    assert_eq!(here.counts(), [0, 0, 1, 0, 0]);
}

#[test]
fn rejected_rows_are_kept_once_and_gone_when_a_replay_takes_them() {
    let here = Here::new();
    here.deposit(1, rejected(&[2, 7]));
    here.deposit(2, rejected(&[2, 7]));
    assert_eq!(here.letters(), [(2, Some(2), "row 2".to_owned()), (2, Some(7), "row 7".to_owned())]);
    assert_eq!(here.counts(), [0, 0, 1, 0, 2]);
    let leases = here.replay();
    let [lease] = leases.as_slice() else { panic!("{leases:?}") };
    here.runtime.block_on(here.journal.done(lease, Vec::new(), Vec::new(), "{}".into(), 30)).unwrap();
    assert_eq!(here.counts(), [0, 0, 1, 0, 0]);
}

#[test]
fn an_event_that_was_dead_and_is_delivered_again_may_come_out_well() {
    let here = Here::new();
    here.deposit(1, dead("the store is full"));
    here.deposit(2, rejected(&[2]));
    assert_eq!(here.letters(), [(2, Some(2), "row 2".to_owned())]);
    assert_eq!(here.counts(), [0, 0, 1, 0, 1]);
    // Of other rows by then, or of none.
    here.deposit(3, rejected(&[4]));
    assert_eq!(here.letters(), [(3, Some(4), "row 4".to_owned())]);
    here.deposit(4, rejected(&[]));
    assert_eq!(here.counts(), [0, 0, 1, 0, 0]);
}

#[test]
fn of_an_event_that_came_out_well_nothing_is_kept() {
    let here = Here::new();
    here.deposit(2, rejected(&[]));
    assert_eq!(here.counts(), [0, 0, 0, 0, 0]);
}
