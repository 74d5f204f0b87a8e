//! How a pipeline stands, for people who look after it: what is waiting, what ran, what nothing came of.

use chrono::{DateTime, SecondsFormat};
use serde_json::{Value, json};
use wasmill_journal::history::Run;
use wasmill_journal::journal::JournalError;
use wasmill_journal::letters::DeadLetter;
use wasmill_runtime::run::EventReport;

use crate::trigger::Intake;

/// How many runs and dead letters are told, of the latest and of the oldest.
const RUNS: u32 = 100;
const LETTERS: u32 = 500;

/// All of it, as JSON. Rows of dead letters are not in it, for they are data.
pub async fn overview(intake: &Intake) -> Result<Value, JournalError> {
    let journal = &intake.journal;
    let (counts, runs, letters) =
        (journal.counts().await?, journal.runs(None, RUNS).await?, journal.letters(LETTERS).await?);
    let is_well = intake.metrics.is_journal_well() && intake.metrics.brokers_away().is_empty();
    Ok(json!({
        "pipeline": journal.pipeline(),
        "version": env!("CARGO_PKG_VERSION"),
        "healthy": is_well,
        "events": {
            "waiting": counts.waiting, "running": counts.running, "done": counts.done, "dead": counts.dead,
        },
        "dead_letters": counts.letters,
        "runs": runs.iter().map(run).collect::<Vec<_>>(),
        "letters": letters.iter().map(letter).collect::<Vec<_>>(),
    }))
}

fn run(run: &Run) -> Value {
    // A report of another version may have another form.
    let report = run.report.as_ref().and_then(|report| serde_json::from_str::<EventReport>(report.get()).ok());
    let last = report.as_ref().and_then(|report| report.steps.last());
    json!({
        "id": format!("{}/{}", run.event, run.attempt),
        "event": run.event,
        "attempt": run.attempt,
        "worker": run.worker,
        "started": time(run.started),
        "milliseconds": run.ended.map(|ended| (ended - run.started) as f64 / 1e3),
        "outcome": match run.outcome.as_deref() {
            None => "running",
            Some(outcome @ ("done" | "released")) => outcome,
            Some(_) => "failed",
        },
        "reason": run.reason,
        "bytes": report.as_ref().map(|report| report.bytes),
        "rows_in": report.as_ref().map(EventReport::rows),
        "rows_out": last.map(|step| step.counts.rows_out),
        "rejects": report.as_ref().map(EventReport::rejected),
    })
}

fn letter(letter: &DeadLetter) -> Value {
    json!({
        "id": letter.id, "event": letter.event, "step": letter.step, "row": letter.row, "reason": letter.reason,
        "at": time(letter.at),
    })
}

fn time(micros: i64) -> Option<String> {
    Some(DateTime::from_timestamp_micros(micros)?.to_rfc3339_opts(SecondsFormat::Millis, true))
}
