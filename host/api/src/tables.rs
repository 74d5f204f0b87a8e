//! Tables and measures over HTTP: queries in SQL, and by the names of a semantic model. Who may ask what is decided by
//! `[[access.sql]]`.

use std::sync::Arc;

use async_trait::async_trait;
use axum::Json;
use axum::body::Body;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use wasmill_access::Caller as Known;
use wasmill_serve::service;

use crate::caller::{Caller, Delivered, Stated};
use crate::model::Error;
use crate::openapi;
use crate::problem::Problem;

/// The most rows of an answer, and how many it has unless it is said.
const MOST: u64 = 100_000;
const ROWS: u64 = 10_000;

/// What queries are asked of.
#[async_trait]
pub trait AskTables: Send + Sync {
    /// Asks in SQL, of what somebody may read.
    async fn sql(&self, caller: Option<&Known>, sql: String, most: u64) -> Result<Rows, Refused>;

    /// Asks by measures and dimensions.
    async fn measures(&self, caller: Option<&Known>, query: Value, most: u64) -> Result<Rows, Refused>;

    /// Asks why a measure is what it is; what is answered is JSON.
    async fn explain(&self, caller: Option<&Known>, why: Value) -> Result<Value, Refused>;

    /// The semantic model, if there is one and somebody may ask it.
    fn model(&self, caller: Option<&Known>) -> Option<Value>;

    /// The reports that somebody may look at.
    fn reports(&self, caller: Option<&Known>) -> Vec<Value>;
}

/// Rows, as JSON: `{"columns": […], "rows": [[…]], "truncated": false, "sql": "…"}`.
#[derive(Debug, Clone)]
pub struct Rows {
    /// The JSON.
    pub json: String,
    /// How many rows.
    pub count: u64,
}

/// Why there are no rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// No rule allows it.
    Forbidden,
    /// The query is wrong, or took too long.
    Bad(String),
    /// Something does not work.
    Away(String),
}

impl Refused {
    fn problem(self, caller: &Caller) -> Problem {
        match self {
            Self::Forbidden if caller.known().is_none() => Problem::no_credentials(),
            Self::Forbidden => {
                let message = "no rule lets you ask this\nhint: rules are `[[access.sql]]` in the file of `--access`";
                Problem { status: StatusCode::FORBIDDEN, message: message.into() }
            }
            Self::Bad(message) => Problem { status: StatusCode::BAD_REQUEST, message },
            Self::Away(message) => Problem { status: StatusCode::SERVICE_UNAVAILABLE, message },
        }
    }
}

/// A query in SQL.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Sql {
    /// One query.
    sql: String,
    /// How many rows at most (default 10,000).
    #[schema(maximum = 100_000, nullable = false)]
    limit: Option<u64>,
}

/// Rows, as they are answered.
#[derive(Debug, Serialize, ToSchema)]
pub struct RowsAnswer {
    /// Of each column its `name`, `title` and `kind` (`string`, `number`, `boolean`, `date` or `timestamp`); of measures and dimensions
    /// also `role`, `format` and `description`.
    #[schema(value_type = Vec<Object>)]
    columns: Vec<Value>,
    /// Of each row a value for each column.
    #[schema(value_type = Vec<Vec<Object>>)]
    rows: Vec<Vec<Value>>,
    /// Whether there are more.
    truncated: bool,
    /// The SQL that was run.
    sql: String,
}

type Answer = Result<Response, Problem>;

fn body<T>(body: Result<Json<T>, JsonRejection>) -> Result<T, Problem> {
    let Json(body) = body.map_err(|err| Problem { status: err.status(), message: err.body_text() })?;
    Ok(body)
}

fn most(limit: Option<u64>) -> Result<u64, Problem> {
    match limit {
        Some(limit) if limit > MOST => Err(Problem::bad(format!("`limit` is at most {MOST}"))),
        limit => Ok(limit.unwrap_or(ROWS)),
    }
}

fn answer(json: String, count: u64) -> Response {
    let mut response = service::text("application/json", json).map(Body::new);
    response.extensions_mut().insert(Delivered(count));
    response
}

/// Rows of a query in SQL.
#[utoipa::path(
    post, path = "/v1/sql", tag = "tables", operation_id = "query_sql",
    request_body = Sql,
    responses((status = 200, body = RowsAnswer), openapi::Refusals),
)]
pub async fn sql(
    State(tables): State<Arc<dyn AskTables>>,
    caller: Caller,
    asked: Result<Json<Sql>, JsonRejection>,
) -> Answer {
    let Sql { sql, limit } = body(asked)?;
    let asked = tables.sql(caller.known(), sql.clone(), most(limit)?).await;
    let mut response = match asked {
        Ok(rows) => answer(rows.json, rows.count),
        Err(err) => err.problem(&caller).into_response(),
    };
    response.extensions_mut().insert(Stated(sql));
    Ok(response)
}

