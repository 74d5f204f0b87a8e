//! Instances of kind `publish`.

use arrow_schema::Schema;

use crate::bindings::publish::{PublishFunction, PublishFunctionPre};
use crate::documents::DocumentCounts;
use crate::engine::Engine;
use crate::event::Event;
use crate::failure::{Cause, Failure};
use crate::function::{Setup, context};
use crate::rows::{self, Reject, Rows};
use crate::sandbox::{Sandbox, State};

/// What came of one batch.
pub struct Receipt {
    /// What the database did.
    pub written: DocumentCounts,
    /// The rows that were not published.
    pub rejects: Vec<Reject>,
}

/// An instance that writes rows as documents.
pub struct Publish {
    sandbox: Sandbox,
    function: PublishFunction,
}

impl Publish {
    /// Instantiates, configures and binds.
    pub fn start(
        engine: &Engine,
        pre: &PublishFunctionPre<State>,
        setup: &Setup,
        input: &Schema,
    ) -> Result<Self, Failure> {
        let mut sandbox = Sandbox::new(engine, setup.limits, setup.grants.clone());
        let function = sandbox.call(|store| pre.instantiate(store))?;
        let guest = function.wasmill_pipeline_publish();
        sandbox.set_up(|store| guest.call_configure(store, &setup.config))?;
        let input = rows::encode_schema(input).map_err(|err| Failure::Reject(err.to_string()))?;
        sandbox.set_up(|store| guest.call_bind(store, &input))?;
        Ok(Self { sandbox, function })
    }

    /// Publishes rows.
    pub fn process(&mut self, event: &Event, attempt: u32, rows: &Rows) -> Result<Receipt, Failure> {
        self.sandbox.set_time(event.time);
        let guest = self.function.wasmill_pipeline_publish();
        let receipt = self.sandbox.ask(|store| guest.call_process(store, &context(event, attempt), rows.stream()))?;
        let rejects = rows::read_rejects(receipt.rejects).map_err(|what| self.sandbox.fault(Cause::Answer(what)))?;
        let duplicates = self.sandbox.take_duplicates();
        Ok(Receipt { written: DocumentCounts { duplicates, ..receipt.written.into() }, rejects })
    }
}
