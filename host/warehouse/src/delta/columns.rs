//! What of rows fits a table: Delta Lake has fewer types than Arrow.

use std::fmt::Write;
use std::io;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use deltalake_core::DeltaTable;
use deltalake_core::kernel::engine::arrow_conversion::{TryIntoArrow, TryIntoKernel};
use deltalake_core::kernel::{StructField, StructType};
use wasmill_runtime::manifest::SinkColumns;
use wasmill_runtime::plan::SinkPlan;

use super::failed;

/// A step's columns as a table has them: of the types that Delta Lake knows, each wide enough. All may be null, so that other
/// writers may leave them out.
pub fn as_delta(schema: &Schema) -> Result<SchemaRef, String> {
    let fields = schema.fields().iter().map(|field| {
        let known = as_known(field.data_type()).ok_or_else(|| {
            format!(
                "the column `{}` is {}, which tables of Delta Lake do not have\nhint: cast it in a transform",
                field.name(),
                field.data_type()
            )
        })?;
        Ok(Field::new(field.name(), known, true))
    });
    Ok(Arc::new(Schema::new(fields.collect::<Result<Vec<_>, String>>()?)))
}

fn as_known(of: &DataType) -> Option<DataType> {
    Some(match of {
        DataType::UInt8 => DataType::Int16,
        DataType::UInt16 => DataType::Int32,
        DataType::UInt32 => DataType::Int64,
        DataType::UInt64 => DataType::Decimal128(20, 0),
        DataType::Float16 => DataType::Float32,
        DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => DataType::Binary,
        DataType::Date64 => DataType::Date32,
        // Precision beyond microseconds is cut.
        DataType::Timestamp(_, zone) => DataType::Timestamp(TimeUnit::Microsecond, zone.as_ref().map(|_| "UTC".into())),
        DataType::Dictionary(_, values) => as_known(values)?,
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            DataType::List(Arc::new(Field::new("element", as_known(item.data_type())?, true)))
        }
        DataType::Struct(fields) => DataType::Struct(
            fields
                .iter()
                .map(|field| Some(Field::new(field.name(), as_known(field.data_type())?, true)))
                .collect::<Option<Vec<_>>>()?
                .into(),
        ),
        DataType::Decimal128(..)
        | DataType::Boolean
        | DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::Float32
        | DataType::Float64
        | DataType::Utf8
        | DataType::Binary
        | DataType::Date32 => of.clone(),
        _ => return None,
    })
}

/// The columns, as a table's schema has them.
pub fn fields(schema: &SchemaRef) -> io::Result<Vec<StructField>> {
    let schema: StructType = schema.as_ref().try_into_kernel().map_err(io::Error::other)?;
    Ok(schema.fields().cloned().collect())
}

/// A table's columns.
pub fn of_table(table: &DeltaTable) -> io::Result<SchemaRef> {
    let schema = table.snapshot().map_err(failed)?.metadata().parse_schema().map_err(io::Error::other)?;
    let schema: Schema = (&schema).try_into_arrow().map_err(io::Error::other)?;
    Ok(Arc::new(schema))
}

/// The columns that a table does not have.
pub fn missing(schema: &SchemaRef, table: &DeltaTable) -> io::Result<Vec<StructField>> {
    let known = of_table(table)?;
    let fields = fields(schema)?;
    Ok(fields.into_iter().filter(|field| known.field_with_name(field.name()).is_err()).collect())
}

/// An error that tells the differences if the table does not take rows of these columns.
pub fn check(plan: &SinkPlan, schema: &SchemaRef, table: &DeltaTable) -> Result<(), String> {
    let known = of_table(table).map_err(|err| err.to_string())?;
    let snapshot = table.snapshot().map_err(|err| err.to_string())?;
    let partitions = snapshot.metadata().partition_columns();
    if *partitions != *plan.partition_by() {
        return Err(format!(
            "the table at {} is partitioned by {partitions:?}, the sink by {:?}\nhint: set `partition_by = {partitions:?}`",
            plan.table,
            plan.partition_by()
        ));
    }
    let mut differences = String::new();
    let (mut is_wider, mut is_other) = (false, false);
    for field in schema.fields() {
        let (name, of) = (field.name(), field.data_type());
        match known.field_with_name(name) {
            Ok(known) if known.data_type().equals_datatype(of) => {}
            Ok(known) => {
                is_other = true;
                let _ = write!(differences, "\n  ~ `{name}` is {of}, in the table {}", known.data_type());
            }
            Err(_) => {
                is_wider = true;
                let _ = write!(differences, "\n  + `{name}` {of} is not in the table");
            }
        }
    }
    for field in known.fields().iter().filter(|field| !field.is_nullable()) {
        if schema.field_with_name(field.name()).is_err() {
            is_other = true;
            let _ = write!(differences, "\n  - `{}` is only in the table, where it may not be null", field.name());
        }
    }
    if !is_other && (!is_wider || plan.columns == SinkColumns::Evolve) {
        return Ok(());
    }
    let hint = if is_other {
        "have the step select what the table has, or write another table"
    } else {
        "with `columns = \"evolve\"` columns are added to the table"
    };
    Err(format!("the table at {} has other columns than the rows:{differences}\nhint: {hint}", plan.table))
}

/// Rows as a table has them: of these columns. A value that does not fit is an error.
pub fn conform(rows: &RecordBatch, schema: &SchemaRef) -> io::Result<RecordBatch> {
    let options = CastOptions { safe: false, ..CastOptions::default() };
    let columns = rows.columns().iter().zip(schema.fields()).map(|(column, field)| {
        cast_with_options(column, field.data_type(), &options)
            .map_err(|err| invalid(format!("column `{}`: {err}", field.name())))
    });
    let columns = columns.collect::<io::Result<Vec<_>>>()?;
    RecordBatch::try_new(schema.clone(), columns).map_err(|err| invalid(err.to_string()))
}

/// Rows with these columns by name, null where they have none.
pub fn conform_by_name(rows: &RecordBatch, schema: &SchemaRef) -> io::Result<RecordBatch> {
    let columns = schema.fields().iter().map(|field| {
        let column = rows.column_by_name(field.name()).cloned();
        column.unwrap_or_else(|| arrow_array::new_null_array(field.data_type(), rows.num_rows()))
    });
    RecordBatch::try_new(schema.clone(), columns.collect()).map_err(|err| invalid(err.to_string()))
}

/// About how many bytes the rows are, of buffers that they share with others only their part.
pub fn size(rows: &RecordBatch) -> usize {
    let sizes = rows.columns().iter().map(|column| column.to_data().get_slice_memory_size());
    sizes.map(|size| size.unwrap_or_default()).sum()
}

fn invalid(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}
