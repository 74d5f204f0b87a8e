//! What is wrong with a manifest, or another TOML file: every problem, each with its line and what to do about it.

use std::fmt;
use std::path::{Path, PathBuf};

use toml_edit::{Document, Item};

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The line of the manifest, counted from 1, if the problem has one.
    pub line: Option<usize>,
    /// What is wrong, where, and after `hint: ` what to do.
    pub message: String,
}

/// All problems of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostics {
    /// The manifest.
    pub file: PathBuf,
    /// In the order of their lines; never empty.
    pub list: Vec<Diagnostic>,
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.list.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{}", self.file.display())?;
            if let Some(line) = diagnostic.line {
                write!(f, ":{line}")?;
            }
            write!(f, ": {}", diagnostic.message.replace('\n', "\n    "))?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

/// Collects the problems of a manifest.
pub struct Reporter {
    file: PathBuf,
    document: Option<Document<String>>,
    text: String,
    list: Vec<Diagnostic>,
}

impl Reporter {
    /// Reports on a manifest with this text.
    pub fn new(file: &Path, text: &str) -> Self {
        Self {
            file: file.to_owned(),
            document: Document::parse(text.to_owned()).ok(),
            text: text.to_owned(),
            list: Vec::new(),
        }
    }

    /// Reports a problem of the value at `path`: keys and positions from the top, such as `step`, `0`, `from`.
    /// Where the path leads nowhere, the problem is one of the table that it would be in.
    pub fn at(&mut self, path: &[&str], message: impl Into<String>) {
        let line = self.line(path);
        self.list.push(Diagnostic { line, message: message.into() });
    }

    /// Reports a problem at a byte of the text, or of the manifest as a whole.
    pub fn at_byte(&mut self, byte: Option<usize>, message: impl Into<String>) {
        let line = byte.map(|byte| self.line_of_byte(byte));
        self.list.push(Diagnostic { line, message: message.into() });
    }

    /// The value, if nothing was reported; else what was.
    pub fn finish<T>(mut self, value: Option<T>) -> Result<T, Diagnostics> {
        match value {
            Some(value) if self.list.is_empty() => Ok(value),
            _ => {
                self.list.sort_by_key(|diagnostic| diagnostic.line);
                Err(Diagnostics { file: self.file, list: self.list })
            }
        }
    }

    /// Whether nothing was reported.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    fn line(&self, path: &[&str]) -> Option<usize> {
        let mut item = self.document.as_ref()?.as_item();
        let mut byte = None;
        for key in path {
            let next = step_into(item, key);
            byte = next.and_then(|(_, byte)| byte).or(byte);
            match next {
                Some((inner, _)) => item = inner,
                None => break,
            }
        }
        byte.map(|byte| self.line_of_byte(byte))
    }

    fn line_of_byte(&self, byte: usize) -> usize {
        1 + self.text.bytes().take(byte).filter(|byte| *byte == b'\n').count()
    }
}

/// The item under a key or at a position, and the byte where it begins.
fn step_into<'a>(item: &'a Item, key: &str) -> Option<(&'a Item, Option<usize>)> {
    if let Some(table) = item.as_table_like() {
        let (found, inner) = table.get_key_value(key)?;
        let byte = found.span().or_else(|| inner.span()).map(|span| span.start);
        return Some((inner, byte));
    }
    let index: usize = key.parse().ok()?;
    let inner = item.get(index)?;
    Some((inner, inner.span().map(|span| span.start)))
}
