//! What is wrong between the parts of a model that are right by themselves.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Computation, Model};
use crate::parse::Places;
use crate::paths::{Reach, describe, paths, reach};
use crate::problem::{Problems, list};
use crate::values::{ExpandError, Window, expand};

pub(super) fn check(model: &Model, places: &Places, problems: &Problems<'_>) {
    names(model, places, problems);
    several_paths(model, places, problems);
    ambiguous_dimensions(model, places, problems);
    measures(model, places, problems);
}

/// Every column of an answer has a name of its own.
fn names(model: &Model, places: &Places, problems: &Problems<'_>) {
    let mut taken: BTreeMap<String, String> = BTreeMap::new();
    for (name, dimension) in &model.dimensions {
        taken.insert(name.clone(), format!("dimension `{name}`"));
        for granularity in &dimension.granularities {
            let column = format!("{name}_{}", granularity.name());
            taken.entry(column).or_insert(format!("dimension `{name}` by {}", granularity.name()));
        }
    }
    let dimensions = places
        .dimensions
        .iter()
        .filter(|(name, _)| taken.get(*name).is_some_and(|owner| *owner != format!("dimension `{name}`")));
    for (name, span) in dimensions.chain(places.measures.iter().filter(|(name, _)| taken.contains_key(*name))) {
        let owner = taken.get(name).map(String::as_str).unwrap_or_default();
        problems.add(span, format!("`{name}` is also the name of {owner}"), "rename one of them");
    }
    for (name, dimension) in &model.dimensions {
        for granularity in &dimension.granularities {
            let column = format!("{name}_{}", granularity.name());
            if let (Some(span), true) = (places.dimensions.get(name), model.dimensions.contains_key(&column)) {
                let message = format!("`{name}` by {} is `{column}`, which is a dimension too", granularity.name());
                problems.add(span, message, "rename one of them, or set `granularities`");
            }
        }
    }
}

/// Several ways between two tables are told apart by names.
fn several_paths(model: &Model, places: &Places, problems: &Problems<'_>) {
    let mut reported = BTreeSet::new();
    for from in model.tables.keys() {
        for to in model.tables.keys() {
            let paths = paths(&model.relationships, from, to);
            let unnamed = |path: &&Vec<usize>| {
                path.iter().all(|at| model.relationships.get(*at).is_some_and(|it| it.name.is_none()))
            };
            let Some(path) = (paths.len() > 1).then(|| paths.iter().find(unnamed)).flatten() else { continue };
            let Some(first) = path.first().copied().filter(|first| reported.insert(*first)) else { continue };
            let ways = describe(&model.relationships, &paths);
            let message = format!("there are several ways from `{from}` to `{to}`: {ways}");
            if let Some(span) = places.relationships.get(first) {
                problems.add(span, message, "give this relationship a `name`, and dimensions a `via` with it");
            }
        }
    }
}

/// A dimension is one thing for each table that has measures.
fn ambiguous_dimensions(model: &Model, places: &Places, problems: &Problems<'_>) {
    let facts: BTreeSet<&String> = model
        .measures
        .values()
        .filter_map(|measure| match &measure.computation {
            Computation::Aggregate { table, .. } => Some(table),
            _ => None,
        })
        .collect();
    for (name, dimension) in &model.dimensions {
        for fact in &facts {
            let Reach::Several(ways) = reach(&model.relationships, fact, dimension) else { continue };
            let message = format!("several values of `{fact}` could be dimension `{name}`: {ways}");
            if let Some(span) = places.dimensions.get(name) {
                problems.add(span, message, "add `via = \"RELATIONSHIP\"` with the name of the one that is meant");
            }
            break;
        }
    }
}

/// Measures of measures end at rows, and are of no periods of periods.
fn measures(model: &Model, places: &Places, problems: &Problems<'_>) {
    for name in model.measures.keys() {
        let Some(span) = places.measures.get(name) else { continue };
        match expand(model, name, Window::default()) {
            Ok(_) | Err(ExpandError::Unknown) => {}
            Err(ExpandError::Circle(circle)) => {
                let message =
                    format!("measure `{name}` is computed of itself: {}", list(circle.iter().map(String::as_str)));
                problems.add(span, message, "define one of them by an `aggregate`");
            }
            Err(ExpandError::TooLarge) => {
                let hint = "compute part of it in a table's `query`";
                problems.add(span, format!("measure `{name}` is of too many others"), hint);
            }
            Err(ExpandError::PeriodsOfPeriods(inner)) => {
                let message = format!("measure `{name}` is of periods of `{inner}`, which is of other periods itself");
                let hint = "take the earlier period of the sum of periods: `same_period_last_year` of a `year_to_date`";
                problems.add(span, message, hint);
            }
        }
    }
}
