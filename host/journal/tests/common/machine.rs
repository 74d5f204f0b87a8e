//! Workers that take, lose, finish and give back events at random, dying in between, against a model of what must hold.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use wasmill_journal::event::Accepted;
use wasmill_journal::journal::{Blame, Reason};
use wasmill_journal::letters::Letter;
use wasmill_journal::staging::{BatchTerms, Due, Staged};
use wasmill_journal::{Journal, JournalError, Lease, NewEvent, Terms};
use wasmill_runtime::event::{EventId, Object};
use wasmill_runtime::manifest::Id;

const LEASE: i64 = 100;
const CHUNKS: u64 = 3;
const MOST_FAULTS: u32 = 3;

/// What is due later than this was put off before the clock was set back.
const HORIZON: i64 = 120_000_000;

#[derive(Debug, Clone)]
pub enum Act {
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
    /// The clock is set back by an hour.
    SetBack,
    Replay,
    /// Someone cancels an event.
    Cancel(u8),
    /// Events are run once more, in a backfill.
    Backfill(u8),
    /// The last backfill is cancelled.
    CancelBackfill,
    /// The journal's process dies and comes back.
    Reopen,
    /// Someone puts a batch for the sink together, and may die before or after it is in.
    Commit(Fate),
}

/// How far someone who commits a batch gets.
#[derive(Debug, Clone, Copy)]
pub enum Fate {
    DiesBefore,
    DiesAfter,
    SeesItThrough,
}

/// Anything that may happen.
pub fn act() -> impl Strategy<Value = Act> {
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
        1 => Just(Act::SetBack),
        1 => Just(Act::Replay),
        1 => (0u8..6).prop_map(Act::Cancel),
        1 => (0u8..6).prop_map(Act::Backfill),
        1 => Just(Act::CancelBackfill),
        1 => Just(Act::Reopen),
        4 => prop_oneof![Just(Fate::DiesBefore), Just(Fate::DiesAfter), Just(Fate::SeesItThrough)].prop_map(Act::Commit),
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
    /// Whether it has a dead letter by having been cancelled.
    cancelled: bool,
}

struct World {
    journal: Journal,
    open: Box<dyn Fn() -> Journal>,
    now: i64,
    /// By id and generation.
    events: BTreeMap<(String, u32), Known>,
    backfills: u32,
    held: Vec<Held>,
    /// The last batch that is in the sink, and what is in it.
    last: u64,
    rows: Vec<Vec<u8>>,
    /// What was staged.
    staged: Vec<Vec<u8>>,
}

fn terms(plan: &str) -> Arc<Terms> {
    Arc::new(Terms { worker: "w".into(), plan: plan.into(), lease: LEASE, most_deaths: MOST_FAULTS })
}

fn key(lease: &Lease) -> (String, u32) {
    (lease.id.to_string(), lease.generation)
}

fn sink() -> Id {
    Id::try_from("table".to_owned()).unwrap()
}

fn reason() -> Reason {
    Reason { step: "score".into(), text: "it did not work".into() }
}

impl World {
    fn new(open: Box<dyn Fn() -> Journal>) -> Self {
        Self {
            journal: open(),
            open,
            now: 0,
            events: BTreeMap::new(),
            backfills: 0,
            held: Vec::new(),
            last: 0,
            rows: Vec::new(),
            staged: Vec::new(),
        }
    }

    fn event(&self, name: u8) -> NewEvent {
        NewEvent {
            id: EventId::from(format!("event-{name}")),
            generation: 0,
            trigger: "test".into(),
            time: self.now,
            object: Object::Bytes([name].into()),
            trace: None,
        }
    }

    /// Whether the lease must hold: nobody else may have it, and a lease that ran out holds until someone takes it.
    fn holds(&self, lease: &Lease) -> bool {
        self.events.get(&key(lease)).is_some_and(|known| known.attempt == Some(lease.attempt))
    }

