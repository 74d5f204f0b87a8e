//! Runs statements on SQLite, where the plan is the one that other engines get.

use rusqlite::Connection;
use rusqlite::types::ValueRef;

/// The rows of a statement, values as texts; numbers without digits that say nothing.
pub fn rows(connection: &Connection, sql: &str) -> Vec<Vec<String>> {
    let mut statement = connection.prepare(sql).unwrap_or_else(|err| panic!("{err}:\n{sql}"));
    let columns = statement.column_count();
    let mut rows = statement.query([]).expect(sql);
    let mut all = Vec::new();
    while let Some(row) = rows.next().expect(sql) {
        all.push((0..columns).map(|column| text(row.get_ref(column).expect(sql))).collect());
    }
    all
}

fn text(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "null".to_owned(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number_text(number),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        ValueRef::Blob(_) => "blob".to_owned(),
    }
}

/// A number to six digits.
pub fn number_text(number: f64) -> String {
    let text = format!("{number:.6}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}
