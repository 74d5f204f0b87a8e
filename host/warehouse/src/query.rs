//! SQL over what a pipeline has and whatever else is named: tables of Delta Lake, files in stores, databases. By DataFusion, in
//! its SQL (<https://datafusion.apache.org/user-guide/sql/>). It only reads.
//!
//! # Names
//! - `flights`: a sink by its id (`-` may be written `_`), a reference table or a view of the manifest;
//! - `'data/*.parquet'`, `'s3://bucket/orders/'`: files and folders of one format, `STORE/path` in a store of the manifest; a
//!   folder with a `_delta_log` is a table of Delta Lake. What folders are called `year=2013` becomes a column;
//! - `shop.orders`, `shop.sales.orders`: a table of an attached database, with its schema there or without.
//!
//! # Versions
//! A table of Delta Lake can be read as it was, in the words of Databricks and of SQL Server and BigQuery, whichever one knows:
//! ```sql
//! SELECT * FROM flights VERSION AS OF 12
//! SELECT * FROM flights@v12
//! SELECT * FROM flights TIMESTAMP AS OF '2026-01-31 12:00:00'
//! SELECT * FROM 'lake/flights' FOR SYSTEM_TIME AS OF '2026-01-31T12:00:00Z'
//! ```
//! A time without a zone is UTC.
//!
//! # Layout
//! - [`Session`]: from a text to rows; `statement`: what may be asked; `travel`: versions;
//! - `names`: what a name means, and the tables that it takes; `files`: files and folders as tables;
//! - [`seen`]: what somebody may read of it, as a schema; `fence`: of some rows only; `cube`: a semantic model as a table,
//!   `measured`: what may be asked of it;
//! - [`memory`]: how much of it there is, and what becomes of the rest; [`mod@write`]: rows in the form that is asked for; [`json`]:
//!   for pages; `yielding`: the end of those that take too long.

mod cube;
pub(crate) mod error;
mod fence;
mod files;
pub mod json;
mod measured;
pub mod memory;
pub(crate) mod names;
pub mod seen;
mod statement;
mod travel;
pub mod write;
mod yielding;

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use deltalake_core::datafusion::catalog::TableProvider;
use deltalake_core::datafusion::execution::SendableRecordBatchStream;
use deltalake_core::datafusion::execution::SessionStateBuilder;
use deltalake_core::datafusion::execution::runtime_env::RuntimeEnv;
use deltalake_core::datafusion::logical_expr::LogicalPlan;
use deltalake_core::datafusion::prelude::{SQLOptions, SessionConfig, SessionContext};
use futures_util::TryStreamExt;
use wasmill_model::Model;
use wasmill_runtime::plan::{self, DatabasePlace, QueryPlan};

use crate::delta::kept::Kept;
pub use error::QueryError;
pub use names::{Known, KnownKind};
pub use travel::Moment;
use yielding::Yielding;

/// Reads a reference table whose rows are in an object, by its name. It waits for whoever has the rows.
pub type ObjectTables = Arc<dyn Fn(&str) -> io::Result<RecordBatch> + Send + Sync>;

/// What queries are asked of.
pub struct Session {
    plan: QueryPlan,
    objects: ObjectTables,
    memory: usize,
    runtime: Arc<RuntimeEnv>,
    model: Option<Arc<Model>>,
    tables: Kept,
    warnings: Mutex<Vec<String>>,
}

/// What a query gives.
pub struct Answer {
    rows: SendableRecordBatchStream,
    /// Whether it is a plan, as `EXPLAIN` gives it.
    is_plan: bool,
}

impl Answer {
    /// The columns.
    pub fn schema(&self) -> SchemaRef {
        self.rows.schema()
    }

    /// All rows, at least one batch of them.
    pub async fn collect(self, session: &Session) -> Result<Vec<RecordBatch>, QueryError> {
        let schema = self.rows.schema();
        let mut batches: Vec<RecordBatch> = self.rows.try_collect().await.map_err(|err| session.failed(err))?;
        if batches.is_empty() {
            batches.push(RecordBatch::new_empty(schema));
        }
        Ok(batches)
    }
}

/// A view of a manifest, as a table.
pub(crate) async fn view(manifest: &Path, name: &str) -> io::Result<Arc<dyn TableProvider>> {
    let session = for_events(plan::query_of(manifest).map_err(io::Error::other)?)?;
    let context = session.context();
    names::Names::new(&session, &context).view(name).await.map_err(io::Error::other)
}

/// A session for what becomes events, which reads no tables by functions.
pub(crate) fn for_events(plan: QueryPlan) -> io::Result<Session> {
    let none: ObjectTables = Arc::new(|name| {
        let message = format!("table `{name}` is read by a function, which what becomes events cannot have");
        Err(io::Error::new(io::ErrorKind::Unsupported, message))
    });
    Session::new(plan, none, memory::default_limit()).map_err(io::Error::other)
}

