//! Scope `row`: what is refused, because a row's result would depend on other rows, and how the column
//! `__row` goes along.
//!
//! Both happen in one walk over the plan as written, before any optimiser changes it. Nodes over reference
//! tables alone are left as they are; a node over `input` either takes each row on its own, then it passes
//! `__row` on, or it is refused.

use std::sync::Arc;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Column, NullEquality, TableReference};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{
    Aggregate, Distinct, Expr, Filter, Join, JoinType, LogicalPlan, Projection, SubqueryAlias, TableScanBuilder,
    TableSource, Union, Unnest,
};
use wasmill_sdk::ROW;

use crate::table::INPUT;
use crate::text;

/// The plan with the column `__row` added, somewhere; `input` is the table with that column.
pub fn number_rows(plan: &LogicalPlan, input: &Arc<dyn TableSource>) -> Result<LogicalPlan, String> {
    if !reads_input(plan) {
        return Err("the query does not read the table `input`, so there is no row that a result stands for\n\
             hint: read `input`, or add scope = \"object\" to the step's config"
            .to_owned());
    }
    if names_row(plan) {
        return Err(format!("a column is named `{ROW}`, which is taken\nhint: name it with `AS other_name`"));
    }
    Numbering { input }.carry(plan)
}

/// Whether a column of the query has the name of the hidden one.
fn names_row(plan: &LogicalPlan) -> bool {
    let has_row = |node: &LogicalPlan| node.schema().fields().iter().any(|field| field.name() == ROW);
    any_node(plan, has_row)
}

/// Whether the plan reads the table `input`, in a subquery of an expression as well.
pub fn reads_input(plan: &LogicalPlan) -> bool {
    any_node(
        plan,
        |node| matches!(node, LogicalPlan::TableScan(scan) if scan.table_name == TableReference::bare(INPUT)),
    )
}

fn any_node(plan: &LogicalPlan, is_it: impl Fn(&LogicalPlan) -> bool) -> bool {
    let mut found = false;
    // The closure has no error to give.
    let _ = plan.apply_with_subqueries(|node| {
        found = is_it(node);
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    found
}

struct Numbering<'a> {
    input: &'a Arc<dyn TableSource>,
}

impl Numbering<'_> {
    /// The plan with `__row` among its columns. It must read `input`.
    fn carry(&self, plan: &LogicalPlan) -> Result<LogicalPlan, String> {
        check_subqueries(plan)?;
        let carried = match plan {
            LogicalPlan::TableScan(scan) => {
                TableScanBuilder::new(scan.table_name.clone(), self.input.clone()).build().map(LogicalPlan::TableScan)
            }
            LogicalPlan::SubqueryAlias(node) => {
                SubqueryAlias::try_new(self.carry_arc(&node.input)?, node.alias.clone()).map(LogicalPlan::SubqueryAlias)
            }
            LogicalPlan::Filter(node) => {
                Filter::try_new(node.predicate.clone(), self.carry_arc(&node.input)?).map(LogicalPlan::Filter)
            }
            LogicalPlan::Projection(node) => self.project(node)?,
            LogicalPlan::Unnest(node) => {
                let input = self.carry_arc(&node.input)?;
                Unnest::try_new(input, node.exec_columns.clone(), node.options.clone()).map(LogicalPlan::Unnest)
            }
            LogicalPlan::Join(node) => self.join(node)?,
            LogicalPlan::Union(node) => self.union(node)?,
            other => return Err(refused(&what(other))),
        };
        carried.map_err(|err| text::error(&err))
    }

    fn carry_arc(&self, plan: &LogicalPlan) -> Result<Arc<LogicalPlan>, String> {
        self.carry(plan).map(Arc::new)
    }

    fn project(&self, node: &Projection) -> Result<Result<LogicalPlan, DataFusionError>, String> {
        let input = self.carry_arc(&node.input)?;
        let expr = node.expr.iter().cloned().chain(row_of(&input)).collect();
        Ok(Projection::try_new(expr, input).map(LogicalPlan::Projection))
    }

    fn join(&self, node: &Join) -> Result<Result<LogicalPlan, DataFusionError>, String> {
        let (of_left, of_right) = (reads_input(&node.left), reads_input(&node.right));
        if of_left && of_right {
            return Err(refused("a join of `input` with itself"));
        }
        if node.null_equality == NullEquality::NullEqualsNull {
            match node.join_type {
                JoinType::LeftSemi => return Err(refused("`INTERSECT`")),
                JoinType::LeftAnti => return Err(refused("`EXCEPT`")),
                _ => {}
            }
        }
        let stands_alone = match node.join_type {
            JoinType::Inner => true,
            JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark => of_left,
            JoinType::Right | JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => of_right,
            JoinType::Full => false,
        };
        if !stands_alone {
            let name = node.join_type.to_string().to_uppercase();
            return Err(refused(&format!("a join (`{name}`) that keeps rows of the other side")));
        }
        let (mut left, mut right) = (node.left.clone(), node.right.clone());
        let numbered = if of_left { &mut left } else { &mut right };
        *numbered = self.carry_arc(numbered)?;
        let join = Join::try_new(
            left,
            right,
            node.on.clone(),
            node.filter.clone(),
            node.join_type,
            node.join_constraint,
            node.null_equality,
            node.null_aware,
        );
        Ok(join.map(LogicalPlan::Join))
    }

    /// Branches match by position, so `__row` is made the last column of each.
    fn union(&self, node: &Union) -> Result<Result<LogicalPlan, DataFusionError>, String> {
        let mut branches = Vec::with_capacity(node.inputs.len());
        for branch in &node.inputs {
            if !reads_input(branch) {
                return Err(refused("a branch of `UNION ALL` that does not read it"));
            }
            let branch = self.carry_arc(branch)?;
            let others = branch.schema().columns().into_iter().filter(|column| column.name != ROW).map(Expr::Column);
            let expr = others.chain(row_of(&branch)).collect();
            let branch = Projection::try_new(expr, branch).map_err(|err| text::error(&err))?;
            branches.push(Arc::new(LogicalPlan::Projection(branch)));
        }
        Ok(Union::try_new_with_loose_types(branches).map(LogicalPlan::Union))
    }
}

