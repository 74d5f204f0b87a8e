//! What may stand where Tab is pressed: keywords, tables, columns of the tables that the query names.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rustyline::completion::Completer;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Context, Helper};
use tokio::runtime::Runtime;
use wasmill_warehouse::query::{KnownKind, Session};

/// How long Tab waits for a table's columns.
const PATIENCE: Duration = Duration::from_secs(2);

/// Those that are typed often.
const KEYWORDS: &[&str] = &[
    "ALL",
    "ANALYZE",
    "AND",
    "AS",
    "ASC",
    "AVG",
    "BETWEEN",
    "BY",
    "CASE",
    "CAST",
    "COALESCE",
    "COUNT",
    "CROSS",
    "DATE",
    "DATE_TRUNC",
    "DESC",
    "DESCRIBE",
    "DISTINCT",
    "ELSE",
    "END",
    "EXCEPT",
    "EXISTS",
    "EXPLAIN",
    "EXTRACT",
    "FALSE",
    "FROM",
    "FULL",
    "GROUP",
    "HAVING",
    "IN",
    "INNER",
    "INTERSECT",
    "INTERVAL",
    "IS",
    "JOIN",
    "LEFT",
    "LIKE",
    "LIMIT",
    "MAX",
    "MIN",
    "NOT",
    "NULL",
    "OF",
    "OFFSET",
    "ON",
    "OR",
    "ORDER",
    "OVER",
    "PARTITION",
    "RIGHT",
    "SELECT",
    "SHOW",
    "SUM",
    "TABLES",
    "THEN",
    "TIMESTAMP",
    "TRUE",
    "UNION",
    "USING",
    "VALUES",
    "VERSION",
    "WHEN",
    "WHERE",
    "WITH",
];

/// Completes what is typed.
pub struct Complete<'s> {
    session: &'s Session,
    runtime: &'s Runtime,
    names: Vec<String>,
    /// The columns of tables that were looked at; none if a table could not be.
    columns: RefCell<BTreeMap<String, Vec<String>>>,
}

impl<'s> Complete<'s> {
    /// Of what a session knows.
    pub fn new(session: &'s Session, runtime: &'s Runtime) -> Self {
        let known = session.known();
        let names = known.into_iter().map(|one| match one.kind {
            KnownKind::Store => format!("'{}/", one.name),
            KnownKind::Database => format!("{}.", one.name),
            _ => one.name,
        });
        Self { session, runtime, names: names.collect(), columns: RefCell::default() }
    }

    /// The columns of the tables that a text names.
    fn columns(&self, text: &str) -> BTreeSet<String> {
        let words: BTreeSet<&str> = text.split(|letter: char| !is_of_word(letter)).collect();
        let mut found = BTreeSet::new();
        for table in self.names.iter().filter(|name| words.contains(name.as_str())) {
            let mut known = self.columns.borrow_mut();
            let columns = known.entry(table.clone()).or_insert_with(|| {
                let asked = async { tokio::time::timeout(PATIENCE, self.session.columns(table)).await };
                match self.runtime.block_on(asked) {
                    Ok(Ok(schema)) => schema.fields().iter().map(|field| field.name().clone()).collect(),
                    _ => Vec::new(),
                }
            });
            found.extend(columns.iter().cloned());
        }
        found
    }
}

/// Of what is before the cursor, where the word begins, and what it may become.
fn candidates(line: &str, names: &[String], columns: &BTreeSet<String>) -> (usize, Vec<String>) {
    let start =
        line.char_indices().rev().take_while(|(_, letter)| is_of_word(*letter)).last().map_or(line.len(), |(at, _)| at);
    let (before, word) = line.split_at(start);
    if word.is_empty() {
        return (start, Vec::new());
    }
    let is_like = |name: &&String| name.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word));
    let mut found: Vec<String> = columns.iter().filter(is_like).map(|name| quoted(name)).collect();
    // After a dot comes a column.
    if !before.ends_with('.') {
        found.extend(names.iter().filter(is_like).cloned());
        let is_lower = word.chars().all(|letter| !letter.is_uppercase());
        let keywords = KEYWORDS.iter().map(|word| (*word).to_owned());
        let keywords = keywords.filter(|name| is_like(&name));
        found.extend(keywords.map(|word| if is_lower { word.to_lowercase() } else { word }));
    }
    (start, found)
}

/// A name as SQL takes it.
fn quoted(name: &str) -> String {
    let is_plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    if is_plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

fn is_of_word(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '_' | '\'')
}

/// Whether what was typed is to be done: a command, or a query that has its `;`.
pub fn is_whole(typed: &str) -> bool {
    let typed = typed.trim();
    typed.is_empty() || typed.starts_with('\\') || typed.ends_with(';') || ["help", "quit", "exit"].contains(&typed)
}

impl Completer for Complete<'_> {
    type Candidate = String;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(candidates(line.get(..pos).unwrap_or(line), &self.names, &self.columns(line)))
    }
}

impl Validator for Complete<'_> {
    fn validate(&self, typed: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(if is_whole(typed.input()) { ValidationResult::Valid(None) } else { ValidationResult::Incomplete })
    }
}

impl Hinter for Complete<'_> {
    type Hint = String;
}

impl Highlighter for Complete<'_> {}

impl Helper for Complete<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_becomes_what_begins_like_it() {
        let names = ["flights".to_owned(), "'landing/".to_owned()];
        let columns = BTreeSet::from(["flight".to_owned(), "Fare".to_owned()]);
        for (line, start, expect) in [
            ("SEL", 0, vec!["SELECT"]),
            ("sel", 0, vec!["select"]),
            ("SELECT fli", 7, vec!["flight", "flights"]),
            ("SELECT flights.f", 15, vec!["\"Fare\"", "flight"]),
            ("SELECT * FROM 'la", 14, vec!["'landing/"]),
            ("SELECT ", 7, vec![]),
        ] {
            assert_eq!(
                candidates(line, &names, &columns),
                (start, expect.iter().map(|text| (*text).to_owned()).collect()),
                "{line}"
            );
        }
    }

    #[test]
    fn a_query_is_whole_with_its_semicolon() {
        for (typed, expect) in [("SELECT 1", false), ("SELECT\n1; ", true), ("\\d", true), ("", true), ("exit", true)] {
            assert_eq!(is_whole(typed), expect, "{typed}");
        }
    }
}
