//! `wasmill tables`.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use serde_json::json;
use wasmill_journal::Journal;
use wasmill_runtime::plan::{self, JournalPlan, SinkPlaces};
use wasmill_runtime::store::Location;
use wasmill_warehouse::delta::{Commit, Summary, Table};

use super::{Exit, Format, runs};
use crate::text::{count, counted};

/// Look at the tables that pipelines write, and look after them.
#[derive(Debug, Args)]
pub struct Tables {
    #[command(subcommand)]
    command: Command,

    /// The form of the answer.
    #[arg(long, value_enum, default_value = "text", global = true)]
    format: Format,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the tables of a pipeline's sinks, and how many rows wait to be committed to each.
    List {
        /// The pipeline: its folder, its manifest, or the name of a folder in `manifests`.
        pipeline: PathBuf,
    },
    /// Print a table's columns, and how much is in it.
    Show {
        #[command(flatten)]
        place: Place,
    },
    /// Print a table's last versions, the newest first, and how they came to be.
    History {
        #[command(flatten)]
        place: Place,
        /// How many, at most.
        #[arg(long, value_name = "COUNT", default_value_t = 20)]
        limit: usize,
    },
    /// Put a table's small files together to ones of 256 MiB. What is in the table stays the same.
    Optimize {
        #[command(flatten)]
        place: Place,
    },
    /// Remove files that have not been part of a table for longer than it promises its readers (a week, unless its
    /// property `delta.deletedFileRetentionDuration` says otherwise). Older versions cannot be read or restored then.
    Vacuum {
        #[command(flatten)]
        place: Place,
        /// Only print them.
        #[arg(long)]
        dry_run: bool,
    },
    /// Make a table what it was at a version, as a new version.
    Restore {
        #[command(flatten)]
        place: Place,
        /// The version.
        version: u64,
    },
}

#[derive(Debug, Args)]
struct Place {
    /// The table: its folder, or its URL as stores have them, with credentials from the environment.
    #[arg(value_parser = Location::named)]
    table: Location,
}

impl Place {
    fn open(self) -> Result<Table> {
        Ok(Table::open(&self.table.absolute()?)?)
    }
}

impl Tables {
    /// Does what was asked, and prints it.
    pub fn run(self) -> Result<Exit> {
        let format = self.format;
        match self.command {
            Command::List { pipeline } => list(&pipeline, format)?,
            Command::Show { place } => show(&place.open()?.summary()?, format)?,
            Command::History { place, limit } => {
                for commit in place.open()?.history(limit)? {
                    tell(&commit, format)?;
                }
            }
            Command::Optimize { place } => {
                let tidied = place.open()?.optimize()?;
                match format {
                    Format::Text => say!("{tidied}")?,
                    Format::Json => say!("{}", json!(tidied))?,
                }
            }
            Command::Vacuum { place, dry_run } => {
                let removed = place.open()?.vacuum(dry_run)?;
                match format {
                    Format::Text => {
                        removed.iter().try_for_each(|path| say!("{path}"))?;
                        let what = if dry_run { "would be removed" } else { "removed" };
                        eprintln!("{} {what}", counted(removed.len() as u64, "file", "files"));
                    }
                    Format::Json => say!("{}", json!({ "removed": removed, "dry_run": dry_run }))?,
                }
            }
            Command::Restore { place, version } => {
                let restored = place.open()?.restore(version)?;
                match format {
                    Format::Text => say!(
                        "{} are part of the table again, {} no longer",
                        counted(restored.added, "file", "files"),
                        count(restored.removed)
                    )?,
                    Format::Json => say!("{}", json!(restored))?,
                }
            }
        }
        Ok(Exit::Done)
    }
}

fn list(pipeline: &std::path::Path, format: Format) -> Result<()> {
    let file = plan::resolve(pipeline)?;
    let SinkPlaces { pipeline, journal, tables } = plan::sinks_of(&file)?;
    // Without a file there is nothing that waits.
    let journal = match &journal {
        JournalPlan::Sqlite(file) if !file.is_file() => None,
        journal => Some(Journal::open_existing(journal, &pipeline)?),
    };
    for (id, location) in tables {
        let waiting = match &journal {
            Some(journal) => runs::wait(journal.staged(&id))?.context("cannot ask the journal")?,
            None => 0,
        };
        let summary = match Table::open(&location) {
            Ok(table) => Some(table.summary()?),
            Err(err) if err.kind() == std::io::ErrorKind::NotFound => None,
            Err(err) => return Err(err.into()),
        };
        match format {
            Format::Json => say!(
                "{}",
                json!({ "sink": id, "location": location.to_string(), "table": summary, "waiting": waiting })
            )?,
            Format::Text => {
                let what = match &summary {
                    Some(summary) => {
                        let rows = summary.rows.map_or_else(|| "an unknown number of".to_owned(), count);
                        format!(
                            "version {}, {rows} rows in {}",
                            summary.version,
                            counted(summary.files, "file", "files")
                        )
                    }
                    None => "no table yet".to_owned(),
                };
                let waits = if waiting > 0 {
                    format!("; {} to be committed", counted(waiting, "row", "rows"))
                } else {
                    String::new()
                };
                say!("{id}  {location}\n    {what}{waits}")?;
            }
        }
    }
    Ok(())
}

fn show(summary: &Summary, format: Format) -> Result<()> {
    if format == Format::Json {
        return Ok(say!("{}", json!(summary))?);
    }
    let rows = summary.rows.map_or_else(|| "an unknown number of".to_owned(), count);
    say!("{}", summary.location)?;
    say!(
        "version {}, {rows} rows, {} of {} bytes",
        summary.version,
        counted(summary.files, "file", "files"),
        count(summary.bytes)
    )?;
    for (name, of) in &summary.columns {
        let partition = if summary.partition_by.contains(name) { "  (partitioned by it)" } else { "" };
        say!("    {name} {of}{partition}")?;
    }
    Ok(())
}

fn tell(commit: &Commit, format: Format) -> Result<()> {
    if format == Format::Json {
        return Ok(say!("{}", json!(commit))?);
    }
    let when = commit.time.map_or_else(String::new, |time| runs::time(time.saturating_mul(1000)));
    let numbers = commit.metrics.as_object().into_iter().flatten();
    let numbers: Vec<String> = numbers.map(|(name, value)| format!("{name} {value}")).collect();
    Ok(say!("{:>8}  {when}  {:<12} {}", commit.version, commit.operation, numbers.join(", "))?)
}
