//! The extracts of a manifest.

use std::time::Duration;

use super::tables::Keys;
use super::{Check, as_path};
use crate::manifest::{ExtractFrom, ExtractMode, ExtractTrigger, ExtractType, Rewrites, TableType, Trigger};
use crate::plan::{ExtractPlan, ExtractRows};

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
        let ExtractFrom { kind, store, path, url, table: name, columns, filter } = from;
        let kind = match kind {
            ExtractType::Delta => TableType::Delta,
            ExtractType::Postgres => TableType::Postgres,
            ExtractType::Mysql => TableType::Mysql,
            ExtractType::Sqlite => TableType::Sqlite,
        };
        let useless = match kind {
            TableType::Delta => [("url", url.is_some()), ("table", name.is_some())],
            _ => [("store", store.is_some()), ("path", path.is_some())],
        };
        for (useless, _) in useless.into_iter().filter(|(_, is_given)| *is_given) {
            let message = format!("{what} has no use for `{useless}`\nhint: remove it, or set another `type`");
            self.reporter.at(&[&table, &index, &key, useless], message);
        }
        let keys = Keys { kind, store: store.as_ref(), path: path.as_ref(), url: url.as_ref(), table: name.as_ref() };
        let place = self.place(&what, keys, &[&table, &index, &key]);
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
