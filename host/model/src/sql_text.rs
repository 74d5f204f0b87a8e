//! Looks at SQL that a model has: whether it is one expression, which columns it names, where its placeholders are.
//!
//! It is not parsed: what is looked for is what would make it end sooner, or later, than its author sees.

/// A piece of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    /// A name or a keyword, without quotes.
    Word(&'a str),
    /// A name in double quotes, with them.
    Quoted(&'a str),
    /// A text in single quotes, with them.
    Text(&'a str),
    /// `{name}`, without its braces.
    Placeholder(&'a str),
    /// Anything else, spaces too.
    Other(&'a str),
}

/// The pieces, one after another; together they are the text.
pub(crate) fn tokens<'a>(text: &'a str) -> Result<Vec<Token<'a>>, String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (length, make): (usize, fn(&'a str) -> Token<'a>) = match first {
            '\'' => (quoted(rest, '\'')?, Token::Text),
            '"' => (quoted(rest, '"')?, Token::Quoted),
            '{' => {
                let end = rest.find('}').ok_or("a `{` is not closed")?;
                let name = rest.get(1..end).unwrap_or_default();
                if !is_name(name) {
                    return Err(format!("`{{{name}}}` does not hold a name"));
                }
                tokens.push(Token::Placeholder(name));
                rest = rest.get(end + 1..).unwrap_or_default();
                continue;
            }
            _ if first.is_alphabetic() || first == '_' => {
                let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
                (end, Token::Word)
            }
            _ if first.is_ascii_digit() => {
                let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '.')).unwrap_or(rest.len());
                (end, Token::Other)
            }
            ';' => return Err("it has a `;`".to_owned()),
            '$' | '`' | '\\' | '\0' => return Err(format!("it has a `{}`", first.escape_default())),
            '}' => return Err("a `}` was not opened".to_owned()),
            _ if rest.starts_with("--") || rest.starts_with("/*") => return Err("it has a comment".to_owned()),
            _ => (first.len_utf8(), Token::Other),
        };
        let (piece, after) = rest.split_at(length);
        // Of `E'…'` and its like the quotes end elsewhere.
        if let (Token::Text(_), Some(Token::Word(word))) = (make(piece), tokens.last())
            && word.len() <= 2
            && !matches!(word.to_ascii_lowercase().as_str(), "in" | "or" | "as" | "is")
        {
            return Err(format!("it has a text with a prefix: `{word}'`"));
        }
        tokens.push(make(piece));
        rest = after;
    }
    Ok(tokens)
}

/// How long the quoted piece is that the text begins with.
fn quoted(text: &str, quote: char) -> Result<usize, String> {
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        if character == quote && characters.next_if(|(_, next)| *next == quote).is_none() {
            return Ok(at + quote.len_utf8());
        }
    }
    Err(format!("a `{quote}` is not closed"))
}

/// Whether a text is a name as the model has them: `net_revenue`.
pub(crate) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// Whether the text is one expression over columns, without placeholders.
pub(crate) fn check_expression(text: &str) -> Result<(), String> {
    let tokens = tokens(text)?;
    if tokens.iter().any(|token| matches!(token, Token::Placeholder(_))) {
        return Err("only a table's `security` has `{…}`".to_owned());
    }
    check_tokens(text, &tokens)
}

