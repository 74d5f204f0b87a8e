//! Who may call what Wasmill serves. A caller is a [`Principal`], whatever it calls and however it shows who it is, so
//! every interface that is served takes its callers from here. Nothing in this crate knows HTTP but the form of paths.
//!
//! # Layout
//! - [`access`]: the rules, checked; [`config`]: as they are typed in `access.toml`.
//! - [`principal`]: a caller's name; [`path`]: what it may call.
//! - [`reading`]: who may read which documents; [`tables`]: which rows of which tables; [`audience`]: for whom a rule is.
//! - [`key`]: API keys; [`scram`]: keys that are shown and not told; [`token`]: JWTs, verified by ring in [`signature`].
//! - [`live`]: what is read from files again while a server runs.

pub mod access;
pub mod audience;
pub mod audit;
pub mod config;
pub mod key;
pub mod live;
pub mod path;
pub mod principal;
pub mod reading;
pub mod scram;
pub mod signature;
pub mod tables;
pub mod token;

pub use access::{Access, Holder, Refused};
pub use principal::Principal;
pub use reading::{Caller, Readable};
pub use tables::Rows;
