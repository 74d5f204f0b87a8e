//! Adapters of document databases: what functions write to `documents` (`wit/pipeline.wit`) becomes requests to a database
//! that is reached over HTTP, or statements to one that the host has. An adapter sees the database's address and the
//! settings that are its secrets.
//!
//! - [`cosmos`]: Azure Cosmos DB for NoSQL.
//! - [`couch`]: Apache CouchDB.
//! - [`spin`]: the SQLite that Spin has for its components.
//!
//! A database that keeps a version of its own for each document (an ETag, a revision) but does not know ours is written to
//! in two steps: what is there is read, which decides what wins ([`wasmill_settle`]), and written on condition that it
//! still is what was read. A document carries what decides, in a property of its own ([`stamp`]).
//!
//! # Layout
//! - [`stamp`]: what a document carries.
//! - [`web`]: requests, and time.
//! - [`cosmos`], [`couch`], [`spin`]: one database each.

pub mod cosmos;
pub mod couch;
pub mod spin;
pub mod stamp;
pub mod web;
