//! PostgreSQL's SQL where DataFusion's differs: the names of columns that have none; [`super::words`] has the words.
//!
//! DataFusion needs a name for each column, and another for each; PostgreSQL calls `SELECT 1, 1` twice `?column?`. So columns
//! without a name get PostgreSQL's, those that have one already a mark after it, and the mark is taken off what clients see.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use datafusion_postgres::datafusion_pg_catalog::sql::PostgresCompatibilityParser;
use datafusion_postgres::pgwire::api::results::{FieldInfo, Response};
use deltalake_core::datafusion::sql::sqlparser::ast::{
    CastKind, DataType, Expr, Ident, Select, SelectItem, SetExpr, Statement, Value, VisitMut,
};
use deltalake_core::datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use deltalake_core::datafusion::sql::sqlparser::keywords::Keyword;
use deltalake_core::datafusion::sql::sqlparser::parser::Parser;
use deltalake_core::datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

use super::words::Words;

/// What no name has in it. (A word joiner, which is not to be seen.)
const MARK: char = '\u{2060}';

/// What `datafusion-postgres` makes of statements: it knows some that clients send word by word.
static COMPATIBLE: LazyLock<PostgresCompatibilityParser> = LazyLock::new(PostgresCompatibilityParser::new);

/// A text as DataFusion takes it; what does not parse is left to whoever says so.
pub fn rewritten(sql: &str) -> String {
    let parse = |sql: &str| Parser::parse_sql(&PostgreSqlDialect {}, sql);
    let (typed, selected);
    let sql = match parse(sql) {
        Ok(statements) => {
            typed = statements;
            sql
        }
        Err(_) => {
            selected = selects(sql).unwrap_or_default();
            let Ok(statements) = parse(&selected) else { return sql.to_owned() };
            typed = statements;
            &selected
        }
    };
    let mut changed = typed.clone();
    let _ = VisitMut::visit(&mut changed, &mut Words);
    let text = if changed == typed { sql.to_owned() } else { joined(&changed) };
    let Ok(mut statements) = COMPATIBLE.parse(&text) else { return text };
    statements.iter_mut().zip(typed).for_each(|(statement, typed)| name_columns(statement, typed));
    joined(&statements)
}

/// A text with `SELECT * FROM t` for `TABLE t`, which the parser does not know where a query may stand.
fn selects(sql: &str) -> Option<String> {
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, sql).with_unescape(false).tokenize().ok()?;
    let mut before: Option<&Token> = None;
    let mut text = String::new();
    for token in &tokens {
        let begins = match before {
            None | Some(Token::SemiColon | Token::LParen | Token::RParen) => true,
            Some(Token::Word(word)) => matches!(
                word.keyword,
                Keyword::ALL
                    | Keyword::ANALYZE
                    | Keyword::AS
                    | Keyword::EXCEPT
                    | Keyword::EXPLAIN
                    | Keyword::FOR
                    | Keyword::INTERSECT
                    | Keyword::UNION
                    | Keyword::VERBOSE
            ),
            Some(_) => false,
        };
        match token {
            Token::Word(word) if word.keyword == Keyword::TABLE && begins => text.push_str("SELECT * FROM"),
            token => text.push_str(&token.to_string()),
        }
        if !matches!(token, Token::Whitespace(_)) {
            before = Some(token);
        }
    }
    Some(text)
}

fn joined(statements: &[Statement]) -> String {
    statements.iter().map(Statement::to_string).collect::<Vec<_>>().join("; ")
}

/// The statements of a text, and then nothing for as long as somebody asks.
pub fn each(sql: &str) -> impl Iterator<Item = String> {
    let statements = COMPATIBLE.parse(sql).unwrap_or_default();
    let texts: Vec<String> = statements.iter().map(Statement::to_string).collect();
    texts.into_iter().chain(std::iter::repeat(String::new()))
}

