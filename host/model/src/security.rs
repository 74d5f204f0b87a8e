//! Row-level security: which rows of a table somebody sees, by what is known of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::sql_text::{self, Token};

/// What is known of whoever asks, by name: `tenant`.
pub type Attributes = BTreeMap<String, Attribute>;

/// Something that is known of whoever asks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Attribute {
    /// True or false.
    Boolean(bool),
    /// A number.
    Integer(i64),
    /// A text.
    Text(String),
    /// Texts, for `IN {regions}`.
    List(Vec<String>),
}

/// A filter of a table: SQL over its columns in which `{name}` is what is known of whoever asks.
///
/// Within quotes, `'{tenant}'`, it is text, whatever it was. Without, it is written as what it is: a number as a number, a
/// text in quotes, a list in parentheses. There is no value that ends the quotes it stands in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(into = "String")]
pub struct Security {
    text: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Sql(String),
    Value(String),
    /// A text in quotes: pieces of it, and names of attributes.
    Text(Vec<Piece>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Attribute(String),
}

impl From<Security> for String {
    fn from(security: Security) -> Self {
        security.text
    }
}

/// Why a filter cannot be written for somebody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecurityError {
    /// Nothing is known by that name.
    #[error("whoever asks has no `{attribute}`")]
    Missing {
        /// The name.
        attribute: String,
    },
    /// A list, where one text is needed.
    #[error("`{attribute}` is a list, and stands where one value is needed")]
    List {
        /// The name.
        attribute: String,
    },
    /// A text with a zero byte, at which an engine may stop to read.
    #[error("`{attribute}` has a zero byte")]
    Zero {
        /// The name.
        attribute: String,
    },
}

impl Security {
    /// Reads a filter; the error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let tokens = sql_text::tokens(text)?;
        sql_text::check_tokens(text, &tokens)?;
        let mut parts = Vec::new();
        for token in tokens {
            parts.push(match token {
                Token::Placeholder(name) => Part::Value(name.to_owned()),
                Token::Text(quoted) if quoted.contains('{') => Part::Text(pieces(quoted)?),
                Token::Quoted(quoted) if quoted.contains('{') => {
                    return Err(format!("a name is not taken from whoever asks: {quoted}"));
                }
                Token::Word(text) | Token::Quoted(text) | Token::Text(text) | Token::Other(text) => {
                    Part::Sql(text.to_owned())
                }
            });
        }
        Ok(Self { text: text.to_owned(), parts })
    }

    /// The filter as it was typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The names of what has to be known.
    pub fn attributes(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for part in &self.parts {
            match part {
                Part::Sql(_) => {}
                Part::Value(name) => names.push(name.as_str()),
                Part::Text(pieces) => names.extend(pieces.iter().filter_map(|piece| match piece {
                    Piece::Text(_) => None,
                    Piece::Attribute(name) => Some(name.as_str()),
                })),
            }
        }
        names
    }

    /// The filter for somebody, as SQL.
    pub fn sql(&self, attributes: &Attributes) -> Result<String, SecurityError> {
        let find =
            |name: &String| attributes.get(name).ok_or_else(|| SecurityError::Missing { attribute: name.clone() });
        let mut sql = String::new();
        for part in &self.parts {
            match part {
                Part::Sql(text) => sql.push_str(text),
                Part::Value(name) => sql.push_str(&value(name, find(name)?)?),
                Part::Text(pieces) => {
                    let mut text = String::new();
                    for piece in pieces {
                        match piece {
                            Piece::Text(piece) => text.push_str(piece),
                            Piece::Attribute(name) => text.push_str(&text_of(name, find(name)?)?),
                        }
                    }
                    sql.push_str(&quote_text(&text));
                }
            }
        }
        Ok(sql)
    }
}

