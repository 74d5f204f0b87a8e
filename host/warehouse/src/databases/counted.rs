//! Tables of which no column may be asked for, as DataFusion does to count rows. The crate reads a column then as well, and the
//! plan is refused.

use std::sync::Arc;

use arrow_schema::SchemaRef;
use async_trait::async_trait;
use deltalake_core::datafusion::catalog::{Session, TableProvider};
use deltalake_core::datafusion::error::Result;
use deltalake_core::datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use deltalake_core::datafusion::physical_plan::ExecutionPlan;
use deltalake_core::datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};

/// A table of a database.
#[derive(Debug)]
pub struct Counted(pub Arc<dyn TableProvider>);

#[async_trait]
impl TableProvider for Counted {
    fn schema(&self) -> SchemaRef {
        self.0.schema()
    }

    fn table_type(&self) -> TableType {
        self.0.table_type()
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        self.0.supports_filters_pushdown(filters)
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if projection.is_none_or(|columns| !columns.is_empty()) {
            return self.0.scan(state, projection, filters, limit).await;
        }
        let rows = self.0.scan(state, Some(&vec![0]), filters, limit).await?;
        Ok(Arc::new(ProjectionExec::try_new(Vec::<ProjectionExpr>::new(), rows)?))
    }
}
