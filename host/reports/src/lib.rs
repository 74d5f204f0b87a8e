//! Reports: what is shown of the measures of a semantic model, in a TOML file each.
//!
//! A report says what is asked, not how it is drawn: the page in `page/` draws it, on a server or in one file.
//!
//! # Layout
//! - [`Report`]: a report, checked against the model; [`config`]: as it is typed.
//! - [`Report::asked`]: what its tiles ask before anybody chose anything.

pub mod config;
mod earlier;

use std::collections::BTreeSet;
use std::path::Path;

use serde::Serialize;
use serde_json::{Value, json};
use wasmill_model::model::{Computation, Kind as Values};
use wasmill_model::query::{Asked, Filter as Condition, Operator, Order, TimeRange};
use wasmill_model::{Attributes, Dialect, Model, Query};
use wasmill_runtime::diagnostics::{Diagnostics, Reporter};
use wasmill_runtime::toml_file;

use config::{Chosen, Compare, File, Good, Kind};

/// How many columns a report has.
const COLUMNS: u8 = 4;

/// A report, checked.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// What it is known by: its file's name without the end.
    pub id: String,
    /// What stands above it.
    pub title: String,
    /// What it shows.
    pub description: Option<String>,
    /// What may be chosen.
    pub filters: Vec<Filter>,
    /// What is shown.
    pub tiles: Vec<Tile>,
}

/// A dimension whose values may be chosen.
#[derive(Debug, Clone, Serialize)]
pub struct Filter {
    /// The dimension.
    pub dimension: String,
    /// What its values are.
    pub kind: Values,
    /// What stands beside it.
    pub title: String,
    /// What is chosen at first.
    pub default: Option<Chosen>,
}

/// Something that is shown.
#[derive(Debug, Clone, Serialize)]
pub struct Tile {
    /// What it is known by.
    pub id: String,
    /// As what it is shown.
    pub kind: Kind,
    /// What stands above it.
    pub title: String,
    /// What is to be known of it.
    pub description: Option<String>,
    /// What is shown.
    pub measures: Vec<String>,
    /// By what.
    pub dimensions: Vec<String>,
    /// The dimension whose values are lines or colours.
    pub series: Option<String>,
    /// Conditions, besides those that are chosen.
    pub filters: Vec<Condition>,
    /// In which order.
    pub order: Vec<Order>,
    /// How many rows at most.
    pub limit: Option<u64>,
    /// How many columns it is wide.
    pub width: u8,
    /// What a number is compared with.
    pub compare: Option<Compare>,
    /// Which way is good.
    pub good: Option<Good>,
    /// Dimensions that a value opens into.
    pub drill: Vec<String>,
    /// Of a map: the dimension of degrees north.
    pub latitude: Option<String>,
    /// Of a map: the dimension of degrees east.
    pub longitude: Option<String>,
}

impl Report {
    /// Reads a report of a model.
    pub fn read(file: &Path, model: &Model) -> Result<Self, Diagnostics> {
        let id = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
        toml_file::read(file, |typed: File, _, reporter| Check { model, reporter }.report(id, typed))
    }

    /// What its tiles ask before anybody chose anything, by the names that the page knows the answers by: a tile's id, with
    /// `:previous` after it for what its number is compared with.
    pub fn asked(&self) -> Vec<(String, Query)> {
        let mut asked = Vec::new();
        for tile in &self.tiles {
            let query = self.query(tile);
            let compared = tile.compare.and_then(|compare| {
                let time_range = earlier::range(query.time_range.as_ref()?, compare)?;
                Some(Query { time_range: Some(time_range), ..query.clone() })
            });
            asked.push((tile.id.clone(), query));
            asked.extend(compared.map(|query| (format!("{}:previous", tile.id), query)));
        }
        asked
    }

    fn query(&self, tile: &Tile) -> Query {
        let mut query = Query {
            measures: tile.measures.clone(),
            dimensions: tile.dimensions.iter().map(|name| Asked::from(name.as_str())).collect(),
            filters: tile.filters.clone(),
            order: tile.order.clone(),
            limit: tile.limit,
            ..Query::default()
        };
        for filter in &self.filters {
            let name = filter.dimension.clone();
            match &filter.default {
                Some(Chosen::Values(values)) if !values.is_empty() => {
                    let values = values.clone();
                    query.filters.push(Condition { name, operator: Operator::Equals, values });
                }
                Some(Chosen::Time(time)) => {
                    let (from, before) = (time.from.clone(), time.before.clone());
                    query.time_range = Some(TimeRange { dimension: name, from, before });
                }
                Some(Chosen::Values(_)) | None => {}
            }
        }
        query
    }
}

