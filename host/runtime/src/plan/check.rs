//! From a manifest to a plan, with every problem reported.

mod extracts;
mod parameters;
mod query;
mod sinks;
mod steps;
mod tables;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono_tz::Tz;
use croner::parser::{CronParser, Seconds};

use crate::diagnostics::Reporter;
use crate::manifest::{
    Delivery, Ended, FILE_NAME, HttpTrigger, Id, Manifest, ObjectTrigger, PipelineTrigger, ScheduleTrigger, Trigger,
};
use crate::plan::read::journal_of;
use crate::plan::{
    Artifact, ChainPlan, DeliveryPlan, Files, JournalPlan, ObjectPattern, Plan, SchedulePlan, ScheduledObject, Sources,
    TestPlan, TriggerPlan,
};
use crate::store::Location;

pub use query::query;

/// How long events that are done are remembered, in days, if the manifest does not say.
const KEEP_DAYS: f64 = 30.0;

/// Paths of URLs that `wasmill up` answers itself.
const RESERVED_PATHS: [&str; 6] = ["/metrics", "/health", "/healthz", "/ready", "/reports", "/v1/overview"];

/// Makes the plan. What is missing in it was reported.
pub fn plan(
    manifest: &Manifest,
    file: &Path,
    text: &str,
    sources: Sources<'_>,
    files: Files,
    reporter: &mut Reporter,
) -> Option<Plan> {
    let folder = folder(file)?;
    let parameters = parameters::chosen(&manifest.parameters, sources.parameters, reporter);
    let stores = BTreeMap::new();
    let mut check = Check { manifest, file, folder: &folder, sources, stores, parameters, files, reporter };
    if manifest.version != 1 {
        check
            .reporter
            .at(&["version"], format!("version {} is not known: this wasmill reads version 1", manifest.version));
        return None;
    }
    check.stores();
    let documents = manifest.documents.as_ref();
    let totals = documents.map(|documents| super::documents::totals(documents, check.reporter)).unwrap_or_default();
    let documents = documents.and_then(|documents| super::documents::documents(documents, &folder, check.reporter));
    let tables = check.tables();
    let triggers = check.triggers();
    let steps = check.steps();
    let sinks = check.sinks();
    let (views, databases) = (check.views(), check.databases());
    let (semantic_model, reports) = (check.semantic_model(), check.reports());
    let tests = check.tests();
    let delivery = check.delivery()?;
    let files = check.files;
    let journal = journal(manifest, &folder, check.reporter)?;
    Some(Plan {
        journal,
        delivery,
        file: file.to_owned(),
        files,
        text: text.to_owned(),
        name: manifest.name.clone(),
        state: folder.join(".wasmill"),
        documents,
        totals,
        tables,
        triggers,
        steps,
        sinks,
        views,
        databases,
        semantic_model,
        reports,
        tests,
    })
}

/// The folder that a manifest's paths are relative to.
pub fn folder(file: &Path) -> Option<PathBuf> {
    Some(std::path::absolute(file).ok()?.parent()?.to_owned())
}

/// Where the journal is.
pub fn journal(manifest: &Manifest, folder: &Path, reporter: &mut Reporter) -> Option<JournalPlan> {
    let url = manifest.journal.as_ref().and_then(|journal| journal.url.as_deref());
    let url = url.unwrap_or("sqlite:.wasmill/journal.db");
    let at = ["journal", "url"];
    if let Some(path) = url.strip_prefix("sqlite:").filter(|path| !path.is_empty()) {
        return Some(JournalPlan::Sqlite(folder.join(path)));
    }
    let Some(server) = url.strip_prefix("postgres://").or_else(|| url.strip_prefix("postgresql://")) else {
        let message = format!(
            "the journal `{url}` is not of a known kind\nhint: a file is `sqlite:FILE`, a database `postgres://USER@HOST/DATABASE`"
        );
        reporter.at(&at, message);
        return None;
    };
    let user = server.split_once('@').map_or("", |(user, _)| user);
    if user.contains(':') || server.contains("password=") {
        let message = "the journal's url has a password, and whoever reads the manifest could read it\nhint: remove it, and set PGPASSWORD in the environment";
        reporter.at(&at, message);
        return None;
    }
    Some(JournalPlan::Postgres(url.to_owned()))
}

/// A manifest, while it is checked.
pub(super) struct Check<'a> {
    pub(super) manifest: &'a Manifest,
    file: &'a Path,
    folder: &'a Path,
    sources: Sources<'a>,
    stores: BTreeMap<&'a Id, Location>,
    /// Their values; of those that have none that was reported.
    parameters: BTreeMap<&'a str, serde_json::Value>,
    files: Files,
    reporter: &'a mut Reporter,
}

