//! Functions where a table may stand. PostgreSQL takes any there, with arguments that are computed; DataFusion knows some, and wants constants.

use deltalake_core::datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, ObjectName, Query, Statement, TableAliasColumnDef, TableFactor, Value,
};
use deltalake_core::datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use deltalake_core::datafusion::sql::sqlparser::parser::Parser;

use super::dialect::plain;

/// Functions that are tables anyway.
const TABLES: [&str; 2] = ["unnest", "pg_get_keywords"];

/// Functions that are tables of constants, and lists of anything else.
const SERIES: [&str; 2] = ["generate_series", "range"];

/// A query in the place of a function, whose one column has the name of its alias as PostgreSQL has it.
pub fn called(table: &mut TableFactor) {
    let TableFactor::Table { name, alias: Some(alias), args: Some(args), .. } = &*table else { return };
    let Some(function) = own(name).filter(|name| !TABLES.contains(&name.as_str())) else { return };
    let is_series = SERIES.contains(&function.as_str());
    if is_series && args.args.iter().all(is_constant) {
        return;
    }
    let arguments: Vec<String> = args.args.iter().map(ToString::to_string).collect();
    let call = format!("{name}({})", arguments.join(", "));
    let column = alias.columns.first().map_or(&alias.name, |column| &column.name).clone();
    let rows = if is_series { format!("unnest({call})") } else { call };
    let Some(subquery) = query(&format!("SELECT {rows} AS {column}")) else { return };
    let mut alias = alias.clone();
    if alias.columns.is_empty() {
        alias.columns = vec![TableAliasColumnDef { name: column, data_type: None }];
    }
    *table = TableFactor::Derived { lateral: false, subquery: Box::new(subquery), alias: Some(alias), sample: None };
}

fn is_constant(argument: &FunctionArg) -> bool {
    let FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) = argument else { return false };
    match expr {
        Expr::UnaryOp { expr, .. } | Expr::Cast { expr, .. } => matches!(**expr, Expr::Value(_)),
        Expr::Value(value) => !matches!(value.value, Value::Placeholder(_)),
        Expr::TypedString { .. } | Expr::Interval(_) => true,
        _ => false,
    }
}

/// The name of a function, in small letters, if it is in no schema but PostgreSQL's own.
fn own(name: &ObjectName) -> Option<String> {
    let mut names = name.0.iter().map(|part| part.as_ident().map(plain));
    let last = names.next_back()??;
    names.all(|schema| schema.as_deref() == Some("pg_catalog")).then_some(last)
}

fn query(sql: &str) -> Option<Query> {
    match Parser::parse_sql(&PostgreSqlDialect {}, sql).ok()?.pop()? {
        Statement::Query(query) => Some(*query),
        _ => None,
    }
}
