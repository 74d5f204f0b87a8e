//! Who may read which rows of which tables. As of documents, nothing may be read that no rule allows.

use serde_json::{Map, Value};
use wasmill_model::security::{Attribute, Attributes, Security};
use wasmill_runtime::diagnostics::Reporter;

use crate::Caller;
use crate::audience::Audience;
use crate::config::Sql;

/// Stands for every table.
const ALL: &str = "*";

/// What every caller has, besides claims.
const PRINCIPAL: &str = "principal";

/// Which rows of a table may be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rows {
    /// None: for whoever asks there is no such table.
    None,
    /// Those for which one of these conditions is true, as SQL over its columns.
    Where(Vec<String>),
    /// All.
    All,
}

/// A rule that allows to read tables.
#[derive(Debug)]
pub struct Rule {
    tables: Vec<String>,
    audience: Audience,
    rows: Option<Security>,
}

impl Rule {
    /// From what was typed, at a place of the file.
    pub(crate) fn check(typed: Sql, place: &[&str], reporter: &mut Reporter) -> Self {
        let Sql { tables, anyone, principals, claims, rows } = typed;
        if tables.is_empty() {
            let message = "a rule names the tables that may be read\nhint: `tables = [\"NAME\"]`, or `[\"*\"]` for all";
            reporter.at(place, message);
        }
        let audience = Audience::check(anyone, principals, claims, place, reporter);
        let rows = rows.as_deref().and_then(|typed| {
            let parsed = Security::parse(typed);
            if parsed.as_ref().is_ok_and(|rows| anyone && !rows.attributes().is_empty()) {
                let message = "this names a claim, and whoever is `anyone` has none\nhint: remove `anyone`";
                reporter.at(&[place, &["rows"]].concat(), message);
            }
            parsed.map_err(|why| reporter.at(&[place, &["rows"]].concat(), why)).ok()
        });
        Self { tables, audience, rows }
    }

    /// Whether somebody without credentials may read something by it.
    pub(crate) fn is_for_anyone(&self) -> bool {
        self.audience.is_anyone()
    }
}

/// Which rows of a table a caller may read by all the rules.
pub(crate) fn rows(rules: &[Rule], caller: Option<&Caller>, table: &str) -> Rows {
    let mut conditions = Vec::new();
    let known = attributes(caller);
    for rule in rules {
        if !rule.audience.has(caller) || !rule.tables.iter().any(|name| name == ALL || name == table) {
            continue;
        }
        match &rule.rows {
            None => return Rows::All,
            // Who lacks a claim sees nothing by the rule.
            Some(rows) => conditions.extend(rows.sql(&known)),
        }
    }
    if conditions.is_empty() { Rows::None } else { Rows::Where(conditions) }
}

/// What is known of a caller, for conditions.
pub(crate) fn attributes(caller: Option<&Caller>) -> Attributes {
    let Some(caller) = caller else { return Attributes::new() };
    let mut known = of_claims(&caller.claims);
    known.insert(PRINCIPAL.to_owned(), Attribute::Text(caller.principal.to_string()));
    known
}

/// The claims that are a truth, a whole number, a text, or a list of texts.
fn of_claims(claims: &Map<String, Value>) -> Attributes {
    let attribute = |value: &Value| match value {
        Value::Bool(truth) => Some(Attribute::Boolean(*truth)),
        Value::Number(number) => number.as_i64().map(Attribute::Integer),
        Value::String(text) => Some(Attribute::Text(text.clone())),
        Value::Array(values) => {
            let texts: Option<Vec<_>> = values.iter().map(|value| value.as_str().map(str::to_owned)).collect();
            texts.map(Attribute::List)
        }
        Value::Null | Value::Object(_) => None,
    };
    claims.iter().filter_map(|(name, value)| Some((name.clone(), attribute(value)?))).collect()
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

    #[test]
    fn only_rows_that_a_rule_allows_are_read() {
        let rules = [
            rule(json!({"tables": ["airlines"], "anyone": true})),
            rule(json!({"tables": ["orders"], "rows": "tenant = '{tenant}'"})),
            rule(json!({"tables": ["orders"], "rows": "region IN {regions}"})),
            rule(json!({"tables": ["*"], "principals": ["auditor"]})),
            rule(json!({"tables": ["notes"], "claims": {"role": "staff"}, "rows": "author = '{principal}'"})),
        ];
        let only = |conditions: &[&str]| Rows::Where(conditions.iter().map(|sql| (*sql).to_owned()).collect());
        let ada = caller("ada", json!({"tenant": "a'b", "role": "staff"}));
        let both = caller("bob", json!({"tenant": "acme", "regions": ["eu", "us"]}));
        let auditor = caller("auditor", json!({}));
        for (who, table, expect) in [
            (None, "airlines", Rows::All),
            (None, "orders", Rows::None),
            (Some(&ada), "orders", only(&["tenant = 'a''b'"])),
            (Some(&both), "orders", only(&["tenant = 'acme'", "region IN ('eu', 'us')"])),
            (Some(&both), "notes", Rows::None),
            (Some(&ada), "notes", only(&["author = 'ada'"])),
            (Some(&ada), "airlines", Rows::All),
            (Some(&ada), "secrets", Rows::None),
            (Some(&auditor), "orders", Rows::All),
            (Some(&auditor), "secrets", Rows::All),
            (Some(&caller("x", json!({"tenant": null}))), "orders", Rows::None),
        ] {
            assert_eq!(rows(&rules, who, table), expect, "{who:?} {table}");
        }
    }
}
