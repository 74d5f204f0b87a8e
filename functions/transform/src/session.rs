//! DataFusion as set up here: which names and functions there are, and planning.
//!
//! There is no catalog, no file format, no disk and no second thread. Of DataFusion's session only what its
//! planners ask for is there.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::sync::Arc;

use arrow_schema::{DataType, SchemaRef};
use datafusion::catalog::default_table_source::DefaultTableSource;
use datafusion::common::{DFSchema, DataFusionError, Result, TableReference, plan_err};
use datafusion::config::ConfigOptions;
use datafusion::execution::SessionStateDefaults;
use datafusion::execution::TaskContext;
use datafusion::execution::context::SessionConfig;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::planner::{ContextProvider, ExprPlanner};
use datafusion::logical_expr::{AggregateUDF, Expr, HigherOrderUDF, LogicalPlan, ScalarUDF, TableSource, WindowUDF};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::planner::{PlannerContext, SqlToRel};
use datafusion::sql::sqlparser::ast::Statement as SqlStatement;

use crate::clock::{self, EventTime};
use crate::parameters::{self, Scalar};
use crate::table::{INPUT, Rows, Table};
use crate::{inspect, text};

/// Rows of a batch inside a plan: those of `input` come as the host sends them, this is for what is made of
/// them, such as joins.
const BATCH_ROWS: usize = 16_384;

/// What planning and running need.
pub struct Session {
    state: SessionState,
    runtime: tokio::runtime::Runtime,
    tables: BTreeMap<String, Arc<Table>>,
    parameters: BTreeMap<String, Scalar>,
    /// The time of the event that is worked for.
    pub time: EventTime,
    /// The rows of the table `input`.
    pub input: Rows,
}

impl Session {
    /// Sets up DataFusion; an error would be a fault of this crate. `parameters` are known in all SQL.
    pub fn new(parameters: BTreeMap<String, Scalar>) -> Result<Self> {
        let time = EventTime::default();
        let mut config = SessionConfig::new()
            .with_target_partitions(1)
            .with_batch_size(BATCH_ROWS)
            .with_create_default_catalog_and_schema(false);
        let options = config.options_mut();
        options.execution.time_zone = Some("UTC".to_owned());
        options.sql_parser.map_string_types_to_utf8view = false;
        // Such filters change while a plan runs, so the plan could not run again.
        options.set("datafusion.optimizer.enable_dynamic_filter_pushdown", "false")?;
        let no_disk = DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled);
        let mut functions = SessionStateDefaults::default_scalar_functions();
        functions.extend(clock::functions(&time));
        let state = SessionStateBuilder::new()
            // Otherwise it is random, and so are the bytes of a baked component.
            .with_session_id("wasmill".to_owned())
            .with_config(config)
            .with_runtime_env(Arc::new(RuntimeEnvBuilder::new().with_disk_manager_builder(no_disk).build()?))
            .with_expr_planners(SessionStateDefaults::default_expr_planners())
            .with_scalar_functions(functions)
            .with_higher_order_functions(SessionStateDefaults::default_higher_order_functions())
            .with_aggregate_functions(SessionStateDefaults::default_aggregate_functions())
            .with_window_functions(SessionStateDefaults::default_window_functions())
            .build();
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        Ok(Self { state, runtime, tables: BTreeMap::new(), parameters, time, input: Rows::default() })
    }

    /// The reference table of this name.
    pub fn table(&self, name: &str) -> Option<&Arc<Table>> {
        self.tables.get(name)
    }

    /// Adds a reference table.
    pub fn add_table(&mut self, name: &str, table: Table) {
        self.tables.insert(name.to_owned(), Arc::new(table));
    }

    /// The table `input` with these columns; see [`Table::input`].
    pub fn input_table(&self, schema: SchemaRef, is_ordered: bool) -> Arc<dyn TableSource> {
        Arc::new(DefaultTableSource::new(Arc::new(Table::input(schema, self.input.clone(), is_ordered))))
    }

    /// What is known while SQL is read that is about the table `input`.
    pub fn names<'a>(&'a self, input: &'a Arc<dyn TableSource>) -> Names<'a> {
        Names { session: self, input }
    }

    /// The plan that runs, of a plan as written.
    pub fn physical(&self, plan: &LogicalPlan) -> Result<Arc<dyn ExecutionPlan>> {
        self.block_on(self.state.create_physical_plan(plan))
    }

    /// Waits for a future; nothing in it waits for the outside.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// What a running plan asks for.
    pub fn task(&self) -> Arc<TaskContext> {
        self.state.task_ctx()
    }
}

/// The names that SQL may use.
pub struct Names<'a> {
    session: &'a Session,
    input: &'a Arc<dyn TableSource>,
}

