//! A semantic model as a table: a column for each dimension, for each period that a time is asked by, and for each measure. Which
//! columns a query needs is what it asks of the model, so `SELECT carrier, late_share` is late arrivals by carrier, and
//! `SELECT carrier, max(late_share) … GROUP BY carrier` the same: of one row each any aggregate is the measure. Queries
//! that would aggregate a measure over something that the model was not asked by are refused; see `measured`.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use deltalake_core::datafusion::catalog::{Session as EngineSession, TableProvider};
use deltalake_core::datafusion::common::{DataFusionError, Result, ScalarValue};
use deltalake_core::datafusion::logical_expr::{
    BinaryExpr, Expr, LogicalPlanBuilder, Operator as Op, TableProviderFilterPushDown, TableType, cast,
};
use deltalake_core::datafusion::physical_plan::ExecutionPlan;
use deltalake_core::datafusion::prelude::ident;
use serde_json::Value;
use wasmill_model::model::{Kind, Style};
use wasmill_model::query::{Asked, Filter, Operator};
use wasmill_model::{Attributes, Dialect, Model, Query};

use super::fence::Fence;
use super::{QueryError, Session};

/// The table's name in the schema that has the model's.
pub const TABLE: &str = "measures";

/// A model, for somebody.
pub struct Cube {
    session: Arc<Session>,
    model: Arc<Model>,
    whose: Attributes,
    columns: Vec<Column>,
    schema: SchemaRef,
}

/// What a column asks of the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Column {
    /// A dimension, perhaps by periods.
    Dimension(Asked),
    /// A measure.
    Measure(String),
}

impl Cube {
    /// Of a session that has a model, for somebody of whom these things are known.
    pub fn new(session: Arc<Session>, model: Arc<Model>, whose: Attributes) -> Self {
        let (mut columns, mut fields) = (Vec::new(), Vec::new());
        for (name, dimension) in &model.dimensions {
            columns.push(Column::Dimension(Asked { name: name.clone(), granularity: None }));
            fields.push(Field::new(name, of_kind(dimension.kind), true));
            for granularity in &dimension.granularities {
                let by = granularity.name();
                columns.push(Column::Dimension(Asked { name: name.clone(), granularity: Some(by.to_owned()) }));
                let kind = if by == "hour" { Kind::Timestamp } else { Kind::Date };
                fields.push(Field::new(format!("{name}_{by}"), of_kind(kind), true));
            }
        }
        for (name, measure) in &model.measures {
            let is_whole = measure
                .format
                .as_ref()
                .is_some_and(|format| matches!(format.style, Style::Number) && format.decimals == Some(0));
            columns.push(Column::Measure(name.clone()));
            let data_type = if is_whole { DataType::Int64 } else { DataType::Float64 };
            fields.push(Field::new(name, data_type, true));
        }
        Self { session, model, whose, columns, schema: Arc::new(Schema::new(fields)) }
    }

