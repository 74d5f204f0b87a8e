//! The reference tables of a manifest.

use std::time::Duration;

use super::Check;
use crate::manifest::{Id, Table, TableName, TableType};
use crate::plan::{ForeignTable, ObjectTable, TablePlace, TablePlan, TableRows};
use crate::store::Location;

/// How often it is looked whether a table is another by now, if the manifest does not say.
const REFRESH_SECONDS: f64 = 300.0;

impl Check<'_> {
    pub(super) fn tables(&mut self) -> Vec<TablePlan> {
        let mut tables = Vec::new();
        for (name, table) in &self.manifest.tables {
            self.no_use_for(name, table);
            let rows = match table.kind {
                TableType::Object => self.object_table(name, table).map(Box::new).map(TableRows::Object),
                _ => self.foreign_table(name, table).map(TableRows::Foreign),
            };
            tables.extend(rows.map(|rows| TablePlan { name: name.clone(), rows }));
        }
        tables
    }

    /// Reports keys that a table's type has no use for.
    fn no_use_for(&mut self, name: &TableName, table: &Table) {
        let is_object = table.kind == TableType::Object;
        let is_stored = is_object || table.kind == TableType::Delta;
        let keys = [
            ("store", table.store.is_some() && !is_stored),
            ("path", table.path.is_some() && !is_stored),
            ("component", table.component.is_some() && !is_object),
            ("config", !table.config.is_empty() && !is_object),
            ("url", table.url.is_some() && is_stored),
            ("table", table.table.is_some() && is_stored),
            ("columns", !table.columns.is_empty() && is_object),
            ("filter", table.filter.is_some() && is_object),
            ("refresh_seconds", table.refresh_seconds.is_some() && is_object),
        ];
        for (key, _) in keys.into_iter().filter(|(_, is_useless)| *is_useless) {
            let message = format!("table `{name}` has no use for `{key}`\nhint: remove it, or set another `type`");
            self.reporter.at(&["tables", name.as_str(), key], message);
        }
    }

    /// A key that a table's type needs.
    fn needed<'t, T>(&mut self, what: &str, key: &str, value: Option<&'t T>, at: &[&str]) -> Option<&'t T> {
        if value.is_none() {
            self.reporter.at(at, format!("{what} has no `{key}`\nhint: add `{key} = …`"));
        }
        value
    }

    fn object_table(&mut self, name: &TableName, table: &Table) -> Option<ObjectTable> {
        let at = ["tables", name.as_str()];
        let what = format!("table `{name}`");
        let component = self.needed(&what, "component", table.component.as_ref(), &at);
        let component = component.and_then(|component| self.component(component, &[at[0], at[1], "component"]));
        let config = self.config(&table.config, &[at[0], at[1], "config"]);
        let limits = self.limits(&table.limits, &[at[0], at[1], "limits"]);
        let store = self.needed(&what, "store", table.store.as_ref(), &at);
        let (store, path) = (store?, self.needed(&what, "path", table.path.as_ref(), &at)?);
        let object = self.store(store, &[at[0], at[1], "store"])?.join(path);
        if let Some(Location::File(file)) = &object {
            self.files.add(file);
        }
        // What a store over the network has shows when it is read.
        let is_there = object.as_ref().is_some_and(|object| match object {
            Location::File(file) => file.is_file(),
            Location::Url(_) => true,
        });
        if !is_there {
            self.reporter.at(
                &[at[0], at[1], "path"],
                format!("table `{name}`: there is no object `{path}` in the store `{store}`"),
            );
        }
        Some(ObjectTable { object: object?, component: component?, config: config?, limits: limits? })
    }

    pub(super) fn foreign_table(&mut self, name: &TableName, table: &Table) -> Option<ForeignTable> {
        let at = ["tables", name.as_str()];
        let refresh = table.refresh_seconds.unwrap_or(REFRESH_SECONDS);
        let refresh = Duration::try_from_secs_f64(refresh).ok().filter(|time| !time.is_zero());
        if refresh.is_none() {
            self.reporter.at(
                &[at[0], at[1], "refresh_seconds"],
                format!("table `{name}`: refresh_seconds is not a time above 0"),
            );
        }
        let Table { kind, store, path, url, table: name_there, .. } = table;
        let keys = Keys {
            kind: *kind,
            store: store.as_ref(),
            path: path.as_ref(),
            url: url.as_ref(),
            table: name_there.as_ref(),
        };
        let place = self.place(&format!("table `{name}`"), keys, &at)?;
        Some(ForeignTable { place, columns: table.columns.clone(), filter: table.filter.clone(), refresh: refresh? })
    }

    /// Where a table is that is no object. What is missing is reported at `at`, of what is named `what`.
    pub(super) fn place(&mut self, what: &str, keys: Keys<'_>, at: &[&str]) -> Option<TablePlace> {
        let key = |key: &'static str| [at, &[key]].concat();
        if keys.kind == TableType::Delta {
            let store = self.needed(what, "store", keys.store, at);
            let (store, path) = (store?, self.needed(what, "path", keys.path, at)?);
            let location = self.store(store, &key("store"))?.join(path);
            if location.is_none() {
                let message = format!("{what}: the path `{path}` is not one in the store `{store}`");
                self.reporter.at(&key("path"), message);
            }
            return location.map(TablePlace::Delta);
        }
        let url = self.needed(what, "url", keys.url, at);
        let (url, within) = (url?, self.needed(what, "table", keys.table, at)?);
        let (scheme, other, variable) = match keys.kind {
            TableType::Postgres => ("postgres://", "postgresql://", "PGPASSWORD"),
            TableType::Mysql => ("mysql://", "mariadb://", "MYSQL_PWD"),
            _ => ("sqlite:", "sqlite:", ""),
        };
        let Some(rest) =
            [scheme, other].iter().find_map(|scheme| url.strip_prefix(scheme)).filter(|rest| !rest.is_empty())
        else {
            self.reporter.at(&key("url"), format!("{what}: its url does not begin with `{scheme}`"));
            return None;
        };
        if keys.kind == TableType::Sqlite {
            let file = self.folder.join(rest);
            if !file.is_file() {
                self.reporter.at(&key("url"), format!("{what}: there is no file `{rest}`"));
            }
            return Some(TablePlace::Sqlite { file, table: within.clone() });
        }
        let user = rest.split_once('@').map_or("", |(user, _)| user);
        if user.contains(':') || rest.contains("password=") {
            let message = format!(
                "{what}: its url has a password, and whoever reads the manifest could read it\nhint: remove it, and set {variable} in the environment"
            );
            self.reporter.at(&key("url"), message);
            return None;
        }
        let (url, table) = (url.clone(), within.clone());
        Some(match keys.kind {
            TableType::Postgres => TablePlace::Postgres { url, table },
            _ => TablePlace::Mysql { url, table },
        })
    }
}

/// The keys that say where a table is that is no object.
pub(super) struct Keys<'t> {
    pub kind: TableType,
    pub store: Option<&'t Id>,
    pub path: Option<&'t String>,
    pub url: Option<&'t String>,
    pub table: Option<&'t String>,
}
