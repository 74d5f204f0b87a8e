//! Functions: compiled components of one of four kinds, and their instances.
//!
//! Each kind has a file with the same items: the instance, `start` (steps 1 to 3 of `wit/pipeline.wit`), and
//! the calls that carry data.

pub mod ingest;
pub mod publish;
pub mod score;
pub mod transform;

use std::fmt;

use serde::Serialize;
use wasmtime::component::{Component, Linker};

use crate::bindings;
use crate::bindings::imports::wasmill::pipeline::types::Context;
use crate::engine::Engine;
use crate::event::Event;
use crate::failure::Failure;
use crate::sandbox::{Grants, Limits, Sandbox, State};

/// What a component is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Turns an object into rows.
    Ingest,
    /// Turns rows into other rows.
    Transform,
    /// Adds a model's outputs to rows.
    Score,
    /// Writes rows as documents.
    Publish,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ingest => "ingest",
            Self::Transform => "transform",
            Self::Score => "score",
            Self::Publish => "publish",
        })
    }
}

/// A compiled component, linked and ready to be instantiated.
#[derive(Clone)]
pub enum Function {
    /// Of kind `ingest`.
    Ingest(bindings::ingest::IngestFunctionPre<State>),
    /// Of kind `transform`.
    Transform(bindings::transform::TransformFunctionPre<State>),
    /// Of kind `score`.
    Score(bindings::score::ScoreFunctionPre<State>),
    /// Of kind `publish`.
    Publish(bindings::publish::PublishFunctionPre<State>),
}

impl Function {
    /// Compiles and links a component; what it exports tells its kind.
    pub fn load(engine: &Engine, linker: &Linker<State>, bytes: &[u8]) -> Result<Self, LoadError> {
        let component = engine.compile(bytes).map_err(LoadError::Compile)?;
        let kind = kind_of(engine, &component)?;
        let pre = linker.instantiate_pre(&component).map_err(LoadError::Link)?;
        match kind {
            Kind::Ingest => bindings::ingest::IngestFunctionPre::new(pre).map(Self::Ingest),
            Kind::Transform => bindings::transform::TransformFunctionPre::new(pre).map(Self::Transform),
            Kind::Score => bindings::score::ScoreFunctionPre::new(pre).map(Self::Score),
            Kind::Publish => bindings::publish::PublishFunctionPre::new(pre).map(Self::Publish),
        }
        .map_err(LoadError::Link)
    }

    /// Has an instance look at its configuration, nothing more.
    pub fn configure(&self, engine: &Engine, setup: &Setup) -> Result<(), Failure> {
        let mut sandbox = Sandbox::new(engine, setup.limits, setup.grants.clone());
        sandbox.set_up(|store| match self {
            Self::Ingest(pre) => {
                pre.instantiate(&mut *store)?.wasmill_pipeline_ingest().call_configure(store, &setup.config)
            }
            Self::Transform(pre) => {
                pre.instantiate(&mut *store)?.wasmill_pipeline_transform().call_configure(store, &setup.config)
            }
            Self::Score(pre) => {
                pre.instantiate(&mut *store)?.wasmill_pipeline_score().call_configure(store, &setup.config)
            }
            Self::Publish(pre) => {
                pre.instantiate(&mut *store)?.wasmill_pipeline_publish().call_configure(store, &setup.config)
            }
        })
    }

    /// What the function is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Ingest(_) => Kind::Ingest,
            Self::Transform(_) => Kind::Transform,
            Self::Score(_) => Kind::Score,
            Self::Publish(_) => Kind::Publish,
        }
    }
}

/// Why a component is not a function of a pipeline.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It is not a component, or not one that this engine can compile.
    #[error("not a component that can be compiled: {0:#}")]
    Compile(wasmtime::Error),
    /// It exports none of the four interfaces, or several.
    #[error(
        "a function exports one of wasmill:pipeline/ingest, transform, score, publish (@0.1.0); it exports {found}"
    )]
    Kind {
        /// What it exports.
        found: String,
    },
    /// It imports what no function is given.
    #[error("it cannot be linked: {0:#}")]
    Link(wasmtime::Error),
}

fn kind_of(engine: &Engine, component: &Component) -> Result<Kind, LoadError> {
    let exports: Vec<String> =
        component.component_type().exports(engine.inner()).map(|(name, _)| name.to_owned()).collect();
    let mut kinds = [Kind::Ingest, Kind::Transform, Kind::Score, Kind::Publish]
        .into_iter()
        .filter(|kind| exports.iter().any(|export| *export == format!("wasmill:pipeline/{kind}@0.1.0")));
    match (kinds.next(), kinds.next()) {
        (Some(kind), None) => Ok(kind),
        _ if exports.is_empty() => Err(LoadError::Kind { found: "nothing".into() }),
        _ => Err(LoadError::Kind { found: exports.join(", ") }),
    }
}

/// What an instance is started with.
#[derive(Clone)]
pub struct Setup {
    /// The configuration, as JSON.
    pub config: String,
    /// What it may use.
    pub limits: Limits,
    /// What it may reach.
    pub grants: Grants,
}

/// The context of a call.
pub(crate) fn context(event: &Event, attempt: u32) -> Context {
    Context { event_id: event.id.to_string(), event_time: event.time, attempt }
}
