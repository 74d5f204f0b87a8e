//! Statements, from a connection to its rows.

use std::fmt::Debug;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use datafusion_postgres::datafusion_pg_catalog::pg_catalog::context::{PgCatalogContextProvider, Role};
use datafusion_postgres::datafusion_pg_catalog::pg_catalog::{
    PgCatalogSchemaProvider, PgCatalogStaticTables, setup_pg_catalog,
};
use datafusion_postgres::hooks::cursor::CursorStatementHook;
use datafusion_postgres::hooks::set_show::SetShowHook;
use datafusion_postgres::hooks::transactions::TransactionStatementHook;
use datafusion_postgres::pgwire::api::portal::{Format, Portal};
use datafusion_postgres::pgwire::api::query::{ExtendedQueryHandler, SimpleQueryHandler};
use datafusion_postgres::pgwire::api::results::{FieldInfo, Response};
use datafusion_postgres::pgwire::api::stmt::QueryParser;
use datafusion_postgres::pgwire::api::store::PortalStore;
use datafusion_postgres::pgwire::api::{ClientInfo, ClientPortalStore, Type};
use datafusion_postgres::pgwire::error::{PgWireError, PgWireResult};
use datafusion_postgres::pgwire::messages::PgWireBackendMessage;
use datafusion_postgres::{DfSessionService, QueryHook};
use deltalake_core::datafusion::error::DataFusionError;
use deltalake_core::datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use deltalake_core::datafusion::sql::sqlparser::parser::Parser;
use futures_util::Sink;
use wasmill_access::{Access, Caller};

use super::Shared;
use super::allowed::Allowed;
use super::copy::Copies;
use super::failure::{error, fatal};
use super::stop::{Line, Stop};
use crate::query::seen::Seen;
use crate::query::names::CATALOG;

/// Where `datafusion-postgres` keeps what `SET statement_timeout` said, in milliseconds.
const TIMEOUT: &str = "statement_timeout_ms";

/// The schema of PostgreSQL's catalog.
const PG_CATALOG: &str = "pg_catalog";

/// A statement as `datafusion-postgres` keeps it.
type Prepared = <DfSessionService as ExtendedQueryHandler>::Statement;

/// Answers the statements of a connection.
pub struct Asked {
    shared: Arc<Shared>,
    service: Arc<Service>,
    line: Arc<Line>,
}

/// What of it is there once it is known who asks.
struct Service {
    shared: Arc<Shared>,
    caller: Arc<OnceLock<Caller>>,
    made: OnceLock<Arc<DfSessionService>>,
}

impl Asked {
    /// For a connection, of a caller that is known before the first statement.
    pub fn new(shared: Arc<Shared>, caller: Arc<OnceLock<Caller>>, line: Arc<Line>) -> Self {
        let service = Service { shared: shared.clone(), caller, made: OnceLock::new() };
        Self { shared, service: Arc::new(service), line }
    }

    /// What ends a statement of a client.
    fn stop<C: ClientInfo>(&self, client: &C) -> Stop {
        let wanted = client.metadata().get(TIMEOUT).and_then(|typed| typed.parse().ok()).map(Duration::from_millis);
        let time = wanted.map_or(self.shared.timeout, |wanted| wanted.min(self.shared.timeout));
        Stop::new(client, self.line.clone(), time)
    }
}

impl Service {
    /// What answers, if whoever asks is still let in.
    fn get(&self) -> PgWireResult<Arc<DfSessionService>> {
        let caller = self.caller.get().filter(|caller| self.shared.rules.get().still_has(caller));
        let caller = caller.ok_or_else(|| fatal("28000", "the key is not known any more, or its time is over"))?;
        if let Some(made) = self.made.get() {
            return Ok(made.clone());
        }
        let made = self.make(caller).map_err(|err| PgWireError::ApiError(Box::new(err)))?;
        Ok(self.made.get_or_init(|| made).clone())
    }

