//! What `/metrics` says, for Prometheus. `request_predict_seconds` is KServe's name.

use std::sync::atomic::AtomicI64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// From a quarter of a millisecond to half a minute.
const SECONDS: [f64; 12] = [0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];

/// The status of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Status {
    status: u16,
}

/// The counters of a server.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<Status, Counter>,
    seconds: Histogram,
    /// Requests that are worked on.
    pub in_flight: Gauge<i64, AtomicI64>,
    /// Requests that wait for it.
    pub queued: Gauge<i64, AtomicI64>,
    /// Instances that were started.
    pub sandboxes: Counter,
    /// Instances that ended with a trap.
    pub faults: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::default();
        let requests = Family::<Status, Counter>::default();
        let seconds = Histogram::new(SECONDS);
        let (in_flight, queued) = (Gauge::default(), Gauge::default());
        let (sandboxes, faults) = (Counter::default(), Counter::default());
        registry.register("wasmill_requests", "Requests answered, by status", requests.clone());
        registry.register("request_predict_seconds", "Time from request to response", seconds.clone());
        registry.register("wasmill_requests_in_flight", "Requests that are worked on", in_flight.clone());
        registry.register("wasmill_requests_queued", "Requests that wait", queued.clone());
        registry.register("wasmill_sandboxes_started", "Instances started", sandboxes.clone());
        registry.register("wasmill_sandbox_faults", "Instances that trapped or ran out of time", faults.clone());
        Self { registry, requests, seconds, in_flight, queued, sandboxes, faults }
    }
}

impl Metrics {
    /// Counts an answer.
    pub fn answered(&self, status: u16, elapsed: Duration) {
        self.requests.get_or_create(&Status { status }).inc();
        self.seconds.observe(elapsed.as_secs_f64());
    }

    /// All of them, in Prometheus' text form.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
