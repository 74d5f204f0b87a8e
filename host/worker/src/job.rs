//! Jobs: events that this worker has, from the journal or from a broker, and who must hear what comes of them.

use std::sync::Arc;

use wasmill_journal::staging::Origin;
use wasmill_journal::{Journal, Lease};
use wasmill_runtime::event::Event;

use crate::attempt::Outcome;
use crate::leases::{Leased, Leases};
use crate::nats::{Delivered, Feed};

/// An event that this worker has.
pub struct Job {
    /// The event.
    pub event: Event,
    /// What it is traced under, as `traceparent` of W3C's Trace Context has it.
    pub trace: Option<String>,
    /// What it has it by.
    pub held: Held,
}

/// What this worker has an event by.
pub enum Held {
    /// A lease of the journal's.
    Lease(Leased, Arc<Leases>),
    /// A message, until it is acknowledged.
    Message(Arc<Delivered>, Arc<Feed>),
}

impl Held {
    /// Whether another worker may have the event by now.
    pub fn is_lost(&self) -> bool {
        match self {
            Self::Lease(lease, _) => lease.is_lost(),
            Self::Message(message, _) => message.is_lost(),
        }
    }

    /// How many chunks had all their effects in attempts before.
    pub fn chunks(&self) -> u64 {
        match self {
            Self::Lease(lease, _) => lease.lease.chunks,
            // A broker does not know.
            Self::Message(..) => 0,
        }
    }

    /// The lease, if it is one of the journal's.
    pub fn lease(&self) -> Option<&Lease> {
        match self {
            Self::Lease(lease, _) => Some(&lease.lease),
            Self::Message(..) => None,
        }
    }

    /// The journal that knows what was written of the event.
    pub fn journal(&self) -> &Journal {
        match self {
            Self::Lease(_, leases) => leases.journal(),
            Self::Message(_, feed) => feed.journal(),
        }
    }

    /// The event, as that which rows are of.
    pub fn origin(&self) -> Origin {
        match self {
            Self::Lease(lease, _) => lease.lease.origin(),
            Self::Message(message, _) => message.origin(),
        }
    }

    /// Tells what came of the event.
    pub async fn record(self, outcome: Outcome) {
        match self {
            Self::Lease(lease, leases) => leases.record(lease, outcome).await,
            Self::Message(message, feed) => feed.record(message, outcome).await,
        }
    }

    /// Gives back an event that nobody has begun with.
    pub async fn release(self) {
        match self {
            Self::Lease(lease, leases) => leases.release(lease).await,
            Self::Message(message, feed) => feed.release(message).await,
        }
    }
}