/// The same of an expression that may have placeholders.
pub(crate) fn check_tokens(text: &str, tokens: &[Token<'_>]) -> Result<(), String> {
    if text.trim().is_empty() {
        return Err("it is empty".to_owned());
    }
    check_parentheses(tokens, false)?;
    let is_select = |token: &Token<'_>| matches!(token, Token::Word(word) if word.eq_ignore_ascii_case("select"));
    if tokens.iter().any(is_select) {
        return Err("it reads other rows, which no `security` would be applied to".to_owned());
    }
    Ok(())
}

/// Whether the text is one `SELECT`.
pub(crate) fn check_query(text: &str) -> Result<(), String> {
    let tokens = tokens(text)?;
    if tokens.iter().any(|token| matches!(token, Token::Placeholder(_))) {
        return Err("only a table's `security` has `{…}`".to_owned());
    }
    check_parentheses(&tokens, true)?;
    let first = tokens.iter().find_map(|token| match token {
        Token::Word(word) => Some(word.to_ascii_lowercase()),
        _ => None,
    });
    match first.as_deref() {
        Some("select" | "with") => Ok(()),
        _ => Err("it does not begin with `SELECT`".to_owned()),
    }
}

/// Whether parentheses match; commas outside of them make a list, which an expression is not.
fn check_parentheses(tokens: &[Token<'_>], commas: bool) -> Result<(), String> {
    let mut open = 0_usize;
    for token in tokens {
        match token {
            Token::Other("(") => open += 1,
            Token::Other(")") => open = open.checked_sub(1).ok_or("a `)` was not opened")?,
            Token::Other(",") if open == 0 && !commas => return Err("it has a `,` between two expressions".to_owned()),
            _ => {}
        }
    }
    if open > 0 { Err("a `(` is not closed".to_owned()) } else { Ok(()) }
}

/// An aggregate function that is called in the text.
pub(crate) fn aggregate_call(text: &str) -> Option<String> {
    let tokens: Vec<Token<'_>> = tokens(text).ok()?.into_iter().filter(|token| !is_space(token)).collect();
    tokens.windows(2).find_map(|pair| match pair {
        [Token::Word(word), Token::Other("(")] => {
            let word = word.to_ascii_lowercase();
            matches!(word.as_str(), "sum" | "count" | "avg").then_some(word)
        }
        _ => None,
    })
}

/// Words of expressions that are no columns, beside functions and the types after `AS`.
const WORDS: [&str; 44] = [
    "and",
    "or",
    "not",
    "is",
    "null",
    "case",
    "when",
    "then",
    "else",
    "end",
    "in",
    "like",
    "ilike",
    "between",
    "true",
    "false",
    "as",
    "distinct",
    "from",
    "interval",
    "date",
    "timestamp",
    "time",
    "escape",
    "similar",
    "to",
    "at",
    "zone",
    "year",
    "quarter",
    "month",
    "week",
    "day",
    "hour",
    "minute",
    "second",
    "dow",
    "doy",
    "epoch",
    "for",
    "any",
    "all",
    "current_date",
    "current_timestamp",
];

/// The columns that an expression names.
pub(crate) fn columns(text: &str) -> Vec<String> {
    let tokens: Vec<Token<'_>> =
        tokens(text).unwrap_or_default().into_iter().filter(|token| !is_space(token)).collect();
    let mut columns = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|before| tokens.get(before));
        let after = tokens.get(index + 1);
        let column = match token {
            Token::Word(word) => word.to_lowercase(),
            Token::Quoted(quoted) => quoted.trim_matches('"').replace("\"\"", "\""),
            _ => continue,
        };
        let is_word = matches!(token, Token::Word(_)) && WORDS.contains(&column.as_str());
        let is_type = matches!(before, Some(Token::Word(word)) if word.eq_ignore_ascii_case("as"))
            || before == Some(&Token::Other(":"));
        let is_function = after == Some(&Token::Other("("));
        let is_qualifier = after == Some(&Token::Other("."));
        if !(is_word || is_type || is_function || is_qualifier || columns.contains(&column)) {
            columns.push(column);
        }
    }
    columns
}

fn is_space(token: &Token<'_>) -> bool {
    matches!(token, Token::Other(text) if text.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_one_expression_is_refused() {
        let check = |text: &str, expect: Result<(), &str>| {
            assert_eq!(check_expression(text).as_ref().map_err(String::as_str).copied(), expect, "{text}");
        };
        check("amount * (1 - discount)", Ok(()));
        check("status IN ('a;b', 'it''s -- fine')", Ok(()));
        check("amount; DROP TABLE orders", Err("it has a `;`"));
        check("amount -- rest", Err("it has a comment"));
        check("a /* b", Err("it has a comment"));
        check("a) OR (b", Err("a `)` was not opened"));
        check("(a", Err("a `(` is not closed"));
        check("'a", Err("a `'` is not closed"));
        check("E'a'", Err("it has a text with a prefix: `E'`"));
        check("$$a$$", Err("it has a `$`"));
        check("tenant = '{tenant}'", Ok(()));
        check("tenant = {tenant}", Err("only a table's `security` has `{…}`"));
        check("(SELECT 1)", Err("it reads other rows, which no `security` would be applied to"));
        check(" ", Err("it is empty"));
    }

    #[test]
    fn columns_are_told_from_other_words() {
        let check = |text: &str, expect: &[&str]| assert_eq!(columns(text), expect, "{text}");
        check("amount * (1 - Discount) * 1e3", &["amount", "discount"]);
        check("CASE WHEN status = 'paid' THEN \"Net Amount\" END", &["status", "Net Amount"]);
        check("CAST(price AS BIGINT) + orders.tax", &["price", "tax"]);
        check("extract(year FROM ordered_on) - coalesce(a, a)", &["ordered_on", "a"]);
    }
}
