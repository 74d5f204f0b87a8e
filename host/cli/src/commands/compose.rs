//! `wasmill compose`.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use wasmill_runtime::endpoint::{Endpoint, Shells};
use wasmill_runtime::portable::Survey;

use super::{Exit, PipelineArgs};
use crate::session::{self, Session};
use crate::text;

/// Make one component of a pipeline's scoring endpoint, for any WASI host.
///
/// It answers HTTP: the Open Inference Protocol at `/v2`, and rows at `/v1/score`. The step of kind score and the
/// transform before it are baked into it, with their model, SQL and tables, so it needs no file, variable or flag:
/// `wasmtime serve FILE`, `spin up` or `wasmill serve FILE` run it. Ends with 1 if it exceeds the default limits of
/// `wasmtime serve`.
#[derive(Debug, Args)]
pub struct Compose {
    #[command(flatten)]
    pipeline: PipelineArgs,

    /// The step of kind score, if there are several.
    #[arg(long, value_name = "STEP")]
    step: Option<String>,

    /// The version of WASI whose HTTP the component speaks. Hosts may use an instance of 0.3 for many requests, also
    /// at the same time; one of 0.2 runs on more hosts.
    #[arg(long, value_name = "VERSION", default_value = "0.2")]
    wasi: Wasi,

    /// Where to write the component [default: `.wasmill/PIPELINE.wasm` beside the manifest].
    #[arg(long, value_name = "FILE")]
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

impl Compose {
    /// Composes, and says what came of it.
    pub fn run(self) -> Result<Exit> {
        let session = Session::open(&self.pipeline)?;
        let pipeline = session.load(None)?;
        let gateway = match self.wasi {
            Wasi::P2 => "gateway",
            Wasi::P3 => "gateway-p3",
        };
        let shells = Shells { gateway: session.shell(gateway)?, chain: session.shell("chain")? };
        let endpoint = session.compose(&pipeline, self.step.as_deref(), &shells)?;
        let Endpoint { component, parts, columns } = &endpoint;
        let out = self.out.unwrap_or_else(|| session.plan.state.join(format!("{}.wasm", pipeline.name)));
        if let Some(folder) = out.parent() {
            std::fs::create_dir_all(folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
        }
        std::fs::write(&out, component).with_context(|| format!("cannot write `{}`", out.display()))?;
        say!("{}: {} bytes", out.display(), text::count(component.len() as u64))?;
        for (step, image) in parts {
            say!("  {step}: {image}")?;
        }
        say!("  a request's rows have:")?;
        for field in columns {
            let null = if field.is_nullable() { "" } else { ", not null" };
            say!("    {}: {}{null}", field.name(), field.data_type())?;
        }
        let survey = Survey::of(component, Some(session::code_cache()?))?;
        match survey.too_large {
            None => Ok(Exit::Done),
            Some(reason) => {
                say!("  over the default limits of wasmtime serve: {reason}")?;
                Ok(Exit::Failures)
            }
        }
    }
}
