//! Tables of Delta Lake (<https://github.com/delta-io/delta/blob/master/PROTOCOL.md>).
//!
//! A batch is a transaction with an application id, `wasmill/PIPELINE/SINK/LANE`, and the batch's number as its version: the
//! table knows which batches are in, whoever else writes it.
//!
//! # Layout
//! - [`DeltaSink`]: rows of a pipeline on their way in; `payload`: those that are staged; `commit`: batches of them as files,
//!   `merge`: the same by key;
//! - `columns`: what of rows fits a table;
//! - `open`: where tables are; [`kept`]: those that are read again and again; `durable`: what survives a power cut;
//! - [`Table`]: a table that is looked after.

pub(crate) mod columns;
mod commit;
pub(crate) mod durable;
pub mod kept;
pub(crate) mod merge;
pub(crate) mod open;
pub(crate) mod payload;
mod table;

use std::io;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use deltalake_core::datafusion::catalog::TableProvider;
use deltalake_core::datafusion::prelude::SessionContext;
use deltalake_core::kernel::transaction::CommitProperties;
use deltalake_core::kernel::{Add, Transaction};
use deltalake_core::writer::{DeltaWriter, RecordBatchWriter};
use deltalake_core::{DeltaTable, DeltaTableError};
use tokio::sync::Mutex;
use wasmill_runtime::manifest::{Id, SinkColumns, SinkMode};
use wasmill_runtime::plan::SinkPlan;
use wasmill_runtime::sink::{Batch, BoundSink, Committed, Sink};
use wasmill_runtime::store::Location;

use crate::query::Moment;
use crate::wait::wait;
use payload::Staged;

pub use table::{Commit, Summary, Table};

/// The size of files that small ones are put together to, in bytes.
const TARGET_SIZE: u64 = 256 << 20;

/// Rows of so many bytes are kept in the journal until they are committed, together with others; more of them become files
/// of their own.
const INLINE: usize = 256 << 10;

/// Writes a table of Delta Lake.
pub struct DeltaSink {
    plan: SinkPlan,
    /// Where the table is.
    location: Location,
    /// Of the application id, what comes before the lane.
    application: String,
    /// The rows' columns as the table has them.
    schema: SchemaRef,
    /// As it was last seen.
    table: Mutex<Option<DeltaTable>>,
}

impl DeltaSink {
    /// Of a sink of a pipeline, whose table is at `location`. An error if the table is there and does not take these rows.
    pub fn open(pipeline: &Id, sink: &BoundSink, location: &Location) -> io::Result<Self> {
        let schema = columns::as_delta(&sink.schema).map_err(io::Error::other)?;
        let table = wait(open::existing(location))?;
        if let Some(table) = &table {
            columns::check(&sink.plan, &schema, table).map_err(io::Error::other)?;
        }
        let application = format!("wasmill/{pipeline}/{}", sink.id());
        let (plan, location) = (sink.plan.clone(), location.clone());
        Ok(Self { plan, location, application, schema, table: Mutex::new(table) })
    }

    /// The table as it is now, made if it is not there, with all columns that rows have.
    async fn ready(&self) -> io::Result<DeltaTable> {
        let mut known = self.table.lock().await;
        let mut table = match known.take() {
            Some(table) => table,
            None => match open::existing(&self.location).await? {
                Some(table) => table,
                None => {
                    let table = open::create(&self.location, self.plan.partition_by(), &self.schema).await?;
                    durable::versions(&self.location, None, &table)?;
                    table
                }
            },
        };
        table.update_state().await.map_err(failed)?;
        columns::check(&self.plan, &self.schema, &table).map_err(io::Error::other)?;
        let missing = columns::missing(&self.schema, &table)?;
        if !missing.is_empty() && self.plan.columns == SinkColumns::Evolve {
            let before = table.version();
            table = table.add_columns().with_fields(missing).await.map_err(failed)?;
            durable::versions(&self.location, before, &table)?;
        }
        *known = Some(table.clone());
        Ok(table)
    }

    async fn stage(&self, rows: &[RecordBatch]) -> io::Result<Vec<u8>> {
        let rows = rows.iter().map(|rows| columns::conform(rows, &self.schema)).collect::<io::Result<Vec<_>>>()?;
        let size: usize = rows.iter().map(columns::size).sum();
        let staged = if size <= INLINE {
            Staged::Rows(rows)
        } else if self.plan.mode == SinkMode::Merge {
            Staged::Object(payload::put(&self.location, &self.schema, &rows).await?)
        } else {
            let table = self.ready().await?;
            Staged::Files(self.write(&table, &rows).await?)
        };
        staged.encode(&self.schema)
    }

