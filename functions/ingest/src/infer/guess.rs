//! What texts are: the narrowest type that all of them have.

use crate::number::{boolean, float, integer};
use crate::time::{Layout, date, pattern};
use crate::zone::NoInstant;

/// Texts that mean null in files that others write.
const NULLS: [&str; 11] = ["NA", "N/A", "n/a", "#N/A", "null", "NULL", "None", "nil", "NaN", "-", "\\N"];

/// How dates and times are written, besides ISO 8601. Where two fit, the first is taken.
const DATES: [&str; 5] = ["%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%d %b %Y"];
const TIMES: [&str; 9] = [
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%d/%m/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y %H:%M:%S",
    "%d/%b/%Y:%H:%M:%S %z",
    "%a, %d %b %Y %H:%M:%S %z",
    "%Y/%m/%d %H:%M:%S",
];

/// What is known of the texts of a column.
pub struct Guess {
    candidates: Vec<Candidate>,
    /// Texts that mean null, as they came.
    nulls: Vec<&'static str>,
    any: bool,
}

/// A type that all texts so far have.
struct Candidate {
    /// The type, in TOML.
    of: String,
    /// Whether a text is of the type.
    fits: Box<dyn Fn(&str) -> bool>,
}

impl Guess {
    /// Nothing is known.
    pub fn new() -> Self {
        let mut candidates = vec![
            Candidate::new("\"bool\"", |text| text.len() > 1 && boolean(text.as_bytes()).is_some()),
            Candidate::new("\"int64\"", |text| {
                !is_code(text) && !text.contains('.') && integer::<i64>(text.as_bytes()).is_some()
            }),
            Candidate::new("\"float64\"", |text| {
                !is_code(text) && float::<f64>(text.as_bytes()).is_some_and(f64::is_finite)
            }),
            Candidate::new("\"date\"", |text| date(text.as_bytes(), &Layout::Iso).is_some()),
            Candidate::new("\"timestamp\"", |text| is_time(text, &Layout::Iso)),
        ];
        for (formats, name) in [(&DATES[..], "date"), (&TIMES[..], "timestamp")] {
            for format in formats {
                let Ok(layout) = pattern(format) else { continue };
                let of = format!("\"{name}\", format = \"{format}\"");
                candidates.push(if name == "date" {
                    Candidate::new(of, move |text| date(text.as_bytes(), &layout).is_some())
                } else {
                    Candidate::new(of, move |text| is_time(text, &layout))
                });
            }
        }
        Self { candidates, nulls: Vec::new(), any: false }
    }

    /// Looks at a text.
    pub fn see(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        match NULLS.iter().find(|null| **null == text) {
            Some(null) if self.nulls.contains(null) => {}
            Some(null) => self.nulls.push(null),
            None => {
                self.any = true;
                self.candidates.retain(|candidate| (candidate.fits)(text));
            }
        }
    }

    /// Whether nothing narrower than text has them all.
    pub fn is_text(&self) -> bool {
        !self.any || self.candidates.is_empty()
    }

    /// The type in TOML, and what to know of it. What means null is said, unless it is text, where it may be a word.
    pub fn finish(self) -> (String, Option<&'static str>) {
        let is_text = self.is_text();
        let Some(first) = self.candidates.first().filter(|_| !is_text) else { return ("\"utf8\"".to_owned(), None) };
        let month_first = self.candidates.iter().any(|other| other.of.contains("%m/%d")) && first.of.contains("%d/%m");
        let note = month_first.then_some("or the month first: `%m/%d`; both fit");
        let mut of = first.of.clone();
        if !self.nulls.is_empty() {
            let nulls: Vec<String> = self.nulls.iter().map(|null| super::toml::quoted(null)).collect();
            of = format!("{of}, nulls = [\"\", {}]", nulls.join(", "));
        }
        (of, note)
    }
}

impl Candidate {
    fn new(of: impl Into<String>, fits: impl Fn(&str) -> bool + 'static) -> Self {
        Self { of: of.into(), fits: Box::new(fits) }
    }
}

/// Whether digits are a code rather than a number: a number does not begin with zeros.
fn is_code(text: &str) -> bool {
    matches!(text.trim_start_matches(['-', '+']).as_bytes(), [b'0', b'0'..=b'9', ..]) || text.starts_with('+')
}

fn is_time(text: &str, layout: &Layout) -> bool {
    let format = crate::time::TimestampFormat {
        layout: layout.clone(),
        zone: chrono_tz::Tz::UTC,
        ambiguous: crate::config::Ambiguous::Earliest,
    };
    format.parse(text.as_bytes()) != Err(NoInstant::Malformed)
}
