//! PostgreSQL's words where DataFusion has none, or others, and what clients ask the catalog with them.

use std::ops::ControlFlow;

use datafusion_postgres::datafusion_pg_catalog::pg_catalog::PG_CATALOG_TABLES;
use deltalake_core::datafusion::sql::sqlparser::ast::{
    AccessExpr, DataType, DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause,
    FunctionArgumentList, FunctionArguments, GroupByExpr, Ident, Join, JoinOperator, ObjectName, ObjectNamePart,
    OrderByKind, Query, Select, SelectItem, SetExpr, Statement, TableAliasColumnDef, TableFactor, Value, VisitMut,
    VisitorMut,
};
use deltalake_core::datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use deltalake_core::datafusion::sql::sqlparser::parser::Parser;

use super::catalog::{FUNCTIONS, MADE, NONE, NUMBER};
use super::dialect::{name_of, plain};
use super::relations;

/// A column that each table of PostgreSQL's has, and none here.
const TABLE: &str = "tableoid";

/// Aggregates by which a query gives one row anyway.
const AGGREGATES: [&str; 10] =
    ["array_agg", "avg", "bool_and", "bool_or", "count", "first_value", "max", "min", "string_agg", "sum"];

/// Columns of the catalog that are lists, of which there are none.
const NULL_LISTS: [&str; 5] = ["conkey", "confkey", "indkey", "indoption", "reloptions"];

/// Types that are texts.
const TEXTS: [&str; 4] = ["name", "cstring", "\"char\"", "unknown"];

/// A function that gives null, whatever it is given.
pub const NOTHING: &str = "nothing_of";

/// A function that gives its second value, or says that there is no table of the name that is the first.
pub const RELATION: &str = "relation_of";

/// A function of the settings, as a table.
const SETTINGS: &str = "pg_show_all_settings";

/// Changes words.
pub struct Words;

