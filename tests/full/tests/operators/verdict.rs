//! What came of a case.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// What came of one run.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// What is expected.
    Passed,
    /// Nothing, for this reason.
    Refused(String),
    /// Something else: the most that a value is off, and what it is.
    Wrong(f64, String),
}

impl Verdict {
    /// Reads what the program `operators` prints.
    pub fn parse(text: &str) -> Self {
        match text.split_once(' ') {
            None if text == "passed" => Self::Passed,
            Some(("refused", reason)) => Self::Refused(reason.to_owned()),
            Some(("wrong", difference)) => {
                let (size, what) = difference.split_once(' ').unwrap();
                Self::Wrong(size.parse().unwrap(), what.to_owned())
            }
            _ => panic!("what is that: {text}"),
        }
    }
}

/// What came of a case: as it is, with constant parameters, with constants only.
pub struct Case(pub [Verdict; 3]);

impl Case {
    /// Whether it passes, if only with constants.
    pub fn passes(&self) -> bool {
        self.0.contains(&Verdict::Passed) && self.wrong().is_none()
    }

    pub fn passes_as_it_is(&self) -> bool {
        self.0[0] == Verdict::Passed && self.wrong().is_none()
    }

    /// What is wrong, and by how much.
    pub fn wrong(&self) -> Option<(f64, &str)> {
        let wrong = self.0.iter().filter_map(|verdict| match verdict {
            Verdict::Wrong(size, what) => Some((*size, what.as_str())),
            _ => None,
        });
        wrong.max_by(|(a, _), (b, _)| a.total_cmp(b))
    }

    /// The line of `expected.txt`, unless the case passes as it is.
    pub fn spell(&self, explanation: Option<&str>) -> Option<String> {
        if self.wrong().is_some() {
            return Some(format!("wrong: {}", explanation.unwrap_or("not explained")));
        }
        match &self.0 {
            [Verdict::Passed, ..] => None,
            [_, Verdict::Passed, _] => Some("passes if its parameters are constants".to_owned()),
            [.., Verdict::Passed] => Some("passes if all of its inputs are constants".to_owned()),
            [_, Verdict::Refused(reason), _] => Some(format!("refused: {}", short(reason))),
            other => panic!("{other:?}"),
        }
    }
}

/// A reason without the hint, which is the same for many.
fn short(reason: &str) -> &str {
    reason.split_once("; hint: ").map_or(reason, |(reason, _)| reason)
}

/// Cases that are known to be wrong: the most that a value may be off, and why it is.
pub struct Explained(BTreeMap<String, (f64, String)>);

impl Explained {
    /// Reads lines of a name, a number and a reason.
    pub fn read(file: &Path) -> Self {
        let text = fs::read_to_string(file).unwrap();
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let entry = |line: &str| {
            let [name, bound, reason] = line.splitn(3, ' ').collect::<Vec<_>>().try_into().unwrap();
            (name.to_owned(), (bound.parse().unwrap(), reason.to_owned()))
        };
        Self(lines.map(entry).collect())
    }

    pub fn reason(&self, case: &str) -> Option<&str> {
        self.0.get(case).map(|(_, reason)| reason.as_str())
    }

    /// Cases that are wrong without being known to be, or by more; and those known to be that are not.
    pub fn problems(&self, cases: &BTreeMap<String, Case>) -> Vec<String> {
        let wrong = cases.iter().filter_map(|(name, case)| Some((name, case.wrong()?)));
        let unknown = wrong.filter(|(name, (size, _))| self.0.get(*name).is_none_or(|(bound, _)| size > bound));
        let unknown = unknown.map(|(name, (size, what))| format!("{name} is off by {size:e}: {what}"));
        let right = self.0.keys().filter(|name| cases.get(*name).is_none_or(|case| case.wrong().is_none()));
        unknown.chain(right.map(|name| format!("{name} is not wrong"))).collect()
    }
}
