//! The tables of `pg_catalog` where `datafusion-postgres` has them with other types, with rows of whoever recorded them, or
//! not at all (<https://www.postgresql.org/docs/16/catalogs.html>).

use std::fmt::{self, Write};
use std::sync::Arc;

use arrow_array::{ArrayRef, Int32Array, RecordBatch, StringArray};
use arrow_schema::{Schema, SchemaRef};
use async_trait::async_trait;
use datafusion_postgres::arrow_pg::datatypes::PG_CHAR_KEY;
use deltalake_core::datafusion::catalog::{
    CatalogProvider, CatalogProviderList, MemoryCatalogProvider, MemorySchemaProvider, SchemaProvider, Session,
    TableProvider,
};
use deltalake_core::datafusion::common::Result;
use deltalake_core::datafusion::datasource::{MemTable, ViewTable};
use deltalake_core::datafusion::error::DataFusionError;
use deltalake_core::datafusion::logical_expr::{Expr, LogicalPlan, TableType};
use deltalake_core::datafusion::physical_plan::ExecutionPlan;
use deltalake_core::datafusion::prelude::{SessionConfig, SessionContext};
use tokio::sync::OnceCell;

use super::super::settings::SETTINGS;
use super::information::columns;
use crate::query::names::CATALOG;

/// Tables of what there is none of here.
pub const NONE: [&str; 31] = [
    "pg_attrdef",
    "pg_auth_members",
    "pg_constraint",
    "pg_db_role_setting",
    "pg_default_acl",
    "pg_depend",
    "pg_enum",
    "pg_event_trigger",
    "pg_foreign_data_wrapper",
    "pg_foreign_server",
    "pg_foreign_table",
    "pg_index",
    "pg_inherits",
    "pg_init_privs",
    "pg_largeobject",
    "pg_partitioned_table",
    "pg_policy",
    "pg_publication",
    "pg_publication_namespace",
    "pg_publication_rel",
    "pg_rewrite",
    "pg_seclabel",
    "pg_sequence",
    "pg_shdepend",
    "pg_shdescription",
    "pg_shseclabel",
    "pg_statistic",
    "pg_statistic_ext",
    "pg_statistic_ext_data",
    "pg_subscription",
    "pg_trigger",
];

/// Columns that are lists, by how their names end, and of what.
const LISTS: [(&str, &str); 20] = [
    ("acl", "Utf8"),
    ("options", "Utf8"),
    ("setconfig", "Utf8"),
    ("proconfig", "Utf8"),
    ("initprivs", "Utf8"),
    ("evttags", "Utf8"),
    ("indkey", "Int16"),
    ("indoption", "Int16"),
    ("conkey", "Int16"),
    ("confkey", "Int16"),
    ("confdelsetcols", "Int16"),
    ("stxkeys", "Int16"),
    ("partattrs", "Int16"),
    ("tgattr", "Int16"),
    ("indclass", "Int32"),
    ("indcollation", "Int32"),
    ("conpfeqop", "Int32"),
    ("conppeqop", "Int32"),
    ("conffeqop", "Int32"),
    ("polroles", "Int32"),
];

/// Columns that are missing.
const MISSING: [(&str, &str, &str); 3] = [
    ("pg_class", "relacl", "List(Utf8)"),
    ("pg_class", "reloptions", "List(Utf8)"),
    ("pg_collation", "colliculocale", "Utf8"),
];

/// Columns of `pg_type` that are functions, of which PostgreSQL tells the names and compares the numbers. Beside each is
/// one with the numbers, [`NUMBER`] after its name.
pub const FUNCTIONS: [&str; 8] =
    ["typsubscript", "typinput", "typoutput", "typreceive", "typsend", "typmodin", "typmodout", "typanalyze"];

/// Columns of `pg_type` that are one letter.
const LETTERS: [&str; 5] = ["typtype", "typcategory", "typdelim", "typalign", "typstorage"];

/// What follows the name of a column that has functions' numbers.
pub const NUMBER: &str = " number";

/// Tables that are made here.
pub const MADE: [&str; 1] = ["pg_stat_activity"];

/// Where the tables are that those here are made of, as they were recorded, and what is added to them. No table of a
/// pipeline is in a schema whose name begins so.
const RECORDED: &str = "pg_recorded";
const OWN: &str = "pg_own";

/// The catalog's tables.
pub struct Tables {
    recorded: Arc<dyn SchemaProvider>,
    listing: Arc<dyn CatalogProviderList>,
    own: Arc<MemorySchemaProvider>,
    /// What queries are planned with that make tables.
    context: SessionContext,
    user: String,
}

impl fmt::Debug for Tables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tables").field("user", &self.user).finish_non_exhaustive()
    }
}

fn in_memory(batch: RecordBatch) -> Result<Arc<dyn TableProvider>> {
    Ok(Arc::new(MemTable::try_new(batch.schema(), vec![vec![batch]])?))
}

