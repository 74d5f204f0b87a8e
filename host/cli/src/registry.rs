//! What commands take from registries: components, by `oci://…` in the place of a file.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser};
use wasmill_registry::credentials::Credentials;
use wasmill_registry::reference::{ReferenceError, SCHEME};
use wasmill_registry::{Access, Cache, Reference};

use crate::session::cache_folder;

/// How a registry is asked.
#[derive(Debug, Args)]
pub struct RegistryArgs {
    /// Speak plain HTTP with the registry. One on this machine (`localhost`, 127.0.0.1) is always spoken with so.
    #[arg(long, help_heading = "Registry")]
    insecure: bool,
}

impl RegistryArgs {
    /// With the user that the environment names, if it does.
    pub fn access(&self) -> Result<Access> {
        let read = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let credentials = match (read("WASMILL_REGISTRY_USER"), read("WASMILL_REGISTRY_PASSWORD")) {
            (Some(user), Some(password)) => Some(Credentials { user, password }),
            (None, None) => None,
            _ => {
                bail!("of WASMILL_REGISTRY_USER and WASMILL_REGISTRY_PASSWORD only one is set\nhint: set both, or none")
            }
        };
        Ok(Access { insecure: self.insecure, credentials })
    }
}

/// A component: a file, or what a registry has.
#[derive(Debug, Clone)]
pub enum Source {
    /// A file.
    File(PathBuf),
    /// A reference.
    Registry(Reference),
}

impl Source {
    /// Parses an argument.
    pub fn parser() -> impl TypedValueParser<Value = Self> {
        OsStringValueParser::new().try_map(|text: OsString| match text.to_str() {
            Some(text) if text.starts_with(SCHEME) => Ok(Self::Registry(text.parse()?)),
            _ => Ok::<_, ReferenceError>(Self::File(text.into())),
        })
    }

    /// The component. What a registry has is kept in the cache; what a tag names is said.
    pub fn read(&self, registry: &RegistryArgs) -> Result<Vec<u8>> {
        match self {
            Self::File(path) if path.is_dir() => {
                let path = path.display();
                bail!("`{path}` is a folder\nhint: `wasmill compose {path}` makes a pipeline one file")
            }
            Self::File(path) => std::fs::read(path).with_context(|| format!("cannot read `{}`", path.display())),
            Self::Registry(reference) => {
                let kept = cache()?.component(reference, &registry.access()?);
                let kept = kept.with_context(|| format!("cannot pull `{reference}`"))?;
                if reference.digest().is_none() {
                    eprintln!("{reference} is {}", kept.reference);
                }
                Ok(kept.component)
            }
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Registry(reference) => reference.fmt(f),
        }
    }
}

/// The file with a component that a manifest names. Only a digest names the same one tomorrow; and it is Docker's
/// credentials that are used, which belong to a registry, because who wrote the manifest chose it.
pub fn fetch(text: &str) -> Result<PathBuf> {
    let reference: Reference = text.parse()?;
    if reference.digest().is_none() {
        bail!(
            "a tag may name another component tomorrow\nhint: name it by digest, `oci://…@sha256:…`; `wasmill pull` prints it"
        );
    }
    Ok(cache()?.component(&reference, &Access::default())?.path)
}

fn cache() -> Result<Cache> {
    Ok(Cache::new(cache_folder()?.join("registry")))
}
