//! What a run did, for people and for programs.

use std::fmt::Write;
use std::time::{Duration, Instant, UNIX_EPOCH};

use anyhow::Result;
use serde_json::{Value, json};
use wasmill_journal::history::NewRun;
use wasmill_runtime::event::{Event, EventId};
use wasmill_runtime::function::Kind;
use wasmill_runtime::metering::Used;
use wasmill_runtime::pipeline::Pipeline;
use wasmill_runtime::rows::Reject;
use wasmill_runtime::run::{EventReport, RunError, SinkReport, StepReport};
use wasmill_worker::clock;

use super::rejects::{OfStep, Rejects};
use super::{Exit, Format};
use crate::text::{count, counted, seconds};

/// Of more events than these the summary is of all together.
const MOST: usize = 20;

/// What a run did.
pub struct Summary {
    pipeline: String,
    start_up: Duration,
    started: Instant,
    events: Vec<Ended>,
}

/// An event that ended.
struct Ended {
    id: EventId,
    /// What it was about.
    object: String,
    /// When, in microseconds since 1970-01-01T00:00:00Z.
    at: i64,
    outcome: Result<EventReport, RunError>,
}

impl Summary {
    /// Nothing yet. `start_up` is the time from the command to the first event.
    pub fn new(pipeline: &Pipeline, start_up: Duration) -> Self {
        Self { pipeline: pipeline.name.to_string(), start_up, started: Instant::now(), events: Vec::new() }
    }

    /// Adds what became of an event.
    pub fn add(&mut self, event: &Event, outcome: Result<EventReport, RunError>) {
        self.events.push(Ended { id: event.id.clone(), object: event.name(), at: clock::now(), outcome });
    }

    /// Shares among the events that are done what processors did since the first event and no event accounts for; `all` is how
    /// long they worked since then.
    pub fn share(&mut self, all: Duration) {
        let mut reports: Vec<&mut EventReport> =
            self.events.iter_mut().filter_map(|ended| ended.outcome.as_mut().ok()).collect();
        let known: f64 = reports.iter().filter_map(|report| Some(report.used?.cpu_seconds)).sum();
        let share = (all.as_secs_f64() - known).max(0.0) / reports.len().max(1) as f64;
        let share = (share * 1e9).round() / 1e9;
        for report in &mut reports {
            report.add(Used { cpu_beside_seconds: Some(share), ..Used::default() });
        }
    }

    /// The events, as the journal remembers them; `plan` is the digest of what was done with them.
    pub fn runs(&self, plan: &str) -> Vec<NewRun> {
        let run = |Ended { id, at, outcome, .. }: &Ended| {
            let began = outcome.as_ref().ok().and_then(EventReport::began);
            let began = began.and_then(|began| began.duration_since(UNIX_EPOCH).ok()).map(clock::micros);
            let outcome = match outcome {
                Ok(report) => Ok(json!(report).to_string()),
                Err(err) => Err(err.to_string()),
            };
            NewRun { event: id.clone(), plan: plan.to_owned(), started: began.unwrap_or(*at), ended: *at, outcome }
        };
        self.events.iter().map(run).collect()
    }

    /// How the program should end.
    pub fn exit(&self, rejects: &Rejects) -> Exit {
        let failed = self.events.iter().any(|ended| ended.outcome.is_err());
        if failed || rejects.count > 0 { Exit::Failures } else { Exit::Done }
    }

    /// Prints it: the summary to standard output, failed events to standard error.
    pub fn print(&self, rejects: &Rejects, format: Format) -> Result<()> {
        match format {
            Format::Text => say!("{}", self.text(rejects)?.trim_end())?,
            Format::Json => say!("{}", self.json(rejects))?,
        }
        for ended in &self.events {
            if let Err(err) = &ended.outcome {
                eprintln!("error: {err}");
            }
        }
        Ok(())
    }

