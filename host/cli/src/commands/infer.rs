//! `wasmill infer`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use wasmill_runtime::engine::{Engine, on_deep_stack};
use wasmill_runtime::event::Event;
use wasmill_runtime::failure::Failure;
use wasmill_runtime::store::Location;

use super::Exit;
use crate::session;

/// Look at the beginning of an object, and print the part of a manifest that reads it.
///
/// The function does that, in its sandbox. What it prints is a proposal: look at it, keep the columns that you need, and
/// say `nullable = false` where a null would be a mistake.
#[derive(Debug, Args)]
pub struct Infer {
    /// The object: a file, or the URL of one in a store.
    #[arg(value_parser = Location::named)]
    object: Location,

    /// The function: its file's name without `.wasm`, in the folder of the bundled functions.
    #[arg(long, value_name = "NAME", default_value = "ingest")]
    component: String,

    /// The folder of the bundled functions [default: `components` beside the program].
    #[arg(long, value_name = "FOLDER", env = "WASMILL_COMPONENTS")]
    components: Option<PathBuf>,
}

impl Infer {
    /// Prints a step.
    pub fn run(self) -> Result<Exit> {
        let engine = Engine::new(Some(session::code_cache()?))?;
        let components = session::components(self.components.as_deref())?;
        let config = config(&engine, &components, &self.component, &self.object)?;
        say!("[[step]]\nid = \"read\"\ncomponent = \"{}\"\n[step.config]\n{}", self.component, config.trim_end())?;
        Ok(Exit::Done)
    }
}

/// The configuration that a function proposes for an object.
pub fn config(engine: &Engine, components: &Path, function: &str, object: &Location) -> Result<String> {
    let event = Event::of(object.look().with_context(|| format!("cannot open `{object}`"))?);
    let function = session::function(engine, components, function)?;
    match on_deep_stack(|| function.infer(engine, &event))? {
        Ok(config) => Ok(config),
        Err(Failure::Reject(why)) => bail!("`{object}`: {}", why.replace("; hint: ", "\nhint: ")),
        Err(failure) => bail!("`{object}`: {failure}"),
    }
}
