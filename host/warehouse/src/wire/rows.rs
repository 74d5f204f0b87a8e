//! Rows as clients read them: `arrow-pg`'s encoding, but for nulls, which it knows of most types only, and for numbers and
//! spans of time, whose texts PostgreSQL writes in another way.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use datafusion_postgres::arrow_pg::datatypes::{PG_OID_ALIAS_KEY, arrow_schema_to_pg_fields};
use datafusion_postgres::arrow_pg::encoder::encode_value;
use datafusion_postgres::pgwire::api::Type;
use datafusion_postgres::pgwire::api::portal::Format;
use datafusion_postgres::pgwire::api::results::{DataRowEncoder, FieldFormat, FieldInfo, QueryResponse};
use datafusion_postgres::pgwire::error::PgWireResult;
use datafusion_postgres::pgwire::messages::data::DataRow;
use datafusion_postgres::pgwire::types::format::FormatOptions;
use deltalake_core::datafusion::common::TableReference;
use deltalake_core::datafusion::common::tree_node::TreeNodeRecursion;
use deltalake_core::datafusion::logical_expr::LogicalPlan;
use deltalake_core::datafusion::prelude::DataFrame;
use futures_util::{StreamExt, TryStreamExt, stream};
use postgres::types::Kind;

use super::failure::failed;

/// From this power of ten on, PostgreSQL writes numbers by their exponents; the same down from 10⁻⁵.
const REAL: i32 = 6;
const DOUBLE: i32 = 15;

/// The rows of a query.
pub async fn encode(frame: DataFrame, format: &Format, options: Arc<FormatOptions>) -> PgWireResult<QueryResponse> {
    let columns = Columns::new(frame.schema().inner(), format, options)?.of(frame.logical_plan())?;
    let fields = columns.fields.clone();
    let batches = frame.execute_stream().await.map_err(failed)?;
    let rows = batches.map_err(failed);
    let rows = rows.map_ok(move |batch| stream::iter(columns.rows(batch))).try_flatten();
    Ok(QueryResponse::new(fields, rows.boxed()))
}

/// How the columns of rows are written.
#[derive(Clone)]
pub struct Columns {
    /// What clients are told of them.
    pub fields: Arc<Vec<FieldInfo>>,
}

impl Columns {
    /// As a client wants them.
    pub fn new(schema: &SchemaRef, format: &Format, options: Arc<FormatOptions>) -> PgWireResult<Self> {
        // What says that a number is an object's is kept of it when it is cast to a text.
        let typed = schema.fields().iter().map(|field| match field.data_type() {
            DataType::Int32 => field.clone(),
            _ => {
                let mut metadata = field.metadata().clone();
                metadata.remove(PG_OID_ALIAS_KEY);
                Arc::new(field.as_ref().clone().with_metadata(metadata))
            }
        });
        let schema = Schema::new(typed.collect::<Vec<_>>());
        let fields = Arc::new(arrow_schema_to_pg_fields(&schema, format, Some(options))?);
        Ok(Self { fields })
    }

    /// With the types that the columns of a plan have.
    pub fn of(self, plan: &LogicalPlan) -> PgWireResult<Self> {
        Ok(Self { fields: Arc::new(numbered(&self.fields, plan)?) })
    }

    /// The rows of a batch.
    pub fn rows(&self, batch: RecordBatch) -> impl Iterator<Item = PgWireResult<DataRow>> + Send + use<> {
        let fields = self.fields.clone();
        let mut encoder = DataRowEncoder::new(fields.clone());
        (0..batch.num_rows()).map(move |row| {
            for ((array, told), field) in batch.columns().iter().zip(fields.iter()).zip(batch.schema_ref().fields()) {
                write(&mut encoder, array, row, field, told)?;
            }
            Ok(encoder.take_row())
        })
    }
}

/// The columns of a plan, of which lists of numbers are of those of the catalog's objects if it reads the catalog alone.
fn numbered(fields: &[FieldInfo], plan: &LogicalPlan) -> PgWireResult<Vec<FieldInfo>> {
    let is_catalogs = reads_catalog(plan)?;
    let typed = fields.iter().map(|field| {
        if !is_catalogs || *field.datatype() != Type::INT4_ARRAY {
            return field.clone();
        }
        FieldInfo::new(field.name().to_owned(), field.table_id(), field.column_id(), Type::OID_ARRAY, field.format())
    });
    Ok(typed.collect())
}

/// Whether a plan reads the catalog, and nothing else.
pub fn reads_catalog(plan: &LogicalPlan) -> PgWireResult<bool> {
    let (mut tables, mut own) = (BTreeSet::new(), BTreeSet::new());
    plan.apply_with_subqueries(|node| {
        match node {
            LogicalPlan::TableScan(scan) => drop(tables.insert(scan.table_name.clone())),
            // What a query that refers to itself has by now is a table to it.
            LogicalPlan::RecursiveQuery(query) => drop(own.insert(query.name.clone())),
            _ => {}
        }
        Ok(TreeNodeRecursion::Continue)
    })
    .map_err(failed)?;
    tables.retain(|table| !own.contains(table.table()));
    // As are those that its tables are made of.
    let is_catalogs = |table: &TableReference| table.schema().is_some_and(|schema| schema.starts_with("pg_"));
    Ok(!tables.is_empty() && tables.iter().all(is_catalogs))
}

