//! Workers that take, lose, finish and give back events at random, dying in between, against a model of what must hold.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use wasmill_journal::event::Accepted;
use wasmill_journal::journal::{Blame, Reason};
use wasmill_journal::letters::Letter;
use wasmill_journal::{Journal, JournalError, Lease, NewEvent, Terms};
use wasmill_runtime::event::{EventId, Object};
use wasmill_runtime::manifest::Id;

const LEASE: i64 = 100;
const CHUNKS: u64 = 3;
const MOST_FAULTS: u32 = 3;

#[derive(Debug, Clone)]
enum Act {
    /// An event is offered, perhaps again.
    Accept(u8),
    /// A worker with one of two plans takes up to so many.
    Take(bool, usize),
    /// The n-th worker has the next chunk's effect, and says so.
    Progress(usize),
    /// The n-th worker says that all is done, if it is.
    Done(usize),
    Retry(usize, bool),
    Bury(usize),
    Release(usize),
    Renew(usize),
    /// The n-th worker dies without a word.
    Die(usize),
    Wait(i64),
    Replay,
    /// The journal's process dies and comes back.
    Reopen,
}

fn act() -> impl Strategy<Value = Act> {
    let worker = 0usize..4;
    prop_oneof![
        4 => (0u8..6).prop_map(Act::Accept),
        6 => (any::<bool>(), 1usize..4).prop_map(|(plan, limit)| Act::Take(plan, limit)),
        8 => worker.clone().prop_map(Act::Progress),
        6 => worker.clone().prop_map(Act::Done),
        2 => (worker.clone(), any::<bool>()).prop_map(|(worker, fault)| Act::Retry(worker, fault)),
        1 => worker.clone().prop_map(Act::Bury),
        1 => worker.clone().prop_map(Act::Release),
        2 => worker.clone().prop_map(Act::Renew),
        2 => worker.prop_map(Act::Die),
        3 => (1i64..80).prop_map(Act::Wait),
        1 => Just(Act::Replay),
        1 => Just(Act::Reopen),
    ]
}

/// A lease that a worker believes to have.
struct Held {
    lease: Lease,
    chunks: u64,
}

#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Known {
    /// The attempt that has the event; none if none has.
    attempt: Option<u32>,
    attempts: u32,
    /// Until when that holds.
    until: i64,
    /// Chunks recorded since the last pass began.
    chunks: u64,
    plan: String,
    ended: bool,
}

struct World {
    journal: Journal,
    folder: tempfile::TempDir,
    now: i64,
    events: BTreeMap<String, Known>,
    held: Vec<Held>,
    /// The numbers that chunks got in the order of a sink.
    numbers: BTreeSet<u64>,
}

fn open(folder: &Path) -> Journal {
    let pipeline = Id::try_from("machine".to_owned()).unwrap();
    Journal::open(&folder.join("journal.db"), &pipeline, Box::new(|| Ok(()))).unwrap()
}

fn terms(plan: &str) -> Arc<Terms> {
    Arc::new(Terms { worker: "w".into(), plan: plan.into(), lease: LEASE, most_deaths: MOST_FAULTS })
}