    /// Writes rows as files of the table that nobody knows of yet, durably.
    async fn write(&self, table: &DeltaTable, rows: &[RecordBatch]) -> io::Result<Vec<Add>> {
        let mut writer = RecordBatchWriter::for_table(table).map_err(failed)?;
        let schema = columns::of_table(table)?;
        for rows in rows.iter().filter(|rows| rows.num_rows() > 0) {
            writer.write(columns::conform_by_name(rows, &schema)?).await.map_err(failed)?;
        }
        let adds = writer.flush().await.map_err(failed)?;
        durable::files(&self.location, adds.iter().map(|add| add.path.as_str()))?;
        Ok(adds)
    }

    async fn commit_batch(&self, batch: &Batch) -> io::Result<Committed> {
        let table = self.ready().await?;
        let application = format!("{}/{}", self.application, batch.lane);
        let number = i64::try_from(batch.number).map_err(io::Error::other)?;
        let log = table.log_store();
        let snapshot = table.snapshot().map_err(failed)?.snapshot();
        let last = snapshot.transaction_version(log.as_ref(), &application).await.map_err(failed)?;
        if last.is_some_and(|last| last >= number) {
            return Ok(Committed::Before);
        }
        let properties =
            CommitProperties::default().with_application_transaction(Transaction::new(application, number));
        let staged = batch.payloads.iter().map(|payload| Staged::decode(&payload.bytes));
        let staged = staged.collect::<io::Result<Vec<_>>>()?;
        let before = table.version();
        let version = match self.plan.mode {
            SinkMode::Merge => {
                merge::merge(&self.plan, &self.location, &self.schema, table, staged, properties).await?
            }
            SinkMode::Append => commit::append(self, table, staged, properties).await?,
            SinkMode::Overwrite => {
                let events = batch.payloads.iter().map(|payload| payload.event.as_str());
                commit::overwrite(self, table, events.zip(staged).collect(), properties).await?
            }
        };
        // A merge may change nothing.
        if before != Some(version) {
            durable::version(&self.location, version)?;
        }
        Ok(Committed::As(version))
    }
}

impl Sink for DeltaSink {
    fn stage(&self, rows: &[RecordBatch]) -> io::Result<Vec<u8>> {
        wait(self.stage(rows))
    }

    fn commit(&self, batch: &Batch) -> io::Result<Committed> {
        wait(self.commit_batch(batch))
    }

    fn forget(&self, batch: &Batch) {
        let staged = batch.payloads.iter().filter_map(|payload| Staged::decode(&payload.bytes).ok());
        let objects: Vec<String> = staged.filter_map(Staged::into_object).collect();
        if !objects.is_empty() {
            // It says itself what it could not remove.
            let _ = wait(async {
                payload::remove(&self.location, &objects).await;
                Ok(())
            });
        }
    }

    fn optimize(&self) -> io::Result<String> {
        Ok(Table::open(&self.location)?.optimize()?.to_string())
    }
}

/// A table's rows, for a session.
pub async fn provider(location: &Location, context: &SessionContext) -> io::Result<Arc<dyn TableProvider>> {
    let table = open::existing(location).await?.ok_or_else(|| open::missing(location))?;
    provider_of(table, context, None).await
}

/// The rows of a table that was opened, perhaps as it was.
pub async fn provider_of(
    mut table: DeltaTable,
    context: &SessionContext,
    moment: Option<Moment>,
) -> io::Result<Arc<dyn TableProvider>> {
    if let Some(moment) = moment {
        open::go_back(&mut table, moment).await?;
    }
    table.update_datafusion_session(&context.state()).map_err(failed)?;
    // Of the session it has whether rows are left out while Parquet is read: filters are pushed down twice otherwise, and decode columns
    // for each of them, which takes longer than to filter what was read.
    let provider = table.table_provider().with_session(Arc::new(context.state()));
    provider.await.map_err(io::Error::other)
}

/// What went wrong with a table.
pub(crate) fn failed(err: DeltaTableError) -> io::Error {
    io::Error::other(err)
}
