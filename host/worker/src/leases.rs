//! Events of the journal: leased, kept while they are worked on, and recorded.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::Sender;
use tokio::sync::Notify;
use wasmill_journal::journal::{Blame, JournalError};
use wasmill_journal::{Journal, Lease, Sequence, Terms};
use wasmill_runtime::backoff;
use wasmill_runtime::event::{Event, Object};
use wasmill_runtime::plan::DeliveryPlan;

use crate::attempt::Outcome;
use crate::clock::{self, micros};
use crate::holding::Holding;
use crate::job::{Held, Job};
use crate::metrics::Metrics;
use crate::telemetry::trace_id;

/// Events that are leased for each that is worked on: while some wait for the disk, others are worked on.
pub const AHEAD: usize = 32;

/// The most bytes of events that are leased ahead. Large events are left to other workers.
const BYTES_AHEAD: u64 = 4 << 20;

/// What an event counts for, in bytes: one whose length is not known yet may be large.
fn weight(object: &Object) -> u64 {
    match object {
        Object::Stored { size: 0, changed: None, .. } => BYTES_AHEAD,
        object => object.size(),
    }
}

/// How long to wait at most before the journal is asked again: another process may have accepted an event.
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// How long to wait after the journal, or what effects go to, did not answer.
pub const PAUSE: Duration = Duration::from_secs(1);

/// The longest wait before another attempt.
pub const LONGEST_BACKOFF: Duration = Duration::from_secs(60);

/// A lease, and whether it was lost.
#[derive(Debug, Clone)]
pub struct Leased {
    /// The lease.
    pub lease: Arc<Lease>,
    lost: Arc<AtomicBool>,
}

impl Leased {
    /// Whether another worker may have the event.
    pub fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    /// Another worker has the event.
    pub fn lose(&self) {
        self.lost.store(true, Ordering::Relaxed);
    }
}

/// What takes events from a journal.
pub struct Leases {
    journal: Arc<Journal>,
    terms: Arc<Terms>,
    delivery: DeliveryPlan,
    accepted: Arc<Notify>,
    metrics: Arc<Metrics>,
    holding: Holding<Sequence, Leased>,
}

impl Leases {
    /// Of a journal; `accepted` is told by triggers that it has another event.
    pub fn new(
        journal: Arc<Journal>,
        terms: Arc<Terms>,
        delivery: DeliveryPlan,
        accepted: Arc<Notify>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self { journal, terms, delivery, accepted, metrics, holding: Holding::default() }
    }

