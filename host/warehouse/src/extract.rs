//! Extracts: what is new of a table, read into an object of Parquet.
//!
//! How far a table was read is a text that means something here alone: the version of a table of Delta Lake, the greatest
//! watermark, or a digest of all rows.
//!
//! # Layout
//! - [`extract`]: rows of any table; `versions`: those of Delta Lake, by version;
//! - `landing`: the object that they go into; `watermark`: which rows are new.

mod landing;
mod versions;
mod watermark;

use std::io;

use deltalake_core::datafusion::execution::SendableRecordBatchStream;
use deltalake_core::datafusion::prelude::SessionContext;
use futures_util::TryStreamExt;
use wasmill_runtime::plan::{ExtractPlan, ExtractRows, TablePlace};
use wasmill_runtime::table_source::Extracted;

use crate::tables;
use landing::Landing;
use watermark::Watermark;

/// Reads what is new since `state`, or all if there is none.
pub async fn extract(plan: &ExtractPlan, state: Option<&str>) -> io::Result<Option<Extracted>> {
    match (&plan.rows, &plan.place) {
        (ExtractRows::Above { .. }, _) => above(plan, state).await,
        (ExtractRows::All, TablePlace::Delta(location)) => versions::all(plan, location, state).await,
        (ExtractRows::All, _) => all(plan, state).await,
        (ExtractRows::Added(rewrites), TablePlace::Delta(location)) => {
            versions::added(plan, location, *rewrites, state).await
        }
        (ExtractRows::Changes, TablePlace::Delta(location)) => versions::changes(plan, location, state).await,
        (ExtractRows::Added(_) | ExtractRows::Changes, _) => {
            Err(io::Error::new(io::ErrorKind::Unsupported, "only tables of Delta Lake have versions"))
        }
    }
}

/// All rows of a database's table, if they are others than before.
async fn all(plan: &ExtractPlan, state: Option<&str>) -> io::Result<Option<Extracted>> {
    let mut rows = rows(plan).await?;
    let mut landing = Landing::create(plan, &rows.schema())?;
    while let Some(batch) = rows.try_next().await.map_err(io::Error::other)? {
        landing.write(&batch)?;
    }
    let digest = landing.digest()?;
    if state == Some(digest.as_str()) {
        return Ok(None);
    }
    landing.finish(digest).await.map(Some)
}

/// The rows above a watermark.
async fn above(plan: &ExtractPlan, state: Option<&str>) -> io::Result<Option<Extracted>> {
    let ExtractRows::Above { column, lag } = &plan.rows else { return Ok(None) };
    let context = SessionContext::new();
    let provider = tables::provider(&plan.place, &context).await?;
    let mut watermark = Watermark::new(column, &provider.schema(), *lag, state)?;
    let mut frame =
        tables::frame(&context, provider, &plan.columns, plan.filter.as_deref()).map_err(io::Error::other)?;
    if let Some(condition) = watermark.condition() {
        frame = frame.filter(condition).map_err(io::Error::other)?;
    }
    let mut rows = frame.execute_stream().await.map_err(io::Error::other)?;
    let mut landing = Landing::create(plan, &rows.schema())?;
    while let Some(batch) = rows.try_next().await.map_err(io::Error::other)? {
        landing.write(&watermark.take(&batch)?)?;
    }
    if let Some(nulls) = watermark.nulls() {
        tracing::warn!("{}: {nulls} rows are not read, in which `{column}` is null", plan.trigger());
    }
    match watermark.state()? {
        Some(state) => landing.finish(state).await.map(Some),
        None => Ok(None),
    }
}

async fn rows(plan: &ExtractPlan) -> io::Result<SendableRecordBatchStream> {
    let context = SessionContext::new();
    let provider = tables::provider(&plan.place, &context).await?;
    let frame = tables::frame(&context, provider, &plan.columns, plan.filter.as_deref()).map_err(io::Error::other)?;
    frame.execute_stream().await.map_err(io::Error::other)
}
