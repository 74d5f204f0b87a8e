//! Statements that are asked again and again. Tables, and who may read what of them, are those of when a statement is asked: a
//! plan is good until its client waits for answers (`Sync`, `Flush`), asks something else, or the rules or the session are others.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use async_trait::async_trait;
use datafusion_postgres::QueryHook;
use datafusion_postgres::hooks::HookClient;
use datafusion_postgres::pgwire::api::ClientInfo;
use datafusion_postgres::pgwire::api::results::{Response, Tag};
use datafusion_postgres::pgwire::api::stmt::StoredStatement;
use datafusion_postgres::pgwire::api::store::PortalStore;
use datafusion_postgres::pgwire::error::{PgWireError, PgWireResult};
use deltalake_core::datafusion::common::ParamValues;
use deltalake_core::datafusion::logical_expr::LogicalPlan;
use deltalake_core::datafusion::prelude::SessionContext;
use deltalake_core::datafusion::sql::sqlparser::ast::{CloseCursor, DiscardObject, Ident, Statement, visit_relations};
use wasmill_access::Access;

use super::asked::Prepared;
use super::failure::{error, failed};
use super::{cursor, kept, queries};
use crate::query::Session;

/// What was planned since the client last waited for answers, by its name.
#[derive(Default)]
pub struct Fresh(Mutex<HashMap<String, Planned>>);

/// A statement, and what it was planned by.
struct Planned {
    statement: Weak<StoredStatement<Prepared>>,
    by: By,
}

/// The rules and the session that are asked.
pub struct By {
    pub rules: Arc<Access>,
    pub session: Arc<Session>,
}

impl Fresh {
    /// Something was planned.
    pub fn add(&self, statement: &Arc<StoredStatement<Prepared>>, by: By) {
        let planned = Planned { statement: Arc::downgrade(statement), by };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(statement.id.clone(), planned);
    }

    /// The client waits.
    pub fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Whether it was planned since, by the same.
    pub fn has(&self, statement: &Arc<StoredStatement<Prepared>>, by: &By) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&statement.id).is_some_and(|planned| {
            std::ptr::eq(planned.statement.as_ptr(), Arc::as_ptr(statement))
                && Arc::ptr_eq(&planned.by.rules, &by.rules)
                && Arc::ptr_eq(&planned.by.session, &by.session)
        })
    }
}

/// So many names of statements are kept before those that are closed are left out.
const NAMES: usize = 1000;

/// The names of statements that were prepared by the protocol.
#[derive(Default)]
pub struct Named(Mutex<BTreeSet<String>>);

impl Named {
    /// One more; `is_there` tells of those before whether they still are.
    pub fn add(&self, name: &str, is_there: impl Fn(&str) -> bool) {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if names.len().is_multiple_of(NAMES) {
            names.retain(|name| is_there(name));
        }
        names.insert(name.to_owned());
    }
}

/// Whether what a statement gives depends on when it is planned: it names tables or views.
pub fn reads_tables(statement: &Statement) -> bool {
    visit_relations(statement, |_| ControlFlow::Break(())).is_break()
}

/// Whether two plans give columns of the same names and types, which clients were told.
pub fn gives_the_same(one: &LogicalPlan, other: &LogicalPlan) -> bool {
    let columns = |plan: &LogicalPlan| {
        let fields = plan.schema().fields().iter();
        fields.map(|field| (field.name().clone(), field.data_type().clone())).collect::<Vec<_>>()
    };
    columns(one) == columns(other)
}

/// The statements that a connection has prepared by SQL, by their names.
#[derive(Default)]
struct BySql(Mutex<BTreeMap<String, String>>);

/// Whether a statement forgets all that are prepared.
fn is_all(statement: &Statement) -> bool {
    matches!(statement, Statement::Deallocate { name, .. } if name.quote_style.is_none() && name.value.eq_ignore_ascii_case("all"))
}

