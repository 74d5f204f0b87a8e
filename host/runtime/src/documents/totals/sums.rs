//! A total: what was added to it, so that more can be added and some of it taken back.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::decimal::Decimal;
use super::{Rule, Totals, at, put, take};

/// What orders contributions to a total: fields that are not computed are those of the last.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct At {
    /// As of a document.
    pub version: i64,
    /// As of a document.
    pub row: u64,
    /// Of contributions with the same version and row.
    pub source: String,
}

/// A total.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sums {
    /// How many contributions there are.
    count: u64,
    /// What each rule needs.
    slots: Vec<Slot>,
    /// The other fields.
    rest: Last<Map<String, Value>>,
    rest_at: At,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Slot {
    Count,
    Sum(Sum),
    Extreme(Last<Value>),
    Mean(Sum),
    Ratio(Sum, Sum),
}

/// A sum, and of what.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Sum {
    total: Decimal,
    /// How many numbers.
    numbers: u64,
    /// How many of them were texts, as decimals are published, by how many decimal digits they had; the sum is one too then.
    texts: BTreeMap<i64, u64>,
}

/// The greatest, or the least, or the last of several.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Last<T> {
    None,
    Known(T),
    /// It was taken back, and which comes next is not known, unless something comes that is no less.
    Lost(T),
}

impl Sums {
    /// A total of nothing.
    pub fn new(totals: &Totals) -> Self {
        let slot = |rule: &Rule| match rule {
            Rule::Count => Slot::Count,
            Rule::Sum(_) => Slot::Sum(Sum::default()),
            Rule::Min(_) | Rule::Max(_) => Slot::Extreme(Last::None),
            Rule::Mean { .. } => Slot::Mean(Sum::default()),
            Rule::Ratio { .. } => Slot::Ratio(Sum::default(), Sum::default()),
        };
        let slots = totals.rules.iter().map(|(_, rule)| slot(rule)).collect();
        Self { count: 0, slots, rest: Last::None, rest_at: At::default() }
    }

    /// Adds a contribution.
    pub fn add(&mut self, totals: &Totals, body: &Map<String, Value>, when: &At) {
        self.count += 1;
        for (slot, (_, rule)) in self.slots.iter_mut().zip(&totals.rules) {
            match (slot, rule) {
                (Slot::Sum(sum), Rule::Sum(of)) | (Slot::Mean(sum), Rule::Mean { of, .. }) => {
                    sum.add(at(body, of.names()));
                }
                (Slot::Extreme(last), Rule::Min(of) | Rule::Max(of)) => {
                    if let Some(value) = at(body, of.names()).filter(|value| !value.is_null()) {
                        last.offer(value, |new, old| wins(rule, new, old));
                    }
                }
                (Slot::Ratio(sum, other), Rule::Ratio { of, to, .. }) => {
                    sum.add(at(body, of.names()));
                    other.add(at(body, to.names()));
                }
                _ => {}
            }
        }
        if matches!(self.rest, Last::None) || *when >= self.rest_at {
            self.rest = Last::Known(rest(totals, body));
            self.rest_at = when.clone();
        }
    }

    /// Takes a contribution back that was added.
    pub fn remove(&mut self, totals: &Totals, body: &Map<String, Value>, when: &At) {
        self.count = self.count.saturating_sub(1);
        for (slot, (_, rule)) in self.slots.iter_mut().zip(&totals.rules) {
            match (slot, rule) {
                (Slot::Sum(sum), Rule::Sum(of)) | (Slot::Mean(sum), Rule::Mean { of, .. }) => {
                    sum.remove(at(body, of.names()));
                }
                (Slot::Extreme(last), Rule::Min(of) | Rule::Max(of)) => {
                    if let Some(value) = at(body, of.names()) {
                        last.lose(|known| compare(known, value) == Ordering::Equal);
                    }
                }
                (Slot::Ratio(sum, other), Rule::Ratio { of, to, .. }) => {
                    sum.remove(at(body, of.names()));
                    other.remove(at(body, to.names()));
                }
                _ => {}
            }
        }
        let is_last = *when == self.rest_at;
        self.rest.lose(|_| is_last);
    }

    /// Whether all of it is known; if not, it is to be added up anew.
    pub fn is_known(&self) -> bool {
        let is_lost = |slot: &Slot| matches!(slot, Slot::Extreme(Last::Lost(_)));
        self.count == 0 || !(matches!(self.rest, Last::Lost(_)) || self.slots.iter().any(is_lost))
    }

