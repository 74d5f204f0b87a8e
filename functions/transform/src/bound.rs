//! What `bind` makes for rows of one schema: the plans, and the way of a batch through them.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::{Array, BooleanArray, RecordBatch, UInt64Array};
use arrow_schema::{DataType, Schema, SchemaRef};
use arrow_select::concat::{concat, concat_batches};
use datafusion::arrow::compute::cast;
use datafusion::logical_expr::{LogicalPlan, TableSource};
use wasmill_sdk::{Failure, Output, ROW, Rejects, row_field};

use crate::checks::Checks;
use crate::config::{Config, Scope, Side};
use crate::query::{Answer, Query};
use crate::session::Session;
use crate::table::{INPUT, differences};
use crate::{narrow, scope, subquery, text, types};

/// Plans for rows of one schema.
pub struct Bound {
    /// The columns that rows come with.
    given: SchemaRef,
    /// The same in plain types and with `__row`, last: the table `input`.
    numbered: SchemaRef,
    /// The rules on input, if there are any.
    gate: Option<(Query, Checks)>,
    query: Query,
    checks: Checks,
}

impl Bound {
    /// Plans, and tries what does not depend on rows, so that hash tables over reference tables are there.
    pub fn new(config: &Config, session: &Session, given: SchemaRef) -> Result<Self, String> {
        let numbered = number(&given)?;
        let one_by_one = session.input_table(numbered.clone(), true);
        let all = session.input_table(numbered.clone(), false);
        let last = numbered.fields().len().saturating_sub(1);
        let without_row = Schema::new(numbered.fields().iter().take(last).cloned().collect::<Vec<_>>());
        let without_row = session.input_table(Arc::new(without_row), false);
        let rules = |side| config.rules.iter().filter(move |rule| rule.on == side).cloned().collect();

        // Rules on input have scope `row`, whatever that of the query.
        let checks = Checks { rules: rules(Side::Input), routes: Vec::new() };
        let names = session.names(&without_row);
        let gate = if checks.is_empty() {
            None
        } else {
            let plan = checks.add_columns(names.query("SELECT * FROM input")?, INPUT, &names)?;
            Some((plan_rows(session, plan, &one_by_one, &checks)?, checks))
        };

        let names = if config.scope == Scope::Row { names } else { session.names(&all) };
        let plan = names.query(&config.sql)?;
        check_columns(&plan, config.scope)?;
        let checks = Checks { rules: rules(Side::Output), routes: config.routes.clone() };
        let plan = checks.add_columns(plan, "output", &names)?;
        let query = match config.scope {
            Scope::Row => plan_rows(session, plan, &one_by_one, &checks)?,
            Scope::Object => plan_query(session, plan, &checks, false)?,
        };
        Ok(Self { given, numbered, gate, query, checks })
    }

    /// The columns of the result.
    pub fn schema(&self) -> &SchemaRef {
        self.query.schema()
    }

    /// Forgets what the plans know of tables, because one has changed.
    pub fn forget(&mut self) -> Result<(), String> {
        let gate = self.gate.as_mut().map(|(gate, _)| gate);
        gate.into_iter().chain([&mut self.query]).try_for_each(Query::forget).map_err(|err| text::error(&err))
    }

    /// The rows as rows of `input` that pass its rules. Rows that come without a number are counted from
    /// `first`.
    pub fn take(
        &mut self,
        session: &Session,
        rows: &RecordBatch,
        first: u64,
        rejects: &mut Rejects,
    ) -> Result<RecordBatch, Failure> {
        let differences = differences(&self.given, rows.schema_ref());
        if !differences.is_empty() {
            return Err(Failure::Other(format!("the rows are not as in `bind`: {}", differences.join("; "))));
        }
        let mut columns = Vec::with_capacity(self.numbered.fields().len());
        for field in self.numbered.fields() {
            columns.push(match rows.column_by_name(field.name()) {
                Some(column) if column.data_type() == field.data_type() => column.clone(),
                Some(column) => cast(column, field.data_type())?,
                None => Arc::new(UInt64Array::from_iter_values(first..first + rows.num_rows() as u64)),
            });
        }
        let rows = RecordBatch::try_new(self.numbered.clone(), columns)?;
        let Some((gate, checks)) = &mut self.gate else { return Ok(rows) };
        let answers = narrow::run(rows, rejects, |rows| gate.run(session, vec![rows]))?;
        let (rows, _) = checks.apply(join(answers, gate.schema(), checks)?, rejects)?;
        Ok(RecordBatch::try_new(self.numbered.clone(), rows.columns().to_vec())?)
    }

