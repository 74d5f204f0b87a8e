//! From what an event uses, and prices, to amounts, each with its arithmetic as text.

use serde::Serialize;
use wasmill_runtime::metering::GIGABYTE;

use super::measured::{Measured, Sample};
use super::prices::{Documents, Executions, Memory, Node, Objects, Prices};
use crate::text::{money, quantity, significant};

/// How many hours a month has, as clouds count.
const MONTH: f64 = 730.0;

/// How many megabytes a gigabyte has.
const MEGABYTES: f64 = 1024.0;

/// How many events are priced.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Volume {
    /// So many, whenever they come.
    Events(u64),
    /// So many a month, for a month: with what is free each month, and what is paid for all month.
    Month(u64),
}

impl Volume {
    /// How many there are.
    pub fn events(self) -> f64 {
        match self {
            Self::Events(events) | Self::Month(events) => events as f64,
        }
    }

    fn is_month(self) -> bool {
        matches!(self, Self::Month(_))
    }
}

/// What one thing costs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// What is paid for.
    pub item: &'static str,
    /// The arithmetic; or why there is none.
    pub formula: String,
    /// How much of it.
    pub quantity: Option<f64>,
    /// In what that is counted.
    pub unit: &'static str,
    /// What it costs; none if that is not known.
    pub amount: Option<f64>,
}

/// What events cost.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bill {
    /// Each thing that is priced.
    pub lines: Vec<Line>,
    /// All that is known together.
    pub total: f64,
    /// Whether all that is priced is known.
    pub is_complete: bool,
    /// What was used and has no price in the file.
    pub unpriced: Vec<&'static str>,
}

/// What events like those that were measured cost.
pub fn bill(measured: &Measured, prices: &Prices, volume: Volume) -> Bill {
    let by = Biller { measured, currency: &prices.currency, volume };
    let mut lines = Vec::new();
    lines.extend(prices.executions.as_ref().map(|prices| by.executions(prices)));
    lines.extend(prices.memory.as_ref().map(|prices| by.memory(prices)));
    lines.extend(prices.cpu.as_ref().map(|prices| {
        let sum = Sum::new(measured.cpu(), "CPU-s").free(prices.free_vcpu_seconds_per_month);
        by.line("cpu", sum, prices.per_vcpu_second, None)
    }));
    lines.extend(prices.node.as_ref().map(|prices| by.node(prices)));
    lines.extend(prices.documents.iter().flat_map(|prices| by.documents(prices)));
    lines.extend(prices.objects.iter().flat_map(|prices| by.objects(prices)));
    lines.extend(prices.outbound.as_ref().map(|prices| {
        let sum = Sum::new(measured.each(|sample| sample.used.requests as f64), "requests");
        by.line("HTTP requests", sum, prices.per_million_requests, Some(1e6))
    }));
    Bill {
        total: lines.iter().filter_map(|line| line.amount).sum(),
        is_complete: lines.iter().all(|line| line.amount.is_some()),
        unpriced: unpriced(measured, prices, &lines),
        lines,
    }
}

/// What was used and is not among the lines.
fn unpriced(measured: &Measured, prices: &Prices, lines: &[Line]) -> Vec<&'static str> {
    let has = |item: &str| lines.iter().any(|line| line.item == item);
    let is_memory = prices.memory.is_some() || prices.node.is_some();
    let used = |of: fn(&Sample) -> u64| measured.samples.iter().any(|sample| of(sample) > 0);
    let documents = used(|sample| sample.used.documents);
    let stores = used(|sample| sample.used.store_bytes);
    [
        // Who pays for memory over time, or for machines, pays for processors with it.
        ("cpu", !is_memory && prices.cpu.is_none()),
        ("memory", !is_memory),
        ("documents kept", documents && !has("documents kept")),
        ("request units", used(|sample| sample.used.request_units.ceil() as u64) && !has("request units")),
        ("reads of objects", used(|sample| sample.used.store_reads) && !has("reads of objects")),
        ("objects kept", stores && !has("objects kept")),
        ("HTTP requests", used(|sample| sample.used.requests) && prices.outbound.is_none()),
        ("rows to tables", used(|sample| sample.table_rows) && !has("writes of objects")),
    ]
    .into_iter()
    .filter_map(|(what, is_unpriced)| is_unpriced.then_some(what))
    .collect()
}

