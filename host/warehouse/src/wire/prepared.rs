//! Statements that are asked again and again. Tables, and who may read what of them, are those of when a statement is asked: a
//! plan is good until its client has waited for answers (`Sync`), and then it is made anew.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion_postgres::hooks::HookClient;
use datafusion_postgres::pgwire::api::results::{Response, Tag};
use datafusion_postgres::pgwire::api::stmt::StoredStatement;
use datafusion_postgres::pgwire::error::PgWireResult;
use deltalake_core::datafusion::common::tree_node::TreeNodeRecursion;
use deltalake_core::datafusion::error::Result;
use deltalake_core::datafusion::logical_expr::LogicalPlan;
use deltalake_core::datafusion::prelude::SessionContext;
use deltalake_core::datafusion::sql::sqlparser::ast::{Ident, Statement};

use super::asked::Prepared;
use super::failure::failed;
use super::kept;

/// What was planned since the client last waited for answers.
#[derive(Default)]
pub struct Fresh(Mutex<Vec<Arc<StoredStatement<Prepared>>>>);

impl Fresh {
    /// Something was planned.
    pub fn add(&self, statement: Arc<StoredStatement<Prepared>>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(statement);
    }

    /// The client waits.
    pub fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Whether it was planned since.
    pub fn has(&self, statement: &Arc<StoredStatement<Prepared>>) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().any(|fresh| Arc::ptr_eq(fresh, statement))
    }
}

/// Whether what a plan gives depends on when it was made.
pub fn reads_tables(plan: &LogicalPlan) -> Result<bool> {
    let mut reads = false;
    plan.apply_with_subqueries(|node| {
        reads |= matches!(node, LogicalPlan::TableScan(_));
        Ok(if reads { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(reads)
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
pub fn is_all(statement: &Statement) -> bool {
    matches!(statement, Statement::Deallocate { name, .. } if name.quote_style.is_none() && name.value.eq_ignore_ascii_case("all"))
}

/// Answers what prepares and forgets statements, and plans anew what is to be executed.
pub async fn by_sql(
    statement: &Statement,
    context: &SessionContext,
    client: &mut dyn HookClient,
) -> Option<PgWireResult<Response>> {
    let kept = kept::<BySql, _>(client);
    let known = || kept.0.lock().unwrap_or_else(PoisonError::into_inner);
    match statement {
        Statement::Prepare { name, .. } => {
            let sql = statement.to_string();
            let prepared = context.sql(&sql).await;
            Some(prepared.map_err(failed).map(|_| {
                known().insert(normal(name), sql);
                Response::Execution(Tag::new("PREPARE"))
            }))
        }
        Statement::Execute { name: Some(name), .. } => {
            let name = name.0.first()?.as_ident().map(normal)?;
            let sql = known().get(&name).cloned()?;
            forget(context, &name).await;
            let prepared = context.sql(&sql).await;
            prepared.err().map(|err| Err(failed(err)))
        }
        Statement::Deallocate { .. } if is_all(statement) => {
            let all = std::mem::take(&mut *known());
            for name in all.keys() {
                forget(context, name).await;
            }
            Some(Ok(Response::Execution(Tag::new("DEALLOCATE ALL"))))
        }
        Statement::Deallocate { name, .. } => {
            let name = normal(name);
            known().remove(&name)?;
            forget(context, &name).await;
            Some(Ok(Response::Execution(Tag::new("DEALLOCATE"))))
        }
        _ => None,
    }
}

/// A name as DataFusion knows it.
fn normal(name: &Ident) -> String {
    if name.quote_style.is_some() { name.value.clone() } else { name.value.to_lowercase() }
}

/// Has DataFusion forget a statement. If it could not be planned anew, it is not there.
async fn forget(context: &SessionContext, name: &str) {
    let _ = context.sql(&format!("DEALLOCATE {}", Ident::with_quote('"', name))).await;
}
