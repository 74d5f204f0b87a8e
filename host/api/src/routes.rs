//! One function for each thing that can be asked.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use http::header::{ACCEPT, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;
use wasmill_runtime::documents::query::{self, Condition, Filter, Key, Position, Query};
use wasmill_runtime::documents::{ReadDocuments, ReadError};

use crate::caller::{Caller, Delivered, Scope};
use crate::feed::{self, Start};
use crate::model::{
    BatchGet, Change, Changes, Collection, Collections, Count, Document, DocumentKey, Error, Found, Page,
};
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::{Shared, openapi};

/// How many keys may be asked for at once.
const KEYS: usize = 100;

/// The longest time to wait for a change, in seconds.
const WAIT: u64 = 60;

/// What every function here gives.
type Answer = Result<Response, Problem>;

impl Shared {
    /// Asks the database, beside what others wait for.
    pub async fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&dyn ReadDocuments) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, Problem> {
        let database = self.database.clone();
        let asked = tokio::task::spawn_blocking(move || ask(database.as_ref())).await;
        let asked = asked.unwrap_or_else(|err| Err(ReadError(err.to_string())));
        Ok(asked?)
    }
}

fn delivered(count: usize, answer: &impl Serialize) -> Answer {
    // Written once here: the body of a document is JSON already.
    let json = serde_json::to_string(answer).map_err(|err| Problem::from(ReadError(err.to_string())))?;
    let mut response = wasmill_serve::service::text("application/json", json).map(axum::body::Body::new);
    response.extensions_mut().insert(Delivered(count as u64));
    Ok(response)
}

fn path<T>(path: Result<Path<T>, PathRejection>) -> Result<T, Problem> {
    path.map(|Path(path)| path).map_err(|err| Problem::bad(format!("the path: {}", err.body_text())))
}

/// What is at no path.
pub async fn nothing() -> Problem {
    Problem {
        status: StatusCode::NOT_FOUND,
        message: format!("nothing is here\nhint: {} says what is where", crate::OPENAPI),
    }
}

/// What is at a path, but not by this method.
pub async fn not_allowed() -> Problem {
    Problem { status: StatusCode::METHOD_NOT_ALLOWED, message: "this is not asked by this method".into() }
}

/// The collections that may be read. How many documents one has is asked of it: to count them is to read all of them.
#[utoipa::path(
    get, path = "/v1/collections", tag = "documents",
    responses((status = 200, body = Collections), openapi::Refusals),
)]
pub async fn collections(State(shared): State<Arc<Shared>>, caller: Caller, RawQuery(query): RawQuery) -> Answer {
    Parameters::new(query.as_deref(), &[])?;
    let there = shared.ask(|database| database.collections()).await?;
    let readable = there.into_iter().filter(|name| caller.scope(name).is_ok());
    let collections: Vec<_> = readable.map(|name| Collection { name }).collect();
    delivered(collections.len(), &Collections { collections })
}

/// A document, by its key.
#[utoipa::path(
    get, path = "/v1/collections/{collection}/documents/{id}", tag = "documents",
    params(
        ("collection" = String, Path, description = "The collection."),
        ("id" = String, Path, description = "The document's id."),
        openapi::Partition,
        openapi::Known,
    ),
    responses(
        (status = 200, body = Document, headers(("ETag" = String, description = "Another one if the document is another."))),
        (status = 304, description = "It is what the caller has already."),
        (status = 404, body = Error, description = "There is no such document."),
        openapi::Refusals,
    ),
)]
pub async fn document(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    at: Result<Path<(String, String)>, PathRejection>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Answer {
    let (collection, id) = path(at)?;
    let parameters = Parameters::new(query.as_deref(), &["partition_key"])?;
    let partition_key = caller.scope(&collection)?.partition(parameters.one("partition_key")?)?;
    let key = Key { partition_key, id };
    let (id, is_whole) = (key.id.clone(), !key.partition_key.is_empty());
    let found = shared.ask(move |database| database.get(&collection, &[key])).await?;
    let Some(stored) = found.into_iter().next().flatten() else {
        let hint = if is_whole { "" } else { ": if the collection has partitions, name it by `partition_key`" };
        let message = format!("there is no document `{id}`{hint}");
        return Err(Problem { status: StatusCode::NOT_FOUND, message });
    };
    let document = Document::from(stored);
    let etag = format!("\"{}\"", document.etag);
    let mut response =
        if is_known(&headers, &etag) { StatusCode::NOT_MODIFIED.into_response() } else { delivered(1, &document)? };
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        response.headers_mut().insert(ETAG, etag);
    }
    Ok(response)
}

/// Whether the caller has it already (RFC 9110, 13.1.2).
fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let tags = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut tags = tags.flat_map(|value| value.split(',')).map(str::trim);
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

/// Documents, by conditions, in an order, a page at a time. A page ends early once its documents have 8 MiB.
#[utoipa::path(
    get, path = "/v1/collections/{collection}/documents", tag = "documents",
    params(
        ("collection" = String, Path, description = "The collection."),
        openapi::Which,
        openapi::Paged,
    ),
    responses(
        (status = 200, body = Page),
        (status = 410, body = Error, description = "The token is of another database."),
        openapi::Refusals,
    ),
)]
pub async fn query(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    at: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
) -> Answer {
    let collection = path(at)?;
    let known = &["partition_key", "where", "order", "limit", "after"];
    let parameters = Parameters::new(query.as_deref(), known)?;
    let filter = filter(&caller, &collection, &parameters)?;
    let order = parameters.one("order")?;
    let by = order.as_deref().map(query::order).transpose();
    let by = by.map_err(|err| Problem::bad(format!("`order`: {err}")))?;
    let (field, descending) = by.map_or((None, false), |(field, descending)| (Some(field), descending));
    let what = serde_json::json!(["page", collection, format!("{:?}", filter.conditions), order]).to_string();
    let after = parameters.one("after")?;
    let after = after.map(|token| shared.seal.open::<Position>(&what, &token)).transpose()?;
    let limit = parameters.limit()?;
    let query = Query { filter, order: field, descending, after, limit };
    let page = shared.ask(move |database| database.query(&collection, &query)).await?;
    let next = page.next.map(|next| shared.seal.seal(&what, &next)).transpose()?;
    let documents: Vec<Document> = page.documents.into_iter().map(Document::from).collect();
    delivered(documents.len(), &Page { documents, next })
}

