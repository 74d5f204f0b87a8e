//! Composing: a gateway and the baked functions behind it become one component that exports `wasi:http` and imports no
//! more than its world gives, so plain `wasmtime serve`, Spin or any other WASI host runs it.
//!
//! ```text
//! gateway ──score──► score            without a transform
//! gateway ──score──► chain ──transform──► transform
//!                      └────score──────► score
//! ```
//!
//! A composition holds one linear chain with at most one step of a kind. What else of WASI its parts import is
//! answered by a component that denies it (`compose/deny.rs`). Whole pipelines are composed in [`events`].

mod deny;
pub mod events;
mod merge;

use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeOptions, NodeId};
use wasmtime::bail;

/// What the gateway and the chain call.
const SCORE: &str = "wasmill:pipeline/score@0.1.0";
const TRANSFORM: &str = "wasmill:pipeline/transform@0.1.0";

/// What a host calls, of WASI 0.2 or of 0.3: what the gateway exports.
const HANDLERS: [&str; 2] = ["wasi:http/incoming-handler@0.2.0", "wasi:http/handler@0.3.0"];

/// The components of a scoring endpoint.
pub struct Parts<'a> {
    /// The gateway, baked.
    pub gateway: &'a [u8],
    /// The chain, and the baked transform whose rows are scored.
    pub transform: Option<(&'a [u8], &'a [u8])>,
    /// The scoring function, baked.
    pub score: &'a [u8],
}

/// Why parts were not composed.
#[derive(Debug, thiserror::Error)]
pub enum ComposeError {
    /// They do not fit together.
    #[error("cannot compose: {0:#}")]
    Graph(wasmtime::Error),
    /// What they import cannot be denied.
    #[error("cannot deny what is not granted: {0:#}")]
    Deny(wasmtime::Error),
}

/// Composes a scoring endpoint.
pub fn compose(parts: &Parts<'_>) -> Result<Vec<u8>, ComposeError> {
    let joined = join(parts).map_err(ComposeError::Graph)?;
    let Some(denying) = deny::component(&joined, &[]).map_err(ComposeError::Deny)? else { return Ok(joined) };
    plug(&joined, &denying.component).map_err(ComposeError::Deny)
}

fn join(parts: &Parts<'_>) -> wasmtime::Result<Vec<u8>> {
    let mut graph = CompositionGraph::new();
    let score = instance(&mut graph, "wasmill:score", parts.score)?;
    let mut scoring = score.export(&mut graph, SCORE)?;
    if let Some((chain, transform)) = parts.transform {
        let transform = instance(&mut graph, "wasmill:transform", transform)?.export(&mut graph, TRANSFORM)?;
        let chain = instance(&mut graph, "wasmill:chain", chain)?;
        chain.import(&mut graph, TRANSFORM, transform)?;
        chain.import(&mut graph, SCORE, scoring)?;
        scoring = chain.export(&mut graph, SCORE)?;
    }
    let gateway = instance(&mut graph, "wasmill:gateway", parts.gateway)?;
    gateway.import(&mut graph, SCORE, scoring)?;
    let found = HANDLERS.iter().find_map(|name| Some((name, gateway.export(&mut graph, name).ok()?)));
    let Some((name, handler)) = found else { bail!("the gateway exports none of {}", HANDLERS.join(", ")) };
    graph.export(handler, *name).map_err(wasmtime::Error::new)?;
    graph.encode(EncodeOptions::default()).map_err(wasmtime::Error::new)
}

/// Gives a component the exports of another, and lets its own stand.
fn plug(component: &[u8], denying: &[u8]) -> wasmtime::Result<Vec<u8>> {
    let mut graph = CompositionGraph::new();
    let denying = package(&mut graph, "wasmill:deny", denying)?;
    let socket = package(&mut graph, "wasmill:endpoint", component)?;
    wac_graph::plug(&mut graph, vec![denying], socket).map_err(wasmtime::Error::new)?;
    graph.encode(EncodeOptions::default()).map_err(wasmtime::Error::new)
}

fn package(graph: &mut CompositionGraph, name: &str, bytes: &[u8]) -> wasmtime::Result<wac_graph::PackageId> {
    let package =
        Package::from_bytes(name, None, bytes.to_vec(), graph.types_mut()).map_err(wasmtime::Error::from_anyhow)?;
    graph.register_package(package).map_err(wasmtime::Error::new)
}

/// An instance in a graph.
#[derive(Clone, Copy)]
struct Part(NodeId);

fn instance(graph: &mut CompositionGraph, name: &str, bytes: &[u8]) -> wasmtime::Result<Part> {
    let package = package(graph, name, &merge::identical_functions(bytes)?)?;
    Ok(Part(graph.instantiate(package)))
}

impl Part {
    fn export(self, graph: &mut CompositionGraph, name: &str) -> wasmtime::Result<NodeId> {
        graph.alias_instance_export(self.0, name).map_err(wasmtime::Error::new)
    }

    fn import(self, graph: &mut CompositionGraph, name: &str, from: NodeId) -> wasmtime::Result<()> {
        graph.set_instantiation_argument(self.0, name, from).map_err(wasmtime::Error::new)
    }
}
