//! The sinks of a manifest.

use std::collections::HashSet;
use std::time::Duration;

use super::tables::Keys;
use super::{Check, as_path};
use crate::manifest::{
    DeltaSink, ExtractMode, FromSteps, Id, PostgresSink, Sink, SinkColumns, SinkMode, TableType, Trigger,
};
use crate::plan::{SinkPlan, SinkTable};

impl Check<'_> {
    pub(super) fn sinks(&mut self) -> Vec<SinkPlan> {
        let manifest = self.manifest;
        let mut sinks: Vec<SinkPlan> = Vec::new();
        for (index, sink) in manifest.sink.iter().enumerate() {
            let index = index.to_string();
            let at = |key: &'static str| ["sink".to_owned(), index.clone(), key.to_owned()];
            let written = match sink {
                Sink::Delta(sink) => Written::of_delta(sink),
                Sink::Postgres(sink) => Written::of_postgres(sink),
            };
            let id = written.id;
            if sinks.iter().any(|other| other.id == *id) {
                self.report(&at("id"), format!("there are two sinks `{id}`"));
            }
            let plan = match sink {
                Sink::Delta(sink) => self.delta(sink, &written, &at),
                Sink::Postgres(sink) => self.postgres(sink, &written, &at),
            };
            let Some(plan) = plan else { continue };
            if let Some(other) = sinks.iter().find(|other| other.table.is(&plan.table)) {
                let message = format!(
                    "sink `{id}` writes the table that `{}` does\nhint: give one sink both steps, `from = [\"ONE\", \"OTHER\"]`",
                    other.id
                );
                self.report(&at("id"), message);
            }
            sinks.push(plan);
        }
        sinks
    }

    fn delta(&mut self, sink: &DeltaSink, written: &Written<'_>, at: &At<'_>) -> Option<SinkPlan> {
        let DeltaSink { id, partition_by, .. } = sink;
        // A table that is always read whole is always replaced whole.
        let is_whole =
            |trigger: &Trigger| matches!(trigger, Trigger::Extract(extract) if extract.mode == ExtractMode::Full);
        let are_whole = self.manifest.trigger.iter().all(is_whole) && !self.manifest.trigger.is_empty();
        if sink.mode == SinkMode::Overwrite && partition_by.is_empty() && !are_whole {
            let message = format!(
                "sink `{id}` overwrites partitions, and its table has none\nhint: add `partition_by = [\"COLUMN\"]`; without, all triggers must be extracts in full"
            );
            self.report(&at("mode"), message);
        }
        self.no_column_twice(id, "partition_by", partition_by, at);
        let optimize = sink.optimize_hours.map(|hours| {
            let time = Duration::try_from_secs_f64(hours * 3600.0).ok().filter(|time| !time.is_zero());
            if time.is_none() {
                self.report(&at("optimize_hours"), format!("optimize_hours is {hours}, not a time above 0"));
            }
            time
        });
        let store = self.store(&sink.store, &as_path(&at("store")));
        let table = store.and_then(|store| {
            let table = store.join(&sink.path).filter(|_| !sink.path.is_empty());
            if table.is_none() {
                self.report(&at("path"), format!("sink `{id}`: the path `{}` is not one in the store", sink.path));
            }
            table
        });
        let table = table.map(|location| SinkTable::Delta { location, partition_by: partition_by.clone() });
        let optimize = match optimize {
            Some(time) => Some(time?),
            None => None,
        };
        self.sink(written, table, optimize, at)
    }

    fn postgres(&mut self, sink: &PostgresSink, written: &Written<'_>, at: &At<'_>) -> Option<SinkPlan> {
        let PostgresSink { id, url, table, mode, .. } = sink;
        if *mode == SinkMode::Overwrite {
            let message = format!(
                "sink `{id}` overwrites partitions, which a table of PostgreSQL has not\nhint: `mode = \"merge\"` with a `key`, or \"append\""
            );
            self.report(&at("mode"), message);
        }
        let [list, index, _] = at("url");
        let keys = Keys { kind: TableType::Postgres, store: None, path: None, url: Some(url), table: Some(table) };
        let table = self.place(&format!("sink `{id}`"), keys, &[&list, &index]);
        let table = table.map(|_| SinkTable::Postgres { url: sink.url.clone(), table: sink.table.clone() });
        self.sink(written, table, None, at)
    }

    /// What all sinks have.
    fn sink(
        &mut self,
        written: &Written<'_>,
        table: Option<SinkTable>,
        optimize: Option<Duration>,
        at: &At<'_>,
    ) -> Option<SinkPlan> {
        let Written { id, from, mode, key, version, columns, commit_seconds, commit_rows } = *written;
        let from = from.map(|from| self.edges(&format!("sink `{id}`"), from, &self.manifest.step, &at("from")));
        if mode == SinkMode::Merge && key.is_empty() {
            let message =
                format!("sink `{id}` merges rows by no key\nhint: add `key = [\"COLUMN\"]`, what names a row");
            self.report(&at("mode"), message);
        }
        for (name, is_given) in [("key", !key.is_empty()), ("version", version.is_some())] {
            if is_given && mode != SinkMode::Merge {
                let message = format!(
                    "sink `{id}` does not merge rows, and has no use for `{name}`\nhint: remove it, or set `mode = \"merge\"`"
                );
                self.report(&at(name), message);
            }
        }
        self.no_column_twice(id, "key", key, at);
        let commit_after = self.seconds(commit_seconds, "commit_seconds", &at("commit_seconds"));
        if commit_rows == 0 {
            self.report(&at("commit_rows"), "commit_rows is 0\nhint: with 1 every row is committed by itself");
        }
        Some(SinkPlan {
            id: id.clone(),
            from,
            table: table?,
            mode,
            key: key.to_vec(),
            version: version.map(str::to_owned),
            columns,
            commit_after: commit_after?,
            commit_rows,
            optimize,
        })
    }

    fn no_column_twice(&mut self, id: &Id, key: &'static str, columns: &[String], at: &At<'_>) {
        let mut seen = HashSet::new();
        if let Some(twice) = columns.iter().find(|column| !seen.insert(*column)) {
            self.report(&at(key), format!("sink `{id}`: `{twice}` is named twice"));
        }
    }
}

/// The place of a key of a sink.
type At<'a> = dyn Fn(&'static str) -> [String; 3] + 'a;

/// What all sinks have, as it is in the manifest.
#[derive(Clone, Copy)]
struct Written<'m> {
    id: &'m Id,
    from: Option<&'m FromSteps>,
    mode: SinkMode,
    key: &'m [String],
    version: Option<&'m str>,
    columns: SinkColumns,
    commit_seconds: f64,
    commit_rows: u64,
}

macro_rules! written {
    ($sink:expr) => {
        Written {
            id: &$sink.id,
            from: $sink.from.as_ref(),
            mode: $sink.mode,
            key: &$sink.key,
            version: $sink.version.as_deref(),
            columns: $sink.columns,
            commit_seconds: $sink.commit_seconds,
            commit_rows: $sink.commit_rows,
        }
    };
}

impl<'m> Written<'m> {
    fn of_delta(sink: &'m DeltaSink) -> Self {
        written!(sink)
    }

    fn of_postgres(sink: &'m PostgresSink) -> Self {
        written!(sink)
    }
}
