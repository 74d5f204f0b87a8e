//! The sinks of a manifest.

use std::collections::HashSet;
use std::time::Duration;

use super::{Check, as_path};
use crate::manifest::{DeltaSink, Sink, SinkMode};
use crate::plan::SinkPlan;

impl Check<'_> {
    pub(super) fn sinks(&mut self) -> Vec<SinkPlan> {
        let manifest = self.manifest;
        let mut sinks: Vec<SinkPlan> = Vec::new();
        for (index, sink) in manifest.sink.iter().enumerate() {
            let index = index.to_string();
            let at = |key: &'static str| ["sink".to_owned(), index.clone(), key.to_owned()];
            let Sink::Delta(sink) = sink;
            let id = &sink.id;
            if sinks.iter().any(|other| other.id == *id) {
                self.report(&at("id"), format!("there are two sinks `{id}`"));
            }
            let Some(plan) = self.delta(sink, at) else { continue };
            if let Some(other) = sinks.iter().find(|other| other.table == plan.table) {
                let message = format!(
                    "sink `{id}` writes the table that `{}` does\nhint: give one sink both steps, `from = [\"ONE\", \"OTHER\"]`",
                    other.id
                );
                self.report(&at("path"), message);
            }
            sinks.push(plan);
        }
        sinks
    }

    fn delta(&mut self, sink: &DeltaSink, at: impl Fn(&'static str) -> [String; 3]) -> Option<SinkPlan> {
        let DeltaSink { id, mode, key, version, partition_by, columns, .. } = sink;
        let from = sink.from.as_ref();
        let from = from.map(|from| self.edges(&format!("sink `{id}`"), from, &self.manifest.step, &at("from")));
        if *mode == SinkMode::Merge && key.is_empty() {
            let message =
                format!("sink `{id}` merges rows by no key\nhint: add `key = [\"COLUMN\"]`, what names a row");
            self.report(&at("mode"), message);
        }
        for (name, is_given) in [("key", !key.is_empty()), ("version", version.is_some())] {
            if is_given && *mode != SinkMode::Merge {
                let message = format!(
                    "sink `{id}` does not merge rows, and has no use for `{name}`\nhint: remove it, or set `mode = \"merge\"`"
                );
                self.report(&at(if name == "key" { "key" } else { "version" }), message);
            }
        }
        if *mode == SinkMode::Overwrite && partition_by.is_empty() {
            let message = format!(
                "sink `{id}` overwrites partitions, and its table has none\nhint: add `partition_by = [\"COLUMN\"]`"
            );
            self.report(&at("mode"), message);
        }
        for (name, columns) in [("key", key), ("partition_by", partition_by)] {
            let mut seen = HashSet::new();
            if let Some(twice) = columns.iter().find(|column| !seen.insert(*column)) {
                self.report(&at(name), format!("sink `{id}`: `{twice}` is named twice"));
            }
        }
        let commit_after = self.seconds(sink.commit_seconds, "commit_seconds", &at("commit_seconds"));
        if sink.commit_rows == 0 {
            self.report(&at("commit_rows"), "commit_rows is 0\nhint: with 1 every row is committed by itself");
        }
        let optimize = sink.optimize_hours.map(|hours| {
            let time = Duration::try_from_secs_f64(hours * 3600.0).ok().filter(|time| !time.is_zero());
            if time.is_none() {
                self.report(&at("optimize_hours"), format!("optimize_hours is {hours}, not a time above 0"));
            }
            time
        });
        let store = self.store(&sink.store, &as_path(&at("store")))?;
        let table = store.join(&sink.path).filter(|_| !sink.path.is_empty());
        if table.is_none() {
            self.report(&at("path"), format!("sink `{id}`: the path `{}` is not one in the store", sink.path));
        }
        Some(SinkPlan {
            id: id.clone(),
            from,
            table: table?,
            mode: *mode,
            key: key.clone(),
            version: version.clone(),
            partition_by: partition_by.clone(),
            columns: *columns,
            commit_after: commit_after?,
            commit_rows: sink.commit_rows,
            optimize: match optimize {
                Some(time) => Some(time?),
                None => None,
            },
        })
    }
}
