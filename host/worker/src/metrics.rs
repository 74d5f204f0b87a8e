//! What `/metrics` says, for Prometheus.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::Meter;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use wasmill_journal::history::Counts;
use wasmill_journal::journal::JournalError;

use crate::attempt::Outcome;
use crate::{clock, trigger};

/// From half a millisecond to ten minutes.
const SECONDS: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 10.0, 60.0, 600.0];

/// The states of events.
const STATES: [&str; 4] = ["waiting", "running", "done", "dead"];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct State {
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Trigger {
    trigger: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Feed {
    trigger: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Message {
    trigger: String,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Sink {
    sink: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Extract {
    extract: String,
}

/// The counters of a worker.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    accepted: Family<Trigger, Counter>,
    attempts: Family<Ended, Counter>,
    rows: Counter,
    rejected: Counter,
    seconds: Histogram,
    /// The same, for OpenTelemetry.
    exported_seconds: OnceLock<opentelemetry::metrics::Histogram<f64>>,
    events: Family<State, Gauge<i64, AtomicI64>>,
    letters: Gauge<i64, AtomicI64>,
    lag: Gauge<f64, AtomicU64>,
    journal_errors: Counter,
    committed: Family<Sink, Counter>,
    commit_errors: Family<Sink, Counter>,
    extracted: Family<Extract, Counter>,
    extract_errors: Family<Extract, Counter>,
    messages: Family<Message, Counter>,
    connected: Family<Feed, Gauge<i64, AtomicI64>>,
    pending: Family<Feed, Gauge<i64, AtomicI64>>,
    unacknowledged: Family<Feed, Gauge<i64, AtomicI64>>,
    /// The triggers that take messages, and whether each is connected to its broker.
    brokers: Mutex<BTreeMap<String, bool>>,
    /// When the journal last failed, in microseconds since 1970; 0 if it never did.
    journal_failed: AtomicI64,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::default();
        let (accepted, attempts, events) = (Family::default(), Family::default(), Family::default());
        let (rows, rejected, journal_errors) = (Counter::default(), Counter::default(), Counter::default());
        let (letters, lag) = (Gauge::default(), Gauge::default());
        let seconds = Histogram::new(SECONDS);
        registry.register("wasmill_events_accepted", "Events accepted, by kind of trigger", accepted.clone());
        registry.register("wasmill_attempts", "Attempts ended, by outcome", attempts.clone());
        registry.register("wasmill_rows", "Rows read", rows.clone());
        registry.register("wasmill_rows_rejected", "Rows rejected", rejected.clone());
        registry.register("wasmill_attempt_seconds", "Time of an attempt", seconds.clone());
        registry.register("wasmill_events", "Events in the journal, by state", events.clone());
        registry.register("wasmill_dead_letters", "Dead letters, of rows and events", letters.clone());
        registry.register("wasmill_lag_seconds", "How long the event that is due for longest waits", lag.clone());
        registry.register("wasmill_journal_errors", "Times that the journal did not answer", journal_errors.clone());
        let (committed, commit_errors) = (Family::default(), Family::default());
        registry.register("wasmill_sink_rows", "Rows committed to tables, by sink", committed.clone());
        registry.register("wasmill_sink_errors", "Commits to tables that failed, by sink", commit_errors.clone());
        let (extracted, extract_errors) = (Family::default(), Family::default());
        registry.register("wasmill_extract_rows", "Rows read of tables, by extract", extracted.clone());
        registry.register("wasmill_extract_errors", "Reads of tables that failed, by extract", extract_errors.clone());
        let (messages, connected) = (Family::default(), Family::default());
        let (pending, unacknowledged) = (Family::default(), Family::default());
        let what = "Messages of brokers, by what became of them; each is received before";
        registry.register("wasmill_messages", what, messages.clone());
        registry.register("wasmill_broker_connected", "Whether there is a connection to the broker", connected.clone());
        registry.register("wasmill_consumer_pending", "Messages that no worker has yet", pending.clone());
        let what = "Messages that a worker has, or that are to be tried again";
        registry.register("wasmill_consumer_unacknowledged", what, unacknowledged.clone());
        let journal_failed = AtomicI64::new(0);
        Self {
            registry,
            accepted,
            attempts,
            rows,
            rejected,
            seconds,
            exported_seconds: OnceLock::new(),
            events,
            letters,
            lag,
            journal_errors,
            committed,
            commit_errors,
            extracted,
            extract_errors,
            messages,
            connected,
            pending,
            unacknowledged,
            brokers: Mutex::default(),
            journal_failed,
        }
    }
}

impl Metrics {
    /// An event was accepted that was not known.
    pub fn accepted(&self, trigger: &'static str) {
        self.accepted.get_or_create(&Trigger { trigger }).inc();
    }

    /// An attempt took so long.
    pub fn worked(&self, elapsed: Duration) {
        self.seconds.observe(elapsed.as_secs_f64());
        if let Some(seconds) = self.exported_seconds.get() {
            seconds.record(elapsed.as_secs_f64(), &[]);
        }
    }

    /// An attempt was recorded.
    pub fn ended(&self, outcome: &Outcome) {
        if let Outcome::Done { report, .. } = outcome {
            self.rows.inc_by(report.rows());
            self.rejected.inc_by(report.rejected());
        }
        self.attempts.get_or_create(&Ended { outcome: outcome.name() }).inc();
    }

    /// The journal did not answer.
    pub fn journal_failed(&self, err: &JournalError) {
        tracing::warn!("{err}; trying again");
        self.journal_errors.inc();
        self.journal_failed.store(clock::now(), Ordering::Relaxed);
    }

    /// Whether the journal answered within the last seconds, as far as anyone asked.
    pub fn is_journal_well(&self) -> bool {
        clock::now().saturating_sub(self.journal_failed.load(Ordering::Relaxed)) > 5_000_000
    }

    /// So many rows are in a sink's table.
    pub fn committed(&self, sink: &str, rows: u64) {
        self.committed.get_or_create(&Sink { sink: sink.to_owned() }).inc_by(rows);
    }

    /// A sink's table could not be written.
    pub fn commit_failed(&self, sink: &str) {
        self.commit_errors.get_or_create(&Sink { sink: sink.to_owned() }).inc();
    }

    /// So many rows were read of a table.
    pub fn extracted(&self, extract: &str, rows: u64) {
        self.extracted.get_or_create(&Extract { extract: extract.to_owned() }).inc_by(rows);
    }

    /// A table could not be read.
    pub fn extract_failed(&self, extract: &str) {
        self.extract_errors.get_or_create(&Extract { extract: extract.to_owned() }).inc();
    }

    /// A message was received, or that came of it.
    pub fn message(&self, trigger: &str, outcome: &'static str) {
        self.messages.get_or_create(&Message { trigger: trigger.to_owned(), outcome }).inc();
    }

    /// Whether a trigger is connected to its broker.
    pub fn broker_stands(&self, trigger: &str, stands: bool) {
        self.connected.get_or_create(&Feed { trigger: trigger.to_owned() }).set(i64::from(stands));
        self.brokers().insert(trigger.to_owned(), stands);
    }

    /// There is no such trigger any more.
    pub fn broker_gone(&self, trigger: &str) {
        let feed = Feed { trigger: trigger.to_owned() };
        self.brokers().remove(trigger);
        self.connected.remove(&feed);
        self.pending.remove(&feed);
        self.unacknowledged.remove(&feed);
    }

    /// How many messages wait for a trigger, and how many are not acknowledged, in all workers.
    pub fn broker_lags(&self, trigger: &str, waiting: u64, unacknowledged: u64) {
        let feed = Feed { trigger: trigger.to_owned() };
        self.pending.get_or_create(&feed).set(waiting.cast_signed());
        self.unacknowledged.get_or_create(&feed).set(unacknowledged.cast_signed());
    }

    /// The triggers that are not connected to their brokers.
    pub fn brokers_away(&self) -> Vec<String> {
        self.brokers().iter().filter(|(_, stands)| !**stands).map(|(trigger, _)| trigger.clone()).collect()
    }

    fn brokers(&self) -> MutexGuard<'_, BTreeMap<String, bool>> {
        self.brokers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How the events of the journal stand.
    pub fn stand(&self, counts: &Counts) {
        for (state, count) in STATES.into_iter().zip([counts.waiting, counts.running, counts.done, counts.dead]) {
            self.events.get_or_create(&State { state }).set(count.cast_signed());
        }
        self.letters.set(counts.letters.cast_signed());
        let lag = counts.oldest.map_or(0, |oldest| clock::now().saturating_sub(oldest).max(0));
        self.lag.set(lag as f64 / 1e6);
    }

    /// Has them read by OpenTelemetry, under the names that they have for Prometheus.
    pub fn observe(self: &Arc<Self>, meter: &Meter) {
        let seconds = meter.f64_histogram("wasmill_attempt_seconds").with_boundaries(SECONDS.to_vec());
        // It is set once.
        let _ = self.exported_seconds.set(seconds.build());
        let count = |name: &'static str, read: fn(&Self) -> u64| {
            let metrics = self.clone();
            meter.u64_observable_counter(name).with_callback(move |now| now.observe(read(&metrics), &[])).build();
        };
        count("wasmill_rows", |metrics| metrics.rows.get());
        count("wasmill_rows_rejected", |metrics| metrics.rejected.get());
        count("wasmill_journal_errors", |metrics| metrics.journal_errors.get());
        let metrics = self.clone();
        let attempts = meter.u64_observable_counter("wasmill_attempts").with_callback(move |now| {
            for outcome in Outcome::NAMES {
                let count = metrics.attempts.get_or_create(&Ended { outcome }).get();
                now.observe(count, &[KeyValue::new("outcome", outcome)]);
            }
        });
        attempts.build();
        let metrics = self.clone();
        let accepted = meter.u64_observable_counter("wasmill_events_accepted").with_callback(move |now| {
            for trigger in trigger::KINDS {
                let count = metrics.accepted.get_or_create(&Trigger { trigger }).get();
                now.observe(count, &[KeyValue::new("trigger", trigger)]);
            }
        });
        accepted.build();
        let metrics = self.clone();
        let events = meter.i64_observable_gauge("wasmill_events").with_callback(move |now| {
            for state in STATES {
                now.observe(metrics.events.get_or_create(&State { state }).get(), &[KeyValue::new("state", state)]);
            }
        });
        events.build();
        let metrics = self.clone();
        let letters = meter.i64_observable_gauge("wasmill_dead_letters");
        letters.with_callback(move |now| now.observe(metrics.letters.get(), &[])).build();
        let metrics = self.clone();
        let lag = meter.f64_observable_gauge("wasmill_lag_seconds");
        lag.with_callback(move |now| now.observe(metrics.lag.get(), &[])).build();
    }

    /// All of them, in Prometheus' text form.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
