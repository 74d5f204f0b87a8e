//! `wasmill inspect`.

use anyhow::{Context, Result};
use clap::Args;
use wasmill_runtime::portable::Survey;

use super::Exit;
use crate::registry::{RegistryArgs, Source};
use crate::session::code_cache;
use crate::text;

/// Look at components: size, interfaces, and whether other hosts can run them.
///
/// Ends with 1 if one imports what is neither WASI's nor Wasmill's, or exceeds the default limits of
/// `wasmtime serve`.
#[derive(Debug, Args)]
pub struct Inspect {
    /// The components: files, or what registries have, `oci://HOST/NAME@sha256:…` (or `:TAG`).
    #[arg(required = true, value_name = "FILE", value_parser = Source::parser())]
    components: Vec<Source>,

    #[command(flatten)]
    registry: RegistryArgs,
}

impl Inspect {
    /// Prints what each is.
    pub fn run(self) -> Result<Exit> {
        let mut exit = Exit::Done;
        for component in &self.components {
            let context = || format!("cannot inspect `{component}`");
            let bytes = component.read(&self.registry).with_context(context)?;
            let survey = Survey::of(&bytes, Some(code_cache()?)).map_err(anyhow::Error::from).with_context(context)?;
            say!("{component}: {} bytes", text::count(bytes.len() as u64))?;
            say!("  exports: {}", survey.exports.join(", "))?;
            say!("  imports: {}", survey.imports.join(", "))?;
            let foreign: Vec<&str> = survey.foreign_imports().collect();
            if !foreign.is_empty() {
                exit = Exit::Failures;
                say!("  not portable: it imports {}", foreign.join(", "))?;
            }
            match survey.too_large {
                None => say!("  within the default limits of wasmtime serve")?,
                Some(reason) => {
                    exit = Exit::Failures;
                    say!("  over the default limits of wasmtime serve: {reason}")?;
                }
            }
        }
        Ok(exit)
    }
}