/// An answer with the names that clients see.
pub fn unmarked(response: Response) -> Response {
    match response {
        Response::Query(mut query) => {
            if query.row_schema.iter().any(|field| field.name().contains(MARK)) {
                query.row_schema = Arc::new(unmarked_fields(&query.row_schema));
            }
            Response::Query(query)
        }
        other => other,
    }
}

/// Columns with the names that clients see.
pub fn unmarked_fields(fields: &[FieldInfo]) -> Vec<FieldInfo> {
    let unmarked = fields.iter().map(|field| {
        let name = field.name().split(MARK).next().unwrap_or_default().to_owned();
        FieldInfo::new(name, field.table_id(), field.column_id(), field.datatype().clone(), field.format())
            .with_type_modifier(field.type_modifier())
    });
    unmarked.collect()
}

/// Names the columns of a statement by what was typed.
fn name_columns(statement: &mut Statement, mut typed: Statement) {
    let Some(typed) = naming(&mut typed) else { return };
    let Some(select) = naming(statement) else { return };
    if select.projection.len() == typed.projection.len() {
        name_select(select, &typed.projection);
    }
}

/// The part of a statement that names its columns.
fn naming(statement: &mut Statement) -> Option<&mut Select> {
    match statement {
        Statement::Query(query) => first_select(&mut query.body),
        Statement::Prepare { statement, .. } => naming(statement),
        Statement::Declare { stmts } => {
            let query = stmts.first_mut()?.for_query.as_deref_mut()?;
            first_select(&mut query.body)
        }
        _ => None,
    }
}

/// The part of a query that names its columns.
fn first_select(body: &mut SetExpr) -> Option<&mut Select> {
    match body {
        SetExpr::Select(select) => Some(select),
        SetExpr::SetOperation { left, .. } => first_select(left),
        SetExpr::Query(query) => first_select(&mut query.body),
        _ => None,
    }
}

fn name_select(select: &mut Select, typed: &[SelectItem]) {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for (item, typed) in select.projection.iter_mut().zip(typed) {
        if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item {
            whole(expr);
        }
        match item {
            SelectItem::UnnamedExpr(expr) => {
                let typed = if let SelectItem::UnnamedExpr(typed) = typed { typed } else { &*expr };
                let name = name_of(typed).unwrap_or_else(|| "?column?".to_owned());
                let count = seen.entry(name.clone()).or_default();
                *count += 1;
                // A column has its name already.
                if *count == 1 && matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_)) {
                    continue;
                }
                let marked = if *count == 1 { name } else { format!("{name}{MARK}{count}") };
                *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias: Ident::with_quote('"', marked) };
            }
            SelectItem::ExprWithAlias { alias, .. } => {
                let count = seen.entry(alias.value.clone()).or_default();
                *count += 1;
                if *count > 1 {
                    *alias = Ident::with_quote('"', format!("{}{MARK}{count}", alias.value));
                }
            }
            _ => {}
        }
    }
}

/// A whole number by itself has four bytes, if they are enough for it.
fn whole(expr: &mut Expr) {
    if let Expr::Value(value) = &*expr
        && let Value::Number(number, false) = &value.value
        && number.parse::<i32>().is_ok()
    {
        let inner = Box::new(expr.clone());
        *expr = Expr::Cast {
            kind: CastKind::Cast,
            expr: inner,
            data_type: DataType::Int(None),
            array: false,
            format: None,
        };
    }
}

