//! `wasmill pull`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use wasmill_registry::{Reference, Registry};

use super::{Exit, Format};
use crate::registry::RegistryArgs;
use crate::text;

/// Pull a component from an OCI registry into a file, and print its reference by digest.
///
/// The file is written once all of it is there and has the digest that its manifest says; one that was there is
/// replaced. What is no component, such as a container image, is refused. Credentials are those of `docker login` (in
/// DOCKER_CONFIG, else ~/.docker), or WASMILL_REGISTRY_USER and WASMILL_REGISTRY_PASSWORD.
#[derive(Debug, Args)]
pub struct Pull {
    /// What to pull: `oci://HOST[:PORT]/NAME[:TAG]` or `oci://HOST[:PORT]/NAME@sha256:…`.
    reference: Reference,

    /// Where to write it [default: NAME.wasm, of the last part of NAME].
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,

    #[command(flatten)]
    registry: RegistryArgs,

    /// The form of the answer.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

impl Pull {
    /// Pulls, and prints the reference.
    pub fn run(self) -> Result<Exit> {
        let registry = Registry::to_pull(&self.reference, &self.registry.access()?);
        let pulled = registry.and_then(|registry| registry.pull());
        let (reference, component) = pulled.with_context(|| format!("cannot pull `{}`", self.reference))?;
        let name = reference.name().rsplit('/').next().unwrap_or_default();
        let to = self.to.unwrap_or_else(|| format!("{name}.wasm").into());
        let file = to.display();
        replace(&to, &component).with_context(|| format!("cannot write `{file}`"))?;
        let bytes = component.len();
        match self.format {
            Format::Text => {
                eprintln!("{file}: {} bytes", text::count(bytes as u64));
                say!("{reference}")?;
            }
            Format::Json => {
                let answer = serde_json::json!({
                    "reference": reference.to_string(), "digest": reference.digest(), "file": to, "bytes": bytes,
                });
                say!("{answer}")?;
            }
        }
        Ok(Exit::Done)
    }
}

/// Writes a file beside, and puts it in the place of the one that was there.
fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    // As any other new file: temporary ones are for their owner alone.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(content)?;
    file.persist(path)?;
    Ok(())
}
