//! Events over HTTP: CloudEvents 1.0 in both content modes of its HTTP binding, Azure Event Grid's notifications of blobs
//! with the handshake that begins them, and bare bodies. An event is answered with 202 once it is durable.

use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use chrono::DateTime;
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use wasmill_journal::NewEvent;
use wasmill_journal::event::Accepted;
use wasmill_runtime::event::{EventId, Object};
use wasmill_serve::access::Gate;
use wasmill_serve::service::{problem, text};
use wasmtime_wasi_http::WasiBody;

use super::Intake;
use crate::clock;
use crate::telemetry::TRACEPARENT;

/// Names a request so that it can be sent again (the IETF's draft `httpapi-idempotency-key-header`).
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// What Event Grid says of what it sends.
const EVENT_GRID_TYPE: HeaderName = HeaderName::from_static("aeg-event-type");

/// Event Grid's event that begins a subscription, and the one of a blob that appeared.
const VALIDATION: &str = "Microsoft.EventGrid.SubscriptionValidationEvent";
const BLOB_CREATED: &str = "Microsoft.Storage.BlobCreated";

/// The longest id, in bytes.
const ID_LIMIT: usize = 512;

/// A path of the server, and what is accepted there.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// The path of the URL.
    pub path: String,
    /// The folder that notifications name objects of.
    pub folder: Option<PathBuf>,
    /// The longest body, in bytes.
    pub body_limit: usize,
}

/// Answers requests.
pub struct Events {
    endpoints: RwLock<Vec<Endpoint>>,
    intake: Intake,
    gate: Gate,
}

