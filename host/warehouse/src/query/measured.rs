//! What may become of a model's measures in a query. A measure that is no sum cannot be aggregated further: the mean of the
//! shares of days is not the share of a month. So measures are aggregated by columns of the model only, which is then
//! asked by them; by anything else that is refused, and told.

use deltalake_core::datafusion::common::config::ConfigOptions;
use deltalake_core::datafusion::common::{DataFusionError, Result};
use deltalake_core::datafusion::datasource::source_as_provider;
use deltalake_core::datafusion::logical_expr::expr::AggregateFunction;
use deltalake_core::datafusion::logical_expr::{Aggregate, Expr, LogicalPlan, TableScan};
use deltalake_core::datafusion::optimizer::AnalyzerRule;

use super::cube::{Column, Cube};

/// Aggregates that a measure, of which there is one row, is the same in.
const SAME: [&str; 4] = ["sum", "min", "max", "avg"];

/// Checks queries of models.
#[derive(Debug)]
pub struct Measured;

impl AnalyzerRule for Measured {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        check(&plan)?;
        Ok(plan)
    }

    fn name(&self) -> &str {
        "measured"
    }
}

/// What the rows of a plan are.
enum Rows<'a> {
    /// Nothing of a model that is not aggregated.
    Free,
    /// A model's, with the columns that it has.
    Models(&'a TableScan),
    /// A model's, and something else is made of them.
    Made,
}

fn check(plan: &LogicalPlan) -> Result<Rows<'_>> {
    Ok(match plan {
        LogicalPlan::TableScan(scan) if cube_of(scan, |_| ()).is_some() => Rows::Models(scan),
        LogicalPlan::SubqueryAlias(alias) => check(&alias.input)?,
        LogicalPlan::Sort(sort) if sort.fetch.is_none() => check(&sort.input)?,
        LogicalPlan::Filter(filter) => check(&filter.input)?,
        LogicalPlan::Projection(projection) => match check(&projection.input)? {
            Rows::Models(scan) if projection.expr.iter().all(is_column) => Rows::Models(scan),
            Rows::Free => Rows::Free,
            Rows::Models(_) | Rows::Made => Rows::Made,
        },
        LogicalPlan::Aggregate(aggregate) => {
            match check(&aggregate.input)? {
                Rows::Free => {}
                Rows::Models(scan) => aggregated(aggregate, scan)?,
                Rows::Made => return Err(refused("something that is made of the model's columns, or of some rows")),
            }
            Rows::Free
        }
        other => {
            let mut rows = Rows::Free;
            for input in other.inputs() {
                if !matches!(check(input)?, Rows::Free) {
                    rows = Rows::Made;
                }
            }
            rows
        }
    })
}

/// Something of the cube that a scan reads, if it reads one.
fn cube_of<T>(scan: &TableScan, something: impl FnOnce(&Cube) -> T) -> Option<T> {
    let provider = source_as_provider(&scan.source).ok()?;
    provider.downcast_ref::<Cube>().map(something)
}

fn is_column(expr: &Expr) -> bool {
    match expr {
        Expr::Column(_) => true,
        Expr::Alias(alias) => is_column(&alias.expr),
        _ => false,
    }
}

fn aggregated(aggregate: &Aggregate, scan: &TableScan) -> Result<()> {
    if let Some(by) = aggregate.group_expr.iter().find(|expr| !is_column(expr)) {
        return Err(refused(&format!("`{by}`")));
    }
    for expr in &aggregate.aggr_expr {
        let expr = if let Expr::Alias(alias) = expr { &*alias.expr } else { expr };
        let Expr::AggregateFunction(AggregateFunction { func, params }) = expr else { continue };
        let of = match params.args.as_slice() {
            [Expr::Column(column)] if params.filter.is_none() => {
                cube_of(scan, |cube| cube.column(&column.name).cloned()).flatten()
            }
            _ => None,
        };
        let (name, is_distinct) = (func.name(), params.distinct);
        let is_right = match of {
            Some(Column::Measure(_)) => SAME.contains(&name) && !is_distinct,
            Some(Column::Dimension(_)) => matches!(name, "min" | "max") || name == "count" && is_distinct,
            // It may have another name here.
            None => SAME.contains(&name) && !is_distinct && matches!(params.args.as_slice(), [Expr::Column(_)]),
        };
        if !is_right {
            let message = format!(
                "`{expr}` is nothing that can be asked of the model\nhint: a measure is given by `sum`, `min`, `max` or `avg` of it, which are the same; dimensions have `min`, `max` and `count(DISTINCT …)`"
            );
            return Err(DataFusionError::Plan(message));
        }
    }
    Ok(())
}

fn refused(by: &str) -> DataFusionError {
    DataFusionError::Plan(format!(
        "measures cannot be aggregated by {by}: they may be no sums\nhint: GROUP BY columns of the model; a time has a column for each period, as `date_month`"
    ))
}
