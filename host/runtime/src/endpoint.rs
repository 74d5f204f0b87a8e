//! A pipeline's scoring endpoint: which of its steps answer a request, and the component that they become.
//!
//! It is the step of kind `score` and, if its rows come from a transform whose rows stand alone, that one too. What
//! reads objects and what writes documents has no place in it: a request brings its rows, and takes its scores. An endpoint
//! that takes events through a whole pipeline is made in [`events`].

pub mod events;

use arrow_schema::{DataType, Field, FieldRef, Schema};
use serde::Serialize;

use crate::bake::{self, BakeError, Image, Marker};
use crate::compose::{self, ComposeError, Parts};
use crate::engine::{Engine, on_deep_stack};
use crate::failure::Failure;
use crate::function::{Instance, Kind, score};
use crate::pipeline::{Pipeline, Step};
use crate::plan::Plan;
use crate::rows::ROW;

/// The version of the endpoint's model that paths name.
const VERSION: &str = "1";

/// The bundled components that an endpoint is made with.
pub struct Shells {
    /// The gateway.
    pub gateway: Vec<u8>,
    /// The chain of a transform and a scoring function.
    pub chain: Vec<u8>,
}

/// A scoring endpoint.
pub struct Endpoint {
    /// The component.
    pub component: Vec<u8>,
    /// The steps it is made of, with what their memory starts with.
    pub parts: Vec<(String, Image)>,
    /// The columns that a request gives.
    pub columns: Vec<Field>,
}

/// Why a pipeline has no endpoint.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// It has no step of kind `score`, or several; for a whole pipeline, of kind `publish`.
    #[error("an endpoint has one step of kind {kind}, and the pipeline has {found}{hint}")]
    Steps {
        /// The kind.
        kind: Kind,
        /// What it has.
        found: String,
        /// What to do about it.
        hint: String,
    },
    /// The rows that are scored come from a step that has no place in an endpoint.
    #[error("step `{step}` cannot be part of an endpoint: {why}")]
    Step {
        /// The step.
        step: String,
        /// Why.
        why: String,
    },
    /// A step cannot be baked.
    #[error("step `{step}`: {source}")]
    Bake {
        /// The step.
        step: String,
        /// Why.
        source: BakeError,
    },
    /// The gateway cannot be baked.
    #[error("the gateway: {0}")]
    Gateway(BakeError),
    /// The document database has no place in an endpoint.
    #[error("{0}")]
    Database(String),
    /// Something else that a whole pipeline is composed with cannot be baked.
    #[error("{part}: {source}")]
    Part {
        /// What it is for.
        part: &'static str,
        /// Why.
        source: BakeError,
    },
    /// The parts do not fit together.
    #[error(transparent)]
    Compose(#[from] ComposeError),
    /// A function failed, or its file is not what it was.
    #[error("{0}")]
    Failed(String),
}

/// What a gateway is told; see the crate `wasmill-gateway`.
#[derive(Serialize)]
struct Config<'a> {
    model: &'a str,
    version: &'a str,
    inputs: Vec<Tensor>,
    outputs: Vec<Output>,
}

#[derive(Serialize)]
struct Tensor {
    name: String,
    datatype: String,
    shape: Vec<i64>,
    columns: Vec<String>,
}

#[derive(Serialize)]
struct Output {
    name: String,
    datatype: String,
    shape: Vec<i64>,
}

/// Makes the component of a pipeline's scoring endpoint. `step` names the step of kind `score`, if there are several.
pub fn compose(
    engine: &Engine,
    plan: &Plan,
    pipeline: &Pipeline,
    step: Option<&str>,
    shells: &Shells,
) -> Result<Endpoint, EndpointError> {
    let composed = on_deep_stack(|| Composer { engine, plan, pipeline, shells }.compose(step));
    composed.unwrap_or_else(|err| Err(EndpointError::Failed(err.to_string())))
}

struct Composer<'a> {
    engine: &'a Engine,
    plan: &'a Plan,
    pipeline: &'a Pipeline,
    shells: &'a Shells,
}

