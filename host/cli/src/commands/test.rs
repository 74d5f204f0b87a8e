//! `wasmill test`.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::Args;
use wasmill_runtime::documents::query::Query;
use wasmill_runtime::documents::{Database, ReadDocuments};
use wasmill_runtime::event::Event;
use wasmill_runtime::plan::TestPlan;
use wasmill_runtime::run::{Progress, RunOptions};

use super::{Exit, PipelineArgs};
use crate::session::Session;

/// How many documents are read at once.
const PAGE: u32 = 1000;

/// When the events of tests happen: 2026-01-01T00:00:00Z, in microseconds since 1970. The time of the file would
/// be another on every machine.
const EVENT_TIME: i64 = 1_767_225_600_000_000;

/// Run a pipeline's own tests: each `[[test]]` of the manifest, with a database of its own.
#[derive(Debug, Args)]
pub struct Test {
    #[command(flatten)]
    pipeline: PipelineArgs,

    /// Write what comes out into the files of what is expected.
    #[arg(long)]
    update: bool,
}

impl Test {
    /// Runs every test and says which failed, with the first lines that differ.
    pub fn run(self) -> Result<Exit> {
        let session = Session::open(&self.pipeline)?;
        if session.plan.tests.is_empty() {
            bail!(
                "the pipeline has no tests\nhint: `[[test]]` in its manifest, with an input and the documents it must give"
            );
        }
        let mut failed = 0;
        for test in &session.plan.tests {
            let found = match outcome(&session, test) {
                Ok(found) => found,
                Err(err) => {
                    failed += 1;
                    say!("{}: failed\n  {err:#}", test.name)?;
                    continue;
                }
            };
            if self.update {
                found.write(test)?;
                say!("{}: updated", test.name)?;
            } else if let Some(difference) = found.difference(test)? {
                failed += 1;
                say!("{}: failed\n{difference}", test.name)?;
            } else {
                say!("{}: passed", test.name)?;
            }
        }
        say!("{} passed, {failed} failed", session.plan.tests.len() - failed)?;
        Ok(if failed == 0 { Exit::Done } else { Exit::Failures })
    }
}

/// What came out, as the lines of the files of what is expected.
struct Found {
    documents: String,
    rejects: String,
}

fn outcome(session: &Session, test: &TestPlan) -> Result<Found> {
    let database = Arc::new(Database::in_memory()?);
    let pipeline = session.load(Some(session.rehearsed(database.clone())?))?;
    let event = Event { time: EVENT_TIME, ..Event::of_file(&test.input)? };
    let mut rejected = Vec::new();
    pipeline.run(&event, &RunOptions::default(), &Progress::default(), &mut |chunk| {
        rejected.extend(chunk.rejects.into_iter().map(|(step, reject)| (step.clone(), reject)));
        Ok(())
    })?;
    rejected.sort_by(|(step, reject), (other_step, other)| (step, reject.row).cmp(&(other_step, other.row)));
    let mut rejects = String::new();
    for (step, reject) in rejected {
        let line = serde_json::json!({ "step": step, "row": reject.row, "reason": reject.reason, "raw": reject.raw });
        writeln!(rejects, "{line}")?;
    }
    let mut documents = String::new();
    for collection in &database.collections()? {
        for document in Query::all(PAGE).documents(database.as_ref(), collection) {
            let document = document?;
            let line = serde_json::json!({
                "collection": collection,
                "partition_key": document.partition_key,
                "id": document.id,
                "body": document.body,
            });
            writeln!(documents, "{line}")?;
        }
    }
    Ok(Found { documents, rejects })
}

impl Found {
    fn write(&self, test: &TestPlan) -> Result<()> {
        for (path, text) in [(&test.documents, &self.documents), (&test.rejects, &self.rejects)] {
            if let Some(path) = path {
                std::fs::write(path, text).with_context(|| format!("cannot write `{}`", path.display()))?;
            }
        }
        Ok(())
    }

    fn difference(&self, test: &TestPlan) -> Result<Option<String>> {
        let documents = match &test.documents {
            Some(path) => compare(&read(path)?, &self.documents),
            None => None,
        };
        let expected = test.rejects.as_deref().map(read).transpose()?.unwrap_or_default();
        let rejects = compare(&expected, &self.rejects);
        let differences = [documents, rejects].into_iter().flatten();
        let text = differences.collect::<Vec<_>>().join("\n");
        Ok((!text.is_empty()).then_some(text))
    }
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path)
        .with_context(|| format!("cannot read `{}`\nhint: write it with `wasmill test --update`", path.display()))
}

/// The first line that differs, as `-` expected and `+` found.
fn compare(expected: &str, found: &str) -> Option<String> {
    if expected == found {
        return None;
    }
    let (mut expected, mut found) = (expected.lines(), found.lines());
    for number in 1_u64.. {
        match (expected.next(), found.next()) {
            (None, None) => break,
            (expected, found) if expected == found => {}
            (expected, found) => {
                let side = |sign: char, line: Option<&str>| format!("    {sign} {}", line.unwrap_or("(no line)"));
                return Some(format!("  line {number}\n{}\n{}", side('-', expected), side('+', found)));
            }
        }
    }
    Some("  only the ends of lines differ".to_owned())
}
