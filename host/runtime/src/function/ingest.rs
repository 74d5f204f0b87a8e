//! Instances of kind `ingest`.

use arrow_schema::{Schema, SchemaRef};
use wasmtime::component::ResourceAny;

use crate::bindings::ingest::IngestFunction;
pub use crate::bindings::ingest::exports::wasmill::pipeline::ingest::Part;
use crate::capability::objects::OpenObject;
use crate::event::Event;
use crate::failure::{Cause, Failure};
use crate::function::transform::Output;
use crate::function::{Bound, context};
use crate::rows;
use crate::sandbox::Sandbox;

/// An instance that turns an object into rows.
pub struct Ingest {
    pub(crate) sandbox: Sandbox,
    function: IngestFunction,
    decoder: Option<ResourceAny>,
    splitter: Option<ResourceAny>,
    /// The schema of its rows.
    pub schema: SchemaRef,
}

impl Ingest {
    pub(super) fn new(sandbox: Sandbox, function: IngestFunction) -> Self {
        Self { sandbox, function, decoder: None, splitter: None, schema: SchemaRef::new(Schema::empty()) }
    }

    pub(super) fn configure(&mut self, config: &str) -> Result<(), Failure> {
        let guest = self.function.wasmill_pipeline_ingest();
        self.sandbox.set_up(|store| guest.call_configure(store, config))
    }

    pub(super) fn bind(&mut self) -> Result<Bound, Failure> {
        let guest = self.function.wasmill_pipeline_ingest();
        let schema = self.sandbox.set_up(|store| guest.call_bind(store))?;
        let schema = rows::read_schema(schema).map_err(|what| self.sandbox.fault(Cause::Answer(what)))?;
        Ok(schema.into())
    }

    /// The configuration that it proposes for objects like this, instead of being configured.
    pub(super) fn infer(&mut self, object: OpenObject) -> Result<String, Failure> {
        let guest = self.function.wasmill_pipeline_ingest();
        self.sandbox.ask(|store| {
            let object = store.data_mut().table.push(object)?;
            guest.call_infer(store, object)
        })
    }

    /// Starts reading an object.
    pub fn open(&mut self, event: &Event, object: OpenObject) -> Result<(), Failure> {
        self.sandbox.set_time(event.time);
        self.close()?;
        let guest = self.function.wasmill_pipeline_ingest();
        let decoder = self.sandbox.ask(|store| {
            let object = store.data_mut().table.push(object)?;
            guest.call_open(store, &context(event, 1), object)
        })?;
        self.decoder = Some(decoder);
        Ok(())
    }

    /// Starts to look for parts of about `size` bytes; false if the object can only be read as a whole.
    pub fn split(&mut self, object: OpenObject, size: u64) -> Result<bool, Failure> {
        let guest = self.function.wasmill_pipeline_ingest();
        self.splitter = self.sandbox.ask(|store| {
            let object = store.data_mut().table.push(object)?;
            guest.call_split(store, object, size)
        })?;
        Ok(self.splitter.is_some())
    }

    /// The next part, none after the last.
    pub fn next_part(&mut self) -> Result<Option<Part>, Failure> {
        let Some(splitter) = self.splitter else { return Ok(None) };
        let guest = self.function.wasmill_pipeline_ingest().splitter();
        self.sandbox.ask(|store| guest.call_next(store, splitter))
    }

    /// Starts reading a part of an object.
    pub fn open_part(&mut self, event: &Event, object: OpenObject, part: &Part) -> Result<(), Failure> {
        self.sandbox.set_time(event.time);
        self.close()?;
        let guest = self.function.wasmill_pipeline_ingest();
        let decoder = self.sandbox.ask(|store| {
            let object = store.data_mut().table.push(object)?;
            guest.call_open_part(store, &context(event, 1), object, part)
        })?;
        self.decoder = Some(decoder);
        Ok(())
    }

    /// Lets go of what was read before.
    fn close(&mut self) -> Result<(), Failure> {
        match self.decoder.take() {
            Some(decoder) => self.sandbox.call(|store| decoder.resource_drop(store)),
            None => Ok(()),
        }
    }

    /// The next rows, none after the last.
    pub fn next_rows(&mut self) -> Result<Option<Output>, Failure> {
        let Some(decoder) = self.decoder else { return Ok(None) };
        let guest = self.function.wasmill_pipeline_ingest().decoder();
        match self.sandbox.ask(|store| guest.call_next(store, decoder))? {
            Some(output) => Output::read(output, &self.schema, &self.sandbox).map(Some),
            None => Ok(None),
        }
    }
}
