//! Composing a whole pipeline: a gateway, the functions of a linear chain, and the adapter of the document database.
//!
//! ```text
//!            ┌──buffer, objects──► buffer ◄──objects──┐
//! gateway ───┼──ingest───────────► ingest ────────────┘
//!            ├──transform────────► transform, or pass
//!            ├──score────────────► score, or pass
//!            └──publish──────────► publish ──documents──► guard ──documents──► adapter ──► wasi:http/outgoing-handler
//! ```
//!
//! Each part has only what it is granted: of what a host gives, requests (or the host's own database) are the adapter's
//! alone, and the environment that of the components that answer `settings`, one for each part that is granted some. Everything else that a part
//! imports is denied to it, by a component of its own, before it is joined to the others.

use wac_graph::{CompositionGraph, EncodeOptions};

use super::deny::{self, Denying};
use super::{ComposeError, Part, SCORE, TRANSFORM, merge, package};

const OBJECTS: &str = "wasmill:pipeline/objects@0.1.0";
const BUFFER: &str = "wasmill:pipeline/buffer@0.1.0";
const INGEST: &str = "wasmill:pipeline/ingest@0.1.0";
const PUBLISH: &str = "wasmill:pipeline/publish@0.1.0";
const DOCUMENTS: &str = "wasmill:pipeline/documents@0.1.0";
const SETTINGS: &str = "wasmill:pipeline/settings@0.1.0";
const HANDLER: &str = "wasi:http/incoming-handler@0.2.0";

/// What a composition runs on, which decides what its parts may have of a host besides HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Any host of WASI 0.2: settings are in the environment.
    Wasi,
    /// Spin: settings are the variables of an application.
    Spin,
}

impl Target {
    /// The bundled component that answers settings there.
    pub fn settings(self) -> &'static str {
        match self {
            Self::Wasi => "settings-env",
            Self::Spin => "settings-spin",
        }
    }

    /// What only that is granted, in whatever version it imports it.
    fn of_settings(self) -> &'static str {
        match self {
            Self::Wasi => "wasi:cli/environment@",
            Self::Spin => "fermyon:spin/variables@",
        }
    }

    /// What only the adapter is granted: requests, or Spin's own database.
    fn of_adapter(self) -> &'static [&'static str] {
        match self {
            Self::Wasi => &["wasi:http/outgoing-handler@"],
            Self::Spin => &["wasi:http/outgoing-handler@", "fermyon:spin/sqlite@"],
        }
    }
}

/// The components of a whole pipeline, baked but for `buffer` and `pass`.
pub struct EventParts {
    /// What answers requests.
    pub gateway: Vec<u8>,
    /// What makes objects of their bodies.
    pub buffer: Vec<u8>,
    /// What rows pass through where the pipeline has no step.
    pub pass: Vec<u8>,
    /// The step that reads.
    pub ingest: Granted,
    /// The step that cleans, if there is one.
    pub transform: Option<Granted>,
    /// The step that scores, if there is one.
    pub score: Option<Granted>,
    /// The step that writes.
    pub publish: Granted,
    /// What lets only granted collections pass.
    pub guard: Vec<u8>,
    /// The adapter of the document database.
    pub adapter: Granted,
    /// What it runs on.
    pub target: Target,
}

/// A component, and what answers `settings` for it; without, no setting is set.
pub struct Granted {
    /// The component.
    pub component: Vec<u8>,
    /// What answers.
    pub settings: Option<Vec<u8>>,
}

