//! The commands: one file each, with its arguments and `run`.

mod access;
mod backfill;
mod bake;
mod compose;
mod cost;
mod dead_letters;
mod documents;
mod explain;
mod graph;
mod infer;
mod inspect;
mod listen;
mod model;
mod new;
mod pull;
mod push;
mod query;
mod report;
mod run;
mod runs;
mod schema;
mod serve;
#[cfg(feature = "warehouse")]
mod tables;
mod test;
mod up;
mod validate;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand, ValueEnum};

/// Event-driven analytics and scoring pipelines whose every step is a WebAssembly component.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    New(new::New),
    Infer(infer::Infer),
    Validate(validate::Validate),
    Graph(graph::Graph),
    Bake(bake::Bake),
    Compose(compose::Compose),
    Run(run::Run),
    Up(up::Up),
    Runs(runs::Runs),
    Cost(cost::Cost),
    Backfill(backfill::Backfill),
    DeadLetters(dead_letters::DeadLetters),
    Test(test::Test),
    Serve(serve::Serve),
    Push(push::Push),
    Pull(pull::Pull),
    Access(access::Access),
    Documents(documents::Documents),
    Query(query::Query),
    Explain(explain::Explain),
    Model(model::Model),
    Report(report::Report),
    #[cfg(feature = "warehouse")]
    Tables(tables::Tables),
    Inspect(inspect::Inspect),
    Schema(schema::Schema),
}

impl Cli {
    /// Does what was asked.
    pub fn run(self) -> Result<Exit> {
        match self.command {
            Command::New(command) => command.run(),
            Command::Infer(command) => command.run(),
            Command::Validate(command) => command.run(),
            Command::Graph(command) => command.run(),
            Command::Bake(command) => command.run(),
            Command::Compose(command) => command.run(),
            Command::Run(command) => command.run(),
            Command::Up(command) => command.run(),
            Command::Runs(command) => command.run(),
            Command::Cost(command) => command.run(),
            Command::Backfill(command) => command.run(),
            Command::DeadLetters(command) => command.run(),
            Command::Test(command) => command.run(),
            Command::Serve(command) => command.run(),
            Command::Push(command) => command.run(),
            Command::Pull(command) => command.run(),
            Command::Access(command) => command.run(),
            Command::Documents(command) => command.run(),
            Command::Query(command) => command.run(),
            Command::Explain(command) => command.run(),
            Command::Model(command) => command.run(),
            Command::Report(command) => command.run(),
            #[cfg(feature = "warehouse")]
            Command::Tables(command) => command.run(),
            Command::Inspect(command) => command.run(),
            Command::Schema(command) => command.run(),
        }
    }
}

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: everything was done.
    Done,
    /// 1: it was done, with failures: rejected rows, failed events or tests.
    Failures,
    /// 2: the command, the manifest or the host is at fault.
    Unusable,
    /// 130: it was ended by Ctrl-C, as shells have it.
    #[cfg(feature = "warehouse")]
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => Self::SUCCESS,
            Exit::Failures => Self::from(1),
            Exit::Unusable => Self::from(2),
            #[cfg(feature = "warehouse")]
            Exit::Interrupted => Self::from(130),
        }
    }
}

/// What most commands take.
#[derive(Debug, Clone, Args)]
pub struct PipelineArgs {
    /// The pipeline: its folder, its manifest, or the name of a folder in `manifests`.
    pub pipeline: PathBuf,

    /// The folder of the bundled functions [default: `components` beside the program].
    #[arg(long, value_name = "FOLDER", env = "WASMILL_COMPONENTS")]
    pub components: Option<PathBuf>,

    /// A value for a parameter of the manifest.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = name_and_value)]
    pub parameters: Vec<(String, String)>,
}

fn name_and_value(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("it is not NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// The form of what is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}