/// A quantity of each event, and how it came about.
struct Sum {
    /// What comes before it in words, with a blank after it.
    how: String,
    per_event: f64,
    unit: &'static str,
    free_per_month: f64,
}

impl Sum {
    fn new(per_event: f64, unit: &'static str) -> Self {
        Self { how: String::new(), per_event, unit, free_per_month: 0.0 }
    }

    fn free(self, free_per_month: f64) -> Self {
        Self { free_per_month, ..self }
    }
}

struct Biller<'a> {
    measured: &'a Measured,
    currency: &'a str,
    volume: Volume,
}

impl Biller<'_> {
    /// So much for each event, at a price of one or of `per` of it.
    fn line(&self, item: &'static str, sum: Sum, price: f64, per: Option<f64>) -> Line {
        let Sum { how, per_event, unit, free_per_month } = sum;
        let events = self.volume.events();
        let all = per_event * events;
        let free = if self.volume.is_month() { free_per_month } else { 0.0 };
        let left = (all - free).max(0.0);
        let amount = left * price / per.unwrap_or(1.0);
        let mut formula =
            format!("{how}{} × {} = {}", quantity(per_event, unit), significant(events), quantity(all, unit));
        if free > 0.0 {
            let (free, left) = (significant(free), quantity(left, unit));
            formula.push_str(&format!("; − {free} that are free each month, not below 0 = {left}"));
        }
        let per = per.map_or_else(String::new, |per| format!(" / {}", significant(per)));
        formula.push_str(&format!(" × {} {}{per} = {}", price, self.currency, self.money(amount)));
        Line { item, formula, quantity: Some(left), unit, amount: Some(amount) }
    }

    /// What is not known.
    fn unknown(item: &'static str, unit: &'static str, why: String) -> Line {
        Line { item, formula: why, quantity: None, unit, amount: None }
    }

    fn money(&self, amount: f64) -> String {
        format!("{} {}", money(amount), self.currency)
    }

    fn executions(&self, prices: &Executions) -> Line {
        let sum = Sum::new(1.0, "executions").free(prices.free_requests_per_month);
        self.line("executions", sum, prices.per_million_requests, Some(1e6))
    }

    /// Memory over time, as it is billed, which is rounded for each event by itself.
    fn memory(&self, prices: &Memory) -> Line {
        let Memory { per_gb_second, program_mb, round_up_to_mb, minimum_milliseconds, free_gb_seconds_per_month } =
            *prices;
        let billed = self.measured.each(|sample| {
            let mut megabytes =
                sample.used.memory_gb_seconds / sample.seconds.max(f64::EPSILON) * MEGABYTES + program_mb;
            if round_up_to_mb > 0.0 {
                // What uses no memory is not there.
                megabytes = (megabytes / round_up_to_mb).ceil().max(1.0) * round_up_to_mb;
            }
            megabytes / MEGABYTES * sample.seconds.max(minimum_milliseconds / 1e3)
        });
        let mut changes = Vec::new();
        if program_mb > 0.0 {
            changes.push(format!("with {} MB of the program", significant(program_mb)));
        }
        if round_up_to_mb > 0.0 {
            changes.push(format!("rounded up to {} MB", significant(round_up_to_mb)));
        }
        if minimum_milliseconds > 0.0 {
            changes.push(format!("for at least {} ms", significant(minimum_milliseconds)));
        }
        let mut sum = Sum::new(billed, "GB-s").free(free_gb_seconds_per_month);
        if !changes.is_empty() {
            let measured = significant(self.measured.each(|sample| sample.used.memory_gb_seconds));
            sum.how = format!("{measured} GB-s, each event {}: ", changes.join(", "));
        }
        self.line("memory", sum, per_gb_second, None)
    }

    /// Machines, of which events take as much time as of what they need most.
    fn node(&self, prices: &Node) -> Line {
        let Node { per_node_hour, vcpus, memory_gb, utilization, minimum_nodes } = *prices;
        let (cpu, memory) = (self.measured.cpu(), self.measured.each(|sample| sample.used.memory_gb_seconds));
        let seconds = (cpu / vcpus).max(memory / memory_gb);
        let (events, share) = (self.volume.events(), utilization.unwrap_or(1.0));
        let hours = seconds * events / share / 3600.0;
        let mut formula = format!(
            "the greater of {} CPU-s / {} and {} GB-s / {} = {} node-s × {} / {} used / 3,600 = {} node-h",
            significant(cpu),
            significant(vcpus),
            significant(memory),
            significant(memory_gb),
            significant(seconds),
            significant(events),
            significant(share),
            significant(hours)
        );
        let quantity = if self.volume.is_month() && minimum_nodes > 0.0 {
            let least = minimum_nodes * MONTH;
            let (nodes, least_text) = (significant(minimum_nodes), significant(least));
            formula.push_str(&format!("; at least {nodes} × {MONTH} h = {least_text} node-h"));
            hours.max(least)
        } else {
            hours
        };
        let amount = quantity * per_node_hour;
        let used = if quantity > hours { format!("; {} node-h", significant(quantity)) } else { String::new() };
        formula.push_str(&format!("{used} × {} {} = {}", per_node_hour, self.currency, self.money(amount)));
        Line { item: "nodes", formula, quantity: Some(quantity), unit: "node-h", amount: Some(amount) }
    }

    fn documents(&self, prices: &Documents) -> Vec<Line> {
        let mut lines = Vec::new();
        if prices.per_million_ru.is_some() || prices.per_100_ru_provisioned_hour.is_some() {
            lines.push(match self.request_units(prices) {
                Some(sum) => self.requests(prices, sum),
                None => {
                    let (_, known) = self.measured.mean(Sample::request_units).unwrap_or_default();
                    let lacking = self.lacking(known);
                    let why = format!(
                        "{lacking}: the runs wrote documents to a database that charges none, and the prices have no `ru_per_document`"
                    );
                    Self::unknown("request units", "RU", why)
                }
            });
        }
        if let Some(price) = prices.per_gb_month_stored {
            let gigabytes = self.measured.each(|sample| sample.used.document_bytes as f64) / GIGABYTE;
            let mut sum = Sum::new(gigabytes, "GB");
            sum.how = "kept for a month, each as if it were new: ".into();
            lines.push(self.line("documents kept", sum, price, None));
        }
        lines
    }

    /// Of each event: as runs measured them, where they did; else as the prices estimate them.
    fn request_units(&self, prices: &Documents) -> Option<Sum> {
        let (mean, known) = self.measured.mean(Sample::request_units).unwrap_or_default();
        if known == self.measured.samples.len() {
            return Some(Sum::new(mean, "RU"));
        }
        let estimate = prices.ru_per_document?;
        let documents = self.measured.each(|sample| sample.used.documents as f64);
        let mut sum = Sum::new(documents * estimate, "RU");
        let (documents, estimate) = (quantity(documents, "documents"), significant(estimate));
        sum.how = format!("{}, estimated by the prices: {documents} × {estimate} RU = ", self.lacking(known));
        Some(sum)
    }

    /// That something is measured of some events only, or of none.
    fn lacking(&self, known: usize) -> String {
        match known {
            0 => "not measured".into(),
            known => format!("measured of {known} of {} events only", self.measured.samples.len()),
        }
    }

    fn requests(&self, prices: &Documents, sum: Sum) -> Line {
        if let Some(price) = prices.per_million_ru {
            return self.line("request units", sum, price, Some(1e6));
        }
        let price = prices.per_100_ru_provisioned_hour.unwrap_or_default();
        let (events, share) = (self.volume.events(), prices.ru_utilization.unwrap_or(1.0));
        // 100 request units a second, for an hour.
        let hours = sum.per_event * events / share / 3600.0 / 100.0;
        let Sum { how, per_event, .. } = sum;
        let mut formula = format!(
            "{how}{} RU × {} / {} used / 3,600 / 100 = {} h of 100 RU/s",
            significant(per_event),
            significant(events),
            significant(share),
            significant(hours)
        );
        let mut quantity = hours;
        if self.volume.is_month() {
            // Throughput is provisioned in hundreds.
            quantity = (hours / MONTH).ceil().max((prices.minimum_ru / 100.0).ceil()) * MONTH;
            let units = significant(quantity / MONTH * 100.0);
            formula.push_str(&format!(
                "; by hundreds, and at least {} RU/s, all month: {units} RU/s × {MONTH} h / 100 = {} h",
                significant(prices.minimum_ru),
                significant(quantity)
            ));
        }
        let amount = quantity * price;
        formula.push_str(&format!(" × {} {} = {}", price, self.currency, self.money(amount)));
        Line { item: "request units", formula, quantity: Some(quantity), unit: "h of 100 RU/s", amount: Some(amount) }
    }

    fn objects(&self, prices: &Objects) -> Vec<Line> {
        let mut lines = Vec::new();
        let measured = self.measured;
        let bytes = measured.each(|sample| sample.used.store_bytes as f64);
        if let Some(price) = prices.per_10k_read_operations {
            let (mean, known) = measured.mean(Sample::store_reads).unwrap_or_default();
            lines.push(if known == measured.samples.len() {
                self.line("reads of objects", Sum::new(mean, "requests"), price, Some(1e4))
            } else {
                let lacking = self.lacking(known);
                let why = format!("{lacking}: objects were read from files; run some from a store over the network");
                Self::unknown("reads of objects", "requests", why)
            });
        }
        if let Some(price) = prices.per_10k_write_operations {
            lines.push(if measured.samples.iter().any(|sample| sample.table_rows > 0) {
                Self::unknown(
                    "writes of objects",
                    "requests",
                    "not measured: requests that write tables are not counted".into(),
                )
            } else {
                let mut sum = Sum::new(0.0, "requests");
                sum.how = "the runs wrote no tables: ".into();
                self.line("writes of objects", sum, price, Some(1e4))
            });
        }
        if let Some(price) = prices.per_gb_read {
            lines.push(self.line("objects read", Sum::new(bytes / GIGABYTE, "GB"), price, None));
        }
        if let Some(price) = prices.per_gb_month_stored {
            let kept = |sample: &Sample| if sample.used.store_bytes > 0 { sample.bytes as f64 } else { 0.0 };
            let mut sum = Sum::new(measured.each(kept) / GIGABYTE, "GB");
            sum.how = "kept for a month: ".into();
            lines.push(self.line("objects kept", sum, price, None));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use wasmill_runtime::metering::Used;

    use super::super::prices::{Cpu, Outbound};
    use super::*;

    /// An event of a quarter of a second: 0.25 s of CPU in threads and 0.05 s beside, 60 MB of memory, an object of a
    /// megabyte from a store in two requests, 10 documents of 1,024 bytes for 65 RU.
    fn sample() -> Sample {
        let used = Used {
            cpu_seconds: 0.25,
            cpu_beside_seconds: Some(0.05),
            memory_gb_seconds: 60.0 / 1024.0 * 0.25,
            store_reads: 2,
            store_bytes: 1 << 20,
            requests: 3,
            documents: 10,
            document_bytes: 10 << 10,
            request_units: 65.0,
        };
        let seconds = 0.25;
        Sample { used, cpu_of_functions: 0.2, seconds, bytes: 1 << 20, rows: 10, rejected: 0, table_rows: 0 }
    }

    fn measured(samples: Vec<Sample>) -> Measured {
        Measured { samples, ..Measured::default() }
    }

    fn prices() -> Prices {
        Prices { currency: "USD".into(), ..Prices::default() }
    }

    const MILLION: Volume = Volume::Events(1_000_000);

    /// Item, amount, formula.
    #[track_caller]
    fn check(measured: &Measured, prices: Prices, volume: Volume, expect: &[(&str, Option<f64>, &str)]) {
        let bill = bill(measured, &prices, volume);
        for (line, (item, amount, formula)) in bill.lines.iter().zip(expect) {
            assert_eq!((line.item, line.formula.as_str()), (*item, *formula));
            match (line.amount, amount) {
                (Some(found), Some(amount)) => {
                    assert!((found - amount).abs() < 1e-9 * amount.max(1.0), "{found} {amount}")
                }
                (found, amount) => assert_eq!(found, *amount, "{item}"),
            }
        }
        assert_eq!(bill.lines.len(), expect.len(), "{bill:?}");
        let total: f64 = expect.iter().filter_map(|(_, amount, _)| *amount).sum();
        assert!((bill.total - total).abs() < 1e-9 * total.max(1.0), "{bill:?}");
        assert_eq!(bill.is_complete, expect.iter().all(|(_, amount, _)| amount.is_some()));
    }

    #[test]
    fn processors_are_paid_for_by_the_second() {
        let cpu = Cpu { per_vcpu_second: 0.000_024, free_vcpu_seconds_per_month: 100_000.0 };
        let with = || Prices { cpu: Some(cpu.clone()), ..prices() };
        let one = measured(vec![sample()]);
        check(
            &one,
            with(),
            MILLION,
            &[("cpu", Some(7.2), "0.3 CPU-s × 1,000,000 = 300,000 CPU-s × 0.000024 USD = 7.20 USD")],
        );
        let formula = "0.3 CPU-s × 1,000,000 = 300,000 CPU-s; − 100,000 that are free each month, not below 0 = 200,000 CPU-s × \
                       0.000024 USD = 4.80 USD";
        check(&one, with(), Volume::Month(1_000_000), &[("cpu", Some(4.8), formula)]);
    }

    #[test]
    fn what_is_beside_is_the_mean_of_those_that_know_it() {
        let mut other = sample();
        other.used.cpu_beside_seconds = None;
        other.used.cpu_seconds = 0.75;
        assert_eq!(measured(vec![sample(), other]).cpu(), 0.55);
    }

    #[test]
    fn memory_is_rounded_up_for_each_event_and_free_as_far_as_granted() {
        let memory = |round_up_to_mb, minimum_milliseconds, free| Prices {
            memory: Some(Memory {
                per_gb_second: 0.000_016,
                program_mb: 0.0,
                round_up_to_mb,
                minimum_milliseconds,
                free_gb_seconds_per_month: free,
            }),
            ..prices()
        };
        let one = measured(vec![sample()]);
        // 60 MB / 1,024 × 0.25 s = 0.0146484375 GB-s.
        let plain = "0.01465 GB-s × 1,000,000 = 14,648 GB-s × 0.000016 USD = 0.23 USD";
        check(&one, memory(0.0, 0.0, 0.0), MILLION, &[("memory", Some(0.234_375), plain)]);
        // 128 MB / 1,024 × 0.25 s = 0.03125 GB-s.
        let rounded = "0.01465 GB-s, each event rounded up to 128 MB, for at least 100 ms: 0.03125 GB-s × 1,000,000 = 31,250 GB-s \
                       × 0.000016 USD = 0.50 USD";
        check(&one, memory(128.0, 100.0, 400_000.0), MILLION, &[("memory", Some(0.5), rounded)]);
        // With 100 MB of the program it is 160 MB, so 256 MB / 1,024 × 0.25 s = 0.0625 GB-s.
        let mut program = memory(128.0, 0.0, 0.0);
        program.memory.as_mut().unwrap().program_mb = 100.0;
        let formula = "0.01465 GB-s, each event with 100 MB of the program, rounded up to 128 MB: 0.0625 GB-s × 1,000,000 = 62,500 \
                       GB-s × 0.000016 USD = 1.00 USD";
        check(&one, program, MILLION, &[("memory", Some(1.0), formula)]);
        // One of 130 MB for 10 ms is billed as 256 MB for 100 ms, 0.025 GB-s; the mean of both is 0.028125.
        let mut short = sample();
        short.seconds = 0.01;
        short.used.memory_gb_seconds = 130.0 / 1024.0 * 0.01;
        let both = measured(vec![sample(), short]);
        let bill_of = |volume| bill(&both, &memory(128.0, 100.0, 400_000.0), volume).total;
        assert!((bill_of(MILLION) - 28_125.0 * 0.000_016).abs() < 1e-9);
        // A month of 10 million events is 281,250 GB-s, less than what is free; one of 20 million has 162,500 more.
        assert_eq!(bill_of(Volume::Month(10_000_000)), 0.0);
        assert!((bill_of(Volume::Month(20_000_000)) - 162_500.0 * 0.000_016).abs() < 1e-9);
    }

    #[test]
    fn executions_are_free_only_by_the_month() {
        let executions = || Prices {
            executions: Some(Executions { per_million_requests: 0.2, free_requests_per_month: 1e6 }),
            ..prices()
        };
        let one = measured(vec![sample()]);
        let plain = "1 execution × 3,000,000 = 3,000,000 executions × 0.2 USD / 1,000,000 = 0.60 USD";
        check(&one, executions(), Volume::Events(3_000_000), &[("executions", Some(0.6), plain)]);
        let month = "1 execution × 3,000,000 = 3,000,000 executions; − 1,000,000 that are free each month, not below 0 = 2,000,000 \
                     executions × 0.2 USD / 1,000,000 = 0.40 USD";
        check(&one, executions(), Volume::Month(3_000_000), &[("executions", Some(0.4), month)]);
    }

    #[test]
    fn a_node_is_taken_up_by_what_is_needed_most_and_is_there_all_month() {
        let node = |memory_gb| Prices {
            node: Some(Node { per_node_hour: 0.36, vcpus: 2.0, memory_gb, utilization: Some(0.5), minimum_nodes: 1.0 }),
            ..prices()
        };
        let one = measured(vec![sample()]);
        // 0.3 / 2 = 0.15 node-s; × 1,000,000 / 0.5 / 3,600 = 83.33 node-h.
        let formula = "the greater of 0.3 CPU-s / 2 and 0.01465 GB-s / 8 = 0.15 node-s × 1,000,000 / 0.5 used / 3,600 = 83.33 node-h \
                       × 0.36 USD = 30.00 USD";
        check(&one, node(8.0), MILLION, &[("nodes", Some(30.0), formula)]);
        let month = "the greater of 0.3 CPU-s / 2 and 0.01465 GB-s / 8 = 0.15 node-s × 1,000,000 / 0.5 used / 3,600 = 83.33 node-h; at \
                     least 1 × 730 h = 730 node-h; 730 node-h × 0.36 USD = 262.80 USD";
        check(&one, node(8.0), Volume::Month(1_000_000), &[("nodes", Some(262.8), month)]);
        // With little memory that decides: 0.0146484375 / 0.03125 = 0.46875 node-s.
        assert!((bill(&one, &node(0.03125), MILLION).total - 0.46875 * 2e6 / 3600.0 * 0.36).abs() < 1e-9);
    }

    #[test]
    fn request_units_are_measured_or_estimated_or_not_known() {
        let units = |per_million_ru, ru_per_document| Prices {
            documents: Some(Documents { per_million_ru, ru_per_document, ..Documents::default() }),
            ..prices()
        };
        let one = measured(vec![sample()]);
        let formula = "65 RU × 1,000,000 = 65,000,000 RU × 0.25 USD / 1,000,000 = 16.25 USD";
        check(&one, units(Some(0.25), Some(10.0)), MILLION, &[("request units", Some(16.25), formula)]);
        let mut other = sample();
        other.used.request_units = 0.0;
        let other = measured(vec![other]);
        let formula = "not measured, estimated by the prices: 10 documents × 8 RU = 80 RU × 1,000,000 = 80,000,000 RU × 0.25 USD / \
                       1,000,000 = 20.00 USD";
        check(&other, units(Some(0.25), Some(8.0)), MILLION, &[("request units", Some(20.0), formula)]);
        let formula = "not measured: the runs wrote documents to a database that charges none, and the prices have no \
                       `ru_per_document`";
        check(&other, units(Some(0.25), None), MILLION, &[("request units", None, formula)]);
    }

    #[test]
    fn provisioned_throughput_has_hundreds_and_a_least() {
        let provisioned = || Prices {
            documents: Some(Documents {
                per_100_ru_provisioned_hour: Some(0.008),
                ru_utilization: Some(0.5),
                minimum_ru: 400.0,
                ..Documents::default()
            }),
            ..prices()
        };
        let one = measured(vec![sample()]);
        // 65 × 1,000,000 / 0.5 / 360,000 = 361.11 h.
        let formula = "65 RU × 1,000,000 / 0.5 used / 3,600 / 100 = 361.1 h of 100 RU/s × 0.008 USD = 2.89 USD";
        check(&one, provisioned(), MILLION, &[("request units", Some(65e6 / 0.5 / 36e4 * 0.008), formula)]);
        // That is less than 400 RU/s all month: 4 × 730 h.
        assert!((bill(&one, &provisioned(), Volume::Month(1_000_000)).total - 4.0 * 730.0 * 0.008).abs() < 1e-9);
        // Of 10 million events it is 4.95 hundreds, of which there are five.
        assert!((bill(&one, &provisioned(), Volume::Month(10_000_000)).total - 5.0 * 730.0 * 0.008).abs() < 1e-9);
    }

    #[test]
    fn objects_of_files_and_writes_of_tables_are_said_to_be_unknown() {
        let objects = || Prices {
            objects: Some(Objects {
                per_10k_read_operations: Some(0.004),
                per_10k_write_operations: Some(0.05),
                per_gb_read: None,
                per_gb_month_stored: Some(0.02),
            }),
            ..prices()
        };
        let reads = "2 requests × 1,000,000 = 2,000,000 requests × 0.004 USD / 10,000 = 0.80 USD";
        let none = "the runs wrote no tables: 0 requests × 1,000,000 = 0 requests × 0.05 USD / 10,000 = 0 USD";
        let kept = "kept for a month: 0.0009766 GB × 1,000,000 = 976.6 GB × 0.02 USD = 19.53 USD";
        let expect = [("reads of objects", Some(0.8), reads), ("writes of objects", Some(0.0), none)];
        check(
            &measured(vec![sample()]),
            objects(),
            MILLION,
            &[expect[0], expect[1], ("objects kept", Some(19.531_25), kept)],
        );
        let mut of_file = sample();
        of_file.used.store_reads = 0;
        of_file.table_rows = 7;
        let reads = "not measured: objects were read from files; run some from a store over the network";
        let writes = "not measured: requests that write tables are not counted";
        let expect = [("reads of objects", None, reads), ("writes of objects", None, writes)];
        check(
            &measured(vec![of_file]),
            objects(),
            MILLION,
            &[expect[0], expect[1], ("objects kept", Some(19.531_25), kept)],
        );
    }

    #[test]
    fn what_has_no_price_is_named() {
        let outbound = Prices { outbound: Some(Outbound { per_million_requests: 1.0 }), ..prices() };
        let unpriced = bill(&measured(vec![sample()]), &outbound, MILLION).unpriced;
        let expect = ["cpu", "memory", "documents kept", "request units", "reads of objects", "objects kept"];
        assert_eq!(unpriced, expect);
        let mut idle = sample();
        idle.used = Used::default();
        assert_eq!(bill(&measured(vec![idle]), &outbound, MILLION).unpriced, ["cpu", "memory"]);
    }
}
