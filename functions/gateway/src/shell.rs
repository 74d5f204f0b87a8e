//! What the shells of the gateway share: a component for each version of `wasi:http`.

use std::cell::OnceCell;
use std::time::SystemTime;

use wasmill_sdk::arrow;
use wasmill_sdk::component::set_up;

use crate::{Config, Gateway, Problem, Request, Response, Score};

thread_local! {
    static CONFIG: OnceCell<Config> = const { OnceCell::new() };
    static GATEWAY: OnceCell<Gateway> = const { OnceCell::new() };
}

/// Takes the gateway's configuration.
pub fn configure(config: &str) -> Result<(), String> {
    let config = wasmill_sdk::config::parse(config)?;
    CONFIG.with(|slot| slot.set(config)).map_err(|_| "configured twice".to_owned())
}

/// Takes the schemas of the rows that the scoring function takes and gives, as Arrow streams without rows.
pub fn bind(input: Vec<u8>, output: Vec<u8>) -> Result<(), String> {
    let (input, _) = arrow::decode(input).map_err(|err| err.to_string())?;
    // The gateway reads what it gets; this one is here to be remembered.
    arrow::decode(output).map_err(|err| err.to_string())?;
    let config = CONFIG.with(|slot| slot.get().cloned()).ok_or("called before `configure`")?;
    GATEWAY.with(|slot| slot.set(Gateway::new(config, input))).map_err(|_| "bound twice".to_owned())?;
    set_up();
    Ok(())
}

/// A request without its body.
pub fn head(method: String, target: Option<String>, headers: Vec<(String, Vec<u8>)>) -> Request {
    let target = target.unwrap_or_else(|| "/".to_owned());
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let headers = headers.into_iter();
    let headers =
        headers.map(|(name, value)| (name.to_ascii_lowercase(), String::from_utf8_lossy(&value).into_owned()));
    Request { method, path: path.to_owned(), query: query.to_owned(), headers: headers.collect(), body: Vec::new() }
}

/// Answers a request, with its body or with why that could not be read.
pub fn answer(mut request: Request, body: Result<Vec<u8>, String>, score: &mut impl Score) -> Response {
    let response = match body {
        Ok(body) => {
            request.body = body;
            let id = request.header("x-request-id").unwrap_or_default();
            GATEWAY.with(|slot| match slot.get() {
                Some(gateway) => gateway.answer(&request, id, now(), score),
                None => Problem::new(500, "this gateway was not set up: make it with `wasmill compose`").into(),
            })
        }
        Err(err) => Problem::bad(format!("the body cannot be read: {err}")).into(),
    };
    finish(&request, response)
}

/// The time, in microseconds since 1970-01-01T00:00:00Z.
pub fn now() -> i64 {
    let now = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |elapsed| elapsed.as_micros());
    i64::try_from(now).unwrap_or(i64::MAX)
}

/// A response as it goes out: with the request's id and its own length. What went wrong is logged.
pub fn finish(request: &Request, mut response: Response) -> Response {
    let id = request.header("x-request-id").map(str::to_owned);
    if response.status >= 500 {
        let shown = id.as_deref().unwrap_or("none");
        eprintln!("request {shown}: {} {}: {}", request.method, request.path, String::from_utf8_lossy(&response.body));
    }
    response.headers.extend(id.map(|id| ("x-request-id", id)));
    if request.method == "HEAD" {
        response.body.clear();
    } else {
        response.headers.push(("content-length", response.body.len().to_string()));
    }
    response
}

/// The part of a shell that differs only in the types that its bindings have: the interface `gateway` for `Shell`, the
/// scoring function it is composed with as `Scoring`, and `method_name`. In scope: `bindings`, `Shell` and `Method`.
#[macro_export]
macro_rules! shell {
    () => {
        impl bindings::exports::wasmill::pipeline::gateway::Guest for Shell {
            fn configure(config: String) -> Result<(), String> {
                $crate::shell::configure(&config)
            }

            fn bind(input: Vec<u8>, output: Vec<u8>) -> Result<(), String> {
                $crate::shell::bind(input, output)
            }
        }

        /// The scoring function that the gateway is composed with.
        struct Scoring;

        impl $crate::Score for Scoring {
            fn process(
                &mut self,
                ctx: &wasmill_sdk::Context,
                rows: Vec<u8>,
            ) -> Result<(Vec<u8>, Option<Vec<u8>>), wasmill_sdk::Failure> {
                use bindings::wasmill::pipeline::types::{Context, Failure};
                let ctx = Context { event_id: ctx.event_id.clone(), event_time: ctx.event_time, attempt: ctx.attempt };
                let output =
                    bindings::wasmill::pipeline::score::process(&ctx, &rows).map_err(|failure| match failure {
                        Failure::Reject(message) => wasmill_sdk::Failure::Reject(message),
                        Failure::Retry(message) => wasmill_sdk::Failure::Retry(message),
                        Failure::Other(message) => wasmill_sdk::Failure::Other(message),
                    })?;
                Ok((output.batch, output.rejects))
            }
        }

        $crate::method_name!();
    };
}

/// The function `method_name`. In scope: `Method`.
#[macro_export]
macro_rules! method_name {
    () => {
        fn method_name(method: Method) -> String {
            match method {
                Method::Get => "GET".to_owned(),
                Method::Head => "HEAD".to_owned(),
                Method::Post => "POST".to_owned(),
                Method::Put => "PUT".to_owned(),
                Method::Delete => "DELETE".to_owned(),
                Method::Connect => "CONNECT".to_owned(),
                Method::Options => "OPTIONS".to_owned(),
                Method::Trace => "TRACE".to_owned(),
                Method::Patch => "PATCH".to_owned(),
                Method::Other(method) => method,
            }
        }
    };
}