    /// The journal.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Leases events for as long as there is room for them, until it is dropped.
    pub async fn fetch(self: &Arc<Self>, jobs: &Sender<Job>) {
        let concurrency = self.delivery.concurrency;
        let most = concurrency * AHEAD;
        loop {
            self.holding.wait(|count, bytes| count < most && (count < concurrency || bytes < BYTES_AHEAD)).await;
            let (count, bytes) = self.holding.load();
            let room = if bytes >= BYTES_AHEAD { concurrency.saturating_sub(count) } else { most - count };
            // Asked before the journal is, so that nothing that is accepted meanwhile is overheard.
            let more = self.accepted.notified();
            let bytes = BYTES_AHEAD.saturating_sub(bytes);
            match self.journal.lease(&self.terms, room, self.backfills(), bytes, clock::now()).await {
                Ok(leases) if leases.is_empty() => {
                    let next = self.journal.next_due().await.ok().flatten().map(|due| due.saturating_sub(clock::now()));
                    let wait = next.map_or(ASK_AGAIN, |wait| Duration::from_micros(wait.max(1000).unsigned_abs()));
                    // Over by then, or something was accepted.
                    let _ = tokio::time::timeout(wait.min(ASK_AGAIN), more).await;
                }
                Ok(leases) => {
                    for lease in leases {
                        if jobs.send(self.hold(lease)).is_err() {
                            return;
                        }
                    }
                }
                Err(err) => {
                    self.metrics.journal_failed(&err);
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    fn hold(self: &Arc<Self>, lease: Lease) -> Job {
        let event =
            Event { id: lease.id.clone(), time: lease.time, attempt: lease.attempt, object: lease.object.clone() };
        let leased = Leased { lease: Arc::new(lease), lost: Arc::default() };
        let Lease { sequence, attempt, object, .. } = &*leased.lease;
        if let Some(before) = self.holding.hold(*sequence, *attempt, leased.clone(), weight(object)) {
            before.lose();
        }
        let trace = leased.lease.trace.clone();
        Job { event, trace, held: Held::Lease(leased, self.clone()) }
    }

    /// How many events of backfills may be held besides those that are.
    fn backfills(&self) -> usize {
        let DeliveryPlan { concurrency, backfill_share, .. } = self.delivery;
        let held = self.holding.all();
        let held = held.iter().map(|held| &held.lease).filter(|lease| lease.generation > 0);
        let (count, bytes) = held.fold((0, 0), |(count, bytes), lease| (count + 1, bytes + weight(&lease.object)));
        // Of large ones no more are leased than may be worked on at once, or they would be in the way for long.
        let capacity = if bytes < BYTES_AHEAD { concurrency * AHEAD } else { concurrency };
        ((capacity as f64 * backfill_share) as usize).max(1).saturating_sub(count)
    }

    /// Renews the leases until it is dropped.
    pub async fn keep(&self) {
        let lease = self.delivery.lease;
        loop {
            tokio::time::sleep(lease / 3).await;
            let held: Vec<(Sequence, u32)> =
                self.holding.all().iter().map(|held| (held.lease.sequence, held.lease.attempt)).collect();
            if held.is_empty() {
                continue;
            }
            match self.journal.renew(held, micros(lease), clock::now()).await {
                Ok(lost) => lost.iter().filter_map(|sequence| self.holding.get(sequence)).for_each(|held| held.lose()),
                Err(err) => self.metrics.journal_failed(&err),
            }
        }
    }

    /// Records what came of an attempt. While the journal does not answer it goes on trying: the lease is renewed by then,
    /// or lost.
    pub async fn record(&self, held: Leased, outcome: Outcome) {
        loop {
            match self.record_once(&held.lease, &outcome).await {
                Ok(()) => break,
                Err(err @ JournalError::LeaseLost { .. }) => {
                    tracing::warn!("{err}");
                    break;
                }
                Err(JournalError::Closed) => break,
                Err(err) => {
                    self.metrics.journal_failed(&err);
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        self.metrics.ended(&outcome);
        self.free(&held);
    }

    async fn record_once(&self, lease: &Lease, outcome: &Outcome) -> Result<(), JournalError> {
        let Self { journal, delivery, .. } = self;
        let now = clock::now();
        match outcome {
            Outcome::Done { report, letters, staged } => {
                let report = serde_json::to_string(report).unwrap_or_default();
                journal.done(lease, letters.clone(), staged.clone(), report, now).await
            }
            Outcome::Retry(reason, blame) => {
                let (event, attempt, trace) = (lease.id.as_str(), lease.attempt, trace_id(lease.trace.as_deref()));
                let step = reason.step.as_str();
                tracing::warn!(event, attempt, step, trace, "event `{event}`, attempt {attempt}: {reason}");
                if *blame == Blame::Outside && now.saturating_sub(lease.since) > micros(delivery.give_up) {
                    return journal.bury(lease, reason.clone(), now).await;
                }
                let due = now.saturating_add(micros(backoff::wait(delivery.backoff, LONGEST_BACKOFF, lease.attempt)));
                journal.retry(lease, reason.clone(), *blame, delivery.faults, due, now).await
            }
            Outcome::Dead(reason) => {
                let (event, attempt, trace) = (lease.id.as_str(), lease.attempt, trace_id(lease.trace.as_deref()));
                let step = reason.step.as_str();
                tracing::error!(event, attempt, step, trace, "event `{event}`: {reason}");
                journal.bury(lease, reason.clone(), now).await
            }
            Outcome::Lost => Ok(()),
        }
    }

    /// Gives back an event that nobody has begun with.
    pub async fn release(&self, held: Leased) {
        if let Err(err) = self.journal.release(&held.lease, clock::now()).await {
            tracing::warn!("{err}");
        }
        self.free(&held);
    }

    fn free(&self, held: &Leased) {
        self.holding.free(&held.lease.sequence, held.lease.attempt);
    }

    /// Over when nothing is held any more.
    pub async fn emptied(&self) {
        self.holding.wait(|count, _| count == 0).await;
    }
}
