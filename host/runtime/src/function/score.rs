//! Instances of kind `score`.

use arrow_schema::{Schema, SchemaRef};

use crate::bindings::score::ScoreFunction;
pub use crate::bindings::score::exports::wasmill::pipeline::score::{Model, Tensor};
use crate::event::Event;
use crate::failure::{Cause, Failure};
use crate::function::transform::Output;
use crate::function::{Bound, context};
use crate::rows::{self, Rows};
use crate::sandbox::Sandbox;

/// An instance that adds a model's outputs to rows.
pub struct Score {
    pub(super) sandbox: Sandbox,
    function: ScoreFunction,
    /// The schema of the rows it gives.
    pub schema: SchemaRef,
}

impl Score {
    pub(super) fn new(sandbox: Sandbox, function: ScoreFunction) -> Self {
        Self { sandbox, function, schema: SchemaRef::new(Schema::empty()) }
    }

    pub(super) fn configure(&mut self, config: &str) -> Result<(), Failure> {
        let guest = self.function.wasmill_pipeline_score();
        self.sandbox.set_up(|store| guest.call_configure(store, config))
    }

    pub(super) fn bind(&mut self, model: &[u8], input: &Schema) -> Result<Bound, Failure> {
        let guest = self.function.wasmill_pipeline_score();
        self.sandbox.set_up(|store| guest.call_load_model(store, model))?;
        let input = rows::encode_schema(input).map_err(|err| Failure::Reject(err.to_string()))?;
        let schema = self.sandbox.set_up(|store| guest.call_bind(store, &input))?;
        let schema = rows::read_schema(schema).map_err(|what| self.sandbox.fault(Cause::Answer(what)))?;
        Ok(schema.into())
    }

    /// What it says of a model, and why it cannot load it as it is configured, if it cannot.
    pub(super) fn describe(&mut self, model: &[u8]) -> Result<(Model, Option<String>), Failure> {
        let guest = self.function.wasmill_pipeline_score();
        match self.sandbox.set_up(|store| guest.call_load_model(store, model)) {
            Ok(()) => Ok((self.metadata()?, None)),
            // It describes what it could read, at least.
            Err(Failure::Reject(why)) => match self.metadata() {
                Ok(model) => Ok((model, Some(why))),
                Err(Failure::Reject(_)) => Err(Failure::Reject(why)),
                Err(fault) => Err(fault),
            },
            Err(fault) => Err(fault),
        }
    }

    /// The model's tensors, with the columns that they come from and become.
    pub fn metadata(&mut self) -> Result<Model, Failure> {
        let guest = self.function.wasmill_pipeline_score();
        self.sandbox.set_up(|store| guest.call_metadata(store))
    }

    /// Scores rows.
    pub fn process(&mut self, event: &Event, attempt: u32, rows: &Rows) -> Result<Output, Failure> {
        self.sandbox.set_time(event.time);
        let guest = self.function.wasmill_pipeline_score();
        let output = self.sandbox.ask(|store| guest.call_process(store, &context(event, attempt), rows.stream()))?;
        Output::read(output, &self.schema, &self.sandbox)
    }
}
