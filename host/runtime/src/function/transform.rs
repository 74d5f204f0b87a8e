//! Instances of kind `transform`.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};

use crate::bindings::imports::wasmill::pipeline::types;
use crate::bindings::transform::TransformFunction;
use crate::bindings::transform::exports::wasmill::pipeline::transform::Scope;
use crate::event::Event;
use crate::failure::{Cause, Failure};
use crate::function::{Bound, context};
use crate::rows::{self, Reject, Rows};
use crate::sandbox::Sandbox;

/// What came of one batch.
pub struct Output {
    /// The rows that go on.
    pub rows: Rows,
    /// The rows that do not.
    pub rejects: Vec<Reject>,
    /// Who gets which row, if the function routes.
    pub routes: Option<RecordBatch>,
}

impl Output {
    /// Reads what a function gave; the rows must be of the schema it promised.
    pub fn read(output: types::Output, promised: &Schema, sandbox: &Sandbox) -> Result<Self, Failure> {
        let read = || {
            let rows = Rows::read(output.batch, promised)?;
            let routes = rows::read_routes(output.routes, rows.len())?;
            Ok((rows, routes))
        };
        let (rows, routes) = read().map_err(|what| sandbox.fault(Cause::Answer(what)))?;
        Ok(Self { rejects: sandbox.rejects(output.rejects)?, rows, routes })
    }
}

/// A reference table: its name and its rows as an Arrow IPC stream.
pub type Table = (String, Arc<Vec<u8>>);

/// An instance that turns rows into other rows.
pub struct Transform {
    pub(crate) sandbox: Sandbox,
    function: TransformFunction,
    /// The schema of the rows it gives.
    pub schema: SchemaRef,
}

impl Transform {
    pub(super) fn new(sandbox: Sandbox, function: TransformFunction) -> Self {
        Self { sandbox, function, schema: SchemaRef::new(Schema::empty()) }
    }

    pub(super) fn configure(&mut self, config: &str) -> Result<(), Failure> {
        let guest = self.function.wasmill_pipeline_transform();
        self.sandbox.set_up(|store| guest.call_configure(store, config))
    }

    pub(super) fn bind(&mut self, tables: &[Table], input: &Schema) -> Result<Bound, Failure> {
        let guest = self.function.wasmill_pipeline_transform();
        for (name, table) in tables {
            self.sandbox.set_up(|store| guest.call_put_table(store, name, table))?;
        }
        let input = rows::encode_schema(input).map_err(|err| Failure::Reject(err.to_string()))?;
        let bound = self.sandbox.set_up(|store| guest.call_bind(store, &input))?;
        let schema = rows::read_schema(bound.schema).map_err(|what| self.sandbox.fault(Cause::Answer(what)))?;
        Ok(Bound { schema: Some(schema), whole: bound.scope == Scope::Object, routes: bound.routes })
    }

    /// Gives it rows.
    pub fn process(&mut self, event: &Event, attempt: u32, rows: &Rows) -> Result<Output, Failure> {
        self.sandbox.set_time(event.time);
        let guest = self.function.wasmill_pipeline_transform();
        let output = self.sandbox.ask(|store| guest.call_process(store, &context(event, attempt), rows.stream()))?;
        Output::read(output, &self.schema, &self.sandbox)
    }

    /// With scope `object`: what came of the event's rows.
    pub fn finish(&mut self, event: &Event, attempt: u32) -> Result<Output, Failure> {
        self.sandbox.set_time(event.time);
        let guest = self.function.wasmill_pipeline_transform();
        let output = self.sandbox.ask(|store| guest.call_finish(store, &context(event, attempt)))?;
        Output::read(output, &self.schema, &self.sandbox)
    }
}
