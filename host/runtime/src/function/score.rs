//! Instances of kind `score`.

use arrow_schema::{Schema, SchemaRef};

use crate::bindings::score::{ScoreFunction, ScoreFunctionPre};
use crate::engine::Engine;
use crate::event::Event;
use crate::failure::{Cause, Failure};
use crate::function::transform::Output;
use crate::function::{Setup, context};
use crate::rows::{self, Rows};
use crate::sandbox::{Sandbox, State};

/// An instance that adds a model's outputs to rows.
pub struct Score {
    sandbox: Sandbox,
    function: ScoreFunction,
    /// The schema of the rows it gives.
    pub schema: SchemaRef,
}

impl Score {
    /// Instantiates, configures, loads the model and binds.
    pub fn start(
        engine: &Engine,
        pre: &ScoreFunctionPre<State>,
        setup: &Setup,
        model: &[u8],
        input: &Schema,
    ) -> Result<Self, Failure> {
        let mut sandbox = Sandbox::new(engine, setup.limits, setup.grants.clone());
        let function = sandbox.call(|store| pre.instantiate(store))?;
        let guest = function.wasmill_pipeline_score();
        sandbox.set_up(|store| guest.call_configure(store, &setup.config))?;
        sandbox.set_up(|store| guest.call_load_model(store, model))?;
        let input = rows::encode_schema(input).map_err(|err| Failure::Reject(err.to_string()))?;
        let schema = sandbox.set_up(|store| guest.call_bind(store, &input))?;
        let schema = rows::read_schema(schema).map_err(|what| sandbox.fault(Cause::Answer(what)))?;
        Ok(Self { sandbox, function, schema })
    }

    /// Scores rows.
    pub fn process(&mut self, event: &Event, attempt: u32, rows: &Rows) -> Result<Output, Failure> {
        self.sandbox.set_time(event.time);
        let guest = self.function.wasmill_pipeline_score();
        let output = self.sandbox.ask(|store| guest.call_process(store, &context(event, attempt), rows.stream()))?;
        Output::read(output, &self.schema).map_err(|what| self.sandbox.fault(Cause::Answer(what)))
    }
}
