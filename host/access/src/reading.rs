//! Who may read which documents. Nothing may be read that no rule allows, and what is allowed does not depend on what is
//! there: an answer to somebody who may not read a collection tells nothing of it.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use wasmill_runtime::diagnostics::Reporter;

use crate::Principal;
use crate::audience::Audience;
use crate::config::Read;

/// Stands for every collection.
const ALL: &str = "*";

/// Who calls.
#[derive(Debug, Clone, PartialEq)]
pub struct Caller {
    /// The caller's name.
    pub principal: Principal,
    /// What the key or the token says of the caller.
    pub claims: Map<String, Value>,
}

/// What of a collection may be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readable {
    /// Nothing.
    Nothing,
    /// What is in these partitions.
    Partitions(BTreeSet<String>),
    /// All of it.
    All,
}

impl Readable {
    /// What either of two allows.
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::All, _) | (_, Self::All) => Self::All,
            (Self::Nothing, other) | (other, Self::Nothing) => other,
            (Self::Partitions(mut some), Self::Partitions(others)) => {
                some.extend(others);
                Self::Partitions(some)
            }
        }
    }
}

/// A rule that allows something.
#[derive(Debug)]
pub struct Rule {
    collections: Vec<String>,
    audience: Audience,
    partitions: Option<Vec<Template>>,
}

impl Rule {
    /// From what was typed, at a place of the file.
    pub(crate) fn check(typed: Read, place: &[&str], reporter: &mut Reporter) -> Self {
        let Read { collections, anyone, principals, claims, partitions } = typed;
        if collections.is_empty() {
            let message =
                "a rule names the collections that may be read\nhint: `collections = [\"NAME\"]`, or `[\"*\"]` for all";
            reporter.at(place, message);
        }
        let audience = Audience::check(anyone, principals, claims, place, reporter);
        let templates = |partitions: Vec<String>| {
            let parsed = partitions.iter().enumerate().map(|(index, typed)| {
                let template = Template::parse(typed);
                if anyone && template.parts.iter().any(|part| matches!(part, Part::Claim(_))) {
                    let message =
                        format!("`{typed}` names a claim, and whoever is `anyone` has none\nhint: remove `anyone`");
                    reporter.at(&[place, &["partitions", &index.to_string()]].concat(), message);
                }
                template
            });
            parsed.collect()
        };
        let partitions = partitions.map(templates);
        Self { collections, audience, partitions }
    }

    /// Whether somebody without credentials may read something by it.
    pub fn is_for_anyone(&self) -> bool {
        self.audience.is_anyone()
    }

    /// What of a collection a caller may read by it.
    fn readable(&self, caller: Option<&Caller>, collection: &str) -> Readable {
        if !self.collections.iter().any(|name| name == ALL || name == collection) {
            return Readable::Nothing;
        }
        match &self.partitions {
            _ if !self.audience.has(caller) => Readable::Nothing,
            None => Readable::All,
            Some(templates) => {
                let partitions: BTreeSet<String> =
                    templates.iter().flat_map(|template| template.fill(caller)).collect();
                if partitions.is_empty() { Readable::Nothing } else { Readable::Partitions(partitions) }
            }
        }
    }
}

/// What of a collection a caller may read by all the rules; without a caller, what anyone may.
pub(crate) fn readable(rules: &[Rule], caller: Option<&Caller>, collection: &str) -> Readable {
    rules.iter().fold(Readable::Nothing, |sum, rule| sum.or(rule.readable(caller, collection)))
}

/// A partition's key with claims in it, as `{tenant}`.
#[derive(Debug)]
struct Template {
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Text(String),
    Claim(String),
}

impl Template {
    fn parse(typed: &str) -> Self {
        let (mut parts, mut rest) = (Vec::new(), typed);
        while let Some((text, claim, after)) = rest
            .split_once('{')
            .and_then(|(text, after)| after.split_once('}').map(|(claim, after)| (text, claim, after)))
        {
            parts.push(Part::Text(text.to_owned()));
            parts.push(Part::Claim(claim.to_owned()));
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        Self { parts }
    }

    /// The keys that it stands for; of a claim with several values there are several. None if the caller lacks a claim.
    fn fill(&self, caller: Option<&Caller>) -> Vec<String> {
        let mut filled = vec![String::new()];
        for part in &self.parts {
            let values = match part {
                Part::Text(text) => vec![text.clone()],
                Part::Claim(name) => caller.map_or_else(Vec::new, |caller| values(caller, name)),
            };
            filled = filled.iter().flat_map(|key| values.iter().map(move |value| format!("{key}{value}"))).collect();
        }
        filled
    }
}

/// The values of a claim as texts; an empty one would be the partition of those that have none.
fn values(caller: &Caller, name: &str) -> Vec<String> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let found: Vec<String> = match caller.claims.get(name) {
        Some(Value::Array(values)) => values.iter().filter_map(text).collect(),
        Some(value) => text(value).into_iter().collect(),
        None if name == "principal" => vec![caller.principal.to_string()],
        None => Vec::new(),
    };
    found.into_iter().filter(|value| !value.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rule(typed: Value) -> Rule {
        let mut reporter = Reporter::new(std::path::Path::new("access.toml"), "");
        Rule::check(serde_json::from_value(typed).unwrap(), &[], &mut reporter)
    }

    fn caller(principal: &str, claims: Value) -> Caller {
        let Value::Object(claims) = claims else { panic!("claims are an object") };
        Caller { principal: principal.parse().unwrap(), claims }
    }

    fn partitions(names: &[&str]) -> Readable {
        Readable::Partitions(names.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn only_what_a_rule_allows_is_readable() {
        let rules = [
            rule(json!({"collections": ["routes"], "anyone": true})),
            rule(json!({"collections": ["orders"], "partitions": ["{tenant}"]})),
            rule(json!({"collections": ["*"], "claims": {"role": "auditor"}})),
            rule(json!({"collections": ["notes"], "principals": ["app"], "partitions": ["user-{principal}", "all"]})),
        ];
        let ada = caller("ada", json!({"tenant": "acme"}));
        let both = caller("bob", json!({"tenant": ["acme", "zeta", ""]}));
        let auditor = caller("eve", json!({"role": ["auditor", "staff"]}));
        let app = caller("app", json!({}));
        for (who, collection, expect) in [
            (None, "routes", Readable::All),
            (None, "orders", Readable::Nothing),
            (None, "other", Readable::Nothing),
            (Some(&ada), "orders", partitions(&["acme"])),
            (Some(&ada), "routes", Readable::All),
            (Some(&ada), "notes", Readable::Nothing),
            (Some(&both), "orders", partitions(&["acme", "zeta"])),
            (Some(&auditor), "orders", Readable::All),
            (Some(&auditor), "other", Readable::All),
            // A claim that is missing, empty or no text names no partition, and not the one without a name.
            (Some(&app), "orders", Readable::Nothing),
            (Some(&caller("x", json!({"tenant": ""}))), "orders", Readable::Nothing),
            (Some(&caller("x", json!({"tenant": {"a": 1}}))), "orders", Readable::Nothing),
            (Some(&caller("x", json!({"tenant": 7}))), "orders", partitions(&["7"])),
            (Some(&app), "notes", partitions(&["all", "user-app"])),
            (Some(&caller("x", json!({"role": "audit"}))), "orders", Readable::Nothing),
        ] {
            assert_eq!(readable(&rules, who, collection), expect, "{who:?} {collection}");
        }
    }
}
