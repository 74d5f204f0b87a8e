//! What is read over HTTP: documents, for web and mobile apps, one by its key, by conditions, counted, and as they change;
//! and tables, for reports.
//!
//! What a caller may read is decided by the rules of [`wasmill_access`], before anything is looked at. Tokens that say where to
//! go on are sealed, so that nobody learns from one what happens in partitions that are not theirs.
//!
//! # Layout
//! - [`Api`]: from a request to its answer. [`routes`]: one function for each of documents; [`tables`]: of tables.
//! - [`caller`]: who asks, and what they may read. [`limit`]: how much of it. [`wasmill_access::audit`]: who
//!   did.
//! - [`model`]: what is asked and answered; [`parameters`]: what stands in a URL; [`token`]: where to go on.
//! - [`feed`]: changes as they happen. [`openapi`]: the description for clients.

pub mod caller;
pub mod feed;
pub mod limit;
pub mod model;
pub mod openapi;
pub mod parameters;
pub mod problem;
pub mod routes;
pub mod tables;
pub mod token;

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use axum::{BoxError, Router};
use http::header::{AUTHORIZATION, CONTENT_TYPE, ETAG, HeaderName, IF_NONE_MATCH, RETRY_AFTER};
use http::{HeaderValue, Method, Request, Response};
use http_body_util::BodyExt;
use tokio::sync::watch;
use tower::ServiceExt;
use tower_http::cors::{AllowOrigin, CorsLayer};
use wasmill_runtime::documents::{ReadDocuments, ReadError};
use wasmill_serve::access::Gate;
use wasmtime_wasi_http::{Error, WasiBody};

use crate::caller::Door;
use crate::feed::Feeds;
use crate::tables::AskTables;
use crate::token::Seal;

/// Where tables are asked.
const TABLES: [&str; 5] = ["/v1/sql", "/v1/query", "/v1/explain", "/v1/model", "/v1/reports"];

/// Where all documents are.
const ROOT: &str = "/v1/collections";

/// Where its description is.
const OPENAPI: &str = "/v1/openapi.json";

/// The longest body of a request, in bytes.
const BODY_LIMIT: usize = 256 << 10;

/// Answers requests for what is there to be read.
pub struct Api {
    router: Router,
    has_documents: bool,
    has_tables: bool,
}

/// What every request for documents needs.
pub struct Shared {
    database: Arc<dyn ReadDocuments>,
    door: Arc<Door>,
    seal: Seal,
    feeds: Feeds,
    /// Changes when the server stops.
    stopped: watch::Receiver<()>,
}

impl Api {
    /// Of a database and of tables, for those whom the gate's rules let read; changes are told until `stopped` changes. It
    /// waits for the database.
    pub fn new(
        database: Option<Arc<dyn ReadDocuments>>,
        tables: Option<Arc<dyn AskTables>>,
        gate: Gate,
        stopped: watch::Receiver<()>,
    ) -> Result<Self, ReadError> {
        let (has_documents, has_tables) = (database.is_some(), tables.is_some());
        let origins = gate.clone();
        let door = Arc::new(Door::new(gate));
        let mut router = Router::new();
        if let Some(database) = database {
            let seal = Seal::new(&database.identity()?);
            let feeds = Feeds::new(database.clone());
            let shared = Arc::new(Shared { database, door: door.clone(), seal, feeds, stopped });
            router = router.merge(documents(shared));
        }
        if let Some(tables) = tables {
            router = router.merge(of_tables(tables));
        }
        let router = router
            .fallback(routes::nothing)
            .method_not_allowed_fallback(routes::not_allowed)
            .layer(DefaultBodyLimit::max(BODY_LIMIT))
            .layer(from_fn_with_state(door, caller::admit));
        let parts = [(has_documents, "documents"), (has_tables, "tables")];
        let tags: Vec<&str> = parts.iter().filter(|(is_there, _)| *is_there).map(|(_, tag)| *tag).collect();
        let description = Bytes::from(openapi::of(&tags).to_string());
        // Everyone may read it.
        let describe = get(move || std::future::ready(([(CONTENT_TYPE, "application/json")], description.clone())));
        let router = Router::new().route(OPENAPI, describe).merge(router).layer(cors(origins));
        Ok(Self { router, has_documents, has_tables })
    }

    /// Whether a path is one of these.
    pub fn is_at(&self, path: &str) -> bool {
        let is_in = |root: &str| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        path == OPENAPI && (self.has_documents || self.has_tables)
            || self.has_documents && is_in(ROOT)
            || self.has_tables && TABLES.into_iter().any(is_in)
    }

    /// Answers a request, in whose extensions [`wasmill_serve::server::Peer`] stands.
    pub async fn answer<B>(&self, request: Request<B>) -> Response<WasiBody>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let response = match self.router.clone().oneshot(request.map(Body::new)).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        response.map(|body| body.map_err(|err| Error::InternalError(Some(err.to_string()))).boxed_unsync())
    }
}

fn documents(shared: Arc<Shared>) -> Router {
    Router::new()
        .route(ROOT, get(routes::collections))
        .route("/v1/collections/{collection}/documents", get(routes::query))
        .route("/v1/collections/{collection}/documents/{id}", get(routes::document))
        .route("/v1/collections/{collection}/batch-get", post(routes::batch_get))
        .route("/v1/collections/{collection}/count", get(routes::count))
        .route("/v1/collections/{collection}/changes", get(routes::changes))
        .with_state(shared)
}

fn of_tables(tables: Arc<dyn AskTables>) -> Router {
    Router::new()
        .route("/v1/sql", post(tables::sql))
        .route("/v1/query", post(tables::query))
        .route("/v1/explain", post(tables::explain))
        .route("/v1/model", get(tables::model))
        .route("/v1/reports", get(tables::reports))
        .route("/v1/reports/{id}", get(tables::report))
        .with_state(tables)
}

/// Lets pages of the origins that the rules name at the moment read answers in a browser.
fn cors(gate: Gate) -> CorsLayer {
    let is_allowed = move |origin: &HeaderValue, _: &http::request::Parts| {
        let Some(rules) = gate.rules() else { return false };
        rules.origins().iter().any(|allowed| allowed == "*" || allowed.as_bytes() == origin.as_bytes())
    };
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(is_allowed))
        .allow_methods([Method::GET, Method::HEAD, Method::POST])
        .allow_headers([
            AUTHORIZATION,
            CONTENT_TYPE,
            IF_NONE_MATCH,
            HeaderName::from_static("last-event-id"),
            HeaderName::from_static("x-api-key"),
        ])
        .expose_headers([ETAG, RETRY_AFTER])
        .max_age(std::time::Duration::from_secs(600))
}
