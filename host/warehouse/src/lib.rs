//! The lake: tables that pipelines write, which any reader of the format reads as they are.
//!
//! # Layout
//! - [`delta`]: tables of Delta Lake, by the crate `deltalake`: as sinks of pipelines, and looked after;
//! - `wait`: asynchronous work where nothing else is.

pub mod delta;
mod wait;

use std::sync::Arc;

use wasmill_runtime::manifest::Id;
use wasmill_runtime::sink::{BoundSink, Sink};

/// What writes a sink's table. An error if the table is there and does not take these rows.
pub fn open(pipeline: &Id, sink: &BoundSink) -> std::io::Result<Arc<dyn Sink>> {
    Ok(Arc::new(delta::DeltaSink::open(pipeline, sink)?))
}
