//! `wasmill cost`.

use std::fmt::Write;
use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use serde_json::{Value, json};

use super::backfill::moment;
use super::runs::{open, time, wait};
use super::{Exit, Format};
use crate::cost::formula::{Bill, Volume, bill};
use crate::cost::measured::{Measured, Resource};
use crate::cost::prices::Prices;
use crate::text::{counted, money, quantity};

/// Of so many of the latest runs what they used is looked at.
const MOST: u32 = 10_000;

/// Say what events of a pipeline cost, from what its runs used and a file of prices.
///
/// The runs are those of `wasmill run` and `wasmill up`, as `wasmill runs` lists them. The prices that are built in are examples
/// with a date; docs/cost.md tells how to write one's own, and what is counted.
#[derive(Debug, Args)]
pub struct Cost {
    /// The pipeline: its folder, its manifest, or the name of a folder in `manifests`.
    pipeline: PathBuf,

    /// Prices: a file, or the name of an example that is built in; several stand side by side [default: all examples].
    #[arg(long, value_name = "NAME|FILE")]
    prices: Vec<String>,

    /// How many events are priced, whenever they come: without what is free each month, or paid for all month.
    #[arg(long, value_name = "COUNT", default_value_t = 1_000_000)]
    events: u64,

    /// Price a month with so many events instead, with what is free each month and what is paid for all month.
    #[arg(long, value_name = "COUNT", conflicts_with = "events")]
    per_month: Option<u64>,

    /// Only runs that began then or later: a date, `2013-01-31`, which begins at midnight in UTC, or a time of RFC 3339.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<i64>,

    /// The form.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// A bill by a price file.
struct Billed {
    name: String,
    prices: Prices,
    bill: Bill,
}

impl Cost {
    /// Prints what was asked for.
    pub fn run(self) -> Result<Exit> {
        let named = match &*self.prices {
            [] => Prices::built_in()?,
            names => names.iter().map(|name| Prices::named(name)).collect::<Result<_>>()?,
        };
        let measured = self.measured()?;
        let volume = self.per_month.map_or(Volume::Events(self.events), Volume::Month);
        let billed: Vec<Billed> = named
            .into_iter()
            .map(|(name, prices)| Billed { name, bill: bill(&measured, &prices, volume), prices })
            .collect();
        let report = Report { resources: measured.resources(), measured: &measured, volume, billed: &billed };
        match self.format {
            Format::Text => say!("{}", report.text()?.trim_end())?,
            Format::Json => say!("{:#}", report.json())?,
        }
        Ok(Exit::Done)
    }

    fn measured(&self) -> Result<Measured> {
        let runs = open(&self.pipeline).and_then(|journal| Ok(wait(journal.runs(None, MOST))??));
        let hint = format!("hint: run the pipeline first, `wasmill run {}`", self.pipeline.display());
        let mut runs = match runs {
            Ok(runs) => runs,
            // Its own hint is the same.
            Err(err) => bail!("what it costs is not known without runs: {err:#}"),
        };
        runs.retain(|run| self.since.is_none_or(|since| run.started >= since));
        let measured = Measured::of(&runs);
        if !measured.samples.is_empty() {
            return Ok(measured);
        }
        let since = self.since.map_or_else(String::new, |since| format!(" since {}", time(since)));
        match measured {
            Measured { failed: 0, uncounted: 0, .. } => bail!("there is no run{since} to tell what it costs\n{hint}"),
            Measured { uncounted: 0, failed, .. } => {
                bail!("no run{since} is done, {} came to nothing\nhint: `wasmill runs list` says why", failed)
            }
            Measured { uncounted, .. } => bail!(
                "the runs{since} that are done, {uncounted}, were those of an older wasmill, which did not count what they \
                 used\n{hint}"
            ),
        }
    }
}

/// What is printed.
struct Report<'a> {
    resources: Vec<Resource>,
    measured: &'a Measured,
    volume: Volume,
    billed: &'a [Billed],
}

