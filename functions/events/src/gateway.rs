//! What a request asks for, and the answer.

use serde_json::{Value, json};
use wasmill_gateway::{Problem, Request, Response};

use crate::config::Config;
use crate::event;
use crate::run::{Chain, Failed, Report, run};

/// Where events go.
const EVENTS: &str = "/v1/events";

/// Answers a request. `now` is in microseconds since 1970-01-01T00:00:00Z, and `fresh` a random number.
pub fn answer(config: &Config, request: Request, now: i64, fresh: u128, chain: &mut impl Chain) -> Response {
    route(config, request, now, fresh, chain).unwrap_or_else(Response::from)
}

/// Why a body of this length is not taken, if it is not.
pub fn too_long(config: &Config, length: usize) -> Result<(), Problem> {
    if length <= config.body_limit {
        return Ok(());
    }
    Err(Problem::new(413, format!("a body has at most {} bytes", config.body_limit)))
}

fn route(
    config: &Config,
    mut request: Request,
    now: i64,
    fresh: u128,
    chain: &mut impl Chain,
) -> Result<Response, Problem> {
    match (request.path.as_str(), request.method.as_str()) {
        (EVENTS, "POST") => {
            too_long(config, request.body.len())?;
            let event = event::read(&mut request, now, fresh)?;
            let id = event.id.clone();
            match run(config, event, chain) {
                Ok(report) => Ok(Response::json(&described(&id, &report))),
                Err(failed) => Err(problem(&id, failed)),
            }
        }
        (EVENTS, "OPTIONS") if request.header("webhook-request-origin").is_some() => Ok(allowed(&request)),
        ("/" | "/healthz", "GET" | "HEAD") => {
            Ok(Response::json(&json!({ "pipeline": config.pipeline, "events": format!("POST {EVENTS}") })))
        }
        (EVENTS, _) => Err(not_taken(&request, "POST")),
        ("/" | "/healthz", _) => Err(not_taken(&request, "GET")),
        (path, _) => Err(Problem::new(404, format!("there is nothing at `{path}`; events go to `{EVENTS}`"))),
    }
}

fn described(id: &str, report: &Report) -> Value {
    let written = &report.written;
    json!({
        "event": id,
        "rows": report.rows,
        "rejected": report.rejects.count,
        "rejects": report.rejects.shown,
        "documents": {
            "inserted": written.inserted,
            "replaced": written.replaced,
            "deleted": written.deleted,
            "unchanged": written.unchanged,
            "stale": written.stale,
            "duplicates": written.duplicates,
            "charge": written.charge,
        },
    })
}

fn problem(id: &str, Failed { step, failure }: Failed<'_>) -> Problem {
    let mut problem = Problem::from(failure);
    problem.message = format!("event `{id}`, step `{step}`: {}", problem.message);
    problem
}

fn not_taken(request: &Request, method: &'static str) -> Problem {
    let message = format!("`{}` takes {method}, not {}", request.path, request.method);
    Problem::new(405, message).with("allow", method)
}

/// The answer to the handshake of CloudEvents' web hooks.
fn allowed(request: &Request) -> Response {
    let origin = request.header("webhook-request-origin").unwrap_or("*").to_owned();
    let headers = vec![("webhook-allowed-origin", origin), ("webhook-allowed-rate", "*".to_owned())];
    Response { status: 200, headers, body: Vec::new() }
}
