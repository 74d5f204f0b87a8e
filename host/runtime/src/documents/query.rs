//! What can be asked of documents, whatever database they are in.
//!
//! Values of a field are ordered by their kind: missing and null, `false` and `true`, numbers, texts, then arrays and objects.
//! Texts are ordered by the code points of their first [`SORTED_BY`] characters; what is equal so, by partition key and id.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ReadDocuments, ReadError, Stored};

/// By how many characters texts are ordered.
pub const SORTED_BY: usize = 256;

/// The longest path of a field, and the longest condition, in characters.
pub const LIMIT: usize = 1024;

/// An answer ends once its bodies have so many bytes, if that is before it has as many documents as it may: whatever there is
/// in a database, whoever answers holds no more than this and one document.
pub const ANSWER_BYTES: usize = 8 << 20;

/// A document's key within its collection.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// The partition.
    #[serde(default)]
    pub partition_key: String,
    /// The id.
    pub id: String,
}

/// Which documents of a collection are meant.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filter {
    /// Only those of these partitions; of all if none.
    pub partitions: Option<Vec<String>>,
    /// Only those with this id.
    pub id: Option<String>,
    /// And of which all of these are true.
    pub conditions: Vec<Condition>,
}

/// Documents of a collection, in an order, a page at a time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Query {
    /// Which.
    pub filter: Filter,
    /// By what they are ordered before partition key and id.
    pub order: Option<Field>,
    /// Whether the order is the other way round, all of it.
    pub descending: bool,
    /// Only what comes after this.
    pub after: Option<Position>,
    /// How many at most in a page.
    pub limit: u32,
}

impl Query {
    /// All documents of a collection, so many in a page.
    pub fn all(limit: u32) -> Self {
        Self { limit, ..Self::default() }
    }

    /// The documents of all pages. It ends with an error.
    pub fn documents<'a>(
        self,
        database: &'a dyn ReadDocuments,
        collection: &'a str,
    ) -> impl Iterator<Item = Result<Stored, ReadError>> + 'a {
        let mut next = Some(self);
        let pages = std::iter::from_fn(move || {
            let query = next.take()?;
            let page = database.query(collection, &query);
            let after = page.as_ref().ok().and_then(|page| page.next.clone());
            next = after.map(|after| Query { after: Some(after), ..query });
            Some(page)
        });
        pages.flat_map(|page| {
            let (found, failed) = page.map_or_else(|err| (Vec::new(), Some(err)), |page| (page.documents, None));
            found.into_iter().map(Ok).chain(failed.map(Err))
        })
    }
}

/// A page of documents.
#[derive(Debug, Clone)]
pub struct Page {
    /// The documents.
    pub documents: Vec<Stored>,
    /// Where the next page begins; none if this is the last.
    pub next: Option<Position>,
}

impl Page {
    /// Of what was found, and whether there is a next.
    pub fn of(rows: Vec<(Stored, Sorted)>, has_more: bool) -> Self {
        let next = rows.last().filter(|_| has_more).map(|(stored, value)| Position {
            value: value.clone(),
            key: Key { partition_key: stored.partition_key.clone(), id: stored.id.clone() },
        });
        Self { documents: rows.into_iter().map(|(stored, _)| stored).collect(), next }
    }
}

/// A place in the order of a query.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// Of the field that it is ordered by.
    pub value: Sorted,
    /// The last document's key.
    pub key: Key,
}

/// A value as it is ordered. All parts are compared, one after the other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sorted {
    /// Of which kind it is: see [`kind`].
    pub kind: u8,
    /// Of a number or a truth value, the number, in decimal digits as the database gives it; 0 of others.
    pub number: String,
    /// Of a text, its beginning; empty of others.
    pub text: String,
}

impl Default for Sorted {
    fn default() -> Self {
        Self { kind: kind::NONE, number: "0".to_owned(), text: String::new() }
    }
}

/// The kinds of values, in their order.
pub mod kind {
    /// Missing or null.
    pub const NONE: u8 = 0;
    /// A truth value.
    pub const BOOLEAN: u8 = 1;
    /// A number.
    pub const NUMBER: u8 = 2;
    /// A text.
    pub const TEXT: u8 = 3;
    /// An array or an object.
    pub const OTHER: u8 = 4;
}

/// Something that is true of a document or not.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// Of its body.
    pub field: Field,
    /// How it compares.
    pub operator: Operator,
    /// With what: not an array, nor an object.
    pub value: Value,
}

/// How a field compares with a value. What is of another kind than the value, or missing, is only `!=` to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// The operators as they are typed; of two that begin alike the longer stands first.
const OPERATORS: [(&str, Operator); 6] = [
    ("!=", Operator::NotEqual),
    ("<=", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("=", Operator::Equal),
    ("<", Operator::Less),
    (">", Operator::Greater),
];

impl Operator {
    /// As SQL has it.
    pub fn sql(self) -> &'static str {
        match self {
            Self::NotEqual => "<>",
            _ => OPERATORS.iter().find(|(_, operator)| *operator == self).map_or("=", |(text, _)| text),
        }
    }

    /// The same for the beginnings of texts: what is less may begin alike.
    pub fn of_beginnings(self) -> Self {
        match self {
            Self::Less => Self::LessOrEqual,
            Self::Greater => Self::GreaterOrEqual,
            other => other,
        }
    }
}

/// A field of a body: names on the way to it, as they stand in `risk.mean`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Field(Vec<String>);

