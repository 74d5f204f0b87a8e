//! What names in a query mean. Tables are opened when they are named, and not before.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use deltalake_core::datafusion::catalog::{
    CatalogProvider, MemoryCatalogProvider, MemorySchemaProvider, TableProvider,
};
use deltalake_core::datafusion::common::TableReference;
use deltalake_core::datafusion::datasource::{MemTable, ViewTable};
use deltalake_core::datafusion::prelude::SessionContext;
use deltalake_core::datafusion::sql::parser::Statement;
use serde::Serialize;
use wasmill_runtime::manifest::TableName;
use wasmill_runtime::plan::{ForeignTable, QueryPlan, QueryTable, SinkTable, TablePlace};

use super::travel::Moment;
use super::{QueryError, Session, files, statement};
use crate::{delta, tables};

/// The catalog and the schema of names that have none.
pub const CATALOG: &str = "wasmill";
/// See [`CATALOG`].
pub const SCHEMA: &str = "public";

/// The schema that describes the others.
pub const INFORMATION: &str = "information_schema";

/// Something that is known by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Known {
    /// The name in SQL.
    pub name: String,
    /// What it is.
    pub kind: KnownKind,
    /// Where it is.
    pub place: String,
    /// What it is for, if that is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// What is known by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum KnownKind {
    /// The table of a sink.
    Sink,
    /// A reference table.
    Table,
    /// A view.
    View,
    /// A database: a schema of tables.
    Database,
    /// A store: the first part of the paths of objects.
    Store,
}

/// What a plan has by name.
pub fn known(plan: &QueryPlan) -> Vec<Known> {
    let one = |name: String, kind, place: String| Known { name, kind, place, description: None };
    let sinks = plan.sinks.iter().map(|(id, table)| one(plain(id.as_str()), KnownKind::Sink, table.to_string()));
    let tables = plan.tables.iter().filter(|(name, _)| !is_sink(plan, name.as_str())).map(|(name, table)| {
        let place = match table {
            QueryTable::Object => "an object, read by its function".to_owned(),
            QueryTable::Foreign(table) => table.place.to_string(),
        };
        one(name.to_string(), KnownKind::Table, place)
    });
    let views = plan.views.iter().map(|(name, view)| {
        let sql = view.sql.split_whitespace().collect::<Vec<_>>().join(" ");
        Known { description: view.description.clone(), ..one(name.to_string(), KnownKind::View, sql) }
    });
    let databases =
        plan.databases.iter().map(|(name, place)| one(name.to_string(), KnownKind::Database, place.to_string()));
    let stores = plan.stores.iter().map(|(name, place)| one(name.to_string(), KnownKind::Store, place.to_string()));
    sinks.chain(tables).chain(views).chain(databases).chain(stores).collect()
}

/// A sink's id as SQL takes it without quotes.
fn plain(id: &str) -> String {
    id.replace('-', "_")
}

fn is_sink(plan: &QueryPlan, name: &str) -> bool {
    plan.sinks.keys().any(|id| plain(id.as_str()) == name)
}

/// A table that is opened: of a view by way of others.
type Opening<'n> = Pin<Box<dyn Future<Output = Result<Arc<dyn TableProvider>, QueryError>> + Send + 'n>>;

/// Finds tables for a query, and puts them into its context.
pub struct Names<'a> {
    session: &'a Session,
    context: &'a SessionContext,
    /// The view that is read, after those by way of which it is.
    within: Vec<String>,
}

impl<'a> Names<'a> {
    /// For a query's context.
    pub fn new(session: &'a Session, context: &'a SessionContext) -> Self {
        Self { session, context, within: Vec::new() }
    }

    /// All tables that a statement names.
    pub async fn resolve_all(&mut self, statement: &Statement) -> Result<(), QueryError> {
        let names = self.context.state().resolve_table_references(statement).map_err(QueryError::plan)?;
        if names.iter().any(|name| name.schema() == Some(INFORMATION)) {
            self.resolve_known().await;
        }
        for name in names.iter().filter(|name| name.schema() != Some(INFORMATION)) {
            let is_function = self.context.state().table_functions().contains_key(name.table());
            if !is_function && !self.context.table_exist(name.clone()).unwrap_or(false) {
                let table = self.resolve(name).await?;
                self.register(name, table)?;
            }
        }
        Ok(())
    }

