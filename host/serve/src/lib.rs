//! Serves a component that exports `wasi:http/incoming-handler` (0.2) or `wasi:http/handler` (0.3).
//!
//! # Layout
//! - [`server`]: connections, from the listener to the end; [`tls`]: the certificate they begin with.
//! - [`service`]: one request, with its limits; [`access`]: who may send it.
//! - [`sandbox`]: instances of the component, one for a request or for several; [`grants`]: what they may reach.
//! - [`metrics`]: what `/metrics` says.

pub mod access;
pub mod grants;
pub mod metrics;
pub mod sandbox;
pub mod server;
pub mod service;
pub mod tls;

use std::time::Duration;

/// How a component is served.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How many requests an instance answers, one after the other, before it is thrown away. 1: every request gets a
    /// fresh sandbox.
    pub reuse: usize,
    /// Requests that are worked on at once.
    pub concurrency: usize,
    /// Requests that may wait for that; more are answered with 503.
    pub queue: usize,
    /// The longest body of a request, in bytes; a longer one is answered with 413.
    pub body_limit: u64,
    /// The time that a request may take; a longer one is answered with 504.
    pub deadline: Duration,
    /// Linear memory of an instance, in bytes.
    pub memory: usize,
    /// Connections that are open at once; more wait to be accepted.
    pub connections: usize,
    /// The time that a client has at least to shake hands, and to send the headers of each request after the answer
    /// before; within twice that its connection is closed.
    pub idle: Duration,
    /// Whether every request is logged on standard error.
    pub access_log: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            reuse: 1,
            concurrency: 64,
            queue: 1024,
            body_limit: 256 << 20,
            deadline: Duration::from_secs(30),
            memory: 1 << 30,
            connections: 2048,
            idle: Duration::from_secs(30),
            access_log: false,
        }
    }
}
