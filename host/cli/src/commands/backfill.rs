//! `wasmill backfill`.

use std::path::PathBuf;

use anyhow::{Result, bail};
use chrono::{DateTime, NaiveDate, Utc};
use clap::{Args, Subcommand};
use wasmill_journal::backfill::Backfill as Begun;
use wasmill_journal::{Journal, NewEvent};
use wasmill_runtime::event::{Event, Object};
use wasmill_runtime::plan::{Plan, TriggerPlan};
use wasmill_runtime::store::{Found, Location};
use wasmill_worker::clock;
use wasmill_worker::trigger::schedule;

use super::runs::{open, time, wait};
use super::{Exit, Format, PipelineArgs};
use crate::objects::objects;
use crate::session::Session;

/// The most events of a backfill: all of them are accepted at once.
const MOST: usize = 100_000;

/// Run objects once more, or times of a schedule that passed, beside what just happens.
///
/// `wasmill up` works on them, with the share of its capacity that `[delivery] backfill_share` gives them, and goes on with
/// them after it was started again. What is there and the same has no effect.
#[derive(Debug, Args)]
pub struct Backfill {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Begin a backfill; its number is printed.
    Start(Start),
    /// Print the backfills, the last one first, and how their events stand.
    List {
        /// The pipeline: its folder, its manifest, or the name of a folder in `manifests`.
        pipeline: PathBuf,
        /// The form.
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Cancel a backfill: what waits is forgotten, what runs ends as a dead letter, and what was done stays.
    Cancel {
        /// The pipeline.
        pipeline: PathBuf,
        /// The backfill's number.
        number: u32,
    },
}

#[derive(Debug, Args)]
struct Start {
    #[command(flatten)]
    pipeline: PipelineArgs,

    /// Objects, instead of those that the triggers match.
    #[arg(conflicts_with = "schedule", value_parser = Location::named)]
    objects: Vec<Location>,

    /// The times of this schedule, instead of objects.
    #[arg(long, value_name = "ID", requires = "since")]
    schedule: Option<String>,

    /// Objects changed, or times, from then on: a date, `2013-01-31`, which begins at midnight in UTC, or a time of RFC 3339.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<i64>,

    /// Objects changed, or times, before then.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<i64>,

    /// Objects whose name is this or comes after it, letter by letter.
    #[arg(long, value_name = "NAME", conflicts_with = "schedule")]
    from: Option<String>,

    /// Objects whose name is this, begins with it, or comes before it.
    #[arg(long, value_name = "NAME", conflicts_with = "schedule")]
    to: Option<String>,

    /// Print what would be run, one event a line, and begin nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Microseconds since 1970-01-01T00:00:00Z.
pub fn moment(text: &str) -> Result<i64, String> {
    let date = text.parse::<NaiveDate>().ok().and_then(|date| date.and_hms_opt(0, 0, 0));
    match (date, DateTime::parse_from_rfc3339(text)) {
        (Some(date), _) => Ok(date.and_utc().timestamp_micros()),
        (None, Ok(time)) => Ok(time.with_timezone(&Utc).timestamp_micros()),
        (None, Err(err)) => Err(format!("it is neither a date, such as `2013-01-31`, nor a time of RFC 3339: {err}")),
    }
}

impl Backfill {
    /// Does what was asked.
    pub fn run(self) -> Result<Exit> {
        match self.command {
            Command::Start(start) => start.run(),
            Command::List { pipeline, format } => {
                for backfill in wait(open(&pipeline)?.backfills())?? {
                    match format {
                        Format::Json => say!("{}", serde_json::to_string(&backfill)?)?,
                        Format::Text => say!("{}", line(&backfill))?,
                    }
                }
                Ok(Exit::Done)
            }
            Command::Cancel { pipeline, number } => {
                if !wait(open(&pipeline)?.cancel_backfill(number, clock::now()))?? {
                    bail!("there is no backfill {number}\nhint: `wasmill backfill list` prints them");
                }
                Ok(Exit::Done)
            }
        }
    }
}

impl Start {
    fn run(self) -> Result<Exit> {
        let session = Session::open(&self.pipeline)?;
        let events = self.events(&session.plan)?;
        if events.is_empty() {
            bail!("there is nothing to run\nhint: `--dry-run` prints what there is, without other bounds everything");
        }
        if events.len() > MOST {
            bail!("these are more than {MOST} events\nhint: begin several backfills, with `--from` and `--to`");
        }
        if self.dry_run {
            for NewEvent { id, object, .. } in &events {
                match object {
                    Object::Stored { location, size, .. } => say!("{id}  {location}  {size} bytes")?,
                    Object::Bytes(_) => say!("{id}")?,
                }
            }
            eprintln!("{} events; nothing was begun", events.len());
            return Ok(Exit::Done);
        }
        let count = events.len();
        let journal = Journal::open(&session.plan.journal, &session.plan.name, Box::new(|| Ok(())))?;
        let number = wait(journal.begin_backfill(self.what(), events, clock::now()))??;
        say!("{number}")?;
        eprintln!("{count} events wait; `wasmill up` runs them, `wasmill backfill list` tells how far it is");
        Ok(Exit::Done)
    }

