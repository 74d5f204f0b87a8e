//! A plan that is made once and run for each batch.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions, UInt64Array};
use arrow_schema::{Field, Schema, SchemaRef};
use arrow_select::concat::concat_batches;
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, internal_err};
use datafusion::execution::TaskContext;
use datafusion::logical_expr::{JoinType, LogicalPlan};
use datafusion::physical_expr::scalar_subquery::ScalarSubqueryExpr;
use datafusion::physical_plan::execution_plan::{replace_children_if_necessary, reset_plan_states};
use datafusion::physical_plan::joins::{HashJoinExec, PartitionMode};
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, common::collect};
use wasmill_sdk::{ROW, row_field};

use crate::session::Session;
use crate::types;

/// After so many runs hash tables are not kept once: a kept join collects a few hundred bytes of metrics
/// each time it runs.
const RUNS_TO_RENEW: u32 = 1000;

/// What a query gives for a batch.
#[derive(Debug)]
pub struct Answer {
    /// Rows of [`Query::schema`].
    pub batch: RecordBatch,
    /// What the checks say of each row, in order.
    pub checks: Vec<BooleanArray>,
}

/// A plan that is kept.
pub struct Query {
    plan: Arc<dyn ExecutionPlan>,
    task: Arc<TaskContext>,
    schema: SchemaRef,
    /// Where the columns of `schema` are in the plan's result.
    columns: Vec<usize>,
    /// Where the checks are.
    checks: Vec<usize>,
    /// Whether hash tables over reference tables are kept from run to run.
    keeps: bool,
    runs: u32,
}

impl Query {
    /// Plans. The last `checks` columns of `plan`, apart from `__row`, are those of the checks. Hash tables
    /// are kept if the plan `keeps` them, which asks that only scans of `input` differ from run to run.
    pub fn new(session: &Session, plan: &LogicalPlan, checks: usize, keeps: bool) -> Result<Self> {
        let plan = session.physical(plan)?;
        let given = plan.schema();
        let row = given.fields().iter().position(|field| field.name() == ROW);
        let others: Vec<usize> = (0..given.fields().len()).filter(|index| Some(*index) != row).collect();
        let Some((columns, checks)) = others.split_at_checked(others.len().saturating_sub(checks)) else {
            return internal_err!("the plan has too few columns");
        };
        let fields = columns.iter().filter_map(|index| given.fields().get(*index)).map(types::plain_field);
        let fields: Vec<_> = fields.chain(row.map(|_| Arc::new(row_field()))).collect();
        Ok(Self {
            task: session.task(),
            schema: Arc::new(Schema::new(fields)),
            columns: columns.iter().copied().chain(row).collect(),
            checks: checks.to_vec(),
            plan,
            keeps,
            runs: 0,
        })
    }

    /// The columns that it gives, `__row` last if it is there.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Forgets what it knows of tables, because one has changed.
    pub fn forget(&mut self) -> Result<()> {
        self.plan = reset_plan_states(self.plan.clone())?;
        self.runs = 0;
        Ok(())
    }

    /// Runs for these rows of `input`.
    pub fn run(&mut self, session: &Session, input: Vec<RecordBatch>) -> Result<Answer> {
        if self.runs > 0 {
            self.plan = if self.keeps && !self.runs.is_multiple_of(RUNS_TO_RENEW) {
                renew(&self.plan)?
            } else {
                reset_plan_states(self.plan.clone())?
            };
        }
        self.runs = self.runs.wrapping_add(1);
        session.input.set(input);
        let batches: Result<Vec<RecordBatch>> = session.block_on(async {
            let mut batches = Vec::new();
            // One after the other, so that rows have the same order each time.
            for partition in 0..self.plan.output_partitioning().partition_count() {
                batches.extend(collect(self.plan.execute(partition, self.task.clone())?).await?);
            }
            Ok(batches)
        });
        session.input.set(Vec::new());
        self.answer(&batches?)
    }

    fn answer(&self, batches: &[RecordBatch]) -> Result<Answer> {
        let given = concat_batches(&self.plan.schema(), batches)?;
        let mut columns = Vec::with_capacity(self.columns.len());
        for (index, field) in self.columns.iter().zip(self.schema.fields()) {
            columns.push(convert(given.column(*index), field)?);
        }
        let checks = self.checks.iter().map(|index| given.column(*index).as_boolean().clone()).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(given.num_rows()));
        Ok(Answer { batch: RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)?, checks })
    }
}

/// The column with the type that it has in the result.
fn convert(column: &ArrayRef, field: &Field) -> Result<ArrayRef> {
    if field.name() == ROW && column.null_count() > 0 {
        // `max(__row)` of no rows, for one: a number is needed, and there is none.
        let numbers = column.as_primitive::<UInt64Type>().iter().map(Option::unwrap_or_default);
        return Ok(Arc::new(UInt64Array::from_iter_values(numbers)));
    }
    if column.data_type() == field.data_type() {
        return Ok(column.clone());
    }
    Ok(cast_with_options(column, field.data_type(), &CastOptions { safe: false, ..CastOptions::default() })?)
}

/// The plan made ready to run again. Unlike [`reset_plan_states`] it keeps the hash table of a join over
/// reference tables, which is most of the work if batches are small.
fn renew(plan: &Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let keeps = keeps_build_side(plan)?;
    let mut children = Vec::new();
    for (index, child) in plan.children().into_iter().enumerate() {
        children.push(if keeps && index == 0 { child.clone() } else { renew(child)? });
    }
    let plan = if children.is_empty() { plan.clone() } else { replace_children_if_necessary(plan.clone(), children)? };
    if keeps { Ok(plan) } else { plan.reset_state() }
}

/// Whether the plan is a hash join whose build side is the same each time and is not written to while the
/// other side is matched.
fn keeps_build_side(plan: &Arc<dyn ExecutionPlan>) -> Result<bool> {
    let Some(join) = plan.downcast_ref::<HashJoinExec>() else { return Ok(false) };
    let only_read = matches!(
        join.join_type(),
        JoinType::Inner | JoinType::Right | JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark
    );
    Ok(only_read && *join.partition_mode() == PartitionMode::CollectLeft && is_constant(join.left())?)
}

/// Whether the plan gives the same each time it runs, as long as no table changes.
fn is_constant(plan: &Arc<dyn ExecutionPlan>) -> Result<bool> {
    let mut constant = true;
    plan.apply(|node| {
        constant &= node.downcast_ref::<crate::table::Scan>().is_none_or(|scan| !scan.is_input);
        node.apply_expressions(&mut |expr| {
            expr.apply(|expr| {
                let of_subquery = expr.downcast_ref::<ScalarSubqueryExpr>().is_some();
                constant &= !of_subquery && !expr.is_volatile_node();
                Ok(TreeNodeRecursion::Continue)
            })
        })?;
        Ok(if constant { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    })?;
    Ok(constant)
}