impl Composer<'_> {
    fn compose(&self, step: Option<&str>) -> Result<Endpoint, EndpointError> {
        let score = the_step(self.pipeline, Kind::Score, step)?;
        let transform = self.transform_before(score)?;
        let first = transform.unwrap_or(score);
        let model = self.metadata(score).map_err(|failure| EndpointError::Failed(failure.to_string()))?;
        let config = Config {
            model: self.pipeline.name.as_str(),
            version: VERSION,
            inputs: if transform.is_some() { columns_as_tensors(first.input()) } else { tensors(&model.inputs) },
            outputs: outputs(score, &model.outputs),
        };
        let config = serde_json::to_string(&config).map_err(|err| EndpointError::Failed(err.to_string()))?;

        let mut parts = Vec::new();
        let scoring = self.bake(score, &mut parts)?;
        let cleaning = transform.map(|transform| self.bake(transform, &mut parts)).transpose()?;
        let output = score.bound.schema.clone().unwrap_or_else(|| Schema::empty().into());
        let gateway = bake::part::bake_gateway(self.engine, &self.shells.gateway, &config, first.input(), &output)
            .map_err(EndpointError::Gateway)?;
        let component = compose::compose(&Parts {
            gateway: &gateway,
            transform: cleaning.as_deref().map(|cleaning| (&*self.shells.chain, cleaning)),
            score: &scoring,
        })?;
        let columns = first.input().fields().iter().filter(|field| field.name() != ROW);
        Ok(Endpoint { component, parts, columns: columns.map(|field| field.as_ref().clone()).collect() })
    }

    /// The transform whose rows are scored, if that is where they come from.
    fn transform_before(&self, score: &Step) -> Result<Option<&Step>, EndpointError> {
        let before = |step: &Step| step.from.first().and_then(|edge| self.pipeline.steps.get(edge.step));
        let Some(step) = before(score) else { return Ok(None) };
        let refuse = |why: &str| Err(EndpointError::Step { step: step.id.to_string(), why: why.to_owned() });
        if score.from.len() > 1 {
            let why = "it and others give their rows to the step that scores, and an endpoint has one transform";
            return refuse(why);
        }
        match step.kind {
            Kind::Ingest => Ok(None),
            Kind::Transform if step.bound.whole => {
                refuse("its rows depend on each other, and a request is answered row by row")
            }
            Kind::Transform if before(step).is_some_and(|step| step.kind != Kind::Ingest) => refuse(
                "its rows come from another step, and an endpoint has one transform\nhint: make one query of both",
            ),
            Kind::Transform => Ok(Some(step)),
            _ => refuse("only a transform can come before the step that scores"),
        }
    }

    fn bake(&self, step: &Step, parts: &mut Vec<(String, Image)>) -> Result<Vec<u8>, EndpointError> {
        let (baked, image) = bake_step(self.engine, self.plan, step)?;
        parts.push((step.id.to_string(), image));
        Ok(baked)
    }

    fn metadata(&self, score: &Step) -> Result<score::Model, Failure> {
        match score.start(self.engine)? {
            Instance::Score(mut score) => score.metadata(),
            _ => Err(Failure::Reject(format!("step `{}` is not of kind score", score.id))),
        }
    }
}

/// The step of a kind that an endpoint is made for: the one that is wanted, or else the only one.
fn the_step<'a>(pipeline: &'a Pipeline, kind: Kind, wanted: Option<&str>) -> Result<&'a Step, EndpointError> {
    let known: Vec<&Step> = pipeline.steps.iter().filter(|step| step.kind == kind).collect();
    let names = || known.iter().map(|step| format!("`{}`", step.id)).collect::<Vec<_>>().join(", ");
    match (wanted, &*known) {
        (Some(wanted), _) => {
            let found = known.iter().find(|step| step.id.as_str() == wanted).copied();
            found.ok_or_else(|| EndpointError::Steps {
                kind,
                found: format!("no such step `{wanted}`"),
                hint: format!("\nhint: its steps of kind {kind}: {}", names()),
            })
        }
        (None, [only]) => Ok(only),
        (None, []) => Err(EndpointError::Steps { kind, found: "none".into(), hint: String::new() }),
        (None, several) => Err(EndpointError::Steps {
            kind,
            found: several.len().to_string(),
            hint: format!("\nhint: name one with --step: {}", names()),
        }),
    }
}

