//! The component `gateway` for WASI 0.2: HTTP requests to the router of the crate `wasmill-gateway`.

#[cfg(target_family = "wasm")]
mod shell;
