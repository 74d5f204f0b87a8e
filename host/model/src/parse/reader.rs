//! Reads tables of TOML key by key, so that all that is wrong with them is found, each at its place.

use std::cell::RefCell;
use std::ops::Range;

use toml_edit::{Item, TableLike, Value};

use crate::problem::{Problems, list};
use crate::sql_text::is_name;

/// A value, and where it was typed.
#[derive(Debug, Clone)]
pub(super) struct Spanned<T> {
    pub(super) value: T,
    pub(super) span: Range<usize>,
}

/// A table of TOML, while it is read.
pub(super) struct Section<'a> {
    table: &'a dyn TableLike,
    /// Where it begins.
    pub(super) span: Range<usize>,
    what: String,
    asked: RefCell<Vec<&'static str>>,
    problems: &'a Problems<'a>,
}

impl<'a> Section<'a> {
    pub(super) fn new(
        table: &'a dyn TableLike,
        span: Range<usize>,
        what: impl Into<String>,
        problems: &'a Problems<'a>,
    ) -> Self {
        Self { table, span, what: what.into(), asked: RefCell::default(), problems }
    }

    /// A text.
    pub(super) fn text(&self, key: &'static str) -> Option<Spanned<String>> {
        let (item, span) = self.item(key)?;
        match item.as_str() {
            Some(text) => Some(Spanned { value: text.to_owned(), span }),
            None => self.wrong(&span, key, "a text", "\"…\""),
        }
    }

    /// A text that has to be there.
    pub(super) fn required(&self, key: &'static str, example: &str) -> Option<Spanned<String>> {
        if self.table.get(key).is_none() {
            self.item(key);
            let message = format!("{} has no `{key}`", self.what);
            self.problems.add(&self.span, message, format!("add `{key} = {example}`"));
        }
        self.text(key)
    }

    /// A text, or several.
    pub(super) fn texts(&self, key: &'static str) -> Vec<Spanned<String>> {
        let Some((item, span)) = self.item(key) else { return Vec::new() };
        if let Some(text) = item.as_str() {
            return vec![Spanned { value: text.to_owned(), span }];
        }
        let Some(array) = item.as_array() else {
            self.wrong::<()>(&span, key, "a list of texts", "[\"…\"]");
            return Vec::new();
        };
        let mut texts = Vec::new();
        for value in array {
            let span = value.span().unwrap_or_else(|| span.clone());
            match value.as_str() {
                Some(text) => texts.push(Spanned { value: text.to_owned(), span }),
                None => {
                    self.wrong::<()>(&span, key, "a list of texts", "[\"…\"]");
                }
            }
        }
        texts
    }

    /// A number that counts something.
    pub(super) fn number(&self, key: &'static str) -> Option<Spanned<u32>> {
        let (item, span) = self.item(key)?;
        match item.as_integer().and_then(|number| u32::try_from(number).ok()) {
            Some(value) => Some(Spanned { value, span }),
            None => self.wrong(&span, key, "a whole number that is not negative", "3"),
        }
    }

    /// Whether something is so.
    pub(super) fn flag(&self, key: &'static str) -> Option<bool> {
        let (item, span) = self.item(key)?;
        item.as_bool().or_else(|| self.wrong(&span, key, "true or false", "false"))
    }