impl<'a> Check<'a> {
    fn stores(&mut self) {
        for (name, store) in &self.manifest.stores {
            let at = ["stores", name.as_str(), "url"];
            match Location::of_store(&store.url, self.folder) {
                Ok(location) => {
                    // The folder of a sink is made with its table, that of an extract with its objects.
                    let manifest = self.manifest;
                    let is_written = manifest.sink.iter().any(|sink| sink.store() == Some(name))
                        || manifest
                            .trigger
                            .iter()
                            .any(|trigger| matches!(trigger, Trigger::Extract(extract) if extract.to.store == *name));
                    if matches!(&location, Location::File(folder) if !folder.is_dir() && !is_written) {
                        let folder = store.url.trim_start_matches("file:");
                        self.reporter.at(&at, format!("store `{name}`: there is no folder `{folder}`"));
                    }
                    self.stores.insert(name, location);
                }
                Err(why) => self.reporter.at(&at, format!("store `{name}`: {why}")),
            }
        }
    }

    pub(super) fn store(&mut self, name: &Id, at: &[&str]) -> Option<Location> {
        if let Some(location) = self.stores.get(name) {
            return Some(location.clone());
        }
        if !self.manifest.stores.contains_key(name) {
            let known = list(self.manifest.stores.keys());
            self.reporter.at(
                at,
                format!(
                    "there is no store `{name}`\nhint: the stores are {known}; add `[stores.{name}]` with its `url`"
                ),
            );
        }
        None
    }

    fn triggers(&mut self) -> Vec<TriggerPlan> {
        let manifest = self.manifest;
        let mut triggers = Vec::new();
        for (index, trigger) in manifest.trigger.iter().enumerate() {
            let index = index.to_string();
            let at = |key: &'static str| ["trigger".to_owned(), index.clone(), key.to_owned()];
            triggers.extend(match trigger {
                Trigger::Object(trigger) => self.object_trigger(trigger, at),
                Trigger::Http(trigger) => self.http_trigger(trigger, at),
                Trigger::Schedule(trigger) => self.schedule(trigger, at).map(Box::new).map(TriggerPlan::Schedule),
                Trigger::Nats(trigger) => self.nats_trigger(trigger, at).map(Box::new).map(TriggerPlan::Nats),
                Trigger::Pipeline(trigger) => self.chain(trigger, at).map(TriggerPlan::Pipeline),
                Trigger::Extract(trigger) => self.extract(trigger, at).map(Arc::new).map(TriggerPlan::Extract),
            });
        }
        self.consumers_apart();
        triggers
    }

