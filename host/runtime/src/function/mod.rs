//! Functions: compiled components of one of four kinds, and their instances.
//!
//! Each kind has a file with the same items: the instance, `configure` and `bind` (steps 1 to 3 of
//! `wit/pipeline.wit`), and the calls that carry data.

pub mod ingest;
pub mod publish;
pub mod score;
pub mod transform;

use std::fmt;
use std::sync::Arc;

use arrow_schema::SchemaRef;
use serde::{Deserialize, Serialize};
use wasmtime::component::{Component, InstancePre, Linker};

use crate::bake::Marker;
use crate::bindings;
use crate::bindings::imports::wasmill::pipeline::types::Context;
use crate::capability::objects::OpenObject;
use crate::engine::Engine;
use crate::event::Event;
use crate::failure::Failure;
use crate::function::ingest::Ingest;
use crate::function::publish::Publish;
use crate::function::score::Score;
use crate::function::transform::{Table, Transform};
use crate::sandbox::{Grants, Limits, Sandbox, State};

/// What a component is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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
pub struct Function {
    pre: InstancePre<State>,
    exports: Exports,
    /// What it was set up for, if it was baked.
    pub baked: Option<Arc<Marker>>,
}

/// Where an instance's functions are found.
#[derive(Clone)]
enum Exports {
    Ingest(bindings::ingest::IngestFunctionIndices),
    Transform(bindings::transform::TransformFunctionIndices),
    Score(bindings::score::ScoreFunctionIndices),
    Publish(bindings::publish::PublishFunctionIndices),
}

/// A running function.
pub enum Instance {
    /// Of kind `ingest`.
    Ingest(Ingest),
    /// Of kind `transform`.
    Transform(Transform),
    /// Of kind `score`.
    Score(Score),
    /// Of kind `publish`.
    Publish(Publish),
}

/// What a function said of its rows when it was bound.
#[derive(Debug, Clone)]
pub struct Bound {
    /// The schema of the rows it gives; none for `publish`.
    pub schema: Option<SchemaRef>,
    /// Whether it takes all rows of an event before it gives any.
    pub whole: bool,
    /// The routes of its rows.
    pub routes: Vec<String>,
}

impl From<SchemaRef> for Bound {
    fn from(schema: SchemaRef) -> Self {
        Self { schema: Some(schema), whole: false, routes: Vec::new() }
    }
}

impl Function {
    /// Compiles and links a component; what it exports tells its kind.
    pub fn load(engine: &Engine, linker: &Linker<State>, bytes: &[u8]) -> Result<Self, LoadError> {
        let component = engine.compile(bytes).map_err(LoadError::Compile)?;
        let baked = Marker::read(bytes).map_err(LoadError::Compile)?.map(Arc::new);
        let kind = kind_of(engine, &component)?;
        let pre = linker.instantiate_pre(&component).map_err(LoadError::Link)?;
        let exports = match kind {
            Kind::Ingest => bindings::ingest::IngestFunctionIndices::new(&pre).map(Exports::Ingest),
            Kind::Transform => bindings::transform::TransformFunctionIndices::new(&pre).map(Exports::Transform),
            Kind::Score => bindings::score::ScoreFunctionIndices::new(&pre).map(Exports::Score),
            Kind::Publish => bindings::publish::PublishFunctionIndices::new(&pre).map(Exports::Publish),
        };
        Ok(Self { pre, exports: exports.map_err(LoadError::Link)?, baked })
    }

    /// Has an instance look at its configuration, nothing more.
    pub fn configure(&self, engine: &Engine, setup: &Setup) -> Result<(), Failure> {
        let (mut instance, _) = self.instantiate(engine, setup)?;
        instance.configure(&setup.config)
    }

    /// What a function of kind `score` says of its model, and why it cannot load it as it is configured, if it cannot.
    pub fn describe(&self, engine: &Engine, setup: &Setup) -> Result<(score::Model, Option<String>), Failure> {
        let (mut instance, _) = self.instantiate(engine, setup)?;
        instance.configure(&setup.config)?;
        match instance {
            Instance::Score(mut score) => score.describe(setup.model.as_deref().map_or(&[][..], Vec::as_slice)),
            _ => Err(Failure::Reject(format!("a function of kind {} has no model", self.kind()))),
        }
    }

    /// The configuration that a function of kind `ingest` proposes for objects like that of the event.
    pub fn infer(&self, engine: &Engine, event: &Event) -> Result<String, Failure> {
        let setup = Setup {
            config: String::new(),
            tables: Vec::new(),
            model: None,
            input: SchemaRef::new(arrow_schema::Schema::empty()),
            limits: Limits::default(),
            grants: Grants::default(),
        };
        let object = OpenObject::open(event, Arc::default()).map_err(|err| Failure::Retry(err.to_string()))?;
        match self.instantiate(engine, &setup)?.0 {
            Instance::Ingest(mut ingest) => ingest.infer(object),
            _ => Err(Failure::Reject(format!("a function of kind {} reads no objects", self.kind()))),
        }
    }

