//! What the component of the gateway calls.

use std::cell::OnceCell;

use wasmill_gateway::{Problem, Request, Response};
use wasmill_sdk::component::set_up;

use crate::{Chain, Config, gateway};

thread_local! {
    static CONFIG: OnceCell<Config> = const { OnceCell::new() };
}

/// Takes the gateway's configuration.
pub fn configure(config: &str) -> Result<(), String> {
    let config = wasmill_sdk::config::parse(config)?;
    CONFIG.with(|slot| slot.set(config).map_err(|_| "configured twice".to_owned()))?;
    set_up();
    Ok(())
}

/// Answers a request. `body` reads at most one byte more than it is told; `fresh` gives random numbers.
pub fn answer(
    mut request: Request,
    body: impl FnOnce(usize) -> Result<Vec<u8>, String>,
    fresh: impl FnOnce() -> u128,
    chain: &mut impl Chain,
) -> Response {
    let respond = |request: &mut Request| -> Result<Response, Problem> {
        let Some(config) = CONFIG.with(|slot| slot.get().cloned()) else {
            return Err(Problem::new(500, "this gateway was not set up: make it with `wasmill compose`"));
        };
        let length = request.header("content-length").and_then(|length| length.parse().ok());
        gateway::too_long(&config, length.unwrap_or(0))?;
        let bytes = body(config.body_limit).map_err(|err| Problem::bad(format!("the body cannot be read: {err}")))?;
        let whole = Request { body: bytes, ..request.clone() };
        Ok(gateway::answer(&config, whole, wasmill_gateway::shell::now(), fresh(), chain))
    };
    let response = respond(&mut request).unwrap_or_else(Response::from);
    wasmill_gateway::shell::finish(&request, response)
}