impl Names<'_> {
    /// Reads a query.
    pub fn query(&self, sql: &str) -> Result<LogicalPlan, String> {
        let mut parser = DFParserBuilder::new(sql).build().map_err(|err| text::error(&err))?;
        let mut statements = parser.parse_statements().map_err(|err| text::error(&err))?;
        let (statement, others) = (statements.pop_front(), statements.len());
        let query = match statement {
            Some(Statement::Statement(statement)) if others == 0 => match *statement {
                SqlStatement::Query(query) => query,
                other => return Err(inspect::not_a_query(&other.to_string())),
            },
            Some(other) if others == 0 => return Err(inspect::not_a_query(&other.to_string())),
            Some(_) => return Err(format!("`sql` is one query, not {} statements", others + 1)),
            None => return Err("`sql` is empty\nhint: sql = \"SELECT * FROM input\"".to_owned()),
        };
        let mut query = SqlStatement::Query(query);
        parameters::replace(&mut query, &self.session.parameters)?;
        let plan = SqlToRel::new(self).sql_statement_to_plan(query);
        let plan = plan.map_err(|err| text::error(&err))?;
        inspect::check(&plan)?;
        Ok(plan)
    }

    /// Reads a predicate over columns.
    pub fn predicate(&self, sql: &str, columns: &DFSchema) -> Result<Expr, String> {
        let parsed = DFParserBuilder::new(sql).build().and_then(|mut parser| parser.parse_into_expr());
        let mut parsed = parsed.map_err(|err| text::error(&err))?;
        parameters::replace(&mut parsed.expr, &self.session.parameters)?;
        if let Some(alias) = parsed.alias {
            return Err(format!("a predicate has no `AS {alias}`"));
        }
        let expr = SqlToRel::new(self).sql_to_expr(parsed.expr, columns, &mut PlannerContext::new());
        expr.map_err(|err| text::error(&err))
    }

    fn known(&self) -> String {
        let tables = self.session.tables.keys().map(String::as_str);
        std::iter::once(INPUT).chain(tables).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    }
}

impl ContextProvider for Names<'_> {
    fn get_table_source(&self, name: TableReference) -> Result<Arc<dyn TableSource>> {
        let bare = if matches!(name, TableReference::Bare { .. }) { name.table() } else { "" };
        if bare == INPUT {
            return Ok(self.input.clone());
        }
        match self.session.tables.get(bare) {
            Some(table) => Ok(Arc::new(DefaultTableSource::new(table.clone()))),
            None => plan_err!(
                "there is no table `{name}`, only {}\nhint: add tables = [\"{name}\"] to the step",
                self.known()
            ),
        }
    }

    fn get_table_function_source(&self, name: &str, _: Vec<Expr>) -> Result<Arc<dyn TableSource>> {
        plan_err!("there is no table function `{name}`")
    }

    fn create_cte_work_table(&self, name: &str, schema: SchemaRef) -> Result<Arc<dyn TableSource>> {
        let table = datafusion::datasource::cte_worktable::CteWorkTable::new(name, schema);
        Ok(Arc::new(DefaultTableSource::new(Arc::new(table))))
    }

    fn get_expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
        self.session.state.expr_planners()
    }

    fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        self.session.state.scalar_functions().get(name).cloned()
    }

    fn get_higher_order_meta(&self, name: &str) -> Option<Arc<HigherOrderUDF>> {
        self.session.state.higher_order_functions().get(name).cloned()
    }

    fn get_aggregate_meta(&self, name: &str) -> Option<Arc<AggregateUDF>> {
        self.session.state.aggregate_functions().get(name).cloned()
    }

    fn get_window_meta(&self, name: &str) -> Option<Arc<WindowUDF>> {
        self.session.state.window_functions().get(name).cloned()
    }

    fn get_variable_type(&self, _: &[String]) -> Option<DataType> {
        None
    }

    fn options(&self) -> &ConfigOptions {
        self.session.state.config_options()
    }

    fn udf_names(&self) -> Vec<String> {
        sorted(self.session.state.scalar_functions())
    }

    fn higher_order_function_names(&self) -> Vec<String> {
        sorted(self.session.state.higher_order_functions())
    }

    fn udaf_names(&self) -> Vec<String> {
        sorted(self.session.state.aggregate_functions())
    }

    fn udwf_names(&self) -> Vec<String> {
        sorted(self.session.state.window_functions())
    }
}

/// Names in an order that is always the same: of several that are alike, messages propose the first.
fn sorted<V>(functions: &HashMap<String, V>) -> Vec<String> {
    let mut names: Vec<String> = functions.keys().cloned().collect();
    names.sort_unstable();
    names
}

/// What a fault of DataFusion's set-up is called; never seen but in a broken build.
pub fn setup_failed(err: &DataFusionError) -> String {
    format!("DataFusion does not start: {}", text::error(err))
}