    /// What the query makes of rows that stand alone each.
    pub fn each(&mut self, session: &Session, rows: RecordBatch, mut rejects: Rejects) -> Result<Output, Failure> {
        let answers = narrow::run(rows, &mut rejects, |rows| self.query.run(session, vec![rows]))?;
        self.output(answers, rejects)
    }

    /// What the query makes of all rows of an event.
    pub fn all(&mut self, session: &Session, batches: Vec<RecordBatch>) -> Result<Output, Failure> {
        let answer = self.query.run(session, batches).map_err(|err| {
            let message = text::error(&err);
            if narrow::is_fault(&err) { Failure::Other(message) } else { Failure::Reject(message) }
        })?;
        self.output(vec![answer], Rejects::default())
    }

    /// No rows, with the columns of the result and of the routes.
    pub fn none(&self, rejects: Rejects) -> Result<Output, Failure> {
        self.output(Vec::new(), rejects)
    }

    fn output(&self, answers: Vec<Answer>, mut rejects: Rejects) -> Result<Output, Failure> {
        let answer = join(answers, self.query.schema(), &self.checks)?;
        let (batch, routes) = self.checks.apply(answer, &mut rejects)?;
        Ok(Output { batch, rejects, routes })
    }
}

/// Plans with scope `row`, and runs for no rows; `input` is the table with `__row`.
fn plan_rows(
    session: &Session,
    plan: LogicalPlan,
    input: &Arc<dyn TableSource>,
    checks: &Checks,
) -> Result<Query, String> {
    // What becomes of subqueries looks like aggregates, so the scope is seen to first.
    let mut query = plan_query(session, scope::number_rows(&plan, input)?, checks, true)?;
    query.run(session, Vec::new()).map_err(|err| format!("the query fails without any row: {}", text::error(&err)))?;
    Ok(query)
}

fn plan_query(session: &Session, plan: LogicalPlan, checks: &Checks, keeps: bool) -> Result<Query, String> {
    let query = subquery::as_counts(plan).and_then(|plan| Query::new(session, &plan, checks.len(), keeps));
    query.map_err(|err| text::error(&err))
}

/// Several answers as one.
fn join(mut answers: Vec<Answer>, schema: &SchemaRef, checks: &Checks) -> Result<Answer, Failure> {
    if answers.len() == 1
        && let Some(answer) = answers.pop()
    {
        return Ok(answer);
    }
    let batch = concat_batches(schema, answers.iter().map(|answer| &answer.batch))?;
    let mut columns = Vec::with_capacity(checks.len());
    for index in 0..checks.len() {
        let parts = answers.iter().filter_map(|answer| answer.checks.get(index));
        let parts: Vec<&dyn Array> = parts.map(|part| part as &dyn Array).collect();
        columns.push(if parts.is_empty() {
            BooleanArray::new_null(0)
        } else {
            BooleanArray::from(concat(&parts)?.to_data())
        });
    }
    Ok(Answer { batch, checks: columns })
}

/// The columns of the table `input`, for rows that come with the columns `given`.
fn number(given: &Schema) -> Result<SchemaRef, String> {
    if let Ok(row) = given.field_with_name(ROW)
        && *row.data_type() != DataType::UInt64
    {
        return Err(format!("column `{ROW}` of `{INPUT}` is {}, not UInt64", row.data_type()));
    }
    let others = given.fields().iter().filter(|field| field.name() != ROW).map(types::plain_field);
    Ok(Arc::new(Schema::new(others.chain([Arc::new(row_field())]).collect::<Vec<_>>())))
}

/// Refuses names of columns that the next step could not use.
fn check_columns(plan: &LogicalPlan, scope: Scope) -> Result<(), String> {
    let mut seen = HashSet::new();
    for field in plan.schema().fields() {
        let name = field.name();
        if name == ROW && scope == Scope::Object {
            if *field.data_type() != DataType::UInt64 {
                return Err(format!("column `{ROW}` of the result is {}, not UInt64", field.data_type()));
            }
        } else if name.starts_with("__") {
            return Err(format!("column `{name}` of the result: names that begin with `__` are taken"));
        }
        if !seen.insert(name) {
            return Err(format!("two columns of the result are `{name}`\nhint: name one of them with `AS other_name`"));
        }
    }
    Ok(())
}
