//! Price files: what a provider asks for a unit of something, in TOML.
//!
//! What each key means is in `docs/cost.md`. A section that is left out has no price; of what has none, `wasmill cost` says so.

use std::path::Path;

use anyhow::{Result, bail};
use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wasmill_runtime::diagnostics::{Diagnostics, Reporter};
use wasmill_runtime::toml_file;

/// Examples, by name.
const BUILT_IN: [(&str, &str); 3] = [
    ("azure-functions", include_str!("../../../../manifests/prices/azure-functions.toml")),
    ("kubernetes-node", include_str!("../../../../manifests/prices/kubernetes-node.toml")),
    ("spin-host", include_str!("../../../../manifests/prices/spin-host.toml")),
];

/// A price file. Amounts are in its currency, a gigabyte has 2^30 bytes, a month 730 hours.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct Prices {
    /// What is priced.
    pub title: String,
    /// When these were the prices, `2025-01-31`.
    pub date: String,
    /// `USD`, `EUR`.
    pub currency: String,
    /// Where these are the prices.
    pub region: String,
    /// Where the prices are published.
    pub source: String,
    /// For each event.
    pub executions: Option<Executions>,
    /// For memory over time.
    pub memory: Option<Memory>,
    /// For processors over time.
    pub cpu: Option<Cpu>,
    /// For machines.
    pub node: Option<Node>,
    /// For a document database.
    pub documents: Option<Documents>,
    /// For an object store.
    pub objects: Option<Objects>,
    /// For HTTP requests that functions send.
    pub outbound: Option<Outbound>,
}

/// For each event.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct Executions {
    /// For a million events.
    pub per_million_requests: f64,
    /// How many cost nothing.
    pub free_requests_per_month: f64,
}

/// For memory over time.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct Memory {
    /// For a gigabyte, for a second.
    pub per_gb_second: f64,
    /// The program's own memory, which is not measured, and is added to that of each event's sandboxes.
    pub program_mb: f64,
    /// An event's memory is rounded up to a multiple of this.
    pub round_up_to_mb: f64,
    /// An event takes at least so long.
    pub minimum_milliseconds: f64,
    /// How many gigabyte-seconds cost nothing.
    pub free_gb_seconds_per_month: f64,
}

/// For processors over time.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct Cpu {
    /// For a second of a virtual processor.
    pub per_vcpu_second: f64,
    /// How many seconds cost nothing.
    pub free_vcpu_seconds_per_month: f64,
}

/// For machines.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct Node {
    /// For a node, for an hour.
    pub per_node_hour: f64,
    /// Its processors.
    pub vcpus: f64,
    /// Its memory.
    pub memory_gb: f64,
    /// The share of it that is used, of 1.
    pub utilization: Option<f64>,
    /// How many there are all month, whatever there is to do.
    pub minimum_nodes: f64,
}

/// For a document database.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct Documents {
    /// For a million request units.
    pub per_million_ru: Option<f64>,
    /// For 100 request units a second, for an hour.
    pub per_100_ru_provisioned_hour: Option<f64>,
    /// The share of them that is used, of 1.
    pub ru_utilization: Option<f64>,
    /// How many request units a second there are all month, whatever there is to do.
    pub minimum_ru: f64,
    /// How many request units a document takes, where no run measured it.
    pub ru_per_document: Option<f64>,
    /// For a gigabyte, for a month.
    pub per_gb_month_stored: Option<f64>,
}

/// For an object store.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct Objects {
    /// For 10,000 requests that read.
    pub per_10k_read_operations: Option<f64>,
    /// For 10,000 requests that write.
    pub per_10k_write_operations: Option<f64>,
    /// For a gigabyte that is read.
    pub per_gb_read: Option<f64>,
    /// For a gigabyte, for a month.
    pub per_gb_month_stored: Option<f64>,
}

/// For HTTP requests that functions send.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct Outbound {
    /// For a million requests.
    pub per_million_requests: f64,
}

impl Prices {
    /// Those of a name that is built in, or of a file; with what they are called.
    pub fn named(name: &str) -> Result<(String, Self)> {
        if let Some((_, text)) = BUILT_IN.iter().find(|(known, _)| *known == name) {
            return Ok((
                name.to_owned(),
                Self::parse(&Path::new("manifests/prices").join(name).with_extension("toml"), text)?,
            ));
        }
        let file = Path::new(name);
        if !file.is_file() {
            let known = BUILT_IN.map(|(known, _)| format!("`{known}`")).join(", ");
            bail!("there is no price file `{name}`\nhint: name a file, or one of those that are built in: {known}");
        }
        let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok((stem, toml_file::read(file, check)?))
    }

    /// All that are built in.
    pub fn built_in() -> Result<Vec<(String, Self)>> {
        BUILT_IN.iter().map(|(name, _)| Self::named(name)).collect()
    }

