//! What `wasmill up` answers over HTTP: events, documents, tables, and the page of reports.

use std::path::Path;
use std::sync::Arc;

use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, LOCATION, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use wasmill_api::Api;
use wasmill_serve::service::text;
use wasmill_worker::trigger::http::Events;
use wasmtime_wasi_http::WasiBody;

use crate::page;

/// Where the page is.
const REPORTS: &str = "/reports";

/// What answers requests.
pub struct Web {
    events: Arc<Events>,
    api: Option<Arc<Api>>,
    /// The page, which has no data in it: it asks for them as whoever looks at it.
    page: Option<String>,
}

impl Web {
    /// Of what there is; the page is there if it was built.
    pub fn new(events: Arc<Events>, api: Option<Arc<Api>>, components: Option<&Path>) -> Self {
        Self { events, api, page: page::read(components).ok() }
    }

    /// Whether there is a page.
    pub fn has_page(&self) -> bool {
        self.page.is_some()
    }

    /// Answers a request.
    pub async fn answer(&self, request: Request<Incoming>) -> Response<WasiBody> {
        let (path, is_get) = (request.uri().path(), matches!(*request.method(), Method::GET | Method::HEAD));
        match (&self.page, &self.api) {
            (Some(page), _) if path == REPORTS && is_get => answer_page(page),
            (Some(_), _) if path == "/" && is_get => redirect(),
            (_, Some(api)) if api.is_at(path) => api.answer(request).await,
            _ => self.events.answer(request).await,
        }
    }
}

fn answer_page(page: &str) -> Response<WasiBody> {
    let mut response = text("text/html; charset=utf-8", page.to_owned());
    for (name, value) in [
        (CACHE_CONTROL, "no-cache"),
        // What else it may do, it says itself.
        (CONTENT_SECURITY_POLICY, "frame-ancestors 'none'"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn redirect() -> Response<WasiBody> {
    let mut response = text("text/plain", format!("{REPORTS}\n"));
    *response.status_mut() = StatusCode::FOUND;
    response.headers_mut().insert(LOCATION, HeaderValue::from_static(REPORTS));
    response
}