    fn known(&mut self, lease: &Lease) -> &mut Known {
        self.events.get_mut(&key(lease)).unwrap()
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
                let event = self.event(*name);
                let key = (event.id.to_string(), 0);
                let accepted = self.journal.accept(event, self.now).await.unwrap();
                assert_eq!(matches!(accepted, Accepted::New(_)), !self.events.contains_key(&key));
                self.events.entry(key).or_default();
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
                    let dead = self.is_dead(&held.lease).await;
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
            Act::SetBack => self.now -= 3_600_000_000,
            Act::Cancel(name) => {
                let id = self.event(*name).id.to_string();
                let any = self.journal.cancel(&id, self.now).await.unwrap();
                let events = self.events.iter_mut().filter(|((known, _), event)| *known == id && !event.ended);
                let cancelled =
                    events.map(|(_, event)| (event.attempt, event.ended, event.cancelled) = (None, true, true)).count();
                assert_eq!(any, cancelled > 0);
            }
            Act::Backfill(name) => {
                let event = self.event(*name);
                self.backfills += 1;
                let id = event.id.to_string();
                let begun = self.journal.begin_backfill("again".into(), vec![event], self.now).await.unwrap();
                assert_eq!(begun, self.backfills);
                self.events.insert((id, begun), Known::default());
            }
            Act::CancelBackfill => {
                let generation = self.backfills;
                let there = self.journal.cancel_backfill(generation, self.now).await.unwrap();
                assert_eq!(there, generation > 0);
                self.events.retain(|(_, of), event| {
                    let untouched = event.attempts == 0 && !event.cancelled && !event.ended;
                    *of != generation || !untouched || generation == 0
                });
                let events = self
                    .events
                    .iter_mut()
                    .filter(|((_, of), event)| *of == generation && generation > 0 && !event.ended);
                events.for_each(|(_, event)| (event.attempt, event.ended) = (None, true));
            }
            Act::Replay => {
                let letters = self.journal.letters(100).await.unwrap();
                let ids = letters.iter().map(|letter| letter.id).collect();
                self.journal.replay(ids, self.now).await.unwrap();
                for letter in letters {
                    let known = self.events.get_mut(&(letter.event, letter.generation)).unwrap();
                    if known.ended {
                        (known.ended, known.chunks) = (false, 0);
                    }
                }
            }
            Act::Reopen => self.journal = (self.open)(),
            Act::Commit(fate) => self.commit(*fate).await,
        }
    }

    async fn commit(&mut self, fate: Fate) {
        let terms = BatchTerms { most_rows: 3, most_bytes: 1 << 20, wait: 20, lease: LEASE, whole_events: false };
        let Due::Batch(batch) = self.journal.batch(&sink(), "lane", terms, self.now).await.unwrap() else { return };
        assert!(!batch.payloads.is_empty() && batch.payloads.len() <= 3);
        assert!(batch.number == self.last || batch.number == self.last + 1, "{} after {}", batch.number, self.last);
        if matches!(fate, Fate::DiesBefore) {
            return;
        }
        if batch.number > self.last {
            self.last = batch.number;
            self.rows.extend(batch.payloads.into_iter().map(|payload| payload.bytes));
        }
        if matches!(fate, Fate::SeesItThrough) {
            self.journal.committed(&sink(), batch.number).await.unwrap();
        }
    }

    /// Everything that was staged is in the sink in the end, once.
    async fn commit_all(&mut self) {
        self.now += LEASE;
        while self.journal.staged(&sink()).await.unwrap() > 0 {
            self.now += 20;
            self.commit(Fate::SeesItThrough).await;
        }
        self.rows.sort();
        self.staged.sort();
        assert_eq!(self.rows, self.staged);
    }

    fn worker(&mut self, index: usize) -> Option<Held> {
        (index < self.held.len()).then(|| self.held.remove(index))
    }

    async fn is_dead(&self, lease: &Lease) -> bool {
        let letters = self.journal.letters(100).await.unwrap();
        letters
            .into_iter()
            .filter(|letter| letter.row.is_none() && letter.attempt == lease.attempt)
            .any(|letter| (letter.event, letter.generation) == key(lease))
    }

    async fn take(&mut self, plan: &str, limit: usize) {
        let before = self.events.clone();
        for lease in self.journal.lease(&terms(plan), limit, limit, u64::MAX, self.now).await.unwrap() {
            let now = self.now;
            let known = self.known(&lease);
            assert!(!known.ended, "{} had ended", lease.id);
            assert!(
                known.attempt.is_none() || known.until <= now || known.until > now + HORIZON,
                "{} was held",
                lease.id
            );
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
                cancelled: known.cancelled,
            };
            self.held.push(Held { chunks: lease.chunks, lease });
        }
        // One whose workers all went away is a dead letter by now.
        let letters = self.journal.letters(100).await.unwrap().into_iter().filter(|letter| letter.row.is_none());
        let dead: Vec<_> = letters.map(|letter| ((letter.event, letter.generation), letter.attempt)).collect();
        for (key, known) in &mut self.events {
            let over = known.until <= self.now || known.until > self.now + HORIZON;
            let ran_out = known.attempt.is_some() && over;
            if ran_out && before.get(key) == Some(known) && dead.contains(&(key.clone(), known.attempts)) {
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
        let payload = format!("{} {} {} {chunks}", lease.id, lease.generation, lease.attempt).into_bytes();
        let staged = Staged { sink: sink(), rows: 1, payload: payload.clone(), is_held: false, written: None };
        let letter = Letter { step: "transform".into(), row: Some(chunks), reason: "bad".into(), raw: None };
        let result = self.journal.progress(&lease, chunks, vec![letter], vec![staged], self.now).await;
        if self.check(&lease, result).is_some() {
            let known = self.known(&lease);
            // One after the other, each once in a pass.
            assert_eq!(known.chunks + 1, chunks);
            known.chunks = chunks;
            self.staged.push(payload);
        }
    }

    async fn done(&mut self, worker: usize) {
        if self.held.get(worker).is_none_or(|held| held.chunks < CHUNKS) {
            return;
        }
        let Some(held) = self.worker(worker) else { return };
        let result = self.journal.done(&held.lease, Vec::new(), Vec::new(), "{}".into(), self.now).await;
        if self.check(&held.lease, result).is_some() {
            assert!(!self.is_dead(&held.lease).await);
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
        let counts = self.journal.counts().await.unwrap();
        assert_eq!((counts.waiting, counts.running), (0, 0));
        assert_eq!(counts.done + counts.dead, self.events.len() as u64);
        assert!(self.events.values().all(|known| known.ended));
        assert_eq!(self.journal.next_due().await.unwrap(), None);
        self.commit_all().await;
        // The rows of an event that is done are told once each.
        let letters = self.journal.letters(1000).await.unwrap();
        let rows: BTreeSet<_> = letters.iter().map(|letter| (&letter.event, letter.generation, letter.row)).collect();
        assert_eq!(rows.len(), letters.len());
        assert_eq!(letters.iter().filter(|letter| letter.row.is_none()).count() as u64, counts.dead);
    }
}

/// Does all of it in a journal that is opened so, and lets good workers do what is left.
pub fn run(open: impl Fn() -> Journal + 'static, acts: &[Act]) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut world = World::new(Box::new(open));
        for act in acts {
            world.act(act).await;
        }
        world.settle().await;
    });
}