fn reason() -> Reason {
    Reason { step: "score".into(), text: "it did not work".into() }
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let journal = open(folder.path());
        Self { journal, folder, now: 0, events: BTreeMap::new(), held: Vec::new(), numbers: BTreeSet::new() }
    }

    /// Whether the lease must hold: nobody else may have it, and a lease that ran out holds until someone takes it.
    fn holds(&self, lease: &Lease) -> bool {
        self.events.get(lease.id.as_str()).is_some_and(|known| known.attempt == Some(lease.attempt))
    }

    fn known(&mut self, lease: &Lease) -> &mut Known {
        self.events.get_mut(lease.id.as_str()).unwrap()
    }

    /// What the journal says must be what the model says; whether it was let through.
    fn check<T>(&self, lease: &Lease, result: Result<T, JournalError>) -> Option<T> {
        match result {
            Ok(value) => {
                assert!(self.holds(lease), "attempt {} of {} was lost", lease.attempt, lease.id);
                Some(value)
            }
            Err(JournalError::LeaseLost { .. }) => {
                assert!(!self.holds(lease), "attempt {} of {} holds", lease.attempt, lease.id);
                None
            }
            Err(err) => panic!("{err}"),
        }
    }

    async fn act(&mut self, act: &Act) {
        match act {
            Act::Accept(name) => {
                let id = format!("event-{name}");
                let event = NewEvent {
                    trace: None,
                    id: EventId::from(id.clone()),
                    generation: 0,
                    trigger: "test".into(),
                    time: self.now,
                    object: Object::Bytes([*name].into()),
                };
                let accepted = self.journal.accept(event, self.now).await.unwrap();
                assert_eq!(matches!(accepted, Accepted::New(_)), !self.events.contains_key(&id));
                self.events.entry(id).or_default();
            }
            Act::Take(plan, limit) => self.take(if *plan { "new" } else { "old" }, *limit).await,
            Act::Progress(worker) => self.progress(*worker).await,
            Act::Done(worker) => self.done(*worker).await,
            Act::Retry(worker, fault) => {
                let Some(held) = self.worker(*worker) else { return };
                let blame = if *fault { Blame::Event } else { Blame::Outside };
                let result =
                    self.journal.retry(&held.lease, reason(), blame, MOST_FAULTS, self.now + 10, self.now).await;
                if self.check(&held.lease, result).is_some() {
                    let dead = self.is_dead(&held.lease);
                    let known = self.known(&held.lease);
                    (known.attempt, known.ended) = (None, dead);
                }
            }
            Act::Bury(worker) => {
                let Some(held) = self.worker(*worker) else { return };
                let result = self.journal.bury(&held.lease, reason(), self.now).await;
                if self.check(&held.lease, result).is_some() {
                    let known = self.known(&held.lease);
                    (known.attempt, known.ended) = (None, true);
                }
            }
            Act::Release(worker) => {
                let Some(held) = self.worker(*worker) else { return };
                let result = self.journal.release(&held.lease, self.now).await;
                if self.check(&held.lease, result).is_some() {
                    self.known(&held.lease).attempt = None;
                }
            }
            Act::Renew(worker) => {
                let now = self.now;
                let Some(held) = self.held.get(*worker) else { return };
                let lease = held.lease.clone();
                let lost = self.journal.renew(vec![(lease.sequence, lease.attempt)], LEASE, now).await.unwrap();
                assert_eq!(lost.is_empty(), self.holds(&lease));
                if lost.is_empty() {
                    self.known(&lease).until = now + LEASE;
                }
            }
            Act::Die(worker) => drop(self.worker(*worker)),
            Act::Wait(time) => self.now += time,
            Act::Replay => {
                let letters = self.journal.letters(100).unwrap();
                let ids = letters.iter().map(|letter| letter.id).collect();
                self.journal.replay(ids, self.now).await.unwrap();
                for letter in letters {
                    let known = self.events.get_mut(&letter.event).unwrap();
                    if known.ended {
                        (known.ended, known.chunks) = (false, 0);
                    }
                }
            }
            Act::Reopen => self.journal = open(self.folder.path()),
        }
    }

    fn worker(&mut self, index: usize) -> Option<Held> {
        (index < self.held.len()).then(|| self.held.remove(index))
    }

    fn is_dead(&self, lease: &Lease) -> bool {
        let letters = self.journal.letters(100).unwrap();
        letters
            .iter()
            .any(|letter| letter.event == lease.id.as_str() && letter.row.is_none() && letter.attempt == lease.attempt)
    }

    async fn take(&mut self, plan: &str, limit: usize) {
        let before = self.events.clone();
        for lease in self.journal.lease(&terms(plan), limit, u64::MAX, self.now).await.unwrap() {
            let now = self.now;
            let known = self.known(&lease);
            assert!(!known.ended, "{} had ended", lease.id);
            assert!(known.attempt.is_none() || known.until <= now, "{} was held", lease.id);
            if known.plan != plan {
                known.chunks = 0;
            }
            assert_eq!(lease.chunks, known.chunks);
            assert_eq!(lease.attempt, known.attempts + 1);
            *known = Known {
                attempt: Some(lease.attempt),
                attempts: lease.attempt,
                until: now + LEASE,
                chunks: known.chunks,
                plan: plan.into(),
                ended: false,
            };
            self.held.push(Held { chunks: lease.chunks, lease });
        }
        // One whose workers all went away is a dead letter by now.
        let letters = self.journal.letters(100).unwrap().into_iter().filter(|letter| letter.row.is_none());
        let dead: Vec<_> = letters.map(|letter| (letter.event, letter.attempt)).collect();
        for (id, known) in &mut self.events {
            let ran_out = known.attempt.is_some() && known.until <= self.now;
            if ran_out && before.get(id) == Some(known) && dead.contains(&(id.clone(), known.attempts)) {
                (known.attempt, known.ended) = (None, true);
            }
        }
    }

    async fn progress(&mut self, worker: usize) {
        let Some(held) = self.held.get_mut(worker) else { return };
        if held.chunks == CHUNKS {
            return;
        }
        held.chunks += 1;
        let (lease, chunks) = (held.lease.clone(), held.chunks);
        let sink = Id::try_from("table".to_owned()).unwrap();
        let number = self.journal.batch(&lease, &sink, chunks - 1).await;
        if let Some(number) = self.check(&lease, number) {
            let again = self.journal.batch(&lease, &sink, chunks - 1).await.unwrap();
            assert_eq!(number, again);
            self.numbers.insert(number);
        }
        let letter = Letter { step: "transform".into(), row: Some(chunks), reason: "bad".into(), raw: None };
        let result = self.journal.progress(&lease, chunks, vec![letter], self.now).await;
        if self.check(&lease, result).is_some() {
            let known = self.known(&lease);
            // One after the other, each once in a pass.
            assert_eq!(known.chunks + 1, chunks);
            known.chunks = chunks;
        }
    }

    async fn done(&mut self, worker: usize) {
        if self.held.get(worker).is_none_or(|held| held.chunks < CHUNKS) {
            return;
        }
        let Some(held) = self.worker(worker) else { return };
        let result = self.journal.done(&held.lease, Vec::new(), "{}".into(), self.now).await;
        if self.check(&held.lease, result).is_some() {
            assert!(!self.is_dead(&held.lease));
            let known = self.known(&held.lease);
            assert_eq!(known.chunks, CHUNKS);
            (known.attempt, known.ended) = (None, true);
        }
    }

    /// Everyone dies, and good workers do what is left.
    async fn settle(&mut self) {
        self.held.clear();
        for _ in 0..100 {
            self.now += LEASE;
            self.take("last", 10).await;
            while !self.held.is_empty() {
                for _ in 0..CHUNKS {
                    self.progress(0).await;
                }
                self.done(0).await;
            }
        }
        let counts = self.journal.counts().unwrap();
        assert_eq!((counts.waiting, counts.running), (0, 0));
        assert_eq!(counts.done + counts.dead, self.events.len() as u64);
        assert!(self.events.values().all(|known| known.ended));
        assert_eq!(self.journal.next_due().unwrap(), None);
        let numbers: Vec<u64> = self.numbers.iter().copied().collect();
        assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
        // The rows of an event that is done are told once each.
        let letters = self.journal.letters(1000).unwrap();
        let rows: BTreeSet<_> = letters.iter().map(|letter| (&letter.event, letter.row)).collect();
        assert_eq!(rows.len(), letters.len());
        assert_eq!(letters.iter().filter(|letter| letter.row.is_none()).count() as u64, counts.dead);
    }
}

proptest! {
    #[test]
    fn no_event_is_lost_and_no_chunk_counts_twice(acts in prop::collection::vec(act(), 1..120)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut world = World::new();
            for act in &acts {
                world.act(act).await;
            }
            world.settle().await;
        });
    }
}