/// The pieces of a text in quotes.
fn pieces(quoted: &str) -> Result<Vec<Piece>, String> {
    let inner = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().replace("''", "'");
    let mut pieces = Vec::new();
    let mut rest = inner.as_str();
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').ok_or("a `{` is not closed")?;
        if !sql_text::is_name(name) {
            return Err(format!("`{{{name}}}` does not hold a name"));
        }
        pieces.push(Piece::Text(before.to_owned()));
        pieces.push(Piece::Attribute(name.to_owned()));
        rest = after;
    }
    pieces.push(Piece::Text(rest.to_owned()));
    Ok(pieces)
}

fn value(name: &str, attribute: &Attribute) -> Result<String, SecurityError> {
    match attribute {
        Attribute::Boolean(true) => Ok("TRUE".to_owned()),
        Attribute::Boolean(false) => Ok("FALSE".to_owned()),
        // In parentheses a minus does not make a comment of one before it.
        Attribute::Integer(number) => Ok(format!("({number})")),
        Attribute::Text(_) => Ok(quote_text(&text_of(name, attribute)?)),
        // Nothing is equal to null, so that an empty list has no rows.
        Attribute::List(texts) if texts.is_empty() => Ok("(NULL)".to_owned()),
        Attribute::List(texts) => {
            let texts: Result<Vec<String>, SecurityError> =
                texts.iter().map(|text| Ok(quote_text(&checked(name, text)?))).collect();
            Ok(format!("({})", texts?.join(", ")))
        }
    }
}

fn text_of(name: &str, attribute: &Attribute) -> Result<String, SecurityError> {
    match attribute {
        Attribute::Boolean(truth) => Ok(truth.to_string()),
        Attribute::Integer(number) => Ok(number.to_string()),
        Attribute::Text(text) => checked(name, text),
        Attribute::List(_) => Err(SecurityError::List { attribute: name.to_owned() }),
    }
}

fn checked(name: &str, text: &str) -> Result<String, SecurityError> {
    if text.contains('\0') {
        return Err(SecurityError::Zero { attribute: name.to_owned() });
    }
    Ok(text.to_owned())
}

/// A text as SQL has it.
pub(crate) fn quote_text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
#[expect(clippy::expect_used, reason = "a test stops where it is wrong")]
mod tests {
    use super::*;

    #[test]
    fn no_value_ends_the_quotes_it_stands_in() {
        let check = |filter: &str, attribute: Attribute, expect: &str| {
            let security = Security::parse(filter).expect(filter);
            let attributes = Attributes::from([("who".to_owned(), attribute)]);
            let sql = security.sql(&attributes).unwrap_or_else(|err| err.to_string());
            assert_eq!(sql, expect, "{filter}");
        };
        let text = |text: &str| Attribute::Text(text.to_owned());
        check("tenant = '{who}'", text("a"), "tenant = 'a'");
        check("tenant = '{who}'", text("' OR 1=1 --"), "tenant = ''' OR 1=1 --'");
        check("tenant = 'x''-{who}'", text("'"), "tenant = 'x''-'''");
        check("tenant = {who}", text("' OR ''='"), "tenant = ''' OR ''''='''");
        check("tenant = '{who}'", text("{who}"), "tenant = '{who}'");
        check("level > -{who}", Attribute::Integer(-3), "level > -(-3)");
        check("level = '{who}'", Attribute::Integer(3), "level = '3'");
        let list = |texts: &[&str]| Attribute::List(texts.iter().map(|text| (*text).to_owned()).collect());
        check("region IN {who}", list(&["a", "b'"]), "region IN ('a', 'b''')");
        check("region IN {who}", list(&[]), "region IN (NULL)");
        check("region = '{who}'", list(&["a"]), "`who` is a list, and stands where one value is needed");
        check("tenant = '{who}'", text("a\0"), "`who` has a zero byte");
        check("tenant = '{other}'", text("a"), "whoever asks has no `other`");
    }

    #[test]
    fn a_placeholder_is_a_value_and_no_name() {
        assert!(Security::parse("\"{who}\" = 1").is_err());
        assert!(Security::parse("E'{who}' = tenant").is_err());
        assert!(Security::parse("tenant = '{Who}'").is_err());
    }
}
