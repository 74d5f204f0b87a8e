//! Extracts: what is new of a table, read into an object of Parquet.
//!
//! How far a table was read is a text that means something here alone: the version of a table of Delta Lake, the greatest
//! watermark, a digest of all rows, or the last period of a measure.
//!
//! # Layout
//! - [`extract`]: rows of any table; `versions`: those of Delta Lake, by version;
//! - `band`: what a measure is made of, when it leaves its band;
//! - `landing`: the object that they go into; `watermark`: which rows are new.

mod band;
mod landing;
mod versions;
mod watermark;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use arrow_array::RecordBatch;
use deltalake_core::datafusion::catalog::TableProvider;
use deltalake_core::datafusion::execution::SendableRecordBatchStream;
use deltalake_core::datafusion::prelude::{DataFrame, SessionContext};
use futures_util::TryStreamExt;
use wasmill_runtime::plan::{ExtractPlan, ExtractRows, TablePlace};
use wasmill_runtime::table_source::Extracted;

use crate::tables;
use landing::Landing;
use watermark::Watermark;

pub use band::check as check_band;

/// How long to wait for rows at most: a connection that was lost must not hold a table from other workers for good.
const SILENCE: Duration = Duration::from_secs(600);

/// Reads what is new since `state`, or all if there is none.
pub async fn extract(plan: &ExtractPlan, state: Option<&str>) -> io::Result<Option<Extracted>> {
    match (&plan.rows, &plan.place) {
        (ExtractRows::Band(watched), TablePlace::Model { manifest }) => {
            band::extract(plan, watched, manifest, state).await
        }
        (ExtractRows::Band(_), _) => Err(io::Error::new(io::ErrorKind::Unsupported, "only measures have a band")),
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
    let context = SessionContext::new();
    let provider = tables::provider(&plan.place, &context).await?;
    let mut landing = land(plan, frame(&context, provider, plan)?, None).await?;
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
    let mut frame = frame(&context, provider, plan)?;
    if let Some(condition) = watermark.condition() {
        frame = frame.filter(condition).map_err(io::Error::other)?;
    }
    let landing = land(plan, frame, Some(&mut watermark)).await?;
    if let Some(nulls) = watermark.nulls() {
        tracing::warn!("{}: {nulls} rows are not read, in which `{column}` is null", plan.trigger());
    }
    match watermark.state()? {
        Some(state) => landing.finish(state).await.map(Some),
        None => Ok(None),
    }
}

/// What an extract reads of a table.
fn frame(context: &SessionContext, provider: Arc<dyn TableProvider>, plan: &ExtractPlan) -> io::Result<DataFrame> {
    tables::frame(context, provider, &plan.columns, plan.filter.as_deref()).map_err(io::Error::other)
}

/// Puts rows into an object, only those above the watermark if there is one.
async fn land(plan: &ExtractPlan, frame: DataFrame, mut watermark: Option<&mut Watermark>) -> io::Result<Landing> {
    let mut rows = frame.execute_stream().await.map_err(io::Error::other)?;
    let mut landing = Landing::create(plan, &rows.schema())?;
    while let Some(batch) = next(&mut rows).await? {
        match &mut watermark {
            Some(watermark) => landing.write(&watermark.take(&batch)?)?,
            None => landing.write(&batch)?,
        }
    }
    Ok(landing)
}

/// The next rows; an error if whoever has them is silent for too long.
async fn next(rows: &mut SendableRecordBatchStream) -> io::Result<Option<RecordBatch>> {
    match tokio::time::timeout(SILENCE, rows.try_next()).await {
        Ok(rows) => rows.map_err(io::Error::other),
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, format!("no row came for {SILENCE:?}"))),
    }
}
