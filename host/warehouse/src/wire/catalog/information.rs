//! `information_schema` as PostgreSQL has it (<https://www.postgresql.org/docs/16/information-schema.html>).

use std::sync::Arc;

use arrow_array::{ArrayRef, Int32Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use async_trait::async_trait;
use datafusion_postgres::arrow_pg::datatypes::field_into_pg_type;
use datafusion_postgres::pgwire::api::Type;
use deltalake_core::datafusion::catalog::{CatalogProviderList, SchemaProvider, TableProvider};
use deltalake_core::datafusion::common::Result;
use deltalake_core::datafusion::datasource::MemTable;

use crate::query::names::{CATALOG, INFORMATION};

use super::SCHEMA;

/// Views that DataFusion lacks, of what no table here has, and their columns, texts all.
const NOTHING: [(&str, &[&str]); 8] = [
    (
        "table_constraints",
        &[
            "constraint_catalog",
            "constraint_schema",
            "constraint_name",
            "table_catalog",
            "table_schema",
            "table_name",
            "constraint_type",
            "is_deferrable",
            "initially_deferred",
            "enforced",
        ],
    ),
    (
        "referential_constraints",
        &[
            "constraint_catalog",
            "constraint_schema",
            "constraint_name",
            "unique_constraint_catalog",
            "unique_constraint_schema",
            "unique_constraint_name",
            "match_option",
            "update_rule",
            "delete_rule",
        ],
    ),
    (
        "key_column_usage",
        &[
            "constraint_catalog",
            "constraint_schema",
            "constraint_name",
            "table_catalog",
            "table_schema",
            "table_name",
            "column_name",
            "ordinal_position",
            "position_in_unique_constraint",
        ],
    ),
    (
        "constraint_column_usage",
        &[
            "table_catalog",
            "table_schema",
            "table_name",
            "column_name",
            "constraint_catalog",
            "constraint_schema",
            "constraint_name",
        ],
    ),
    (
        "character_sets",
        &[
            "character_set_catalog",
            "character_set_schema",
            "character_set_name",
            "character_repertoire",
            "form_of_use",
            "default_collate_catalog",
            "default_collate_schema",
            "default_collate_name",
        ],
    ),
    ("triggers", &["trigger_catalog", "trigger_schema", "trigger_name", "event_object_schema", "event_object_table"]),
    ("sequences", &["sequence_catalog", "sequence_schema", "sequence_name", "data_type"]),
    (
        "table_privileges",
        &[
            "grantor",
            "grantee",
            "table_catalog",
            "table_schema",
            "table_name",
            "privilege_type",
            "is_grantable",
            "with_hierarchy",
        ],
    ),
];

/// The view of columns, which DataFusion has with other types.
const COLUMNS: &str = "columns";

/// `information_schema` with what it lacks.
#[derive(Debug)]
pub struct Information {
    inner: Arc<dyn SchemaProvider>,
    listing: Arc<dyn CatalogProviderList>,
}

impl Information {
    /// Of what there is in a list of catalogs.
    pub fn new(inner: Arc<dyn SchemaProvider>, listing: Arc<dyn CatalogProviderList>) -> Self {
        Self { inner, listing }
    }
}

#[async_trait]
impl SchemaProvider for Information {
    fn table_names(&self) -> Vec<String> {
        let mut names = self.inner.table_names();
        names.extend(NOTHING.iter().map(|(name, _)| (*name).to_owned()));
        names
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        if name == COLUMNS {
            return Ok(Some(Arc::new(told(&columns(&self.listing).await?)?)));
        }
        let Some((_, columns)) = NOTHING.iter().find(|(known, _)| *known == name) else {
            return self.inner.table(name).await;
        };
        let fields: Vec<Field> = columns.iter().map(|column| Field::new(*column, DataType::Utf8, true)).collect();
        Ok(Some(Arc::new(MemTable::try_new(Arc::new(Schema::new(fields)), vec![Vec::new()])?)))
    }

    fn table_exist(&self, name: &str) -> bool {
        NOTHING.iter().any(|(known, _)| *known == name) || self.inner.table_exist(name)
    }
}

/// A column of a table.
pub struct Column {
    /// The table's schema.
    pub schema: String,
    /// The table.
    pub table: String,
    /// Its place in the table, from 1.
    pub place: i32,
    /// What it is.
    pub field: Arc<Field>,
    /// PostgreSQL's type of it.
    pub data_type: Type,
}

/// The columns of all tables but the catalogs'.
pub async fn columns(listing: &Arc<dyn CatalogProviderList>) -> Result<Vec<Column>> {
    let mut columns = Vec::new();
    let Some(catalog) = listing.catalog(CATALOG) else { return Ok(columns) };
    for schema in catalog.schema_names().into_iter().filter(|name| name != SCHEMA && name != INFORMATION) {
        let Some(tables) = catalog.schema(&schema) else { continue };
        for table in tables.table_names() {
            let Some(provider) = tables.table(&table).await? else { continue };
            columns.extend(provider.schema().fields().iter().zip(1..).map(|(field, place)| Column {
                schema: schema.clone(),
                table: table.clone(),
                place,
                field: field.clone(),
                // What has no type is told as a text.
                data_type: field_into_pg_type(field).unwrap_or(Type::TEXT),
            }));
        }
    }
    Ok(columns)
}

/// A type's name in SQL.
fn name_in_sql(data_type: &Type) -> &str {
    match *data_type {
        Type::BOOL => "boolean",
        Type::INT2 => "smallint",
        Type::INT4 => "integer",
        Type::INT8 => "bigint",
        Type::FLOAT4 => "real",
        Type::FLOAT8 => "double precision",
        Type::TIME => "time without time zone",
        Type::TIMESTAMP => "timestamp without time zone",
        Type::TIMESTAMPTZ => "timestamp with time zone",
        _ if data_type.name().starts_with('_') => "ARRAY",
        _ => data_type.name(),
    }
}

/// Bits of a number, or digits of a decimal, and those behind its point.
fn precision(field: &Field) -> (Option<i32>, Option<i32>, Option<i32>) {
    match field.data_type() {
        DataType::Int8 | DataType::Int16 | DataType::UInt8 => (Some(16), Some(2), Some(0)),
        DataType::Int32 | DataType::UInt16 => (Some(32), Some(2), Some(0)),
        DataType::Int64 | DataType::UInt32 => (Some(64), Some(2), Some(0)),
        DataType::Float16 | DataType::Float32 => (Some(24), Some(2), None),
        DataType::Float64 => (Some(53), Some(2), None),
        DataType::Decimal128(digits, scale) => (Some(i32::from(*digits)), Some(10), Some(i32::from(*scale))),
        _ => (None, None, None),
    }
}

fn told(columns: &[Column]) -> Result<MemTable> {
    let texts = |of: &dyn Fn(&Column) -> Option<String>| -> ArrayRef {
        Arc::new(columns.iter().map(of).collect::<StringArray>())
    };
    let numbers =
        |of: &dyn Fn(&Column) -> Option<i32>| -> ArrayRef { Arc::new(columns.iter().map(of).collect::<Int32Array>()) };
    let same = |text: &'static str| texts(&|_| Some(text.to_owned()));
    let catalog = || same(CATALOG);
    let has_time = |column: &Column| {
        matches!(column.data_type, Type::TIME | Type::TIMESTAMP | Type::TIMESTAMPTZ | Type::INTERVAL).then_some(6)
    };
    let made: Vec<(&str, ArrayRef)> = vec![
        ("table_catalog", catalog()),
        ("table_schema", texts(&|column| Some(column.schema.clone()))),
        ("table_name", texts(&|column| Some(column.table.clone()))),
        ("column_name", texts(&|column| Some(column.field.name().clone()))),
        ("ordinal_position", numbers(&|column| Some(column.place))),
        ("column_default", texts(&|_| None)),
        ("is_nullable", texts(&|column| Some(if column.field.is_nullable() { "YES" } else { "NO" }.to_owned()))),
        ("data_type", texts(&|column| Some(name_in_sql(&column.data_type).to_owned()))),
        ("character_maximum_length", numbers(&|_| None)),
        ("character_octet_length", numbers(&|_| None)),
        ("numeric_precision", numbers(&|column| precision(&column.field).0)),
        ("numeric_precision_radix", numbers(&|column| precision(&column.field).1)),
        ("numeric_scale", numbers(&|column| precision(&column.field).2)),
        ("datetime_precision", numbers(&has_time)),
        ("interval_type", texts(&|_| None)),
        ("collation_name", texts(&|_| None)),
        ("domain_name", texts(&|_| None)),
        ("udt_catalog", catalog()),
        ("udt_schema", same(SCHEMA)),
        ("udt_name", texts(&|column| Some(column.data_type.name().to_owned()))),
        ("is_identity", same("NO")),
        ("is_generated", same("NEVER")),
        ("generation_expression", texts(&|_| None)),
        ("is_updatable", same("NO")),
    ];
    let batch = RecordBatch::try_from_iter_with_nullable(made.into_iter().map(|(name, array)| (name, array, true)))?;
    MemTable::try_new(batch.schema(), vec![vec![batch]])
}
