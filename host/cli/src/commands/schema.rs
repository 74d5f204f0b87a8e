//! `wasmill schema`.

use anyhow::Result;
use clap::Args;
use wasmill_runtime::manifest;

use super::Exit;

/// Print the JSON schema of the manifest, for editors.
#[derive(Debug, Args)]
pub struct Schema {}

impl Schema {
    /// Prints it.
    pub fn run(self) -> Result<Exit> {
        say!("{}", serde_json::to_string_pretty(&manifest::schema())?)?;
        Ok(Exit::Done)
    }
}