/// Answers what prepares and forgets statements, and plans anew what is to be executed.
async fn by_sql(
    statement: &Statement,
    context: &SessionContext,
    client: &mut dyn HookClient,
) -> Option<PgWireResult<Response>> {
    let kept = kept::<BySql, _>(client);
    let known = || kept.0.lock().unwrap_or_else(PoisonError::into_inner);
    match statement {
        Statement::Prepare { name, .. } => {
            let (name, sql) = (normal(name), statement.to_string());
            if known().contains_key(&name) {
                return Some(Err(error("42P05", &format!("prepared statement \"{name}\" already exists"))));
            }
            let prepared = context.sql(&sql).await;
            Some(prepared.map_err(failed).map(|_| {
                known().insert(name, sql);
                Response::Execution(Tag::new("PREPARE"))
            }))
        }
        Statement::Execute { name: Some(name), .. } => {
            let name = name.0.iter().filter_map(|part| part.as_ident()).map(normal).collect::<Vec<_>>().join(".");
            // Only what is planned anew is asked.
            let Some(sql) = known().get(&name).cloned() else { return Some(Err(absent(&name))) };
            forget(context, &name).await;
            let prepared = context.sql(&sql).await;
            prepared.err().map(|err| Err(failed(err)))
        }
        Statement::Deallocate { .. } if is_all(statement) => {
            forget_all(context, client).await;
            Some(Ok(Response::Execution(Tag::new("DEALLOCATE ALL"))))
        }
        Statement::Deallocate { name, .. } => {
            let name = normal(name);
            let was_known = known().remove(&name).is_some();
            let store = client.portal_store();
            Some(if was_known {
                forget(context, &name).await;
                Ok(Response::Execution(Tag::new("DEALLOCATE")))
            } else if store.get_statement(&name).is_some() {
                // It was prepared by the protocol.
                store.rm_statement(&name);
                Ok(Response::Execution(Tag::new("DEALLOCATE")))
            } else {
                Err(absent(&name))
            })
        }
        Statement::Discard { object_type: DiscardObject::ALL } => {
            forget_all(context, client).await;
            if let Err(err) = cursor::close(client, &CloseCursor::All) {
                return Some(Err(err));
            }
            // What is set is left to whoever knows of it.
            None
        }
        _ => None,
    }
}

/// A name as DataFusion knows it.
fn normal(name: &Ident) -> String {
    if name.quote_style.is_some() { name.value.clone() } else { name.value.to_ascii_lowercase() }
}

fn absent(name: &str) -> PgWireError {
    error("26000", &format!("prepared statement \"{name}\" does not exist"))
}

/// Forgets all that is prepared, by SQL and by the protocol.
async fn forget_all(context: &SessionContext, client: &mut dyn HookClient) {
    let named = std::mem::take(&mut *kept::<Named, _>(client).0.lock().unwrap_or_else(PoisonError::into_inner));
    named.iter().for_each(|name| client.portal_store().rm_statement(name));
    let all = std::mem::take(&mut *kept::<BySql, _>(client).0.lock().unwrap_or_else(PoisonError::into_inner));
    for name in all.keys() {
        forget(context, name).await;
    }
}

/// Has DataFusion forget a statement. If it could not be planned anew, it is not there.
async fn forget(context: &SessionContext, name: &str) {
    let _ = context.sql(&format!("DEALLOCATE {}", Ident::with_quote('"', name))).await;
}

/// Prepares, executes and forgets statements by SQL.
#[derive(Debug)]
pub struct Statements;

#[async_trait]
impl QueryHook for Statements {
    async fn handle_simple_query(
        &self,
        statement: &Statement,
        context: &SessionContext,
        client: &mut dyn HookClient,
    ) -> Option<PgWireResult<Response>> {
        by_sql(statement, context, client).await
    }

    async fn handle_extended_parse_query(
        &self,
        statement: &Statement,
        _: &SessionContext,
        _: &(dyn ClientInfo + Send + Sync),
    ) -> Option<PgWireResult<LogicalPlan>> {
        is_all(statement).then(|| Ok(queries::nothing()))
    }

    async fn handle_extended_query(
        &self,
        statement: &Statement,
        _: &LogicalPlan,
        _: &ParamValues,
        context: &SessionContext,
        client: &mut dyn HookClient,
    ) -> Option<PgWireResult<Response>> {
        by_sql(statement, context, client).await
    }
}
