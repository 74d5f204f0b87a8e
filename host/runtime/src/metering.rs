//! What work uses that is paid for: time of processors, memory over time, bytes, requests, documents.
//!
//! Every thread has an account of what was used on it, or elsewhere on its behalf. What an event used is how much the accounts of
//! the threads that worked on it grew meanwhile, so nobody hands a meter through all that is called. A thread works on one event
//! at a time.

use std::cell::Cell;
use std::ops::AddAssign;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::time::{ClockId, Timespec, clock_gettime};
use serde::{Deserialize, Serialize, Serializer};

use crate::documents::Document;

/// How many bytes a gigabyte has where memory and storage are paid for.
pub const GIGABYTE: f64 = (1_u64 << 30) as f64;

/// What was used.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Used {
    /// Time of a processor, in seconds: of the threads that work on events, in functions and in the host, and of those that do
    /// something on their behalf: adapters of document databases, the ledger of totals, what encodes rows for tables.
    #[serde(serialize_with = "to_nine_places")]
    pub cpu_seconds: f64,
    /// The same of all other threads of the program, with what failed events used, as this event's share: network, commits of
    /// tables and of the journal, deadlines. Only `wasmill run` knows it, whose threads all work on its events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_beside_seconds: Option<f64>,
    /// The linear memory of sandboxes, each at its largest, times how long it was there; in gigabytes of 2^30 bytes, times seconds.
    /// That of an adapter, which stays, counts while it is called.
    #[serde(serialize_with = "to_nine_places")]
    pub memory_gb_seconds: f64,
    /// Requests to a store over the network, for objects.
    pub store_reads: u64,
    /// What was read of objects in stores, in bytes, with what was read more than once.
    pub store_bytes: u64,
    /// HTTP requests of functions, and of adapters of document databases, with those that were denied.
    pub requests: u64,
    /// Documents that the database was given, with those that it had already.
    pub documents: u64,
    /// The bodies of these, in bytes of JSON.
    pub document_bytes: u64,
    /// What the document database charged, in its own unit (Cosmos DB: request units).
    #[serde(serialize_with = "to_nine_places")]
    pub request_units: f64,
}

impl Used {
    const NOTHING: Self = Self {
        cpu_seconds: 0.0,
        cpu_beside_seconds: None,
        memory_gb_seconds: 0.0,
        store_reads: 0,
        store_bytes: 0,
        requests: 0,
        documents: 0,
        document_bytes: 0,
        request_units: 0.0,
    };

    /// How much more this is than what there was before.
    fn since(&self, before: &Self) -> Self {
        Self {
            cpu_seconds: (self.cpu_seconds - before.cpu_seconds).max(0.0),
            cpu_beside_seconds: None,
            memory_gb_seconds: (self.memory_gb_seconds - before.memory_gb_seconds).max(0.0),
            store_reads: self.store_reads - before.store_reads,
            store_bytes: self.store_bytes - before.store_bytes,
            requests: self.requests - before.requests,
            documents: self.documents - before.documents,
            document_bytes: self.document_bytes - before.document_bytes,
            request_units: (self.request_units - before.request_units).max(0.0),
        }
    }
}

/// Sums of fractions have noise after that.
fn to_nine_places<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((number * 1e9).round() / 1e9)
}

impl Default for Used {
    fn default() -> Self {
        Self::NOTHING
    }
}

impl AddAssign for Used {
    fn add_assign(&mut self, other: Self) {
        self.cpu_seconds += other.cpu_seconds;
        self.cpu_beside_seconds = match (self.cpu_beside_seconds, other.cpu_beside_seconds) {
            (Some(one), Some(other)) => Some(one + other),
            (one, other) => one.or(other),
        };
        self.memory_gb_seconds += other.memory_gb_seconds;
        self.store_reads += other.store_reads;
        self.store_bytes += other.store_bytes;
        self.requests += other.requests;
        self.documents += other.documents;
        self.document_bytes += other.document_bytes;
        self.request_units += other.request_units;
    }
}

