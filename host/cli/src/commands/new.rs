//! `wasmill new`.

mod columns;
mod folder;
mod model;
mod pipeline;
mod score;

use anyhow::Result;
use clap::{Args, Subcommand};

use super::Exit;

/// Start a folder with a pipeline of your own.
#[derive(Debug, Args)]
pub struct New {
    #[command(subcommand)]
    kind: Kind,
}

#[derive(Debug, Subcommand)]
enum Kind {
    Pipeline(pipeline::Pipeline),
    Score(score::Score),
}

impl New {
    /// Writes the folder.
    pub fn run(self) -> Result<Exit> {
        match self.kind {
            Kind::Pipeline(kind) => kind.run(),
            Kind::Score(kind) => kind.run(),
        }
    }
}
