//! `wasmill schema`.

use anyhow::Result;
use clap::Args;
use wasmill_api::openapi;
use wasmill_runtime::manifest;

use super::Exit;

/// Print the JSON schema of the manifest, for editors.
#[derive(Debug, Args)]
pub struct Schema {
    /// Print the OpenAPI description of how documents are read instead, for clients; `wasmill up` serves it as well.
    #[arg(long)]
    openapi: bool,
}

impl Schema {
    /// Prints it.
    pub fn run(self) -> Result<Exit> {
        let schema = if self.openapi { openapi::file() } else { serde_json::to_string_pretty(&manifest::schema())? };
        say!("{schema}")?;
        Ok(Exit::Done)
    }
}