impl VisitorMut for Words {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        if let SetExpr::Select(select) = &mut *query.body {
            // `datafusion-postgres` would make null of what stands alone among the columns.
            for item in &mut select.projection {
                let (SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) = item else { continue };
                let _ = VisitMut::visit(expr, &mut Cases(0));
                match expr {
                    Expr::Subquery(_) => *expr = Expr::Nested(Box::new(expr.clone())),
                    // A function of rows, which is a list with DataFusion.
                    Expr::Function(function) if called_as(&function.name, "generate_series") => {
                        *expr = call("unnest", vec![expr.clone()]);
                    }
                    _ => {}
                }
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, table: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name: called, args: args @ Some(_), .. } = table
            && called_as(called, SETTINGS)
        {
            *called = name("pg_settings");
            *args = None;
        }
        // Those that `datafusion-postgres` does not know.
        if let TableFactor::Table { name: typed, args: None, .. } = table
            && let [ObjectNamePart::Identifier(only)] = typed.0.as_slice()
            && MADE.contains(&only.value.as_str())
        {
            typed.0.insert(0, ObjectNamePart::Identifier(Ident::new("pg_catalog")));
        }
        relations::called(table);
        // A function that gives one column gives it its alias.
        let alias = match table {
            TableFactor::UNNEST { alias: Some(alias), array_exprs, .. } if array_exprs.len() == 1 => Some(alias),
            TableFactor::Table { name, args: Some(_), alias: Some(alias), .. } if called_as(name, "unnest") => {
                Some(alias)
            }
            _ => None,
        };
        if let Some(alias) = alias.filter(|alias| alias.columns.is_empty()) {
            alias.columns = vec![TableAliasColumnDef { name: alias.name.clone(), data_type: None }];
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::BinaryOp { left, right, .. } => {
                numbered(left, right);
                numbered(right, left);
            }
            Expr::Cast { expr: inner, data_type, .. } if data_type.to_string().eq_ignore_ascii_case("oid") => {
                if let Some(number) = number_of(inner) {
                    *expr = number;
                }
            }
            Expr::Cast { data_type, .. } if TEXTS.contains(&data_type.to_string().to_lowercase().as_str()) => {
                *data_type = DataType::Text;
            }
            // Functions are told by their names.
            Expr::Cast { expr: inner, data_type, .. } if data_type.to_string().eq_ignore_ascii_case("regproc") => {
                if let Expr::Value(value) = &**inner
                    && let Value::SingleQuotedString(name) = &value.value
                {
                    *expr = text(name.rsplit('.').next().unwrap_or_default());
                }
            }
            Expr::Cast { expr: inner, data_type, .. } if data_type.to_string().eq_ignore_ascii_case("regclass") => {
                if let Some(name) = relation(inner) {
                    *expr = call(RELATION, vec![text(&name), expr.clone()]);
                } else if matches!(&**inner, Expr::Value(value) if matches!(value.value, Value::Placeholder(_))) {
                    // A text that comes later.
                    let sql = format!(
                        "SELECT (SELECT first_value(oid) FROM pg_catalog.pg_class \
                         WHERE relname = regexp_replace(replace(CAST({inner} AS TEXT), '\"', ''), '^.*[.]', ''))"
                    );
                    if let Some(value) = value_of(&sql) {
                        *expr = value;
                    }
                }
            }
            Expr::Like { pattern, escape_char: escape @ Some(_), .. } => {
                if let Some(Value::SingleQuotedString(by)) = escape.as_ref().map(|by| &by.value)
                    && by != "\\"
                {
                    **pattern = escaped(pattern, by);
                    *escape = None;
                }
            }
            Expr::Identifier(name) if name.value == TABLE => *expr = Expr::value(Value::Null),
            Expr::CompoundIdentifier(names) if names.last().is_some_and(|name| name.value == TABLE) => {
                *expr = Expr::value(Value::Null);
            }
            Expr::CompoundFieldAccess { root, access_chain } => {
                // `(record).field` of what `unnest` gives, which is not known before.
                if let [AccessExpr::Dot(Expr::Identifier(field))] = access_chain.as_slice() {
                    *expr = call("get_field", vec![(**root).clone(), text(&plain(field))]);
                }
            }
            Expr::Subquery(query) if has_none(query) => *expr = null_for(query),
            Expr::Exists { subquery, negated } if has_none(subquery) => {
                let null = Box::new(null_for(subquery));
                *expr = if *negated { Expr::IsNull(null) } else { Expr::IsNotNull(null) };
            }
            Expr::Subquery(query) => one_row(query),
            Expr::Function(function) => {
                if let Some(other) = called(function) {
                    *expr = other;
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// `CASE WHEN x IN (SELECT …)` among the columns, where DataFusion knows no such condition: whether it is in a list, of how
/// many queries it is in.
struct Cases(usize);

impl VisitorMut for Cases {
    type Break = ();

    fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.0 += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.0 -= 1;
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let Expr::Case { conditions, .. } = expr else { return ControlFlow::Continue(()) };
        for when in conditions.iter_mut().filter(|_| self.0 == 0) {
            if let Expr::InSubquery { expr, subquery, negated: false } = &when.condition
                && let Some(all) = aggregated((**subquery).clone(), "array_agg")
            {
                when.condition = call("array_has", vec![Expr::Subquery(Box::new(all)), (**expr).clone()]);
            }
        }
        ControlFlow::Continue(())
    }
}

/// Whether a name ends so.
fn called_as(name: &ObjectName, word: &str) -> bool {
    name.0.last().and_then(ObjectNamePart::as_ident).is_some_and(|name| name.value.eq_ignore_ascii_case(word))
}

fn text(text: &str) -> Expr {
    Expr::value(Value::SingleQuotedString(text.to_owned()))
}

/// What a query of one column and no table is.
fn value_of(sql: &str) -> Option<Expr> {
    let Statement::Query(query) = Parser::parse_sql(&PostgreSqlDialect {}, sql).ok()?.pop()? else { return None };
    let SetExpr::Select(select) = *query.body else { return None };
    match select.projection.into_iter().next()? {
        SelectItem::UnnamedExpr(expr) => Some(Expr::Nested(Box::new(expr))),
        _ => None,
    }
}

/// The name of a table that is a text. A number stands for itself, and not all of the catalog's tables are in the catalog.
fn relation(named: &Expr) -> Option<String> {
    let Expr::Value(value) = named else { return None };
    let Value::SingleQuotedString(typed) = &value.value else { return None };
    let last = typed.rsplit('.').next().unwrap_or_default();
    (typed.parse::<u32>().is_err() && !PG_CATALOG_TABLES.contains(&last)).then(|| typed.clone())
}

/// The parameters of something that is left out, with what they are cast to: they stay, as clients count them.
fn parameters(left_out: &mut impl VisitMut) -> Vec<Expr> {
    struct Parameters(Vec<Expr>);
    impl VisitorMut for Parameters {
        type Break = ();

        fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            let is_parameter =
                |expr: &Expr| matches!(expr, Expr::Value(value) if matches!(value.value, Value::Placeholder(_)));
            let is_whole = match expr {
                Expr::Cast { expr: inner, .. } => is_parameter(inner),
                _ => is_parameter(expr),
            };
            if is_whole {
                self.0.push(std::mem::replace(expr, Expr::value(Value::Null)));
            }
            ControlFlow::Continue(())
        }
    }
    let mut found = Parameters(Vec::new());
    let _ = left_out.visit(&mut found);
    found.0
}

/// Null, for a query that is left out.
fn null_for(query: &Query) -> Expr {
    let parameters = parameters(&mut query.clone());
    if parameters.is_empty() { Expr::value(Value::Null) } else { call(NOTHING, parameters) }
}

/// The number of a function that a column of `pg_type` names.
fn number_of(expr: &Expr) -> Option<Expr> {
    let mut numbered = expr.clone();
    let name = match &mut numbered {
        Expr::Identifier(name) => name,
        Expr::CompoundIdentifier(names) => names.last_mut()?,
        _ => return None,
    };
    FUNCTIONS
        .contains(&name.value.as_str())
        .then(|| *name = Ident::with_quote('"', format!("{}{NUMBER}", name.value)))?;
    Some(numbered)
}

/// Has a column that names a function be its number, where it is compared with one.
fn numbered(column: &mut Expr, other: &Expr) {
    let is_number = matches!(other, Expr::Value(value) if matches!(value.value, Value::Number(..)))
        || matches!(other, Expr::Identifier(_) | Expr::CompoundIdentifier(_))
            && name_of(other).is_some_and(|name| name == "oid");
    if is_number && let Some(number) = number_of(column) {
        *column = number;
    }
}

fn name(name: &str) -> ObjectName {
    ObjectName(vec![ObjectNamePart::Identifier(Ident::new(name))])
}

fn call(function: &str, arguments: Vec<Expr>) -> Expr {
    let args = arguments.into_iter().map(|expr| FunctionArg::Unnamed(FunctionArgExpr::Expr(expr))).collect();
    let args = FunctionArgumentList { duplicate_treatment: None, args, clauses: Vec::new() };
    Expr::Function(Function {
        name: name(function),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(args),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

/// A pattern whose escapes are backslashes, which are all that DataFusion has.
fn escaped(pattern: &Expr, by: &str) -> Expr {
    let doubled = call("replace", vec![pattern.clone(), text("\\"), text("\\\\")]);
    if by.is_empty() {
        return doubled;
    }
    // Also one that stands before itself.
    let escape = format!("{}(.)", regex::escape(by));
    call("regexp_replace", vec![doubled, text(&escape), text(r"\\\1"), text("g")])
}

/// Functions that are called or written in another way.
fn called(function: &mut Function) -> Option<Expr> {
    let called = function.name.0.last()?.as_ident()?.value.to_lowercase();
    match (called.as_str(), &mut function.args) {
        ("array", FunctionArguments::Subquery(query)) if has_none(query) => {
            Some(call("arrow_cast", vec![null_for(query), text("List(Utf8)")]))
        }
        ("array", FunctionArguments::Subquery(query)) => {
            let all = Expr::Subquery(Box::new(aggregated((**query).clone(), "array_agg")?));
            // Of no rows it is empty.
            Some(call("coalesce", vec![all, call("make_array", Vec::new())]))
        }
        // Rows of records, and of the places of a list.
        ("_pg_expandarray", FunctionArguments::List(list)) => match list.args.as_slice() {
            [FunctionArg::Unnamed(FunctionArgExpr::Expr(of))] => {
                Some(call("unnest", vec![call("pg_expandarray", vec![of.clone()])]))
            }
            _ => None,
        },
        ("generate_subscripts", FunctionArguments::List(list)) => match list.args.as_slice() {
            [
                FunctionArg::Unnamed(FunctionArgExpr::Expr(of)),
                FunctionArg::Unnamed(FunctionArgExpr::Expr(dimension)),
            ] => {
                let first = Expr::value(Value::Number("1".to_owned(), false));
                let length = call("array_length", vec![of.clone(), dimension.clone()]);
                Some(call("unnest", vec![call("generate_series", vec![first, length])]))
            }
            _ => None,
        },
        // Only tables are described.
        ("col_description" | "shobj_description", arguments) => Some(call(NOTHING, parameters(arguments))),
        ("obj_description", FunctionArguments::List(list)) => match list.args.as_slice() {
            [FunctionArg::Unnamed(FunctionArgExpr::Expr(of)), ..] => {
                let sql = format!(
                    "SELECT (SELECT first_value(description) FROM pg_catalog.pg_description WHERE objoid = {of})"
                );
                value_of(&sql)
            }
            _ => None,
        },
        // A time as ISO 8601 has it needs no pattern.
        ("to_timestamp", FunctionArguments::List(list)) => {
            if let [_, FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(pattern)))] = list.args.as_slice()
                && matches!(&pattern.value, Value::SingleQuotedString(text) if text.starts_with("YYYY-MM-DD"))
            {
                list.args.truncate(1);
            }
            None
        }
        _ => None,
    }
}

/// A query of the catalog that is used as a value has one row at most, which DataFusion wants to see when it depends on
/// the query around it.
fn one_row(query: &mut Query) {
    let is_catalogs = matches!(&*query.body, SetExpr::Select(select) if is_catalogs(select));
    if is_catalogs && let Some(one) = aggregated(query.clone(), "first_value") {
        *query = one;
    }
}

/// Whether a query has no rows whatever it asks, as it asks for what there is none of.
fn has_none(query: &Query) -> bool {
    let SetExpr::Select(select) = &*query.body else { return false };
    // What a domain is of is asked by way of others; no column is of one.
    if query
        .with
        .as_ref()
        .is_some_and(|with| with.recursive && with.cte_tables.iter().all(|cte| begins_with_types(&cte.query)))
    {
        return true;
    }
    let is_list = |list: &Expr| name_of(list).is_some_and(|name| NULL_LISTS.contains(&name.as_str()));
    let is_none = |table: &TableFactor| match table {
        TableFactor::Table { name, args: Some(args), .. } if called_as(name, "unnest") => args
            .args
            .iter()
            .any(|list| matches!(list, FunctionArg::Unnamed(FunctionArgExpr::Expr(list)) if is_list(list))),
        TableFactor::UNNEST { array_exprs, .. } => array_exprs.iter().any(is_list),
        // No column has a collation that is not its type's, which is asked of both together.
        _ => {
            catalogs(table).is_some_and(|name| NONE.contains(&name) || name == "pg_collation" && select.from.len() > 1)
        }
    };
    let mut columns = select.projection.clone();
    let counts = columns.iter_mut().any(|item| match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => aggregates(expr),
        _ => false,
    });
    let is_inner = |join: &Join| {
        matches!(join.join_operator, JoinOperator::Join(_) | JoinOperator::Inner(_) | JoinOperator::CrossJoin(_))
    };
    !counts
        && select.from.iter().any(|from| {
            // What is joined may keep rows without a counterpart.
            let keeps = from.joins.iter().all(|join| {
                is_inner(join) || matches!(join.join_operator, JoinOperator::Left(_) | JoinOperator::LeftOuter(_))
            });
            keeps
                && (is_none(&from.relation) || from.joins.iter().any(|join| is_inner(join) && is_none(&join.relation)))
        })
}

/// Whether a query that refers to itself begins with the types of the catalog.
fn begins_with_types(query: &Query) -> bool {
    let SetExpr::SetOperation { left, .. } = &*query.body else { return false };
    let SetExpr::Select(select) = &**left else { return false };
    select.from.iter().all(|from| from.joins.is_empty() && catalogs(&from.relation) == Some("pg_type"))
}

/// Whether a query reads the catalog alone.
fn is_catalogs(select: &Select) -> bool {
    let joined = select.from.iter().flat_map(|from| from.joins.iter().map(|join| &join.relation));
    let mut tables = select.from.iter().map(|from| &from.relation).chain(joined);
    !select.from.is_empty() && tables.all(|table| catalogs(table).is_some())
}

/// The name of a table of the catalog. Others may begin with `pg_` too.
fn catalogs(table: &TableFactor) -> Option<&str> {
    let TableFactor::Table { name, args: None, .. } = table else { return None };
    let mut names = name.0.iter().rev().map_while(ObjectNamePart::as_ident).map(|name| name.value.as_str());
    let (name, schema) = (names.next()?, names.next());
    let is_known = schema.map_or_else(|| PG_CATALOG_TABLES.contains(&name), |schema| schema == "pg_catalog");
    is_known.then_some(name)
}

/// The one column of a query, all rows of it in one by an aggregate, in their order.
fn aggregated(mut query: Query, by: &str) -> Option<Query> {
    let SetExpr::Select(select) = &mut *query.body else { return None };
    let grouped = !matches!(&select.group_by, GroupByExpr::Expressions(by, _) if by.is_empty());
    // So many rows would be of what is left, which is one.
    let is_limited = by != "first_value" && query.limit_clause.is_some();
    if grouped || is_limited || select.having.is_some() {
        return None;
    }
    let [item] = select.projection.as_mut_slice() else { return None };
    let (SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) = item else { return None };
    if aggregates(expr) {
        return None;
    }
    let mut made = call(by, vec![expr.clone()]);
    if let Expr::Function(Function { args: FunctionArguments::List(list), .. }) = &mut made {
        if select.distinct.take().is_some() {
            list.duplicate_treatment = Some(DuplicateTreatment::Distinct);
        }
        if let Some(order) = query.order_by.take()
            && let OrderByKind::Expressions(mut order) = order.kind
        {
            // By its place, which is the only one.
            for by in &mut order {
                if matches!(&by.expr, Expr::Value(value) if matches!(value.value, Value::Number(..))) {
                    by.expr = expr.clone();
                }
            }
            list.clauses.push(FunctionArgumentClause::OrderBy(order));
        }
    }
    if by == "first_value" {
        query.limit_clause = None;
    }
    *expr = made;
    Some(query)
}

/// Whether there is an aggregate in an expression.
fn aggregates(expr: &mut Expr) -> bool {
    /// Whether, and within how many queries.
    struct Found(bool, u32);
    impl VisitorMut for Found {
        type Break = ();

        fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
            self.1 += 1;
            ControlFlow::Continue(())
        }

        fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
            self.1 -= 1;
            ControlFlow::Continue(())
        }

        fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            if self.1 == 0
                && let Expr::Function(function) = expr
                && function.over.is_none()
                && let Some(name) = function.name.0.last().and_then(ObjectNamePart::as_ident)
            {
                self.0 |= AGGREGATES.contains(&name.value.to_lowercase().as_str());
            }
            ControlFlow::Continue(())
        }
    }
    let mut found = Found(false, 0);
    let _ = expr.visit(&mut found);
    found.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sql: &str, expect: &str) {
        let mut statements = Parser::parse_sql(&PostgreSqlDialect {}, sql).unwrap();
        let _ = statements.visit(&mut Words);
        assert_eq!(statements[0].to_string(), expect, "{sql}");
    }

    #[test]
    fn words_are_datafusions() {
        check(
            "SELECT a FROM p WHERE b NOT LIKE 'pg/_%' ESCAPE '/'",
            r"SELECT a FROM p WHERE b NOT LIKE regexp_replace(replace('pg/_%', '\', '\\'), '/(.)', '\\\1', 'g')",
        );
        check("SELECT a FROM p WHERE typreceive != 0", "SELECT a FROM p WHERE \"typreceive number\" <> 0");
        check("SELECT a FROM p WHERE f.oid = p.typsend", "SELECT a FROM p WHERE f.oid = p.\"typsend number\"");
        check("SELECT typsend, typsend::oid FROM p", "SELECT typsend, \"typsend number\" FROM p");
        check("SELECT a FROM p WHERE b = 'pg_catalog.array_in'::regproc", "SELECT a FROM p WHERE b = 'array_in'");
        check("SELECT x FROM unnest(a) AS x", "SELECT x FROM UNNEST(a) AS x (x)");
        check("SELECT c.tableoid FROM c", "SELECT NULL FROM c");
        check("SELECT (f(x)).N, (s).\"N\" FROM t", "SELECT get_field((f(x)), 'n'), get_field((s), 'N') FROM t");
        check(
            "SELECT information_schema._pg_expandarray(i.indkey) FROM i",
            "SELECT unnest(pg_expandarray(i.indkey)) FROM i",
        );
    }

    #[test]
    fn queries_that_are_values_have_one_row() {
        check(
            "SELECT CASE WHEN a THEN (SELECT b FROM pg_range WHERE c = t.d) END FROM t",
            "SELECT CASE WHEN a THEN (SELECT first_value(b) FROM pg_range WHERE c = t.d) END FROM t",
        );
        check("SELECT (SELECT b FROM pg_range LIMIT 1)", "SELECT ((SELECT first_value(b) FROM pg_range))");
        check("SELECT (SELECT count(*) FROM pg_class)", "SELECT ((SELECT count(*) FROM pg_class))");
        check("SELECT 1 + (SELECT b FROM pg_attrdef d WHERE d.a = t.a)", "SELECT 1 + NULL");
        check("SELECT a FROM t WHERE NOT EXISTS (SELECT 1 FROM pg_index)", "SELECT a FROM t WHERE NULL IS NULL");
        check("SELECT 1 + (SELECT $2::INT FROM pg_index)", "SELECT 1 + nothing_of($2::INT)");
        check("SELECT 1 + (SELECT count(*) FROM pg_index)", "SELECT 1 + (SELECT count(*) FROM pg_index)");
        check("SELECT col_description($1, 2)", "SELECT nothing_of($1)");
        // What is not the catalog's is as it was.
        for sql in [
            "SELECT 1 + (SELECT b FROM pg_sales WHERE c = t.d)",
            "SELECT 1 + (SELECT b FROM mine.pg_index)",
            "SELECT a FROM t WHERE EXISTS (SELECT 1 FROM UNNEST(t.options) AS x (x))",
        ] {
            check(sql, sql);
        }
        check("SELECT 1 + (SELECT b FROM mine)", "SELECT 1 + (SELECT b FROM mine)");
        check(
            "SELECT ARRAY(SELECT b FROM pg_roles WHERE c = t.d ORDER BY 1)",
            "SELECT coalesce((SELECT array_agg(b ORDER BY b) FROM pg_roles WHERE c = t.d), make_array())",
        );
    }
}
