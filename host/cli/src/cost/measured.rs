//! What runs used, for each event.

use serde::Serialize;
use wasmill_journal::history::Run;
use wasmill_runtime::metering::Used;
use wasmill_runtime::run::EventReport;

/// What an event used.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// All that was counted.
    pub used: Used,
    /// Of the time of processors, that in functions.
    pub cpu_of_functions: f64,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// The length of its object, in bytes.
    pub bytes: u64,
    /// Rows that were read.
    pub rows: u64,
    /// Rows that were rejected.
    pub rejected: u64,
    /// Rows that tables were given.
    pub table_rows: u64,
}

impl Sample {
    /// Of an event, and what it used.
    fn of(report: &EventReport, used: Used) -> Self {
        Self {
            used,
            cpu_of_functions: report.steps.iter().map(|step| step.usage.cpu.as_secs_f64()).sum(),
            seconds: report.elapsed.as_secs_f64(),
            bytes: report.bytes,
            rows: report.rows(),
            rejected: report.rejected(),
            table_rows: report.sinks.iter().map(|sink| sink.rows).sum(),
        }
    }

    /// What the document database charged; none if it charges nothing, for one that does charges each document.
    pub fn request_units(&self) -> Option<f64> {
        let Used { request_units, documents, .. } = self.used;
        (request_units > 0.0 || documents == 0).then_some(request_units)
    }

    /// Requests to stores; none if the object was read from a file, for one over the network takes at least one.
    pub fn store_reads(&self) -> Option<f64> {
        let Used { store_reads, store_bytes, .. } = self.used;
        (store_reads > 0 || store_bytes == 0).then_some(store_reads as f64)
    }
}

/// What the runs of a journal used.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Measured {
    /// Each event that is done.
    pub samples: Vec<Sample>,
    /// When the first of them began, in microseconds since 1970-01-01T00:00:00Z.
    pub since: Option<i64>,
    /// Runs that came to nothing, which is not measured.
    pub failed: usize,
    /// Runs of a Wasmill that did not count what they used.
    pub uncounted: usize,
}

/// What an event uses of something, on average.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Resource {
    /// What it is.
    pub resource: &'static str,
    /// In what it is counted.
    pub unit: &'static str,
    /// How much of it.
    pub per_event: f64,
    /// The events that this is the mean of.
    pub runs: usize,
}

impl Measured {
    /// Of the runs of a journal that ended.
    pub fn of(runs: &[Run]) -> Self {
        let mut measured = Self::default();
        for run in runs.iter().filter(|run| run.ended.is_some()) {
            let report = match (&run.outcome, &run.report) {
                (Some(outcome), Some(report)) if outcome == "done" => report,
                _ => {
                    measured.failed += 1;
                    continue;
                }
            };
            let report: Option<EventReport> = serde_json::from_str(report.get()).ok();
            let Some((report, used)) = report.and_then(|report| report.used.map(|used| (report, used))) else {
                measured.uncounted += 1;
                continue;
            };
            measured.samples.push(Sample::of(&report, used));
            measured.since = Some(measured.since.map_or(run.started, |since| since.min(run.started)));
        }
        measured
    }

    /// The mean of something, over the events that know it, and how many these are; none if none does.
    pub fn mean(&self, of: impl Fn(&Sample) -> Option<f64>) -> Option<(f64, usize)> {
        let known: Vec<f64> = self.samples.iter().filter_map(of).collect();
        (!known.is_empty()).then(|| (known.iter().sum::<f64>() / known.len() as f64, known.len()))
    }

    /// The same of what all events know.
    pub fn each(&self, of: impl Fn(&Sample) -> f64) -> f64 {
        self.mean(|sample| Some(of(sample))).map_or(0.0, |(mean, _)| mean)
    }

    /// Processors, as far as it is known: of the threads that work on events, and of others where they are counted.
    pub fn cpu(&self) -> f64 {
        let beside = self.mean(|sample| sample.used.cpu_beside_seconds).map_or(0.0, |(mean, _)| mean);
        self.each(|sample| sample.used.cpu_seconds) + beside
    }

    /// Everything that is measured.
    pub fn resources(&self) -> Vec<Resource> {
        type Of = fn(&Sample) -> Option<f64>;
        let all: [(&str, &str, Of); 15] = [
            ("executions", "events", |_| Some(1.0)),
            ("time", "s", |sample| Some(sample.seconds)),
            ("cpu", "CPU-s", |sample| Some(sample.used.cpu_seconds)),
            ("cpu in functions", "CPU-s", |sample| Some(sample.cpu_of_functions)),
            ("cpu beside", "CPU-s", |sample| sample.used.cpu_beside_seconds),
            ("memory", "GB-s", |sample| Some(sample.used.memory_gb_seconds)),
            ("rows read", "rows", |sample| Some(sample.rows as f64)),
            ("rows rejected", "rows", |sample| Some(sample.rejected as f64)),
            ("read of stores", "bytes", |sample| Some(sample.used.store_bytes as f64)),
            ("requests to stores", "requests", Sample::store_reads),
            ("documents", "documents", |sample| Some(sample.used.documents as f64)),
            ("documents' bodies", "bytes", |sample| Some(sample.used.document_bytes as f64)),
            ("request units", "RU", Sample::request_units),
            ("rows to tables", "rows", |sample| Some(sample.table_rows as f64)),
            ("HTTP requests", "requests", |sample| Some(sample.used.requests as f64)),
        ];
        let resource = |(resource, unit, of): (&'static str, &'static str, Of)| {
            self.mean(of).map(|(per_event, runs)| Resource { resource, unit, per_event, runs })
        };
        all.into_iter().filter_map(resource).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::*;

    fn run(started: i64, outcome: &str, report: Option<&str>) -> Run {
        Run {
            event: "e".into(),
            attempt: 0,
            worker: "wasmill run".into(),
            plan: "p".into(),
            started,
            ended: Some(started + 1),
            outcome: Some(outcome.into()),
            reason: None,
            report: report.map(|report| RawValue::from_string(report.into()).unwrap()),
        }
    }

    #[test]
    fn runs_that_tell_nothing_are_not_counted_as_nothing() {
        let of = |used: &str| format!(r#"{{"event":"e","bytes":7,"seconds":0.5,"steps":[]{used}}}"#);
        let runs = [
            run(4, "done", Some(&of(r#","used":{"cpu_seconds":0.3,"cpu_beside_seconds":0.1,"documents":2}"#))),
            run(3, "done", Some(&of(r#","used":{"cpu_seconds":0.1,"documents":0}"#))),
            run(2, "done", Some(&of(""))),
            run(1, "done", Some("{}")),
            run(0, "failed", None),
            Run { ended: None, outcome: None, ..run(0, "", None) },
        ];
        let measured = Measured::of(&runs);
        assert_eq!((measured.samples.len(), measured.uncounted, measured.failed), (2, 2, 1));
        assert_eq!(measured.since, Some(3));
        let of = |name: &str| {
            let resources = measured.resources();
            resources.into_iter().find(|resource| resource.resource == name).map(|found| (found.per_event, found.runs))
        };
        assert_eq!(of("cpu"), Some((0.2, 2)));
        assert_eq!(of("cpu beside"), Some((0.1, 1)));
        assert_eq!(of("documents"), Some((1.0, 2)));
        // Whoever gave two documents to a database that charges none does not know what they cost in another.
        assert_eq!(of("request units"), Some((0.0, 1)));
        assert_eq!(Measured::default().resources(), []);
    }
}
