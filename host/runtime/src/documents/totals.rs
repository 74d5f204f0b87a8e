//! Totals: documents that add up what is published, over any number of events, each source of it once.
//!
//! What is published to such a collection are **contributions**, each to the total of its partition key and id. A contribution
//! is of a **source**: what a field of it says, of which only the newest counts, whatever total it is to; or else its row of
//! the event's object, which counts until the object is another. So a replay adds nothing, and what is newer takes the place of
//! what was there, in whatever order they come.
//!
//! Sums are of decimal numbers, exact whatever the order, and can be taken back. A total that nothing contributes to any
//! more is no document.
//!
//! # Layout
//! - [`Totals`]: what is added up, and how; [`Contribution`]: what somebody adds.
//! - [`sums`]: a total, and what is added to it and taken from it.
//! - Numbers are in [`decimal`].

pub mod decimal;
pub mod sums;

use serde_json::{Map, Value};

use super::Document;
use super::query::Field;
use crate::manifest::{Mean, OwnTotal, Ratio, Total, TotalOf};
use decimal::Decimal;

pub use sums::{At, Sums};

/// What the documents of a collection add up.
#[derive(Debug, Clone, PartialEq)]
pub struct Totals {
    /// The field that tells contributions of one source; none: each row of an object is one.
    pub source: Option<Field>,
    /// The field that tells whether a contribution is withdrawn.
    pub withdrawn: Option<Field>,
    /// The fields of a total that are computed.
    pub rules: Vec<(Field, Rule)>,
    /// After how many seconds a total is forgotten that nothing was contributed to.
    pub ttl_seconds: Option<u32>,
}

/// How a field of a total is computed.
#[derive(Debug, Clone, PartialEq)]
pub enum Rule {
    /// How many contributions there are.
    Count,
    /// The sum of a field of all of them; null if none has it.
    Sum(Field),
    /// The least of them.
    Min(Field),
    /// The greatest of them.
    Max(Field),
    /// The mean of a field, of those that have it.
    Mean {
        /// The field.
        of: Field,
        /// How many decimal digits it has.
        round: Option<u8>,
    },
    /// The sum of a field divided by that of another; null if that is 0.
    Ratio {
        /// The field.
        of: Field,
        /// The other.
        to: Field,
        /// How many decimal digits it has.
        round: Option<u8>,
    },
}

/// What one source adds to a total.
#[derive(Debug, Clone, PartialEq)]
pub struct Contribution {
    /// What the field of sources says; none if there is no such field.
    pub source: Option<String>,
    /// What it adds; none if it is withdrawn.
    pub body: Option<Map<String, Value>>,
}

/// The most decimal digits that a mean or a ratio is rounded to.
const MOST_DIGITS: u8 = 15;