    /// Whatever can be opened of what has a name, for those who ask what there is.
    async fn resolve_known(&mut self) {
        for Known { name, kind, .. } in known(&self.session.plan) {
            if matches!(kind, KnownKind::Database | KnownKind::Store) {
                continue;
            }
            let reference = TableReference::bare(name);
            // A view before it may have named it.
            if self.context.table_exist(reference.clone()).unwrap_or(false) {
                continue;
            }
            let opened = match self.resolve(&reference).await {
                Ok(table) => self.register(&reference, table),
                Err(err) => Err(err),
            };
            if let Err(err) = opened {
                self.session.warn(err.to_string());
            }
        }
    }

    fn register(&self, name: &TableReference, table: Arc<dyn TableProvider>) -> Result<(), QueryError> {
        let catalog = name.catalog().unwrap_or(CATALOG);
        let catalog = self.context.catalog(catalog).unwrap_or_else(|| {
            let made: Arc<dyn CatalogProvider> = Arc::new(MemoryCatalogProvider::new());
            self.context.register_catalog(catalog, made.clone());
            made
        });
        if let Some(schema) = name.schema().filter(|schema| catalog.schema(schema).is_none()) {
            let made = Arc::new(MemorySchemaProvider::new());
            catalog.register_schema(schema, made).map_err(QueryError::plan)?;
        }
        self.context.register_table(name.clone(), table).map_err(QueryError::plan)?;
        Ok(())
    }

    /// The table of a name.
    async fn resolve(&mut self, name: &TableReference) -> Result<Arc<dyn TableProvider>, QueryError> {
        let databases = &self.session.plan.databases;
        let database = |name: &str| databases.iter().find(|(known, _)| known.as_str() == name).map(|(_, place)| place);
        match name {
            TableReference::Partial { schema, table } if database(schema).is_some() => {
                let place = database(schema).map(|place| place.table(table));
                self.of_database(name, place).await
            }
            TableReference::Full { catalog, schema, table } if database(catalog).is_some() => {
                let place = database(catalog).map(|place| place.table(&format!("{schema}.{table}")));
                self.of_database(name, place).await
            }
            _ if name.schema().is_none_or(|schema| schema == SCHEMA)
                && name.catalog().is_none_or(|catalog| catalog == CATALOG) =>
            {
                self.named(name.table()).await
            }
            _ => Err(self.unknown(&name.to_string())),
        }
    }

    async fn of_database(
        &self,
        name: &TableReference,
        place: Option<TablePlace>,
    ) -> Result<Arc<dyn TableProvider>, QueryError> {
        let opened = match place {
            Some(place) => tables::provider(&place, self.context).await,
            None => Err(io::ErrorKind::NotFound.into()),
        };
        opened.map_err(|why| QueryError::Table { name: name.to_string(), why })
    }

    /// The table of a name without a schema.
    pub async fn named(&mut self, name: &str) -> Result<Arc<dyn TableProvider>, QueryError> {
        let (table, moment) = match Moment::split(name) {
            Some((table, moment)) => (table, Some(moment)),
            None => (name, None),
        };
        let failed = |why| QueryError::Table { name: table.to_owned(), why };
        let plan = &self.session.plan;
        if plan.views.keys().any(|view| view.as_str() == table) {
            if moment.is_some() {
                return Err(failed(no_versions("a view")));
            }
            return self.view(table).await;
        }
        let sink = plan.sinks.iter().find(|(id, _)| id.as_str() == table || plain(id.as_str()) == table);
        if let Some((_, sink)) = sink {
            let place = match sink.clone() {
                SinkTable::Delta { location, .. } => TablePlace::Delta(location),
                SinkTable::Postgres { url, table } => TablePlace::Postgres { url, table },
            };
            return self.place(&place, moment).await.map_err(failed);
        }
        match get(&plan.tables, table) {
            Some(QueryTable::Foreign(foreign)) => return self.foreign(foreign, moment).await.map_err(failed),
            Some(QueryTable::Object) if moment.is_some() => {
                return Err(failed(no_versions("a table that is read from an object")));
            }
            Some(QueryTable::Object) => return self.object(table).await.map_err(failed),
            None => {}
        }
        // In a view a path must mean the same wherever it is read from.
        let base = if self.within.is_empty() { Some(".".as_ref()) } else { None };
        match files::locate(table, &plan.stores, base).map_err(|why| failed(io::Error::other(why)))? {
            Some(named) => {
                let opened = files::open(&named, moment, self.context, &self.session.tables).await;
                opened.map_err(|why| failed(self.elsewhere(why, table)))
            }
            None => Err(self.unknown(table)),
        }
    }

    /// The table of a view, which is planned anew.
    pub fn view<'n>(&'n mut self, name: &'n str) -> Opening<'n> {
        Box::pin(self.read_view(name))
    }