/// A CloudEvent in structured mode, or one of Event Grid's own schema: both have `id`, and the rest under other names.
#[derive(Debug, Deserialize)]
struct Envelope<'a> {
    id: String,
    source: Option<String>,
    #[serde(alias = "eventType")]
    r#type: String,
    subject: Option<String>,
    #[serde(alias = "eventTime")]
    time: Option<String>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    data_base64: Option<String>,
    /// Event Grid's name of the source.
    topic: Option<String>,
    /// Of CloudEvents' extension for distributed tracing.
    traceparent: Option<String>,
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
        if let (_, Err(refusal)) = self.gate.admit(&mut request) {
            return refusal;
        }
        let path = request.uri().path().to_owned();
        match path.as_str() {
            "/health" | "/healthz" => return text("text/plain", "ok\n".into()),
            "/ready" => return self.ready().await,
            "/metrics" => return self.metrics().await,
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
            Ok(_) if self.intake.metrics.is_journal_well() => text("text/plain", "ready\n".into()),
            Ok(_) => problem(StatusCode::SERVICE_UNAVAILABLE, "the journal did not answer a moment ago"),
            Err(err) => problem(StatusCode::SERVICE_UNAVAILABLE, &err.to_string()),
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
        for event in events {
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

/// What a request is.
enum Received {
    /// A question whether events may be sent here, with the answer.
    Handshake(String),
    /// Events.
    Events(Vec<NewEvent>),
}

fn read(endpoint: &Endpoint, headers: &HeaderMap, body: Bytes) -> Result<Received, Refusal> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is = |prefix: &str| content_type.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    if is("application/cloudevents-batch+json") || headers.contains_key(EVENT_GRID_TYPE) && body.starts_with(b"[") {
        return envelopes(endpoint, headers, &json::<Vec<Envelope<'_>>>(&body)?);
    }
    if is("application/cloudevents+json") {
        return envelopes(endpoint, headers, &[json::<Envelope<'_>>(&body)?]);
    }
    if headers.contains_key("ce-specversion") {
        return Ok(Received::Events(vec![binary(endpoint, headers, body)?]));
    }
    // The data itself: named by its key, or else another event each time.
    let id = match header(headers, IDEMPOTENCY_KEY.as_str()) {
        Some(key) => format!("http@{}", checked(&key)?),
        None => format!("http@{:032x}", rand::random::<u128>()),
    };
    let object = Object::Bytes(Arc::from(&*body));
    Ok(Received::Events(vec![event(id, clock::now(), object, header(headers, TRACEPARENT))]))
}

fn envelopes(endpoint: &Endpoint, headers: &HeaderMap, envelopes: &[Envelope<'_>]) -> Result<Received, Refusal> {
    let mut events = Vec::new();
    for envelope in envelopes {
        let time = envelope.time.as_deref().map(micros).transpose()?;
        let source = envelope.source.as_deref().or(envelope.topic.as_deref()).unwrap_or_default();
        let object = match envelope.r#type.as_str() {
            VALIDATION => {
                let data = envelope.data.map_or("{}", RawValue::get);
                let code = json::<Validation>(data.as_bytes())?.validation_code;
                return Ok(Received::Handshake(serde_json::json!({ "validationResponse": code }).to_string()));
            }
            BLOB_CREATED => blob(endpoint, envelope.subject.as_deref().unwrap_or_default())?,
            _ => Object::Bytes(data(envelope)?),
        };
        let trace = envelope.traceparent.clone().or_else(|| header(headers, TRACEPARENT));
        events.push(event(cloud_id(source, &envelope.id)?, time.unwrap_or_else(clock::now), object, trace));
    }
    Ok(Received::Events(events))
}

/// What Event Grid's handshake brings.
#[derive(Deserialize)]
struct Validation {
    #[serde(rename = "validationCode")]
    validation_code: String,
}

fn binary(endpoint: &Endpoint, headers: &HeaderMap, body: Bytes) -> Result<NewEvent, Refusal> {
    let required = |name: &str| {
        header(headers, name).ok_or_else(|| (StatusCode::BAD_REQUEST, format!("the header `{name}` is missing")))
    };
    let id = cloud_id(&required("ce-source")?, &required("ce-id")?)?;
    let time = header(headers, "ce-time").as_deref().map(micros).transpose()?;
    let object = if required("ce-type")? == BLOB_CREATED {
        blob(endpoint, &header(headers, "ce-subject").unwrap_or_default())?
    } else {
        Object::Bytes(Arc::from(&*body))
    };
    let trace = header(headers, "ce-traceparent").or_else(|| header(headers, TRACEPARENT));
    Ok(event(id, time.unwrap_or_else(clock::now), object, trace))
}

/// The data of an event: what was encoded as base64, a string as its text, anything else as JSON.
fn data(envelope: &Envelope<'_>) -> Result<Arc<[u8]>, Refusal> {
    use base64::Engine as _;
    let bytes = match (&envelope.data_base64, envelope.data) {
        (Some(encoded), _) => base64::engine::general_purpose::STANDARD
            .decode(encoded)
            .map_err(|err| (StatusCode::BAD_REQUEST, format!("`data_base64` of `{}`: {err}", envelope.id)))?,
        (None, Some(data)) if data.get().starts_with('"') => json::<String>(data.get().as_bytes())?.into_bytes(),
        (None, Some(data)) => data.get().as_bytes().to_vec(),
        (None, None) => Vec::new(),
    };
    Ok(bytes.into())
}

/// The object that a notification names: `/blobServices/default/containers/NAME/blobs/PATH`.
fn blob(endpoint: &Endpoint, subject: &str) -> Result<Object, Refusal> {
    let Some(folder) = &endpoint.folder else {
        let message = "notifications of blobs are not taken here\nhint: add `store` to the trigger";
        return Err((StatusCode::BAD_REQUEST, message.into()));
    };
    let path = subject.split_once("/blobs/").map(|(_, path)| Path::new(path));
    let path = path.filter(|path| path.components().all(|part| matches!(part, Component::Normal(_))));
    let Some(path) = path else {
        return Err((StatusCode::BAD_REQUEST, format!("the subject `{subject}` does not name a blob")));
    };
    let path = folder.join(path);
    // It may appear a moment later; if it does not, the event becomes a dead letter.
    let size = std::fs::metadata(&path).map_or(0, |metadata| metadata.len());
    Ok(Object::File { path, size, changed: None })
}

/// A CloudEvent is named by its source and its id together.
fn cloud_id(source: &str, id: &str) -> Result<String, Refusal> {
    let id = checked(id)?;
    let digest = Sha256::digest(format!("{source}\0{id}"));
    let digest: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{id}@{digest}"))
}

fn checked(id: &str) -> Result<&str, Refusal> {
    if id.is_empty() || id.len() > ID_LIMIT || id.contains(char::is_control) {
        return Err((StatusCode::BAD_REQUEST, format!("an id has 1 to {ID_LIMIT} bytes, without control characters")));
    }
    Ok(id)
}

fn event(id: String, time: i64, object: Object, trace: Option<String>) -> NewEvent {
    NewEvent { id: EventId::from(id), generation: 0, trigger: "http".into(), time, object, trace }
}

fn micros(time: &str) -> Result<i64, Refusal> {
    let parsed = DateTime::parse_from_rfc3339(time);
    let parsed =
        parsed.map_err(|err| (StatusCode::BAD_REQUEST, format!("the time `{time}` is not RFC 3339: {err}")))?;
    Ok(parsed.timestamp_micros())
}

fn json<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Result<T, Refusal> {
    serde_json::from_slice(text).map_err(|err| (StatusCode::BAD_REQUEST, format!("not an event: {err}")))
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// The answer to the handshake of CloudEvents' web hooks.
fn allowed(headers: &HeaderMap) -> Response<WasiBody> {
    let mut response = text("text/plain", String::new());
    let origin = headers.get("webhook-request-origin").cloned();
    response.headers_mut().insert("webhook-allowed-origin", origin.unwrap_or(HeaderValue::from_static("*")));
    response.headers_mut().insert("webhook-allowed-rate", HeaderValue::from_static("*"));
    response
}
