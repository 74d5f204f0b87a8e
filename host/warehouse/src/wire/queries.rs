//! Queries, with their parameters.

use std::sync::Arc;

use arrow_schema::{DataType, Field};
use async_trait::async_trait;
use datafusion_postgres::QueryHook;
use datafusion_postgres::arrow_pg::datatypes::df::deserialize_parameters_with_server_types;
use datafusion_postgres::hooks::HookClient;
use datafusion_postgres::pgwire::api::portal::{Format, Portal};
use datafusion_postgres::pgwire::api::results::Response;
use datafusion_postgres::pgwire::api::{ClientInfo, Type};
use datafusion_postgres::pgwire::error::PgWireResult;
use datafusion_postgres::pgwire::types::format::FormatOptions;
use deltalake_core::datafusion::common::tree_node::{Transformed, TreeNode};
use deltalake_core::datafusion::common::{DFSchema, ParamValues, Result, ScalarValue};
use deltalake_core::datafusion::logical_expr::expr::{Cast, Placeholder, ScalarFunction};
use deltalake_core::datafusion::logical_expr::utils::merge_schema;
use deltalake_core::datafusion::logical_expr::{EmptyRelation, Expr, ExprSchemable, LogicalPlan};
use deltalake_core::datafusion::prelude::{DataFrame, SessionContext};
use deltalake_core::datafusion::sql::sqlparser::ast::Statement;

use super::failure::failed;
use super::rows;

/// A plan of what has neither parameters nor columns.
pub fn nothing() -> LogicalPlan {
    LogicalPlan::EmptyRelation(EmptyRelation { produce_one_row: false, schema: Arc::new(DFSchema::empty()) })
}

/// A plan whose parameters have types where they stand: what they are cast to, or lists of what is looked for in them.
pub fn typed(plan: LogicalPlan) -> Result<LogicalPlan> {
    let plan = plan.transform_up_with_subqueries(|plan| {
        let schema = merge_schema(&plan.inputs());
        // So many rows, and from which on.
        if let LogicalPlan::Limit(_) = plan {
            return plan.map_expressions(|expr| match expr {
                Expr::Placeholder(parameter) if parameter.field.is_none() => {
                    Ok(Transformed::yes(with_type(parameter, DataType::Int64)))
                }
                other => Ok(Transformed::no(other)),
            });
        }
        plan.map_expressions(|expr| expr.transform_up(|expr| typed_expr(expr, &schema)))
    })?;
    Ok(plan.data)
}

fn typed_expr(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    Ok(match expr {
        Expr::Cast(Cast { expr, field }) => match *expr {
            Expr::Placeholder(parameter) if parameter.field.is_none() => {
                let expr = with_type(parameter, field.data_type().clone());
                Transformed::yes(Expr::Cast(Cast { expr: Box::new(expr), field }))
            }
            other => Transformed::no(Expr::Cast(Cast { expr: Box::new(other), field })),
        },
        Expr::ScalarFunction(ScalarFunction { func, mut args }) if func.name() == "array_has" => {
            if let [Expr::Placeholder(parameter), item] = args.as_slice()
                && parameter.field.is_none()
                && let Ok(item) = item.get_type(schema)
            {
                let list = DataType::List(Arc::new(Field::new_list_field(item, true)));
                let list = with_type(parameter.clone(), list);
                if let Some(first) = args.first_mut() {
                    *first = list;
                }
            }
            Transformed::yes(Expr::ScalarFunction(ScalarFunction { func, args }))
        }
        other => Transformed::no(other),
    })
}

fn with_type(parameter: Placeholder, data_type: DataType) -> Expr {
    let field = Arc::new(Field::new(&parameter.id, data_type, true));
    Expr::Placeholder(Placeholder { field: Some(field), ..parameter })
}

/// The values of a plan's parameters, whose types clients were told.
pub fn values<S: Clone>(plan: &LogicalPlan, told: &[Type], portal: &Portal<S>) -> PgWireResult<ParamValues> {
    let types = plan.get_parameter_types().unwrap_or_default();
    let place = |number: usize| types.get(&format!("${number}")).and_then(Option::as_ref);
    let types: Vec<Option<&DataType>> = (1..=portal.parameter_len()).map(place).collect();
    let told: Vec<Option<&Type>> = told.iter().map(Some).collect();
    let mut values = deserialize_parameters_with_server_types(portal, &types, &told)?;
    if let ParamValues::List(values) = &mut values {
        for (place, value) in values.iter_mut().enumerate() {
            let declared = portal.statement.parameter_types.get(place).and_then(Option::as_ref);
            let declared = declared.or(told.get(place).copied().flatten());
            let is_texts = matches!(declared, Some(&Type::TEXT_ARRAY | &Type::VARCHAR_ARRAY));
            if let Some(Some(typed)) = portal.parameters.get(place)
                && is_texts
                && !portal.parameter_format.is_binary(place)
                && let Some(texts) = std::str::from_utf8(typed).ok().and_then(texts)
            {
                let texts: Vec<ScalarValue> = texts.into_iter().map(ScalarValue::Utf8).collect();
                value.value = ScalarValue::List(ScalarValue::new_list_nullable(&texts, &DataType::Utf8));
            }
        }
    }
    Ok(values)
}

