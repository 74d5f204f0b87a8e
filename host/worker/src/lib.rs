//! Takes a pipeline's events as they come, and sees each through: `wasmill up`.
//!
//! ```text
//!  object ──┐                    ┌─► thread ─┐
//!  http ────┼─► journal ─leases──┼─► thread ─┼─outcomes──► journal
//!  schedule ┘                    └─► thread ─┘
//! ```
//!
//! # Layout
//! - [`trigger`]: where events come from, a file for each kind; each writes events into the journal, and nothing else.
//! - [`worker`]: leases events, hands them to threads, keeps the leases, and records what came of them.
//! - [`attempt`]: one attempt at an event.
//! - [`metrics`]: what `/metrics` says; [`telemetry`]: traces; [`clock`]: what time it is.

pub mod attempt;
pub mod clock;
pub mod metrics;
pub mod telemetry;
pub mod trigger;
pub mod worker;

pub use worker::Worker;
