//! The rejected rows of a run: all of them in a file, the first few of each step in the summary.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;
use wasmill_runtime::rows::Reject;

/// How many rejected rows of a step the summary shows.
const SHOWN: usize = 5;

/// A rejected row as it is written.
#[derive(Serialize)]
struct Line<'a> {
    /// The event, none for a reference table.
    event: Option<&'a str>,
    /// The step, or `tables.NAME`.
    step: &'a str,
    #[serde(flatten)]
    reject: &'a Reject,
}

/// Takes rejected rows.
pub struct Rejects {
    path: PathBuf,
    file: BufWriter<File>,
    /// How many there are.
    pub count: u64,
    /// By the step that rejected them, in the order of their first.
    pub steps: Vec<OfStep>,
}

/// The rejected rows of a step.
pub struct OfStep {
    /// The step, or `tables.NAME`.
    pub step: String,
    /// How many there are.
    pub count: u64,
    /// The first few.
    pub first: Vec<Reject>,
}

impl Rejects {
    /// Starts the file anew.
    pub fn create(path: &Path) -> Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
        }
        let file = File::create(path).with_context(|| format!("cannot write `{}`", path.display()))?;
        Ok(Self { path: path.to_owned(), file: BufWriter::new(file), count: 0, steps: Vec::new() })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes a rejected row.
    pub fn take(&mut self, event: Option<&str>, step: &str, reject: &Reject) -> io::Result<()> {
        serde_json::to_writer(&mut self.file, &Line { event, step, reject })?;
        self.file.write_all(b"\n")?;
        self.count += 1;
        let found = self.steps.iter().position(|of| of.step == step).unwrap_or_else(|| {
            self.steps.push(OfStep { step: step.to_owned(), count: 0, first: Vec::new() });
            self.steps.len() - 1
        });
        if let Some(of) = self.steps.get_mut(found) {
            of.count += 1;
            if of.first.len() < SHOWN {
                of.first.push(reject.clone());
            }
        }
        Ok(())
    }

    /// Writes what is still in memory.
    pub fn finish(&mut self) -> Result<()> {
        self.file.flush().with_context(|| format!("cannot write `{}`", self.path.display()))
    }
}
