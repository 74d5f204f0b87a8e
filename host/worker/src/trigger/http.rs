//! Events over HTTP: CloudEvents 1.0 in both content modes of its HTTP binding, Azure Event Grid's notifications of blobs
//! with the handshake that begins them, and bare bodies. An event is answered with 202 once it is durable.

use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use http::header::HeaderName;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use wasmill_journal::NewEvent;
use wasmill_journal::event::Accepted;
use wasmill_runtime::event::{EventId, Object};
use wasmill_runtime::store::Location;
use wasmill_serve::access::Gate;
use wasmill_serve::service::{problem, text};
use wasmtime_wasi_http::WasiBody;

use super::Intake;
use crate::cloud_events::{self, CloudEvent, Received};
use crate::{clock, overview};

/// Names a request so that it can be sent again (the IETF's draft `httpapi-idempotency-key-header`).
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A path of the server, and what is accepted there.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// The path of the URL.
    pub path: String,
    /// The store that notifications name objects of.
    pub store: Option<Location>,
    /// The longest body, in bytes.
    pub body_limit: usize,
}

/// Answers requests.
pub struct Events {
    endpoints: RwLock<Vec<Endpoint>>,
    intake: Intake,
    gate: Gate,
}

/// Why a request was not accepted.
type Refusal = (StatusCode, String);

impl Events {
    /// Of endpoints, for those whom the gate lets in.
    pub fn new(endpoints: Vec<Endpoint>, intake: Intake, gate: Gate) -> Self {
        Self { endpoints: RwLock::new(endpoints), intake, gate }
    }

    /// Other endpoints, from now on.
    pub fn set_endpoints(&self, endpoints: Vec<Endpoint>) {
        *self.endpoints.write().unwrap_or_else(PoisonError::into_inner) = endpoints;
    }

    /// Answers a request.
    pub async fn answer(&self, mut request: Request<Incoming>) -> Response<WasiBody> {
        let path = request.uri().path().to_owned();
        let (_, admitted) = self.gate.admit(&mut request);
        match (path.as_str(), admitted) {
            // Who starts and stops servers asks these, and is told no more.
            ("/health", _) => return text("text/plain", "ok\n".into()),
            ("/ready", Err(_)) => return self.seems_ready(),
            (_, Err(refusal)) => return refusal,
            (_, Ok(())) => {}
        }
        match path.as_str() {
            "/healthz" => return text("text/plain", "ok\n".into()),
            "/ready" => return self.ready().await,
            "/metrics" => return self.metrics().await,
            "/v1/overview" => return self.overview().await,
            _ => {}
        }
        let endpoints = self.endpoints.read().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(endpoint) = endpoints.iter().find(|endpoint| endpoint.path == path) else {
            let known: Vec<&str> = endpoints.iter().map(|endpoint| endpoint.path.as_str()).collect();
            return problem(StatusCode::NOT_FOUND, &format!("nothing is at `{path}`; events go to {known:?}"));
        };
        match self.receive(endpoint, request).await {
            Ok(response) => response,
            Err((status, message)) => problem(status, &message),
        }
    }

    async fn ready(&self) -> Response<WasiBody> {
        match self.intake.journal.counts().await {
            Ok(_) if self.intake.metrics.is_journal_well() => match self.intake.metrics.brokers_away().as_slice() {
                [] => text("text/plain", "ready\n".into()),
                away => {
                    let message = format!("there is no connection to the broker of {}", away.join(", "));
                    problem(StatusCode::SERVICE_UNAVAILABLE, &message)
                }
            },
            Ok(_) => problem(StatusCode::SERVICE_UNAVAILABLE, "the journal did not answer a moment ago"),
            Err(err) => problem(StatusCode::SERVICE_UNAVAILABLE, &err.to_string()),
        }
    }

    /// Whether it is ready as far as is known, for whoever it is.
    fn seems_ready(&self) -> Response<WasiBody> {
        if self.intake.metrics.is_journal_well() && self.intake.metrics.brokers_away().is_empty() {
            text("text/plain", "ready\n".into())
        } else {
            problem(StatusCode::SERVICE_UNAVAILABLE, "it is not ready")
        }
    }

