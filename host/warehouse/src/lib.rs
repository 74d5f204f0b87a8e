//! The lake and the databases: tables that pipelines write, which any reader of the format reads as they are, and tables that
//! they read.
//!
//! # Layout
//! - [`delta`]: tables of Delta Lake, by the crate `deltalake`: as sinks of pipelines, and looked after;
//! - `postgres`: tables of PostgreSQL as sinks;
//! - [`Tables`]: tables that transforms join with, of a lake or of `databases`; `extract`: the same as objects to run;
//! - [`query`]: all of it asked in SQL; [`wire`]: by PostgreSQL's clients; [`measures`]: by the names of a semantic model;
//! - [`explain`]: why a number moved;
//! - `wait`: asynchronous work where nothing else is.

mod databases;
pub mod delta;
pub mod explain;
mod extract;
pub mod measures;
mod postgres;
pub mod query;
mod tables;
mod wait;
pub mod wire;

use std::sync::Arc;

use wasmill_runtime::manifest::Id;
use wasmill_runtime::plan::SinkTable;
use wasmill_runtime::sink::{BoundSink, Sink};

pub use extract::check_band;
pub use tables::Tables;

/// What writes a sink's table. An error if the table is there and does not take these rows.
pub fn open(pipeline: &Id, sink: &BoundSink) -> std::io::Result<Arc<dyn Sink>> {
    Ok(match &sink.plan.table {
        SinkTable::Delta { location, .. } => Arc::new(delta::DeltaSink::open(pipeline, sink, location)?),
        SinkTable::Postgres { url, table } => Arc::new(postgres::PostgresSink::open(pipeline, sink, url, table)?),
    })
}
