//! Queries over HTTP.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::runtime::Handle;
use tokio::sync::{OnceCell, Semaphore};
use tokio::task::JoinHandle;
use wasmill_access::live::Live;
use wasmill_access::{Access, Caller};
use wasmill_api::tables::{AskTables, Refused, Rows};
use wasmill_runtime::failure::Failure;
use wasmill_warehouse::explain::{Explainer, Why, WhyError};
use wasmill_warehouse::measures::MeasureError;
use wasmill_warehouse::query::QueryError;
use wasmill_warehouse::query::json::{self, JsonRows};
use wasmill_warehouse::query::seen::{Rights, Seen};

use super::serving::{Asked, Now, now};
use crate::commands::explain::explainer;

/// Answers queries over HTTP.
pub struct Http {
    pub now: Now,
    pub rules: Live<Access>,
    pub timeout: Duration,
    pub runtime: Handle,
    pub explaining: Explaining,
}

/// The function that explains, which is made ready when it is first asked. One question at a time keeps a processor busy.
pub struct Explaining {
    components: Option<PathBuf>,
    explainer: OnceCell<Arc<Explainer>>,
    turns: Arc<Semaphore>,
}

impl Explaining {
    pub fn new(components: Option<PathBuf>) -> Self {
        Self { components, explainer: OnceCell::new(), turns: Arc::new(Semaphore::new(1)) }
    }

    async fn explainer(&self) -> Result<Arc<Explainer>, Refused> {
        let ready = self.explainer.get_or_try_init(|| async {
            let components = self.components.clone();
            let made = tokio::task::spawn_blocking(move || explainer(components.as_deref())).await;
            made.map_err(anyhow::Error::from).flatten().map(Arc::new)
        });
        ready.await.cloned().map_err(|err| {
            tracing::error!("nothing can be explained: {err:#}");
            Refused::Away("nothing can be explained at the moment".to_owned())
        })
    }
}

/// A query on threads of its own, which ends with whoever waits for it.
struct Ending<T>(JoinHandle<T>);

impl<T> Drop for Ending<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Http {
    fn rights(&self, caller: Option<&Caller>) -> Rights {
        let (rules, caller) = (self.rules.clone(), caller.cloned());
        Arc::new(move |table: &str| rules.get().rows(caller.as_ref(), table))
    }

    /// What is asked by measures, if somebody may.
    fn open(&self, caller: Option<&Caller>) -> Option<Arc<Asked>> {
        let asked = now(&self.now);
        let is_open = asked.measures.as_ref().is_some_and(|measures| measures.is_open(&self.rights(caller)));
        is_open.then_some(asked)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Refused>> + Send + 'static,
    ) -> Result<T, Refused> {
        let mut query = Ending(self.runtime.spawn(work));
        match tokio::time::timeout(self.timeout, &mut query.0).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(err)) => Err(Refused::Away(format!("the query ended in a fault: {err}"))),
            Err(_) => {
                let message = format!("the query took longer than {} s", self.timeout.as_secs_f64());
                Err(Refused::Bad(message))
            }
        }
    }
}

fn rows(JsonRows { json, rows: count }: JsonRows) -> Rows {
    Rows { json, count }
}

#[async_trait::async_trait]
impl AskTables for Http {
    async fn sql(&self, caller: Option<&Caller>, sql: String, most: u64) -> Result<Rows, Refused> {
        let asked = now(&self.now);
        let session = asked.session.clone();
        let seen = Seen::new(Arc::new(move || session.clone()), self.rights(caller), Access::attributes(caller));
        if seen.is_empty() {
            return Err(Refused::Forbidden);
        }
        self.run(async move {
            let answer = seen.ask(&sql).await.map_err(refused)?;
            json::rows(&asked.session, answer, &sql, &[], most).await.map(rows).map_err(refused)
        })
        .await
    }

    async fn measures(&self, caller: Option<&Caller>, query: Value, most: u64) -> Result<Rows, Refused> {
        let asked = self.open(caller).ok_or(Refused::Forbidden)?;
        let query = serde_json::from_value(query).map_err(|err| Refused::Bad(err.to_string()))?;
        let whose = Access::attributes(caller);
        self.run(async move {
            let Asked { session, measures } = &*asked;
            let Some(measures) = measures else { return Err(Refused::Forbidden) };
            let answer = measures.ask(session, &query, &whose, most).await;
            answer.map(rows).map_err(|err| match err {
                MeasureError::Asked(err) => Refused::Bad(err.to_string()),
                MeasureError::Ran(err) => refused(err),
            })
        })
        .await
    }

    async fn explain(&self, caller: Option<&Caller>, why: Value) -> Result<Value, Refused> {
        let asked = self.open(caller).ok_or(Refused::Forbidden)?;
        let why: Why = serde_json::from_value(why).map_err(|err| Refused::Bad(err.to_string()))?;
        let whose = Access::attributes(caller);
        let explainer = self.explaining.explainer().await?;
        let turns = self.explaining.turns.clone();
        self.run(async move {
            let Asked { session, measures } = &*asked;
            let Some(measures) = measures else { return Err(Refused::Forbidden) };
            measures.explain(session, explainer, turns, &why, &whose).await.map_err(|err| match err {
                WhyError::Asked(_) | WhyError::Bad(_) | WhyError::Function(Failure::Reject(_)) => {
                    Refused::Bad(err.to_string())
                }
                WhyError::Ran(err) => refused(err),
                WhyError::Function(failure) => {
                    tracing::error!("a question was not explained: {failure}");
                    Refused::Away("it cannot be explained at the moment".to_owned())
                }
            })
        })
        .await
    }

    fn model(&self, caller: Option<&Caller>) -> Option<Value> {
        let asked = self.open(caller)?;
        asked.measures.as_ref().map(|measures| wasmill_reports::described(&measures.model))
    }

    fn reports(&self, caller: Option<&Caller>) -> Vec<Value> {
        let Some(asked) = self.open(caller) else { return Vec::new() };
        let reports = asked.measures.iter().flat_map(|measures| &measures.reports);
        reports.filter_map(|report| serde_json::to_value(report).ok()).collect()
    }
}

fn refused(err: QueryError) -> Refused {
    match err {
        // Of servers and their names callers need not know.
        QueryError::Table { ref why, .. } if why.kind() != std::io::ErrorKind::NotFound => {
            tracing::error!("{err}");
            Refused::Away("a table cannot be read at the moment".to_owned())
        }
        other => Refused::Bad(other.to_string()),
    }
}