    fn make(&self, caller: &Caller) -> Result<Arc<DfSessionService>, DataFusionError> {
        let (rules, whose) = (self.shared.rules.clone(), caller.clone());
        let rights = Arc::new(move |table: &str| rules.get().rows(Some(&whose), table));
        let (context, listing) = Seen::new(self.shared.session.clone(), rights, Access::attributes(Some(caller))).context()?;
        let roles = Roles(caller.principal.to_string());
        setup_pg_catalog(&context, CATALOG, roles.clone()).map_err(|err| *err)?;
        // Its functions are taken as they are; its tables list what can be listed.
        let fixed = Arc::new(PgCatalogStaticTables::try_new()?);
        let tables = Arc::new(PgCatalogSchemaProvider::try_new(listing.clone(), fixed, roles)?);
        for catalog in [listing.catalog(CATALOG), context.catalog(CATALOG)].into_iter().flatten() {
            catalog.register_schema(PG_CATALOG, tables.clone())?;
        }
        let hooks: Vec<Arc<dyn QueryHook>> = vec![
            Arc::new(Allowed),
            Arc::new(Copies),
            Arc::new(CursorStatementHook),
            Arc::new(SetShowHook),
            Arc::new(TransactionStatementHook),
        ];
        Ok(Arc::new(DfSessionService::new_with_hooks(Arc::new(context), hooks)))
    }
}

/// Whoever asks is the only one there is.
#[derive(Debug, Clone)]
struct Roles(String);

#[async_trait]
impl PgCatalogContextProvider for Roles {
    async fn roles(&self) -> Vec<String> {
        vec![self.0.clone()]
    }

    async fn role(&self, name: &str) -> Option<Role> {
        (name == self.0).then(|| Role {
            name: self.0.clone(),
            is_superuser: false,
            can_login: true,
            can_create_db: false,
            can_create_role: false,
            can_create_user: false,
            can_replication: false,
            grants: Vec::new(),
            inherited_roles: Vec::new(),
        })
    }
}

#[async_trait]
impl SimpleQueryHandler for Asked {
    async fn do_query<C>(&self, client: &mut C, query: &str) -> PgWireResult<Vec<Response>>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let service = self.service.get()?;
        let mut stop = self.stop(client);
        let responses = stop.wait(SimpleQueryHandler::do_query(&*service, client, query)).await?;
        Ok(responses.into_iter().map(|response| stop.rows(response)).collect())
    }
}

#[async_trait]
impl ExtendedQueryHandler for Asked {
    type Statement = Prepared;
    type QueryParser = Reader;

    fn query_parser(&self) -> Arc<Reader> {
        Arc::new(Reader(self.service.clone()))
    }

    async fn do_query<C>(
        &self,
        client: &mut C,
        portal: &Portal<Prepared>,
        most: usize,
    ) -> PgWireResult<Response>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Prepared>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let service = self.service.get()?;
        let mut stop = self.stop(client);
        let response = stop.wait(ExtendedQueryHandler::do_query(&*service, client, portal, most)).await?;
        Ok(stop.rows(response))
    }
}

/// Plans statements that are to be asked, perhaps again and again.
pub struct Reader(Arc<Service>);

#[async_trait]
impl QueryParser for Reader {
    type Statement = Prepared;

    async fn parse_sql<C>(&self, client: &C, sql: &str, types: &[Option<Type>]) -> PgWireResult<Option<Prepared>>
    where
        C: ClientInfo + Unpin + Send + Sync,
    {
        // What does not parse is said by whoever plans it.
        if Parser::parse_sql(&PostgreSqlDialect {}, sql).is_ok_and(|statements| statements.len() > 1) {
            return Err(error("42601", "cannot insert multiple commands into a prepared statement"));
        }
        self.0.get()?.query_parser().parse_sql(client, sql, types).await
    }

    fn get_parameter_types(&self, statement: &Prepared) -> PgWireResult<Vec<Type>> {
        self.0.get()?.query_parser().get_parameter_types(statement)
    }

    fn get_result_schema(&self, statement: &Prepared, format: Option<&Format>) -> PgWireResult<Vec<FieldInfo>> {
        self.0.get()?.query_parser().get_result_schema(statement, format)
    }
}
