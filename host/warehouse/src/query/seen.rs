//! The tables that somebody may read, as a schema. What they may not read is not there for them.

use std::fmt;
use std::io;
use std::sync::Arc;

use deltalake_core::datafusion::catalog::information_schema::InformationSchemaProvider;
use deltalake_core::datafusion::catalog::{
    CatalogProvider, CatalogProviderList, MemoryCatalogProvider, MemoryCatalogProviderList, MemorySchemaProvider,
    SchemaProvider, TableProvider,
};
use deltalake_core::datafusion::common::Result;
use deltalake_core::datafusion::error::DataFusionError;
use deltalake_core::datafusion::logical_expr::TableType;
use deltalake_core::datafusion::prelude::{SessionConfig, SessionContext};
use wasmill_access::Rows;
use wasmill_model::{Attributes, Model};

use super::cube::{Cube, TABLE};
use super::fence::Guarded;
use super::measured::Measured;
use super::names::{CATALOG, INFORMATION, Names, SCHEMA};
use super::travel::Moment;
use super::{Answer, KnownKind, QueryError, Session, memory, statement};

/// The session as it is now: a pipeline may change while somebody is connected.
pub type Current = Arc<dyn Fn() -> Arc<Session> + Send + Sync>;

/// Which rows of a table may be read.
pub type Rights = Arc<dyn Fn(&str) -> Rows + Send + Sync>;

/// The tables of a session that somebody may read.
#[derive(Clone)]
pub struct Seen {
    session: Current,
    rights: Rights,
    /// What is known of whoever it is.
    whose: Attributes,
    /// Whether it is for those who ask what there is: a table that cannot be opened does not keep the others from them.
    is_listing: bool,
}

impl Seen {
    /// What of a session's tables may be read.
    pub fn new(session: Current, rights: Rights, whose: Attributes) -> Self {
        Self { session, rights, whose, is_listing: false }
    }

    /// Whether there is nothing of it.
    pub fn is_empty(&self) -> bool {
        self.table_names().is_empty()
    }

    /// Plans a query of somebody and starts it.
    pub async fn ask(&self, sql: &str) -> Result<Answer, QueryError> {
        let statement = statement::parse_one(sql)?;
        let (context, _) = self.context().map_err(QueryError::plan)?;
        let plan = context.state().statement_to_plan(statement).await.map_err(QueryError::plan)?;
        (self.session)().start(&context, plan).await
    }

    /// A context for queries by whoever this is seen by, and the catalogs for lists of what there is.
    pub fn context(&self) -> Result<(SessionContext, Arc<dyn CatalogProviderList>)> {
        let session = (self.session)();
        let mut config = SessionConfig::new()
            .with_create_default_catalog_and_schema(false)
            .with_default_catalog_and_schema(CATALOG, SCHEMA)
            .set_str("datafusion.sql_parser.dialect", "postgresql")
            // What a `timestamptz` without a zone is in.
            .set_str("datafusion.execution.time_zone", "+00:00");
        memory::fit(&mut config, session.memory);
        let context = session.engine(config);
        let listing = Arc::new(MemoryCatalogProviderList::new());
        let listed = Arc::new(Schemas::new(Self { is_listing: true, ..self.clone() })?);
        listing.register_catalog(CATALOG.to_owned(), listed.clone());
        let information = Arc::new(InformationSchemaProvider::new(listing.clone()));
        let catalog = Arc::new(Schemas::new(self.clone())?);
        catalog.register_schema(INFORMATION, information)?;
        context.add_analyzer_rule(Arc::new(Measured));
        context.register_catalog(CATALOG, catalog);
        Ok((context, listing))
    }

    /// The semantic model, if it may be asked.
    fn model(&self, session: &Session) -> Option<Arc<Model>> {
        session.model.clone().filter(|model| (self.rights)(&model.name) == Rows::All)
    }

    /// What may be read of a table by its name, which may have a version.
    fn rows(&self, name: &str) -> Rows {
        let base = Moment::split(name).map_or(name, |(base, _)| base);
        let is_known = tables(&(self.session)()).any(|(known, _)| known == base);
        if is_known { (self.rights)(base) } else { Rows::None }
    }

    async fn open(&self, name: &str, rows: &Rows) -> Result<Arc<dyn TableProvider>, QueryError> {
        let session = (self.session)();
        let context = session.context();
        let table = Names::new(&session, &context).named(name).await?;
        match rows {
            Rows::Where(conditions) => {
                Ok(Arc::new(Guarded::new(&context, table, conditions).map_err(QueryError::plan)?))
            }
            Rows::All | Rows::None => Ok(table),
        }
    }
}

/// What somebody sees, by schemas: the tables, the semantic model as it is now, and what describes them.
#[derive(Debug)]
struct Schemas {
    seen: Seen,
    others: MemoryCatalogProvider,
}

impl Schemas {
    fn new(seen: Seen) -> Result<Self> {
        let others = MemoryCatalogProvider::new();
        others.register_schema(SCHEMA, Arc::new(seen.clone()))?;
        Ok(Self { seen, others })
    }
}

impl CatalogProvider for Schemas {
    fn schema_names(&self) -> Vec<String> {
        let model = self.seen.model(&(self.seen.session)());
        self.others.schema_names().into_iter().chain(model.map(|model| model.name.clone())).collect()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        self.others.schema(name).or_else(|| {
            let session = (self.seen.session)();
            let model = self.seen.model(&session).filter(|model| model.name == name)?;
            let schema = MemorySchemaProvider::new();
            let cube = Arc::new(Cube::new(session, model, self.seen.whose.clone()));
            schema.register_table(TABLE.to_owned(), cube).ok()?;
            Some(Arc::new(schema))
        })
    }

    fn register_schema(&self, name: &str, schema: Arc<dyn SchemaProvider>) -> Result<Option<Arc<dyn SchemaProvider>>> {
        self.others.register_schema(name, schema)
    }
}

/// What may be read by name, and whether it is a view.
fn tables(session: &Session) -> impl Iterator<Item = (String, bool)> {
    session.known().into_iter().filter_map(|known| match known.kind {
        KnownKind::Sink | KnownKind::Table => Some((known.name, false)),
        KnownKind::View => Some((known.name, true)),
        KnownKind::Database | KnownKind::Store => None,
    })
}

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seen").field("is_listing", &self.is_listing).finish_non_exhaustive()
    }
}

#[async_trait::async_trait]
impl SchemaProvider for Seen {
    fn table_names(&self) -> Vec<String> {
        let session = (self.session)();
        let names = tables(&session).map(|(name, _)| name);
        names.filter(|name| (self.rights)(name) != Rows::None).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let rows = self.rows(name);
        if rows == Rows::None {
            return Ok(None);
        }
        match self.open(name, &rows).await {
            Ok(table) => Ok(Some(table)),
            Err(QueryError::Table { why, .. }) if self.is_listing && why.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(err) if self.is_listing => {
                tracing::warn!("not listed: {err}");
                Ok(None)
            }
            Err(err) => Err(DataFusionError::External(Box::new(err))),
        }
    }

    async fn table_type(&self, name: &str) -> Result<Option<TableType>> {
        if self.rows(name) == Rows::None {
            return Ok(None);
        }
        let is_view = tables(&(self.session)()).any(|(known, is_view)| is_view && known == name);
        Ok(Some(if is_view { TableType::View } else { TableType::Base }))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.rows(name) != Rows::None
    }
}