/// A step of the plan, baked, and what its memory starts with.
fn bake_step(engine: &Engine, plan: &Plan, step: &Step) -> Result<(Vec<u8>, Image), EndpointError> {
    let planned = plan.steps.iter().find(|planned| planned.id == step.id);
    let planned = planned.ok_or_else(|| EndpointError::Failed(format!("step `{}` is not in the plan", step.id)))?;
    if !planned.outbound.is_empty() {
        let why = "it is granted requests of its own (`grants.http`), and an endpoint sends none".to_owned();
        return Err(EndpointError::Step { step: step.id.to_string(), why });
    }
    let bytes = planned.component.read().map_err(|err| EndpointError::Failed(err.to_string()))?;
    let failed = |source| EndpointError::Bake { step: step.id.to_string(), source };
    // The step may start from what an earlier run baked and kept; the plan's file says whether it was baked before.
    let is_baked = Marker::read(&bytes).map_err(|err| failed(BakeError::Snapshot(err)))?.is_some();
    let baked = match is_baked {
        true => bytes,
        false => bake::bake(engine, &bytes, step.setup()).map_err(failed)?,
    };
    let image = Image::of(&baked).map_err(|err| failed(BakeError::Snapshot(err)))?;
    Ok((baked, image))
}

/// The model's own tensors. Whatever number of rows the model takes at once, a request may have any.
fn tensors(tensors: &[score::Tensor]) -> Vec<Tensor> {
    let own = |tensor: &score::Tensor| {
        let score::Tensor { name, datatype, shape, columns } = tensor.clone();
        Tensor { name, datatype, shape: [-1].into_iter().chain(shape.into_iter().skip(1)).collect(), columns }
    };
    tensors.iter().map(own).collect()
}

/// A tensor for each column.
fn columns_as_tensors(schema: &Schema) -> Vec<Tensor> {
    let columns = schema.fields().iter().filter(|field| field.name() != ROW);
    let tensor = |field: &FieldRef| {
        let (datatype, shape) = tensor(field);
        Tensor { name: field.name().clone(), datatype, shape, columns: vec![field.name().clone()] }
    };
    columns.map(tensor).collect()
}

/// The columns that are made of the model's outputs.
fn outputs(score: &Step, tensors: &[score::Tensor]) -> Vec<Output> {
    let made: Vec<&String> = tensors.iter().flat_map(|tensor| &tensor.columns).collect();
    let fields = score.bound.schema.iter().flat_map(|schema| schema.fields());
    let output = |field: &FieldRef| {
        let (datatype, shape) = tensor(field);
        Output { name: field.name().clone(), datatype, shape }
    };
    fields.filter(|field| made.contains(&field.name())).map(output).collect()
}

/// The datatype and the shape of the tensor that a column is.
fn tensor(field: &Field) -> (String, Vec<i64>) {
    match field.data_type() {
        DataType::FixedSizeList(item, size) => (datatype(item.data_type()).to_owned(), vec![-1, i64::from(*size)]),
        other => (datatype(other).to_owned(), vec![-1]),
    }
}

/// The Open Inference Protocol's datatype of a column; `BYTES`, its text, where the protocol has none.
fn datatype(column: &DataType) -> &'static str {
    match column {
        DataType::Boolean => "BOOL",
        DataType::Int8 => "INT8",
        DataType::Int16 => "INT16",
        DataType::Int32 => "INT32",
        DataType::Int64 => "INT64",
        DataType::UInt8 => "UINT8",
        DataType::UInt16 => "UINT16",
        DataType::UInt32 => "UINT32",
        DataType::UInt64 => "UINT64",
        DataType::Float16 => "FP16",
        DataType::Float32 => "FP32",
        DataType::Float64 => "FP64",
        _ => "BYTES",
    }
}