impl Tables {
    /// Made of those of `datafusion-postgres`, for somebody, with what is said of the pipeline's tables.
    pub fn new(
        recorded: Arc<dyn SchemaProvider>,
        listing: Arc<dyn CatalogProviderList>,
        user: &str,
        descriptions: Vec<(String, String)>,
    ) -> Result<Self> {
        let own = Arc::new(MemorySchemaProvider::new());
        let (tables, texts): (Vec<_>, Vec<_>) = descriptions.into_iter().unzip();
        let said = RecordBatch::try_from_iter([
            ("relname", Arc::new(StringArray::from(tables)) as ArrayRef),
            ("description", Arc::new(StringArray::from(texts)) as ArrayRef),
        ])?;
        own.register_table("said".to_owned(), in_memory(said)?)?;
        let names = StringArray::from(SETTINGS.map(|(name, _)| name).to_vec());
        let values = StringArray::from(SETTINGS.map(|(_, value)| value).to_vec());
        let settings = RecordBatch::try_from_iter([
            ("name", Arc::new(names) as ArrayRef),
            ("setting", Arc::new(values) as ArrayRef),
        ])?;
        own.register_table("settings".to_owned(), in_memory(settings)?)?;
        let config = SessionConfig::new().with_create_default_catalog_and_schema(false);
        let context = SessionContext::new_with_config(config.with_default_catalog_and_schema(CATALOG, OWN));
        let catalog: Arc<dyn CatalogProvider> = Arc::new(MemoryCatalogProvider::new());
        catalog.register_schema(OWN, own.clone())?;
        catalog.register_schema(RECORDED, recorded.clone())?;
        context.register_catalog(CATALOG, catalog);
        Ok(Self { recorded, listing, own, context, user: user.to_owned() })
    }

    /// A table that a query gives.
    async fn made(&self, sql: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let plan = self.context.state().create_logical_plan(sql).await?;
        Ok(Some(Arc::new(Made(ViewTable::new(plan, None)))))
    }

    /// `pg_type`, which is the same for everybody.
    async fn data_types(&self, schema: &SchemaRef) -> Result<Arc<dyn TableProvider>> {
        static TYPES: OnceCell<Arc<dyn TableProvider>> = OnceCell::const_new();
        let make = || async {
            let mut columns = shaped("pg_type", schema, "a");
            let mut joins = String::new();
            for (number, name) in FUNCTIONS.iter().enumerate() {
                let _ = write!(columns, ", arrow_cast(coalesce(f{number}.oid, 0), 'Int32') AS \"{name}{NUMBER}\"");
                let _ = write!(
                    joins,
                    " LEFT JOIN (SELECT proname, min(oid) AS oid FROM pg_recorded.pg_proc GROUP BY proname) f{number} \
                     ON f{number}.proname = a.\"{name}\""
                );
            }
            let sql = format!("SELECT {columns} FROM pg_recorded.pg_type a{joins}");
            let frame = self.context.sql(&sql).await?;
            let fields = frame.schema().fields().iter().map(|field| {
                let mut metadata = field.metadata().clone();
                if LETTERS.contains(&field.name().as_str()) {
                    metadata.insert(PG_CHAR_KEY.to_owned(), String::new());
                }
                field.as_ref().clone().with_metadata(metadata)
            });
            let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
            let batches = frame.collect().await?.into_iter();
            let batches = batches.map(|batch| batch.with_schema(schema.clone())).collect::<Result<Vec<_>, _>>()?;
            let table: Arc<dyn TableProvider> = Arc::new(MemTable::try_new(schema, vec![batches])?);
            Ok::<_, DataFusionError>(table)
        };
        TYPES.get_or_try_init(make).await.cloned()
    }

    /// The columns of the pipeline's tables whose types `datafusion-postgres` does not know.
    async fn types(&self) -> Result<RecordBatch> {
        let columns = columns(&self.listing).await?;
        let texts = |of: fn(&super::information::Column) -> &str| -> ArrayRef {
            Arc::new(columns.iter().map(|column| Some(of(column))).collect::<StringArray>())
        };
        let numbers: Int32Array = columns.iter().map(|column| i32::try_from(column.data_type.oid()).ok()).collect();
        Ok(RecordBatch::try_from_iter([
            ("nspname", texts(|column| &column.schema)),
            ("relname", texts(|column| &column.table)),
            ("attname", texts(|column| column.field.name())),
            ("typid", Arc::new(numbers) as ArrayRef),
        ])?)
    }
}