    /// The document; none if nothing contributes to it.
    pub fn body(&self, totals: &Totals) -> Option<String> {
        if self.count == 0 {
            return None;
        }
        let mut body = match &self.rest {
            Last::None => Map::new(),
            Last::Known(rest) | Last::Lost(rest) => rest.clone(),
        };
        for (slot, (name, rule)) in self.slots.iter().zip(&totals.rules) {
            let value = match (slot, rule) {
                (Slot::Count, _) => self.count.into(),
                (Slot::Sum(sum), _) => sum.value(),
                (Slot::Extreme(Last::Known(value) | Last::Lost(value)), _) => value.clone(),
                (Slot::Mean(sum), Rule::Mean { round, .. }) => quotient(&sum.total, &sum.numbers.into(), *round),
                (Slot::Ratio(sum, other), Rule::Ratio { round, .. }) => quotient(&sum.total, &other.total, *round),
                _ => Value::Null,
            };
            put(&mut body, name.names(), value);
        }
        Some(Value::Object(body).to_string())
    }
}

impl Sum {
    fn add(&mut self, value: Option<&Value>) {
        if let Some((value, number)) = value.and_then(|value| Some((value, Decimal::of(value)?))) {
            self.total += &number;
            self.numbers += 1;
            if value.is_string() {
                *self.texts.entry(number.digits()).or_default() += 1;
            }
        }
    }

    fn remove(&mut self, value: Option<&Value>) {
        if let Some((value, number)) = value.and_then(|value| Some((value, Decimal::of(value)?))) {
            self.total -= &number;
            self.numbers = self.numbers.saturating_sub(1);
            if let Some(texts) = self.texts.get_mut(&number.digits()).filter(|_| value.is_string()) {
                *texts = texts.saturating_sub(1);
                self.texts.retain(|_, texts| *texts > 0);
            }
        }
    }

    fn value(&self) -> Value {
        match (self.numbers, self.texts.last_key_value()) {
            (0, _) => Value::Null,
            (_, None) => self.total.number(),
            (_, Some((digits, _))) => Value::String(self.total.text(*digits)),
        }
    }
}

impl<T: Clone> Last<T> {
    fn offer(&mut self, new: &T, wins: impl Fn(&T, &T) -> bool) {
        let is_taken = match self {
            Self::None => true,
            // What comes in the place of one that was taken back is known to be the next only if it is no less.
            Self::Known(old) | Self::Lost(old) => wins(new, old),
        };
        if is_taken {
            *self = Self::Known(new.clone());
        }
    }

    fn lose(&mut self, is_it: impl Fn(&T) -> bool) {
        *self = match std::mem::replace(self, Self::None) {
            Self::Known(value) if is_it(&value) => Self::Lost(value),
            other => other,
        };
    }
}

fn quotient(of: &Decimal, to: &Decimal, round: Option<u8>) -> Value {
    of.per(to, round).map_or(Value::Null, |quotient| quotient.number())
}

/// The fields that are the last contribution's, and the places of those that are computed of themselves.
fn rest(totals: &Totals, body: &Map<String, Value>) -> Map<String, Value> {
    let mut rest = body.clone();
    let stays = |name: &[String]| totals.rules.iter().any(|(shown, _)| shown.names() == name);
    for (_, rule) in &totals.rules {
        let used = match rule {
            Rule::Count => [None, None],
            Rule::Sum(of) | Rule::Min(of) | Rule::Max(of) | Rule::Mean { of, .. } => [Some(of), None],
            Rule::Ratio { of, to, .. } => [Some(of), Some(to)],
        };
        for field in used.into_iter().flatten().filter(|field| !stays(field.names())) {
            take(&mut rest, field.names());
        }
    }
    rest
}

/// Whether a value takes the place of another that was the least, or the greatest, so far.
fn wins(rule: &Rule, new: &Value, old: &Value) -> bool {
    let order = compare(new, old);
    if matches!(rule, Rule::Min(_)) { order.is_le() } else { order.is_ge() }
}

