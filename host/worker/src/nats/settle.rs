//! What became of a message: its effects are made durable, what is left of it is put into the journal, and then the broker
//! is told. If this worker dies anywhere between, the message is delivered again, and all of it happens once more.

use std::sync::Arc;

use async_nats::jetstream::AckKind;
use wasmill_journal::deposit::{Deposit, Remains};
use wasmill_journal::journal::{Blame, JournalError};
use wasmill_journal::staging::Staged;
use wasmill_runtime::plan::DeliveryPlan;
use wasmill_runtime::{backoff, crash};

use super::Feed;
use super::message::Delivered;
use crate::attempt::Outcome;
use crate::clock::{self, micros};
use crate::leases::{LONGEST_BACKOFF, PAUSE};
use crate::telemetry::trace_id;

/// Messages that are in trouble of which is remembered since when, and how often they faulted.
const MOST_TROUBLES: usize = 10_000;

/// What this worker remembers of a message that failed. Another worker, or this one after it was started again, begins anew;
/// `max_deliveries` bounds them all together.
#[derive(Debug, Clone, Copy)]
pub struct Trouble {
    /// When it first failed, in microseconds since 1970-01-01T00:00:00Z.
    since: i64,
    faults: u32,
}

impl Trouble {
    /// Whether another attempt is not worth it, as the events of a journal have it.
    fn is_hopeless(&self, blame: Blame, delivery: &DeliveryPlan, now: i64) -> bool {
        let is_over = now.saturating_sub(self.since) > micros(delivery.give_up);
        self.faults >= delivery.faults || blame == Blame::Outside && is_over
    }
}

impl Feed {
    /// Sees a message through to its end, whatever came of the attempt.
    pub async fn record(&self, message: Arc<Delivered>, outcome: Outcome) {
        self.metrics.ended(&outcome);
        let told = match self.decide(&message, outcome) {
            Outcome::Done { letters, staged, report } => {
                // What was rejected when it was delivered before may be well now.
                let is_kept = !letters.is_empty() || message.attempt > 1;
                let report = serde_json::to_string(&report).unwrap_or_default();
                let kept = is_kept.then_some(Remains::Done { letters, report });
                self.make_durable(&message).await
                    && self.keep_rows(&message, staged).await
                    && self.keep_remains(&message, kept).await
                    && self.tell(&message, "ack", AckKind::Ack, "acked").await
            }
            Outcome::Dead(reason) => {
                self.keep_remains(&message, Some(Remains::Dead(reason))).await
                    && self.tell(&message, "term", AckKind::Term, "dead").await
            }
            Outcome::Retry(..) => {
                let delay = backoff::wait(self.delivery.backoff, LONGEST_BACKOFF, message.attempt);
                self.tell(&message, "nak", AckKind::Nak(Some(delay)), "retried").await
            }
            Outcome::Lost => false,
        };
        if !told {
            self.metrics.message(&self.name, "lost");
            let (id, attempt) = (&message.event.id, message.attempt);
            tracing::warn!("event `{id}`, delivery {attempt}: its ack wait is over, so the broker delivers it again");
        }
        self.holding.free(&message.sequence, message.attempt);
    }

    /// [`Feed::record`] as a task of its own.
    pub async fn record_owned(self: Arc<Self>, message: Arc<Delivered>, outcome: Outcome) {
        self.record(message, outcome).await;
    }

    /// Gives back a message that nobody has begun with.
    pub async fn release(&self, message: Arc<Delivered>) {
        if !message.is_lost() {
            match message.answer(AckKind::Nak(None)).await {
                Ok(()) => self.metrics.message(&self.name, "released"),
                Err(err) => tracing::warn!("{}: {err}", self.name),
            }
        }
        self.holding.free(&message.sequence, message.attempt);
    }