fn write(
    encoder: &mut DataRowEncoder,
    array: &ArrayRef,
    row: usize,
    field: &Field,
    told: &FieldInfo,
) -> PgWireResult<()> {
    let options = told.format_options();
    let mut write_text =
        |text: &str| encoder.encode_field_with_type_and_format(&text, &Type::TEXT, FieldFormat::Text, options);
    if array.is_null(row) {
        return encoder.encode_field_with_type_and_format(&None::<&str>, &Type::TEXT, FieldFormat::Text, options);
    }
    if told.format() == FieldFormat::Text {
        // A client may ask for fewer digits.
        let is_exact = options.extra_float_digits > 0;
        match array.data_type() {
            DataType::Float32 if is_exact => {
                let value = array.as_primitive::<Float32Type>().value(row);
                return write_text(&number(f64::from(value), &value.to_string(), &format!("{value:e}"), REAL));
            }
            DataType::Float64 if is_exact => {
                let value = array.as_primitive::<Float64Type>().value(row);
                return write_text(&number(value, &value.to_string(), &format!("{value:e}"), DOUBLE));
            }
            DataType::Interval(_)
            | DataType::Duration(_)
            | DataType::Time32(_)
            | DataType::Time64(_)
            | DataType::Timestamp(..) => {
                let mut alone = DataRowEncoder::new(Arc::new(vec![told.clone()]));
                encode_value(&mut alone, array, row, field, told)?;
                let written = alone.take_row().data;
                // Before it is its length.
                let text = written.get(4..).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default();
                return write_text(&without_zeros(text));
            }
            _ => {}
        }
    }
    if told.format() == FieldFormat::Binary
        && let Kind::Array(item) = told.datatype().kind()
        && is_empty(array, row)
    {
        // No dimensions, no nulls, and the type of what it would have.
        let empty = [[0; 4], [0; 4], item.oid().to_be_bytes()].concat();
        return encoder.encode_field_with_type_and_format(
            &empty.as_slice(),
            &Type::BYTEA,
            FieldFormat::Binary,
            options,
        );
    }
    encode_value(encoder, array, row, field, told)
}

/// Whether a list is empty.
fn is_empty(array: &ArrayRef, row: usize) -> bool {
    match array.data_type() {
        DataType::List(_) => array.as_list::<i32>().value(row).is_empty(),
        DataType::LargeList(_) => array.as_list::<i64>().value(row).is_empty(),
        _ => false,
    }
}

/// A number as PostgreSQL writes it, of how it is written without an exponent and with one.
fn number(value: f64, plain: &str, scientific: &str, limit: i32) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let Some((digits, exponent)) = scientific.split_once('e') else { return plain.to_owned() };
    let Ok(exponent) = exponent.parse::<i32>() else { return plain.to_owned() };
    if (-4..limit).contains(&exponent) {
        return plain.to_owned();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
}

/// A time without the zeros that end the parts of its seconds, which a zone may come after.
fn without_zeros(time: &str) -> Cow<'_, str> {
    let Some((before, rest)) = time.split_once('.') else { return time.into() };
    let digits = rest.len() - rest.trim_start_matches(|digit: char| digit.is_ascii_digit()).len();
    let (parts, after) = rest.split_at(digits);
    match parts.trim_end_matches('0') {
        "" => format!("{before}{after}").into(),
        kept => format!("{before}.{kept}{after}").into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_postgresql_does() {
        let double = |value: f64| number(value, &value.to_string(), &format!("{value:e}"), DOUBLE);
        for (value, expect) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.5, "1.5"),
            (0.0001, "0.0001"),
            (0.000_01, "1e-05"),
            (123_456_789_012_345.0, "123456789012345"),
            (1e15, "1e+15"),
            (-1.25e300, "-1.25e+300"),
            (f64::INFINITY, "Infinity"),
            (f64::NEG_INFINITY, "-Infinity"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(double(value), expect);
        }
        let real = |value: f32| number(f64::from(value), &value.to_string(), &format!("{value:e}"), REAL);
        assert_eq!(
            [real(0.1), real(100_000.0), real(1e6), real(f32::MAX)],
            ["0.1", "100000", "1e+06", "3.4028235e+38"]
        );
    }

    #[test]
    fn times_end_without_zeros() {
        for (span, expect) in [
            ("1 year 04:05:06.500000", "1 year 04:05:06.5"),
            ("00:00:01.000000", "00:00:01"),
            ("00:00:10", "00:00:10"),
            ("0001-01-01 00:00:00.000000", "0001-01-01 00:00:00"),
            ("2013-01-25 04:05:06.500000+00", "2013-01-25 04:05:06.5+00"),
            ("", ""),
        ] {
            assert_eq!(without_zeros(span), expect);
        }
    }
}
