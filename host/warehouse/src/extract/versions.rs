//! Rows of tables of Delta Lake, by version.

use std::io;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray, TimestampMillisecondArray, UInt64Array};
use arrow_schema::SchemaRef;
use deltalake_core::DeltaTable;
use deltalake_core::datafusion::catalog::TableProvider;
use deltalake_core::datafusion::execution::SendableRecordBatchStream;
use deltalake_core::datafusion::prelude::SessionContext;
use deltalake_core::delta_datafusion::{DeltaCdfTableProvider, TableProviderBuilder};
use deltalake_core::kernel::Action;
use deltalake_core::logstore::get_actions;
use futures_util::TryStreamExt;
use wasmill_runtime::manifest::Rewrites;
use wasmill_runtime::plan::ExtractPlan;
use wasmill_runtime::store::Location;
use wasmill_runtime::table_source::Extracted;

use super::landing::Landing;
use crate::delta::{columns, failed, open};
use crate::tables;

/// Of changes, what a row came to be by.
const CHANGE_TYPE: &str = "_change_type";

/// All rows of a version that was not read.
pub async fn all(plan: &ExtractPlan, location: &Location, state: Option<&str>) -> io::Result<Option<Extracted>> {
    let (table, version) = table(location).await?;
    if state == Some(version.to_string().as_str()) {
        return Ok(None);
    }
    let (context, provider) = whole(&table).await?;
    let mut rows = read(&context, provider, plan).await?;
    let mut landing = Landing::create(plan, &rows.schema())?;
    while let Some(batch) = rows.try_next().await.map_err(io::Error::other)? {
        landing.write(&batch)?;
    }
    landing.finish(version.to_string()).await.map(Some)
}

/// The rows that versions added.
pub async fn added(
    plan: &ExtractPlan,
    location: &Location,
    rewrites: Rewrites,
    state: Option<&str>,
) -> io::Result<Option<Extracted>> {
    let (table, version) = table(location).await?;
    let Some(last) = last(state, version)? else { return all(plan, location, None).await };
    if last == version {
        return Ok(None);
    }
    // Older versions may have fewer columns.
    let (context, provider) = whole(&table).await?;
    let schema: SchemaRef = read(&context, provider, plan).await?.schema();
    let mut landing = Landing::create(plan, &schema)?;
    for version in last + 1..=version {
        let files = files_of(&table, version, rewrites, plan).await?;
        if files.is_empty() {
            continue;
        }
        let mut then = open::at(location)?;
        then.load_version(version).await.map_err(failed)?;
        let context = SessionContext::new();
        then.update_datafusion_session(&context.state()).map_err(failed)?;
        let builder: TableProviderBuilder = then.table_provider().with_file_paths(files);
        let provider = builder.await.map_err(io::Error::other)?;
        let mut rows = read(&context, provider, plan).await?;
        while let Some(batch) = rows.try_next().await.map_err(io::Error::other)? {
            landing.write(&columns::conform_by_name(&batch, &schema)?)?;
        }
    }
    landing.finish(version.to_string()).await.map(Some)
}

/// The files that a version added, none if it is left out.
async fn files_of(table: &DeltaTable, version: u64, rewrites: Rewrites, plan: &ExtractPlan) -> io::Result<Vec<String>> {
    let entry = table.log_store().read_commit_entry(version).await.map_err(failed)?;
    let entry = entry.ok_or_else(|| {
        io::Error::other(format!(
            "its version {version} was not read, and is no more in its log\nhint: give the extract another `id`, so that it begins anew"
        ))
    })?;
    let (mut files, mut is_rewrite) = (Vec::new(), false);
    for action in get_actions(version, &entry).map_err(failed)? {
        match action {
            Action::Add(add) if add.data_change => files.push(add.path),
            Action::Remove(remove) if remove.data_change => is_rewrite = true,
            _ => {}
        }
    }
    if !is_rewrite {
        return Ok(files);
    }
    match rewrites {
        Rewrites::Refuse => Err(io::Error::other(format!(
            "its version {version} changes or deletes rows\nhint: `mode = \"changes\"` reads what is changed, if the table has `delta.enableChangeDataFeed`; `rewrites = \"skip\"` leaves such versions out; `mode = \"full\"` reads all"
        ))),
        Rewrites::Skip => {
            tracing::warn!("{}: version {version} changes or deletes rows, and is left out", plan.trigger());
            Ok(Vec::new())
        }
    }
}