/// Rows of a query by measures and dimensions.
#[utoipa::path(
    post, path = "/v1/query", tag = "tables", operation_id = "query_measures",
    request_body(
        content = Object,
        description = "A query of the semantic model: `measures`, `dimensions` (`carrier`, `date.month`), `filters` (`name`, `operator`, `values`), `time_range` (`dimension`, `from`, `before`), `order` (`by`, `descending`), `limit`, `offset`. `GET /v1/model` says what there is.",
        example = json!({ "measures": ["flights"], "dimensions": ["carrier", "date.week"], "limit": 100 }),
    ),
    responses((status = 200, body = RowsAnswer), openapi::Refusals),
)]
pub async fn query(
    State(tables): State<Arc<dyn AskTables>>,
    caller: Caller,
    asked: Result<Json<Value>, JsonRejection>,
) -> Answer {
    let query = body(asked)?;
    let limit = most(query.get("limit").and_then(Value::as_u64))?;
    let stated = Stated(query.to_string());
    let mut response = match tables.measures(caller.known(), query, limit).await {
        Ok(rows) => answer(rows.json, rows.count),
        Err(err) => err.problem(&caller).into_response(),
    };
    response.extensions_mut().insert(stated);
    Ok(response)
}

/// Why a measure is what it is: causes that stand out by more than chance, and how the change divides.
#[utoipa::path(
    post, path = "/v1/explain", tag = "tables", operation_id = "explain_measure",
    request_body(
        content = Object,
        description = "A measure, and what it is compared with: `measure`, `filters` and `time_range` as in a query, `by` (dimensions that causes may name), `exclude` (causes, as they were answered), `causes` (how many at most), and `compare`: `{ with: usual, periods }`, `{ with: rest, from, before }`, `{ with: period, from, before }` or `{ with: others, name }`.",
        example = json!({ "measure": "late_share", "time_range": { "dimension": "date", "from": "2013-01-16", "before": "2013-01-17" }, "compare": { "with": "usual" } }),
    ),
    responses((status = 200, body = Object, description = "`actual`, `expected`, `summary`, `causes`, `parts`, `by`, and `periods` or `others` that it was compared with."), openapi::Refusals),
)]
pub async fn explain(
    State(tables): State<Arc<dyn AskTables>>,
    caller: Caller,
    asked: Result<Json<Value>, JsonRejection>,
) -> Answer {
    let why = body(asked)?;
    let stated = Stated(why.to_string());
    let mut response = match tables.explain(caller.known(), why).await {
        Ok(explained) => {
            let causes = explained.get("causes").and_then(Value::as_array).map_or(0, Vec::len);
            answer(explained.to_string(), causes as u64)
        }
        Err(err) => err.problem(&caller).into_response(),
    };
    response.extensions_mut().insert(stated);
    Ok(response)
}

/// The semantic model.
#[utoipa::path(
    get, path = "/v1/model", tag = "tables", operation_id = "semantic_model",
    responses((status = 200, body = Object, description = "`dimensions`, `measures` and `hierarchies`."), openapi::Refusals),
)]
pub async fn model(State(tables): State<Arc<dyn AskTables>>, caller: Caller) -> Answer {
    let model = tables.model(caller.known()).ok_or_else(|| Refused::Forbidden.problem(&caller))?;
    Ok(answer(model.to_string(), 0))
}

/// The reports, without what they show.
#[utoipa::path(
    get, path = "/v1/reports", tag = "tables", operation_id = "reports",
    responses((status = 200, body = Object, description = "`reports`, each with `id` and `title`; `has_model`."), openapi::Refusals),
)]
pub async fn reports(State(tables): State<Arc<dyn AskTables>>, caller: Caller) -> Answer {
    let reports = tables.reports(caller.known());
    let short =
        |report: &Value| json!({ "id": report["id"], "title": report["title"], "description": report["description"] });
    let list: Vec<Value> = reports.iter().map(short).collect();
    let has_model = tables.model(caller.known()).is_some();
    Ok(answer(json!({ "reports": list, "has_model": has_model }).to_string(), 0))
}

/// A report.
#[utoipa::path(
    get, path = "/v1/reports/{id}", tag = "tables", operation_id = "report",
    params(("id" = String, Path, description = "The report's id.")),
    responses((status = 200, body = Object, description = "Its filters and tiles."), (status = 404, body = Error, description = "There is no such report."), openapi::Refusals),
)]
pub async fn report(State(tables): State<Arc<dyn AskTables>>, caller: Caller, Path(id): Path<String>) -> Answer {
    let found = tables.reports(caller.known()).into_iter().find(|report| report["id"] == id.as_str());
    match found {
        Some(report) => Ok(answer(report.to_string(), 0)),
        None if tables.model(caller.known()).is_none() => Err(Refused::Forbidden.problem(&caller)),
        None => Err(Problem { status: StatusCode::NOT_FOUND, message: format!("there is no report `{id}`") }),
    }
}
