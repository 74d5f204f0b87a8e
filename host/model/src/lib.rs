//! The semantic model: tables, relationships, dimensions and measures in one TOML file. Whoever asks names measures and
//! dimensions; the SQL is written here, and is right also where a join of everything would count rows several times.
//!
//! It knows no engine: [`Model::parse`] makes a [`Model`] of text, and [`Model::sql`] a [`Statement`] of a [`Query`].
//!
//! ```
//! use wasmill_model::{Attributes, Dialect, Model, Query};
//!
//! let model = Model::parse(r#"
//! version = 1
//! name = "shop"
//!
//! [tables.orders]
//! sql_table = "sales.orders"
//! security = "tenant = '{tenant}'"
//!
//! [tables.customers]
//! primary_key = "id"
//!
//! [[relationships]]
//! from = "orders"
//! to = "customers"
//! keys = { customer_id = "id" }
//!
//! [dimensions.country]
//! table = "customers"
//!
//! [measures.revenue]
//! aggregate = "sum"
//! table = "orders"
//! sql = "price * quantity"
//! filter = "status <> 'cancelled'"
//! format = "currency:EUR"
//! "#).map_err(|problems| problems.iter().map(ToString::to_string).collect::<String>())?;
//! let query: Query = serde_json::from_str(r#"{ "measures": ["revenue"], "dimensions": ["country"] }"#)?;
//! let attributes: Attributes = serde_json::from_str(r#"{ "tenant": "acme" }"#)?;
//! let statement = model.sql(&query, &attributes, Dialect::DataFusion)?;
//! assert!(statement.sql.contains("WHERE (tenant = 'acme')"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is right about the answers
//! - A measure is given by dimensions of its own table, and of tables that many of its rows lead to one row of. By others it
//!   is refused, for its rows would become several (fan-out). Tables with measures meet when they are aggregated (the
//!   chasm trap). The primary keys that this relies on are what [`Model::probes`] asks an engine of.
//! - A sum and a count of no rows are 0, the least, the greatest and the mean of none are null; `missing` says otherwise. A
//!   ratio is of aggregates, and null where it would divide by 0.
//! - Measures along time are of whole periods, of which those without rows count as nothing: 0 to sums and counts. They are
//!   of all rows, not only of those in the time range, which says which periods are answered. Without a range those are the
//!   periods from the first that has rows to the last.
//! - `security` is applied wherever a table is read, and hides the rows that lead to a hidden row too: totals are of what
//!   somebody sees.
//!
//! # Layout
//! - [`model`]: what a model is; [`parse`](crate::Model::parse) and its parts: from text to it, with every [`Problem`].
//! - [`query`]: what is asked, as JSON has it.
//! - [`security`]: which rows somebody sees; `sql_text`: whether SQL in a model is what it seems to be.
//! - `paths`: along which relationships a table comes to a dimension.
//! - `values`, [`arithmetic`]: which aggregates a measure is computed of, and how.
//! - [`Additive`]: what adds up of a measure, so that a change of it can be explained.
//! - `resolve`: a query with its names looked up; `sql`: the statement for it, part by part; [`dialect`]: for which engine.
//! - `probe`: what an engine has to be asked of a model, for it to be known to be right.

mod additive;
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

pub use additive::Additive;
pub use dialect::Dialect;
pub use error::QueryError;
pub use model::Model;
pub use probe::Probe;
pub use problem::Problem;
pub use query::Query;
pub use security::{Attribute, Attributes};
pub use sql::{Column, Statement};
