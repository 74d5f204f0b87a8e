//! `wasmill new score`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use wasmill_runtime::engine::Engine;
use wasmill_runtime::event::Event;
use wasmill_runtime::pipeline::Pipeline;
use wasmill_runtime::plan::Plan;
use wasmill_runtime::run::{Progress, RunOptions};

use super::columns::Input;
use super::folder::{self, EXAMPLE, MODEL};
use super::model::Model;
use crate::commands::Exit;
use crate::session;

/// Write what a scoring endpoint of a model needs: a pipeline with the model's inputs and outputs, example requests,
/// and what puts it on Spin, in a container, on Kubernetes.
///
/// The folder's README.md has the commands that follow. The model is looked at in its sandbox, as `wasmill validate`
/// does, and must be one that can be scored.
#[derive(Debug, Args)]
pub struct Score {
    /// The model: an ONNX file. It is copied.
    #[arg(long, value_name = "FILE")]
    model: PathBuf,

    /// The folder to write, which is empty or not there yet [default: the model's name].
    folder: Option<PathBuf>,

    /// The endpoint's name, in kebab-case [default: the folder's].
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// The size of a row, for an input of the model that leaves it open: `--shape image=3,224,224`. Can be given
    /// several times.
    #[arg(long, value_name = "INPUT=SIZES", value_parser = shape)]
    shape: Vec<(String, Vec<usize>)>,

    /// The folder of the bundled functions [default: `components` beside the program].
    #[arg(long, value_name = "FOLDER", env = "WASMILL_COMPONENTS")]
    components: Option<PathBuf>,
}

impl Score {
    /// Looks at the model, writes the folder, and tries its example.
    pub fn run(self) -> Result<Exit> {
        let folder = match &self.folder {
            Some(folder) => folder.clone(),
            None => self.model.file_stem().context("--model is not a file")?.into(),
        };
        folder::check_empty(&folder)?;
        let name = folder::name(self.name.as_deref(), &folder)?;
        let components = session::components(self.components.as_deref())?;
        let engine = Engine::new(Some(session::code_cache()?))?;
        let model = Model::read(&engine, &components, &self.model)?;
        let inputs = Input::of(&model.tensors()?, &self.shape)?;
        let outputs = model.outputs(&inputs)?;
        folder::write(&folder, &name, model.file(), &inputs, &outputs)?;
        let rejected = try_out(&engine, &components, &folder)?;

        let shown = folder.display();
        say!("{shown}: {MODEL}, pipeline.toml, and README.md with what to do next:")?;
        say!("  cd {shown}")?;
        say!("  wasmill compose . -o {name}.wasm")?;
        say!("  wasmill serve {name}.wasm")?;
        say!("  curl 127.0.0.1:8080/v1/score -d @{EXAMPLE}")?;
        for output in outputs.iter().filter(|output| output.refused.is_some()) {
            eprintln!("note: the output `{}` is left out, pipeline.toml says why", output.tensor.name);
        }
        if let Some(reason) = rejected {
            eprintln!(
                "note: the made-up values of `{}` are none that the model scores: {reason}\nhint: give it others",
                folder.join(EXAMPLE).display()
            );
        }
        Ok(Exit::Done)
    }
}

/// Reads `INPUT=SIZE,SIZE`.
pub fn shape(text: &str) -> Result<(String, Vec<usize>), String> {
    // Names of tensors may have a `=`; sizes do not.
    let (input, sizes) = text.rsplit_once('=').ok_or("it is like image=3,224,224")?;
    let sizes: Result<Vec<usize>, _> = sizes.split(',').map(|size| size.trim().parse()).collect();
    Ok((input.to_owned(), sizes.map_err(|err| format!("`{text}`: {err}"))?))
}

/// Loads the pipeline that was written and has it score its example; why it did not, if it did not.
fn try_out(engine: &Engine, components: &Path, folder: &Path) -> Result<Option<String>> {
    let plan = Plan::read(&folder.join("pipeline.toml"), components)?;
    let pipeline = Pipeline::load(engine, &plan, None)?;
    let example = folder.join(EXAMPLE);
    let event = Event::of_file(&example).with_context(|| format!("cannot open `{}`", example.display()))?;
    let mut rejected = None;
    let options = RunOptions { lanes: Some(1), ..RunOptions::default() };
    let outcome = pipeline.run(&event, &options, &Progress::default(), &mut |chunk| {
        rejected = chunk.rejects.into_iter().next_back().map(|(_, reject)| reject.reason).or(rejected.take());
        Ok(())
    });
    Ok(outcome.err().map(|err| err.to_string()).or(rejected))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_is_a_name_and_sizes() {
        assert_eq!(shape("a=b=3, 224,224"), Ok(("a=b".to_owned(), vec![3, 224, 224])));
        assert!(shape("image").is_err() && shape("image=").is_err() && shape("image=3,-1").is_err());
    }
}
