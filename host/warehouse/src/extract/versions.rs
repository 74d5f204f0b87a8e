//! Rows of tables of Delta Lake, by version.

use std::io;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray, TimestampMillisecondArray, UInt64Array};
use arrow_schema::{Schema, SchemaRef};
use deltalake_core::DeltaTable;
use deltalake_core::datafusion::catalog::TableProvider;
use deltalake_core::datafusion::prelude::{DataFrame, SessionContext, col, lit};
use deltalake_core::delta_datafusion::DeltaCdfTableProvider;
use deltalake_core::kernel::Action;
use deltalake_core::logstore::get_actions;
use futures_util::TryStreamExt;
use wasmill_runtime::manifest::Rewrites;
use wasmill_runtime::plan::ExtractPlan;
use wasmill_runtime::store::Location;
use wasmill_runtime::table_source::Extracted;

use super::landing::Landing;
use super::{frame, land, next};
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
    let landing = land(plan, whole(&table, plan).await?, None).await?;
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
    let schema: SchemaRef = Arc::new(whole(&table, plan).await?.schema().as_arrow().clone());
    let mut landing = Landing::create(plan, &schema)?;
    for version in last + 1..=version {
        let files = files_of(&table, version, rewrites, plan).await?;
        if files.is_empty() {
            continue;
        }
        let mut then = open::at(location)?;
        then.load_version(version).await.map_err(failed)?;
        let context = session(&then)?;
        let provider = then.table_provider().with_file_paths(files).await.map_err(io::Error::other)?;
        let mut rows = frame(&context, provider, plan)?.execute_stream().await.map_err(io::Error::other)?;
        while let Some(batch) = next(&mut rows).await? {
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
    let feed = |from, to| {
        let feed = table.clone().scan_cdf().with_starting_version(from).with_ending_version(to);
        DeltaCdfTableProvider::try_new(feed).map(Arc::new).map_err(failed)
    };
    let of_feed = feed(version, version)?.schema();
    let of_change = of_feed.fields().iter().skip_while(|field| field.name() != CHANGE_TYPE);
    let Some(last) = last else {
        let frame = whole(&table, plan).await?;
        let fields = frame.schema().as_arrow().fields().iter().chain(of_change).cloned();
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let time = table.history(Some(1)).try_collect::<Vec<_>>().await.map_err(failed)?;
        let time = time.first().and_then(|commit| commit.timestamp);
        let mut rows = frame.execute_stream().await.map_err(io::Error::other)?;
        let mut landing = Landing::create(plan, &schema)?;
        while let Some(batch) = next(&mut rows).await? {
            landing.write(&inserted(&batch, &schema, version, time)?)?;
        }
        return landing.finish(version.to_string()).await.map(Some);
    };
    let mut columns = plan.columns.clone();
    if !columns.is_empty() {
        columns.extend(of_change.map(|field| field.name().clone()));
    }
    let context = session(&table)?;
    let mut landing = None;
    // Of a key that changed several times the last change is to be last, and of a version what it takes away is first.
    for version in last + 1..=version {
        let frame = tables::frame(&context, feed(version, version)?, &columns, plan.filter.as_deref());
        let adds = col(CHANGE_TYPE).in_list(vec![lit("insert"), lit("update_postimage")], false);
        let frame = frame.and_then(|frame| frame.sort(vec![adds.sort(true, true)])).map_err(io::Error::other)?;
        let mut rows = frame.execute_stream().await.map_err(io::Error::other)?;
        let landing = match &mut landing {
            Some(landing) => landing,
            none => none.insert(Landing::create(plan, &rows.schema())?),
        };
        while let Some(batch) = next(&mut rows).await? {
            landing.write(&batch)?;
        }
    }
    match landing {
        Some(landing) => landing.finish(version.to_string()).await.map(Some),
        None => Ok(None),
    }
}

/// Rows that were there before the first change that is read, as changes.
fn inserted(rows: &RecordBatch, schema: &SchemaRef, version: u64, time: Option<i64>) -> io::Result<RecordBatch> {
    let count = rows.num_rows();
    let mut columns = rows.columns().to_vec();
    let change: [ArrayRef; 3] = [
        Arc::new(StringArray::from_iter_values(std::iter::repeat_n("insert", count))),
        Arc::new(UInt64Array::from_value(version, count)),
        Arc::new(TimestampMillisecondArray::from(vec![time; count])),
    ];
    columns.extend(change);
    RecordBatch::try_new(schema.clone(), columns).map_err(io::Error::other)
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

/// All that an extract reads of a table.
async fn whole(table: &DeltaTable, plan: &ExtractPlan) -> io::Result<DataFrame> {
    let context = session(table)?;
    let provider = table.table_provider().await.map_err(io::Error::other)?;
    frame(&context, provider, plan)
}

/// A session that knows the table's store.
fn session(table: &DeltaTable) -> io::Result<SessionContext> {
    let context = SessionContext::new();
    table.update_datafusion_session(&context.state()).map_err(failed)?;
    Ok(context)
}
