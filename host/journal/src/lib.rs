//! The journal: what became of every event of a pipeline, the one truth about it.
//!
//! An event is accepted once, whoever brings it how often. A worker takes it by a lease, which it renews while it works;
//! if it dies, the lease runs out and another takes the event, a bounded number of times. What an attempt did so far is
//! recorded chunk by chunk, so the next one goes on from there. Whatever cannot be worked on becomes a dead letter.
//!
//! ```text
//!               lease                     done
//!  waiting ───────────────► running ─────────────────► done
//!     ▲                        │ bury, or the last of its attempts ran out
//!     ├── retry, release, ─────┤                       replay
//!     │   or the lease ran out └─────────────────► dead ──────► waiting
//! ```
//!
//! # Layout
//! - [`event`]: what is accepted; [`lease`]: who works on it.
//! - [`journal`]: what can be done with the journal; [`letters`] and [`history`]: what can be asked.
//! - [`backfill`]: objects that are run once more; [`deposit`]: what is kept of events that a broker delivers;
//!   [`staging`]: rows on their way into sinks; [`mod@extract`]: how far tables were read; [`totals`]: documents that add up
//!   what is published; `retention`: what is forgotten.
//! - `writer`: many small transactions in one, so that durable is not slow.
//! - `sql`: what is asked of a database, `sqlite` or `postgres`; `schema`: the tables.

pub mod backfill;
pub mod deposit;
pub mod event;
pub mod extract;
pub mod history;
pub mod journal;
pub mod lease;
pub mod letters;
mod postgres;
mod retention;
mod schema;
mod sql;
mod sqlite;
pub mod staging;
pub mod totals;
mod writer;

pub use backfill::Backfill;
pub use deposit::Deposit;
pub use event::{NewEvent, Sequence};
pub use journal::{Journal, JournalError};
pub use lease::{Lease, Terms};
