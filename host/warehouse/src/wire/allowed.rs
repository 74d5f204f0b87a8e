//! What may be asked. Everything else is refused before it is looked at by anybody else.

use std::ops::ControlFlow;

use async_trait::async_trait;
use datafusion_postgres::QueryHook;
use datafusion_postgres::hooks::HookClient;
use datafusion_postgres::pgwire::api::ClientInfo;
use datafusion_postgres::pgwire::api::results::{Response, Tag};
use datafusion_postgres::pgwire::error::{PgWireError, PgWireResult};
use datafusion_postgres::pgwire::messages::response::TransactionStatus;
use deltalake_core::datafusion::common::ParamValues;
use deltalake_core::datafusion::logical_expr::LogicalPlan;
use deltalake_core::datafusion::prelude::SessionContext;
use deltalake_core::datafusion::sql::sqlparser::ast::{Query, Set, SetExpr, Statement, Visit, Visitor};

use super::copy::copied;
use super::failure::error;
use super::{queries, transaction};

/// The first to see a statement.
#[derive(Debug)]
pub struct Allowed;

/// What is to be done with a statement.
enum Verdict {
    /// It is asked.
    Go,
    /// It means nothing here, and is answered as if it had been done.
    Done(&'static str),
    /// It is refused.
    Refused(PgWireError),
}

fn verdict(statement: &Statement) -> Verdict {
    match statement {
        Statement::Query(query) => of_query(query),
        Statement::Explain { statement, .. } => verdict(statement),
        Statement::Declare { stmts } => {
            let queries = stmts.iter().filter_map(|declared| declared.for_query.as_deref());
            queries.map(of_query).find(|verdict| !matches!(verdict, Verdict::Go)).unwrap_or(Verdict::Go)
        }
        Statement::Copy { .. } if copied(statement).is_some() => copied(statement).map_or(Verdict::Go, of_query),
        Statement::Set(set) => of_set(set),
        Statement::Prepare { statement, .. } => verdict(statement),
        Statement::Execute { .. }
        | Statement::Deallocate { .. }
        | Statement::Fetch { .. }
        | Statement::Close { .. }
        | Statement::ShowVariable { .. }
        | Statement::ShowCatalogs { .. }
        | Statement::StartTransaction { .. }
        | Statement::Commit { .. } => Verdict::Go,
        Statement::Rollback { savepoint, .. } if savepoint.is_none() => Verdict::Go,
        // Nothing was done that would be undone.
        Statement::Rollback { .. } => Verdict::Done("ROLLBACK"),
        Statement::Savepoint { .. } => Verdict::Done("SAVEPOINT"),
        Statement::ReleaseSavepoint { .. } => Verdict::Done("RELEASE"),
        Statement::Discard { .. } => Verdict::Go,
        Statement::Reset(reset) if !reset.to_string().contains('.') => Verdict::Go,
        Statement::UNLISTEN { .. } => Verdict::Done("UNLISTEN"),
        _ => Verdict::Refused(read_only(statement)),
    }
}

fn of_query(query: &Query) -> Verdict {
    match query.visit(&mut Reads) {
        ControlFlow::Continue(()) => Verdict::Go,
        ControlFlow::Break(()) => Verdict::Refused(error("25006", "cannot execute it in a read-only transaction")),
    }
}

/// Stops where a query would write.
struct Reads;

impl Visitor for Reads {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        if reads(&query.body) && query.locks.is_empty() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}

fn reads(body: &SetExpr) -> bool {
    match body {
        SetExpr::Select(select) => select.into.is_none(),
        SetExpr::SetOperation { left, right, .. } => reads(left) && reads(right),
        SetExpr::Query(_) | SetExpr::Values(_) | SetExpr::Table(_) => true,
        SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => false,
    }
}

fn of_set(set: &Set) -> Verdict {
    // The engine's own settings have a point in their names; among them are its memory and its files.
    let is_engines = match set {
        Set::SingleAssignment { variable, .. } => variable.to_string().contains('.'),
        Set::SetTransaction { .. } | Set::SetSessionParam(_) => return Verdict::Done("SET"),
        Set::SetTimeZone { .. } | Set::SetNames { .. } | Set::SetNamesDefault {} => false,
        Set::SetRole { .. } => return Verdict::Refused(error("42501", "permission denied to set role")),
        Set::SetSessionAuthorization(_) => {
            return Verdict::Refused(error("42501", "permission denied to set session authorization"));
        }
        Set::ParenthesizedAssignments { .. } | Set::MultipleAssignments { .. } => true,
    };
    if is_engines {
        return Verdict::Refused(error("42501", "permission denied to set the engine's settings"));
    }
    Verdict::Go
}

fn read_only(statement: &Statement) -> PgWireError {
    let text = statement.to_string();
    let what: Vec<&str> = text.split_whitespace().take(2).collect();
    error("25006", &format!("cannot execute {} in a read-only transaction", what.join(" ").to_uppercase()))
}

/// What a statement that ended a transaction's work may still be.
fn ends_transaction(statement: &Statement) -> bool {
    matches!(statement, Statement::Commit { .. } | Statement::Rollback { .. })
}

/// Refuses what comes in a transaction that failed.
pub fn goes_on<C: ClientInfo + ?Sized>(statement: &Statement, client: &C) -> PgWireResult<()> {
    if client.transaction_status() == TransactionStatus::Error && !ends_transaction(statement) {
        let message = "current transaction is aborted, commands ignored until end of transaction block";
        return Err(error("25P02", message));
    }
    Ok(())
}

fn answer(statement: &Statement, client: &mut dyn HookClient) -> Option<PgWireResult<Response>> {
    if let Err(err) = goes_on(statement, client).and_then(|()| transaction::keep_savepoints(statement, client)) {
        return Some(Err(err));
    }
    match verdict(statement) {
        Verdict::Go => None,
        Verdict::Done(tag) => Some(Ok(Response::Execution(Tag::new(tag)))),
        Verdict::Refused(err) => Some(Err(err)),
    }
}

#[async_trait]
impl QueryHook for Allowed {
    async fn handle_simple_query(
        &self,
        statement: &Statement,
        _: &SessionContext,
        client: &mut dyn HookClient,
    ) -> Option<PgWireResult<Response>> {
        answer(statement, client)
    }

