//! Batches merged into a table by key.

use std::collections::HashMap;
use std::io;

use arrow_array::{ArrayRef, RecordBatch, UInt64Array};
use arrow_row::{RowConverter, SortField};
use arrow_schema::SchemaRef;
use arrow_select::concat::concat_batches;
use arrow_select::take::take_record_batch;
use deltalake_core::datafusion::common::{Column, TableReference};
use deltalake_core::datafusion::error::DataFusionError;
use deltalake_core::datafusion::logical_expr::expr_fn::{binary_expr, not};
use deltalake_core::datafusion::logical_expr::{Expr, Operator};
use deltalake_core::datafusion::prelude::SessionContext;
use deltalake_core::kernel::transaction::CommitProperties;
use deltalake_core::{DeltaTable, DeltaTableError};
use wasmill_runtime::plan::SinkPlan;
use wasmill_runtime::store::Location;

use super::failed;
use super::payload::{self, Staged};

/// Merges rows by the sink's key: the version that has them. Rows that are as the table has them change nothing.
pub async fn merge(
    plan: &SinkPlan,
    location: &Location,
    schema: &SchemaRef,
    table: DeltaTable,
    staged: Vec<Staged>,
    properties: CommitProperties,
) -> io::Result<u64> {
    let mut rows = Vec::new();
    for staged in staged {
        match staged {
            Staged::Rows(more) => rows.extend(more),
            Staged::Object(path) => rows.extend(payload::get(location, &path).await?),
            Staged::Files(_) => {
                return Err(io::Error::other(
                    "rows were staged in another mode\nhint: set `mode` to what it was until they are committed",
                ));
            }
        }
    }
    let rows = rows.iter().map(|rows| super::columns::conform_by_name(rows, schema)).collect::<io::Result<Vec<_>>>()?;
    let rows = concat_batches(schema, &rows).map_err(io::Error::other)?;
    let rows = newest(&rows, &plan.key, plan.version.as_deref()).map_err(io::Error::other)?;
    merge_rows(plan, schema, table, rows, properties).await.map_err(failed)
}

/// Of rows with the same key the one with the greatest version, or else the last.
pub fn newest(
    rows: &RecordBatch,
    key: &[String],
    version: Option<&str>,
) -> Result<RecordBatch, arrow_schema::ArrowError> {
    let encode = |columns: Vec<ArrayRef>| {
        let fields = columns.iter().map(|column| SortField::new(column.data_type().clone())).collect();
        RowConverter::new(fields)?.convert_columns(&columns)
    };
    let column = |name: &str| rows.column_by_name(name).cloned();
    let keys = encode(key.iter().filter_map(|name| column(name)).collect())?;
    let versions = version.and_then(column).map(|column| encode(vec![column])).transpose()?;
    let mut chosen: HashMap<&[u8], usize> = HashMap::new();
    let keys: Vec<_> = keys.iter().collect();
    for (index, key) in keys.iter().enumerate() {
        let kept = chosen.entry(key.as_ref()).or_insert(index);
        let is_newer = versions.as_ref().is_none_or(|versions| versions.row(index) >= versions.row(*kept));
        if is_newer {
            *kept = index;
        }
    }
    let mut indices: Vec<u64> = chosen.into_values().map(|index| index as u64).collect();
    indices.sort_unstable();
    take_record_batch(rows, &UInt64Array::from(indices))
}

async fn merge_rows(
    plan: &SinkPlan,
    schema: &SchemaRef,
    table: DeltaTable,
    rows: RecordBatch,
    properties: CommitProperties,
) -> Result<u64, DeltaTableError> {
    let of = |table: &str, name: &str| Expr::Column(Column::new(Some(TableReference::bare(table)), name));
    let both = |name: &str, operator: Operator| binary_expr(of("source", name), operator, of("target", name));
    let all = |conditions: Vec<Expr>| conditions.into_iter().reduce(Expr::and);
    let nothing = || DataFusionError::Plan("there are no columns".into());
    let matches = all(plan.key.iter().map(|name| both(name, Operator::Eq)).collect()).ok_or_else(nothing)?;
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let others = names.iter().filter(|name| !plan.key.iter().any(|key| key == **name));
    let same = all(others.clone().map(|name| both(name, Operator::IsNotDistinctFrom)).collect());
    let is_newer = plan.version.as_ref().map(|name| both(name, Operator::GtEq).or(of("target", name).is_null()));
    let changes = all([same.clone().map(not), is_newer].into_iter().flatten().collect());
    let source = SessionContext::new().read_batch(rows)?;
    let mut merge = table
        .merge(source, matches)
        .with_source_alias("source")
        .with_target_alias("target")
        .with_commit_properties(properties)
        .when_not_matched_insert(|insert| {
            names.iter().fold(insert, |insert, name| insert.set(Column::from_name(*name), of("source", name)))
        })?;
    if let Some(changes) = changes.filter(|_| same.is_some()) {
        merge = merge.when_matched_update(|update| {
            let update = update.predicate(changes);
            others.fold(update, |update, name| update.update(Column::from_name(*name), of("source", name)))
        })?;
    }
    let (table, _) = merge.await?;
    Ok(table.version().unwrap_or_default())
}
