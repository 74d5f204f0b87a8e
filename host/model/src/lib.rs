//! The semantic model: tables, relationships, dimensions and measures in one TOML file. Whoever asks names measures and
//! dimensions; the SQL is written here, and is right also where a join of everything would count rows several times.
//!
//! It knows no engine: [`Model::parse`] makes a [`Model`] of text, and [`Model::sql`] a [`Statement`] of a [`Query`].
//!
//! # Layout
//! - [`model`]: what a model is; [`parse`](crate::Model::parse) and its parts: from text to it, with every [`Problem`].
//! - [`query`]: what is asked, as JSON has it.
//! - [`security`]: which rows somebody sees; `sql_text`: whether SQL in a model is what it seems to be.
//! - `paths`: along which relationships a table comes to a dimension.
//! - `values`, [`arithmetic`]: which aggregates a measure is computed of, and how.
//! - `resolve`: a query with its names looked up; `sql`: the statement for it, part by part; [`dialect`]: for which engine.
//! - `probe`: what an engine has to be asked of a model, for it to be known to be right.

pub mod arithmetic;
mod dates;
pub mod dialect;
pub mod error;
pub mod model;
mod parse;
mod paths;
mod probe;
mod problem;
pub mod query;
mod resolve;
pub mod security;
mod sql;
mod sql_text;
mod values;

pub use dialect::Dialect;
pub use error::QueryError;
pub use model::Model;
pub use probe::Probe;
pub use problem::Problem;
pub use query::Query;
pub use security::{Attribute, Attributes};
pub use sql::{Column, Statement};