    fn parse(file: &Path, text: &str) -> Result<Self, Diagnostics> {
        toml_file::read_text(file, text, check)
    }
}

fn check(prices: Prices, text: &str, reporter: &mut Reporter) -> Option<Prices> {
    for (key, value, hint) in [
        ("title", &prices.title, "say what is priced"),
        ("date", &prices.date, "say when these were the prices, `date = \"2025-01-31\"`"),
        ("currency", &prices.currency, "`currency = \"USD\"`"),
        ("region", &prices.region, "say where these are the prices"),
        ("source", &prices.source, "say where the prices are published"),
    ] {
        if value.is_empty() {
            reporter.at(&[key], format!("there is no `{key}`\nhint: {hint}"));
        }
    }
    if !prices.date.is_empty() && prices.date.parse::<NaiveDate>().is_err() {
        reporter.at(&["date"], format!("`{}` is no date\nhint: write it like `2025-01-31`", prices.date));
    }
    let is_code = prices.currency.len() == 3 && prices.currency.bytes().all(|byte| byte.is_ascii_uppercase());
    if !prices.currency.is_empty() && !is_code {
        reporter.at(&["currency"], format!("`{}` is no currency\nhint: write its code, like `USD`", prices.currency));
    }
    let mut sections = 0;
    for (section, value) in text.parse::<toml::Table>().unwrap_or_default() {
        let Some(table) = value.as_table() else { continue };
        sections += 1;
        for (key, value) in table {
            let number = value.as_float().or_else(|| value.as_integer().map(|number| number as f64));
            let Some(number) = number else { continue };
            let path = [section.as_str(), key.as_str()];
            if !number.is_finite() || number < 0.0 {
                reporter.at(&path, format!("`{key}` is {number}\nhint: it is 0 or more"));
            }
            if key.ends_with("utilization") && !(number > 0.0 && number <= 1.0) {
                reporter.at(&path, format!("`{key}` is {number}\nhint: it is a share of 1, such as 0.6"));
            }
        }
    }
    if sections == 0 {
        reporter.at_byte(None, "it prices nothing\nhint: add a section, such as `[cpu]` with `per_vcpu_second = …`");
    }
    let Prices { executions, memory, cpu, node, outbound, .. } = &prices;
    for (section, key, value) in [
        ("executions", "per_million_requests", executions.as_ref().map(|section| section.per_million_requests)),
        ("memory", "per_gb_second", memory.as_ref().map(|section| section.per_gb_second)),
        ("cpu", "per_vcpu_second", cpu.as_ref().map(|section| section.per_vcpu_second)),
        ("node", "per_node_hour", node.as_ref().map(|section| section.per_node_hour)),
        ("node", "vcpus", node.as_ref().map(|section| section.vcpus)),
        ("node", "memory_gb", node.as_ref().map(|section| section.memory_gb)),
        ("outbound", "per_million_requests", outbound.as_ref().map(|section| section.per_million_requests)),
    ] {
        if value == Some(0.0) {
            let message = format!(
                "`[{section}]` needs a `{key}` of more than 0\nhint: leave the section out if it costs nothing"
            );
            reporter.at(&[section, key], message);
        }
    }
    if let Some(Documents { per_million_ru: Some(_), per_100_ru_provisioned_hour: Some(_), .. }) = &prices.documents {
        let message = "`[documents]` has `per_million_ru` and `per_100_ru_provisioned_hour`\nhint: request units are paid for one \
                       way or the other: remove one";
        reporter.at(&["documents", "per_million_ru"], message);
    }
    Some(prices)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_in_is_well() {
        let names: Vec<String> = Prices::built_in().unwrap().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["azure-functions", "kubernetes-node", "spin-host"]);
    }

    /// Golden files, as manifests have them: each `tests/prices/NAME.toml` and everything that is said about it, in `NAME.expect`.
    /// `UPDATE=1` writes what is said now.
    #[test]
    fn every_price_file_gets_its_diagnostics() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/prices");
        let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
        files.sort();
        assert!(files.len() >= 5, "{files:?}");
        let mut wrong = Vec::new();
        for file in files {
            let said = Prices::named(file.to_str().unwrap());
            let said = said.map_or_else(|err| format!("{err}\n"), |_| "nothing\n".to_owned());
            let said = said.replace(&format!("{}/", folder.display()), "");
            let expected = file.with_extension("expect");
            if std::env::var_os("UPDATE").is_some() {
                std::fs::write(&expected, &said).unwrap();
            } else if std::fs::read_to_string(&expected).unwrap_or_default() != said {
                wrong.push(format!("{}:\n{said}", file.display()));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn a_name_that_is_no_file_lists_those_that_are_built_in() {
        assert_eq!(
            Prices::named("azure").unwrap_err().to_string(),
            "there is no price file `azure`\nhint: name a file, or one of those that are built in: `azure-functions`, \
             `kubernetes-node`, `spin-host`"
        );
    }
}