/// The column `__row` of a plan.
pub fn row_of(plan: &LogicalPlan) -> Option<Expr> {
    let mut columns = plan.schema().iter();
    columns.find(|(_, field)| field.name() == ROW).map(|(table, _)| Expr::Column(Column::new(table.cloned(), ROW)))
}

/// Refuses subqueries in the node's expressions that read `input`.
fn check_subqueries(node: &LogicalPlan) -> Result<(), String> {
    let mut found = false;
    let walked = node.apply_subqueries(|subquery| {
        found |= reads_input(subquery);
        Ok(TreeNodeRecursion::Continue)
    });
    walked.map_err(|err| text::error(&err))?;
    if found { Err(refused("a subquery in an expression")) } else { Ok(()) }
}

fn refused(what: &str) -> String {
    format!(
        "{what} over `input`: with scope `row` each row stands alone\n\
         hint: add scope = \"object\" to the step's config, or do it over a reference table in a subquery"
    )
}

/// What a node is called in SQL.
fn what(node: &LogicalPlan) -> String {
    match node {
        LogicalPlan::Aggregate(Aggregate { aggr_expr, .. }) => match aggr_expr.first() {
            // What is counted in `count(*)` is a 1.
            Some(first) => format!("the aggregate `{}`", first.schema_name()).replace("count(Int64(1))", "count(*)"),
            None => "`GROUP BY`".to_owned(),
        },
        LogicalPlan::Distinct(Distinct::All(input)) if matches!(**input, LogicalPlan::Union(_)) => {
            "`UNION` without `ALL`".to_owned()
        }
        LogicalPlan::Distinct(Distinct::All(_)) => "`DISTINCT`".to_owned(),
        LogicalPlan::Distinct(Distinct::On(_)) => "`DISTINCT ON`".to_owned(),
        LogicalPlan::Sort(_) => "`ORDER BY`".to_owned(),
        LogicalPlan::Limit(_) => "`LIMIT` or `OFFSET`".to_owned(),
        LogicalPlan::Window(_) => "a window function (`OVER`)".to_owned(),
        LogicalPlan::RecursiveQuery(_) => "`WITH RECURSIVE`".to_owned(),
        LogicalPlan::Subquery(_) => "`LATERAL`".to_owned(),
        other => format!("`{}`", other.display()),
    }
}