/// The name that PostgreSQL gives an expression (`FigureColname` of its parser).
pub fn name_of(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Identifier(name) => Some(plain(name)),
        Expr::CompoundIdentifier(names) => names.last().map(plain),
        Expr::Function(function) => {
            let name = function.name.0.last()?.as_ident()?;
            Some(plain(name))
        }
        Expr::Cast { expr, data_type, .. } => name_of(expr).or_else(|| Some(type_name(data_type))),
        Expr::Case { else_result, .. } => {
            let of_else = else_result.as_deref().and_then(|expr| match expr {
                Expr::Identifier(_) | Expr::CompoundIdentifier(_) => name_of(expr),
                _ => None,
            });
            Some(of_else.unwrap_or_else(|| "case".to_owned()))
        }
        Expr::Exists { .. } => Some("exists".to_owned()),
        Expr::Array(_) => Some("array".to_owned()),
        Expr::Extract { .. } => Some("extract".to_owned()),
        Expr::Substring { .. } => Some("substring".to_owned()),
        Expr::Trim { .. } => Some("btrim".to_owned()),
        Expr::Position { .. } => Some("position".to_owned()),
        Expr::Nested(expr) | Expr::Collate { expr, .. } | Expr::AtTimeZone { timestamp: expr, .. } => name_of(expr),
        Expr::Subquery(query) => match &*query.body {
            SetExpr::Select(select) => match select.projection.as_slice() {
                [SelectItem::UnnamedExpr(expr)] => name_of(expr),
                [SelectItem::ExprWithAlias { alias, .. }] => Some(plain(alias)),
                _ => None,
            },
            _ => None,
        },
        Expr::Value(value) if matches!(value.value, Value::Boolean(_)) => Some("bool".to_owned()),
        _ => None,
    }
}

/// A name without quotes is in small letters.
pub fn plain(name: &Ident) -> String {
    if name.quote_style.is_some() { name.value.clone() } else { name.value.to_lowercase() }
}

fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Int(_) | DataType::Integer(_) | DataType::Int4(_) => "int4".to_owned(),
        DataType::BigInt(_) | DataType::Int8(_) => "int8".to_owned(),
        DataType::SmallInt(_) | DataType::Int2(_) => "int2".to_owned(),
        DataType::Boolean | DataType::Bool => "bool".to_owned(),
        DataType::DoublePrecision | DataType::Double(_) | DataType::Float8 => "float8".to_owned(),
        DataType::Real | DataType::Float4 => "float4".to_owned(),
        DataType::Numeric(_) | DataType::Decimal(_) => "numeric".to_owned(),
        DataType::Varchar(_) | DataType::CharacterVarying(_) => "varchar".to_owned(),
        DataType::Char(_) | DataType::Character(_) => "bpchar".to_owned(),
        other => other.to_string().split('(').next().unwrap_or_default().to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_have_postgresqls_names() {
        let check = |sql: &str, expect: &str| assert_eq!(rewritten(sql).replace(MARK, "#"), expect, "{sql}");
        check("SELECT a, t.b FROM t", "SELECT a, t.b FROM t");
        check("SELECT 1, 1", "SELECT CAST(1 AS INT) AS \"?column?\", CAST(1 AS INT) AS \"?column?#2\"");
        check("SELECT count(*), count(a) FROM t", "SELECT count(*) AS \"count\", count(a) AS \"count#2\" FROM t");
        check("SELECT a::int, 'x'::text FROM t", "SELECT a::INT AS \"a\", 'x'::TEXT AS \"text\" FROM t");
        check("SELECT a AS b, c AS b FROM t", "SELECT a AS b, c AS \"b#2\" FROM t");
        check("SELECT CASE WHEN a THEN 1 END", "SELECT CASE WHEN a THEN 1 END AS \"case\"");
        check("SELECT 1 UNION SELECT 2", "SELECT CAST(1 AS INT) AS \"?column?\" UNION SELECT 2");
        check("SELECT 3000000000 AS a", "SELECT 3000000000 AS a");
        check("SELECT no SQL at all", "SELECT no SQL at all");
        check("TABLE t", "SELECT * FROM t");
        check("(TABLE \"T\") UNION ALL TABLE u", "(SELECT * FROM \"T\") UNION ALL SELECT * FROM u");
        check("WITH w AS (TABLE t) TABLE w", "WITH w AS (SELECT * FROM t) SELECT * FROM w");
        check(
            "SELECT 'a'', b' AS \"c\"\"d\" UNION ALL (TABLE t)",
            "SELECT 'a'', b' AS \"c\"\"d\" UNION ALL (SELECT * FROM t)",
        );
        check("SELECT 'TABLE t' FROM table", "SELECT 'TABLE t' FROM table");
    }
}