#[async_trait]
impl SchemaProvider for Tables {
    fn table_names(&self) -> Vec<String> {
        let mut names = self.recorded.table_names();
        names.extend(MADE.map(str::to_owned));
        names
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let name = name.to_lowercase();
        match name.as_str() {
            "pg_description" => {
                let sql = "SELECT c.oid AS objoid, arrow_cast(1259, 'Int32') AS classoid, \
                    arrow_cast(0, 'Int32') AS objsubid, s.description \
                    FROM pg_recorded.pg_class c JOIN pg_own.said s ON c.relname = s.relname";
                self.made(sql).await
            }
            "pg_type" => {
                let Some(inner) = self.recorded.table(&name).await? else { return Ok(None) };
                self.data_types(&inner.schema()).await.map(Some)
            }
            "pg_attribute" => {
                let Some(inner) = self.recorded.table(&name).await? else { return Ok(None) };
                let shaped = shaped(&name, &inner.schema(), "a");
                let columns = shaped.replace("a.\"atttypid\"", "coalesce(t.typid, a.\"atttypid\") AS \"atttypid\"");
                let sql = format!(
                    "SELECT {columns} FROM pg_recorded.pg_attribute a \
                     LEFT JOIN pg_recorded.pg_class c ON c.oid = a.attrelid \
                     LEFT JOIN pg_recorded.pg_namespace n ON n.oid = c.relnamespace \
                     LEFT JOIN pg_own.types t ON t.nspname = n.nspname AND t.relname = c.relname AND t.attname = a.attname"
                );
                // They may have changed since.
                self.own.deregister_table("types")?;
                self.own.register_table("types".to_owned(), in_memory(self.types().await?)?)?;
                self.made(&sql).await
            }
            "pg_settings" => {
                let text = "arrow_cast(NULL, 'Utf8')";
                let mut sql = "SELECT name, setting".to_owned();
                for column in ["unit", "category", "short_desc", "extra_desc"] {
                    let _ = write!(sql, ", {text} AS {column}");
                }
                sql.push_str(", 'user' AS context, 'string' AS vartype, 'default' AS source");
                for column in ["min_val", "max_val"] {
                    let _ = write!(sql, ", {text} AS {column}");
                }
                let _ = write!(
                    sql,
                    ", arrow_cast(NULL, 'List(Utf8)') AS enumvals, setting AS boot_val, setting AS reset_val, \
                     {text} AS sourcefile, arrow_cast(NULL, 'Int32') AS sourceline, false AS pending_restart \
                     FROM pg_own.settings"
                );
                self.made(&sql).await
            }
            // Nobody sees who else is connected.
            "pg_stat_activity" => {
                let sql = format!(
                    "SELECT arrow_cast(0, 'Int32') AS datid, '{CATALOG}' AS datname, \
                     arrow_cast(NULL, 'Int32') AS pid, arrow_cast(0, 'Int32') AS usesysid, '{user}' AS usename, \
                     '' AS application_name, arrow_cast(NULL, 'Utf8') AS client_addr, \
                     arrow_cast(NULL, 'Utf8') AS client_hostname, arrow_cast(NULL, 'Int32') AS client_port, \
                     {moment} AS backend_start, {moment} AS xact_start, {moment} AS query_start, \
                     {moment} AS state_change, arrow_cast(NULL, 'Utf8') AS wait_event_type, \
                     arrow_cast(NULL, 'Utf8') AS wait_event, 'active' AS state, \
                     arrow_cast(NULL, 'Int32') AS backend_xid, arrow_cast(NULL, 'Int32') AS backend_xmin, \
                     arrow_cast(NULL, 'Int64') AS query_id, '' AS query, 'client backend' AS backend_type",
                    user = self.user.replace('\'', "''"),
                    moment = "now()",
                );
                self.made(&sql).await
            }
            _ => {
                let Some(inner) = self.recorded.table(&name).await? else { return Ok(None) };
                let end = if NONE.contains(&name.as_str()) { " WHERE false" } else { "" };
                let columns = shaped(&name, &inner.schema(), "a");
                self.made(&format!("SELECT {columns} FROM pg_recorded.\"{name}\" a{end}")).await
            }
        }
    }

    fn table_exist(&self, name: &str) -> bool {
        MADE.iter().any(|made| made.eq_ignore_ascii_case(name)) || self.recorded.table_exist(name)
    }
}

/// The columns of a table by PostgreSQL's types, as a list for a `SELECT`.
fn shaped(table: &str, schema: &SchemaRef, alias: &str) -> String {
    let lists = schema.fields().iter().map(|field| {
        let name = field.name();
        match LISTS.iter().find(|(end, _)| name.ends_with(end)) {
            Some((_, item)) => format!("arrow_cast(NULL, 'List({item})') AS \"{name}\""),
            None => format!("{alias}.\"{name}\""),
        }
    });
    let missing = MISSING.iter().filter(|(of, ..)| *of == table);
    let missing = missing.map(|(_, name, data_type)| format!("arrow_cast(NULL, '{data_type}') AS \"{name}\""));
    lists.chain(missing).collect::<Vec<_>>().join(", ")
}

/// A table that is made of others, and is none of PostgreSQL's views.
#[derive(Debug)]
struct Made(ViewTable);

#[async_trait]
impl TableProvider for Made {
    fn schema(&self) -> SchemaRef {
        self.0.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn get_logical_plan(&self) -> Option<std::borrow::Cow<'_, LogicalPlan>> {
        self.0.get_logical_plan()
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.0.scan(state, projection, filters, limit).await
    }
}