    /// Whether what failed is tried again.
    fn decide(&self, message: &Delivered, outcome: Outcome) -> Outcome {
        let (id, attempt) = (&message.event.id, message.attempt);
        let trace = trace_id(message.event.trace.as_deref());
        let outcome = match outcome {
            Outcome::Retry(reason, blame) => {
                let (event, step) = (id.as_str(), reason.step.as_str());
                tracing::warn!(event, attempt, step, trace, "event `{id}`, delivery {attempt}: {reason}");
                let now = clock::now();
                let trouble = self.trouble(message.sequence, blame, now);
                if attempt < self.plan.max_deliveries && !trouble.is_hopeless(blame, &self.delivery, now) {
                    return Outcome::Retry(reason, blame);
                }
                Outcome::Dead(reason)
            }
            other => other,
        };
        self.troubles().remove(&message.sequence);
        if let Outcome::Dead(reason) = &outcome {
            let (event, step) = (id.as_str(), reason.step.as_str());
            tracing::error!(event, attempt, step, trace, "event `{id}`: {reason}");
        }
        outcome
    }

    fn trouble(&self, sequence: u64, blame: Blame, now: i64) -> Trouble {
        let mut troubles = self.troubles();
        let trouble = troubles.entry(sequence).or_insert(Trouble { since: now, faults: 0 });
        trouble.faults += u32::from(blame == Blame::Event);
        let trouble = *trouble;
        if troubles.len() > MOST_TROUBLES {
            troubles.pop_first();
        }
        trouble
    }

    /// Whether the effects are durable; not if the message was lost before.
    async fn make_durable(&self, message: &Delivered) -> bool {
        while let Err(err) = self.durable.sync().await {
            tracing::warn!("an effect cannot be made durable: {err}; trying again");
            tokio::time::sleep(PAUSE).await;
            if message.is_lost() {
                return false;
            }
        }
        true
    }

    /// Whether rows for sinks are in the journal; not if the message was lost before, or somebody else wrote them meanwhile.
    async fn keep_rows(&self, message: &Delivered, staged: Vec<Staged>) -> bool {
        if staged.is_empty() {
            return true;
        }
        let origin = message.origin();
        while !message.is_lost() {
            match self.journal.stage(&origin, staged.clone(), true, clock::now()).await {
                Ok(()) => return true,
                Err(JournalError::Closed | JournalError::Overtaken { .. }) => return false,
                Err(err) => self.metrics.journal_failed(&err),
            }
            tokio::time::sleep(PAUSE).await;
        }
        false
    }

    /// Whether what is to be kept is in the journal; not if the message was lost before.
    async fn keep_remains(&self, message: &Delivered, remains: Option<Remains>) -> bool {
        let Some(remains) = remains else { return true };
        let deposit = Deposit {
            event: message.event.clone(),
            attempt: message.attempt,
            worker: self.terms.worker.clone(),
            plan: self.terms.plan.clone(),
            started: message.since,
            remains,
        };
        while !message.is_lost() {
            match self.journal.deposit(deposit.clone(), clock::now()).await {
                Ok(()) => return true,
                Err(JournalError::Closed) => return false,
                Err(err) => self.metrics.journal_failed(&err),
            }
            tokio::time::sleep(PAUSE).await;
        }
        false
    }

    /// Whether the broker knows; not if the message was lost before.
    async fn tell(&self, message: &Delivered, point: &str, kind: AckKind, counted: &'static str) -> bool {
        while !message.is_lost() {
            crash::point(point, "before");
            let told = message.answer(kind).await;
            crash::point(point, "after");
            match told {
                Ok(()) => {
                    self.metrics.message(&self.name, counted);
                    return true;
                }
                Err(err) => tracing::warn!("{}: {err}; trying again", self.name),
            }
            tokio::time::sleep(PAUSE).await;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_few_faults_are_too_many_and_of_what_is_outside_only_too_long() {
        let second = Duration::from_secs(1);
        let delivery = DeliveryPlan {
            concurrency: 1,
            faults: 3,
            give_up: 10 * second,
            backoff: second,
            lease: second,
            timeout: None,
            backfill_share: 0.5,
            keep: second,
        };
        for (faults, seconds, blame, expect) in [
            (0, 0, Blame::Outside, false),
            (0, 9, Blame::Outside, false),
            (0, 11, Blame::Outside, true),
            (2, 11, Blame::Event, false),
            (3, 0, Blame::Event, true),
            (3, 0, Blame::Outside, true),
        ] {
            let trouble = Trouble { since: 5_000_000, faults };
            let found = trouble.is_hopeless(blame, &delivery, 5_000_000 + seconds * 1_000_000);
            assert_eq!(found, expect, "{faults} faults, {seconds} s, {blame:?}");
        }
    }
}