    /// What is asked for, in words.
    fn what(&self) -> String {
        let mut words = match (&self.schedule, &*self.objects) {
            (Some(schedule), _) => vec![format!("schedule {schedule}")],
            (None, []) => vec!["objects".to_owned()],
            (None, objects) => objects.iter().map(ToString::to_string).collect(),
        };
        let since = self.since.map(|since| format!("since {}", time(since)));
        let until = self.until.map(|until| format!("until {}", time(until)));
        let from = self.from.as_ref().map(|from| format!("from {from}"));
        let to = self.to.as_ref().map(|to| format!("to {to}"));
        words.extend([since, until, from, to].into_iter().flatten());
        words.join(" ")
    }

    fn events(&self, plan: &Plan) -> Result<Vec<NewEvent>> {
        let Some(wanted) = &self.schedule else { return self.objects(plan) };
        let schedules = || {
            plan.triggers.iter().filter_map(|trigger| match trigger {
                TriggerPlan::Schedule(schedule) => Some(schedule),
                _ => None,
            })
        };
        let Some(found) = schedules().find(|schedule| schedule.id.as_str() == wanted) else {
            let known: Vec<String> = schedules().map(|schedule| format!("`{}`", schedule.id)).collect();
            bail!("there is no schedule `{wanted}`\nhint: the schedules are {}", known.join(", "));
        };
        Ok(schedule::between(found, self.since.unwrap_or_default(), self.until.unwrap_or_else(clock::now), MOST + 1))
    }

    fn objects(&self, plan: &Plan) -> Result<Vec<NewEvent>> {
        let mut events = Vec::new();
        for found in objects(plan, &self.objects)?.into_iter().filter(|found| self.is_named(&found.location.name())) {
            let found = Found { location: found.location.absolute()?, ..found };
            let Event { id, time, object, .. } = Event::of(found);
            if time < self.since.unwrap_or(i64::MIN) || time >= self.until.unwrap_or(i64::MAX) {
                continue;
            }
            events.push(NewEvent { id, generation: 0, trigger: "backfill".into(), time, object, trace: None });
        }
        Ok(events)
    }

    fn is_named(&self, name: &str) -> bool {
        let is_after = self.from.as_ref().is_none_or(|from| name >= from.as_str());
        is_after && self.to.as_ref().is_none_or(|to| name <= to.as_str() || name.starts_with(to))
    }
}

fn line(backfill: &Begun) -> String {
    let Begun { generation, what, began, cancelled, waiting, running, done, dead } = backfill;
    let cancelled = cancelled.map_or_else(String::new, |at| format!(", cancelled {}", time(at)));
    format!(
        "{generation}  {}  {what}: {waiting} waiting, {running} running, {done} done, {dead} dead{cancelled}",
        time(*began)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_date_or_a_time() {
        assert_eq!(moment("1970-01-02"), Ok(86_400_000_000));
        assert_eq!(moment("1970-01-01T01:00:01+01:00"), Ok(1_000_000));
        assert!(moment("yesterday").unwrap_err().starts_with("it is neither a date"));
    }
}
