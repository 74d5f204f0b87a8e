//! The worker: leases events, hands them to threads, keeps the leases, and records what came of them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use crossbeam_channel::{Receiver, Sender, bounded};
use tokio::sync::{Notify, mpsc, watch};
use wasmill_journal::journal::{Blame, JournalError, Reason};
use wasmill_journal::{Journal, Lease, Sequence, Terms};
use wasmill_runtime::backoff;
use wasmill_runtime::engine::THREAD_STACK;
use wasmill_runtime::pipeline::Pipeline;
use wasmill_runtime::plan::DeliveryPlan;

use crate::attempt::{Held, Outcome, attempt};
use crate::clock::{self, micros};
use crate::metrics::Metrics;
use crate::telemetry::{self, trace_id};

/// Events that are leased for each that is worked on: while some wait for the disk, others are worked on.
const AHEAD: usize = 32;

/// The most bytes of events that are leased ahead. Large events are left to other workers.
const BYTES_AHEAD: u64 = 4 << 20;

/// How long to wait at most before the journal is asked again: another process may have accepted an event.
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// How long to wait after the journal did not answer.
const PAUSE: Duration = Duration::from_secs(1);

/// The longest wait before another attempt.
const LONGEST_BACKOFF: Duration = Duration::from_secs(60);

