//! `wasi:http/outgoing-handler`: requests to where the manifest grants, by `wasmtime-wasi-http`. What is denied is noted,
//! so that the function's error can tell what to write to grant it, whatever the function makes of it.
//!
//! Time stands still for a function, so it bounds a request by the options of `wasi:http`. The deadline of the call bounds
//! the wait for an answer's head, and each wait for a piece of its body.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::{Request, Response};
use wasmtime::component::{Linker, ResourceTable};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView};

use crate::outbound::{Client, Outbound, SendError, Times};

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
    denied: Arc<Mutex<Option<String>>>,
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
        let hooks = Hooks { client, until: Instant::now(), denied: Arc::default() };
        Self { hooks, wasi: WasiHttpCtx::new() }
    }

    /// The same for another sandbox.
    pub fn anew(&self) -> Self {
        Self::new(self.hooks.client.clone())
    }

    /// Bounds the requests of a call. A tenth of its time is left for the function to say what did not answer, which is
    /// no fault of its own.
    pub fn bound(&mut self, deadline: Duration) {
        self.hooks.until = Instant::now() + deadline.mul_f64(0.9);
        // What a call before made the best of is no reason why this one failed.
        self.take_denied();
    }

    /// Why a request was denied since this was last asked; of several the first.
    pub fn take_denied(&self) -> Option<String> {
        self.hooks.denied.lock().unwrap_or_else(PoisonError::into_inner).take()
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
        let Self { client, until, denied } = self.clone();
        Box::new(async move {
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
                Ok(response) => Ok((response, Box::new(async { Ok(()) }) as Io)),
                Err(SendError::Other(err)) => Err(err),
                Err(SendError::Denied(reason)) => {
                    denied.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(reason.to_string());
                    Err(Error::HttpRequestDenied)
                }
            }
        })
    }
}

/// Gives functions the interfaces of `wasi:http` 0.2.
pub fn add_to_linker<T: WasiHttpView + 'static>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    wasmtime_wasi_http::p2::add_only_http_to_linker_sync(linker)
}
