//! What stands in a URL after `?`. What is not known is refused: a condition that is misspelt must not be left out.

use std::borrow::Cow;
use std::str::FromStr;

use crate::problem::Problem;

/// How many documents or changes there are in an answer at most, and if nothing is said.
pub const LIMIT: u32 = 1000;
const DEFAULT_LIMIT: u32 = 100;

/// How many conditions there are at most.
const CONDITIONS: usize = 16;

/// Parameters that were not taken yet.
pub struct Parameters<'a> {
    known: &'static [&'static str],
    given: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> Parameters<'a> {
    /// Of a URL's query, of which these are known.
    pub fn new(query: Option<&'a str>, known: &'static [&'static str]) -> Result<Self, Problem> {
        let given: Vec<_> = form_urlencoded::parse(query.unwrap_or_default().as_bytes()).collect();
        match given.iter().find(|(name, _)| !known.contains(&name.as_ref())) {
            None => Ok(Self { known, given }),
            Some((name, _)) => {
                let name: String = name.chars().take(40).collect();
                let known = if known.is_empty() { "none".to_owned() } else { format!("`{}`", known.join("`, `")) };
                Err(Problem::bad(format!("there is no parameter `{name}` here\nhint: the parameters are {known}")))
            }
        }
    }

    /// A parameter that is given once at most.
    pub fn one(&self, name: &'static str) -> Result<Option<String>, Problem> {
        debug_assert!(self.known.contains(&name));
        let mut values = self.given.iter().filter(|(given, _)| given == name).map(|(_, value)| value.to_string());
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(Problem::bad(format!("`{name}` is given more than once"))),
            (value, None) => Ok(value),
        }
    }

    /// The same, as something else.
    pub fn parsed<T: FromStr>(&self, name: &'static str) -> Result<Option<T>, Problem>
    where
        T::Err: std::fmt::Display,
    {
        let parse = |value: String| value.parse().map_err(|err| Problem::bad(format!("`{name}`: {err}")));
        self.one(name)?.map(parse).transpose()
    }

    /// A number of documents.
    pub fn limit(&self) -> Result<u32, Problem> {
        match self.parsed("limit")? {
            None => Ok(DEFAULT_LIMIT),
            Some(limit @ 1..=LIMIT) => Ok(limit),
            Some(_) => Err(Problem::bad(format!("`limit` is from 1 to {LIMIT}"))),
        }
    }

    /// A parameter that is given any number of times.
    pub fn all<T: FromStr>(&self, name: &'static str) -> Result<Vec<T>, Problem>
    where
        T::Err: std::fmt::Display,
    {
        let values: Vec<_> = self.given.iter().filter(|(given, _)| given == name).collect();
        if values.len() > CONDITIONS {
            return Err(Problem::bad(format!("there are at most {CONDITIONS} of `{name}`")));
        }
        let parse = |(_, value): &(Cow<'_, str>, Cow<'_, str>)| {
            value.parse().map_err(|err| Problem::bad(format!("`{name}`: {err}")))
        };
        values.into_iter().map(parse).collect()
    }
}
