//! Queries that compute for long without a pause end when they are told to.

use std::sync::Arc;

use deltalake_core::datafusion::common::Result;
use deltalake_core::datafusion::common::config::ConfigOptions;
use deltalake_core::datafusion::common::tree_node::{Transformed, TreeNode};
use deltalake_core::datafusion::physical_optimizer::PhysicalOptimizerRule;
use deltalake_core::datafusion::physical_plan::ExecutionPlan;
use deltalake_core::datafusion::physical_plan::coop::CooperativeExec;

/// Operators that make many rows of few. DataFusion pauses where rows are read, so between two of those there may be hours.
const MANY_OF_FEW: [&str; 2] = ["JoinExec", "UnnestExec"];

/// Has them pause as well.
#[derive(Debug)]
pub struct Yielding;

impl PhysicalOptimizerRule for Yielding {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let paused = plan.transform_up(|plan| {
            Ok(match MANY_OF_FEW.iter().any(|name| plan.name().ends_with(name)) {
                true => Transformed::yes(Arc::new(CooperativeExec::new(plan))),
                false => Transformed::no(plan),
            })
        })?;
        Ok(paused.data)
    }

    fn name(&self) -> &str {
        "yielding"
    }

    fn schema_check(&self) -> bool {
        true
    }
}