    /// What a column asks, by its name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.get(self.schema.index_of(name).ok()?)
    }

    /// A condition as the model takes it.
    fn filters(&self, condition: &Expr) -> Result<Vec<Filter>> {
        let refused = || {
            let message = format!(
                "the model cannot filter by `{condition}`\nhint: compare a dimension or a measure with values, by =, <>, <, <=, >, >=, IN, BETWEEN, IS NULL; of time its own column and not a period's"
            );
            DataFusionError::Plan(message)
        };
        let one = |column: &Expr, operator, values: Vec<&Expr>| -> Result<Vec<Filter>> {
            let Expr::Column(column) = column else { return Err(refused()) };
            let name = match self.column(&column.name) {
                Some(Column::Dimension(Asked { name, granularity: None }) | Column::Measure(name)) => name.clone(),
                _ => return Err(refused()),
            };
            let values: Option<Vec<Value>> = values.into_iter().map(value).collect();
            Ok(vec![Filter { name, operator, values: values.ok_or_else(refused)? }])
        };
        match condition {
            Expr::BinaryExpr(BinaryExpr { left, op: Op::And, right }) => {
                Ok([self.filters(left)?, self.filters(right)?].concat())
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right }) if matches!(**left, Expr::Column(_)) => {
                one(left, operator(*op).ok_or_else(refused)?, vec![right])
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
                let swapped = op.swap().and_then(operator);
                one(right, swapped.ok_or_else(refused)?, vec![left])
            }
            Expr::InList(list) => {
                let operator = if list.negated { Operator::NotEquals } else { Operator::Equals };
                one(&list.expr, operator, list.list.iter().collect())
            }
            Expr::Between(between) if !between.negated => Ok([
                one(&between.expr, Operator::Gte, vec![&between.low])?,
                one(&between.expr, Operator::Lte, vec![&between.high])?,
            ]
            .concat()),
            Expr::IsNull(expr) => one(expr, Operator::IsNull, Vec::new()),
            Expr::IsNotNull(expr) => one(expr, Operator::IsNotNull, Vec::new()),
            // A truth by itself.
            Expr::Column(_) => one(condition, Operator::Equals, vec![&Expr::Literal(true.into(), None)]),
            _ => Err(refused()),
        }
    }

    fn query(&self, columns: &[usize], filters: &[Expr], limit: Option<usize>) -> Result<Query> {
        let mut query = Query { limit: limit.map(|limit| limit as u64), ..Query::default() };
        for column in columns.iter().filter_map(|index| self.columns.get(*index)) {
            match column {
                Column::Dimension(asked) => query.dimensions.push(asked.clone()),
                Column::Measure(name) => query.measures.push(name.clone()),
            }
        }
        if columns.is_empty() {
            let message = "the model is asked for nothing\nhint: name measures, and dimensions to ask them by";
            return Err(DataFusionError::Plan(message.to_owned()));
        }
        for filter in filters {
            query.filters.extend(self.filters(filter)?);
        }
        Ok(query)
    }
}

fn of_kind(kind: Kind) -> DataType {
    match kind {
        Kind::String => DataType::Utf8,
        Kind::Number => DataType::Float64,
        Kind::Boolean => DataType::Boolean,
        Kind::Date => DataType::Date32,
        Kind::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
    }
}

fn operator(op: Op) -> Option<Operator> {
    Some(match op {
        Op::Eq => Operator::Equals,
        Op::NotEq => Operator::NotEquals,
        Op::Gt => Operator::Gt,
        Op::GtEq => Operator::Gte,
        Op::Lt => Operator::Lt,
        Op::LtEq => Operator::Lte,
        _ => return None,
    })
}

/// A value as JSON has it.
fn value(expr: &Expr) -> Option<Value> {
    let Expr::Literal(scalar, _) = expr else { return None };
    if scalar.is_null() {
        return None;
    }
    Some(match scalar {
        ScalarValue::Boolean(Some(truth)) => Value::from(*truth),
        ScalarValue::Float32(Some(number)) => Value::from(*number),
        ScalarValue::Float64(Some(number)) => Value::from(*number),
        scalar if scalar.data_type().is_integer() => {
            let ScalarValue::Int64(Some(number)) = scalar.cast_to(&DataType::Int64).ok()? else { return None };
            Value::from(number)
        }
        // Dates and times as ISO 8601 has them.
        scalar => {
            let ScalarValue::Utf8(Some(text)) = scalar.cast_to(&DataType::Utf8).ok()? else { return None };
            Value::from(text)
        }
    })
}

impl std::fmt::Debug for Cube {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cube").field("model", &self.model.name).finish_non_exhaustive()
    }
}

#[async_trait::async_trait]
impl TableProvider for Cube {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        filters.iter().map(|filter| self.filters(filter).map(|_| TableProviderFilterPushDown::Exact)).collect()
    }

    async fn scan(
        &self,
        _: &dyn EngineSession,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let all: Vec<usize> = (0..self.columns.len()).collect();
        let columns = projection.unwrap_or(&all);
        let query = self.query(columns, filters, limit)?;
        let statement = self.model.sql(&query, &self.whose, Dialect::DataFusion);
        let statement = statement.map_err(|err| DataFusionError::Plan(err.to_string()))?;
        let planned = self.session.plan(&statement.sql).await;
        let (context, plan) = planned.map_err(|err: QueryError| DataFusionError::External(Box::new(err)))?;
        let fields = columns.iter().map(|index| self.schema.field(*index));
        let typed = fields.map(|field| cast(ident(field.name()), field.data_type().clone()).alias(field.name()));
        let plan = LogicalPlanBuilder::from(plan).project(typed)?.build()?;
        Ok(Arc::new(Fence::new(context.state().create_physical_plan(&plan).await?)))
    }
}
