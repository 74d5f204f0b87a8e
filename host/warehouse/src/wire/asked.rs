//! Statements, from a connection to its rows.

use std::fmt::Debug;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use datafusion_postgres::hooks::cursor::CursorStatementHook;
use datafusion_postgres::hooks::set_show::SetShowHook;
use datafusion_postgres::hooks::transactions::TransactionStatementHook;
use datafusion_postgres::pgwire::api::portal::{Format, Portal};
use datafusion_postgres::pgwire::api::query::{ExtendedQueryHandler, SimpleQueryHandler};
use datafusion_postgres::pgwire::api::results::{DescribePortalResponse, FieldInfo, Response};
use datafusion_postgres::pgwire::api::stmt::{QueryParser, StoredStatement};
use datafusion_postgres::pgwire::api::store::{Entry, PortalStore};
use datafusion_postgres::pgwire::api::{ClientInfo, ClientPortalStore, DEFAULT_NAME, Type};
use datafusion_postgres::pgwire::error::{PgWireError, PgWireResult};
use datafusion_postgres::pgwire::messages::PgWireBackendMessage;
use datafusion_postgres::pgwire::messages::extendedquery::{Execute, Flush, Parse, ParseComplete, Sync as PgSync};
use datafusion_postgres::pgwire::messages::response::ReadyForQuery;
use datafusion_postgres::pgwire::messages::simplequery::Query;
use datafusion_postgres::{DfSessionService, QueryHook};
use deltalake_core::datafusion::error::DataFusionError;
use deltalake_core::datafusion::execution::FunctionRegistry;
use deltalake_core::datafusion::prelude::SessionContext;
use deltalake_core::datafusion::sql::sqlparser::ast::Statement;
use deltalake_core::datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use deltalake_core::datafusion::sql::sqlparser::parser::Parser;
use futures_util::{Sink, SinkExt};
use serde::Serialize;
use wasmill_access::{Access, Caller, Holder};

use super::allowed::{self, Allowed};
use super::copy::Copies;
use super::cursor::{self, CursorHook};
use super::failure::{self, error, fatal};
use super::functions::Settings;
use super::prepared::{self, By, Fresh, Named, Statements};
use super::queries::{self, Queries};
use super::rows::{self, Columns};
use super::settings::Shown;
use super::stop::{Line, Stop};
use super::truths::Truths;
use super::{Shared, catalog, dialect, functions, kept, transaction};
use crate::query::seen::Seen;

/// Where `datafusion-postgres` keeps what `SET statement_timeout` said, in milliseconds.
pub const TIMEOUT: &str = "statement_timeout_ms";

/// A statement as `datafusion-postgres` keeps it.
pub type Prepared = <DfSessionService as ExtendedQueryHandler>::Statement;

/// Answers the statements of a connection.
pub struct Asked {
    shared: Arc<Shared>,
    service: Arc<Service>,
    line: Arc<Line>,
}

/// A statement and what came of it, for the audit log.
#[derive(Serialize)]
struct Recorded<'a> {
    /// Who asked.
    principal: Option<&'a str>,
    /// From where.
    address: IpAddr,
    /// As it was sent, with `$1` for a parameter; of a statement that is asked again, as it is asked of the engine.
    sql: &'a str,
    /// The SQLSTATE, if it failed before its first row.
    error: Option<String>,
    /// How long it took until the answer began.
    milliseconds: f64,
}

/// What answers somebody.
#[derive(Clone)]
struct Made {
    context: Arc<SessionContext>,
    service: Arc<DfSessionService>,
    settings: Settings,
}

impl Made {
    /// Has functions know what a client has set.
    fn know<C: ClientInfo>(&self, client: &C) {
        self.settings.write().unwrap_or_else(PoisonError::into_inner).clone_from(client.metadata());
    }
}

/// What of it is there once it is known who asks.
struct Service {
    shared: Arc<Shared>,
    holder: Arc<OnceLock<Holder>>,
    made: OnceLock<Made>,
}