    /// Starts an instance: steps 1 to 3 of `wit/pipeline.wit`.
    pub fn start(&self, engine: &Engine, setup: &Setup) -> Result<(Instance, Bound), Failure> {
        let (mut instance, _) = self.instantiate(engine, setup)?;
        let bound = instance.set_up(setup)?;
        Ok((instance, bound))
    }

    /// Starts an instance of a baked function, which was set up before it was baked.
    pub fn resume(&self, engine: &Engine, setup: &Setup, bound: &Bound) -> Result<Instance, Failure> {
        let (mut instance, _) = self.instantiate(engine, setup)?;
        instance.set_bound(bound);
        Ok(instance)
    }

    /// An instance of which nothing was called yet.
    pub(crate) fn instantiate(
        &self,
        engine: &Engine,
        setup: &Setup,
    ) -> Result<(Instance, wasmtime::component::Instance), Failure> {
        let mut sandbox = Sandbox::new(engine, setup.limits, setup.grants.clone());
        let raw = sandbox.call(|store| self.pre.instantiate(store))?;
        let found = match &self.exports {
            Exports::Ingest(exports) => {
                exports.load(&mut sandbox.store, &raw).map(|exports| Instance::Ingest(Ingest::new(sandbox, exports)))
            }
            Exports::Transform(exports) => exports
                .load(&mut sandbox.store, &raw)
                .map(|exports| Instance::Transform(Transform::new(sandbox, exports))),
            Exports::Score(exports) => {
                exports.load(&mut sandbox.store, &raw).map(|exports| Instance::Score(Score::new(sandbox, exports)))
            }
            Exports::Publish(exports) => {
                exports.load(&mut sandbox.store, &raw).map(|exports| Instance::Publish(Publish::new(sandbox, exports)))
            }
        };
        let instance = found.map_err(|err| Failure::Reject(format!("{err:#}")))?;
        Ok((instance, raw))
    }

    /// What the function is.
    pub fn kind(&self) -> Kind {
        match self.exports {
            Exports::Ingest(_) => Kind::Ingest,
            Exports::Transform(_) => Kind::Transform,
            Exports::Score(_) => Kind::Score,
            Exports::Publish(_) => Kind::Publish,
        }
    }
}

impl Instance {
    fn configure(&mut self, config: &str) -> Result<(), Failure> {
        match self {
            Self::Ingest(ingest) => ingest.configure(config),
            Self::Transform(transform) => transform.configure(config),
            Self::Score(score) => score.configure(config),
            Self::Publish(publish) => publish.configure(config),
        }
    }

    /// Configures it, gives it what it needs, and binds it.
    pub(crate) fn set_up(&mut self, setup: &Setup) -> Result<Bound, Failure> {
        self.configure(&setup.config)?;
        let bound = match self {
            Self::Ingest(ingest) => ingest.bind()?,
            Self::Transform(transform) => transform.bind(&setup.tables, &setup.input)?,
            Self::Score(score) => {
                let model = setup.model.as_deref().map_or(&[][..], Vec::as_slice);
                score.bind(model, &setup.input)?
            }
            Self::Publish(publish) => publish.bind(&setup.input)?,
        };
        self.set_bound(&bound);
        Ok(bound)
    }

    fn set_bound(&mut self, bound: &Bound) {
        let Some(promised) = bound.schema.clone() else { return };
        match self {
            Self::Ingest(ingest) => ingest.schema = promised,
            Self::Transform(transform) => transform.schema = promised,
            Self::Score(score) => score.schema = promised,
            Self::Publish(_) => {}
        }
    }

    /// Its sandbox.
    pub(crate) fn sandbox(&mut self) -> &mut Sandbox {
        match self {
            Self::Ingest(ingest) => &mut ingest.sandbox,
            Self::Transform(transform) => &mut transform.sandbox,
            Self::Score(score) => &mut score.sandbox,
            Self::Publish(publish) => &mut publish.sandbox,
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
    /// Reference tables, for kind `transform`.
    pub tables: Vec<Table>,
    /// The model's file, for kind `score`.
    pub model: Option<Arc<Vec<u8>>>,
    /// The schema of the rows it will be given; empty for kind `ingest`.
    pub input: SchemaRef,
    /// What it may use.
    pub limits: Limits,
    /// What it may reach.
    pub grants: Grants,
}

/// The context of a call.
pub(crate) fn context(event: &Event, attempt: u32) -> Context {
    // Of an event's second attempt the first call is a retry already.
    let attempt = event.attempt.saturating_add(attempt).saturating_sub(1);
    Context { event_id: event.id.to_string(), event_time: event.time, attempt }
}
