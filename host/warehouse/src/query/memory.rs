//! How much memory queries have. Operators ask a pool, which each has a fair share of; those that sort, group and join by merging put
//! the rest into files in the system's folder for temporary ones (`TMPDIR`), which are gone with the query.

use std::num::NonZeroUsize;
use std::sync::Arc;

use deltalake_core::datafusion::error::DataFusionError;
use deltalake_core::datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use deltalake_core::datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use deltalake_core::datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use deltalake_core::datafusion::prelude::SessionConfig;
use sysinfo::{MemoryRefreshKind, RefreshKind, System};

/// The least that a query is given, in bytes: with less not even small ones run.
pub const LEAST: usize = 16 << 20;

/// How many of those who hold the most are named when there is none left.
const NAMED: NonZeroUsize = NonZeroUsize::MIN.saturating_add(2);

/// How much a query has unless it is told, in bytes: half of what the machine has, or the container that it runs in.
pub fn default_limit() -> usize {
    let kinds = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
    let system = System::new_with_specifics(kinds);
    let total = system.cgroup_limits().map_or(u64::MAX, |limits| limits.total_memory).min(system.total_memory());
    usize::try_from(total / 2).unwrap_or(usize::MAX).max(LEAST)
}

/// What queries run in.
pub(super) fn runtime(memory: usize) -> Result<Arc<RuntimeEnv>, DataFusionError> {
    RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(TrackConsumersPool::new(FairSpillPool::new(memory), NAMED)))
        .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(DiskManagerMode::OsTmpDirectory))
        // A query must see the files that came after the one before.
        .with_object_list_cache_limit(0)
        .build_arc()
}

/// Has operators set aside no more than there is.
pub(super) fn fit(config: &mut SessionConfig, memory: usize) {
    let lanes = config.target_partitions().max(1);
    let execution = &mut config.options_mut().execution;
    // Each sort keeps this for merging what it put into files; the default of 10 MiB would be all of a small limit.
    execution.sort_spill_reservation_bytes = execution.sort_spill_reservation_bytes.min(memory / (8 * lanes));
}