/// Which documents are meant, within what the caller may read.
fn filter(caller: &Caller, collection: &str, parameters: &Parameters<'_>) -> Result<Filter, Problem> {
    let Scope(partitions) = caller.scope(collection)?.narrow(parameters.one("partition_key")?)?;
    let conditions: Vec<Condition> = parameters.all("where")?;
    Ok(Filter { partitions, id: None, conditions })
}

/// How many documents there are.
#[utoipa::path(
    get, path = "/v1/collections/{collection}/count", tag = "documents",
    params(("collection" = String, Path, description = "The collection."), openapi::Which),
    responses((status = 200, body = Count), openapi::Refusals),
)]
pub async fn count(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    at: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
) -> Answer {
    let collection = path(at)?;
    let parameters = Parameters::new(query.as_deref(), &["partition_key", "where"])?;
    let filter = filter(&caller, &collection, &parameters)?;
    let count = shared.ask(move |database| database.count(&collection, &filter)).await?;
    delivered(0, &Count { count })
}

/// Documents by their keys. An answer ends once its documents have 8 MiB; the keys that are left are in it.
#[utoipa::path(
    post, path = "/v1/collections/{collection}/batch-get", tag = "documents",
    params(("collection" = String, Path, description = "The collection.")),
    request_body = BatchGet,
    responses(
        (status = 200, body = Found),
        (status = 413, body = Error, description = "The request is too long."),
        (status = 415, body = Error, description = "The request is not JSON."),
        openapi::Refusals,
    ),
)]
pub async fn batch_get(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    at: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
    body: Result<Json<BatchGet>, JsonRejection>,
) -> Answer {
    let collection = path(at)?;
    Parameters::new(query.as_deref(), &[])?;
    let scope = caller.scope(&collection)?;
    let Json(BatchGet { keys }) = body.map_err(|err| {
        let status =
            if err.status() == StatusCode::UNPROCESSABLE_ENTITY { StatusCode::BAD_REQUEST } else { err.status() };
        Problem { status, message: format!("the body: {}", err.body_text()) }
    })?;
    if keys.len() > KEYS {
        return Err(Problem::bad(format!("at most {KEYS} keys are asked for at once")));
    }
    let key = |DocumentKey { id, partition_key }: &DocumentKey| {
        Ok(Key { partition_key: scope.partition(partition_key.clone())?, id: id.clone() })
    };
    let wanted = keys.iter().map(key).collect::<Result<Vec<_>, Problem>>()?;
    let found = shared.ask(move |database| database.get(&collection, &wanted)).await?;
    let documents: Vec<Option<Document>> = found.into_iter().map(|found| found.map(Document::from)).collect();
    let unprocessed_keys = keys.into_iter().skip(documents.len()).collect();
    delivered(documents.iter().flatten().count(), &Found { documents, unprocessed_keys })
}

/// What changed. Every document that is there now, or was deleted, comes with its last change; what changes while this is
/// read comes later, and so does what is left once an answer has 8 MiB. No change is skipped; after a connection broke, some may come again. With `Accept: text/event-stream`
/// changes are sent as they happen, as server-sent events of the type `change` whose ids are tokens: browsers go on from the
/// last by themselves.
#[utoipa::path(
    get, path = "/v1/collections/{collection}/changes", tag = "documents",
    params(
        ("collection" = String, Path, description = "The collection."),
        openapi::Since,
        openapi::LastEvent,
    ),
    responses(
        (status = 200, description = "What changed", content((Changes = "application/json"), (String = "text/event-stream"))),
        (status = 410, body = Error, description = "The token is of another database, or of one that was put back to what it was before, or so old that documents which were deleted since are forgotten (30 days)."),
        openapi::Refusals,
    ),
)]
pub async fn changes(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    at: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Answer {
    let collection = path(at)?;
    let known = &["partition_key", "since", "limit", "wait"];
    let parameters = Parameters::new(query.as_deref(), known)?;
    let partition = parameters.one("partition_key")?;
    let scope = caller.scope(&collection)?.narrow(partition.clone())?;
    let limit = parameters.limit()?;
    let wait = match parameters.parsed("wait")? {
        None => 0,
        Some(wait @ 0..=WAIT) => wait,
        Some(_) => return Err(Problem::bad(format!("`wait` is from 0 to {WAIT}"))),
    };
    let is_stream = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.split([',', ';']).any(|of| of.trim() == "text/event-stream"));
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()).filter(|id| is_stream && !id.is_empty());
    let since = match last {
        Some(id) => Some(id.to_owned()),
        None => parameters.one("since")?,
    };
    let start = Start::of(&shared, collection, since).await?;
    if is_stream {
        return Ok(feed::stream(shared, caller, partition, start, limit));
    }
    let (changes, position) = feed::wait(&shared, &start, scope.0, limit, Duration::from_secs(wait)).await?;
    let next = start.token(&shared, position)?;
    let has_more = changes.has_more;
    let changes: Vec<Change> = changes.documents.into_iter().map(Change::from).collect();
    delivered(changes.len(), &Changes { changes, next, has_more })
}
