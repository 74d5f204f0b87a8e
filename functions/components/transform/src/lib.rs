//! The component `transform`: SQL over rows; see the crate `wasmill-transform`.

#[cfg(target_family = "wasm")]
mod threads;

wasmill_sdk::export_transform!(wasmill_transform::Sql);
