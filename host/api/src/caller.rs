//! Who asks, and what they may read.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, RETRY_AFTER, VARY};
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use wasmill_access::audit::Audit;
use wasmill_access::{Access, Readable};
use wasmill_serve::access::Gate;
use wasmill_serve::server::Peer;

use crate::limit::Limiter;
use crate::problem::Problem;

/// The longest path with its query, in bytes.
const URI_LIMIT: usize = 8 << 10;

/// What every request comes through.
pub struct Door {
    /// Who may ask what.
    pub gate: Gate,
    limiter: Limiter,
    audit: Audit,
}

impl Door {
    /// By a gate's rules.
    pub fn new(gate: Gate) -> Self {
        Self { gate, limiter: Limiter::default(), audit: Audit::default() }
    }
}

/// Who asks.
#[derive(Clone)]
pub struct Caller {
    access: Arc<Access>,
    /// The caller with the credentials; none without any.
    known: Option<(wasmill_access::Caller, Arc<str>)>,
}

/// What of a collection a caller may read: all of it, or these partitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope(pub Option<Vec<String>>);

/// How many documents an answer has, for the log.
#[derive(Debug, Clone, Copy)]
pub struct Delivered(pub u64);

/// The query in SQL that a response answers, for the audit log.
#[derive(Debug, Clone)]
pub struct Stated(pub String);

impl Caller {
    /// What of a collection they may read; an error if it is nothing. Whether there is such a collection is of no
    /// consequence, so that nobody can find out.
    pub fn scope(&self, collection: &str) -> Result<Scope, Problem> {
        match self.access.readable(self.known(), collection) {
            Readable::All => Ok(Scope(None)),
            Readable::Partitions(partitions) => Ok(Scope(Some(partitions.into_iter().collect()))),
            Readable::Nothing if self.known.is_none() => Err(Problem::no_credentials()),
            Readable::Nothing => Err(Problem::forbidden()),
        }
    }

    /// The same by the rules and the time of now: what was allowed when a request began need not be for ever.
    pub fn scope_now(&self, door: &Door, collection: &str) -> Option<Scope> {
        let access = door.gate.rules()?;
        let known = match &self.known {
            None => None,
            Some((_, credentials)) => Some((access.caller(credentials).ok()?, credentials.clone())),
        };
        Self { access, known }.scope(collection).ok()
    }

    /// The caller with credentials; none without any.
    pub fn known(&self) -> Option<&wasmill_access::Caller> {
        self.known.as_ref().map(|(caller, _)| caller)
    }

    fn name(&self) -> Option<&str> {
        self.known().map(|caller| caller.principal.as_str())
    }
}

impl Scope {
    /// What is asked for within what may be read; an error if it is more.
    pub fn narrow(self, partition: Option<String>) -> Result<Self, Problem> {
        match (self.0, partition) {
            (None, None) => Ok(Self(None)),
            (scope, None) => Ok(Self(scope)),
            (None, Some(partition)) => Ok(Self(Some(vec![partition]))),
            (Some(partitions), Some(partition)) if partitions.contains(&partition) => Ok(Self(Some(vec![partition]))),
            (Some(_), Some(_)) => Err(Problem::forbidden()),
        }
    }

    /// The one partition that a key without one means.
    pub fn partition(&self, partition: Option<String>) -> Result<String, Problem> {
        let partition = match (partition, &self.0) {
            (Some(partition), _) => partition,
            (None, Some(partitions)) => match partitions.as_slice() {
                [only] => only.clone(),
                _ => {
                    return Err(Problem::bad("you may read several partitions\nhint: name one by `partition_key`"));
                }
            },
            (None, None) => String::new(),
        };
        self.clone().narrow(Some(partition.clone()))?;
        Ok(partition)
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(Problem::forbidden)
    }
}

/// A request and what came of it, for the audit log.
#[derive(Debug, Serialize)]
struct Entry<'a> {
    /// Who asked; none without credentials, or with wrong ones.
    principal: Option<&'a str>,
    /// From where.
    address: Option<IpAddr>,
    /// The request's method.
    method: &'a str,
    /// Its path and query.
    path: &'a str,
    /// The query in SQL, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    sql: Option<&'a str>,
    /// The answer's status.
    status: u16,
    /// How many documents or rows the answer has; of a stream of changes it is not known when it begins.
    documents: Option<u64>,
    /// How long it took until the answer began.
    milliseconds: f64,
}

/// Lets a request go on, once it is known whose it is and that they did not ask for too much.
pub async fn admit(State(door): State<Arc<Door>>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let address = request.extensions().get::<Peer>().map(|peer| peer.0.ip());
    let audit = door.gate.rules().and_then(|rules| rules.audit().map(Path::to_owned));
    let (caller, mut response) = match identify(&door, &mut request, address) {
        Ok(caller) => {
            request.extensions_mut().insert(caller.clone());
            (Some(caller), next.run(request).await)
        }
        Err(refusal) => (None, refusal),
    };
    if let Some(file) = audit {
        door.audit.record(
            &file,
            &Entry {
                principal: caller.as_ref().and_then(Caller::name),
                address,
                method: method.as_str(),
                path: uri.path_and_query().map_or("", |path| path.as_str()),
                sql: response.extensions().get::<Stated>().map(|stated| stated.0.as_str()),
                status: response.status().as_u16(),
                documents: response.extensions().get::<Delivered>().map(|delivered| delivered.0),
                milliseconds: started.elapsed().as_secs_f64() * 1e3,
            },
        );
    }
    let headers = response.headers_mut();
    // Browsers may keep an answer, and ask whether it still is the one.
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("private, no-cache"));
    headers.append(VARY, HeaderValue::from_static("authorization, x-api-key"));
    response
}

#[expect(clippy::result_large_err, reason = "it is the answer")]
fn identify(door: &Door, request: &mut Request, address: Option<IpAddr>) -> Result<Caller, Response> {
    if request.uri().path_and_query().is_some_and(|text| text.as_str().len() > URI_LIMIT) {
        let message = format!("a URL has at most {URI_LIMIT} bytes");
        return Err(Problem { status: StatusCode::URI_TOO_LONG, message }.into_response());
    }
    let Some(access) = door.gate.rules() else {
        let message = "nothing may be read without a rule that allows it\nhint: start `wasmill up` with `--access FILE`, in which `[[access.read]]` allows documents and `[[access.sql]]` tables";
        return Err(Problem { status: StatusCode::FORBIDDEN, message: message.into() }.into_response());
    };
    let known = Gate::caller(&access, request).map_err(|refusal| refusal.map(Body::new));
    let name = match &known {
        Ok(Some((caller, _))) => caller.principal.to_string(),
        // A principal's name is not an address: it has no `@ ` before it.
        _ => format!("@ {}", address.map_or_else(String::new, |address| address.to_string())),
    };
    if let Some(limits) = access.limits()
        && let Err(wait) = door.limiter.check(limits, name)
    {
        let message =
            format!("more than {} requests a second\nhint: send this again after {wait} s", limits.requests_per_second);
        let mut response = Problem { status: StatusCode::TOO_MANY_REQUESTS, message }.into_response();
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait));
        return Err(response);
    }
    let known = known?.map(|(caller, credentials)| (caller, Arc::from(credentials)));
    Ok(Caller { access, known })
}
