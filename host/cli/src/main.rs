//! The command line of Wasmill.

mod commands;
mod session;
mod text;

use std::process::ExitCode;

use clap::Parser;

use commands::Cli;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(exit) => exit.into(),
        Err(err) => {
            eprintln!("error: {err:#}");
            commands::Exit::Unusable.into()
        }
    }
}
