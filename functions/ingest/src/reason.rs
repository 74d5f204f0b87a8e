//! Why a row is rejected, in words.

use crate::schema::{ColumnPlan, Kind};
use crate::zone::NoInstant;

/// What is wrong with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// It is not of the type.
    Malformed,
    /// It is a time that clocks skipped.
    Skipped,
    /// It is a time that clocks showed twice.
    Twice,
    /// It is null and may not be.
    Null,
    /// It holds a NUL byte, which databases do not take in text.
    Nul,
    /// It is not text in the object's encoding.
    NotUtf8,
}

impl From<NoInstant> for Problem {
    fn from(problem: NoInstant) -> Self {
        match problem {
            NoInstant::Malformed => Self::Malformed,
            NoInstant::Skipped => Self::Skipped,
            NoInstant::Twice => Self::Twice,
        }
    }
}

/// The longest text of a field in a reason, in characters; the whole row is beside it.
const FOUND_LIMIT: usize = 64;

/// The reason: the column, what was found in it and what was expected.
pub fn reason(column: &ColumnPlan, problem: Problem, found: &str) -> String {
    let (name, label) = (&column.name, &column.label);
    let zone = match &column.kind {
        Kind::Timestamp(format) => format.zone.name(),
        _ => "UTC",
    };
    let shown = shorten(found);
    match problem {
        Problem::Malformed if found.trim_ascii() != found && !matches!(column.kind, Kind::Utf8) => {
            format!("column `{name}`: `{shown}` is not {label}; hint: trim = true")
        }
        Problem::Malformed => format!("column `{name}`: `{shown}` is not {label}"),
        Problem::Skipped => format!(
            "column `{name}`: clocks in `{zone}` skipped `{shown}`; hint: ambiguous = \"earliest\" or \"latest\""
        ),
        Problem::Twice => format!(
            "column `{name}`: clocks in `{zone}` showed `{shown}` twice; hint: ambiguous = \"earliest\" or \"latest\""
        ),
        Problem::Null => format!("column `{name}`: null, and it is not nullable"),
        Problem::Nul => format!("column `{name}`: `{shown}` holds a NUL byte"),
        Problem::NotUtf8 => {
            format!("column `{name}`: `{shown}` is not text in the object's encoding; hint: encoding = \"latin1\"")
        }
    }
}

/// Why an object is refused in which a column is of another type.
pub fn unlike(column: &ColumnPlan, found: &str) -> String {
    format!("column `{}`: the object has {}, which is never {}", column.name, shorten(found), column.label)
}

/// Text for a message: short, and without what would break its line.
pub fn shorten(text: &str) -> String {
    let mut shown: String =
        text.chars().take(FOUND_LIMIT).map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect();
    if text.chars().nth(FOUND_LIMIT).is_some() {
        shown.push('…');
    }
    shown
}

/// The most names in a message.
const NAMES_LIMIT: usize = 40;

/// Names for a message.
pub fn names(names: &[&str]) -> String {
    let mut shown: Vec<String> = names.iter().take(NAMES_LIMIT).map(|name| format!("`{}`", shorten(name))).collect();
    if names.len() > NAMES_LIMIT {
        shown.push(format!("and {} more", names.len() - NAMES_LIMIT));
    }
    shown.join(", ")
}
