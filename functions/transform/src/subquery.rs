//! `IN (SELECT …)` and `EXISTS (SELECT …)` as values.
//!
//! DataFusion plans them as conditions of `WHERE` only. In a `SELECT` list, where predicates of rules and
//! routes are too, they are written as counts here, which it plans as joins.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result, ScalarValue, plan_err};
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::expr::{Exists, InSubquery};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, Subquery, lit, when};

/// The plan without subqueries that cannot be planned.
pub fn as_counts(plan: LogicalPlan) -> Result<LogicalPlan> {
    let plan = plan.transform_up(|node| {
        let LogicalPlan::Projection(projection) = &node else { return Ok(Transformed::no(node)) };
        let columns = projection.input.schema().clone();
        let names = NamePreserver::new_for_projection();
        node.map_expressions(|expr| {
            let name = names.save(&expr);
            let expr = expr.transform_up(|expr| replace(expr, &columns))?;
            Ok(expr.update_data(|expr| name.restore(expr)))
        })
    })?;
    if !plan.transformed {
        return Ok(plan.data);
    }
    // A count may be null where `EXISTS` is not, as far as types tell.
    plan.data.transform_up(|node| node.recompute_schema().map(Transformed::yes)).map(|plan| plan.data)
}

fn replace(expr: Expr, columns: &DFSchema) -> Result<Transformed<Expr>> {
    Ok(match expr {
        Expr::Exists(Exists { subquery, negated }) => {
            let exists = Expr::IsTrue(Box::new(counted(&subquery, None, Vec::new())?.gt(lit(0_i64))));
            Transformed::yes(if negated { Expr::Not(Box::new(exists)) } else { exists })
        }
        Expr::InSubquery(InSubquery { expr, subquery, negated }) => {
            let found = is_in(*expr, &subquery, columns)?;
            Transformed::yes(if negated { Expr::Not(Box::new(found)) } else { found })
        }
        other => Transformed::no(other),
    })
}

/// `expr IN (subquery)`, which is null if nothing is found where something unknown was compared.
fn is_in(expr: Expr, subquery: &Subquery, columns: &DFSchema) -> Result<Expr> {
    let given = subquery.subquery.schema();
    let (1, Some(value)) = (given.fields().len(), given.columns().into_iter().next()) else {
        return plan_err!("a subquery after `IN` has one column, not {}", given.fields().len());
    };
    let value = Expr::Column(value);
    let mut outer = Vec::new();
    let needle = expr.clone().transform_up(|expr| {
        let Expr::Column(column) = &expr else { return Ok(Transformed::no(expr)) };
        let (_, field) = columns.qualified_field_from_column(column)?;
        let reference = Expr::OuterReferenceColumn(field.clone(), column.clone());
        outer.push(reference.clone());
        Ok(Transformed::yes(reference))
    })?;
    let matches = counted(subquery, Some(value.clone().eq(needle.data)), outer)?;
    let unknown = counted(subquery, Some(value.is_null()), Vec::new())?;
    let all = counted(subquery, None, Vec::new())?;
    let compared_unknown = unknown.gt(lit(0_i64)).or(expr.is_null().and(all.gt(lit(0_i64))));
    when(matches.gt(lit(0_i64)), lit(true))
        .when(compared_unknown, lit(ScalarValue::Boolean(None)))
        .otherwise(lit(false))
}

/// How many rows of the subquery there are for which the filter, if any, is true.
fn counted(subquery: &Subquery, filter: Option<Expr>, outer: Vec<Expr>) -> Result<Expr> {
    let mut plan = LogicalPlanBuilder::from(subquery.subquery.clone());
    if let Some(filter) = filter {
        plan = plan.filter(filter)?;
    }
    let plan = plan.aggregate(Vec::<Expr>::new(), [count(lit(1_i64))])?.build()?;
    let outer_ref_columns = subquery.outer_ref_columns.iter().cloned().chain(outer).collect();
    Ok(Expr::ScalarSubquery(Subquery { subquery: Arc::new(plan), outer_ref_columns, spans: subquery.spans.clone() }))
}