impl Asked {
    /// For a connection, of a holder of a key who is known before the first statement.
    pub fn new(shared: Arc<Shared>, holder: Arc<OnceLock<Holder>>, line: Arc<Line>) -> Self {
        let service = Service { shared: shared.clone(), holder, made: OnceLock::new() };
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
    /// Puts a statement into the audit log, with what came of it: the SQLSTATE of its error, if it has one.
    fn record<C: ClientInfo, T>(&self, client: &C, sql: &str, began: Instant, answer: &PgWireResult<T>) {
        let rules = self.shared.rules.get();
        let Some(file) = rules.audit() else { return };
        let entry = Recorded {
            principal: self.holder.get().map(|holder| holder.caller.principal.as_str()),
            address: client.socket_addr().ip(),
            sql,
            error: answer.as_ref().err().map(failure::sqlstate),
            milliseconds: began.elapsed().as_secs_f64() * 1e3,
        };
        self.shared.audit.record(file, &entry);
    }

    /// What answers, if whoever asks is still let in.
    fn get(&self) -> PgWireResult<Made> {
        let holder = self.holder.get().filter(|holder| self.shared.rules.get().still_has(holder));
        let holder = holder.ok_or_else(|| fatal("28000", "the key is not known any more, or its time is over"))?;
        if let Some(made) = self.made.get() {
            return Ok(made.clone());
        }
        let made = self.make(&holder.caller).map_err(failure::failed)?;
        Ok(self.made.get_or_init(|| made).clone())
    }

    fn make(&self, caller: &Caller) -> Result<Made, DataFusionError> {
        let (rules, whose) = (self.shared.rules.clone(), caller.clone());
        let rights = Arc::new(move |table: &str| rules.get().rows(Some(&whose), table));
        let (mut context, listing) =
            Seen::new(self.shared.session.clone(), rights, Access::attributes(Some(caller))).context()?;
        let user = caller.principal.as_str();
        let known = (self.shared.session)().known();
        let descriptions = known.into_iter().filter_map(|known| Some((known.name, known.description?)));
        catalog::register(&context, &listing, user, descriptions.collect())?;
        let settings = Settings::default();
        functions::register(&context, user, settings.clone());
        context.register_expr_planner(Arc::new(Truths))?;
        let hooks: Vec<Arc<dyn QueryHook>> = vec![
            Arc::new(Allowed),
            Arc::new(Statements),
            Arc::new(Copies),
            Arc::new(CursorHook),
            Arc::new(CursorStatementHook),
            Arc::new(Shown),
            Arc::new(SetShowHook),
            Arc::new(TransactionStatementHook),
            Arc::new(Queries),
        ];
        let context = Arc::new(context);
        let service = Arc::new(DfSessionService::new_with_hooks(context.clone(), hooks));
        Ok(Made { context, service, settings })
    }
}

#[async_trait]
impl SimpleQueryHandler for Asked {
    async fn on_query<C>(&self, client: &mut C, query: Query) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        kept::<Fresh, _>(client).clear();
        if transaction::goes_back(&query.query) {
            transaction::resume(client);
        }
        self._on_query(client, query).await
    }

    async fn do_query<C>(&self, client: &mut C, query: &str) -> PgWireResult<Vec<Response>>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let began = Instant::now();
        let answer = self.answer(client, query).await;
        self.service.record(client, query, began, &answer);
        answer
    }
}

#[async_trait]
impl ExtendedQueryHandler for Asked {
    type Statement = Prepared;
    type QueryParser = Reader;

    fn query_parser(&self) -> Arc<Reader> {
        Arc::new(Reader(self.service.clone()))
    }

