//! `wasmill runs`.

use std::path::PathBuf;

use anyhow::Result;
use chrono::DateTime;
use clap::{Args, Subcommand};
use wasmill_journal::Journal;
use wasmill_journal::history::Run;
use wasmill_runtime::metering::Used;
use wasmill_runtime::plan;
use wasmill_runtime::run::EventReport;
use wasmill_worker::clock;

use super::run::table;
use super::{Exit, Format};
use crate::text::{counted, significant};

/// Look at what `wasmill up` and `wasmill run` did, attempt by attempt.
#[derive(Debug, Args)]
pub struct Runs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the latest attempts, one a line, the last one first, and how events stand.
    List(ListArgs),
    /// Print the attempts at an event, with what each step did, used and printed.
    Show {
        /// The pipeline: its folder, its manifest, or the name of a folder in `manifests`.
        pipeline: PathBuf,
        /// The event.
        event: String,
        /// The form.
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Cancel an event that waits or runs: it ends as a dead letter, which can be replayed. What had its effects keeps them.
    Cancel {
        /// The pipeline.
        pipeline: PathBuf,
        /// The event.
        event: String,
    },
}

/// What a list takes.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// The pipeline: its folder, its manifest, or the name of a folder in `manifests`.
    pub pipeline: PathBuf,
    /// How many, at most.
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    pub limit: u32,
    /// The form.
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
}

impl Runs {
    /// Prints what was asked for.
    pub fn run(self) -> Result<Exit> {
        match self.command {
            Command::List(ListArgs { pipeline, limit, format }) => {
                let journal = open(&pipeline)?;
                for run in wait(journal.runs(None, limit))?? {
                    match format {
                        Format::Json => say!("{}", serde_json::to_string(&run)?)?,
                        Format::Text => say!("{}", line(&run))?,
                    }
                }
                let counts = wait(journal.counts())??;
                eprintln!(
                    "events: {} waiting, {} running, {} done, {} dead; dead letters: {}",
                    counts.waiting, counts.running, counts.done, counts.dead, counts.letters
                );
                Ok(Exit::Done)
            }
            Command::Cancel { pipeline, event } => {
                if !wait(open(&pipeline)?.cancel(&event, clock::now()))?? {
                    eprintln!("no event `{event}` waits or runs\nhint: `wasmill runs list` prints events");
                    return Ok(Exit::Failures);
                }
                Ok(Exit::Done)
            }
            Command::Show { pipeline, event, format } => {
                let runs = wait(open(&pipeline)?.runs(Some(&event), u32::MAX))??;
                if runs.is_empty() {
                    eprintln!("there was no attempt at an event `{event}`\nhint: `wasmill runs list` prints events");
                    return Ok(Exit::Failures);
                }
                for run in runs {
                    match format {
                        Format::Json => say!("{}", serde_json::to_string(&run)?)?,
                        Format::Text => say!("{}", described(&run)?.trim_end())?,
                    }
                }
                Ok(Exit::Done)
            }
        }
    }
}

/// The journal of a pipeline that was up.
pub fn open(pipeline: &std::path::Path) -> Result<Journal> {
    let (name, path) = plan::journal_of(&plan::resolve(pipeline)?)?;
    Ok(Journal::open_existing(&path, &name)?)
}

/// Waits for a journal.
pub fn wait<T>(work: impl Future<Output = T>) -> Result<T> {
    Ok(tokio::runtime::Builder::new_current_thread().build()?.block_on(work))
}

/// A time as text, to the second.
pub fn time(micros: i64) -> String {
    DateTime::from_timestamp_micros(micros)
        .map_or_else(String::new, |time| time.format("%Y-%m-%dT%H:%M:%SZ").to_string())
}

fn line(run: &Run) -> String {
    let Run { event, attempt, worker, outcome, reason, started, ended, .. } = run;
    let outcome = outcome.as_deref().unwrap_or("running");
    let seconds = ended.map_or_else(String::new, |ended| format!("{:.3} s", (ended - started) as f64 / 1e6));
    let reason = reason.as_deref().and_then(|reason| reason.lines().next()).unwrap_or_default();
    let how = if *attempt == 0 { format!("by {worker}") } else { format!("attempt {attempt}") };
    format!("{}  {outcome:<8} {seconds:>10}  {event} {how}  {reason}", time(*started)).trim_end().to_owned()
}

/// What was used that is paid for, but for what was not.
fn spent(used: &Used) -> String {
    let Used { cpu_seconds, cpu_beside_seconds, memory_gb_seconds, .. } = used;
    let cpu = significant(cpu_seconds + cpu_beside_seconds.unwrap_or_default());
    let mut text = format!("used {cpu} s of CPU, {} GB-s of memory", significant(*memory_gb_seconds));
    for (number, one, many) in [
        (used.store_bytes, "byte of stores", "bytes of stores"),
        (used.store_reads, "request to stores", "requests to stores"),
        (used.requests, "HTTP request", "HTTP requests"),
        (used.documents, "document", "documents"),
    ] {
        if number > 0 {
            text.push_str(&format!(", {}", counted(number, one, many)));
        }
    }
    if used.request_units > 0.0 {
        text.push_str(&format!(", {} request units", significant(used.request_units)));
    }
    text
}

/// A run with all that is known of it.
fn described(run: &Run) -> Result<String> {
    let Run { worker, plan, reason, report, .. } = run;
    let mut text = format!("{}\n  by {worker}, plan {plan}\n", line(run));
    // Of the reason the first line was said.
    for more in reason.iter().flat_map(|reason| reason.lines().skip(1)) {
        text.push_str(&format!("  {more}\n"));
    }
    let Some(report) = report else { return Ok(text) };
    let report: EventReport = serde_json::from_str(report.get())?;
    text.push_str(&table(&report.steps));
    if let Some(used) = &report.used {
        text.push_str(&format!("  {}\n", spent(used)));
    }
    for step in report.steps.iter().filter(|step| !step.usage.printed.is_empty()) {
        text.push_str(&format!("  {} printed:\n", step.id));
        step.usage.printed.lines().for_each(|line| text.push_str(&format!("    {line}\n")));
    }
    Ok(text)
}