/// Composes a whole pipeline.
pub fn compose(parts: &EventParts) -> Result<Vec<u8>, ComposeError> {
    let mut joined = Joined { graph: CompositionGraph::new(), target: parts.target };
    let buffer = joined.add("buffer", &parts.buffer, &[])?;
    let adapter = joined.add_granted("adapter", &parts.adapter, parts.target.of_adapter())?;
    let guard = joined.add("guard", &parts.guard, &[DOCUMENTS])?;
    joined.join(guard, adapter, DOCUMENTS)?;
    let publish = joined.add_granted("publish", &parts.publish, &[DOCUMENTS])?;
    joined.join(publish, guard, DOCUMENTS)?;
    let ingest = joined.add_granted("ingest", &parts.ingest, &[OBJECTS])?;
    joined.join(ingest, buffer, OBJECTS)?;
    // Of objects and documents it has the types, which others use.
    let kept = [BUFFER, OBJECTS, DOCUMENTS, INGEST, TRANSFORM, SCORE, PUBLISH];
    let gateway = joined.add("gateway", &parts.gateway, &kept)?;
    joined.join(gateway, buffer, OBJECTS)?;
    joined.join(gateway, guard, DOCUMENTS)?;
    joined.join(gateway, buffer, BUFFER)?;
    joined.join(gateway, ingest, INGEST)?;
    joined.join(gateway, publish, PUBLISH)?;
    for (name, step, interface) in [("transform", &parts.transform, TRANSFORM), ("score", &parts.score, SCORE)] {
        let step = match step {
            Some(step) => joined.add_granted(name, step, &[])?,
            None => joined.add(&format!("no-{name}"), &parts.pass, &[])?,
        };
        joined.join(gateway, step, interface)?;
    }
    joined.finish(gateway)
}

/// A composition that is being made.
struct Joined {
    graph: CompositionGraph,
    target: Target,
}

impl Joined {
    /// Adds a component that is granted what `kept` names.
    fn add(&mut self, name: &str, component: &[u8], kept: &[&str]) -> Result<Part, ComposeError> {
        let merged = merge::identical_functions(component).map_err(ComposeError::Graph)?;
        let part = self.instance(name, &merged).map_err(ComposeError::Graph)?;
        let Some(denying) = deny::component(&merged, kept).map_err(ComposeError::Deny)? else { return Ok(part) };
        self.deny(name, part, &denying).map_err(ComposeError::Deny)?;
        Ok(part)
    }

    /// The same, with settings if it has some.
    fn add_granted(&mut self, name: &str, granted: &Granted, kept: &[&str]) -> Result<Part, ComposeError> {
        let Granted { component, settings } = granted;
        let Some(settings) = settings else { return self.add(name, component, kept) };
        let part = self.add(name, component, &[kept, &[SETTINGS]].concat())?;
        // One that never asks imports nothing, whatever it is granted.
        if self.imports(part, SETTINGS) {
            let settings = self.add(&format!("{name}-settings"), settings, &[self.target.of_settings()])?;
            self.join(part, settings, SETTINGS)?;
        }
        Ok(part)
    }

    fn imports(&self, part: Part, interface: &str) -> bool {
        let package = self.graph[part.0].package();
        package.is_some_and(|package| {
            let world = self.graph[package].ty();
            self.graph.types()[world].imports.contains_key(interface)
        })
    }

    fn instance(&mut self, name: &str, component: &[u8]) -> wasmtime::Result<Part> {
        let package = package(&mut self.graph, &format!("wasmill:{name}"), component)?;
        Ok(Part(self.graph.instantiate(package)))
    }

    /// Gives a part all that its denying component exports, which is made of the part's own imports.
    fn deny(&mut self, name: &str, part: Part, denying: &Denying) -> wasmtime::Result<()> {
        let denied = self.instance(&format!("{name}-denied"), &denying.component)?;
        for interface in &denying.interfaces {
            let export = denied.export(&mut self.graph, interface)?;
            part.import(&mut self.graph, interface, export)?;
        }
        Ok(())
    }

    /// Gives a part what another exports.
    fn join(&mut self, part: Part, from: Part, interface: &str) -> Result<(), ComposeError> {
        let export = from.export(&mut self.graph, interface).map_err(ComposeError::Graph)?;
        part.import(&mut self.graph, interface, export).map_err(ComposeError::Graph)
    }

    fn finish(mut self, gateway: Part) -> Result<Vec<u8>, ComposeError> {
        let mut encode = || -> wasmtime::Result<Vec<u8>> {
            let handler = gateway.export(&mut self.graph, HANDLER)?;
            self.graph.export(handler, HANDLER).map_err(wasmtime::Error::new)?;
            self.graph.encode(EncodeOptions::default()).map_err(wasmtime::Error::new)
        };
        encode().map_err(ComposeError::Graph)
    }
}