/// The change data feed.
pub async fn changes(plan: &ExtractPlan, location: &Location, state: Option<&str>) -> io::Result<Option<Extracted>> {
    let (table, version) = table(location).await?;
    let last = last(state, version)?;
    if last == Some(version) {
        return Ok(None);
    }
    let configuration = table.snapshot().map_err(failed)?.metadata().configuration().clone();
    if configuration.get("delta.enableChangeDataFeed").is_none_or(|value| value != "true") {
        return Err(io::Error::other(
            "it has no change data feed\nhint: set its property `delta.enableChangeDataFeed` to `true`, or `mode = \"versions\"`",
        ));
    }
    let context = SessionContext::new();
    let Some(last) = last else {
        let (context, provider) = whole(&table).await?;
        let mut rows = read(&context, provider, plan).await?;
        let time = table.history(Some(1)).try_collect::<Vec<_>>().await.map_err(failed)?;
        let time = time.first().and_then(|commit| commit.timestamp);
        let feed = feed(&table)?.schema();
        let mut landing = None;
        while let Some(batch) = rows.try_next().await.map_err(io::Error::other)? {
            let batch = inserted(&batch, &feed, version, time)?;
            let landing = match &mut landing {
                Some(landing) => landing,
                none => none.insert(Landing::create(plan, &batch.schema())?),
            };
            landing.write(&batch)?;
        }
        return match landing {
            Some(landing) => landing.finish(version.to_string()).await.map(Some),
            None => Ok(Some(Extracted { state: version.to_string(), object: None, rows: 0 })),
        };
    };
    table.update_datafusion_session(&context.state()).map_err(failed)?;
    let feed = table.clone().scan_cdf().with_starting_version(last + 1).with_ending_version(version);
    let feed = DeltaCdfTableProvider::try_new(feed).map_err(failed)?;
    let mut columns = plan.columns.clone();
    if !columns.is_empty() {
        let of_feed = feed.schema().fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>();
        columns.extend(of_feed.into_iter().skip_while(|name| name != CHANGE_TYPE));
    }
    let frame = tables::frame(&context, Arc::new(feed), &columns, plan.filter.as_deref()).map_err(io::Error::other)?;
    let mut rows = frame.execute_stream().await.map_err(io::Error::other)?;
    let mut landing = Landing::create(plan, &rows.schema())?;
    while let Some(batch) = rows.try_next().await.map_err(io::Error::other)? {
        landing.write(&batch)?;
    }
    landing.finish(version.to_string()).await.map(Some)
}

/// Rows that were there before the first change that is read, as changes.
fn inserted(rows: &RecordBatch, feed: &SchemaRef, version: u64, time: Option<i64>) -> io::Result<RecordBatch> {
    let count = rows.num_rows();
    let mut fields: Vec<_> = rows.schema().fields().iter().cloned().collect();
    fields.extend(feed.fields().iter().skip_while(|field| field.name() != CHANGE_TYPE).cloned());
    let mut columns = rows.columns().to_vec();
    let change: [ArrayRef; 3] = [
        Arc::new(StringArray::from_iter_values(std::iter::repeat_n("insert", count))),
        Arc::new(UInt64Array::from_value(version, count)),
        Arc::new(TimestampMillisecondArray::from(vec![time; count])),
    ];
    columns.extend(change);
    RecordBatch::try_new(Arc::new(arrow_schema::Schema::new(fields)), columns).map_err(io::Error::other)
}

fn feed(table: &DeltaTable) -> io::Result<DeltaCdfTableProvider> {
    DeltaCdfTableProvider::try_new(table.clone().scan_cdf()).map_err(failed)
}

/// The table as it is now, and its version.
async fn table(location: &Location) -> io::Result<(DeltaTable, u64)> {
    let table = open::existing(location).await?.ok_or_else(|| open::missing(location))?;
    let version = table.version().unwrap_or_default();
    Ok((table, version))
}

/// The version that was read last.
fn last(state: Option<&str>, version: u64) -> io::Result<Option<u64>> {
    let Some(state) = state else { return Ok(None) };
    match state.parse() {
        Ok(last) if last <= version => Ok(Some(last)),
        _ => Err(io::Error::other(format!(
            "it was read up to version `{state}`, and is at {version}: it was made anew, or it is another table\nhint: give the extract another `id`, so that it begins anew"
        ))),
    }
}

async fn whole(table: &DeltaTable) -> io::Result<(SessionContext, Arc<dyn TableProvider>)> {
    let context = SessionContext::new();
    table.update_datafusion_session(&context.state()).map_err(failed)?;
    let provider = table.table_provider().await.map_err(io::Error::other)?;
    Ok((context, provider))
}

async fn read(
    context: &SessionContext,
    provider: Arc<dyn TableProvider>,
    plan: &ExtractPlan,
) -> io::Result<SendableRecordBatchStream> {
    let frame = tables::frame(context, provider, &plan.columns, plan.filter.as_deref()).map_err(io::Error::other)?;
    frame.execute_stream().await.map_err(io::Error::other)
}
