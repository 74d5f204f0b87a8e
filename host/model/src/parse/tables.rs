//! Tables, relationships, dimensions and hierarchies of a model's file.

use crate::model::{
    Dimension, Format, Granularity, Kind, Level, Model, Relationship, Rows, Scalar, Source, Style, Table,
};
use crate::parse::reader::{Pair, Section, Spanned};
use crate::parse::{Places, unknown};
use crate::problem::{Problems, list};
use crate::security::Security;
use crate::sql_text;

pub(super) fn tables(root: &Section<'_>, model: &mut Model, places: &mut Places, problems: &Problems<'_>) {
    for (name, section) in root.named("tables", "table") {
        let rows = match (section.text("sql_table"), section.text("query")) {
            (Some(table), None) => {
                if table.value.split('.').any(str::is_empty) {
                    let hint = "write a name, or a schema's before it: `sales.orders`";
                    problems.add(&table.span, format!("`{}` is not the name of a table", table.value), hint);
                }
                Rows::Table(table.value)
            }
            (None, Some(query)) => {
                if let Err(why) = sql_text::check_query(&query.value) {
                    problems.add(&query.span, format!("this query cannot be used: {why}"), "write one `SELECT`");
                }
                Rows::Query(query.value)
            }
            (Some(_), Some(_)) => {
                section.problem("has an `sql_table` and a `query`", "remove one of them");
                continue;
            }
            (None, None) => Rows::Table(name.value.clone()),
        };
        let primary_key = section.texts("primary_key");
        let columns: Vec<String> = section.texts("columns").into_iter().map(|column| column.value).collect();
        for key in &primary_key {
            if !columns.is_empty() && !columns.contains(&key.value) {
                unknown("column", key, &columns, problems);
            }
        }
        let security = section.text("security").and_then(|text| match Security::parse(&text.value) {
            Ok(security) => {
                check_columns(&text, &columns, problems);
                Some(security)
            }
            Err(why) => {
                let hint = "write a filter such as `tenant = '{tenant}'`";
                problems.add(&text.span, format!("this filter cannot be used: {why}"), hint);
                None
            }
        });
        let primary_key = primary_key.into_iter().map(|key| key.value).collect();
        let description = section.text("description").map(|text| text.value);
        section.finish();
        places.tables.insert(name.value.clone(), name.span);
        model.tables.insert(name.value, Table { rows, primary_key, columns, security, description });
    }
    if model.tables.is_empty() {
        root.problem("has no tables", "add `[tables.NAME]`");
    }
}

pub(super) fn relationships(root: &Section<'_>, model: &mut Model, places: &mut Places, problems: &Problems<'_>) {
    for section in root.listed("relationships", "the relationship") {
        let name = section.text("name");
        let ends = (section.required("from", "\"orders\""), section.required("to", "\"customers\""));
        let typed = section.pairs("keys");
        section.finish();
        let (Some(from), Some(to)) = ends else { continue };
        for table in [&from, &to] {
            if !model.tables.contains_key(&table.value) {
                unknown("table", table, model.tables.keys(), problems);
            }
        }
        if let Some(name) = &name
            && model.relationships.iter().any(|other| other.name.as_ref() == Some(&name.value))
        {
            problems.add(&name.span, format!("there are two relationships `{}`", name.value), "rename one of them");
        }
        if from.value == to.value {
            let hint = "add a second table with the same `sql_table`, and lead to that";
            section.problem(format!("leads from `{0}` to `{0}`", from.value), hint);
        }
        let mut keys = Vec::new();
        for (column, pair) in typed {
            match pair {
                Pair::Text(other) => {
                    check_column(&column, model.tables.get(&from.value), problems);
                    check_column(&other, model.tables.get(&to.value), problems);
                    keys.push((column.value, other.value));
                }
                Pair::Section(_) => problems.add(&column.span, "a key is a column", "write `keys = { a = \"b\" }`"),
            }
        }
        let relationship = Relationship { name: name.map(|name| name.value), from: from.value, to: to.value, keys };
        let target = model.tables.get(&relationship.to);
        let mut columns: Vec<&String> = relationship.keys.iter().map(|(_, to)| to).collect();
        columns.sort();
        let mut primary: Vec<&String> = target.map(|table| table.primary_key.iter().collect()).unwrap_or_default();
        primary.sort();
        if relationship.keys.is_empty() {
            section.problem("has no `keys`", "add `keys = { customer_id = \"id\" }`");
        } else if target.is_some() && columns != primary {
            // Otherwise many rows could match one, and what is computed of it would count several times.
            let message = format!("leads to columns of `{}` that are not its primary key", relationship.to);
            let hint =
                format!("the `primary_key` of `{}` is {}", relationship.to, list(primary.iter().map(|k| k.as_str())));
            section.problem(message, hint);
        }
        places.relationships.push(section.span.clone());
        model.relationships.push(relationship);
    }
}

