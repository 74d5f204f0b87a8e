//! The rejected rows of a run: all of them in a file, the first few in the summary.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;
use wasmill_runtime::rows::Reject;

/// How many rejected rows the summary shows.
const SHOWN: usize = 10;

/// A rejected row as it is written.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    /// The event, none for a reference table.
    pub event: Option<String>,
    /// The step, or `tables.NAME`.
    pub step: String,
    /// The row.
    #[serde(flatten)]
    pub reject: Reject,
}

/// Takes rejected rows.
pub struct Rejects {
    path: PathBuf,
    file: BufWriter<File>,
    /// How many there are.
    pub count: u64,
    /// The first few.
    pub first: Vec<Line>,
}

impl Rejects {
    /// Starts the file anew.
    pub fn create(path: &Path) -> Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
        }
        let file = File::create(path).with_context(|| format!("cannot write `{}`", path.display()))?;
        Ok(Self { path: path.to_owned(), file: BufWriter::new(file), count: 0, first: Vec::new() })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes a rejected row.
    pub fn take(&mut self, event: Option<&str>, step: &str, reject: &Reject) -> io::Result<()> {
        let line = Line { event: event.map(str::to_owned), step: step.to_owned(), reject: reject.clone() };
        serde_json::to_writer(&mut self.file, &line)?;
        self.file.write_all(b"\n")?;
        self.count += 1;
        if self.first.len() < SHOWN {
            self.first.push(line);
        }
        Ok(())
    }

    /// Writes what is still in memory.
    pub fn finish(&mut self) -> Result<()> {
        self.file.flush().with_context(|| format!("cannot write `{}`", self.path.display()))
    }
}
