//! What is wrong with a model's file.

use std::cell::RefCell;
use std::fmt;
use std::ops::Range;

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The bytes of the text that it is about.
    pub span: Range<usize>,
    /// The line where they begin, counted from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}\nhint: {}", self.line, self.message, self.hint)
    }
}

/// Collects problems.
pub(crate) struct Problems<'a> {
    text: &'a str,
    list: RefCell<Vec<Problem>>,
}

impl<'a> Problems<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, list: RefCell::default() }
    }

    pub(crate) fn add(&self, span: &Range<usize>, message: impl Into<String>, hint: impl Into<String>) {
        let line = 1 + self.text.bytes().take(span.start).filter(|byte| *byte == b'\n').count();
        self.list.borrow_mut().push(Problem { span: span.clone(), line, message: message.into(), hint: hint.into() });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.borrow().is_empty()
    }

    /// In the order of the text.
    pub(crate) fn finish(self) -> Vec<Problem> {
        let mut list = self.list.into_inner();
        list.sort_by_key(|problem| (problem.span.start, problem.span.end));
        list.dedup();
        list
    }
}

/// Names as a hint lists them.
pub(crate) fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
