//! `wasmill report`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use super::{Exit, PipelineArgs};

/// Write a report to one file of HTML, which shows it without a server or a network.
///
/// It has the answers as they are now. What is chosen at first in the report is chosen there; drawings, tables, sorting, export and
/// print work as on the page of `wasmill up`.
#[derive(Debug, Args)]
pub struct Report {
    #[command(flatten)]
    pipeline: PipelineArgs,

    /// The report, by its file's name without the end [default: the first].
    #[arg(long, value_name = "ID")]
    report: Option<String>,

    /// The file [default: the report's id with `.html`].
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Report {
    /// Asks what the report shows, and writes it.
    #[cfg(feature = "warehouse")]
    pub fn run(self) -> Result<Exit> {
        write(self)
    }

    /// Says what is missing.
    #[cfg(not(feature = "warehouse"))]
    pub fn run(self) -> Result<Exit> {
        anyhow::bail!("this wasmill was built without queries\nhint: `make build FEATURES=warehouse`")
    }
}

#[cfg(feature = "warehouse")]
fn write(command: Report) -> Result<Exit> {
    use std::io::Write;
    use std::path::Path;

    use anyhow::Context;
    use chrono::{SecondsFormat, Utc};
    use serde_json::json;
    use wasmill_model::Attributes;

    use crate::analysis::Analysis;
    use crate::page;

    /// The most rows of a tile.
    const ROWS: u64 = 10_000;

    let page = page::read(command.pipeline.components.as_deref())?;
    let analysis = Analysis::open(command.pipeline)?;
    let reports = &analysis.measures.reports;
    let report = match &command.report {
        Some(id) => reports.iter().find(|report| report.id == *id).with_context(|| {
            let known: Vec<String> = reports.iter().map(|report| format!("`{}`", report.id)).collect();
            format!("there is no report `{id}`\nhint: there are {}", known.join(", "))
        })?,
        None => reports.first().context(
            "the pipeline has no report\nhint: `reports = [\"reports/NAME.toml\"]` in its manifest; see docs/reports.md",
        )?,
    };
    let (nobody, mut results) = (Attributes::new(), Vec::new());
    for (name, query) in report.asked() {
        let asked = analysis.measures.ask(&analysis.session, &query, &nobody, ROWS);
        let rows = analysis.wait(asked).with_context(|| format!("tile `{name}`"))?;
        results.push(format!("{}:{}", json!(name), rows.json));
    }
    let made = Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true);
    let data = format!(
        "{{\"report\":{},\"model\":{},\"made\":{},\"results\":{{{}}}}}",
        serde_json::to_string(report)?,
        wasmill_reports::described(&analysis.measures.model),
        json!(made),
        results.join(",")
    );
    let output = command.output.unwrap_or_else(|| PathBuf::from(format!("{}.html", report.id)));
    let folder = output.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let failed = || format!("cannot write `{}`", output.display());
    let mut file = tempfile::NamedTempFile::new_in(folder).with_context(failed)?;
    file.write_all(page::with_data(&page, &data)?.as_bytes()).with_context(failed)?;
    file.persist(&output).with_context(failed)?;
    eprintln!("the report is in `{}`: open it in a browser", output.display());
    Ok(Exit::Done)
}
