//! Runs Wasmill pipelines: a manifest becomes a plan, a plan becomes a pipeline, and a pipeline takes events.
//!
//! # Layout
//! - [`manifest`]: what a user types; [`plan`]: what will be done; [`toml_file`]: from a file to a type;
//!   [`diagnostics`]: what is wrong with it.
//! - [`engine`]: compiles components, with [`code_cache`] on disk; [`sandbox`]: where one instance runs, with
//!   what it may reach in [`capability`].
//! - [`function`]: components of the four kinds, and their instances; [`failure`]: how a call ends badly;
//!   [`rows`]: the Arrow that goes between them.
//! - [`bake`]: functions that were set up become components of their own.
//! - [`compose`]: baked functions and a gateway become one component for any WASI host; [`endpoint`]: which ones.
//! - [`pipeline`]: functions, tables and schemas put together; [`run`]: an event goes through.
//! - [`sink`]: tables that rows are written to; [`table_source`]: tables that are read to join with. Others know them.
//! - [`event`]: what a pipeline runs for; [`documents`]: the embedded document database, one of our
//!   files of [`sqlite`].
//! - [`outbound`]: where functions may send requests, and what sends them.
//! - [`metering`]: what events use that is paid for.
//! - [`backoff`]: how long to wait before another attempt; [`permits`]: how many may do something at once.
//! - [`crash`]: points at which tests end the process.
//! - [`portable`]: whether a component runs on other hosts.

pub mod backoff;
pub mod bake;
#[expect(missing_docs, reason = "generated; the documentation is in wit/pipeline.wit")]
pub mod bindings;
pub mod capability;
pub mod code_cache;
pub mod compose;
mod core_modules;
pub mod crash;
pub mod diagnostics;
pub mod documents;
pub mod endpoint;
pub mod engine;
pub mod event;
pub mod failure;
pub mod function;
pub mod manifest;
pub mod metering;
pub mod outbound;
pub mod permits;
pub mod pipeline;
pub mod plan;
pub mod portable;
pub mod rows;
pub mod run;
pub mod sandbox;
pub mod sink;
pub mod sqlite;
pub mod store;
pub mod table_source;
pub mod toml_file;
