//! What of a pipeline is asked by the names of its semantic model: measures, and reports of them.
//!
//! Who may ask a model sees what it says, whether or not they may read its tables: its SQL reads them as a view does. What
//! they see of rows is what the model's own `security` says.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::Semaphore;
use wasmill_access::Rows;
use wasmill_model::{Attributes, Dialect, Model, Query};
use wasmill_reports::{Report, title};
use wasmill_runtime::diagnostics::{Diagnostics, Reporter};
use wasmill_runtime::failure::Failure;
use wasmill_runtime::plan::QueryPlan;

use crate::explain::{Explainer, Why, WhyError};
use crate::query::json::{self, JsonRows};
use crate::query::seen::Rights;
use crate::query::{QueryError, Session};

/// A semantic model, and the reports on it.
#[derive(Debug, Default)]
pub struct Measures {
    /// The model.
    pub model: Arc<Model>,
    /// The reports.
    pub reports: Vec<Report>,
}

/// Why measures are not answered.
#[derive(Debug, thiserror::Error)]
pub enum MeasureError {
    /// The query is not one of the model.
    #[error("{0}")]
    Asked(#[from] wasmill_model::QueryError),
    /// The model's SQL failed.
    #[error("the model's SQL: {0}")]
    Ran(#[from] QueryError),
}

impl Measures {
    /// Reads what a plan has of them; every problem is reported.
    pub fn read(plan: &QueryPlan) -> Result<Option<Self>, Diagnostics> {
        let Some(file) = &plan.semantic_model else { return Ok(None) };
        let text = std::fs::read_to_string(file);
        let mut reporter = Reporter::new(file, text.as_deref().unwrap_or_default());
        let model = match text.map(|text| Model::parse(&text)) {
            Ok(Ok(model)) => Some(model),
            Ok(Err(problems)) => {
                for problem in problems {
                    let message = format!("{}\nhint: {}", problem.message, problem.hint);
                    reporter.at_byte(Some(problem.span.start), message);
                }
                None
            }
            Err(err) => {
                reporter.at_byte(None, format!("cannot read this file: {err}"));
                None
            }
        };
        let model = Arc::new(reporter.finish(model)?);
        let reports = plan.reports.iter().map(|file| Report::read(file, &model)).collect::<Result<_, _>>()?;
        Ok(Some(Self { model, reports }))
    }

    /// Whether somebody may ask it.
    pub fn is_open(&self, rights: &Rights) -> bool {
        rights(&self.model.name) == Rows::All
    }

    /// The rows of a query of somebody, as JSON.
    pub async fn ask(
        &self,
        session: &Session,
        query: &Query,
        whose: &Attributes,
        most: u64,
    ) -> Result<JsonRows, MeasureError> {
        let statement = self.model.sql(query, whose, Dialect::DataFusion)?;
        let known: Vec<Value> = statement.columns.iter().map(described).collect();
        let answer = session.ask(&statement.sql).await?;
        Ok(json::rows(session, answer, &statement.sql, &known, most).await?)
    }

    /// Why a measure is what it is, by rows that somebody may see, as JSON. Whoever has a turn keeps a processor busy, also once nobody
    /// waits for it any more.
    pub async fn explain(
        &self,
        session: &Session,
        explainer: Arc<Explainer>,
        turns: Arc<Semaphore>,
        why: &Why,
        whose: &Attributes,
    ) -> Result<Value, WhyError> {
        let gathered = why.rows(&self.model, session, whose).await?;
        let turn = turns.acquire_owned().await;
        let explained = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            gathered.explain(&explainer)
        });
        explained.await.unwrap_or_else(|err| Err(WhyError::Function(Failure::Retry(err.to_string()))))
    }

    /// What only the tables can say of the model: whether columns and expressions are there, and keys are keys. What is
    /// wrong, each in a line.
    pub async fn check(&self, session: &Session) -> Vec<String> {
        let mut wrong = Vec::new();
        for probe in self.model.probes(Dialect::DataFusion) {
            let found = match session.ask(&probe.sql).await {
                Ok(answer) => json::rows(session, answer, &probe.sql, &[], 1).await,
                Err(err) => Err(err),
            };
            match (found, probe.refutes) {
                (Ok(found), Some(refutes)) if found.rows > 0 => wrong.push(format!("{}: {refutes}", probe.what)),
                (Ok(_), _) => {}
                (Err(err), _) => wrong.push(format!("{}: {err}", probe.what)),
            }
        }
        wrong
    }
}

fn described(column: &wasmill_model::Column) -> Value {
    let role = if column.measure { "measure" } else { "dimension" };
    json!({
        "title": title(&column.name), "role": role, "kind": column.kind, "granularity": column.granularity,
        "format": column.format, "description": column.description,
    })
}
