//! Versions of tables: `VERSION AS OF 12`, `TIMESTAMP AS OF '…'`, with `FOR` before it or not, become part of the name, as
//! Databricks writes them there: `@v12`, `@yyyyMMddHHmmssSSS`. The parser has a place for them only in dialects that differ in
//! everything else.

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use deltalake_core::datafusion::sql::sqlparser::keywords::Keyword;
use deltalake_core::datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Word};

use super::QueryError;

/// A time as it is part of a name.
const TIME: &str = "%Y%m%d%H%M%S%3f";

/// When a table is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// At a version.
    Version(u64),
    /// As it was then.
    Time(DateTime<Utc>),
}

impl Moment {
    /// A name and the moment at its end, if there is one.
    pub fn split(name: &str) -> Option<(&str, Self)> {
        let (name, at) = name.rsplit_once('@').filter(|(name, _)| !name.is_empty())?;
        let moment = match at.strip_prefix(['v', 'V']) {
            Some(version) => Self::Version(version.parse().ok()?),
            None if at.len() == 17 => Self::Time(NaiveDateTime::parse_from_str(at, TIME).ok()?.and_utc()),
            None => return None,
        };
        Some((name, moment))
    }
}

impl std::fmt::Display for Moment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Version(version) => write!(f, "v{version}"),
            Self::Time(time) => time.format(TIME).fmt(f),
        }
    }
}

/// The same with moments as part of names.
pub fn rewrite(tokens: Vec<TokenWithSpan>) -> Result<Vec<TokenWithSpan>, QueryError> {
    let mut rewritten: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    let mut rest = tokens.as_slice();
    while let [first, after @ ..] = rest {
        let named = rewritten.iter().rposition(|token| !is_space(token));
        let name = named.and_then(|index| rewritten.get_mut(index));
        let after_moment = match (name, moment(rest)?) {
            (Some(name), Some((moment, after))) => name_at(name, moment).then_some(after),
            _ => None,
        };
        if after_moment.is_none() {
            rewritten.push(first.clone());
        }
        rest = after_moment.unwrap_or(after);
    }
    Ok(rewritten)
}

/// Puts a moment into a name, if it is one.
fn name_at(name: &mut TokenWithSpan, moment: Moment) -> bool {
    match &mut name.token {
        Token::Word(word) => {
            let text = if word.quote_style.is_none() { word.value.to_lowercase() } else { word.value.clone() };
            let value = format!("{text}@{moment}");
            // Quoted, it is no keyword.
            *word = Word { value, quote_style: Some('"'), keyword: Keyword::NoKeyword };
            true
        }
        Token::SingleQuotedString(text) => {
            *text = format!("{text}@{moment}");
            true
        }
        _ => false,
    }
}

/// The moment that tokens begin with, and what comes after it.
fn moment(tokens: &[TokenWithSpan]) -> Result<Option<(Moment, &[TokenWithSpan])>, QueryError> {
    let tokens = after_word(tokens, "for").unwrap_or(tokens);
    let kinds = ["version", "timestamp", "system_time", "system_version"];
    let found = kinds.iter().find_map(|kind| Some((*kind, after_word(tokens, kind)?)));
    let Some((kind, rest)) = found else { return Ok(None) };
    let Some(rest) = after_word(rest, "as").and_then(|rest| after_word(rest, "of")) else { return Ok(None) };
    let Some((value, rest)) = next(rest) else { return Ok(None) };
    let is_version = kind.ends_with("version");
    let moment = match value {
        Token::Number(text, _) if is_version => text.parse().ok().map(Moment::Version),
        Token::SingleQuotedString(text) if !is_version => time(text).map(Moment::Time),
        Token::Number(..) | Token::SingleQuotedString(_) => None,
        _ => return Ok(None),
    };
    let Some(moment) = moment else {
        let what = if is_version { "a number, `12`" } else { "a time, `'2026-01-31 12:00:00'`" };
        return Err(QueryError::Syntax(format!("after {} AS OF comes {what}, and not {value}", kind.to_uppercase())));
    };
    Ok(Some((moment, rest)))
}

fn time(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(time) = DateTime::parse_from_rfc3339(&text.replacen(' ', "T", 1)) {
        return Some(time.to_utc());
    }
    let time = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M"];
    let time = time.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
    let day = || NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0);
    time.or_else(day).map(|time| time.and_utc())
}

fn after_word<'t>(tokens: &'t [TokenWithSpan], word: &str) -> Option<&'t [TokenWithSpan]> {
    let (token, rest) = next(tokens)?;
    matches!(token, Token::Word(found) if found.quote_style.is_none() && found.value.eq_ignore_ascii_case(word))
        .then_some(rest)
}

fn next(tokens: &[TokenWithSpan]) -> Option<(&Token, &[TokenWithSpan])> {
    let at = tokens.iter().position(|token| !is_space(token))?;
    let (token, rest) = tokens.get(at..)?.split_first()?;
    Some((&token.token, rest))
}

fn is_space(token: &TokenWithSpan) -> bool {
    matches!(token.token, Token::Whitespace(_))
}

#[cfg(test)]
mod tests {
    use deltalake_core::datafusion::sql::sqlparser::dialect::GenericDialect;
    use deltalake_core::datafusion::sql::sqlparser::tokenizer::Tokenizer;

    use super::*;

    #[test]
    fn moments_become_part_of_names() {
        for (sql, expect) in [
            ("FROM a VERSION AS OF 12 WHERE b", "FROM \"a@v12\" WHERE b"),
            ("FROM a FOR VERSION AS OF 12 b", "FROM \"a@v12\" b"),
            ("FROM \"A-b\" version as of 1", "FROM \"A-b@v1\""),
            ("FROM 'l/a' TIMESTAMP AS OF '2026-01-31'", "FROM 'l/a@20260131000000000'"),
            ("FROM a FOR SYSTEM_TIME AS OF '2026-01-31T12:00:00+01:00'", "FROM \"a@20260131110000000\""),
            ("SELECT version AS of FROM a", "SELECT version AS of FROM a"),
            ("SELECT timestamp FROM a", "SELECT timestamp FROM a"),
        ] {
            let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize_with_location().unwrap();
            let found: String = rewrite(tokens).unwrap().iter().map(|token| token.token.to_string()).collect();
            let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert_eq!(words(&found), words(expect));
        }
    }

    #[test]
    fn a_name_may_end_with_a_moment() {
        assert_eq!(Moment::split("a@v12"), Some(("a", Moment::Version(12))));
        assert!(matches!(Moment::split("a@20260131110000000"), Some(("a", Moment::Time(_)))));
        for name in ["a", "a@", "a@x", "@v1", "a@2026"] {
            assert_eq!(Moment::split(name), None, "{name}");
        }
    }
}
