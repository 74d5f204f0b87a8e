//! What of a manifest can be asked in SQL.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Check, folder};
use crate::diagnostics::Reporter;
use crate::manifest::{Manifest, Sink, TableName, TableType, ViewSql};
use crate::plan::{DatabasePlace, Files, QueryPlan, QueryTable, SinkTable, Sources, ViewPlan};

/// What of a manifest can be asked; nothing else of it is looked at.
pub fn query(manifest: &Manifest, file: &Path, reporter: &mut Reporter) -> Option<QueryPlan> {
    let folder = folder(file)?;
    let registry = |_: &str| Err("no registry is asked here".to_owned());
    let sources = Sources { bundled: Path::new(""), registry: &registry, parameters: &[] };
    let (stores, parameters, files) = (BTreeMap::new(), BTreeMap::new(), Files::default());
    let mut check = Check { manifest, file, folder: &folder, sources, stores, parameters, files, reporter };
    check.stores();
    Some(check.query())
}

impl Check<'_> {
    pub(super) fn query(&mut self) -> QueryPlan {
        let manifest = self.manifest;
        let stores = self.stores.iter().map(|(name, location)| ((*name).clone(), location.clone())).collect();
        let mut plan = QueryPlan { stores, ..QueryPlan::default() };
        for (name, table) in &manifest.tables {
            let known = match table.kind {
                TableType::Object => Some(QueryTable::Object),
                _ => self.foreign_table(name, table).map(QueryTable::Foreign),
            };
            plan.tables.extend(known.map(|table| (name.clone(), table)));
        }
        for sink in &manifest.sink {
            let (id, table) = match sink {
                Sink::Delta(sink) => {
                    let location = self.stores.get(&sink.store).and_then(|store| store.join(&sink.path));
                    let table = |location| SinkTable::Delta { location, partition_by: sink.partition_by.clone() };
                    (&sink.id, location.map(table))
                }
                Sink::Postgres(sink) => {
                    let (url, table) = (sink.url.clone(), sink.table.clone());
                    (&sink.id, Some(SinkTable::Postgres { url, table }))
                }
            };
            plan.sinks.extend(table.map(|table| (id.clone(), table)));
        }
        plan.views = self.views();
        plan.databases = self.databases();
        (plan.semantic_model, plan.reports) = (self.semantic_model(), self.reports());
        plan
    }

    pub(super) fn semantic_model(&mut self) -> Option<PathBuf> {
        let named = self.manifest.semantic_model.as_deref()?;
        self.file(named, &["semantic_model"])
    }

    pub(super) fn reports(&mut self) -> Vec<PathBuf> {
        let manifest = self.manifest;
        if manifest.semantic_model.is_none() && !manifest.reports.is_empty() {
            let message = "reports are of the measures of a semantic model\nhint: `semantic_model = \"model.toml\"`";
            self.reporter.at(&["reports"], message);
        }
        let reports = manifest.reports.iter().enumerate();
        reports.filter_map(|(index, named)| self.file(named, &["reports", &index.to_string()])).collect()
    }

    /// A file that is looked at when it is needed, and must be there.
    fn file(&mut self, named: &str, at: &[&str]) -> Option<PathBuf> {
        let file = self.folder.join(named);
        self.files.add(&file);
        if !file.is_file() {
            self.reporter.at(at, format!("there is no file `{named}`"));
            return None;
        }
        Some(file)
    }

    pub(super) fn views(&mut self) -> BTreeMap<TableName, ViewPlan> {
        let manifest = self.manifest;
        let mut views = BTreeMap::new();
        for (name, view) in &manifest.views {
            let at = ["views", name.as_str()];
            let taken = if manifest.tables.contains_key(name) {
                Some("table")
            } else {
                let is_sink = |sink: &Sink| sink.id().as_str().replace('-', "_") == name.as_str();
                manifest.sink.iter().any(is_sink).then_some("sink")
            };
            if let Some(what) = taken {
                let message = format!("view `{name}` has the name of a {what}\nhint: give it another one");
                self.reporter.at(&at, message);
            }
            let (sql, file) = match &view.sql {
                ViewSql::Text(sql) => (sql.clone(), None),
                ViewSql::File(named) => {
                    let file = self.folder.join(&named.file);
                    match std::fs::read_to_string(&file) {
                        Ok(sql) => (sql, Some(file)),
                        Err(err) => {
                            let message = format!("view `{name}`: cannot read the file `{}`: {err}", named.file);
                            self.reporter.at(&[at[0], at[1], "sql"], message);
                            continue;
                        }
                    }
                }
            };
            if sql.trim().is_empty() {
                self.reporter.at(&[at[0], at[1], "sql"], format!("view `{name}` has no query"));
            }
            views.insert(name.clone(), ViewPlan { description: view.description.clone(), sql, file });
        }
        views
    }

    pub(super) fn databases(&mut self) -> BTreeMap<TableName, DatabasePlace> {
        let manifest = self.manifest;
        let mut databases = BTreeMap::new();
        for (name, database) in &manifest.databases {
            match DatabasePlace::of(&database.url, self.folder) {
                Ok(place) => drop(databases.insert(name.clone(), place)),
                Err(why) => self.reporter.at(&["databases", name.as_str(), "url"], format!("database `{name}`: {why}")),
            }
        }
        databases
    }
}
