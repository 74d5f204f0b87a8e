//! The component `events` for WASI 0.2: HTTP requests to the gateway of the crate `wasmill-events`, and from there to the
//! steps of a pipeline.

#[cfg(target_family = "wasm")]
mod chain;
#[cfg(target_family = "wasm")]
mod shell;
