//! A table of which somebody may see some rows. Nothing of whoever asks comes to the others: no expression that could fail
//! on them and tell of it, no plan that shows them, no statistics of them.

use std::fmt;
use std::sync::Arc;

use arrow_schema::SchemaRef;
use deltalake_core::datafusion::catalog::{Session, TableProvider};
use deltalake_core::datafusion::common::tree_node::TreeNodeRecursion;
use deltalake_core::datafusion::common::{DFSchema, DataFusionError, Result};
use deltalake_core::datafusion::datasource::provider_as_source;
use deltalake_core::datafusion::execution::{SendableRecordBatchStream, TaskContext};
use deltalake_core::datafusion::logical_expr::utils::disjunction;
use deltalake_core::datafusion::logical_expr::{
    BinaryExpr, Expr, LogicalPlanBuilder, Operator as Op, TableProviderFilterPushDown, TableType,
};
use deltalake_core::datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use deltalake_core::datafusion::physical_plan::execution_plan::{
    ChildrenPropertiesMode, ReplaceChildrenOptions, reset_plan_states,
};
use deltalake_core::datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties,
};
use deltalake_core::datafusion::prelude::SessionContext;

/// What the table is called within; nobody sees it.
const NAME: &str = "guarded";

/// A table with a condition on its rows.
#[derive(Debug)]
pub struct Guarded {
    table: Arc<dyn TableProvider>,
    condition: Expr,
}

impl Guarded {
    /// The rows for which one of the conditions is true. An error if one of them is no condition on the table's columns.
    pub fn new(context: &SessionContext, table: Arc<dyn TableProvider>, conditions: &[String]) -> Result<Self> {
        let schema = DFSchema::try_from_qualified_schema(NAME, &table.schema())?;
        let conditions: Vec<Expr> = conditions
            .iter()
            .map(|sql| context.parse_sql_expr(sql, &schema).map_err(|err| err.context(format!("the rule `{sql}`"))))
            .collect::<Result<_>>()?;
        // Without any there would be no rows.
        let condition =
            disjunction(conditions).ok_or_else(|| DataFusionError::Plan("a table without a condition".to_owned()))?;
        Ok(Self { table, condition })
    }
}

#[async_trait::async_trait]
impl TableProvider for Guarded {
    fn schema(&self) -> SchemaRef {
        self.table.schema()
    }

    fn table_type(&self) -> TableType {
        self.table.table_type()
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let support = |filter: &&Expr| match cannot_fail(filter) {
            true => TableProviderFilterPushDown::Inexact,
            false => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(support).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut plan = LogicalPlanBuilder::scan(NAME, provider_as_source(self.table.clone()), None)?
            .filter(self.condition.clone())?;
        for filter in filters {
            plan = plan.filter(within(filter.clone())?)?;
        }
        if let Some(columns) = projection {
            plan = plan.select(columns.iter().copied())?;
        }
        let plan = plan.limit(0, limit)?.build()?;
        Ok(Arc::new(Fence::new(state.create_physical_plan(&plan).await?)))
    }
}

/// A filter with the columns named as they are within.
fn within(filter: Expr) -> Result<Expr> {
    use deltalake_core::datafusion::common::tree_node::{Transformed, TreeNode};

    let named = filter.transform(|expr| match expr {
        Expr::Column(mut column) => {
            column.relation = Some(NAME.into());
            Ok(Transformed::yes(Expr::Column(column)))
        }
        other => Ok(Transformed::no(other)),
    })?;
    Ok(named.data)
}

/// Whether an expression has a value for every row, so that whether it fails tells nothing: comparisons of columns with values.
fn cannot_fail(filter: &Expr) -> bool {
    let is_value = |expr: &Expr| matches!(expr, Expr::Literal(..));
    let is_column = |expr: &Expr| matches!(expr, Expr::Column(_));
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if op.is_logic_operator() => {
            cannot_fail(left) && cannot_fail(right)
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let compares = matches!(op, Op::Eq | Op::NotEq | Op::Lt | Op::LtEq | Op::Gt | Op::GtEq);
            compares && (is_column(left) && is_value(right) || is_value(left) && is_column(right))
        }
        Expr::InList(list) => is_column(&list.expr) && list.list.iter().all(is_value),
        Expr::Between(between) => is_column(&between.expr) && is_value(&between.low) && is_value(&between.high),
        Expr::IsNull(expr) | Expr::IsNotNull(expr) => is_column(expr),
        Expr::Not(expr) => cannot_fail(expr),
        _ => false,
    }
}

/// The plan of a guarded table, into which no other plan sees and nothing is moved.
#[derive(Debug)]
pub struct Fence {
    plan: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
}

impl Fence {
    /// Around a plan.
    pub fn new(plan: Arc<dyn ExecutionPlan>) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(plan.schema()),
            plan.output_partitioning().clone(),
            plan.pipeline_behavior(),
            plan.boundedness(),
        );
        Self { plan, properties: Arc::new(properties) }
    }
}

impl DisplayAs for Fence {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guarded")
    }
}

impl ExecutionPlan for Fence {
    fn name(&self) -> &str {
        "Guarded"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn reset_state(self: Arc<Self>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(Self::new(reset_plan_states(self.plan.clone())?)))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        self.plan.execute(partition, context)
    }
}
