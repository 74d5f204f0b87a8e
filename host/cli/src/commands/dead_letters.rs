//! `wasmill dead-letters`.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use wasmill_journal::Journal;
use wasmill_journal::letters::DeadLetter;
use wasmill_worker::clock;

use super::runs::{ListArgs, open, time, wait};
use super::{Exit, Format};

/// Look at rows and events that nothing came of, replay them once their cause is mended, or drop them.
#[derive(Debug, Args)]
pub struct DeadLetters {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the oldest dead letters, one a line.
    List(ListArgs),
    /// Print a dead letter, as JSON.
    Show {
        /// The pipeline.
        pipeline: PathBuf,
        /// The dead letter.
        id: i64,
    },
    /// Run the events of dead letters once more, whole: what had its effect has none again. A dead letter is gone once a
    /// run shows that it is well.
    Replay(Chosen),
    /// Forget dead letters. What they are about is not run again.
    Drop(Chosen),
}

#[derive(Debug, Args)]
struct Chosen {
    /// The pipeline.
    pipeline: PathBuf,
    /// The dead letters.
    #[arg(required_unless_present = "all")]
    ids: Vec<i64>,
    /// All of them.
    #[arg(long, conflicts_with = "ids")]
    all: bool,
}

impl DeadLetters {
    /// Does what was asked.
    pub fn run(self) -> Result<Exit> {
        match self.command {
            Command::List(ListArgs { pipeline, limit, format }) => {
                for letter in wait(open(&pipeline)?.letters(limit))?? {
                    match format {
                        Format::Json => say!("{}", serde_json::to_string(&letter)?)?,
                        Format::Text => say!("{}", line(&letter))?,
                    }
                }
            }
            Command::Show { pipeline, id } => {
                let Some(letter) = wait(open(&pipeline)?.letter(id))?? else {
                    bail!("there is no dead letter {id}\nhint: `wasmill dead-letters list` prints them")
                };
                say!("{}", serde_json::to_string_pretty(&letter)?)?;
            }
            Command::Replay(chosen) => {
                let (journal, ids) = chosen.find()?;
                let events = wait(journal.replay(ids, clock::now()))??;
                eprintln!("{events} events are due again; `wasmill up` runs them");
            }
            Command::Drop(chosen) => {
                let (journal, ids) = chosen.find()?;
                let letters = wait(journal.drop_letters(ids))??;
                eprintln!("{letters} dead letters were dropped");
            }
        }
        Ok(Exit::Done)
    }
}

impl Chosen {
    fn find(self) -> Result<(Journal, Vec<i64>)> {
        let journal = open(&self.pipeline)?;
        let known: Vec<i64> = wait(journal.letters(u32::MAX))??.iter().map(|letter| letter.id).collect();
        if let Some(unknown) = self.ids.iter().find(|id| !known.contains(id)) {
            bail!("there is no dead letter {unknown}\nhint: `wasmill dead-letters list` prints them");
        }
        Ok((journal, if self.all { known } else { self.ids }))
    }
}

fn line(letter: &DeadLetter) -> String {
    let DeadLetter { id, event, attempt, at, step, row, reason, .. } = letter;
    let step = if step.is_empty() { "-" } else { step };
    let place = row.map_or_else(|| "event".to_owned(), |row| format!("line {row}"));
    let reason = reason.lines().next().unwrap_or_default();
    format!("{id}  {}  {event} attempt {attempt}  {step} {place}: {reason}", time(*at))
}