    /// One of some names.
    pub(super) fn one_of<T: Copy>(&self, key: &'static str, known: &[(&'static str, T)]) -> Option<Spanned<T>> {
        let text = self.text(key)?;
        self.among(key, text, known)
    }

    /// A text as the one of some names that it is.
    pub(super) fn among<T: Copy>(
        &self,
        key: &str,
        text: Spanned<String>,
        known: &[(&'static str, T)],
    ) -> Option<Spanned<T>> {
        if let Some((_, value)) = known.iter().find(|(name, _)| *name == text.value) {
            return Some(Spanned { value: *value, span: text.span });
        }
        let names = list(known.iter().map(|(name, _)| *name));
        self.problems.add(&text.span, format!("there is no {key} `{}`", text.value), format!("it is one of {names}"));
        None
    }

    /// Tables by name: `[tables.orders]`.
    pub(super) fn named(&self, key: &'static str, kind: &str) -> Vec<(Spanned<String>, Section<'a>)> {
        let Some((item, span)) = self.item(key) else { return Vec::new() };
        let Some(table) = item.as_table_like() else {
            self.wrong::<()>(&span, key, "a table of tables", &format!("[{key}.NAME]"));
            return Vec::new();
        };
        let mut sections = Vec::new();
        for (name, inner) in table.iter() {
            let at = table.get_key_value(name).and_then(|(key, _)| key.span()).or_else(|| inner.span());
            let at = at.unwrap_or_else(|| span.clone());
            if !is_name(name) {
                let hint = "a name is of small letters, digits and `_`, and begins with a letter";
                self.problems.add(&at, format!("`{name}` cannot be the name of a {kind}"), hint);
            }
            match inner.as_table_like() {
                Some(inner) => sections.push((
                    Spanned { value: name.to_owned(), span: at.clone() },
                    Section::new(inner, at, format!("{kind} `{name}`"), self.problems),
                )),
                None => self.problems.add(
                    &at,
                    format!("{kind} `{name}` is no table"),
                    format!("write it as `[{key}.{name}]`"),
                ),
            }
        }
        sections
    }

    /// Tables in a list: `[[relationships]]`.
    pub(super) fn listed(&self, key: &'static str, kind: &str) -> Vec<Section<'a>> {
        let Some((item, span)) = self.item(key) else { return Vec::new() };
        if let Some(tables) = item.as_array_of_tables() {
            let section = |table: &'a toml_edit::Table| {
                Section::new(table, table.span().unwrap_or_else(|| span.clone()), kind, self.problems)
            };
            return tables.iter().map(section).collect();
        }
        if let Some(array) = item.as_array()
            && array.iter().all(Value::is_inline_table)
        {
            let section = |value: &'a Value| {
                let at = value.span().unwrap_or_else(|| span.clone());
                Some(Section::new(value.as_inline_table()?, at, kind, self.problems))
            };
            return array.iter().filter_map(section).collect();
        }
        self.wrong::<()>(&span, key, "a list of tables", &format!("[[{key}]]"));
        Vec::new()
    }

    /// Values by key, in the order they were typed: each a text, or a table of its own.
    pub(super) fn pairs(&self, key: &'static str) -> Vec<(Spanned<String>, Pair<'a>)> {
        let Some((item, span)) = self.item(key) else { return Vec::new() };
        let Some(table) = item.as_table_like() else {
            self.wrong::<()>(&span, key, "a table", "{ NAME = \"…\" }");
            return Vec::new();
        };
        let mut pairs = Vec::new();
        for (name, inner) in table.iter() {
            let at = table.get_key_value(name).and_then(|(key, _)| key.span()).or_else(|| inner.span());
            let at = at.unwrap_or_else(|| span.clone());
            let pair = if let Some(text) = inner.as_str() {
                Pair::Text(Spanned { value: text.to_owned(), span: inner.span().unwrap_or_else(|| at.clone()) })
            } else if let Some(table) = inner.as_table_like() {
                Pair::Section(Section::new(table, at.clone(), format!("`{key}` of {}", self.what), self.problems))
            } else {
                self.wrong::<()>(&at, name, "a text", "\"…\"");
                continue;
            };
            pairs.push((Spanned { value: name.to_owned(), span: at }, pair));
        }
        pairs
    }

    /// Whether there is the key, whatever it holds.
    pub(super) fn has(&self, key: &'static str) -> bool {
        self.item(key).is_some()
    }

    /// Reports keys that nothing asked for.
    pub(super) fn finish(&self) {
        let asked = self.asked.borrow();
        for (key, item) in self.table.iter() {
            if !asked.contains(&key) {
                let span = self.table.get_key_value(key).and_then(|(key, _)| key.span()).or_else(|| item.span());
                let span = span.unwrap_or_else(|| self.span.clone());
                let hint = format!("the keys are {}", list(asked.iter().copied()));
                self.problems.add(&span, format!("{} has no key `{key}`", self.what), hint);
            }
        }
    }

    /// Reports something of this table.
    pub(super) fn problem(&self, message: impl Into<String>, hint: impl Into<String>) {
        self.problems.add(&self.span, format!("{} {}", self.what, message.into()), hint);
    }

    fn item(&self, key: &'static str) -> Option<(&'a Item, Range<usize>)> {
        if !self.asked.borrow().contains(&key) {
            self.asked.borrow_mut().push(key);
        }
        let item = self.table.get(key)?;
        Some((item, item.span().unwrap_or_else(|| self.span.clone())))
    }

    fn wrong<T>(&self, span: &Range<usize>, key: &str, expected: &str, example: &str) -> Option<T> {
        self.problems.add(span, format!("`{key}` of {} is not {expected}", self.what), format!("write {example}"));
        None
    }
}

/// A value that is a text or a table.
pub(super) enum Pair<'a> {
    Text(Spanned<String>),
    Section(Section<'a>),
}