/// The items of a list of texts as PostgreSQL writes it, `{a,"b ""c",NULL}`
/// (<https://www.postgresql.org/docs/16/arrays.html#ARRAYS-IO>): `pgwire` takes one without letters as null. None of a list
/// of lists, and of what is none.
fn texts(list: &str) -> Option<Vec<Option<String>>> {
    let list = list.trim().strip_prefix('{')?.strip_suffix('}')?;
    let mut texts = Vec::new();
    let mut letters = list.chars().peekable();
    while letters.peek().is_some() {
        let (mut text, mut is_quoted, mut within) = (String::new(), false, false);
        loop {
            match letters.next() {
                Some('\\') => text.push(letters.next()?),
                Some('"') => {
                    within = !within;
                    is_quoted = true;
                }
                Some('{' | '}') if !within => return None,
                None if within => return None,
                None => break,
                Some(',') if !within => {
                    // After it something comes.
                    letters.peek()?;
                    break;
                }
                // Around an item, spaces are not of it.
                Some(letter) if !within && letter.is_whitespace() && (is_quoted || text.is_empty()) => {}
                Some(letter) => text.push(letter),
            }
        }
        let text = if is_quoted { text } else { text.trim_end().to_owned() };
        match (is_quoted, text.as_str()) {
            (false, "") => return None,
            (false, word) if word.eq_ignore_ascii_case("null") => texts.push(None),
            _ => texts.push(Some(text)),
        }
    }
    Some(texts)
}

/// The rows of a planned query.
pub async fn ask<C: ClientInfo>(
    context: &SessionContext,
    client: &C,
    plan: &LogicalPlan,
    values: &ParamValues,
    format: &Format,
) -> PgWireResult<Response> {
    let plan = plan.clone().replace_params_with_values(values);
    let frame = async { context.execute_logical_plan(plan?).await }.await;
    answer(client, frame, format).await
}

async fn answer<C: ClientInfo + ?Sized>(
    client: &C,
    frame: Result<DataFrame>,
    format: &Format,
) -> PgWireResult<Response> {
    let frame = frame.map_err(failed)?;
    let options = Arc::new(FormatOptions::from_client_metadata(client.metadata()));
    Ok(Response::Query(rows::encode(frame, format, options).await?))
}

/// Answers queries that are not planned before.
#[derive(Debug)]
pub struct Queries;

#[async_trait]
impl QueryHook for Queries {
    async fn handle_simple_query(
        &self,
        statement: &Statement,
        context: &SessionContext,
        client: &mut dyn HookClient,
    ) -> Option<PgWireResult<Response>> {
        let Statement::Query(query) = statement else { return None };
        let frame = context.sql(&query.to_string()).await;
        Some(answer(client, frame, &Format::UnifiedText).await)
    }

    async fn handle_extended_parse_query(
        &self,
        _: &Statement,
        _: &SessionContext,
        _: &(dyn ClientInfo + Send + Sync),
    ) -> Option<PgWireResult<LogicalPlan>> {
        None
    }

    async fn handle_extended_query(
        &self,
        _: &Statement,
        _: &LogicalPlan,
        _: &ParamValues,
        _: &SessionContext,
        _: &mut dyn HookClient,
    ) -> Option<PgWireResult<Response>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_texts_are_read() {
        let check = |list: &str, expect: Option<&[Option<&str>]>| {
            let expect = expect.map(|texts| texts.iter().map(|text| text.map(str::to_owned)).collect::<Vec<_>>());
            assert_eq!(texts(list), expect, "{list}");
        };
        check("{}", Some(&[]));
        check(
            r#"{a,"",NULL,"NULL", b c ,"d,\"e\\"}"#,
            Some(&[Some("a"), Some(""), None, Some("NULL"), Some("b c"), Some("d,\"e\\")]),
        );
        check("{a,}", None);
        check("{,a}", None);
        check("{{a},{b}}", None);
        check("{\"a}", None);
        check("a", None);
    }
}
