//! Cursors: queries whose rows are read as they are fetched, in the format that whoever fetches wants.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use async_trait::async_trait;
use datafusion_postgres::QueryHook;
use datafusion_postgres::hooks::HookClient;
use datafusion_postgres::pgwire::api::ClientInfo;
use datafusion_postgres::pgwire::api::portal::{Format, Portal};
use datafusion_postgres::pgwire::api::results::{FieldInfo, QueryResponse, Response, Tag};
use datafusion_postgres::pgwire::api::stmt::StoredStatement;
use datafusion_postgres::pgwire::api::store::PortalStore;
use datafusion_postgres::pgwire::error::{PgWireError, PgWireResult};
use datafusion_postgres::pgwire::types::format::FormatOptions;
use deltalake_core::datafusion::common::ParamValues;
use deltalake_core::datafusion::execution::SendableRecordBatchStream;
use deltalake_core::datafusion::logical_expr::LogicalPlan;
use deltalake_core::datafusion::prelude::{DataFrame, SessionContext};
use deltalake_core::datafusion::sql::parser::Statement as Parsed;
use deltalake_core::datafusion::sql::sqlparser::ast::{
    CloseCursor, Declare, DeclareType, FetchDirection, Statement, Value,
};
use futures_util::{StreamExt, TryStreamExt, stream};

use super::failure::{error, failed};
use super::rows::Columns;
use super::{dialect, kept, queries};

/// The cursors of a connection.
#[derive(Default)]
struct Cursors(Mutex<HashMap<String, Arc<Cursor>>>);

/// A query of which some rows have been read.
struct Cursor {
    schema: SchemaRef,
    rest: Arc<tokio::sync::Mutex<Rest>>,
}

/// What of it has not been read.
struct Rest {
    batch: Option<RecordBatch>,
    batches: SendableRecordBatchStream,
}

impl Rest {
    /// The next rows, no more than `most`.
    async fn next(&mut self, most: usize) -> PgWireResult<Option<RecordBatch>> {
        let batch = loop {
            match self.batch.take() {
                Some(batch) if batch.num_rows() > 0 => break batch,
                _ => match self.batches.next().await {
                    Some(batch) => self.batch = Some(batch.map_err(failed)?),
                    None => return Ok(None),
                },
            }
        };
        let taken = batch.num_rows().min(most);
        self.batch = Some(batch.slice(taken, batch.num_rows() - taken));
        Ok(Some(batch.slice(0, taken)))
    }
}

fn find<C: ClientInfo + ?Sized>(client: &C, name: &str) -> PgWireResult<Arc<Cursor>> {
    let cursors = kept::<Cursors, _>(client);
    let cursors = cursors.0.lock().unwrap_or_else(PoisonError::into_inner);
    cursors.get(name).cloned().ok_or_else(|| error("34000", &format!("cursor \"{name}\" does not exist")))
}

/// Whether there is such a cursor.
pub fn has<C: ClientInfo + ?Sized>(client: &C, name: &str) -> bool {
    find(client, name).is_ok()
}

/// The columns of a cursor's rows.
pub fn fields<C: ClientInfo + ?Sized>(client: &C, name: &str, format: &Format) -> PgWireResult<Vec<FieldInfo>> {
    let columns = Columns::new(&find(client, name)?.schema, format, Arc::default())?;
    Ok(dialect::unmarked_fields(&columns.fields))
}

/// The next rows of a cursor.
pub async fn fetch<C: ClientInfo + ?Sized>(
    client: &C,
    name: &str,
    direction: &FetchDirection,
    format: &Format,
) -> PgWireResult<Response> {
    let most = match direction {
        FetchDirection::Next | FetchDirection::Forward { limit: None } => 1,
        FetchDirection::Forward { limit: Some(most) } | FetchDirection::Count { limit: most } => match &most.value {
            Value::Number(most, _) => most.parse().map_err(|_| backwards())?,
            _ => return Err(backwards()),
        },
        FetchDirection::ForwardAll | FetchDirection::All => usize::MAX,
        _ => return Err(backwards()),
    };
    let cursor = find(client, name)?;
    let options = Arc::new(FormatOptions::from_client_metadata(client.metadata()));
    let columns = Columns::new(&cursor.schema, format, options)?;
    let fields = columns.fields.clone();
    let rest = cursor.rest.clone().lock_owned().await;
    let batches = stream::try_unfold((rest, most), |(mut rest, left)| async move {
        let batch = if left == 0 { None } else { rest.next(left).await? };
        PgWireResult::Ok(batch.map(|batch| {
            let left = left - batch.num_rows();
            (batch, (rest, left))
        }))
    });
    let rows = batches.map_ok(move |batch| stream::iter(columns.rows(batch))).try_flatten();
    Ok(Response::Query(QueryResponse::new(fields, rows.boxed())))
}

