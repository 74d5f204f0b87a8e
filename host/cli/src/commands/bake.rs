//! `wasmill bake`.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;
use wasmill_runtime::bake::Baked;

use super::{Exit, PipelineArgs};
use crate::session::Session;
use crate::text;

/// Make components of a pipeline's steps as they are once they are set up: configured, with their model and tables.
///
/// A baked component needs no configuration and no file, and starts in a fraction of the time. Writes FOLDER/STEP.wasm
/// for each step. Ends with 1, without that file, if a step does not gain from it: if its memory would be copied for
/// every instance, or if it starts no faster.
#[derive(Debug, Args)]
pub struct Bake {
    #[command(flatten)]
    pipeline: PipelineArgs,

    /// Bake only this step; can be given several times [default: all].
    #[arg(long, value_name = "STEP")]
    step: Vec<String>,

    /// Where to write the components [default: `.wasmill/baked` beside the manifest].
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

impl Bake {
    /// Bakes, and says what it gained.
    pub fn run(self) -> Result<Exit> {
        let session = Session::open(&self.pipeline)?;
        let pipeline = session.load(None)?;
        for name in &self.step {
            if pipeline.position(name).is_none() {
                let known: Vec<String> = pipeline.steps.iter().map(|step| format!("`{}`", step.id)).collect();
                bail!("--step: there is no step `{name}`\nhint: the steps are {}", known.join(", "));
            }
        }
        let out = self.out.clone().unwrap_or_else(|| session.plan.state.join("baked"));
        std::fs::create_dir_all(&out).with_context(|| format!("cannot make `{}`", out.display()))?;
        let mut exit = Exit::Done;
        for (step, plan) in pipeline.steps.iter().zip(&session.plan.steps) {
            if !self.step.is_empty() && self.step.iter().all(|name| name != step.id.as_str()) {
                continue;
            }
            let baked = pipeline.bake(step, plan).with_context(|| format!("step `{}`", step.id))?;
            let Baked { component, image, size_before, start_before, start_after } = &baked;
            let sizes = format!(
                "{} bytes, {} more than before",
                text::count(component.len() as u64),
                text::count(component.len().saturating_sub(*size_before) as u64)
            );
            let times = format!(
                "starts in {:.3} ms instead of {:.3} ms",
                start_after.as_secs_f64() * 1e3,
                start_before.as_secs_f64() * 1e3
            );
            if baked.is_accepted() {
                let path = out.join(format!("{}.wasm", step.id));
                std::fs::write(&path, component).with_context(|| format!("cannot write `{}`", path.display()))?;
                say!("{}: {}", step.id, path.display())?;
            } else {
                exit = Exit::Failures;
                say!("{}: not written, because it does not gain from it", step.id)?;
            }
            say!("  {sizes}\n  {times}\n  {image}")?;
        }
        Ok(exit)
    }
}