impl Field {
    /// The names on the way to it.
    pub fn names(&self) -> &[String] {
        &self.0
    }
}

impl FromStr for Field {
    type Err = String;

    fn from_str(path: &str) -> Result<Self, String> {
        let illegal =
            |character: char| matches!(character, '"' | '\\' | '<' | '>' | '=' | '!') || character.is_control();
        let is_name =
            |name: &str| !name.is_empty() && name.trim_matches(' ').len() == name.len() && !name.contains(illegal);
        if path.chars().count() > LIMIT || !path.split('.').all(is_name) {
            let path: String = path.chars().take(80).collect();
            return Err(format!("`{path}` is not a field\nhint: it is like `risk`, or `risk.mean` of an object"));
        }
        Ok(Self(path.split('.').map(str::to_owned).collect()))
    }
}

impl TryFrom<String> for Field {
    type Error = String;

    fn try_from(path: String) -> Result<Self, String> {
        path.parse()
    }
}

impl From<Field> for String {
    fn from(field: Field) -> Self {
        field.to_string()
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("."))
    }
}

impl FromStr for Condition {
    type Err = String;

    /// Field, operator and value without anything between them. The value is null, a truth value, a number or a text as JSON
    /// has it, or else a text as it stands.
    fn from_str(typed: &str) -> Result<Self, String> {
        let hint =
            "hint: it is like `risk>=0.5`, `carrier=UA` or `gate=\"12\"`; the operators are =, !=, <, <=, > and >=";
        if typed.chars().count() > LIMIT {
            return Err(format!("a condition has at most {LIMIT} characters"));
        }
        let at = typed.find(['=', '!', '<', '>']).ok_or_else(|| format!("the condition has no operator\n{hint}"))?;
        let (field, rest) = typed.split_at(at);
        let known = OPERATORS.iter().find_map(|(text, operator)| Some((*operator, rest.strip_prefix(text)?)));
        let (operator, value) = known.ok_or_else(|| format!("the condition has no operator that is known\n{hint}"))?;
        let value = match serde_json::from_str(value) {
            Ok(value @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_))) => value,
            Ok(_) | Err(_) => Value::String(value.to_owned()),
        };
        Ok(Self { field: field.parse()?, operator, value })
    }
}

/// What documents are ordered by, as it is typed: a field, and whether the greatest comes first, which a `-` before it says.
pub fn order(typed: &str) -> Result<(Field, bool), String> {
    match typed.strip_prefix('-') {
        Some(field) => Ok((field.parse()?, true)),
        None => Ok((typed.parse()?, false)),
    }
}

/// A text as it is ordered.
pub fn beginning(text: &str) -> String {
    text.chars().take(SORTED_BY).collect()
}

/// What changed in a collection.
#[derive(Debug, Clone)]
pub struct Changes {
    /// The documents that changed, in the order of the changes, each once, as it is now; without a body if it was deleted.
    pub documents: Vec<Changed>,
    /// How far this is: what is asked for next.
    pub position: i64,
    /// Whether there is more already.
    pub has_more: bool,
    /// The position of the last deletion that is forgotten, and so not among them.
    pub forgotten: i64,
}

impl Changes {
    /// None, up to a position.
    pub fn none(position: i64) -> Self {
        Self { documents: Vec::new(), position, has_more: false, forgotten: 0 }
    }

    /// Of what was found up to the position `last`, each with its own, and whether there is more.
    pub fn of(rows: Vec<(Changed, i64)>, has_more: bool, last: i64, forgotten: i64) -> Self {
        let position = rows.last().filter(|_| has_more).map_or(last, |(_, position)| *position);
        Self { documents: rows.into_iter().map(|(changed, _)| changed).collect(), position, has_more, forgotten }
    }
}

/// A document that changed.
#[derive(Debug, Clone)]
pub struct Changed {
    /// Its key.
    pub key: Key,
    /// What ordered its writes.
    pub version: i64,
    /// As it is now; none if it was deleted.
    pub body: Option<Box<serde_json::value::RawValue>>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_condition_is_read_as_it_is_typed() {
        for (typed, expect) in [
            ("risk>=0.5", ("risk", Operator::GreaterOrEqual, json!(0.5))),
            ("risk.mean< -1e3", ("risk.mean", Operator::Less, json!(-1e3))),
            ("carrier=UA", ("carrier", Operator::Equal, json!("UA"))),
            ("gate=12", ("gate", Operator::Equal, json!(12))),
            ("gate=\"12\"", ("gate", Operator::Equal, json!("12"))),
            ("gone!=null", ("gone", Operator::NotEqual, json!(null))),
            ("late=true", ("late", Operator::Equal, json!(true))),
            ("note=a=b<c", ("note", Operator::Equal, json!("a=b<c"))),
            ("note=[1]", ("note", Operator::Equal, json!("[1]"))),
            ("note=", ("note", Operator::Equal, json!(""))),
        ] {
            let condition: Condition = typed.parse().unwrap();
            let got = (condition.field.to_string(), condition.operator, condition.value);
            assert_eq!(got, (expect.0.to_owned(), expect.1, expect.2), "{typed}");
        }
        for wrong in ["risk", "=1", "a..b=1", "a\"=1", "a =1", ".=1", "a!1", ""] {
            assert!(wrong.parse::<Condition>().is_err(), "{wrong}");
        }
    }
}
