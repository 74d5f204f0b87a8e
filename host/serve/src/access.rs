//! Who may call over HTTP: credentials are taken out of a request, and what goes on says whose they were.

use std::sync::Arc;

use http::header::{AUTHORIZATION, HeaderName, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use wasmill_access::live::Live;
use wasmill_access::{Access, Caller, Principal};
use wasmtime_wasi_http::WasiBody;

use crate::service::problem;

/// Tells the component whose request it is. What a client sends by this name is dropped.
pub const PRINCIPAL: HeaderName = HeaderName::from_static("x-wasmill-principal");

/// An API key, for clients that cannot set `Authorization`.
const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// How to show who one is (RFC 6750).
const CHALLENGE: HeaderValue = HeaderValue::from_static("Bearer realm=\"wasmill\"");
const CHALLENGE_AGAIN: HeaderValue = HeaderValue::from_static("Bearer realm=\"wasmill\", error=\"invalid_token\"");

/// Lets requests in.
#[derive(Debug, Clone)]
pub struct Gate(Option<Live<Access>>);

impl Gate {
    /// By these rules. Without any, everyone may call everything, and headers with credentials go to the component.
    pub fn new(rules: Option<Live<Access>>) -> Self {
        Self(rules)
    }

    /// Whose request it is, if that matters, and the answer to it if it may not go on.
    pub fn admit<B>(&self, request: &mut Request<B>) -> (Option<Principal>, Result<(), Response<WasiBody>>) {
        request.headers_mut().remove(PRINCIPAL);
        let Some(rules) = &self.0 else { return (None, Ok(())) };
        let access = rules.get();
        let credentials = take_credentials(request.headers_mut());
        let path = request.uri().path();
        if access.is_public(path) {
            return (None, Ok(()));
        }
        let principal = match caller(&access, credentials) {
            Ok(Some((caller, _))) => caller.principal,
            Ok(None) => return (None, Err(no_credentials())),
            Err(refusal) => return (None, Err(refusal)),
        };
        if !access.may(&principal, path) {
            let message = format!("`{principal}` may not call `{path}`");
            return (Some(principal), Err(problem(StatusCode::FORBIDDEN, &message)));
        }
        match HeaderValue::from_str(principal.as_str()) {
            Ok(name) => {
                request.headers_mut().insert(PRINCIPAL, name);
                (Some(principal), Ok(()))
            }
            Err(err) => (Some(principal), Err(problem(StatusCode::INTERNAL_SERVER_ERROR, &err.to_string()))),
        }
    }

    /// The rules, if there are any.
    pub fn rules(&self) -> Option<Arc<Access>> {
        self.0.as_ref().map(Live::get)
    }

    /// Takes the credentials out of a request. Whose they are, and they themselves; none if there are none; the answer to the
    /// request if they are not right.
    #[expect(clippy::result_large_err, reason = "it is the answer")]
    pub fn caller<B>(
        access: &Access,
        request: &mut Request<B>,
    ) -> Result<Option<(Caller, String)>, Response<WasiBody>> {
        request.headers_mut().remove(PRINCIPAL);
        caller(access, take_credentials(request.headers_mut()))
    }
}

/// The answer to a request that needs credentials and has none.
pub fn no_credentials() -> Response<WasiBody> {
    let message = "no credentials: send a key or a token as `Authorization: Bearer …`, or a key as `X-API-Key`";
    unauthorized(CHALLENGE, message)
}

#[expect(clippy::result_large_err, reason = "it is the answer")]
fn caller(
    access: &Access,
    credentials: Result<Option<String>, &'static str>,
) -> Result<Option<(Caller, String)>, Response<WasiBody>> {
    match credentials {
        Ok(None) => Ok(None),
        Ok(Some(given)) => match access.caller(&given) {
            Ok(caller) => Ok(Some((caller, given))),
            Err(err) => Err(unauthorized(CHALLENGE_AGAIN, &err.to_string())),
        },
        Err(message) => Err(unauthorized(CHALLENGE_AGAIN, message)),
    }
}

/// Removes the headers that credentials are in; what they say, or what is wrong with them.
fn take_credentials(headers: &mut HeaderMap) -> Result<Option<String>, &'static str> {
    let mut given = Vec::new();
    for name in [AUTHORIZATION, API_KEY] {
        given.extend(headers.get_all(&name).iter().map(|value| (name.clone(), value.clone())));
        headers.remove(name);
    }
    let [(name, value)] = given.as_slice() else {
        return if given.is_empty() { Ok(None) } else { Err("credentials are given more than once") };
    };
    let value = value.to_str().map_err(|_| "credentials are not ASCII")?;
    if *name == API_KEY {
        return Ok(Some(value.to_owned()));
    }
    match value.split_once(' ') {
        Some((scheme, credentials)) if scheme.eq_ignore_ascii_case("bearer") => Ok(Some(credentials.trim().to_owned())),
        _ => Err("the scheme of `Authorization` is not `Bearer`"),
    }
}

fn unauthorized(challenge: HeaderValue, message: &str) -> Response<WasiBody> {
    let mut response = problem(StatusCode::UNAUTHORIZED, message);
    response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    response
}
