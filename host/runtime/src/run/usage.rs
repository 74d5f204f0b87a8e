//! What calls of functions use.

use std::time::{Duration, Instant, SystemTime};

use serde::{Deserialize, Serialize};

use super::report::seconds;
use crate::metering::cpu;

/// The most that is kept of what a step printed for an event, in bytes. The end of it matters most.
const PRINTED_LIMIT: usize = 4096;

/// What calls of one function used.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Time in them, over all instances, in seconds.
    #[serde(rename = "busy_seconds", with = "seconds")]
    pub busy: Duration,
    /// Time of a processor, in seconds.
    #[serde(rename = "cpu_seconds", with = "seconds")]
    pub cpu: Duration,
    /// The most memory that one instance had, in bytes.
    #[serde(rename = "peak_memory_bytes")]
    pub memory: u64,
    /// When the first began and the last ended.
    #[serde(skip)]
    pub between: Option<(SystemTime, SystemTime)>,
    /// The end of what the function printed.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub printed: String,
}

impl Usage {
    /// Adds what other calls used, later than these.
    pub fn add(&mut self, other: &Self) {
        self.busy += other.busy;
        self.cpu += other.cpu;
        self.memory = self.memory.max(other.memory);
        self.between = match (self.between, other.between) {
            (Some((first, last)), Some((began, ended))) => Some((first.min(began), last.max(ended))),
            (one, other) => one.or(other),
        };
        if other.printed.is_empty() {
            return;
        }
        if !self.printed.is_empty() {
            self.printed.push('\n');
        }
        self.printed.push_str(&other.printed);
        if let Some(surplus) = self.printed.len().checked_sub(PRINTED_LIMIT) {
            self.printed.drain(..self.printed.ceil_char_boundary(surplus));
        }
    }
}

/// Measures time, on the thread that it was made on.
pub struct Meter {
    began: SystemTime,
    started: Instant,
    cpu: Duration,
}

impl Meter {
    /// Starts.
    pub fn start() -> Self {
        Self { began: SystemTime::now(), started: Instant::now(), cpu: cpu() }
    }

    /// What passed since.
    pub fn read(&self) -> Usage {
        let busy = self.started.elapsed();
        Usage {
            busy,
            cpu: cpu().saturating_sub(self.cpu),
            between: Some((self.began, self.began + busy)),
            ..Usage::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_takes_time_and_no_processor() {
        let meter = Meter::start();
        std::thread::sleep(Duration::from_millis(20));
        let waited = meter.read();
        assert!(waited.busy >= Duration::from_millis(20) && waited.cpu < waited.busy, "{waited:?}");
        let mut sum = 0_u64;
        while meter.read().cpu < waited.cpu + Duration::from_millis(5) {
            sum = std::hint::black_box(sum + 1);
        }
    }

    #[test]
    fn the_end_of_what_was_printed_is_kept() {
        let printed = |text: String| Usage { printed: text, memory: 7, ..Usage::default() };
        let mut usage = printed("first".into());
        usage.add(&printed("second".into()));
        usage.add(&Usage::default());
        assert_eq!((usage.printed.as_str(), usage.memory), ("first\nsecond", 7));
        usage.add(&printed("é".repeat(PRINTED_LIMIT)));
        assert!(usage.printed.len() <= PRINTED_LIMIT && usage.printed.ends_with("éé"));
    }
}