    async fn read_view(&mut self, name: &str) -> Result<Arc<dyn TableProvider>, QueryError> {
        let Some(view) = get(&self.session.plan.views, name) else { return Err(self.unknown(name)) };
        if self.within.iter().any(|view| view == name) {
            let path = self.within.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            return Err(QueryError::Circle { name: name.to_owned(), path });
        }
        self.within.push(name.to_owned());
        let planned = self.planned(&view.sql).await;
        self.within.pop();
        match planned {
            // Who names it first is told, and a table that is not there yet is the table's.
            Err(err @ (QueryError::View { .. } | QueryError::Circle { .. } | QueryError::Table { .. })) => Err(err),
            Err(err) => Err(QueryError::View { name: name.to_owned(), why: Box::new(err) }),
            Ok(table) => Ok(table),
        }
    }

    async fn planned(&mut self, sql: &str) -> Result<Arc<dyn TableProvider>, QueryError> {
        let statement = statement::parse_one(sql)?;
        self.resolve_all(&statement).await?;
        let plan = self.context.state().statement_to_plan(statement).await.map_err(QueryError::plan)?;
        Ok(Arc::new(ViewTable::new(plan, Some(sql.to_owned()))))
    }

    async fn place(&self, place: &TablePlace, moment: Option<Moment>) -> io::Result<Arc<dyn TableProvider>> {
        match (place, moment) {
            (TablePlace::Delta(location), moment) => {
                let table = self.session.tables.newest(location).await?;
                let table = table.ok_or_else(|| delta::open::missing(location))?;
                delta::provider_of(table, self.context, moment).await
            }
            (_, None) => tables::provider(place, self.context).await,
            _ => Err(no_versions("a table of a database")),
        }
    }

    async fn foreign(&self, table: &ForeignTable, moment: Option<Moment>) -> io::Result<Arc<dyn TableProvider>> {
        let provider = self.place(&table.place, moment).await?;
        if table.columns.is_empty() && table.filter.is_none() {
            return Ok(provider);
        }
        let frame = tables::frame(self.context, provider, &table.columns, table.filter.as_deref());
        Ok(frame.map_err(io::Error::other)?.into_view())
    }

    async fn object(&self, name: &str) -> io::Result<Arc<dyn TableProvider>> {
        let (read, name) = (self.session.objects.clone(), name.to_owned());
        let rows = tokio::task::spawn_blocking(move || read(&name)).await.map_err(io::Error::other)??;
        let table = MemTable::try_new(rows.schema(), vec![vec![rows]]).map_err(io::Error::other)?;
        Ok(Arc::new(table))
    }

    /// Why a file cannot be opened; if it is not there, where else it may be.
    fn elsewhere(&self, why: io::Error, path: &str) -> io::Error {
        let stores = &self.session.plan.stores;
        let first = path.split('/').next().unwrap_or_default();
        let is_of_store = path.contains("://") || stores.keys().any(|store| store.as_str() == first);
        let is_looked_for = why.kind() == io::ErrorKind::NotFound && !why.to_string().contains("\nhint: ");
        match stores.keys().next() {
            Some(store)
                if is_looked_for && self.within.is_empty() && !is_of_store && !Path::new(path).is_absolute() =>
            {
                let hint = format!("files are looked for in the current folder; those of a store are '{store}/{path}'");
                io::Error::new(why.kind(), format!("{why}\nhint: {hint}"))
            }
            _ => why,
        }
    }

    fn unknown(&self, name: &str) -> QueryError {
        let mut known: Vec<String> = Vec::new();
        for one in self::known(&self.session.plan) {
            match one.kind {
                KnownKind::Store => {}
                KnownKind::Database => known.push(format!("`{}.TABLE`", one.name)),
                _ => known.push(format!("`{}`", one.name)),
            }
        }
        let stores: Vec<String> = self.session.plan.stores.keys().map(|name| format!("'{name}/…'")).collect();
        let tables = if known.is_empty() { String::new() } else { format!("the tables are {}; ", known.join(", ")) };
        let stores = if stores.is_empty() { String::new() } else { format!(", or in stores, {}", stores.join(", ")) };
        let hint = format!("{tables}files and folders are named in quotes, 'data/*.parquet'{stores}");
        QueryError::NoTable { name: name.to_owned(), hint }
    }
}

fn get<'m, T>(map: &'m BTreeMap<TableName, T>, name: &str) -> Option<&'m T> {
    map.iter().find(|(known, _)| known.as_str() == name).map(|(_, value)| value)
}

/// That only tables of Delta Lake can be read as they were.
pub fn no_versions(what: &str) -> io::Error {
    let message = format!("{what} has no versions\nhint: tables of Delta Lake have");
    io::Error::new(io::ErrorKind::Unsupported, message)
}
