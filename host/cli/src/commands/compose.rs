//! `wasmill compose`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use wasmill_runtime::bake::Image;
use wasmill_runtime::endpoint::events::{self, Target};
use wasmill_runtime::endpoint::{Endpoint, Shells};
use wasmill_runtime::pipeline::Pipeline;
use wasmill_runtime::portable::Survey;

use super::{Exit, PipelineArgs};
use crate::session::{self, Session};
use crate::text;

/// Make one component of a pipeline's scoring endpoint, or of the whole pipeline, for any WASI host.
///
/// A scoring endpoint answers HTTP: the Open Inference Protocol at `/v2`, and rows at `/v1/score`. The step of kind score
/// and the transform before it are baked into it, with their model, SQL and tables, so it needs no file, variable or flag:
/// `wasmtime serve FILE`, `spin up` or `wasmill serve FILE` run it. With --events all steps are, and the adapter of the
/// document database: what is sent to `/v1/events` is read, cleaned, scored and written before the answer. It takes the
/// database's key from the environment. Warns if it exceeds the default limits of `wasmtime serve`, which are the
/// narrowest.
#[derive(Debug, Args)]
pub struct Compose {
    #[command(flatten)]
    pipeline: PipelineArgs,

    /// Compose the whole pipeline: one chain of steps that ends in a document database that is reached over HTTP.
    #[arg(long)]
    events: bool,

    /// The step of kind score, if there are several; with --events that of kind publish: what does not lead to it is left
    /// out.
    #[arg(long, value_name = "STEP")]
    step: Option<String>,

    /// The version of WASI whose HTTP the component speaks. Hosts may use an instance of 0.3 for many requests, also
    /// at the same time; one of 0.2 runs on more hosts.
    #[arg(long, value_name = "VERSION", default_value = "0.2", conflicts_with = "events")]
    wasi: Wasi,

    /// What a whole pipeline runs on: any host of WASI 0.2, with settings, such as the database's key, from the environment;
    /// or Spin, with settings from the application's variables, whose names are in lower case (`cosmos_key`), and if the
    /// manifest's documents are in SQLite, documents in Spin's own.
    #[arg(long, value_name = "HOST", default_value = "wasi", requires = "events")]
    target: Host,

    /// Where to write the component [default: `.wasmill/PIPELINE.wasm` beside the manifest].
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// A version of WASI.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Wasi {
    #[value(name = "0.2")]
    P2,
    #[value(name = "0.3")]
    P3,
}

/// What a component runs on.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Host {
    Wasi,
    Spin,
}

impl From<Host> for Target {
    fn from(host: Host) -> Self {
        match host {
            Host::Wasi => Self::Wasi,
            Host::Spin => Self::Spin,
        }
    }
}

impl Compose {
    /// Composes, and says what came of it.
    pub fn run(self) -> Result<Exit> {
        let session = Session::open(&self.pipeline)?;
        if self.events {
            // Said before anything takes time.
            events::adapter(&session.plan, self.target.into())?;
        }
        let pipeline = session.load(None)?;
        let out = self.out.clone();
        let out = out.unwrap_or_else(|| session.plan.state.join(format!("{}.wasm", pipeline.name)));
        let component = match self.events {
            true => self.events(&session, &pipeline, &out)?,
            false => self.scoring(&session, &pipeline, &out)?,
        };
        if let Some(reason) = Survey::of(&component, Some(session::code_cache()?))?.too_large {
            eprintln!("warning: it is over the default limits of wasmtime serve: {reason}");
        }
        Ok(Exit::Done)
    }

    fn scoring(&self, session: &Session, pipeline: &Pipeline, out: &Path) -> Result<Vec<u8>> {
        let gateway = match self.wasi {
            Wasi::P2 => "gateway",
            Wasi::P3 => "gateway-p3",
        };
        let shells = Shells { gateway: session.shell(gateway)?, chain: session.shell("chain")? };
        let Endpoint { component, parts, columns } = session.compose(pipeline, self.step.as_deref(), &shells)?;
        write(out, &component, &parts)?;
        say!("  a request's rows have:")?;
        for field in columns {
            let null = if field.is_nullable() { "" } else { ", not null" };
            say!("    {}: {}{null}", field.name(), field.data_type())?;
        }
        Ok(component)
    }

    fn events(&self, session: &Session, pipeline: &Pipeline, out: &Path) -> Result<Vec<u8>> {
        let endpoint = session.compose_events(pipeline, self.step.as_deref(), self.target.into())?;
        let events::Endpoint { component, parts, left_out, settings, origins } = endpoint;
        write(out, &component, &parts)?;
        if !left_out.is_empty() {
            say!("  left out: {}", left_out.join(", "))?;
        }
        let place = match self.target {
            Host::Wasi => "the environment",
            Host::Spin => "the application's variables",
        };
        list(&format!("it reads from {place}, where they are set"), &settings, |name| match self.target {
            Host::Wasi => name.to_owned(),
            Host::Spin => name.to_ascii_lowercase(),
        })?;
        list("it sends requests to", &origins, str::to_owned)?;
        Ok(component)
    }
}

/// Writes the component, and says what it is made of.
fn write(out: &Path, component: &[u8], parts: &[(String, Image)]) -> Result<()> {
    if let Some(folder) = out.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    }
    std::fs::write(out, component).with_context(|| format!("cannot write `{}`", out.display()))?;
    say!("{}: {} bytes", out.display(), text::count(component.len() as u64))?;
    for (step, image) in parts {
        say!("  {step}: {image}")?;
    }
    Ok(())
}

/// Prints what there is under a heading, if there is anything.
fn list(heading: &str, items: &[String], shown: impl Fn(&str) -> String) -> Result<()> {
    if items.is_empty() {
        return Ok(());
    }
    say!("  {heading}:")?;
    for item in items {
        say!("    {}", shown(item))?;
    }
    Ok(())
}
