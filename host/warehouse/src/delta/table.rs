//! Tables that are looked after: what is in them, what became of them, and how files are put together or removed.

use std::fmt;
use std::io;
use std::num::NonZeroU64;

use deltalake_core::DeltaTable;
use deltalake_core::operations::vacuum::VacuumMode;
use futures_util::TryStreamExt;
use serde::Serialize;
use wasmill_runtime::store::Location;

use super::{TARGET_SIZE, columns, durable, failed, open};
use crate::wait::wait;

/// A table of Delta Lake.
pub struct Table {
    location: Location,
    table: DeltaTable,
}

/// What a table is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Where it is.
    pub location: String,
    /// The version.
    pub version: u64,
    /// How many rows, if every file says.
    pub rows: Option<u64>,
    /// How many files.
    pub files: u64,
    /// How many bytes the files have.
    pub bytes: u64,
    /// The columns that it is partitioned by.
    pub partition_by: Vec<String>,
    /// The columns, with their types in Arrow.
    pub columns: Vec<(String, String)>,
}

/// A version of a table, and how it came to be.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Commit {
    /// The version.
    pub version: u64,
    /// When it was committed, in milliseconds since 1970-01-01T00:00:00Z.
    pub time: Option<i64>,
    /// What was done, in Delta Lake's words.
    pub operation: String,
    /// What did it.
    pub engine: Option<String>,
    /// In numbers.
    pub metrics: serde_json::Value,
}

/// What was put together or removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Tidied {
    /// Files that are there now in the place of others.
    pub added: u64,
    /// Files that are no longer part of the table, or no longer there.
    pub removed: u64,
}

impl fmt::Display for Tidied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} files became {}", self.removed, self.added)
    }
}

impl Table {
    /// The table there.
    pub fn open(location: &Location) -> io::Result<Self> {
        let table = wait(open::existing(location))?;
        let table = table.ok_or_else(|| open::missing(location))?;
        Ok(Self { location: location.clone(), table })
    }

    /// What it is.
    pub fn summary(&self) -> io::Result<Summary> {
        let snapshot = self.table.snapshot().map_err(failed)?;
        let log = snapshot.log_data();
        let (mut files, mut bytes, mut rows) = (0, 0, Some(0));
        for file in log.iter() {
            files += 1;
            bytes += file.size().unsigned_abs();
            rows = rows.zip(file.num_records()).map(|(rows, more)| rows + more as u64);
        }
        let columns = columns::of_table(&self.table)?;
        Ok(Summary {
            location: self.location.to_string(),
            version: snapshot.version(),
            rows,
            files,
            bytes,
            partition_by: snapshot.metadata().partition_columns().to_vec(),
            columns: columns
                .fields()
                .iter()
                .map(|field| (field.name().clone(), field.data_type().to_string()))
                .collect(),
        })
    }

    /// Its last versions, the newest first.
    pub fn history(&self, limit: usize) -> io::Result<Vec<Commit>> {
        let infos = wait(async { self.table.history(Some(limit)).try_collect::<Vec<_>>().await.map_err(failed) })?;
        let newest = self.table.version().unwrap_or_default();
        let commits = infos.into_iter().zip((0..=newest).rev()).map(|(info, version)| Commit {
            version,
            time: info.timestamp,
            operation: info.operation.unwrap_or_default(),
            engine: info.engine_info,
            metrics: info.info.get("operationMetrics").cloned().unwrap_or_default(),
        });
        Ok(commits.collect())
    }

    /// Puts small files together.
    pub fn optimize(self) -> io::Result<Tidied> {
        let target = NonZeroU64::new(TARGET_SIZE).unwrap_or(NonZeroU64::MAX);
        let before = self.table.version();
        let optimized = wait(async { self.table.optimize().with_target_size(target).await.map_err(failed) });
        let (table, metrics) = optimized?;
        durable::versions(&self.location, before, &table)?;
        Ok(Tidied { added: metrics.num_files_added, removed: metrics.num_files_removed })
    }

    /// Removes files that have not been part of it for longer than it promises its readers, a week unless it says otherwise;
    /// which ones, or with `dry_run` would be.
    pub fn vacuum(self, dry_run: bool) -> io::Result<Vec<String>> {
        let vacuumed = wait(async {
            let vacuum = self.table.vacuum().with_mode(VacuumMode::Full).with_dry_run(dry_run);
            vacuum.await.map_err(failed)
        });
        Ok(vacuumed?.1.files_deleted)
    }

    /// Makes it what it was at a version, as a new version.
    pub fn restore(self, version: u64) -> io::Result<Tidied> {
        let before = self.table.version();
        let restored = wait(async { self.table.restore().with_version_to_restore(version).await.map_err(failed) });
        let (table, metrics) = restored?;
        durable::versions(&self.location, before, &table)?;
        Ok(Tidied { added: metrics.num_restored_file as u64, removed: metrics.num_removed_file as u64 })
    }
}
