//! Components in OCI registries, where container images are: pushed, pulled, and kept on disk by digest.
//!
//! # Layout
//! - [`mod@reference`]: what `oci://HOST/NAME:TAG` names; [`digest`]: what cannot change.
//! - [`artifact`]: a component in the form that registries hold.
//! - [`client`]: asks a registry, with [`credentials`]; [`cache`]: what was pulled before.
//! - [`error`]: what can go wrong, and what to do then.
//!
//! Nothing is taken on trust: a manifest is read only if it has the digest that was asked for, a component only if it
//! has the digest that its manifest names, from the network as from the disk.

pub mod artifact;
pub mod cache;
pub mod client;
pub mod credentials;
pub mod digest;
pub mod error;
pub mod reference;

pub use cache::Cache;
pub use client::{Access, Registry};
pub use error::RegistryError;
pub use reference::Reference;