/// Numbers, also those that are texts, come before other texts.
fn compare(one: &Value, other: &Value) -> Ordering {
    match (Decimal::of(one), Decimal::of(other)) {
        (Some(one), Some(other)) => one.cmp(&other),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => one.as_str().cmp(&other.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::documents::Document;
    use crate::manifest::{Mean, OwnTotal, Ratio, Total};

    fn totals() -> Totals {
        let ratio = Total::Ratio(Ratio { ratio: ["late".into(), "flights".into()], round: Some(3) });
        let named = [
            ("flights".to_owned(), Total::Own(OwnTotal::Sum)),
            ("late".to_owned(), Total::Own(OwnTotal::Sum)),
            ("n".to_owned(), Total::Own(OwnTotal::Count)),
            ("first".to_owned(), Total::Own(OwnTotal::Min)),
            ("worst.delay".to_owned(), Total::Own(OwnTotal::Max)),
            ("risk.mean".to_owned(), Total::Mean(Mean { mean: "risk.of".into(), round: None })),
            ("share".to_owned(), ratio),
        ];
        Totals::new(None, None, named.iter().map(|(name, total)| (name, total))).unwrap()
    }

    fn body(text: &str) -> Map<String, Value> {
        serde_json::from_str(text).unwrap()
    }

    fn at(version: i64) -> At {
        At { version, ..At::default() }
    }

    #[test]
    fn a_total_is_exact_and_has_the_fields_of_the_last() {
        let totals = totals();
        let mut sums = Sums::new(&totals);
        assert_eq!(sums.body(&totals), None);
        let one = r#"{"name":"a","flights":0.1,"late":true,"first":"x","worst":{"delay":9},"risk":{"of":0.5,"at":1}}"#;
        let two = r#"{"name":"b","flights":0.2,"late":false,"first":"b","worst":{"delay":10},"risk":{"of":0.25}}"#;
        let none = r#"{"name":"early"}"#;
        sums.add(&totals, &body(two), &at(2));
        sums.add(&totals, &body(one), &at(1));
        sums.add(&totals, &body(none), &at(0));
        let all = r#"{"name":"b","flights":0.3,"late":1,"first":"b","worst":{"delay":10},"n":3,"risk":{"mean":0.375},"share":3.333}"#;
        assert_eq!(sums.body(&totals).unwrap(), all);
        let again: Sums = serde_json::from_str(&serde_json::to_string(&sums).unwrap()).unwrap();
        assert_eq!(again, sums);

        sums.remove(&totals, &body(two), &at(2));
        assert!(!sums.is_known(), "who is last and greatest then is not known");
        sums.add(&totals, &body(two), &at(3));
        assert!(sums.is_known(), "one that is no less came in its place");
        assert_eq!(sums.body(&totals).unwrap(), all);
    }

    #[test]
    fn decimals_that_are_texts_stay_texts() {
        let totals = totals();
        let mut sums = Sums::new(&totals);
        for amount in ["99999999999999999999999999999999999.95", "0.05", "-0.01"] {
            sums.add(&totals, &body(&format!(r#"{{"late":"{amount}","worst":{{"delay":"{amount}"}}}}"#)), &at(1));
        }
        let total: Value = serde_json::from_str(&sums.body(&totals).unwrap()).unwrap();
        assert_eq!(total["late"], "99999999999999999999999999999999999.99");
        assert_eq!(total["worst"]["delay"], "99999999999999999999999999999999999.95");
        assert_eq!(total["share"], Value::Null, "nothing is divided by nothing");
    }

    #[test]
    fn what_cannot_be_added_up_is_refused() {
        let check = |body: &str, expect: &str| {
            let document =
                Document { id: "d".into(), partition_key: String::new(), version: 1, row: 1, body: Some(body.into()) };
            let refused = totals().contributions(&[document]).unwrap_err();
            assert_eq!(refused, format!("a contribution to `d`: {expect}"));
        };
        check(r#"{"late":"often"}"#, "`late` is `often`, and what is added up are numbers");
        check(r#"{"late":"1e999999999"}"#, "`late` is `1e999999999`, and what is added up are numbers");
        check(r#"{"first":[1]}"#, "`first` is an array, which is neither less nor more than another");
        check(r#"{"risk":{"of":{}}}"#, "`risk.of` is an object, and what is added up are numbers");
    }

    proptest! {
        /// Contributions that come and go in any order leave what those that stay come to.
        #[test]
        fn what_is_left_is_all_that_counts(
            values in vec((-1000i32..1000, 0u32..4, any::<bool>()), 1..20),
            stay in vec(any::<bool>(), 20),
        ) {
            let totals = totals();
            let contribution = |(number, (value, digits, is_text)): (usize, &(i32, u32, bool))| {
                let value = f64::from(*value) / 10f64.powi(i32::try_from(*digits).unwrap());
                let late = if *is_text { format!("\"{value}\"") } else { value.to_string() };
                let text = format!(
                    r#"{{"name":{number},"flights":{value},"late":{late},"first":{value},"worst":{{"delay":{value}}},"risk":{{"of":{value}}}}}"#
                );
                (body(&text), at(i64::try_from(number).unwrap() % 7))
            };
            let all: Vec<_> = values.iter().enumerate().map(contribution).collect();
            let left: Vec<_> = all.iter().zip(&stay).filter(|(_, stays)| **stays).map(|(one, _)| one).collect();
            let mut sums = Sums::new(&totals);
            all.iter().rev().for_each(|(body, at)| sums.add(&totals, body, at));
            let gone = all.iter().zip(&stay).filter(|(_, stays)| !**stays);
            gone.for_each(|((body, at), _)| sums.remove(&totals, body, at));
            let mut expected = Sums::new(&totals);
            left.iter().rev().for_each(|(body, at)| expected.add(&totals, body, at));
            if sums.is_known() {
                let plain = |sums: &Sums| {
                    let body = sums.body(&totals)?;
                    let mut body: Map<String, Value> = serde_json::from_str(&body).unwrap();
                    // Of two with the same place in the order either may be the last: the source tells them apart otherwise.
                    body.remove("name");
                    Some(body)
                };
                prop_assert_eq!(plain(&sums), plain(&expected));
            }
        }
    }
}
