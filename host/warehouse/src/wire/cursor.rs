//! Cursors whose queries have parameters, as psycopg's; those without are `datafusion-postgres`'s.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion_postgres::QueryHook;
use datafusion_postgres::arrow_pg::datatypes::df::encode_dataframe;
use datafusion_postgres::hooks::HookClient;
use datafusion_postgres::pgwire::api::ClientInfo;
use datafusion_postgres::pgwire::api::portal::{Format, Portal, PortalExecutionState};
use datafusion_postgres::pgwire::api::results::{FieldInfo, Response, Tag};
use datafusion_postgres::pgwire::api::stmt::StoredStatement;
use datafusion_postgres::pgwire::api::store::PortalStore;
use datafusion_postgres::pgwire::error::{PgWireError, PgWireResult};
use deltalake_core::datafusion::common::ParamValues;
use deltalake_core::datafusion::error::DataFusionError;
use deltalake_core::datafusion::logical_expr::LogicalPlan;
use deltalake_core::datafusion::prelude::SessionContext;
use deltalake_core::datafusion::sql::parser::Statement as Parsed;
use deltalake_core::datafusion::sql::sqlparser::ast::{Query, Statement};

use super::dialect;

/// Declares cursors.
#[derive(Debug)]
pub struct Declared;

/// The name and the query of the one cursor that a statement declares.
fn declared(statement: &Statement) -> Option<(&str, &Query)> {
    let Statement::Declare { stmts } = statement else { return None };
    let [declared] = stmts.as_slice() else { return None };
    Some((&declared.names.first()?.value, declared.for_query.as_deref()?))
}

/// The columns of a cursor's rows.
pub async fn fields<S>(cursor: &Portal<S>) -> Vec<FieldInfo> {
    match &*cursor.state.lock().await {
        PortalExecutionState::Suspended(rows) => dialect::unmarked_fields(&rows.row_schema),
        _ => Vec::new(),
    }
}

fn failed(err: DataFusionError) -> PgWireError {
    PgWireError::ApiError(Box::new(err))
}

#[async_trait]
impl QueryHook for Declared {
    async fn handle_simple_query(
        &self,
        _: &Statement,
        _: &SessionContext,
        _: &mut dyn HookClient,
    ) -> Option<PgWireResult<Response>> {
        None
    }

    async fn handle_extended_parse_query(
        &self,
        statement: &Statement,
        context: &SessionContext,
        _: &(dyn ClientInfo + Send + Sync),
    ) -> Option<PgWireResult<LogicalPlan>> {
        // Its plan says which parameters there are.
        let (_, query) = declared(statement)?;
        let query = Parsed::Statement(Box::new(Statement::Query(Box::new(query.clone()))));
        Some(context.state().statement_to_plan(query).await.map_err(failed))
    }

    async fn handle_extended_query(
        &self,
        statement: &Statement,
        plan: &LogicalPlan,
        parameters: &ParamValues,
        context: &SessionContext,
        client: &mut dyn HookClient,
    ) -> Option<PgWireResult<Response>> {
        let (name, query) = declared(statement)?;
        let plan = plan.clone().replace_params_with_values(parameters).map_err(failed);
        let rows = async {
            let frame = context.execute_logical_plan(plan?).await.map_err(failed)?;
            encode_dataframe(frame, &Format::UnifiedText, None).await
        };
        let rows = match rows.await {
            Ok(rows) => rows,
            Err(err) => return Some(Err(err)),
        };
        let stored = Arc::new(StoredStatement::new(name.to_owned(), (query.to_string(), None), Vec::new()));
        let portal = Portal::new_cursor(name.to_owned(), stored);
        portal.start(rows).await;
        client.portal_store().put_portal(Arc::new(portal));
        Some(Ok(Response::Execution(Tag::new("DECLARE CURSOR"))))
    }
}
