//! Where events come from. Each trigger writes events into the journal; what becomes of them is the worker's.

pub mod chain;
pub mod extract;
pub mod http;
pub mod object;
pub mod schedule;

use std::sync::Arc;

use tokio::sync::Notify;
use wasmill_journal::event::Accepted;
use wasmill_journal::{Journal, JournalError, NewEvent};
use wasmill_runtime::manifest::Id;

use crate::clock;
use crate::metrics::Metrics;
use crate::telemetry;

/// What kinds of triggers there are, as metrics name them.
pub const KINDS: [&str; 5] = ["object", "http", "schedule", "pipeline", "extract"];

/// What triggers write to.
#[derive(Clone)]
pub struct Intake {
    /// The journal.
    pub journal: Arc<Journal>,
    /// Told that an event was accepted.
    pub accepted: Arc<Notify>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

impl Intake {
    /// Accepts an event; it is durable when this returns.
    pub async fn accept(&self, mut event: NewEvent, kind: &'static str) -> Result<Accepted, JournalError> {
        let _span = telemetry::accepting(self.journal.pipeline(), &mut event);
        let accepted = self.journal.accept(event, clock::now()).await?;
        self.tell(&accepted, kind);
        Ok(accepted)
    }

    /// Accepts the event of what was read of a table.
    pub async fn accept_extracted(&self, extract: &Id, mut event: NewEvent) -> Result<(), JournalError> {
        let _span = telemetry::accepting(self.journal.pipeline(), &mut event);
        let accepted = self.journal.accept_extracted(extract, event, clock::now()).await?;
        self.tell(&accepted, "extract");
        Ok(())
    }

    fn tell(&self, accepted: &Accepted, kind: &'static str) {
        if matches!(accepted, Accepted::New(_)) {
            self.metrics.accepted(kind);
            self.accepted.notify_one();
        }
    }
}