thread_local! {
    /// What was used on this thread but for its processor's time, and elsewhere on its behalf.
    static ACCOUNT: Cell<Used> = const { Cell::new(Used::NOTHING) };
}

/// Puts something on this thread's account, of what was used elsewhere too.
pub fn add(used: Used) {
    count(|account| *account += used);
}

/// Changes this thread's account.
pub(crate) fn count(change: impl FnOnce(&mut Used)) {
    ACCOUNT.with(|account| {
        let mut used = account.get();
        change(&mut used);
        account.set(used);
    });
}

/// Memory that was held for a time.
pub(crate) fn held(bytes: usize, time: Duration) {
    count(|account| account.memory_gb_seconds += bytes as f64 / GIGABYTE * time.as_secs_f64());
}

/// Documents that a database is given.
pub fn give(documents: &[Document]) {
    let bytes = documents.iter().filter_map(|document| document.body.as_ref()).map(|body| body.len() as u64);
    count(|account| {
        account.documents += documents.len() as u64;
        account.document_bytes += bytes.sum::<u64>();
    });
}

/// Does something, and tells what was used meanwhile on this thread, or on its behalf.
pub fn metered<T>(work: impl FnOnce() -> T) -> (T, Used) {
    let before = now();
    let done = work();
    (done, now().since(&before))
}

/// The account of this thread, with its processor's time.
fn now() -> Used {
    Used { cpu_seconds: cpu().as_secs_f64(), ..ACCOUNT.get() }
}

/// The time of a processor that this thread has had, or others on its behalf.
pub(crate) fn cpu() -> Duration {
    let elsewhere = Duration::try_from_secs_f64(ACCOUNT.get().cpu_seconds).unwrap_or_default();
    clock(ClockId::ThreadCPUTime) + elsewhere
}

/// The time of a processor that all threads of the program have had.
pub fn cpu_of_all() -> Duration {
    clock(ClockId::ProcessCPUTime)
}

fn clock(id: ClockId) -> Duration {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(id);
    Duration::new(tv_sec.unsigned_abs(), u32::try_from(tv_nsec).unwrap_or_default())
}

/// What several threads used together.
#[derive(Debug, Default)]
pub struct Tally(Mutex<Used>);

impl Tally {
    /// Does something on this thread, and adds what was used.
    pub fn of<T>(&self, work: impl FnOnce() -> T) -> T {
        let (done, used) = metered(work);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += used;
        done
    }

    /// All of it.
    pub fn total(self) -> Used {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spend(time: Duration) {
        let until = cpu() + time;
        let mut sum = 0_u64;
        while cpu() < until {
            sum = std::hint::black_box(sum + 1);
        }
    }

    #[test]
    fn what_threads_used_is_added_up_and_what_was_used_before_is_not() {
        let some = |bytes: &str| Document {
            id: "a".into(),
            partition_key: String::new(),
            version: 0,
            row: 0,
            body: Some(bytes.into()),
        };
        give(&[some("{}")]);
        spend(Duration::from_millis(5));
        let tally = Tally::default();
        tally.of(|| {
            std::thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| {
                        tally.of(|| {
                            spend(Duration::from_millis(10));
                            held(1 << 29, Duration::from_secs(4));
                            give(&[some("{}"), some("[1,2]")]);
                        });
                    });
                }
            });
        });
        let used = tally.total();
        assert!((0.02..2.0).contains(&used.cpu_seconds), "{used:?}");
        let cpu_seconds = used.cpu_seconds;
        let expect = Used { cpu_seconds, memory_gb_seconds: 4.0, documents: 4, document_bytes: 14, ..Used::default() };
        assert_eq!(used, expect);
    }

    #[test]
    fn what_another_thread_did_on_behalf_of_this_one_counts_once() {
        let (_, all) = metered(|| {
            let work = || metered(|| spend(Duration::from_millis(20))).1;
            let used = std::thread::spawn(work).join().unwrap();
            add(used);
            used
        });
        assert!((0.02..0.2).contains(&all.cpu_seconds), "{all:?}");
    }
}