    fn object_trigger(
        &mut self,
        trigger: &ObjectTrigger,
        at: impl Fn(&'static str) -> [String; 3],
    ) -> Option<TriggerPlan> {
        let settle = self.seconds(trigger.settle_seconds, "settle_seconds", &at("settle_seconds"));
        let store = self.store(&trigger.store, &as_path(&at("store")))?;
        let (path, name) = trigger.pattern.rsplit_once('/').unwrap_or(("", &trigger.pattern));
        let within = store.join(path).filter(|_| !path.contains('*') && !name.is_empty());
        if within.is_none() {
            self.report(
                &at("pattern"),
                format!("the pattern `{}` is not a path in the store whose last part may hold `*`", trigger.pattern),
            );
        }
        Some(TriggerPlan::Object { objects: ObjectPattern { within: within?, name: name.to_owned() }, settle: settle? })
    }

    fn http_trigger(&mut self, trigger: &HttpTrigger, at: impl Fn(&'static str) -> [String; 3]) -> Option<TriggerPlan> {
        let HttpTrigger { path, store, body_limit_mib } = trigger;
        if !path.starts_with('/') || RESERVED_PATHS.contains(&path.as_str()) {
            let reserved = list(RESERVED_PATHS);
            self.report(&at("path"), format!("the path `{path}` does not begin with `/`, or is one of {reserved}"));
        }
        let store = match store {
            Some(store) => Some(self.store(store, &as_path(&at("store")))?),
            None => None,
        };
        Some(TriggerPlan::Http { path: path.clone(), store, body_limit: (*body_limit_mib as usize) << 20 })
    }

    fn schedule(
        &mut self,
        trigger: &ScheduleTrigger,
        at: impl Fn(&'static str) -> [String; 3],
    ) -> Option<SchedulePlan> {
        let ScheduleTrigger { id, cron, timezone, missed, overlap, store, path } = trigger;
        let parsed = CronParser::builder().seconds(Seconds::Optional).build().parse(cron);
        let parsed = parsed
            .map_err(|err| self.report(&at("cron"), format!("schedule `{id}`: `{cron}` is not a cron expression: {err}\nhint: `0 6 * * 1-5` is 6 o'clock, Monday to Friday")));
        let zone = timezone.parse::<Tz>().map_err(|_| {
            self.report(&at("timezone"), format!("schedule `{id}`: there is no time zone `{timezone}`\nhint: it is named as IANA does, `Europe/Berlin`"));
        });
        let object = match (store, path) {
            (None, None) => None,
            (Some(store), Some(path)) => {
                let store = self.store(store, &as_path(&at("store")))?;
                if store.join(path).is_none() {
                    self.report(&at("path"), format!("schedule `{id}`: the path `{path}` leads out of the store"));
                }
                Some(ScheduledObject { store, path: path.clone() })
            }
            _ => {
                let message = format!("schedule `{id}`: `store` and `path` go together\nhint: add the other");
                self.report(&at(if store.is_some() { "store" } else { "path" }), message);
                None
            }
        };
        let (missed, overlap) = (*missed, *overlap);
        Some(SchedulePlan { id: id.clone(), cron: parsed.ok()?, timezone: zone.ok()?, missed, overlap, object })
    }

    fn chain(&mut self, trigger: &PipelineTrigger, at: impl Fn(&'static str) -> [String; 3]) -> Option<ChainPlan> {
        let PipelineTrigger { manifest, on, object } = trigger;
        let file = self.folder.join(manifest);
        let file = if file.is_dir() { file.join(FILE_NAME) } else { file };
        self.files.add(&file);
        let (pipeline, journal) = match journal_of(&file) {
            Ok(found) => found,
            Err(err) => {
                self.report(&at("manifest"), format!("the other pipeline `{manifest}`: {err}"));
                return None;
            }
        };
        if pipeline == self.manifest.name {
            self.report(&at("manifest"), format!("`{manifest}` is this pipeline itself, which would run without end"));
        }
        if on.is_empty() {
            self.report(&at("on"), "no end of an event counts\nhint: `on = [\"done\"]`, the default");
        }
        let (on_done, on_dead) = (on.contains(&Ended::Done), on.contains(&Ended::Dead));
        Some(ChainPlan { pipeline, journal, on_done, on_dead, object: *object })
    }

    fn delivery(&mut self) -> Option<DeliveryPlan> {
        let Delivery {
            concurrency,
            faults,
            give_up_hours,
            backoff_seconds,
            lease_seconds,
            timeout_seconds,
            backfill_share,
        } = &self.manifest.delivery;
        let share = Some(*backfill_share).filter(|share| (0.0..=1.0).contains(share));
        if share.is_none() {
            let message = format!("backfill_share is {backfill_share}, not from 0 to 1");
            self.reporter.at(&["delivery", "backfill_share"], message);
        }
        let keep = self.manifest.journal.as_ref().and_then(|journal| journal.keep_days).unwrap_or(KEEP_DAYS);
        let keep = Duration::try_from_secs_f64(keep * 86_400.0).ok();
        if keep.is_none() {
            self.reporter.at(&["journal", "keep_days"], "keep_days is not a number of days");
        }
        let at = |key: &str| ["delivery".to_owned(), key.to_owned()];
        let mut time = |key: &str, value: f64, unit: f64| {
            let time = Duration::try_from_secs_f64(value * unit).ok().filter(|time| !time.is_zero());
            if time.is_none() {
                let [table, key] = at(key);
                self.reporter.at(&[&table, &key], format!("{key} is {value}, not a time above 0"));
            }
            time
        };
        let give_up = time("give_up_hours", *give_up_hours, 3600.0);
        let backoff = time("backoff_seconds", *backoff_seconds, 1.0);
        let lease = time("lease_seconds", *lease_seconds, 1.0);
        let timeout = timeout_seconds.map(|seconds| time("timeout_seconds", seconds, 1.0));
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        let concurrency = concurrency.map_or_else(cores, |count| usize::from(count).max(1));
        Some(DeliveryPlan {
            concurrency,
            faults: (*faults).max(1),
            give_up: give_up?,
            backoff: backoff?,
            lease: lease?,
            backfill_share: share?,
            keep: keep?,
            timeout: match timeout {
                Some(timeout) => Some(timeout?),
                None => None,
            },
        })
    }

    pub(super) fn seconds(&mut self, value: f64, key: &str, at: &[String; 3]) -> Option<Duration> {
        let time = Duration::try_from_secs_f64(value).ok();
        if time.is_none() {
            self.report(at, format!("{key} is {value}, not a number of seconds"));
        }
        time
    }

    fn tests(&mut self) -> Vec<TestPlan> {
        let manifest = self.manifest;
        let mut tests = Vec::new();
        for (index, test) in manifest.test.iter().enumerate() {
            let index = index.to_string();
            let input = self.folder.join(&test.input);
            if !input.is_file() {
                self.reporter
                    .at(&["test", &index, "input"], format!("test `{}`: there is no file `{}`", test.name, test.input));
            }
            tests.push(TestPlan {
                name: test.name.clone(),
                input,
                documents: test.documents.as_ref().map(|path| self.folder.join(path)),
                rejects: test.rejects.as_ref().map(|path| self.folder.join(path)),
            });
        }
        tests
    }

    fn component(&mut self, reference: &str, at: &[&str]) -> Option<Artifact> {
        if reference.starts_with("oci://") {
            let file = (self.sources.registry)(reference);
            let artifact = file.and_then(|file| Artifact::of(&file).map_err(|err| err.to_string()));
            return artifact.map_err(|why| self.reporter.at(at, format!("cannot pull `{reference}`: {why}"))).ok();
        }
        if reference.contains('/') || reference.ends_with(".wasm") {
            return self.artifact(reference, "component", at);
        }
        let path = self.sources.bundled.join(format!("{reference}.wasm"));
        self.files.add(&path);
        match Artifact::of(&path) {
            Ok(artifact) => Some(artifact),
            Err(_) => {
                let mut known: Vec<String> = std::fs::read_dir(self.sources.bundled)
                    .into_iter()
                    .flatten()
                    .filter_map(|entry| {
                        entry.ok()?.file_name().to_string_lossy().strip_suffix(".wasm").map(str::to_owned)
                    })
                    .collect();
                known.sort();
                let hint = if known.is_empty() {
                    format!(
                        "there are none in `{}`: run `make components`, or name their folder in WASMILL_COMPONENTS",
                        self.sources.bundled.display()
                    )
                } else {
                    format!(
                        "they are {}; a component of your own is named by its path, `./{reference}.wasm`",
                        list(&known)
                    )
                };
                self.reporter.at(at, format!("there is no bundled function `{reference}`\nhint: {hint}"));
                None
            }
        }
    }

    fn artifact(&mut self, path: &str, what: &str, at: &[&str]) -> Option<Artifact> {
        let file = self.folder.join(path);
        self.files.add(&file);
        match Artifact::of(&file) {
            Ok(artifact) => Some(artifact),
            Err(err) => {
                self.reporter.at(at, format!("cannot read the {what} `{path}`: {err}"));
                None
            }
        }
    }

    /// The configuration as JSON, with the text of files in the place of `{ file = "PATH" }`, and values of parameters in
    /// that of `{ parameter = "NAME" }`.
    fn config(&mut self, config: &toml::Table, at: &[&str]) -> Option<String> {
        let mut complete = true;
        let value = self.json(&toml::Value::Table(config.clone()), at, &mut complete);
        complete.then(|| value.to_string())
    }

    fn json(&mut self, value: &toml::Value, at: &[&str], complete: &mut bool) -> serde_json::Value {
        match value {
            toml::Value::String(text) => text.as_str().into(),
            toml::Value::Integer(number) => (*number).into(),
            toml::Value::Float(number) => (*number).into(),
            toml::Value::Boolean(value) => (*value).into(),
            toml::Value::Datetime(time) => time.to_string().into(),
            toml::Value::Array(values) => {
                let values = values.iter().enumerate();
                values.map(|(index, value)| self.json(value, &[at, &[&index.to_string()]].concat(), complete)).collect()
            }
            toml::Value::Table(table) => {
                if let (1, Some(toml::Value::String(name))) = (table.len(), table.get("parameter")) {
                    let value = self.parameter(name, at);
                    *complete &= value.is_some();
                    return value.unwrap_or_default();
                }
                if let (1, Some(toml::Value::String(path))) = (table.len(), table.get("file")) {
                    let file = self.folder.join(path);
                    self.files.add(&file);
                    return match std::fs::read_to_string(file) {
                        Ok(text) => text.into(),
                        Err(err) => {
                            *complete = false;
                            self.reporter.at(at, format!("cannot read the file `{path}`: {err}"));
                            serde_json::Value::Null
                        }
                    };
                }
                let entries = table.iter();
                entries.map(|(key, value)| (key.clone(), self.json(value, &[at, &[key]].concat(), complete))).collect()
            }
        }
    }

    pub(super) fn report(&mut self, at: &[String; 3], message: impl Into<String>) {
        self.reporter.at(&as_path(at), message);
    }
}

/// A place as the reporter takes it.
pub(super) fn as_path(at: &[String; 3]) -> [&str; 3] {
    let [first, second, third] = at;
    [first, second, third]
}

/// Names in backticks, or `none`.
fn list<T: std::fmt::Display>(names: impl IntoIterator<Item = T>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
