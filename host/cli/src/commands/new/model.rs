//! A model, as the score function describes it from its sandbox.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use arrow_schema::{Schema, SchemaRef};
use serde_json::json;
use wasmill_runtime::engine::{Engine, on_deep_stack};
use wasmill_runtime::failure::Failure;
use wasmill_runtime::function::score::{Model as Described, Tensor};
use wasmill_runtime::function::{Function, Setup};
use wasmill_runtime::sandbox::{Grants, Limits};

use super::columns::Input;
use crate::session;

/// A model's file and the function that knows what it is.
pub struct Model<'a> {
    engine: &'a Engine,
    function: Function,
    path: &'a Path,
    file: Arc<Vec<u8>>,
}

/// An output of a model.
pub struct Output {
    /// As in the model's file.
    pub tensor: Tensor,
    /// Why it cannot be a column, if it cannot.
    pub refused: Option<String>,
}

impl<'a> Model<'a> {
    /// Reads the file, and compiles the function.
    pub fn read(engine: &'a Engine, components: &Path, path: &'a Path) -> Result<Self> {
        let file = std::fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        let function = session::function(engine, components, "score")?;
        let file = Arc::new(file);
        Ok(Self { engine, function, path, file })
    }

    /// The file's content.
    pub fn file(&self) -> &[u8] {
        &self.file
    }

    /// What the model takes.
    pub fn tensors(&self) -> Result<Vec<Tensor>> {
        let (described, refused) = self.describe("{}".to_owned())?;
        // Without inputs that it understands there is no use in going on.
        match refused {
            Some(why) if described.inputs.iter().any(|tensor| Input::kind(tensor).is_none()) => bail!(self.at(&why)),
            _ => Ok(described.inputs),
        }
    }

    /// What the model gives if it is given these inputs: all that can be columns, and why others cannot.
    pub fn outputs(&self, inputs: &[Input]) -> Result<Vec<Output>> {
        let (described, refused) = self.describe(config(inputs, None))?;
        let Some(why) = refused else {
            return Ok(described.outputs.into_iter().map(|tensor| Output { tensor, refused: None }).collect());
        };
        let mut outputs = Vec::with_capacity(described.outputs.len());
        for tensor in described.outputs {
            let (_, refused) = self.describe(config(inputs, Some(&tensor)))?;
            outputs.push(Output { tensor, refused });
        }
        if outputs.iter().all(|output| output.refused.is_some()) {
            bail!(self.at(&why));
        }
        Ok(outputs)
    }

    fn describe(&self, config: String) -> Result<(Described, Option<String>)> {
        let setup = Setup {
            config,
            tables: Vec::new(),
            model: Some(self.file.clone()),
            input: SchemaRef::new(Schema::empty()),
            // The pipeline that is written must do with them.
            limits: Limits::default(),
            grants: Grants::default(),
        };
        let described = on_deep_stack(|| self.function.describe(self.engine, &setup))?;
        described.map_err(|failure: Failure| anyhow::anyhow!(self.at(&failure.to_string())))
    }

    fn at(&self, why: &str) -> String {
        format!("`{}`: {}", self.path.display(), why.replace("; hint: ", "\nhint: "))
    }
}

/// The configuration of a step that scores with these inputs, and gives one output or all.
fn config(inputs: &[Input], output: Option<&Tensor>) -> String {
    let inputs: Vec<_> = inputs.iter().map(Input::config).collect();
    let mut config = json!({ "inputs": inputs });
    if let (Some(output), Some(config)) = (output, config.as_object_mut()) {
        config.insert("outputs".to_owned(), json!([{ "name": output.name }]));
    }
    config.to_string()
}
