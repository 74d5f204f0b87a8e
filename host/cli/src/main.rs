//! The command line of Wasmill.

use std::io;
use std::process::ExitCode;

use clap::Parser;

/// A line of standard output; unlike `println!` it does not panic when nobody reads any more.
macro_rules! say {
    ($($argument:tt)*) => {
        std::io::Write::write_fmt(&mut std::io::stdout().lock(), format_args!("{}\n", format_args!($($argument)*)))
    };
}

mod commands;
mod log;
mod registry;
mod session;
mod telemetry;
mod text;

fn main() -> ExitCode {
    #[cfg(feature = "failpoints")]
    let _points = fail::FailScenario::setup();
    match commands::Cli::parse().run() {
        Ok(exit) => exit.into(),
        // Whoever read has seen enough.
        Err(err) if is_closed_pipe(&err) => commands::Exit::Done.into(),
        Err(err) => {
            eprintln!("error: {err:#}");
            commands::Exit::Unusable.into()
        }
    }
}

fn is_closed_pipe(err: &anyhow::Error) -> bool {
    err.downcast_ref::<io::Error>().is_some_and(|err| err.kind() == io::ErrorKind::BrokenPipe)
}
