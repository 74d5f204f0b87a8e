//! One request: who may send it, its limits, the component's answer, and what is said if there is none.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::Semaphore;
use wasmill_access::Principal;
use wasmtime_wasi_http::handler::ProxyHandler;
use wasmtime_wasi_http::{Error, WasiBody};

use crate::Settings;
use crate::access::Gate;
use crate::metrics::Metrics;
use crate::sandbox::Sandboxes;

/// What answers requests.
pub struct Service {
    handler: ProxyHandler<Sandboxes>,
    gate: Gate,
    settings: Arc<Settings>,
    metrics: Arc<Metrics>,
    slots: Semaphore,
}

impl Service {
    /// Of instances of a component, for those whom the gate lets in.
    pub fn new(sandboxes: Sandboxes, gate: Gate, settings: Arc<Settings>, metrics: Arc<Metrics>) -> Self {
        let slots = Semaphore::new(settings.concurrency);
        Self { handler: ProxyHandler::new(sandboxes), gate, settings, metrics, slots }
    }

    /// Answers a request.
    pub async fn answer(&self, mut request: Request<Incoming>) -> Response<WasiBody> {
        let started = Instant::now();
        let line = self.settings.access_log.then(|| format!("{} {}", request.method(), request.uri().path()));
        let (principal, admitted) = self.gate.admit(&mut request);
        let response = match (admitted, request.uri().path()) {
            (Ok(()), "/metrics") => {
                return text("application/openmetrics-text; version=1.0.0; charset=utf-8", self.metrics.text());
            }
            (Ok(()), "/healthz") => return text("text/plain", "ok\n".into()),
            (Ok(()), _) => self.within_limits(request).await,
            (Err(refusal), _) => refusal,
        };
        let elapsed = started.elapsed();
        self.metrics.answered(response.status().as_u16(), elapsed);
        if let Some(line) = line {
            let principal = principal.as_ref().map_or("-", Principal::as_str);
            let status = response.status().as_u16();
            let milliseconds = elapsed.as_secs_f64() * 1e3;
            tracing::info!(principal, status, milliseconds, "{principal} {line} {status} {milliseconds:.3} ms");
        }
        response
    }

    async fn within_limits(&self, request: Request<Incoming>) -> Response<WasiBody> {
        let limit = self.settings.body_limit;
        let declared =
            request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if declared.is_some_and(|length| length > limit) {
            return problem(StatusCode::PAYLOAD_TOO_LARGE, &format!("a body has at most {limit} bytes"));
        }
        let busy = || {
            let mut response = problem(StatusCode::SERVICE_UNAVAILABLE, "too many requests wait");
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
            response
        };
        let _slot = match self.slots.try_acquire() {
            Ok(slot) => slot,
            Err(_) => {
                let queue = i64::try_from(self.settings.queue).unwrap_or(i64::MAX);
                let queued = Counted::new(&self.metrics.queued);
                let slot = if queued.before >= queue { None } else { self.slots.acquire().await.ok() };
                match slot {
                    Some(slot) => slot,
                    None => return busy(),
                }
            }
        };
        let _in_flight = Counted::new(&self.metrics.in_flight);
        self.run(request, limit).await
    }

    async fn run(&self, request: Request<Incoming>, limit: u64) -> Response<WasiBody> {
        let too_long = Arc::new(AtomicBool::new(false));
        let request = request.map(|body| Limited { body, left: limit, too_long: too_long.clone() }.boxed_unsync());
        let deadline = self.settings.deadline;
        let started = Instant::now();
        let answer = tokio::time::timeout(deadline, self.handler.handle((), request)).await;
        if too_long.load(Ordering::Relaxed) {
            return problem(StatusCode::PAYLOAD_TOO_LARGE, &format!("a body has at most {limit} bytes"));
        }
        match answer {
            Ok(Ok(response)) => response,
            // The sandbox, which has the same deadline, may have seen it first.
            Ok(Err(err)) if started.elapsed() < deadline => {
                tracing::error!("{err:#}");
                problem(StatusCode::INTERNAL_SERVER_ERROR, "the component failed")
            }
            Ok(Err(_)) | Err(_) => problem(StatusCode::GATEWAY_TIMEOUT, &format!("no answer within {deadline:?}")),
        }
    }
}

/// A request in a gauge. It leaves it however it ends: a client that hangs up ends it anywhere.
struct Counted<'a> {
    gauge: &'a Gauge<i64, AtomicI64>,
    /// What the gauge was without it.
    before: i64,
}

impl<'a> Counted<'a> {
    fn new(gauge: &'a Gauge<i64, AtomicI64>) -> Self {
        Self { gauge, before: gauge.inc() }
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.gauge.dec();
    }
}

/// A body that ends with an error past its limit.
struct Limited {
    body: Incoming,
    left: u64,
    too_long: Arc<AtomicBool>,
}

impl Body for Limited {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx).map_err(Error::from);
        if let Poll::Ready(Some(Ok(frame))) = &frame
            && let Some(data) = frame.data_ref()
        {
            match self.left.checked_sub(data.len() as u64) {
                Some(left) => self.left = left,
                None => {
                    self.too_long.store(true, Ordering::Relaxed);
                    return Poll::Ready(Some(Err(Error::HttpRequestBodySize(None))));
                }
            }
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// An answer with 200.
pub fn text(content_type: &'static str, body: String) -> Response<WasiBody> {
    let mut response = Response::new(full(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// An error of the server's own, in the form that the gateway's have.
pub fn problem(status: StatusCode, message: &str) -> Response<WasiBody> {
    let mut response = text("application/json", serde_json::json!({ "error": message }).to_string());
    *response.status_mut() = status;
    response
}

fn full(body: String) -> WasiBody {
    Full::new(Bytes::from(body)).map_err(|never| match never {}).boxed_unsync()
}