    async fn handle_extended_parse_query(
        &self,
        statement: &Statement,
        _: &SessionContext,
        _: &(dyn ClientInfo + Send + Sync),
    ) -> Option<PgWireResult<LogicalPlan>> {
        match verdict(statement) {
            Verdict::Go => None,
            Verdict::Done(_) => Some(Ok(queries::nothing())),
            Verdict::Refused(err) => Some(Err(err)),
        }
    }

    async fn handle_extended_query(
        &self,
        statement: &Statement,
        _: &LogicalPlan,
        _: &ParamValues,
        _: &SessionContext,
        client: &mut dyn HookClient,
    ) -> Option<PgWireResult<Response>> {
        answer(statement, client)
    }
}

#[cfg(test)]
mod tests {
    use deltalake_core::datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
    use deltalake_core::datafusion::sql::sqlparser::parser::Parser;

    use super::*;

    #[test]
    fn what_would_change_something_is_refused() {
        let check = |sql: &str, expect: &str| {
            let statements = Parser::parse_sql(&PostgreSqlDialect {}, sql).expect(sql);
            let found = match verdict(&statements[0]) {
                Verdict::Go => "go".to_owned(),
                Verdict::Done(tag) => tag.to_owned(),
                Verdict::Refused(PgWireError::UserError(info)) => info.code.clone(),
                Verdict::Refused(other) => other.to_string(),
            };
            assert_eq!(found, expect, "{sql}");
        };
        for sql in [
            "SELECT 1",
            "WITH a AS (SELECT 1) SELECT * FROM a UNION SELECT 2",
            "VALUES (1)",
            "EXPLAIN ANALYZE SELECT 1",
            "DECLARE c CURSOR FOR SELECT 1",
            "COPY (SELECT 1) TO STDOUT (FORMAT binary)",
            "PREPARE p AS SELECT 1",
            "EXECUTE p",
            "FETCH 10 FROM c",
            "CLOSE c",
            "SHOW server_version",
            "SET statement_timeout = 1000",
            "SET TIME ZONE 'UTC'",
            "RESET ALL",
            "DISCARD ALL",
            "BEGIN",
            "COMMIT",
            "ROLLBACK",
        ] {
            check(sql, "go");
        }
        for sql in [
            "INSERT INTO a VALUES (1)",
            "UPDATE a SET b = 1",
            "DELETE FROM a",
            "TRUNCATE a",
            "CREATE TABLE a (b int)",
            "CREATE TABLE a AS SELECT 1",
            "CREATE VIEW a AS SELECT 1",
            "DROP TABLE a",
            "COPY a TO '/tmp/a'",
            "COPY a FROM STDIN",
            "COPY (SELECT 1) TO '/tmp/a' (FORMAT binary)",
            "COPY (SELECT 1 INTO a) TO STDOUT (FORMAT binary)",
            "SELECT 1 INTO a",
            "SELECT * FROM (SELECT 1 INTO a) b",
            "WITH a AS (INSERT INTO b VALUES (1) RETURNING 1) SELECT * FROM a",
            "EXPLAIN INSERT INTO a VALUES (1)",
            "SELECT 1 FROM a FOR UPDATE",
            "DECLARE c CURSOR FOR SELECT 1 INTO a",
            "PREPARE p AS DELETE FROM a",
            "CALL p()",
        ] {
            check(sql, "25006");
        }
        for sql in ["SET datafusion.runtime.memory_limit = '1G'", "SET ROLE admin", "SET \"DataFusion\".\"x\" = 1"] {
            check(sql, "42501");
        }
        check("SAVEPOINT a", "SAVEPOINT");
        check("ROLLBACK TO SAVEPOINT a", "ROLLBACK");
    }
}