fn backwards() -> PgWireError {
    error("55000", "cursor can only scan forward")
}

/// The one cursor that a statement declares.
fn declared(statement: &Statement) -> Option<(&Declare, Statement)> {
    let Statement::Declare { stmts } = statement else { return None };
    let [declared] = stmts.as_slice() else { return None };
    let query = declared.for_query.clone()?;
    (declared.declare_type == Some(DeclareType::Cursor)).then_some((declared, Statement::Query(query)))
}

async fn open(client: &mut dyn HookClient, declared: &Declare, frame: DataFrame) -> PgWireResult<Response> {
    let name = declared.names.first().map(|name| name.value.clone()).unwrap_or_default();
    let schema = frame.schema().inner().clone();
    let batches = frame.execute_stream().await.map_err(failed)?;
    let rest = Arc::new(tokio::sync::Mutex::new(Rest { batch: None, batches }));
    let opened = Arc::new(Cursor { schema, rest });
    kept::<Cursors, _>(client).0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), opened);
    // Clients describe a cursor as a portal.
    let stored = Arc::new(StoredStatement::new(name.clone(), (String::new(), None), Vec::new()));
    client.portal_store().put_portal(Arc::new(Portal::new_cursor(name, stored)));
    Ok(Response::Execution(Tag::new("DECLARE CURSOR")))
}

/// Closes cursors.
pub fn close(client: &mut dyn HookClient, which: &CloseCursor) -> PgWireResult<Response> {
    let cursors = kept::<Cursors, _>(client);
    let mut cursors = cursors.0.lock().unwrap_or_else(PoisonError::into_inner);
    let closed: Vec<String> = match which {
        CloseCursor::All => cursors.drain().map(|(name, _)| name).collect(),
        CloseCursor::Specific { name } => match cursors.remove(&name.value) {
            Some(_) => vec![name.value.clone()],
            None => return Err(error("34000", &format!("cursor \"{}\" does not exist", name.value))),
        },
    };
    closed.iter().for_each(|name| client.portal_store().rm_portal(name));
    Ok(Response::Execution(Tag::new("CLOSE CURSOR")))
}

/// Declares, reads and closes cursors.
#[derive(Debug)]
pub struct CursorHook;

#[async_trait]
impl QueryHook for CursorHook {
    async fn handle_simple_query(
        &self,
        statement: &Statement,
        context: &SessionContext,
        client: &mut dyn HookClient,
    ) -> Option<PgWireResult<Response>> {
        if let Some((cursor, query)) = declared(statement) {
            return Some(match context.sql(&query.to_string()).await {
                Ok(frame) => open(client, cursor, frame).await,
                Err(err) => Err(failed(err)),
            });
        }
        match statement {
            // Portals may be read so as well, which is left to whoever keeps them.
            Statement::Fetch { name, direction, .. } if has(client, &name.value) => {
                Some(fetch(client, &name.value, direction, &Format::UnifiedText).await)
            }
            Statement::Close { cursor } => Some(close(client, cursor)),
            _ => None,
        }
    }

    async fn handle_extended_parse_query(
        &self,
        statement: &Statement,
        context: &SessionContext,
        _: &(dyn ClientInfo + Send + Sync),
    ) -> Option<PgWireResult<LogicalPlan>> {
        if let Some((_, query)) = declared(statement) {
            // Its plan says which parameters there are.
            let plan = context.state().statement_to_plan(Parsed::Statement(Box::new(query))).await;
            return Some(plan.map_err(failed));
        }
        matches!(statement, Statement::Fetch { .. } | Statement::Close { .. }).then(|| Ok(queries::nothing()))
    }

    async fn handle_extended_query(
        &self,
        statement: &Statement,
        plan: &LogicalPlan,
        parameters: &ParamValues,
        context: &SessionContext,
        client: &mut dyn HookClient,
    ) -> Option<PgWireResult<Response>> {
        if let Some((cursor, _)) = declared(statement) {
            let plan = match plan.clone().replace_params_with_values(parameters) {
                Ok(plan) => plan,
                Err(err) => return Some(Err(failed(err))),
            };
            return Some(match context.execute_logical_plan(plan).await {
                Ok(frame) => open(client, cursor, frame).await,
                Err(err) => Err(failed(err)),
            });
        }
        match statement {
            Statement::Close { cursor } => Some(close(client, cursor)),
            _ => None,
        }
    }
}
