//! Tables whose content changes under a plan.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, Statistics};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::memory::MemoryStream;
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties, ReplaceChildrenOptions,
};
use wasmill_sdk::ROW;
use wasmill_sdk::arrow::size;

/// The name of the table of the rows that come in.
pub const INPUT: &str = "input";

/// How many rows `input` is planned for: so many that hash tables are built over reference tables, where
/// they can be kept, and not over a batch.
const INPUT_ROWS: usize = 1 << 24;
/// How many bytes, for the same reason.
const INPUT_BYTES: usize = 1 << 30;

/// What a table holds at the moment, shared with the plans that read it.
#[derive(Debug, Clone, Default)]
pub struct Rows(Arc<Mutex<Vec<RecordBatch>>>);

impl Rows {
    /// Replaces what the table holds.
    pub fn set(&self, batches: Vec<RecordBatch>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = batches;
    }

    fn get(&self) -> Vec<RecordBatch> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A table of one schema. Its rows are those of the moment when a plan runs.
#[derive(Debug, Clone)]
pub struct Table {
    schema: SchemaRef,
    rows: Rows,
    is_input: bool,
    is_ordered: bool,
}

impl Table {
    /// A reference table.
    pub fn reference(rows: RecordBatch) -> Self {
        let table = Self { schema: rows.schema(), rows: Rows::default(), is_input: false, is_ordered: false };
        table.rows.set(vec![rows]);
        table
    }

    /// The table [`INPUT`], which holds `rows`. A schema may leave out their last columns. If it is said to
    /// be ordered by `__row`, joins keep its rows in order; nothing else may depend on that being true.
    pub fn input(schema: SchemaRef, rows: Rows, is_ordered: bool) -> Self {
        Self { schema, rows, is_input: true, is_ordered }
    }

    /// Replaces the rows; an error if they have another schema.
    pub fn refresh(&self, rows: RecordBatch) -> Result<(), String> {
        let differences = differences(&self.schema, rows.schema_ref());
        if !differences.is_empty() {
            return Err(differences.join("; "));
        }
        let rows = RecordBatch::try_new(self.schema.clone(), rows.columns().to_vec()).map_err(|err| err.to_string())?;
        self.rows.set(vec![rows]);
        Ok(())
    }

    /// The names and types of its columns.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn statistics(&self) -> Statistics {
        let mut statistics = Statistics::new_unknown(&self.schema);
        // Inexact, though known: what is exact may be folded into the plan, and the next refresh changes it.
        let (rows, bytes) = if self.is_input {
            (INPUT_ROWS, INPUT_BYTES)
        } else {
            let batches = self.rows.get();
            let bytes = batches.iter().map(size).sum();
            (batches.iter().map(RecordBatch::num_rows).sum(), bytes)
        };
        statistics.num_rows = Precision::Inexact(rows);
        statistics.total_byte_size = Precision::Inexact(bytes);
        statistics
    }
}

/// How `new` differs from `old`, in words; metadata does not count.
pub fn differences(old: &Schema, new: &Schema) -> Vec<String> {
    let describe = |field: &arrow_schema::Field| {
        format!("{}{}", field.data_type(), if field.is_nullable() { "" } else { " not null" })
    };
    let mut differences = Vec::new();
    for field in old.fields() {
        match new.field_with_name(field.name()) {
            Err(_) => differences.push(format!("column `{}` is missing", field.name())),
            Ok(other) if describe(field) != describe(other) => differences.push(format!(
                "column `{}` is {}, but was {}",
                field.name(),
                describe(other),
                describe(field)
            )),
            Ok(_) => {}
        }
    }
    let added = new.fields().iter().filter(|field| old.field_with_name(field.name()).is_err());
    differences.extend(added.map(|field| format!("column `{}` is new", field.name())));
    let names = |schema: &Schema| schema.fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>();
    if differences.is_empty() && names(old) != names(new) {
        differences.push("the columns have another order".to_owned());
    }
    differences
}

#[async_trait]
impl TableProvider for Table {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let columns = projection.cloned().unwrap_or_else(|| (0..self.schema.fields().len()).collect());
        let schema = Arc::new(self.schema.project(&columns)?);
        let row = if self.is_ordered { schema.index_of(ROW).ok() } else { None };
        let order = row.map(|index| [PhysicalSortExpr::new_default(Arc::new(Column::new(ROW, index)))]);
        let properties = PlanProperties::new(
            EquivalenceProperties::new_with_orderings(schema, order),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        let statistics = Arc::new(self.statistics().project(Some(&columns)));
        Ok(Arc::new(Scan {
            rows: self.rows.clone(),
            columns,
            is_input: self.is_input,
            statistics,
            properties: Arc::new(properties),
        }))
    }
}

/// Reads a table when the plan runs.
#[derive(Debug)]
pub struct Scan {
    rows: Rows,
    columns: Vec<usize>,
    /// Whether it reads [`INPUT`].
    pub is_input: bool,
    statistics: Arc<Statistics>,
    properties: Arc<PlanProperties>,
}

impl DisplayAs for Scan {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Scan: {}", if self.is_input { INPUT } else { "reference" })
    }
}

impl ExecutionPlan for Scan {
    fn name(&self) -> &str {
        "Scan"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn replace_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(self: Arc<Self>, _: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn execute(&self, _: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        Ok(Box::pin(MemoryStream::try_new(self.rows.get(), self.schema(), Some(self.columns.clone()))?))
    }

    fn statistics_from_inputs(&self, _: &[Arc<Statistics>], _: &StatisticsArgs) -> Result<Arc<Statistics>> {
        Ok(self.statistics.clone())
    }
}
