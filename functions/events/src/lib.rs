//! The gateway of events: HTTP in front of a whole pipeline. A request brings an event with its data, and is answered when
//! all effects of it are there.
//!
//! | request | answer |
//! |---|---|
//! | `POST /v1/events` | what came of the event: rows, rejects, documents |
//! | `OPTIONS /v1/events` | the handshake of CloudEvents' web hooks |
//! | `GET /healthz` | 200 |
//!
//! The body is the data, in the format that the pipeline's `ingest` was configured for, or a CloudEvent with the data
//! within it. The event is named by a CloudEvent's source and id, by `Idempotency-Key`, or else anew; it happened at a
//! CloudEvent's time, or else now.
//!
//! | status | |
//! |---|---|
//! | 200 | all is done; rows that were rejected are in the answer, the first 100 of them with their reasons |
//! | 400, 413, 415 | this is no event |
//! | 422 | it never will be done: `ingest` refuses the data |
//! | 503 | it may be done later: send it again, as `Retry-After` says |
//! | 500 | a step failed otherwise |
//!
//! Nothing is kept here, not even which events were there. An effect is there once however often an event is sent, because
//! a document has a version, by default the event's time: writing it again changes nothing, and what is older never
//! replaces what is newer. So whoever sends an event again should say when it happened, with a CloudEvent's time: without,
//! its rows count as new, and win over what was written between.
//!
//! # Layout
//! - [`gateway`]: what a request asks for; [`event`]: the event that it brings.
//! - [`run`]: an event's way through the steps; [`rejects`]: rows that did not make it.
//! - [`config`]: what the gateway is told; [`shell`]: what its component calls.

pub mod config;
pub mod event;
pub mod gateway;
pub mod rejects;
pub mod run;
pub mod shell;

pub use config::Config;
pub use run::{Batch, Chain, Receipt};
#[cfg(test)]
mod tests;