/// What works on the events of a pipeline.
pub struct Worker {
    /// The pipeline.
    pub pipeline: Arc<Pipeline>,
    /// Its journal.
    pub journal: Arc<Journal>,
    /// How its events are delivered.
    pub delivery: DeliveryPlan,
    /// Who this is, and what it does with events.
    pub terms: Arc<Terms>,
    /// Told by triggers that an event was accepted.
    pub accepted: Arc<Notify>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

/// What the parts of a worker share.
struct Shared {
    worker: Worker,
    held: Mutex<HashMap<Sequence, (Held, u64)>>,
    /// Told when an event is no longer held.
    freed: Notify,
}

impl Worker {
    /// Works until `stop` changes or is dropped; then what is worked on is finished, and what waits is given back.
    pub async fn run(mut self, mut stop: watch::Receiver<()>) {
        // The others would find no room for their sandboxes.
        self.delivery.concurrency = self.delivery.concurrency.min(self.pipeline.most_events());
        let threads = self.delivery.concurrency;
        let shared = Arc::new(Shared { worker: self, held: Mutex::default(), freed: Notify::new() });
        let (jobs, waiting) = bounded::<Held>(threads * AHEAD);
        let (outcomes, mut ended) = mpsc::unbounded_channel();
        let handles: Vec<_> =
            (0..threads).filter_map(|_| shared.clone().start_thread(waiting.clone(), outcomes.clone())).collect();
        drop((waiting.clone(), outcomes));
        let recorder = tokio::spawn({
            let shared = shared.clone();
            async move {
                while let Some((held, outcome)) = ended.recv().await {
                    tokio::spawn(shared.clone().record(held, outcome));
                }
            }
        });
        let keeper = tokio::spawn(shared.clone().keep_leases());
        tokio::select! {
            () = shared.clone().lease(&jobs) => {}
            _ = stop.changed() => {}
        }
        // Nobody has begun these.
        while let Ok(held) = waiting.try_recv() {
            let released = shared.worker.journal.release(&held.lease, clock::now()).await;
            if let Err(err) = released {
                tracing::warn!("{err}");
            }
            shared.free(&held);
        }
        drop((jobs, waiting));
        // The threads end with the queue, and the recorder with the threads.
        let _ = recorder.await;
        while !shared.is_free() {
            shared.freed.notified().await;
        }
        keeper.abort();
        for handle in handles {
            // It is over: its end of the queue was dropped.
            let _ = handle.join();
        }
    }
}

impl Shared {
    fn start_thread(
        self: Arc<Self>,
        waiting: Receiver<Held>,
        outcomes: mpsc::UnboundedSender<(Held, Outcome)>,
    ) -> Option<std::thread::JoinHandle<()>> {
        let handle = tokio::runtime::Handle::current();
        let events = self.worker.delivery.concurrency;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let lanes = cores.min(self.worker.pipeline.most_lanes() / events).max(1);
        let work = move || {
            for held in waiting {
                let Worker { pipeline, journal, delivery, metrics, .. } = &self.worker;
                let (began, started) = (SystemTime::now(), Instant::now());
                let outcome = attempt(pipeline, journal, &held, lanes, delivery.timeout, &handle);
                metrics.worked(started.elapsed());
                telemetry::attempted(&pipeline.name, &held.lease, began, &outcome);
                if outcomes.send((held, outcome)).is_err() {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("worker".into()).stack_size(THREAD_STACK).spawn(work);
        thread.map_err(|err| tracing::warn!("cannot start a thread: {err}")).ok()
    }

    /// Leases events for as long as there is room for them.
    async fn lease(self: Arc<Self>, jobs: &Sender<Held>) {
        let Worker { journal, terms, accepted, delivery, .. } = &self.worker;
        let most = delivery.concurrency * AHEAD;
        loop {
            let Load { count, bytes, backfills } = self.load();
            let begun = count >= delivery.concurrency && bytes >= BYTES_AHEAD;
            if count >= most || begun {
                self.freed.notified().await;
                continue;
            }
            let room = if bytes >= BYTES_AHEAD { delivery.concurrency - count } else { most - count };
            // Asked before the journal is, so that nothing that is accepted meanwhile is overheard.
            let more = accepted.notified();
            let bytes = BYTES_AHEAD.saturating_sub(bytes);
            match journal.lease(terms, room, backfills, bytes, clock::now()).await {
                Ok(leases) if leases.is_empty() => {
                    let next = journal.next_due().await.ok().flatten().map(|due| due.saturating_sub(clock::now()));
                    let wait = next.map_or(ASK_AGAIN, |wait| Duration::from_micros(wait.max(1000).unsigned_abs()));
                    // Over by then, or something was accepted.
                    let _ = tokio::time::timeout(wait.min(ASK_AGAIN), more).await;
                }
                Ok(leases) => {
                    for lease in leases {
                        let held = Held { lease: Arc::new(lease), lost: Arc::new(AtomicBool::new(false)) };
                        self.hold(&held);
                        if jobs.send(held).is_err() {
                            return;
                        }
                    }
                }
                Err(err) => {
                    self.worker.metrics.journal_failed(&err);
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// Renews the leases until it is dropped.
    async fn keep_leases(self: Arc<Self>) {
        let lease = self.worker.delivery.lease;
        loop {
            tokio::time::sleep(lease / 3).await;
            let held: Vec<(Sequence, u32)> =
                self.held().values().map(|(held, _)| (held.lease.sequence, held.lease.attempt)).collect();
            if held.is_empty() {
                continue;
            }
            match self.worker.journal.renew(held, micros(lease), clock::now()).await {
                Ok(lost) => {
                    let held = self.held();
                    for (held, _) in lost.iter().filter_map(|sequence| held.get(sequence)) {
                        held.lost.store(true, Ordering::Relaxed);
                    }
                }
                Err(err) => self.worker.metrics.journal_failed(&err),
            }
        }
    }

    /// Records what came of an attempt. While the journal does not answer it goes on trying: the lease is renewed by then,
    /// or lost.
    async fn record(self: Arc<Self>, held: Held, outcome: Outcome) {
        loop {
            let recorded = self.record_once(&held.lease, &outcome).await;
            match recorded {
                Ok(()) => break,
                Err(err @ JournalError::LeaseLost { .. }) => {
                    tracing::warn!("{err}");
                    break;
                }
                Err(JournalError::Closed) => break,
                Err(err) => {
                    self.worker.metrics.journal_failed(&err);
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        self.worker.metrics.ended(&outcome);
        self.free(&held);
    }

    async fn record_once(&self, lease: &Lease, outcome: &Outcome) -> Result<(), JournalError> {
        let Worker { journal, delivery, .. } = &self.worker;
        let now = clock::now();
        match outcome {
            Outcome::Done { report, letters } => {
                let report = serde_json::to_string(report).unwrap_or_default();
                journal.done(lease, letters.clone(), report, now).await
            }
            Outcome::Retry(reason, blame) => {
                let (event, attempt, step) = (lease.id.as_str(), lease.attempt, reason.step.as_str());
                let trace = trace_id(lease.trace.as_deref());
                tracing::warn!(event, attempt, step, trace, "event `{event}`, attempt {attempt}: {}", told(reason));
                if *blame == Blame::Outside && now.saturating_sub(lease.since) > micros(delivery.give_up) {
                    return journal.bury(lease, reason.clone(), now).await;
                }
                let due = now.saturating_add(micros(backoff::wait(delivery.backoff, LONGEST_BACKOFF, lease.attempt)));
                journal.retry(lease, reason.clone(), *blame, delivery.faults, due, now).await
            }
            Outcome::Dead(reason) => {
                let (event, attempt, step) = (lease.id.as_str(), lease.attempt, reason.step.as_str());
                let trace = trace_id(lease.trace.as_deref());
                tracing::error!(event, attempt, step, trace, "event `{event}`: {}", told(reason));
                journal.bury(lease, reason.clone(), now).await
            }
            Outcome::Lost => Ok(()),
        }
    }

    fn held(&self) -> std::sync::MutexGuard<'_, HashMap<Sequence, (Held, u64)>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hold(&self, held: &Held) {
        self.held().insert(held.lease.sequence, (held.clone(), held.lease.object.size()));
    }

    fn free(&self, held: &Held) {
        let mut all = self.held();
        // It may be held anew.
        if all.get(&held.lease.sequence).is_some_and(|(other, _)| other.lease.attempt == held.lease.attempt) {
            all.remove(&held.lease.sequence);
        }
        self.freed.notify_one();
    }

    fn is_free(&self) -> bool {
        self.held().is_empty()
    }

    fn load(&self) -> Load {
        let DeliveryPlan { concurrency, backfill_share, .. } = self.worker.delivery;
        let held = self.held();
        let (mut bytes, mut backfills, mut backfill_bytes) = (0, 0, 0);
        for (held, size) in held.values() {
            bytes += size;
            if held.lease.generation > 0 {
                (backfills, backfill_bytes) = (backfills + 1, backfill_bytes + size);
            }
        }
        // Of large ones no more are leased than may be worked on at once, or they would be in the way for long.
        let capacity = if backfill_bytes < BYTES_AHEAD { concurrency * AHEAD } else { concurrency };
        let share = ((capacity as f64 * backfill_share) as usize).max(1);
        Load { count: held.len(), bytes, backfills: share.saturating_sub(backfills) }
    }
}

/// What a worker holds.
struct Load {
    /// Events.
    count: usize,
    /// How long their objects are together.
    bytes: u64,
    /// Events of backfills that it may hold besides.
    backfills: usize,
}

/// A name for this process among others.
pub fn default_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_else(|_| "worker".into());
    format!("{}-{}", host.trim(), std::process::id())
}

fn told(reason: &Reason) -> String {
    if reason.step.is_empty() { reason.text.clone() } else { format!("step `{}`: {}", reason.step, reason.text) }
}
