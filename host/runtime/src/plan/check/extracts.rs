//! The extracts of a manifest.

use std::time::Duration;

use super::tables::Keys;
use super::{Check, as_path};
use crate::manifest::{ExtractFrom, ExtractMode, ExtractTrigger, ExtractType, Rewrites, TableName, TableType, Trigger};
use crate::plan::{ExtractPlan, ExtractRows, TablePlace};

/// How old a row must be before it is read, if the manifest does not say.
const LAG_SECONDS: f64 = 10.0;

impl Check<'_> {
    pub(super) fn extract(
        &mut self,
        trigger: &ExtractTrigger,
        at: impl Fn(&'static str) -> [String; 3],
    ) -> Option<ExtractPlan> {
        let ExtractTrigger { id, from, to, .. } = trigger;
        let named = |other: &&Trigger| matches!(other, Trigger::Extract(other) if other.id == *id);
        if self.manifest.trigger.iter().filter(named).count() > 1 {
            self.report(&at("id"), format!("there are two extracts `{id}`"));
        }
        let every = self.seconds(trigger.every_seconds, "every_seconds", &at("every_seconds"));
        let every = every.filter(|every| !every.is_zero());
        if every.is_none() {
            self.report(&at("every_seconds"), format!("extract `{id}`: every_seconds is not a time above 0"));
        }
        let rows = self.rows_of(trigger, &at);
        let what = format!("extract `{id}`");
        let [table, index, key] = at("from");
        let ExtractFrom { kind, store, path, url, table: name, view, columns, filter } = from;
        let kind = match kind {
            ExtractType::Delta => Some(TableType::Delta),
            ExtractType::Postgres => Some(TableType::Postgres),
            ExtractType::Mysql => Some(TableType::Mysql),
            ExtractType::Sqlite => Some(TableType::Sqlite),
            ExtractType::View => None,
        };
        let (in_store, in_database) = (kind == Some(TableType::Delta), !matches!(kind, None | Some(TableType::Delta)));
        for (useless, is_useless) in [
            ("store", store.is_some() && !in_store),
            ("path", path.is_some() && !in_store),
            ("url", url.is_some() && !in_database),
            ("table", name.is_some() && !in_database),
            ("view", view.is_some() && kind.is_some()),
        ] {
            if is_useless {
                let message = format!("{what} has no use for `{useless}`\nhint: remove it, or set another `type`");
                self.reporter.at(&[&table, &index, &key, useless], message);
            }
        }
        let place = match kind {
            Some(kind) => {
                let (store, path, url, table_name) = (store.as_ref(), path.as_ref(), url.as_ref(), name.as_ref());
                let keys = Keys { kind, store, path, url, table: table_name };
                self.place(&what, keys, &[&table, &index, &key])
            }
            None => self.view(&what, view.as_ref(), &[&table, &index, &key]),
        };
        let store = self.store(&to.store, &as_path(&at("to")));
        let folder = store.and_then(|store| {
            let folder = store.join(&to.path);
            if folder.is_none() {
                self.report(
                    &at("to"),
                    format!("{what}: the path `{}` is not one in the store `{}`", to.path, to.store),
                );
            }
            folder
        });
        Some(ExtractPlan {
            id: id.clone(),
            place: place?,
            columns: columns.clone(),
            filter: filter.clone(),
            rows: rows?,
            every: every?,
            to: folder?,
        })
    }

    /// A view of the manifest.
    fn view(&mut self, what: &str, view: Option<&TableName>, at: &[&str]) -> Option<TablePlace> {
        let views = &self.manifest.views;
        match view {
            Some(view) if views.contains_key(view) => {
                Some(TablePlace::View { manifest: self.file.to_owned(), view: view.clone() })
            }
            Some(view) => {
                let known: Vec<String> = views.keys().map(|name| format!("`{name}`")).collect();
                let message = format!("{what}: there is no view `{view}`\nhint: the views are {}", known.join(", "));
                self.reporter.at(&[at, &["view"]].concat(), message);
                None
            }
            None => {
                self.reporter.at(at, format!("{what} does not say which view it reads\nhint: add `view = \"NAME\"`"));
                None
            }
        }
    }

    fn rows_of(&mut self, trigger: &ExtractTrigger, at: &impl Fn(&'static str) -> [String; 3]) -> Option<ExtractRows> {
        let ExtractTrigger { id, from, mode, watermark, lag_seconds, rewrites, .. } = trigger;
        let is_watermark = *mode == ExtractMode::Watermark;
        for (key, is_useless) in [
            ("watermark", watermark.is_some() && !is_watermark),
            ("lag_seconds", lag_seconds.is_some() && !is_watermark),
            ("rewrites", *rewrites != Rewrites::Refuse && *mode != ExtractMode::Versions),
        ] {
            if is_useless {
                let message = format!("extract `{id}` has no use for `{key}`\nhint: remove it, or set another `mode`");
                self.report(&at(key), message);
            }
        }
        let is_delta = from.kind == ExtractType::Delta;
        if matches!(mode, ExtractMode::Versions | ExtractMode::Changes) && !is_delta {
            let message = format!(
                "extract `{id}`: only tables of Delta Lake have versions\nhint: `mode = \"watermark\"` with the column `watermark`, or \"full\""
            );
            self.report(&at("mode"), message);
            return None;
        }
        Some(match mode {
            ExtractMode::Full => ExtractRows::All,
            ExtractMode::Versions => ExtractRows::Added(*rewrites),
            ExtractMode::Changes => ExtractRows::Changes,
            ExtractMode::Watermark => {
                let lag = Duration::try_from_secs_f64(lag_seconds.unwrap_or(LAG_SECONDS)).ok();
                if lag.is_none() {
                    self.report(&at("lag_seconds"), format!("extract `{id}`: lag_seconds is not a number of seconds"));
                }
                if watermark.is_none() {
                    let message =
                        format!("extract `{id}` reads what is new by no column\nhint: add `watermark = \"COLUMN\"`");
                    self.report(&at("mode"), message);
                }
                ExtractRows::Above { column: watermark.clone()?, lag: lag? }
            }
        })
    }
}