impl Report<'_> {
    fn volume(&self) -> String {
        match self.volume {
            Volume::Events(events) => counted(events, "event", "events"),
            Volume::Month(events) => format!("a month with {}", counted(events, "event", "events")),
        }
    }

    /// What is to be known of the numbers.
    fn notes(&self) -> Vec<String> {
        let Measured { samples, failed, uncounted, .. } = self.measured;
        let mut notes = Vec::new();
        if *failed > 0 {
            let failed = counted(*failed as u64, "run that came to nothing is", "runs that came to nothing are");
            notes.push(format!(
                "{failed} not counted among the events; of `wasmill run`, `cpu beside` has the time that they took"
            ));
        }
        if *uncounted > 0 {
            let uncounted = counted(*uncounted as u64, "run", "runs");
            notes.push(format!("{uncounted} of an older wasmill, which did not count what they used, are left out"));
        }
        let beside = self.measured.mean(|sample| sample.used.cpu_beside_seconds).map_or(0, |(_, runs)| runs);
        if beside < samples.len() {
            notes.push(format!(
                "`cpu beside`, of the network and of commits, is known of {beside} of {}: only `wasmill run` measures it",
                counted(samples.len() as u64, "event", "events")
            ));
        }
        notes.push(
            "not counted: the program's start, its own memory besides that of sandboxes, what a network carries, and messages of \
             brokers, of which the journal has no runs"
                .to_owned(),
        );
        notes
    }

    fn text(&self) -> Result<String> {
        let mut text = String::new();
        let runs = counted(self.measured.samples.len() as u64, "event", "events");
        let since = self.measured.since.map_or_else(String::new, |since| format!(" since {}", time(since)));
        writeln!(text, "Measured: the mean of {runs}{since}")?;
        let events = self.volume.events();
        let mut rows =
            vec![[String::new(), "for each event".into(), format!("for {}", self.volume()), "known of".into()]];
        for Resource { resource, unit, per_event, runs } in &self.resources {
            let each = quantity(*per_event, unit);
            rows.push([(*resource).to_owned(), each, quantity(per_event * events, unit), runs.to_string()]);
        }
        text.push_str(&table(&rows));
        writeln!(text, "\nPrice of {}", self.volume())?;
        text.push_str(&table(&self.side_by_side()));
        for Billed { name, prices, bill } in self.billed {
            let Prices { title, date, region, source, .. } = prices;
            writeln!(text, "\n{name}: {title}; {region}, prices of {date} ({source})")?;
            for line in &bill.lines {
                writeln!(text, "  {}: {}", line.item, line.formula)?;
            }
            if !bill.unpriced.is_empty() {
                writeln!(text, "  used, and without a price here: {}", bill.unpriced.join(", "))?;
            }
        }
        writeln!(text)?;
        for note in self.notes() {
            writeln!(text, "note: {note}")?;
        }
        Ok(text)
    }

    /// A row for each thing that any of the files prices, and a column for each file.
    fn side_by_side(&self) -> Vec<Vec<String>> {
        let mut items: Vec<&str> = Vec::new();
        for line in self.billed.iter().flat_map(|billed| &billed.bill.lines) {
            if !items.contains(&line.item) {
                items.push(line.item);
            }
        }
        let first = |text: &str| vec![text.to_owned()];
        let mut rows = vec![first("")];
        rows.extend(items.iter().map(|item| first(item)));
        rows.push(first("total"));
        for Billed { name, prices, bill } in self.billed {
            let amount = |amount: f64| format!("{} {}", money(amount), prices.currency);
            let of = |item: &&str| match bill.lines.iter().find(|line| line.item == *item) {
                Some(line) => line.amount.map_or_else(|| "not known".to_owned(), amount),
                None => "-".to_owned(),
            };
            // What is not known is not nothing.
            let least = if bill.is_complete { "" } else { "at least " };
            let total = format!("{least}{}", amount(bill.total));
            let column = std::iter::once(name.clone()).chain(items.iter().map(of)).chain([total]);
            rows.iter_mut().zip(column).for_each(|(row, cell)| row.push(cell));
        }
        rows
    }

    fn json(&self) -> Value {
        let events = self.volume.events();
        let resources = self.resources.iter().map(|resource| {
            let mut value = json!(resource);
            if let Some(value) = value.as_object_mut() {
                value.insert("quantity".to_owned(), json!(resource.per_event * events));
            }
            value
        });
        let billed = self.billed.iter().map(|Billed { name, prices, bill }| {
            let Prices { title, date, currency, region, source, .. } = prices;
            let mut value = json!(bill);
            let told = [
                ("name", name),
                ("title", title),
                ("date", date),
                ("currency", currency),
                ("region", region),
                ("source", source),
            ];
            if let Some(value) = value.as_object_mut() {
                value.extend(told.map(|(key, text)| (key.to_owned(), json!(text))));
            }
            value
        });
        json!({
            "runs": self.measured.samples.len(),
            "since": self.measured.since.map(time),
            "events": events,
            "per_month": matches!(self.volume, Volume::Month(_)),
            "measured": resources.collect::<Vec<_>>(),
            "prices": billed.collect::<Vec<_>>(),
            "notes": self.notes(),
        })
    }
}

/// Rows with their columns under each other, the first to the left and the others to the right.
fn table<R: AsRef<[String]>>(rows: &[R]) -> String {
    let rows = || rows.iter().map(AsRef::as_ref);
    let columns = rows().map(<[String]>::len).max().unwrap_or_default();
    let width = |column: usize| rows().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or_default()).collect();
    let mut text = String::new();
    for row in rows() {
        for (index, (cell, width)) in row.iter().zip(&widths).enumerate() {
            text.push_str(&if index == 0 { format!("  {cell:<width$}") } else { format!("  {cell:>width$}") });
        }
        text.push('\n');
    }
    text
}
