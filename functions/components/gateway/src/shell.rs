//! Between `wasi:http` and the router.

use std::cell::OnceCell;
use std::time::SystemTime;

use wasmill_gateway::{Config, Gateway, Request, Response, Score};
use wasmill_sdk::{Context, Failure, arrow};

use self::bindings::exports::wasi::http::incoming_handler::Guest as Handler;
use self::bindings::exports::wasmill::pipeline::gateway::Guest;
use self::bindings::wasi::http::types::{
    Fields, IncomingBody, IncomingRequest, Method, OutgoingBody, OutgoingResponse, ResponseOutparam,
};
use self::bindings::wasi::io::streams::{OutputStream, StreamError};
use self::bindings::wasmill::pipeline::score;
use self::bindings::wasmill::pipeline::types as wit;

mod bindings {
    wit_bindgen::generate!({ world: "scoring-gateway", path: "../../../wit", generate_all });
}

/// How much of a body is read at once, in bytes.
const CHUNK: u64 = 1 << 20;

thread_local! {
    static CONFIG: OnceCell<Config> = const { OnceCell::new() };
    static GATEWAY: OnceCell<Gateway> = const { OnceCell::new() };
}

struct Shell;

bindings::export!(Shell with_types_in bindings);

impl Guest for Shell {
    fn configure(config: String) -> Result<(), String> {
        let config = wasmill_sdk::config::parse(&config)?;
        CONFIG.with(|slot| slot.set(config)).map_err(|_| "configured twice".to_owned())
    }

    fn bind(input: Vec<u8>) -> Result<(), String> {
        let (input, _) = arrow::decode(input).map_err(|err| err.to_string())?;
        let config = CONFIG.with(|slot| slot.get().cloned()).ok_or("called before `configure`")?;
        GATEWAY.with(|slot| slot.set(Gateway::new(config, input))).map_err(|_| "bound twice".to_owned())
    }
}

impl Handler for Shell {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let response = GATEWAY.with(|slot| match slot.get() {
            Some(gateway) => answer(gateway, &request),
            None => {
                wasmill_gateway::Problem::new(500, "this gateway was not set up: make it with `wasmill compose`").into()
            }
        });
        drop(request);
        send(response, out);
    }
}

/// The scoring function that the gateway is composed with.
struct Scoring;

impl Score for Scoring {
    fn process(&mut self, ctx: &Context, rows: Vec<u8>) -> Result<(Vec<u8>, Option<Vec<u8>>), Failure> {
        let ctx = wit::Context { event_id: ctx.event_id.clone(), event_time: ctx.event_time, attempt: ctx.attempt };
        let output = score::process(&ctx, &rows).map_err(|failure| match failure {
            wit::Failure::Reject(message) => Failure::Reject(message),
            wit::Failure::Retry(message) => Failure::Retry(message),
            wit::Failure::Other(message) => Failure::Other(message),
        })?;
        Ok((output.batch, output.rejects))
    }
}

fn answer(gateway: &Gateway, incoming: &IncomingRequest) -> Response {
    let method = match incoming.method() {
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
    };
    let target = incoming.path_with_query().unwrap_or_else(|| "/".to_owned());
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let (path, query) = (path.to_owned(), query.to_owned());
    let headers = incoming.headers().entries().into_iter();
    let headers =
        headers.map(|(name, value)| (name.to_ascii_lowercase(), String::from_utf8_lossy(&value).into_owned()));
    let mut request = Request { method, path, query, headers: headers.collect(), body: Vec::new() };
    let id = request.header("x-request-id").map(str::to_owned);
    let now = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |elapsed| elapsed.as_micros());
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    let mut response = match read(incoming) {
        Ok(body) => {
            request.body = body;
            gateway.answer(&request, id.as_deref().unwrap_or_default(), now, &mut Scoring)
        }
        Err(err) => wasmill_gateway::Problem::bad(format!("the body cannot be read: {err}")).into(),
    };
    if response.status >= 500 {
        let shown = id.as_deref().unwrap_or("none");
        eprintln!("request {shown}: {} {}: {}", request.method, request.path, String::from_utf8_lossy(&response.body));
    }
    response.headers.extend(id.map(|id| ("x-request-id", id)));
    if request.method == "HEAD" {
        response.body.clear();
    }
    response
}

fn read(request: &IncomingRequest) -> Result<Vec<u8>, String> {
    let body = request.consume().map_err(|()| "it was read before")?;
    let mut bytes = Vec::new();
    let stream = body.stream().map_err(|()| "it was read before")?;
    loop {
        match stream.blocking_read(CHUNK) {
            Ok(chunk) if bytes.is_empty() => bytes = chunk,
            Ok(chunk) => bytes.extend(chunk),
            Err(StreamError::Closed) => break,
            Err(StreamError::LastOperationFailed(err)) => return Err(err.to_debug_string()),
        }
    }
    drop(stream);
    IncomingBody::finish(body);
    Ok(bytes)
}

fn send(response: Response, out: ResponseOutparam) {
    let headers = Fields::new();
    for (name, value) in &response.headers {
        // A request id that is no header's value is left out; the others always are.
        let _ = headers.append(&(*name).to_owned(), &value.clone().into_bytes());
    }
    let _ = headers.append(&"content-length".to_owned(), &response.body.len().to_string().into_bytes());
    let outgoing = OutgoingResponse::new(headers);
    // 200 is what it has.
    let _ = outgoing.set_status_code(response.status);
    let Ok(body) = outgoing.body() else { return };
    ResponseOutparam::set(out, Ok(outgoing));
    // Who hung up does not hear the rest.
    if let Ok(stream) = body.write() {
        let _ = write(&stream, &response.body);
    }
    let _ = OutgoingBody::finish(body, None);
}

fn write(stream: &OutputStream, mut bytes: &[u8]) -> Result<(), StreamError> {
    // What a host must take at once.
    const ATOMIC: usize = 4096;
    while let Some((chunk, rest)) =
        bytes.split_at_checked(bytes.len().min(ATOMIC)).filter(|(chunk, _)| !chunk.is_empty())
    {
        stream.blocking_write_and_flush(chunk)?;
        bytes = rest;
    }
    Ok(())
}
