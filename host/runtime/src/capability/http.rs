//! `wasi:http/outgoing-handler`: requests to where the manifest grants, by `wasmtime-wasi-http`. What is denied is noted,
//! so that the function's error can tell what to write to grant it, whatever the function makes of it.
//!
//! Time stands still for a function, so it bounds a request by the options of `wasi:http`. A little before the deadline of
//! the call the function is told that there is no answer; what it waits for otherwise, `io.rs` bounds.
//!
//! What requests and answers hold is the host's memory: their number, their headers and the pieces of their bodies are
//! bounded.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::{Request, Response};
use http_body_util::BodyExt;
use tokio::sync::Semaphore;
use wasmtime::component::{Linker, ResourceTable};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView};

use crate::metering;
use crate::outbound::{Client, Outbound, SendError, Times};

/// How many requests of a sandbox may be on their way at once, with the answers that it has not done with.
const REQUESTS: usize = 32;

/// How long the headers of a request may be together, and how much of its body is taken at once, in bytes.
const HEADERS: usize = 32 << 10;
const PIECE: usize = 64 << 10;

/// The requests of one sandbox.
#[derive(Debug, Clone)]
pub struct HttpCtx {
    hooks: Hooks,
    wasi: WasiHttpCtx,
}

#[derive(Debug, Clone)]
struct Hooks {
    client: Arc<Client>,
    /// When the call that the function works on must be over.
    until: Instant,
    noted: Arc<Noted>,
    free: Arc<Semaphore>,
}

/// What became of the requests.
#[derive(Debug, Default)]
struct Noted {
    any: AtomicBool,
    denied: Mutex<Option<String>>,
}

/// No requests at all.
impl Default for HttpCtx {
    fn default() -> Self {
        Self::new(Arc::new(Client::new(Outbound::default(), Duration::ZERO)))
    }
}

impl HttpCtx {
    /// Requests that this client sends.
    pub fn new(client: Arc<Client>) -> Self {
        let free = Arc::new(Semaphore::new(REQUESTS));
        let hooks = Hooks { client, until: Instant::now(), noted: Arc::default(), free };
        let mut wasi = WasiHttpCtx::new();
        wasi.set_field_size_limit(HEADERS);
        Self { hooks, wasi }
    }

    /// The same for another sandbox.
    pub fn anew(&self) -> Self {
        Self::new(self.hooks.client.clone())
    }

    /// Bounds the requests of a call, which must be over then and may take so long. A tenth of that is left for the
    /// function to say what did not answer, which is no fault of its own.
    pub fn bound(&mut self, until: Instant, deadline: Duration) {
        self.hooks.until = until - deadline.mul_f64(0.1);
        // What a call before made the best of is no reason why this one failed.
        self.take_denied();
    }

    /// Why a request was denied since this was last asked; of several the first.
    pub fn take_denied(&self) -> Option<String> {
        self.hooks.noted.denied.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Whether a request was asked for, be it denied or not.
    pub fn has_requested(&self) -> bool {
        self.hooks.noted.any.load(Ordering::Relaxed)
    }

    /// What sends requests.
    pub fn hooks(&mut self) -> &mut dyn WasiHttpHooks {
        &mut self.hooks
    }

    /// How `wasi:http` is implemented.
    pub fn view<'a>(&'a mut self, table: &'a mut ResourceTable) -> WasiHttpCtxView<'a> {
        WasiHttpCtxView { hooks: &mut self.hooks, table, ctx: &mut self.wasi }
    }
}

type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl WasiHttpHooks for Hooks {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Io,
    ) -> Box<dyn Future<Output = Result<(Response<WasiBody>, Io), Error>> + Send> {
        let Self { client, until, noted, free } = self.clone();
        noted.any.store(true, Ordering::Relaxed);
        metering::count(|account| account.requests += 1);
        Box::new(async move {
            let Ok(permit) = free.try_acquire_owned() else { return Err(Error::ConnectionLimitReached) };
            let left = until.saturating_duration_since(Instant::now());
            let asked = options.unwrap_or_default();
            let within = |asked: Option<Duration>| asked.map_or(left, |asked| asked.min(left));
            let head = match (asked.connect_timeout, asked.first_byte_timeout) {
                (Some(connect), Some(first)) => within(Some(connect.saturating_add(first))),
                (_, first) => within(first),
            };
            let times = Times { head, between: within(asked.between_bytes_timeout) };
            match client.send(request, times).await {
                // Connections are driven by whoever keeps them.
                Ok(response) => {
                    let response = response.map(|body| {
                        body.map_frame(move |frame| {
                            let _until_it_is_read = &permit;
                            frame
                        })
                        .boxed_unsync()
                    });
                    Ok((response, Box::new(async { Ok(()) }) as Io))
                }
                Err(SendError::Other(err)) => Err(err),
                Err(SendError::Denied(reason)) => {
                    noted.denied.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(reason.to_string());
                    Err(Error::HttpRequestDenied)
                }
            }
        })
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        PIECE
    }
}

/// Gives functions the interfaces of `wasi:http` 0.2.
pub fn add_to_linker<T: WasiHttpView + 'static>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    wasmtime_wasi_http::p2::add_only_http_to_linker_sync(linker)
}