pub(super) fn dimensions(root: &Section<'_>, model: &mut Model, places: &mut Places, problems: &Problems<'_>) {
    for (name, section) in root.named("dimensions", "dimension") {
        let table = section.text("table");
        let mut sources = Vec::new();
        if let Some(table) = table {
            sources.extend(source(table, &section, &name.value, model, problems));
        }
        for (table, pair) in section.pairs("on") {
            match pair {
                Pair::Text(column) => {
                    check_column(&column, model.tables.get(&table.value), problems);
                    let value = Scalar::Column(column.value);
                    sources.extend(source_of(table, Some(value), Vec::new(), model, problems));
                }
                Pair::Section(inner) => {
                    sources.extend(source(table, &inner, &name.value, model, problems));
                    inner.finish();
                }
            }
        }
        if !section.has("table") && !section.has("on") {
            section.problem("is of no table", "add `table = \"…\"`, or `on = { TABLE = \"COLUMN\" }` for several");
        }
        let kind = section.one_of("type", &Kind::ALL).map_or(Kind::String, |kind| kind.value);
        let mut granularities: Vec<Granularity> = Vec::new();
        for text in section.texts("granularities") {
            granularities.extend(section.among("granularity", text, &Granularity::ALL).map(|it| it.value));
        }
        if !kind.is_time() && section.has("granularities") {
            section.problem("has `granularities` and is not of time", "set `type = \"date\"`");
        } else if kind == Kind::Date && granularities.contains(&Granularity::Hour) {
            section.problem("is a date and has no hours", "set `type = \"timestamp\"`");
        } else if kind.is_time() && granularities.is_empty() {
            granularities = Granularity::ALL.iter().map(|(_, it)| *it).collect();
            granularities.retain(|it| kind == Kind::Timestamp || *it != Granularity::Hour);
        }
        granularities.sort();
        let cause = section.flag("cause");
        let format = format(&section, problems);
        let description = section.text("description").map(|text| text.value);
        section.finish();
        let dimension = Dimension { sources, kind, granularities, cause, format, description };
        places.dimensions.insert(name.value.clone(), name.span);
        model.dimensions.insert(name.value, dimension);
    }
}

pub(super) fn hierarchies(root: &Section<'_>, model: &mut Model, problems: &Problems<'_>) {
    for (name, dimension) in &model.dimensions {
        // A week may be of two months, so that it is no level between them.
        let levels: Vec<Level> = dimension
            .granularities
            .iter()
            .filter(|granularity| **granularity != Granularity::Week)
            .map(|granularity| Level { dimension: name.clone(), granularity: Some(*granularity) })
            .collect();
        if levels.len() > 1 {
            model.hierarchies.insert(name.clone(), levels);
        }
    }
    for (name, section) in root.named("hierarchies", "hierarchy") {
        let mut levels: Vec<Level> = Vec::new();
        for level in section.texts("levels") {
            if !model.dimensions.contains_key(&level.value) {
                unknown("dimension", &level, model.dimensions.keys(), problems);
            } else if levels.iter().any(|other| other.dimension == level.value) {
                problems.add(&level.span, format!("level `{}` is there twice", level.value), "remove one");
            }
            levels.push(Level { dimension: level.value, granularity: None });
        }
        if levels.len() < 2 {
            section.problem("has no two levels", "add `levels = [\"COARSE\", \"FINE\"]`");
        }
        section.finish();
        if model.hierarchies.contains_key(&name.value) {
            let message = format!("dimension `{}` has a hierarchy of that name, of its periods", name.value);
            problems.add(&name.span, message, "rename this one");
        }
        model.hierarchies.insert(name.value, levels);
    }
}

