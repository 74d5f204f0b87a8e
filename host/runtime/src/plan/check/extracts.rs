//! The extracts of a manifest.

use std::time::Duration;

use super::tables::Keys;
use super::{Check, as_path};
use crate::manifest::{ExtractFrom, ExtractMode, ExtractTrigger, ExtractType, Rewrites, TableName, TableType, Trigger};
use crate::plan::{BandPlan, ExtractPlan, ExtractRows, TablePlace};

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
        let ExtractFrom { kind, store, path, url, table: name, view, measure, time, by, columns, filter } = from;
        let kind = match kind {
            ExtractType::Delta => Some(TableType::Delta),
            ExtractType::Postgres => Some(TableType::Postgres),
            ExtractType::Mysql => Some(TableType::Mysql),
            ExtractType::Sqlite => Some(TableType::Sqlite),
            ExtractType::View | ExtractType::Measure => None,
        };
        let (in_store, in_database) = (kind == Some(TableType::Delta), !matches!(kind, None | Some(TableType::Delta)));
        let is_measure = from.kind == ExtractType::Measure;
        for (useless, is_useless) in [
            ("store", store.is_some() && !in_store),
            ("path", path.is_some() && !in_store),
            ("url", url.is_some() && !in_database),
            ("table", name.is_some() && !in_database),
            ("view", view.is_some() && from.kind != ExtractType::View),
            ("measure", measure.is_some() && !is_measure),
            ("time", time.is_some() && !is_measure),
            ("by", by.is_some() && !is_measure),
            ("columns", !columns.is_empty() && is_measure),
            ("filter", filter.is_some() && is_measure),
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
            None if is_measure => self.model(&what, &[&table, &index, &key]),
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

    /// The manifest's semantic model.
    fn model(&mut self, what: &str, at: &[&str]) -> Option<TablePlace> {
        if self.manifest.semantic_model.is_none() {
            let message =
                format!("{what} watches a measure of a semantic model\nhint: `semantic_model = \"model.toml\"`");
            self.reporter.at(at, message);
            return None;
        }
        Some(TablePlace::Model { manifest: self.file.to_owned() })
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
        let ExtractTrigger { id, from, mode, watermark, lag_seconds, rewrites, band, .. } = trigger;
        let is_watermark = *mode == ExtractMode::Watermark;
        for (key, is_useless) in [
            ("watermark", watermark.is_some() && !is_watermark),
            ("lag_seconds", lag_seconds.is_some() && !is_watermark),
            ("rewrites", *rewrites != Rewrites::Refuse && *mode != ExtractMode::Versions),
            ("band", band.is_some() && *mode != ExtractMode::Band),
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
        if (*mode == ExtractMode::Band) != (from.kind == ExtractType::Measure) {
            let message = format!(
                "extract `{id}`: a measure has a band, and nothing else\nhint: `type = \"measure\"` and `mode = \"band\"`"
            );
            self.report(&at("mode"), message);
            return None;
        }
        Some(match mode {
            ExtractMode::Band => ExtractRows::Band(self.band(trigger, at)?),
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

    /// A measure, and its band.
    fn band(&mut self, trigger: &ExtractTrigger, at: &impl Fn(&'static str) -> [String; 3]) -> Option<BandPlan> {
        let ExtractTrigger { id, from, band, .. } = trigger;
        let band = band.unwrap_or_default();
        let is_positive = |number: Option<f64>| number.is_none_or(|number| number.is_finite() && number > 0.0);
        for (key, is_right, what) in [
            ("season", band.season.is_none_or(|season| (1..=1000).contains(&season)), "a number of periods, 1 to 1000"),
            ("seasons", band.seasons.is_none_or(|seasons| (3..=100).contains(&seasons)), "a number from 3 to 100"),
            ("threshold", is_positive(band.threshold), "a number above 0"),
            ("least_change", band.least_change.is_none_or(|share| (0.0..1e9).contains(&share)), "a share of 0 or more"),
        ] {
            if !is_right {
                self.report(&at("band"), format!("extract `{id}`: `{key}` of the band is not {what}"));
            }
        }
        let Some(measure) = &from.measure else {
            self.report(
                &at("from"),
                format!("extract `{id}` does not say which measure it watches\nhint: add `measure = \"NAME\"`"),
            );
            return None;
        };
        let periods = from.time.as_ref().and_then(|time| time.split_once('.'));
        let Some((time, granularity)) = periods else {
            let message = format!(
                "extract `{id}` does not say along which time, and by which periods, it watches\nhint: add `time = \"date.day\"`"
            );
            self.report(&at("from"), message);
            return None;
        };
        let (time, granularity) = (time.to_owned(), granularity.to_owned());
        Some(BandPlan { measure: measure.clone(), time, granularity, by: from.by.clone(), band })
    }
}
