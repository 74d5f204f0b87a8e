//! Rules and routes: as boolean columns of a plan, and what they make of rows.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch};
use arrow_schema::{ArrowError, DataType, Field, Schema};
use arrow_select::filter::{filter, filter_record_batch, prep_null_mask_filter};
use datafusion::arrow::compute::{and, not};
use datafusion::common::ExprSchema;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, Projection, SubqueryAlias};
use wasmill_sdk::{Rejects, RowNumbers};

use crate::config::{Route, Rule};
use crate::query::Answer;
use crate::session::Names;
use crate::{inspect, text};

/// Rules and routes over the rows of one plan.
#[derive(Debug, Clone, Default)]
pub struct Checks {
    /// Rows that fail one are rejected.
    pub rules: Vec<Rule>,
    /// Said of the rows that are left.
    pub routes: Vec<Route>,
}

impl Checks {
    /// How many columns [`Checks::add_columns`] adds.
    pub fn len(&self) -> usize {
        self.rules.len() + self.routes.len()
    }

    /// Whether there is nothing to check.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a boolean column for each rule, then for each route. Their predicates know the plan's columns,
    /// also as `table.column`.
    pub fn add_columns(&self, plan: LogicalPlan, table: &str, names: &Names) -> Result<LogicalPlan, String> {
        if self.is_empty() {
            return Ok(plan);
        }
        let plan = SubqueryAlias::try_new(Arc::new(plan), table).map_err(|err| text::error(&err))?;
        let mut columns: Vec<Expr> = plan.schema.columns().into_iter().map(Expr::Column).collect();
        let rules = self.rules.iter().map(|rule| ("rule", &rule.name, &rule.predicate));
        let routes = self.routes.iter().map(|route| ("route", &route.name, &route.predicate));
        for (index, (what, name, predicate)) in rules.chain(routes).enumerate() {
            let expr = read(predicate, &plan, names).map_err(|err| format!("{what} `{name}`: {err}"))?;
            columns.push(expr.alias(format!("__check_{index}")));
        }
        let plan = Projection::try_new(columns, Arc::new(LogicalPlan::SubqueryAlias(plan)));
        let plan = plan.map(LogicalPlan::Projection).map_err(|err| text::error(&err))?;
        inspect::check(&plan)?;
        Ok(plan)
    }

    /// The rows that pass all rules, and their routes. The others go to `rejects`.
    pub fn apply(
        &self,
        answer: Answer,
        rejects: &mut Rejects,
    ) -> Result<(RecordBatch, Option<RecordBatch>), ArrowError> {
        let Answer { batch, checks } = answer;
        let checks: Vec<BooleanArray> = checks.iter().map(true_or_false).collect();
        let (rules, routes) = checks.split_at_checked(self.rules.len()).unwrap_or_default();
        let mut passed: Option<BooleanArray> = None;
        for rule in rules {
            passed = Some(match passed {
                Some(passed) => and(&passed, rule)?,
                None => rule.clone(),
            });
        }
        let passed = passed.filter(|passed| passed.true_count() < batch.num_rows());
        if let Some(passed) = &passed {
            self.reject(&batch, rules, passed, rejects)?;
        }
        let keep = |column: &BooleanArray| -> Result<ArrayRef, ArrowError> {
            match &passed {
                Some(passed) => filter(column, passed),
                None => Ok(Arc::new(column.clone())),
            }
        };
        let routes = routes.iter().map(keep).collect::<Result<Vec<_>, _>>()?;
        let routes = if routes.is_empty() {
            None
        } else {
            let fields = self.routes.iter().map(|route| Field::new(&route.name, DataType::Boolean, false));
            Some(RecordBatch::try_new(Arc::new(Schema::new(fields.collect::<Vec<_>>())), routes)?)
        };
        let batch = match &passed {
            Some(passed) => filter_record_batch(&batch, passed)?,
            None => batch,
        };
        Ok((batch, routes))
    }

    fn reject(
        &self,
        batch: &RecordBatch,
        rules: &[BooleanArray],
        passed: &BooleanArray,
        rejects: &mut Rejects,
    ) -> Result<(), ArrowError> {
        let numbers = RowNumbers::of(batch);
        let failed = not(passed)?;
        let raw = text::rows(&filter_record_batch(batch, &failed)?);
        for (index, raw) in failed.values().set_indices().zip(raw) {
            let reasons = self.rules.iter().zip(rules).filter(|(_, column)| !column.value(index));
            let reasons = reasons.map(|(rule, _)| format!("rule `{}`: {}", rule.name, rule.predicate));
            rejects.push(numbers.get(index), reasons.collect::<Vec<_>>().join("; "), raw.as_deref());
        }
        Ok(())
    }
}

/// Reads a predicate and checks that it is one.
fn read(predicate: &str, plan: &SubqueryAlias, names: &Names) -> Result<Expr, String> {
    let expr = names.predicate(predicate, &plan.schema)?;
    inspect::check_predicate(&expr)?;
    let columns: &dyn ExprSchema = plan.schema.as_ref();
    match expr.get_type(columns).map_err(|err| text::error(&err))? {
        DataType::Boolean => Ok(expr),
        other => Err(format!("`{predicate}` is {other}, not Boolean")),
    }
}

/// Null is false.
fn true_or_false(column: &BooleanArray) -> BooleanArray {
    if column.nulls().is_some() { prep_null_mask_filter(column) } else { column.clone() }
}
