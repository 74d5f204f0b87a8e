//! What is refused of any query: all but one `SELECT`, and functions whose result a replay would not give.

use datafusion::common::Result;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, LogicalPlan, Volatility};

use crate::{clock, text};

/// The message for a statement that is not a query.
pub fn not_a_query(statement: &str) -> String {
    let first = statement.split_whitespace().next().unwrap_or_default().to_uppercase();
    format!("`sql` is a query that starts with `SELECT` or `WITH`, not a statement `{first}`")
}

/// Refuses what no query may have.
pub fn check(plan: &LogicalPlan) -> Result<(), String> {
    let mut refused = None;
    let walked = plan.apply_with_subqueries(|node| {
        refused = statement(node).map(not_a_query);
        if refused.is_none() {
            refused = volatile(node)?;
        }
        Ok(if refused.is_some() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    walked.map_err(|err| text::error(&err))?;
    refused.map_or(Ok(()), Err)
}

/// Refuses what a predicate may not have.
pub fn check_predicate(predicate: &Expr) -> Result<(), String> {
    let mut refused = None;
    let walked = predicate.apply(|expr| {
        refused = match expr {
            Expr::AggregateFunction(_) => Some("a predicate is about one row, so it has no aggregate".to_owned()),
            Expr::WindowFunction(_) => Some("a predicate is about one row, so it has no window function".to_owned()),
            Expr::Unnest(_) => Some("a predicate is about one row, so it has no `unnest`".to_owned()),
            other => volatile_call(other),
        };
        Ok(if refused.is_some() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    walked.map_err(|err| text::error(&err))?;
    refused.map_or(Ok(()), Err)
}

/// What the node would do other than read.
fn statement(node: &LogicalPlan) -> Option<&'static str> {
    match node {
        LogicalPlan::Dml(_) => Some("INSERT"),
        LogicalPlan::Ddl(_) => Some("CREATE"),
        LogicalPlan::Copy(_) => Some("COPY"),
        LogicalPlan::Statement(_) => Some("SET"),
        LogicalPlan::Explain(_) | LogicalPlan::Analyze(_) => Some("EXPLAIN"),
        LogicalPlan::DescribeTable(_) => Some("DESCRIBE"),
        _ => None,
    }
}

/// Why an expression of the node gives something else each time, if one does.
fn volatile(node: &LogicalPlan) -> Result<Option<String>> {
    let mut found = None;
    node.apply_expressions(|expr| {
        expr.apply(|expr| {
            found = volatile_call(expr);
            Ok(if found.is_some() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        })
    })?;
    Ok(found)
}

fn volatile_call(expr: &Expr) -> Option<String> {
    let (name, volatility) = match expr {
        Expr::ScalarFunction(call) if clock::is_clock(&call.func) => return None,
        Expr::ScalarFunction(call) => (call.func.name(), call.func.signature().volatility),
        Expr::AggregateFunction(call) => (call.func.name(), call.func.signature().volatility),
        Expr::HigherOrderFunction(call) => (call.func.name(), call.func.signature().volatility),
        _ => return None,
    };
    (volatility == Volatility::Volatile)
        .then(|| format!("`{name}()` gives something else each time, but a replay must give the same"))
}