impl Session {
    /// A session that knows what is in `plan`, and takes at most `memory` bytes for what operators hold; what does not fit
    /// is put into files in the system's folder for temporary ones.
    pub fn new(plan: QueryPlan, objects: ObjectTables, memory: usize) -> Result<Self, QueryError> {
        let runtime = memory::runtime(memory).map_err(QueryError::run)?;
        Ok(Self { plan, objects, memory, runtime, model: None, tables: Kept::default(), warnings: Mutex::default() })
    }

    /// With a semantic model, which is a schema of its name for those who see it.
    pub fn with_model(mut self, model: Option<Arc<Model>>) -> Self {
        self.model = model;
        self
    }

    /// Plans a query and starts it. Each query sees tables as they are when it begins.
    pub async fn ask(&self, sql: &str) -> Result<Answer, QueryError> {
        let (context, plan) = self.plan(sql).await?;
        self.start(&context, plan).await
    }

    /// Plans a query, in a context of its own.
    async fn plan(&self, sql: &str) -> Result<(SessionContext, LogicalPlan), QueryError> {
        let statement = statement::parse_one(sql)?;
        let context = self.context();
        names::Names::new(self, &context).resolve_all(&statement).await?;
        let planned = context.state().statement_to_plan(statement).await.map_err(QueryError::plan)?;
        Ok((context, planned))
    }

    /// Starts what was planned.
    async fn start(&self, context: &SessionContext, planned: LogicalPlan) -> Result<Answer, QueryError> {
        let reads = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
        reads.verify_plan(&planned).map_err(|_| QueryError::Writes)?;
        let is_plan = matches!(planned, LogicalPlan::Explain(_) | LogicalPlan::Analyze(_));
        let frame = context.execute_logical_plan(planned).await.map_err(QueryError::plan)?;
        let rows = frame.execute_stream().await.map_err(|err| self.failed(err))?;
        Ok(Answer { rows, is_plan })
    }

    /// What went wrong since this was asked for, and stopped nothing.
    pub fn warnings(&self) -> Vec<String> {
        std::mem::take(&mut *self.warnings.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn warn(&self, warning: String) {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).push(warning);
    }

    /// What it knows by name.
    pub fn known(&self) -> Vec<Known> {
        names::known(&self.plan)
    }

    /// The columns of a table or a view, named as in SQL.
    pub async fn columns(&self, table: &str) -> Result<SchemaRef, QueryError> {
        let asked = self.ask(&format!("SELECT * FROM {table} LIMIT 0")).await?;
        Ok(asked.schema())
    }

    /// A query for the tables of a database, if it is one.
    pub fn tables_of(&self, database: &str) -> Option<String> {
        let (_, place) = self.plan.databases.iter().find(|(name, _)| name.as_str() == database)?;
        Some(match place {
            DatabasePlace::Sqlite(_) => format!(
                "SELECT name AS \"table\" FROM {database}.sqlite_master WHERE type IN ('table', 'view') ORDER BY name"
            ),
            DatabasePlace::Postgres(_) | DatabasePlace::Mysql(_) => format!(
                "SELECT table_schema AS \"schema\", table_name AS \"table\" FROM {database}.information_schema.tables \
                 WHERE table_schema NOT IN ('information_schema', 'pg_catalog', 'mysql', 'performance_schema', 'sys') ORDER BY 1, 2"
            ),
        })
    }

    /// What is wrong with a view of the manifest, if it is. What it reads that is not there yet is no mistake.
    pub async fn check_view(&self, name: &str) -> Result<(), QueryError> {
        let context = self.context();
        match names::Names::new(self, &context).view(name).await {
            Err(QueryError::Table { why, .. }) if why.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(err) => Err(err),
            Ok(_) => Ok(()),
        }
    }

    fn context(&self) -> SessionContext {
        let mut config = SessionConfig::new()
            .with_information_schema(true)
            .with_default_catalog_and_schema(names::CATALOG, names::SCHEMA);
        memory::fit(&mut config, self.memory);
        self.engine(config)
    }

    /// A context with this configuration.
    fn engine(&self, config: SessionConfig) -> SessionContext {
        let state = SessionStateBuilder::new()
            .with_config(config)
            .with_runtime_env(self.runtime.clone())
            .with_default_features()
            .with_physical_optimizer_rule(Arc::new(Yielding));
        SessionContext::new_with_state(state.build())
    }

    fn failed(&self, err: deltalake_core::datafusion::error::DataFusionError) -> QueryError {
        QueryError::run(err).with_memory(self.memory)
    }
}