/// The source that a section has for a table.
fn source(
    table: Spanned<String>,
    section: &Section<'_>,
    name: &str,
    model: &Model,
    problems: &Problems<'_>,
) -> Option<Source> {
    let value = scalar(section, model.tables.get(&table.value), problems);
    // A dimension that has no column of its own name is rare.
    let value = value.unwrap_or_else(|| Scalar::Column(name.to_owned()));
    let via = section.texts("via");
    for relationship in &via {
        let names: Vec<&String> = model.relationships.iter().filter_map(|it| it.name.as_ref()).collect();
        if !names.contains(&&relationship.value) {
            unknown("relationship", relationship, names, problems);
        }
    }
    source_of(table, Some(value), via.into_iter().map(|it| it.value).collect(), model, problems)
}

fn source_of(
    table: Spanned<String>,
    value: Option<Scalar>,
    via: Vec<String>,
    model: &Model,
    problems: &Problems<'_>,
) -> Option<Source> {
    if !model.tables.contains_key(&table.value) {
        unknown("table", &table, model.tables.keys(), problems);
        return None;
    }
    Some(Source { table: table.value, value: value?, via })
}

/// The `column` or `sql` of a section.
pub(super) fn scalar(section: &Section<'_>, table: Option<&Table>, problems: &Problems<'_>) -> Option<Scalar> {
    match (section.text("column"), section.text("sql")) {
        (Some(column), None) => {
            check_column(&column, table, problems);
            Some(Scalar::Column(column.value))
        }
        (None, Some(sql)) => {
            check_expression(&sql, table, problems);
            Some(Scalar::Sql(sql.value))
        }
        (None, None) => None,
        (Some(column), Some(_)) => {
            section.problem("has a `column` and an `sql`", "remove one of them");
            Some(Scalar::Column(column.value))
        }
    }
}

/// Reports what is wrong with an expression over a table's columns.
pub(super) fn check_expression(sql: &Spanned<String>, table: Option<&Table>, problems: &Problems<'_>) {
    match sql_text::check_expression(&sql.value) {
        Ok(()) => check_columns(sql, table.map_or(&[], |table| &table.columns), problems),
        Err(why) => {
            let hint = "write one expression over the table's columns; for more give the table a `query`";
            problems.add(&sql.span, format!("this expression cannot be used: {why}"), hint);
        }
    }
}

fn check_columns(sql: &Spanned<String>, known: &[String], problems: &Problems<'_>) {
    if known.is_empty() {
        return;
    }
    for column in sql_text::columns(&sql.value) {
        if !known.iter().any(|known| known.eq_ignore_ascii_case(&column)) {
            unknown("column", &Spanned { value: column, span: sql.span.clone() }, known, problems);
        }
    }
}

fn check_column(column: &Spanned<String>, table: Option<&Table>, problems: &Problems<'_>) {
    let Some(table) = table else { return };
    if !table.columns.is_empty() && !table.columns.contains(&column.value) {
        unknown("column", column, &table.columns, problems);
    }
}

/// The `format` and `decimals` of a section.
pub(super) fn format(section: &Section<'_>, problems: &Problems<'_>) -> Option<Format> {
    let decimals = section.number("decimals").map(|it| it.value);
    let Some(format) = section.text("format") else {
        return decimals.map(|decimals| Format { style: Style::Number, decimals: Some(decimals) });
    };
    let (style, decimals) = match format.value.as_str() {
        "number" => (Style::Number, decimals),
        "integer" => (Style::Number, Some(0)),
        "percent" => (Style::Percent, decimals),
        other => match other.strip_prefix("currency:") {
            Some(code) if code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase()) => {
                (Style::Currency(code.to_owned()), decimals)
            }
            _ => {
                let hint = "it is `number`, `integer`, `percent` or a currency such as `currency:EUR`";
                problems.add(&format.span, format!("there is no format `{other}`"), hint);
                return None;
            }
        },
    };
    Some(Format { style, decimals })
}