impl Totals {
    /// As a manifest has it. An error has the keys on the way to what is wrong.
    pub fn new<'a>(
        source: Option<&str>,
        withdrawn: Option<&str>,
        totals: impl IntoIterator<Item = (&'a String, &'a Total)>,
    ) -> Result<Self, (Vec<String>, String)> {
        let at = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
        let field = |keys: &[&str], text: &str| text.parse::<Field>().map_err(|err| (at(keys), err));
        let digits = |keys: &[&str], round: Option<u8>| match round {
            Some(digits) if digits > MOST_DIGITS => {
                Err((at(keys), format!("`round` is {digits}: a number has no more than {MOST_DIGITS} digits")))
            }
            round => Ok(round),
        };
        let mut rules: Vec<(Field, Rule)> = Vec::new();
        for (name, total) in totals {
            let keys = ["totals", name.as_str()];
            let own = field(&keys, name)?;
            let rule = match total {
                Total::Own(OwnTotal::Count) => Rule::Count,
                Total::Own(OwnTotal::Sum) => Rule::Sum(own.clone()),
                Total::Own(OwnTotal::Min) => Rule::Min(own.clone()),
                Total::Own(OwnTotal::Max) => Rule::Max(own.clone()),
                Total::Of(TotalOf::Sum(of)) => Rule::Sum(field(&keys, of)?),
                Total::Of(TotalOf::Min(of)) => Rule::Min(field(&keys, of)?),
                Total::Of(TotalOf::Max(of)) => Rule::Max(field(&keys, of)?),
                Total::Mean(Mean { mean, round }) => {
                    Rule::Mean { of: field(&keys, mean)?, round: digits(&keys, *round)? }
                }
                Total::Ratio(Ratio { ratio: [of, to], round }) => {
                    Rule::Ratio { of: field(&keys, of)?, to: field(&keys, to)?, round: digits(&keys, *round)? }
                }
            };
            if let Some((other, _)) = rules.iter().find(|(other, _)| is_within(other, &own) || is_within(&own, other)) {
                return Err((at(&keys), format!("the totals `{other}` and `{own}` are one within the other")));
            }
            rules.push((own, rule));
        }
        let source = source.map(|text| field(&["source"], text)).transpose()?;
        let withdrawn = withdrawn.map(|text| field(&["withdrawn"], text)).transpose()?;
        if withdrawn.is_some() && source.is_none() {
            let message = "a contribution is withdrawn by its source\nhint: `source = \"FIELD\"` names the field that tells which";
            return Err((at(&["withdrawn"]), message.to_owned()));
        }
        Ok(Self { source, withdrawn, rules, ttl_seconds: None })
    }

    /// What tells these rules from others: totals of others are to be added up anew.
    pub fn fingerprint(&self) -> String {
        format!("{:?}", self.rules)
    }

    /// What tells by what sources are told.
    pub fn source_fingerprint(&self) -> String {
        self.source.as_ref().map(ToString::to_string).unwrap_or_default()
    }

    /// What each of these documents contributes, in their order. An error says which of them cannot be added up, and why.
    pub fn contributions(&self, documents: &[Document]) -> Result<Vec<Contribution>, String> {
        let each = documents.iter().map(|document| {
            self.contribution(document).map_err(|what| format!("a contribution to `{}`: {what}", document.id))
        });
        each.collect()
    }

    fn contribution(&self, document: &Document) -> Result<Contribution, String> {
        let Some(body) = &document.body else {
            return match &self.source {
                None => Ok(Contribution { source: None, body: None }),
                Some(source) => Err(format!(
                    "it is deleted, and has no `{source}` then, which tells of which source it is\nhint: in place of `delete_if` publish the column, and name it in `[documents.collections]` as `withdrawn`"
                )),
            };
        };
        let mut body: Map<String, Value> = serde_json::from_str(body).map_err(|err| err.to_string())?;
        let source = match &self.source {
            None => None,
            Some(field) => match take(&mut body, field.names()) {
                Some(Value::String(text)) if !text.is_empty() => Some(text),
                Some(Value::Number(number)) => Some(number.to_string()),
                other => {
                    return Err(format!(
                        "its source, `{field}`, is {}: it must be a text or a number",
                        kind(other.as_ref())
                    ));
                }
            },
        };
        let is_withdrawn = match &self.withdrawn {
            None => false,
            Some(field) => match take(&mut body, field.names()) {
                None | Some(Value::Null | Value::Bool(false)) => false,
                Some(Value::Bool(true)) => true,
                other => return Err(format!("`{field}` is {}: it must be true or false", kind(other.as_ref()))),
            },
        };
        for (_, rule) in &self.rules {
            match rule {
                Rule::Count => {}
                Rule::Min(of) | Rule::Max(of) => {
                    if let Some(value @ (Value::Array(_) | Value::Object(_))) = at(&body, of.names()) {
                        let kind = kind(Some(value));
                        return Err(format!("`{of}` is {kind}, which is neither less nor more than another"));
                    }
                }
                Rule::Sum(of) | Rule::Mean { of, .. } => numeric(&body, of)?,
                Rule::Ratio { of, to, .. } => {
                    numeric(&body, of)?;
                    numeric(&body, to)?;
                }
            }
        }
        Ok(Contribution { source, body: (!is_withdrawn).then_some(body) })
    }
}

/// Whether a field is another or in it.
fn is_within(outer: &Field, inner: &Field) -> bool {
    inner.names().starts_with(outer.names())
}

fn numeric(body: &Map<String, Value>, field: &Field) -> Result<(), String> {
    match at(body, field.names()) {
        None | Some(Value::Null) => Ok(()),
        Some(value) if Decimal::of(value).is_some() => Ok(()),
        Some(value) => Err(format!("`{field}` is {}, and what is added up are numbers", kind(Some(value)))),
    }
}

/// The value of a field; none if it is not there.
fn at<'a>(body: &'a Map<String, Value>, names: &[String]) -> Option<&'a Value> {
    let (first, rest) = names.split_first()?;
    rest.iter().try_fold(body.get(first)?, |value, name| value.get(name))
}

/// Takes a field out, with what becomes empty by that.
fn take(body: &mut Map<String, Value>, names: &[String]) -> Option<Value> {
    let (first, rest) = names.split_first()?;
    if rest.is_empty() {
        return body.shift_remove(first);
    }
    let inner = body.get_mut(first)?.as_object_mut()?;
    let taken = take(inner, rest);
    if inner.is_empty() {
        body.shift_remove(first);
    }
    taken
}

/// Puts a value in the place of a field, in objects that are made for it where there are none.
fn put(body: &mut Map<String, Value>, names: &[String], value: Value) {
    match names.split_first() {
        None => {}
        Some((last, [])) => {
            body.insert(last.clone(), value);
        }
        Some((first, rest)) => {
            let inner = body.entry(first.clone()).or_insert_with(|| Value::Object(Map::new()));
            if !inner.is_object() {
                *inner = Value::Object(Map::new());
            }
            if let Value::Object(inner) = inner {
                put(inner, rest, value);
            }
        }
    }
}

fn kind(value: Option<&Value>) -> String {
    match value {
        None => "missing".to_owned(),
        Some(Value::Null) => "null".to_owned(),
        Some(Value::Array(_)) => "an array".to_owned(),
        Some(Value::Object(_)) => "an object".to_owned(),
        Some(Value::String(text)) => format!("`{}`", text.chars().take(40).collect::<String>()),
        Some(value) => format!("`{value}`"),
    }
}