    fn text(&self, rejects: &Rejects) -> Result<String> {
        let mut text = String::new();
        let done = self.events.iter().filter_map(|ended| Some((&ended.object, ended.outcome.as_ref().ok()?)));
        for Ended { object, .. } in self.events.iter().filter(|ended| ended.outcome.is_err()) {
            writeln!(text, "{object}: failed")?;
        }
        let together = (self.events.len() > MOST).then(|| self.together(done.clone().map(|(_, report)| report)));
        let reports: Vec<(&String, &EventReport)> = match &together {
            Some(together) => together.iter().map(|(name, report)| (name, report)).collect(),
            None => done.collect(),
        };
        for (object, report) in reports {
            let rate = report.rows() as f64 / report.elapsed.as_secs_f64().max(1e-6);
            writeln!(
                text,
                "{object}: {} in {} ({} rows/s)",
                counted(report.rows(), "row", "rows"),
                seconds(report.elapsed),
                count(rate.round() as u64)
            )?;
            text.push_str(&table(&report.steps));
            for StepReport { id, counts, .. } in report.steps.iter().filter(|step| step.kind == Kind::Publish) {
                let written = counts.written;
                write!(text, "  documents of {id}: {} inserted, ", count(written.inserted))?;
                write!(text, "{} replaced, ", count(written.replaced))?;
                if written.deleted > 0 {
                    write!(text, "{} deleted, ", count(written.deleted))?;
                }
                write!(text, "{} unchanged, {} stale", count(written.unchanged), count(written.stale))?;
                if written.charge > 0.0 {
                    write!(text, "; {:.1} request units", written.charge)?;
                }
                writeln!(text)?;
                if written.duplicates > 0 {
                    writeln!(
                        text,
                        "  note: {} of {id} with the id of another row: the document is what the last row of an id gives",
                        counted(written.duplicates, "row", "rows")
                    )?;
                }
            }
            for SinkReport { id, rows } in &report.sinks {
                writeln!(text, "  table of {id}: {}", counted(*rows, "row", "rows"))?;
            }
        }
        if rejects.count > 0 {
            writeln!(
                text,
                "{}, all in {}",
                counted(rejects.count, "rejected row", "rejected rows"),
                rejects.path().display()
            )?;
            for OfStep { step, count: rows, first } in &rejects.steps {
                let left = rows.saturating_sub(first.len() as u64);
                for Reject { row, reason, .. } in first {
                    writeln!(text, "  {step} line {row}: {}", reason.replace('\n', " "))?;
                }
                if left > 0 {
                    writeln!(text, "  {step}: {} more", count(left))?;
                }
            }
        }
        writeln!(text, "{}: started in {}", self.pipeline, seconds(self.start_up))?;
        Ok(text)
    }

    /// The reports of many events as one, with how many they are; none if there are none.
    fn together<'r>(&self, mut reports: impl Iterator<Item = &'r EventReport>) -> Option<(String, EventReport)> {
        let (mut all, mut events) = (reports.next()?.clone(), 1);
        for EventReport { bytes, steps, sinks, used, .. } in reports {
            events += 1;
            all.bytes += bytes;
            all.add(used.unwrap_or_default());
            for (all, step) in all.steps.iter_mut().zip(steps) {
                all.counts += step.counts;
                all.usage.add(&step.usage);
            }
            for (all, sink) in all.sinks.iter_mut().zip(sinks) {
                all.rows += sink.rows;
            }
        }
        // Side by side they did not take as long as all of them together.
        all.elapsed = self.started.elapsed();
        Some((counted(events, "object", "objects"), all))
    }

    fn json(&self, rejects: &Rejects) -> Value {
        let events = self.events.iter().map(|Ended { object, outcome, .. }| match outcome {
            Ok(report) => {
                let mut value = json!(report);
                if let Some(fields) = value.as_object_mut() {
                    fields.insert("object".into(), json!(object));
                    fields.insert("status".into(), json!("done"));
                    fields.insert("rows".into(), json!(report.rows()));
                    fields.insert("rejected".into(), json!(report.rejected()));
                }
                value
            }
            Err(err) => json!({ "object": object, "status": "failed", "error": err.to_string() }),
        });
        json!({
            "pipeline": self.pipeline,
            "start_up_seconds": self.start_up.as_secs_f64(),
            "events": events.collect::<Vec<_>>(),
            "rejected": rejects.count,
            "rejects_file": rejects.path(),
        })
    }
}

/// What steps did, a line for each under a head.
pub fn table(steps: &[StepReport]) -> String {
    let head = format!(
        "  {:<14} {:>10} {:>10} {:>10} {:>9} {:>9} {:>9}\n",
        "step", "rows in", "rows out", "rejected", "busy", "cpu", "memory"
    );
    let line = |StepReport { id, counts, usage, .. }: &StepReport| {
        let (rows_in, rows_out, rejected) = (count(counts.rows_in), count(counts.rows_out), count(counts.rejected));
        let memory = format!("{} MiB", usage.memory.div_ceil(1 << 20));
        let (busy, cpu) = (seconds(usage.busy), seconds(usage.cpu));
        format!("  {id:<14} {rows_in:>10} {rows_out:>10} {rejected:>10} {busy:>9} {cpu:>9} {memory:>9}\n")
    };
    std::iter::once(head).chain(steps.iter().map(line)).collect()
}
