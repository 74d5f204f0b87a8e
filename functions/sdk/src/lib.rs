//! Write a Wasmill function as plain Rust over Arrow record batches.
//!
//! A function is a type that implements the trait of its kind ([`Ingest`], [`Transform`], [`Score`] or
//! [`Publish`]), and one macro that makes a component of it. Everything of the component model (Arrow IPC,
//! configuration, failures, rejects) stays in this crate, so the type itself is tested natively.
//!
//! ```
//! use arrow_array::{Float64Array, RecordBatch, cast::AsArray, types::Float64Type};
//! use serde::Deserialize;
//! use std::sync::Arc;
//! use wasmill_sdk::{Context, Failure, Output, Transform};
//!
//! /// Multiplies a column.
//! struct Scale(Config);
//!
//! #[derive(Deserialize)]
//! #[serde(deny_unknown_fields)]
//! struct Config {
//!     column: String,
//!     factor: f64,
//! }
//!
//! impl Transform for Scale {
//!     type Config = Config;
//!
//!     fn configure(config: Config) -> Result<Self, String> {
//!         Ok(Self(config))
//!     }
//!
//!     fn process(&mut self, _: &Context, rows: RecordBatch) -> Result<Output, Failure> {
//!         let index = rows.schema().index_of(&self.0.column).map_err(|err| Failure::Reject(err.to_string()))?;
//!         let mut columns = rows.columns().to_vec();
//!         let scaled: Float64Array = columns[index].as_primitive::<Float64Type>().unary(|value| value * self.0.factor);
//!         columns[index] = Arc::new(scaled);
//!         Ok(RecordBatch::try_new(rows.schema(), columns).map_err(|err| Failure::Other(err.to_string()))?.into())
//!     }
//! }
//!
//! wasmill_sdk::export_transform!(Scale);
//! ```
//!
//! # Layout
//! - [`types`]: what every kind uses: context, output, failure.
//! - [`rejects`]: rows that do not go on, and the row numbers that name them.
//! - [`arrow`]: Arrow IPC, the form of data between steps.
//! - [`ingest`], [`transform`], [`score`], [`publish`]: one kind each, a trait and a macro.
//! - `documents` (with the feature `http`): what adapts a document database, a trait and a macro.
//! - [`host`]: what a function may ask of its host.
//! - `http` (a feature): HTTP requests to where the manifest grants.
//! - [`config`]: configurations, JSON in the function's own type.
//! - `allocator`: keeps what is freed out of what is baked.
//! - [`bindings`]: generated from `wit/`; used by the macros.

#[cfg(target_family = "wasm")]
mod allocator;
pub mod arrow;
#[expect(missing_docs, reason = "generated; the documentation is in wit/pipeline.wit")]
pub mod bindings;
#[doc(hidden)]
pub mod component;
pub mod config;
#[cfg(feature = "http")]
pub mod documents;
pub mod host;
#[cfg(feature = "http")]
pub mod http;
pub mod ingest;
pub mod publish;
pub mod rejects;
pub mod score;
pub mod transform;
pub mod types;

/// In a component; natively the standard one is left alone.
#[cfg(target_family = "wasm")]
#[global_allocator]
static ALLOCATOR: allocator::Forgetful = allocator::Forgetful;

pub use host::{Document, Documents, Source, SourceReader, Written, setting};
pub use ingest::{Decoder, Ingest, Part, Splitter};
pub use publish::{Publish, Receipt};
pub use rejects::{ROW, Rejects, RowNumbers, row_field};
pub use score::{Model, Score, Tensor};
pub use transform::{Scope, Transform};
pub use types::{Context, Failure, Output};
