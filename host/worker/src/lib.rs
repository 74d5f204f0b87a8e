//! Takes a pipeline's events as they come, and sees each through: `wasmill up`.
//!
//! ```text
//!  object ──┐                    ┌─► thread ─┐
//!  http ────┼─► journal ─leases──┼─► thread ─┼─outcomes──► journal
//!  schedule ┘                    │           │
//!  nats ────────────── messages ─┴─► thread ─┴─outcomes──► broker
//! ```
//!
//! # Layout
//! - [`trigger`]: where events come from that the journal accepts, a file for each kind; each writes events into the
//!   journal, and nothing else. [`cloud_events`]: the format in which some come.
//! - [`worker`]: hands events to threads, with one bound for all of them. They are [`job`]s, of one of two kinds:
//!   - [`leases`]: events of the journal, leased, kept and recorded;
//!   - [`nats`]: messages of a broker, pulled, kept and acknowledged when their effects are [`durable`].
//! - [`attempt`]: one attempt at an event; [`sinks`]: its rows on their way into tables.
//! - [`holding`]: what is held until its end is heard of.
//! - [`metrics`]: what `/metrics` says; [`overview`]: what people are told; [`telemetry`]: traces; [`clock`]: what time it is.

pub mod attempt;
pub mod clock;
pub mod cloud_events;
pub mod durable;
pub mod holding;
pub mod job;
pub mod leases;
pub mod metrics;
pub mod nats;
pub mod overview;
pub mod sinks;
pub mod telemetry;
pub mod trigger;
pub mod worker;

pub use worker::Worker;
