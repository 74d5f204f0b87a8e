//! Arithmetic of measures: `revenue - refunds`, `(revenue - cost) / revenue`.

use serde::Serialize;

/// An expression of measures and numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Arithmetic {
    /// A number, as it was typed.
    Number(String),
    /// A measure, by name.
    Measure(String),
    /// Two, and what is done with them.
    Binary(Box<Arithmetic>, Operator, Box<Arithmetic>),
}

/// What is done with two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Operator {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`, which is never of integers, and null if what is divided by is 0.
    Divide,
}

/// How deep parentheses may be; the parser calls itself for each.
const MAX_DEPTH: usize = 64;

impl Arithmetic {
    /// Reads an expression. The error says what was expected where.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parser = Parser { tokens: tokens(text)?, at: 0 };
        let parsed = parser.sum(0)?;
        match parser.tokens.get(parser.at) {
            None => Ok(parsed),
            Some(token) => Err(format!("`{token}` is not expected there")),
        }
    }

    /// The measures it names.
    pub fn measures(&self) -> Vec<&str> {
        match self {
            Self::Number(_) => Vec::new(),
            Self::Measure(name) => vec![name],
            Self::Binary(left, _, right) => [left.measures(), right.measures()].concat(),
        }
    }
}

fn tokens(text: &str) -> Result<Vec<String>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '+' | '-' | '*' | '/' | '(' | ')' => 1,
            _ if first.is_ascii_digit() => length(rest, |c| c.is_ascii_digit() || c == '.'),
            _ if first.is_ascii_lowercase() => {
                length(rest, |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
            }
            _ => return Err(format!("`{first}` is not of arithmetic")),
        };
        let (token, after) = rest.split_at(length);
        if first.is_ascii_digit() && (token.ends_with('.') || token.parse::<f64>().is_err()) {
            return Err(format!("`{token}` is not a number"));
        }
        tokens.push(token.to_owned());
        rest = after.trim_start();
    }
    Ok(tokens)
}

fn length(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|c| !belongs(c)).unwrap_or(text.len())
}

struct Parser {
    tokens: Vec<String>,
    at: usize,
}

impl Parser {
    fn sum(&mut self, depth: usize) -> Result<Arithmetic, String> {
        let mut left = self.product(depth)?;
        while let Some(operator) = self.operator(&[("+", Operator::Add), ("-", Operator::Subtract)]) {
            left = Arithmetic::Binary(Box::new(left), operator, Box::new(self.product(depth)?));
        }
        Ok(left)
    }

    fn product(&mut self, depth: usize) -> Result<Arithmetic, String> {
        let mut left = self.atom(depth)?;
        while let Some(operator) = self.operator(&[("*", Operator::Multiply), ("/", Operator::Divide)]) {
            left = Arithmetic::Binary(Box::new(left), operator, Box::new(self.atom(depth)?));
        }
        Ok(left)
    }

    fn atom(&mut self, depth: usize) -> Result<Arithmetic, String> {
        if depth > MAX_DEPTH {
            return Err("its parentheses are too deep".to_owned());
        }
        let Some(token) = self.next() else { return Err("it ends where a measure or a number is expected".to_owned()) };
        match token.chars().next() {
            Some('(') => {
                let inner = self.sum(depth + 1)?;
                match self.next().as_deref() {
                    Some(")") => Ok(inner),
                    _ => Err("a `(` is not closed".to_owned()),
                }
            }
            Some('-') => {
                let zero = Box::new(Arithmetic::Number("0".to_owned()));
                Ok(Arithmetic::Binary(zero, Operator::Subtract, Box::new(self.atom(depth + 1)?)))
            }
            Some(first) if first.is_ascii_digit() => Ok(Arithmetic::Number(token)),
            Some(first) if first.is_ascii_lowercase() => Ok(Arithmetic::Measure(token)),
            _ => Err(format!("`{token}` stands where a measure or a number is expected")),
        }
    }

    fn operator(&mut self, known: &[(&str, Operator)]) -> Option<Operator> {
        let token = self.tokens.get(self.at)?;
        let (_, operator) = known.iter().find(|(name, _)| name == token)?;
        self.at += 1;
        Some(*operator)
    }

    fn next(&mut self) -> Option<String> {
        let token = self.tokens.get(self.at)?.clone();
        self.at += 1;
        Some(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(expression: &Arithmetic) -> String {
        match expression {
            Arithmetic::Number(number) => number.clone(),
            Arithmetic::Measure(name) => name.clone(),
            Arithmetic::Binary(left, operator, right) => {
                let sign = match operator {
                    Operator::Add => '+',
                    Operator::Subtract => '-',
                    Operator::Multiply => '*',
                    Operator::Divide => '/',
                };
                format!("({}{sign}{})", show(left), show(right))
            }
        }
    }

    #[test]
    fn expressions_bind_as_in_arithmetic() {
        let check = |text: &str, expect: Result<&str, &str>| {
            let parsed = Arithmetic::parse(text).map(|parsed| show(&parsed));
            assert_eq!(parsed.as_deref().map_err(String::as_str), expect, "{text}");
        };
        check("a - b - c", Ok("((a-b)-c)"));
        check("a + b * 1.5", Ok("(a+(b*1.5))"));
        check("(a + b) / -c", Ok("((a+b)/(0-c))"));
        check("a b", Err("`b` is not expected there"));
        check("a +", Err("it ends where a measure or a number is expected"));
        check("(a", Err("a `(` is not closed"));
        check("a; drop", Err("`;` is not of arithmetic"));
        check("1.2.3", Err("`1.2.3` is not a number"));
        check(&"(".repeat(100_000), Err("its parentheses are too deep"));
    }
}
