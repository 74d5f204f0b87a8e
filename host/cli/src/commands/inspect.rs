//! `wasmill inspect`.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use wasmill_runtime::portable::Survey;

use super::Exit;
use crate::session::code_cache;
use crate::text;

/// Look at components: size, interfaces, and whether other hosts can run them.
///
/// Ends with 1 if one imports what is neither WASI's nor Wasmill's, or exceeds the default limits of
/// `wasmtime serve`.
#[derive(Debug, Args)]
pub struct Inspect {
    /// The components.
    #[arg(required = true, value_name = "FILE")]
    components: Vec<PathBuf>,
}

impl Inspect {
    /// Prints what each is.
    pub fn run(self) -> Result<Exit> {
        let mut exit = Exit::Done;
        for path in &self.components {
            let context = || format!("cannot inspect `{}`", path.display());
            let bytes = std::fs::read(path).with_context(context)?;
            let survey = Survey::of(&bytes, Some(code_cache()?)).map_err(anyhow::Error::from).with_context(context)?;
            say!("{}: {} bytes", path.display(), text::count(bytes.len() as u64))?;
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
