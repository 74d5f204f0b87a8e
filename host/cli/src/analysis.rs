//! What commands ask by measures: a pipeline's semantic model and the tables it reads.

use std::future::Future;
use std::sync::Arc;

use anyhow::{Context, Result};
use tokio::runtime::Runtime;
use wasmill_runtime::plan;
use wasmill_warehouse::measures::Measures;
use wasmill_warehouse::query::{Session, memory};

use crate::commands::PipelineArgs;
use crate::tables;

/// A semantic model, and what answers it.
pub struct Analysis {
    /// The model and its reports.
    pub measures: Measures,
    /// What answers.
    pub session: Arc<Session>,
    runtime: Runtime,
}

impl Analysis {
    /// Of a pipeline.
    pub fn open(args: PipelineArgs) -> Result<Self> {
        let file = plan::resolve(&args.pipeline)?;
        let plan = plan::query_of(&file)?;
        let measures = Measures::read(&plan)?.with_context(|| {
            format!(
                "the pipeline has no semantic model\nhint: `semantic_model = \"model.toml\"` in `{}`; see docs/reports.md",
                file.display()
            )
        })?;
        let objects = tables::object_tables(Some(file), args.components, args.parameters);
        let session = Arc::new(Session::new(plan, objects, memory::default_limit())?);
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        Ok(Self { measures, session, runtime })
    }

    /// Waits for something.
    pub fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }
}
