//! Tables that pipelines read: of a lake, of databases. Columns and filters are pushed down to whoever has the rows, as
//! far as he takes them.

use std::io;
use std::sync::Arc;

use arrow_array::{RecordBatch, UInt64Array};
use arrow_row::{RowConverter, SortField};
use arrow_schema::ArrowError;
use arrow_select::concat::concat_batches;
use arrow_select::take::take_record_batch;
use deltalake_core::datafusion::catalog::TableProvider;
use deltalake_core::datafusion::common::Column;
use deltalake_core::datafusion::error::DataFusionError;
use deltalake_core::datafusion::logical_expr::Expr;
use deltalake_core::datafusion::prelude::{DataFrame, SessionContext};
use futures_util::TryStreamExt;
use wasmill_runtime::plan::{ExtractPlan, ForeignTable, TablePlace};
use wasmill_runtime::table_source::{Extracted, TableSource};

use crate::wait::wait;
use crate::{databases, delta, extract, query};

/// Tables of Delta Lake, PostgreSQL, MySQL and SQLite.
pub struct Tables;

impl TableSource for Tables {
    fn read(&self, table: &ForeignTable, most: usize) -> io::Result<RecordBatch> {
        wait(read(table, most))
    }

    fn extract(&self, plan: &ExtractPlan, state: Option<&str>) -> io::Result<Option<Extracted>> {
        wait(extract::extract(plan, state))
    }
}

async fn read(table: &ForeignTable, most: usize) -> io::Result<RecordBatch> {
    let context = SessionContext::new();
    let provider = provider(&table.place, &context).await?;
    let rows = query(&context, provider, table, most).await.map_err(io::Error::other)?;
    sorted(&rows).map_err(io::Error::other)
}

/// A table, for a session.
pub async fn provider(place: &TablePlace, context: &SessionContext) -> io::Result<Arc<dyn TableProvider>> {
    match place {
        TablePlace::Delta(location) => delta::provider(location, context).await,
        TablePlace::Postgres { url, table } => databases::postgres(url, table).await,
        TablePlace::Mysql { url, table } => databases::mysql(url, table).await,
        TablePlace::Sqlite { file, table } => databases::sqlite(file, table).await,
        TablePlace::View { manifest, view } => query::view(manifest, view.as_str()).await,
        TablePlace::Model { .. } => Err(io::Error::new(io::ErrorKind::Unsupported, "a semantic model is no table")),
    }
}

/// The rows of a table for which a condition of SQL holds, of some columns; of all if there are none.
pub fn frame(
    context: &SessionContext,
    provider: Arc<dyn TableProvider>,
    columns: &[String],
    filter: Option<&str>,
) -> Result<DataFrame, DataFusionError> {
    let mut frame = context.read_table(provider)?;
    if let Some(filter) = filter {
        let filter = frame.parse_sql_expr(filter).map_err(|err| err.context(format!("its filter `{filter}`")))?;
        frame = frame.filter(filter)?;
    }
    if columns.is_empty() {
        return Ok(frame);
    }
    frame.select(columns.iter().map(|name| Expr::Column(Column::from_name(name))))
}

async fn query(
    context: &SessionContext,
    provider: Arc<dyn TableProvider>,
    table: &ForeignTable,
    most: usize,
) -> Result<RecordBatch, DataFusionError> {
    let frame = frame(context, provider, &table.columns, table.filter.as_deref())?;
    let mut stream = frame.execute_stream().await?;
    let (schema, mut batches, mut bytes) = (stream.schema(), Vec::new(), 0);
    while let Some(batch) = stream.try_next().await? {
        bytes += batch.get_array_memory_size();
        if bytes > most {
            let message =
                format!("it has more than {} MiB of rows\nhint: choose `columns`, and rows by a `filter`", most >> 20);
            return Err(DataFusionError::External(message.into()));
        }
        batches.push(batch);
    }
    Ok(concat_batches(&schema, &batches)?)
}

/// The rows in an order of their own: databases give them as they please.
fn sorted(rows: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let fields: Vec<_> = rows.columns().iter().map(|column| SortField::new(column.data_type().clone())).collect();
    // Of a few types, such as maps, there is no order.
    if fields.is_empty() || !RowConverter::supports_fields(&fields) {
        return Ok(rows.clone());
    }
    let keys = RowConverter::new(fields)?.convert_columns(rows.columns())?;
    let mut order: Vec<_> = keys.iter().enumerate().collect();
    order.sort_by_key(|(_, key)| *key);
    take_record_batch(rows, &UInt64Array::from_iter_values(order.into_iter().map(|(index, _)| index as u64)))
}