    async fn on_parse<C>(&self, client: &mut C, message: Parse) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Prepared>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let by = self.now();
        match StoredStatement::parse(client, &message, self.query_parser()).await? {
            Some(statement) => {
                let statement = Arc::new(statement);
                kept::<Fresh, _>(client).add(&statement, by);
                let store = client.portal_store();
                kept::<Named, _>(client).add(&statement.id, |name| store.get_statement(name).is_some());
                client.portal_store().put_statement(statement);
            }
            None => client.portal_store().put_empty_statement(message.name.as_deref().unwrap_or(DEFAULT_NAME)),
        }
        client.send(PgWireBackendMessage::ParseComplete(ParseComplete::new())).await?;
        Ok(())
    }

    async fn on_flush<C>(&self, client: &mut C, _: Flush) -> PgWireResult<()>
    where
        C: ClientInfo + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        kept::<Fresh, _>(client).clear();
        client.flush().await?;
        Ok(())
    }

    async fn on_sync<C>(&self, client: &mut C, _: PgSync) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Prepared>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        kept::<Fresh, _>(client).clear();
        client.portal_store().rm_portal(DEFAULT_NAME);
        let ready = ReadyForQuery::new(client.transaction_status());
        client.send(PgWireBackendMessage::ReadyForQuery(ready)).await?;
        client.flush().await?;
        Ok(())
    }

    async fn on_execute<C>(&self, client: &mut C, message: Execute) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Prepared>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let name = message.name.as_deref().unwrap_or(DEFAULT_NAME);
        let goes_back = match client.portal_store().get_portal(name) {
            Some(Entry::Value(portal)) => {
                let (text, planned) = &portal.statement.statement;
                // What a portal has left is no part of a transaction that failed.
                if let Some((statement, _)) = planned {
                    allowed::goes_on(statement, client)?;
                }
                transaction::goes_back(text)
            }
            _ => false,
        };
        if goes_back {
            transaction::resume(client);
        }
        // What a portal has left is for nobody whose key is gone.
        self.service.get()?;
        self._on_execute(client, message).await
    }

    async fn do_describe_portal<C>(
        &self,
        client: &mut C,
        portal: &Portal<Prepared>,
    ) -> PgWireResult<DescribePortalResponse>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Prepared>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let (statement, format) = (&portal.statement.statement, &portal.result_column_format);
        let fields = match statement {
            (_, Some((Statement::Fetch { name, .. }, _))) => cursor::fields(client, &name.value, format),
            // A cursor is described as a portal.
            (_, None) => cursor::fields(client, &portal.name, format),
            _ => self.query_parser().get_result_schema(statement, Some(format)),
        };
        Ok(DescribePortalResponse::new(fields?))
    }

    async fn do_query<C>(&self, client: &mut C, portal: &Portal<Prepared>, most: usize) -> PgWireResult<Response>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Prepared>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let began = Instant::now();
        let answer = self.answer_portal(client, portal, most).await;
        self.service.record(client, &portal.statement.statement.0, began, &answer);
        answer
    }
}

impl Asked {
    /// The answers to the statements of a text.
    async fn answer<C>(&self, client: &mut C, query: &str) -> PgWireResult<Vec<Response>>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let made = self.service.get()?;
        made.know(client);
        let service = made.service;
        let mut stop = self.stop(client);
        let fetch = transaction::goes_on(query);
        if let Some((fetch, true)) = &fetch {
            let responses = stop.wait(SimpleQueryHandler::do_query(&*service, client, fetch)).await?;
            return transaction::counted(responses).await;
        }
        let query = fetch.map_or_else(|| dialect::rewritten(query), |(fetch, _)| fetch);
        let responses = stop.wait(SimpleQueryHandler::do_query(&*service, client, &query)).await?;
        let responses = responses.into_iter().map(|response| dialect::unmarked(stop.rows(response)));
        let told =
            responses.zip(dialect::each(&query)).map(|(response, statement)| transaction::told(response, &statement));
        Ok(told.collect())
    }

    /// What statements are planned by now.
    fn now(&self) -> By {
        By { rules: self.shared.rules.get(), session: (self.shared.session)() }
    }

    /// A statement of tables as it is planned now, if that was done before the client last waited.
    async fn current<C>(&self, client: &C, portal: &Portal<Prepared>) -> PgWireResult<Option<Portal<Prepared>>>
    where
        C: ClientInfo + Unpin + Send + Sync,
    {
        let known = &portal.statement;
        let (text, Some((statement, before))) = &known.statement else { return Ok(None) };
        if !prepared::reads_tables(statement) || kept::<Fresh, _>(client).has(known, &self.now()) {
            return Ok(None);
        }
        allowed::goes_on(statement, client)?;
        let reader = self.query_parser();
        let Some(planned) = reader.plan(client, text, &known.parameter_types).await? else { return Ok(None) };
        let is_same = planned.1.as_ref().is_some_and(|(_, now)| prepared::gives_the_same(before, now));
        if !is_same || reader.get_parameter_types(&known.statement)? != reader.get_parameter_types(&planned)? {
            return Err(failure::changed());
        }
        let mut current = Portal::default();
        current.name.clone_from(&portal.name);
        current.statement = Arc::new(StoredStatement::new(known.id.clone(), planned, known.parameter_types.clone()));
        current.parameter_format = portal.parameter_format.clone();
        current.parameters.clone_from(&portal.parameters);
        current.result_column_format = portal.result_column_format.clone();
        Ok(Some(current))
    }

    /// The answer to a statement that was planned before.
    async fn answer_portal<C>(&self, client: &mut C, portal: &Portal<Prepared>, most: usize) -> PgWireResult<Response>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Prepared>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let made = self.service.get()?;
        made.know(client);
        let Made { context, service, .. } = made;
        let mut stop = self.stop(client);
        let current = stop.wait(self.current(client, portal)).await?;
        let portal = current.as_ref().unwrap_or(portal);
        let (sql, planned) = &portal.statement.statement;
        let format = &portal.result_column_format;
        let response = match planned {
            Some((statement @ Statement::Query(_), plan)) => {
                allowed::goes_on(statement, client)?;
                let told = service.query_parser().get_parameter_types(&portal.statement.statement)?;
                let values = queries::values(plan, &told, portal)?;
                stop.wait(queries::ask(&context, client, plan, &values, format)).await?
            }
            Some((statement @ Statement::Fetch { name, direction, .. }, _)) if cursor::has(client, &name.value) => {
                allowed::goes_on(statement, client)?;
                stop.wait(cursor::fetch(client, &name.value, direction, format)).await?
            }
            _ => stop.wait(ExtendedQueryHandler::do_query(&*service, client, portal, most)).await?,
        };
        Ok(transaction::told(dialect::unmarked(stop.rows(response)), sql))
    }
}

