//! Sends the requests of a step's sandboxes. Connections are kept, and are the step's own: what was connected to under
//! its grants is not used under others. A proxy that the environment names is not used, for it would look names up.

use std::error::Error as _;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use http::uri::{Authority, Scheme, Uri};
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_timeout::TimeoutConnector;
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::{ClientConfig, RootCertStore};
use tower_http::timeout::TimeoutBody;
use tower_service::Service;
use url::Host;
use wasmtime_wasi_http::{Error, WasiBody};

use super::{Denied, Outbound};

/// How long a connection may take to come about, and may be unused before it is closed.
const CONNECT: Duration = Duration::from_secs(10);
const IDLE: Duration = Duration::from_secs(30);

/// How many unused connections to an origin are kept.
const IDLE_CONNECTIONS: usize = 8;

type Sender = Pool<TimeoutConnector<HttpsConnector<HttpConnector<Resolver>>>, WasiBody>;

/// Sends requests of one step, as it is granted.
#[derive(Debug)]
pub struct Client {
    outbound: Arc<Outbound>,
    /// The longest that a connection may stand still: as long as a call of the function may take.
    deadline: Duration,
    /// Made when it is first used: it reads the certificates that the system trusts.
    sender: OnceLock<Sending>,
}

#[derive(Debug)]
struct Sending {
    pool: Sender,
    /// Why no certificate is trusted, if none is.
    untrusting: Option<String>,
}

/// How long parts of a request may take.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// Until the answer's head is there.
    pub head: Duration,
    /// Between pieces of its body.
    pub between: Duration,
}

impl Client {
    /// A client that sends what is granted.
    pub fn new(outbound: Outbound, deadline: Duration) -> Self {
        Self { outbound: Arc::new(outbound), deadline, sender: OnceLock::new() }
    }

    /// Sends a request, if it may be sent. A redirect is an answer like others: whoever follows it sends another request.
    pub async fn send(&self, mut request: Request<WasiBody>, times: Times) -> Result<Response<WasiBody>, SendError> {
        let host = self.outbound.host(request.method(), request.uri()).map_err(SendError::Denied)?;
        *request.uri_mut() = at(request.uri(), &host)?;
        let Sending { pool, untrusting } = self.sender.get_or_init(|| Sending::new(&self.outbound, self.deadline));
        if let Some(reason) = untrusting
            && request.uri().scheme() == Some(&Scheme::HTTPS)
        {
            return Err(Error::InternalError(Some(reason.clone())).into());
        }
        let response = tokio::time::timeout(times.head, pool.request(request)).await;
        let response = response.map_err(|_| Error::ConnectionReadTimeout)?.map_err(|err| SendError::of(&err))?;
        Ok(response.map(|body| {
            let body = TimeoutBody::new(times.between, body);
            body.map_err(|_| Error::ConnectionReadTimeout).boxed_unsync()
        }))
    }
}

/// Why a request came to nothing.
#[derive(Debug)]
pub enum SendError {
    /// It may not be sent.
    Denied(Denied),
    /// Something else, as the function is told.
    Other(Error),
}

impl From<Error> for SendError {
    fn from(err: Error) -> Self {
        Self::Other(err)
    }
}

impl SendError {
    fn of(err: &hyper_util::client::legacy::Error) -> Self {
        let mut cause = err.source();
        let mut last = err.to_string();
        while let Some(err) = cause {
            if let Some(denied) = err.downcast_ref::<Denied>() {
                return Self::Denied(denied.clone());
            }
            match err.downcast_ref::<std::io::Error>().map(std::io::Error::kind) {
                Some(ErrorKind::ConnectionRefused) => return Error::ConnectionRefused.into(),
                Some(ErrorKind::TimedOut) => return Error::ConnectionTimeout.into(),
                Some(ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::UnexpectedEof) => {
                    return Error::ConnectionTerminated.into();
                }
                _ => {}
            }
            if let Some(NotFound(text)) = err.downcast_ref() {
                return Error::DnsError { rcode: Some(text.clone()), info_code: None }.into();
            }
            last = err.to_string();
            cause = err.source();
        }
        if err.is_connect() { Error::InternalError(Some(last)).into() } else { Error::ConnectionTerminated.into() }
    }
}

/// A URL with the host as it was understood when it was checked.
fn at(uri: &Uri, host: &Host<String>) -> Result<Uri, Error> {
    let authority = match uri.port_u16() {
        Some(port) => Authority::try_from(format!("{host}:{port}")),
        None => Authority::try_from(host.to_string()),
    };
    let mut parts = uri.clone().into_parts();
    parts.authority = Some(authority.map_err(|_| Error::HttpRequestUriInvalid)?);
    Uri::from_parts(parts).map_err(|_| Error::HttpRequestUriInvalid)
}

impl Sending {
    fn new(outbound: &Arc<Outbound>, deadline: Duration) -> Self {
        let mut http = HttpConnector::new_with_resolver(Resolver(outbound.clone()));
        http.enforce_http(false);
        http.set_nodelay(true);
        // Whoever links this may link more than one provider, and rustls would not choose. It fails where one was chosen.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (https, untrusting) = match HttpsConnectorBuilder::new().with_native_roots() {
            Ok(https) => (https, None),
            Err(err) => {
                let none = ClientConfig::builder().with_root_certificates(RootCertStore::empty()).with_no_client_auth();
                let reason = format!("the certificates that this system trusts cannot be read: {err}");
                (HttpsConnectorBuilder::new().with_tls_config(none), Some(reason))
            }
        };
        let https = https.https_or_http().enable_http1().enable_http2().wrap_connector(http);
        let mut connector = TimeoutConnector::new(https);
        connector.set_connect_timeout(Some(CONNECT));
        connector.set_read_timeout(Some(deadline));
        connector.set_write_timeout(Some(deadline));
        let mut pool = Pool::builder(TokioExecutor::new());
        pool.pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE).pool_max_idle_per_host(IDLE_CONNECTIONS);
        Self { pool: pool.build(connector), untrusting }
    }
}

/// Looks names up, and gives only addresses that may be connected to. (What is an address already does not come here.)
#[derive(Debug, Clone)]
struct Resolver(Arc<Outbound>);

/// A name that leads nowhere.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct NotFound(String);

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = Box<dyn std::error::Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let outbound = self.0.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await;
            let found: Vec<IpAddr> =
                found.map_err(|err| NotFound(err.to_string()))?.map(|address| address.ip()).collect();
            let allowed = outbound.addresses(name.as_str(), found)?;
            Ok(allowed.into_iter().map(|address| SocketAddr::new(address, 0)).collect::<Vec<_>>().into_iter())
        })
    }
}