/// What whoever draws reports has to know of a model.
pub fn described(model: &Model) -> Value {
    let dimensions = model.dimensions.iter().map(|(name, dimension)| {
        json!({
            "name": name, "title": title(name), "kind": dimension.kind, "granularities": dimension.granularities,
            "format": dimension.format, "description": dimension.description,
        })
    });
    let measures = model.measures.iter().map(|(name, measure)| {
        let explain = model
            .additive(name)
            .ok()
            .map(|_| json!({ "dimensions": model.dimensions_of(name), "default": model.suspects(name) }));
        json!({
            "name": name, "title": title(name), "format": measure.format, "description": measure.description,
            "explain": explain,
        })
    });
    json!({
        "name": model.name, "description": model.description, "hierarchies": model.hierarchies,
        "dimensions": dimensions.collect::<Vec<_>>(), "measures": measures.collect::<Vec<_>>(),
    })
}

/// A name as it is shown: `mean_delay` is "Mean delay".
pub fn title(name: &str) -> String {
    let words = name.replace('_', " ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// From what was typed to a report, with every problem reported.
struct Check<'a> {
    model: &'a Model,
    reporter: &'a mut Reporter,
}

impl Check<'_> {
    fn report(mut self, id: String, typed: File) -> Option<Report> {
        if typed.version != 1 {
            let message = format!("version {} is not known: this wasmill reads version 1", typed.version);
            self.reporter.at(&["version"], message);
        }
        if typed.tile.is_empty() {
            self.reporter.at_byte(None, "the report shows nothing\nhint: add a `[[tile]]` with `kind` and `measures`");
        }
        let filters = typed.filter.into_iter().enumerate();
        let filters: Vec<Filter> = filters.filter_map(|(index, typed)| self.filter(index, typed)).collect();
        let mut ids = BTreeSet::new();
        let mut tiles = Vec::new();
        for (index, typed) in typed.tile.into_iter().enumerate() {
            let at = ["tile".to_owned(), index.to_string()];
            let tile = self.tile(&at, index, typed)?;
            if !ids.insert(tile.id.clone()) {
                let message = format!("there is a tile `{}` before this one\nhint: give it another `id`", tile.id);
                self.at(&at, &["id"], message);
            }
            tiles.push(tile);
        }
        if !self.reporter.is_empty() {
            return None;
        }
        let report = Report { id, title: typed.title, description: typed.description, filters, tiles };
        // Whether measures can be given by dimensions only the model knows.
        for (index, tile) in report.tiles.iter().enumerate() {
            let refused = self.model.sql(&report.query(tile), &self.somebody(), Dialect::DataFusion).err();
            if let Some(err) = refused {
                self.reporter.at(&["tile", &index.to_string()], format!("tile `{}`: {err}", tile.id));
            }
        }
        Some(report)
    }

    /// Somebody of whom everything is known that the model wants to know.
    fn somebody(&self) -> Attributes {
        let wanted = self.model.tables.values().filter_map(|table| table.security.as_ref());
        let wanted = wanted.flat_map(|security| security.attributes());
        wanted.map(|name| (name.to_owned(), wasmill_model::Attribute::Text("x".to_owned()))).collect()
    }

    fn at(&mut self, at: &[String; 2], rest: &[&str], message: impl Into<String>) {
        let place: Vec<&str> = at.iter().map(String::as_str).chain(rest.iter().copied()).collect();
        self.reporter.at(&place, message);
    }

    fn filter(&mut self, index: usize, typed: config::Filter) -> Option<Filter> {
        let at = ["filter".to_owned(), index.to_string()];
        let Some(dimension) = self.model.dimensions.get(&typed.dimension) else {
            let message = self.unknown("dimension", &typed.dimension, self.model.dimensions.keys());
            self.at(&at, &["dimension"], message);
            return None;
        };
        let kind = dimension.kind;
        if let Some(default) = &typed.default
            && kind.is_time() != matches!(default, Chosen::Time(_))
        {
            let hint = match kind.is_time() {
                true => "`default = { from = \"2013-01-01\", before = \"2013-02-01\" }`",
                false => "`default = [\"VALUE\"]`",
            };
            self.at(&at, &["default"], format!("this is not what is chosen of `{}`\nhint: {hint}", typed.dimension));
        }
        let title = typed.title.unwrap_or_else(|| title(&typed.dimension));
        Some(Filter { dimension: typed.dimension, kind, title, default: typed.default })
    }

    fn unknown<'n>(&self, what: &str, name: &str, known: impl Iterator<Item = &'n String>) -> String {
        let known: Vec<String> = known.map(|name| format!("`{name}`")).collect();
        format!("the model has no {what} `{name}`\nhint: there are {}", known.join(", "))
    }

    fn tile(&mut self, at: &[String; 2], index: usize, typed: config::Tile) -> Option<Tile> {
        let names = |names: &[String]| names.iter().map(|name| title(name)).collect::<Vec<_>>().join(", ");
        let tile = Tile {
            id: typed.id.unwrap_or_else(|| format!("t{}", index + 1)),
            kind: typed.kind,
            title: typed.title.unwrap_or_else(|| names(&typed.measures)),
            description: typed.description,
            series: typed.series,
            filters: self.each(at, "filters", &typed.filters),
            order: self.each(at, "order", &typed.order),
            limit: typed.limit,
            width: typed.width.unwrap_or(if typed.kind == Kind::Kpi { 1 } else { 2 }),
            compare: typed.compare,
            good: typed.good,
            drill: typed.drill,
            latitude: typed.latitude,
            longitude: typed.longitude,
            measures: typed.measures,
            dimensions: typed.dimensions,
        };
        self.check(at, &tile);
        Some(tile)
    }

    fn each<T: serde::de::DeserializeOwned>(&mut self, at: &[String; 2], key: &str, typed: &[Value]) -> Vec<T> {
        let parsed =
            typed.iter().enumerate().filter_map(|(index, value)| match serde_json::from_value(value.clone()) {
                Ok(parsed) => Some(parsed),
                Err(err) => {
                    self.at(at, &[key, &index.to_string()], err.to_string());
                    None
                }
            });
        parsed.collect()
    }

    fn check(&mut self, at: &[String; 2], tile: &Tile) {
        if tile.measures.is_empty() && tile.kind != Kind::Table {
            self.at(at, &["measures"], "the tile shows no measure\nhint: `measures = [\"NAME\"]`");
        }
        if !(1..=COLUMNS).contains(&tile.width) {
            self.at(at, &["width"], format!("a tile is 1 to {COLUMNS} columns wide"));
        }
        let asked: Vec<Asked> = tile.dimensions.iter().map(|name| Asked::from(name.as_str())).collect();
        for (index, name) in tile.drill.iter().enumerate() {
            let Asked { name, .. } = Asked::from(name.as_str());
            if !self.model.dimensions.contains_key(&name) {
                let message = self.unknown("dimension", &name, self.model.dimensions.keys());
                self.at(at, &["drill", &index.to_string()], message);
            }
        }
        if let (Some(first), Some(shown)) = (tile.drill.first(), tile.dimensions.first())
            && first != shown
        {
            let message =
                format!("it is gone down from `{shown}`, which the tile shows at first\nhint: begin with `{shown}`");
            self.at(at, &["drill"], message);
        }
        let places = [("series", &tile.series), ("latitude", &tile.latitude), ("longitude", &tile.longitude)];
        for (key, named) in places {
            if let Some(named) = named
                && !asked.contains(&Asked::from(named.as_str()))
            {
                self.at(at, &[key], format!("`{named}` is none of the tile's `dimensions`"));
            }
        }
        match tile.kind {
            Kind::Kpi if !tile.dimensions.is_empty() => {
                self.at(at, &["dimensions"], "one number is by no dimension\nhint: `kind = \"bar\"`");
            }
            Kind::Line | Kind::Bar if tile.dimensions.is_empty() => {
                self.at(at, &[], "the tile needs `dimensions`\nhint: `dimensions = [\"date.day\"]`");
            }
            Kind::Map if tile.latitude.is_none() || tile.longitude.is_none() => {
                let message = "a map needs to know where\nhint: `latitude` and `longitude`, both among `dimensions`";
                self.at(at, &[], message);
            }
            _ => {}
        }
        if tile.compare.is_some() && tile.kind != Kind::Kpi {
            self.at(at, &["compare"], "only a number is compared\nhint: measures can have a `change`");
        }
        let is_change = |name: &String| {
            let measure = self.model.measures.get(name);
            measure.is_some_and(|measure| matches!(measure.computation, Computation::Change { .. }))
        };
        if tile.compare.is_some() && tile.measures.iter().any(is_change) {
            self.at(at, &["compare"], "the measure is a comparison already\nhint: remove `compare`");
        }
    }
}