/// Plans statements that are to be asked, perhaps again and again.
pub struct Reader(Arc<Service>);

impl Reader {
    /// Plans a statement as it was sent.
    async fn read<C>(&self, client: &C, sql: &str, types: &[Option<Type>]) -> PgWireResult<Option<Prepared>>
    where
        C: ClientInfo + Unpin + Send + Sync,
    {
        let text = transaction::goes_on(sql).map_or_else(|| dialect::rewritten(sql), |(fetch, _)| fetch);
        // What does not parse is said by whoever plans it.
        let is_several =
            |sql: &str| Parser::parse_sql(&PostgreSqlDialect {}, sql).is_ok_and(|statements| statements.len() > 1);
        if is_several(sql) || is_several(&text) {
            return Err(error("42601", "cannot insert multiple commands into a prepared statement"));
        }
        self.plan(client, &text, types).await
    }

    /// Plans a statement in DataFusion's words.
    async fn plan<C>(&self, client: &C, text: &str, types: &[Option<Type>]) -> PgWireResult<Option<Prepared>>
    where
        C: ClientInfo + Unpin + Send + Sync,
    {
        let parsed = self.0.get()?.service.query_parser().parse_sql(client, text, types).await?;
        let Some((text, Some((statement, plan)))) = parsed else { return Ok(parsed) };
        let plan = queries::typed(plan).map_err(failure::failed)?;
        Ok(Some((text, Some((statement, plan)))))
    }
}

#[async_trait]
impl QueryParser for Reader {
    type Statement = Prepared;

    async fn parse_sql<C>(&self, client: &C, sql: &str, types: &[Option<Type>]) -> PgWireResult<Option<Prepared>>
    where
        C: ClientInfo + Unpin + Send + Sync,
    {
        let began = Instant::now();
        let planned = self.read(client, sql, types).await;
        // What is planned is in the audit log once it is asked.
        if planned.is_err() {
            self.0.record(client, sql, began, &planned);
        }
        planned
    }

    fn get_parameter_types(&self, statement: &Prepared) -> PgWireResult<Vec<Type>> {
        let mut types = self.0.get()?.service.query_parser().get_parameter_types(statement)?;
        if let (_, Some((_, plan))) = statement
            && rows::reads_catalog(plan)?
        {
            for data_type in types.iter_mut().filter(|data_type| **data_type == Type::INT4_ARRAY) {
                *data_type = Type::OID_ARRAY;
            }
        }
        Ok(types)
    }

    fn get_result_schema(&self, statement: &Prepared, format: Option<&Format>) -> PgWireResult<Vec<FieldInfo>> {
        if let (_, Some((Statement::Declare { .. }, _))) = statement {
            return Ok(Vec::new());
        }
        if let (_, Some((Statement::Query(_), plan))) = statement {
            let format = format.unwrap_or(&Format::UnifiedText);
            let columns = Columns::new(plan.schema().inner(), format, Arc::default())?.of(plan)?;
            return Ok(dialect::unmarked_fields(&columns.fields));
        }
        let fields = self.0.get()?.service.query_parser().get_result_schema(statement, format)?;
        Ok(dialect::unmarked_fields(&fields))
    }
}
