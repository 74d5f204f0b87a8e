//! `wasmill push`.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;
use wasmill_registry::artifact::Artifact;
use wasmill_registry::{Reference, Registry};

use super::{Exit, Format};
use crate::registry::RegistryArgs;

/// Push a component to an OCI registry, and print its reference by digest.
///
/// It becomes an artifact that other hosts read as well: the CNCF's Wasm OCI layout. The digest depends on the
/// component alone, so a file that is pushed twice has one. Credentials are those of `docker login` (in DOCKER_CONFIG,
/// else ~/.docker), or WASMILL_REGISTRY_USER and WASMILL_REGISTRY_PASSWORD.
#[derive(Debug, Args)]
pub struct Push {
    /// The component.
    #[arg(value_name = "FILE")]
    component: PathBuf,

    /// Where to push it: `oci://HOST[:PORT]/NAME[:TAG]`; without a tag, to `latest`.
    reference: Reference,

    #[command(flatten)]
    registry: RegistryArgs,

    /// The form of the answer.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

impl Push {
    /// Pushes, and prints the reference.
    pub fn run(self) -> Result<Exit> {
        if self.reference.digest().is_some() {
            bail!("cannot push to `{}`: a digest follows from the component\nhint: name a tag", self.reference);
        }
        let file = self.component.display();
        let component = std::fs::read(&self.component).with_context(|| format!("cannot read `{file}`"))?;
        let artifact = Artifact::of(&component).with_context(|| format!("cannot push `{file}`"))?;
        let bytes = component.len();
        let registry = Registry::to_push(&self.reference, &self.registry.access()?);
        let pushed = registry.and_then(|registry| registry.push(component, artifact));
        let pushed = pushed.with_context(|| format!("cannot push to `{}`", self.reference))?;
        match self.format {
            Format::Text => say!("{pushed}")?,
            Format::Json => {
                let answer = serde_json::json!({
                    "reference": pushed.to_string(), "digest": pushed.digest(), "tag": self.reference.tag(), "bytes": bytes,
                });
                say!("{answer}")?;
            }
        }
        Ok(Exit::Done)
    }
}
