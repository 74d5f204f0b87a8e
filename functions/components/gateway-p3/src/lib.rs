//! The component `gateway-p3` for WASI 0.3: HTTP requests to the router of the crate `wasmill-gateway`.

#[cfg(target_family = "wasm")]
mod shell;
