//! Baking what is no function: the parts that functions are composed with. What answers to them, and what they answer,
//! comes later, so of what they import only WASI is there while they are set up.

use std::time::Duration;

use arrow_schema::Schema;
use wasmtime::bail;
use wasmtime::component::types::{ComponentInstance, ComponentItem};
use wasmtime::component::{Instance, Linker, ResourceType};
use wasmtime_wasi::p2::bindings::io::error::Error as IoError;
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable};
use wasmtime_wizer::Wizer;

use super::{BakeError, frozen};
use crate::bindings::adapter::DocumentsAdapter;
use crate::bindings::gateway::GatewayFunction;
use crate::bindings::part::ComposedPart;
use crate::capability::objects::OpenObject;
use crate::engine::Engine;
use crate::failure::Failure;
use crate::rows;
use crate::sandbox::{self, Grants, Limits, Sandbox, State};

/// What a part may use while it is set up.
const LIMITS: Limits = Limits { memory: 256 << 20, deadline: Duration::from_secs(10) };

/// What of a part's imports is not there yet; what else a linker gives is.
const LATER: [&str; 7] = [
    "wasi:http/",
    "fermyon:spin/",
    "wasmill:pipeline/buffer@",
    "wasmill:pipeline/ingest@",
    "wasmill:pipeline/transform@",
    "wasmill:pipeline/score@",
    "wasmill:pipeline/publish@",
];

/// Sets a scoring gateway up for a function that takes and gives rows of these schemas, and makes a component of what it
/// is then.
pub fn bake_gateway(
    engine: &Engine,
    gateway: &[u8],
    config: &str,
    input: &Schema,
    output: &Schema,
) -> Result<Vec<u8>, BakeError> {
    let schema = |schema| rows::encode_schema(schema).map_err(|err| Failure::Reject(err.to_string()));
    bake(engine, gateway, |sandbox, raw| {
        let gateway = sandbox.call(|store| GatewayFunction::new(store, raw))?;
        let guest = gateway.wasmill_pipeline_gateway();
        sandbox.set_up(|store| guest.call_configure(store, config))?;
        let (input, output) = (schema(input)?, schema(output)?);
        sandbox.set_up(|store| guest.call_bind(store, &input, &output))
    })
}

/// Sets up what exports `part`.
pub fn bake_part(engine: &Engine, part: &[u8], config: &str) -> Result<Vec<u8>, BakeError> {
    bake(engine, part, |sandbox, raw| {
        let part = sandbox.call(|store| ComposedPart::new(store, raw))?;
        sandbox.set_up(|store| part.wasmill_pipeline_part().call_configure(store, config))
    })
}

/// Sets up the adapter of a document database.
pub fn bake_adapter(engine: &Engine, adapter: &[u8], config: &str) -> Result<Vec<u8>, BakeError> {
    bake(engine, adapter, |sandbox, raw| {
        let adapter = sandbox.call(|store| DocumentsAdapter::new(store, raw))?;
        sandbox.set_up(|store| adapter.wasmill_pipeline_document_adapter().call_configure(store, config))
    })
}

fn bake(
    engine: &Engine,
    part: &[u8],
    set_up: impl FnOnce(&mut Sandbox, &Instance) -> Result<(), Failure>,
) -> Result<Vec<u8>, BakeError> {
    let wizer = Wizer::new();
    let (parsed, instrumented) = wizer.instrument_component(part).map_err(BakeError::Instrument)?;
    let component = engine.compile(&instrumented).map_err(BakeError::Instrument)?;
    let mut linker = sandbox::linker(engine).map_err(BakeError::Instrument)?;
    for (name, item) in component.component_type().imports(engine.inner()) {
        if let ComponentItem::ComponentInstance(interface) = item.ty
            && LATER.iter().any(|later| name.starts_with(later))
        {
            leave_out(engine, &mut linker, name, &interface).map_err(BakeError::Instrument)?;
        }
    }
    let mut sandbox = Sandbox::new(engine, LIMITS, Grants::default());
    let raw = sandbox.call(|store| linker.instantiate(store, &component)).map_err(BakeError::SetUp)?;
    let is_set_up = set_up(&mut sandbox, &raw);
    if let Some(name) = sandbox.setting_asked() {
        return Err(BakeError::Setting(name.to_owned()));
    }
    is_set_up.map_err(BakeError::SetUp)?;
    frozen(&wizer, &parsed, &mut sandbox, raw)
}

/// Defines an interface that must not be called yet.
fn leave_out(
    engine: &Engine,
    linker: &mut Linker<State>,
    name: &str,
    interface: &ComponentInstance,
) -> wasmtime::Result<()> {
    let mut instance = linker.instance(name)?;
    for (item_name, item) in interface.exports(engine.inner()) {
        match item.ty {
            ComponentItem::ComponentFunc(_) => {
                let called = format!("{name}#{item_name}");
                instance.func_new(item_name, move |_, _, _, _| bail!("`{called}` is not there while it is set up"))?;
            }
            ComponentItem::Resource(_) => {
                // `wasi:http` passes on what `wasi:io` gives, and a buffer what an object is; the rest is their own.
                let resource = match item_name {
                    "input-stream" => ResourceType::host::<DynInputStream>(),
                    "output-stream" => ResourceType::host::<DynOutputStream>(),
                    "pollable" => ResourceType::host::<DynPollable>(),
                    "io-error" => ResourceType::host::<IoError>(),
                    "source" => ResourceType::host::<OpenObject>(),
                    _ => ResourceType::host::<()>(),
                };
                instance.resource(item_name, resource, |_, _| Ok(()))?;
            }
            _ => {}
        }
    }
    Ok(())
}
