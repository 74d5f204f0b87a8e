//! Instances of kind `publish`.

use arrow_schema::Schema;

use crate::bindings::publish::PublishFunction;
use crate::documents::DocumentCounts;
use crate::event::Event;
use crate::failure::Failure;
use crate::function::{Bound, context};
use crate::rows::{self, Reject, Rows};
use crate::sandbox::Sandbox;

/// What came of one batch.
pub struct Receipt {
    /// What the database did.
    pub written: DocumentCounts,
    /// The rows that were not published.
    pub rejects: Vec<Reject>,
}

/// An instance that writes rows as documents.
pub struct Publish {
    pub(super) sandbox: Sandbox,
    function: PublishFunction,
}

impl Publish {
    pub(super) fn new(sandbox: Sandbox, function: PublishFunction) -> Self {
        Self { sandbox, function }
    }

    pub(super) fn configure(&mut self, config: &str) -> Result<(), Failure> {
        let guest = self.function.wasmill_pipeline_publish();
        self.sandbox.set_up(|store| guest.call_configure(store, config))
    }

    pub(super) fn bind(&mut self, input: &Schema) -> Result<Bound, Failure> {
        let guest = self.function.wasmill_pipeline_publish();
        let input = rows::encode_schema(input).map_err(|err| Failure::Reject(err.to_string()))?;
        self.sandbox.set_up(|store| guest.call_bind(store, &input))?;
        Ok(Bound { schema: None, whole: false, routes: Vec::new() })
    }

    /// Publishes rows.
    pub fn process(&mut self, event: &Event, attempt: u32, rows: &Rows) -> Result<Receipt, Failure> {
        self.sandbox.set_time(event.time);
        self.sandbox.set_origin(event);
        let guest = self.function.wasmill_pipeline_publish();
        let receipt = self.sandbox.ask(|store| guest.call_process(store, &context(event, attempt), rows.stream()))?;
        let rejects = self.sandbox.rejects(receipt.rejects)?;
        Ok(Receipt { written: receipt.written.into(), rejects })
    }
}
