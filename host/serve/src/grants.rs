//! What a component is granted besides the requests it answers: variables of the environment, and requests of its own.
//! Without grants it has neither.

use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmill_runtime::capability::http::HttpCtx;
use wasmill_runtime::outbound::{Client, Outbound};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

/// What a component is granted.
#[derive(Clone, Default)]
pub struct Grants {
    /// Variables of the environment that it sees.
    pub environment: Vec<(String, String)>,
    /// What sends its requests; none: they are denied.
    pub outgoing: Option<Arc<Client>>,
}

impl Grants {
    /// Requests to these origins: `https://api.example.com`, `https://*.example.com`, `http://127.0.0.1:8080`. Whoever names
    /// a host means it, also if it is in a network of their own; with any host (`https://*`), only what is public is meant.
    pub fn allow_http(&mut self, origins: &[String], deadline: Duration) -> Result<(), String> {
        if origins.is_empty() {
            return Ok(());
        }
        let mut outbound = Outbound::default();
        for origin in origins {
            outbound.grant(origin)?;
        }
        let is_any =
            |origin: &String| origin.split("//").nth(1).is_some_and(|host| host == "*" || host.starts_with("*:"));
        if !origins.iter().any(is_any) {
            for all in ["0.0.0.0/0", "::/0"] {
                outbound.grant_network(all)?;
            }
        }
        self.outgoing = Some(Arc::new(Client::new(outbound, deadline)));
        Ok(())
    }
}

/// What a request, or its answer, says when it is over.
type Over = Box<dyn Future<Output = Result<(), Error>> + Send>;

/// The requests of an instance.
pub struct Outgoing(Option<HttpCtx>);

impl Outgoing {
    /// Those that this client sends.
    pub fn new(client: Option<&Arc<Client>>) -> Self {
        Self(client.cloned().map(HttpCtx::new))
    }

    /// From now on for a request that must be answered within this time.
    pub fn bound(&mut self, deadline: Duration) {
        if let Some(http) = &mut self.0 {
            http.bound(Instant::now() + deadline, deadline);
        }
    }

    /// Why a request was denied since this was last asked.
    pub fn take_denied(&self) -> Option<String> {
        self.0.as_ref().and_then(HttpCtx::take_denied)
    }
}

impl WasiHttpHooks for Outgoing {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        over: Over,
    ) -> Box<dyn Future<Output = Result<(http::Response<WasiBody>, Over), Error>> + Send> {
        match &mut self.0 {
            Some(http) => http.hooks().send_request(request, options, over),
            None => Box::new(async { Err(Error::HttpRequestDenied) }),
        }
    }
}