    async fn metrics(&self) -> Response<WasiBody> {
        match self.intake.journal.counts().await {
            Ok(counts) => {
                let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
                self.intake.metrics.stand(&counts);
                text(content_type, self.intake.metrics.text())
            }
            Err(err) => problem(StatusCode::SERVICE_UNAVAILABLE, &err.to_string()),
        }
    }

    async fn overview(&self) -> Response<WasiBody> {
        match overview::overview(&self.intake).await {
            Ok(overview) => text("application/json", overview.to_string()),
            Err(err) => problem(StatusCode::SERVICE_UNAVAILABLE, &err.to_string()),
        }
    }

    async fn receive(&self, endpoint: &Endpoint, request: Request<Incoming>) -> Result<Response<WasiBody>, Refusal> {
        let (head, body) = request.into_parts();
        if head.method == Method::OPTIONS && head.headers.contains_key("webhook-request-origin") {
            return Ok(allowed(&head.headers));
        }
        if head.method != Method::POST {
            return Err((StatusCode::METHOD_NOT_ALLOWED, "an event is sent by POST".into()));
        }
        let body = Limited::new(body, endpoint.body_limit).collect().await.map_err(|err| {
            if err.is::<LengthLimitError>() {
                let message = format!(
                    "a body has at most {} bytes\nhint: `body_limit_mib` of the trigger, or send the object's name",
                    endpoint.body_limit
                );
                (StatusCode::PAYLOAD_TOO_LARGE, message)
            } else {
                (StatusCode::BAD_REQUEST, format!("the body cannot be read: {err}"))
            }
        })?;
        let events = match read(endpoint, &head.headers, body.to_bytes())? {
            Received::Handshake(answer) => return Ok(text("application/json", answer)),
            Received::Events(events) => events,
        };
        let mut told = Vec::new();
        for CloudEvent { id, time, object, trace } in events {
            let event = NewEvent { id, generation: 0, trigger: "http".into(), time, object, trace };
            let id = event.id.to_string();
            let accepted = self.intake.accept(event, "http").await.map_err(|err| {
                self.intake.metrics.journal_failed(&err);
                (StatusCode::SERVICE_UNAVAILABLE, err.to_string())
            })?;
            let status = if matches!(accepted, Accepted::New(_)) { "accepted" } else { "known" };
            told.push(serde_json::json!({ "event": id, "status": status }));
        }
        let answer = serde_json::json!({ "events": told }).to_string();
        let mut response = text("application/json", answer);
        *response.status_mut() = StatusCode::ACCEPTED;
        Ok(response)
    }
}

/// The events of a request; one that is none of the known kinds is the data itself.
fn read(endpoint: &Endpoint, headers: &HeaderMap, body: Bytes) -> Result<Received, Refusal> {
    let bad = |err: cloud_events::Invalid| (StatusCode::BAD_REQUEST, err.to_string());
    let now = clock::now();
    if let Some(received) = cloud_events::read(headers, &body, endpoint.store.as_ref(), now).map_err(bad)? {
        return Ok(received);
    }
    // Named by its key, or else another event each time.
    let id = match headers.get(IDEMPOTENCY_KEY).and_then(|key| key.to_str().ok()) {
        Some(key) => format!("http@{}", cloud_events::checked(key).map_err(bad)?),
        None => format!("http@{:032x}", rand::random::<u128>()),
    };
    let object = Object::Bytes(Arc::from(&*body));
    let event = CloudEvent { id: EventId::from(id), time: now, object, trace: cloud_events::traceparent(headers) };
    Ok(Received::Events(vec![event]))
}

/// The answer to the handshake of CloudEvents' web hooks.
fn allowed(headers: &HeaderMap) -> Response<WasiBody> {
    let mut response = text("text/plain", String::new());
    let origin = headers.get("webhook-request-origin").cloned();
    response.headers_mut().insert("webhook-allowed-origin", origin.unwrap_or(HeaderValue::from_static("*")));
    response.headers_mut().insert("webhook-allowed-rate", HeaderValue::from_static("*"));
    response
}
