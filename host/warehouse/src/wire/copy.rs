//! `COPY (SELECT …) TO STDOUT (FORMAT binary)`: rows in PostgreSQL's binary form
//! (<https://www.postgresql.org/docs/16/sql-copy.html>), which some drivers read by.

use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::{BufMut, BytesMut};
use datafusion_postgres::QueryHook;
use datafusion_postgres::hooks::HookClient;
use datafusion_postgres::pgwire::api::ClientInfo;
use datafusion_postgres::pgwire::api::portal::Format;
use datafusion_postgres::pgwire::api::results::{CopyResponse, Response};
use datafusion_postgres::pgwire::error::PgWireResult;
use datafusion_postgres::pgwire::messages::copy::CopyData;
use deltalake_core::datafusion::common::ParamValues;
use deltalake_core::datafusion::logical_expr::LogicalPlan;
use deltalake_core::datafusion::prelude::SessionContext;
use deltalake_core::datafusion::sql::sqlparser::ast::{CopyOption, CopySource, CopyTarget, Query, Statement};
use futures_util::{StreamExt, stream};

use super::failure::failed;
use super::{queries, rows};

/// What comes first: a signature, no flags, and no more of a header.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// In the place of a row's number of columns: there are no more.
const END: &[u8] = &[0xff, 0xff];

/// Answers copies.
#[derive(Debug)]
pub struct Copies;

/// The query whose rows a statement copies to the client; none if it does something else.
pub fn copied(statement: &Statement) -> Option<&Query> {
    let Statement::Copy { source: CopySource::Query(query), to: true, target: CopyTarget::Stdout, options, .. } =
        statement
    else {
        return None;
    };
    let is_binary = |option: &CopyOption| matches!(option, CopyOption::Format(format) if format.value.eq_ignore_ascii_case("binary"));
    (!options.is_empty() && options.iter().all(is_binary)).then_some(&**query)
}

async fn copy(query: &Query, context: &SessionContext) -> PgWireResult<Response> {
    let frame = context.sql(&query.to_string()).await.map_err(failed)?;
    let rows = rows::encode(frame, &Format::UnifiedBinary, Arc::default()).await?;
    let columns = rows.row_schema.len();
    let mut rows = rows.data_rows.peekable();
    // What fails at once is told before there is anything to be copied.
    if let Some(Err(_)) = Pin::new(&mut rows).peek().await
        && let Some(Err(err)) = rows.next().await
    {
        return Err(err);
    }
    // As PostgreSQL sends it, and a driver takes it: what comes first is in one message with the first row, or with the end.
    let mut first = Some(HEADER);
    let rows = rows.map(Some).chain(stream::once(async { None }));
    let copy = rows.map(move |row| {
        let mut bytes = BytesMut::from(first.take().unwrap_or_default());
        match row {
            Some(row) => {
                let row = row?;
                bytes.put_i16(row.field_count);
                bytes.put_slice(&row.data);
            }
            None => bytes.put_slice(END),
        }
        Ok(CopyData::new(bytes.freeze()))
    });
    Ok(Response::CopyOut(CopyResponse::new(1, columns, Box::pin(copy))))
}

#[async_trait]
impl QueryHook for Copies {
    async fn handle_simple_query(
        &self,
        statement: &Statement,
        context: &SessionContext,
        _: &mut dyn HookClient,
    ) -> Option<PgWireResult<Response>> {
        Some(copy(copied(statement)?, context).await)
    }

    async fn handle_extended_parse_query(
        &self,
        statement: &Statement,
        _: &SessionContext,
        _: &(dyn ClientInfo + Send + Sync),
    ) -> Option<PgWireResult<LogicalPlan>> {
        copied(statement)?;
        Some(Ok(queries::nothing()))
    }

    async fn handle_extended_query(
        &self,
        statement: &Statement,
        _: &LogicalPlan,
        _: &ParamValues,
        context: &SessionContext,
        _: &mut dyn HookClient,
    ) -> Option<PgWireResult<Response>> {
        Some(copy(copied(statement)?, context).await)
    }
}
