//! A case, as `tests/operators/make.py` writes it.

use std::fs;
use std::path::Path;

use prost::Message;
use tract_onnx::data_resolver::MmapDataResolver;
use tract_onnx::pb::{ModelProto, TensorProto};
use tract_onnx::prelude::Tensor;
use tract_onnx::tensor::load_tensor;
use wasmill_score::datatype;
use wasmill_score::graph::{self, Port};

/// Which of a case's inputs are constants of the model, as axes, shapes and weights usually are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Constants {
    /// None: the case as it is.
    None,
    /// All but the first.
    Parameters,
    /// All.
    All,
}

/// How far a number may be off.
#[derive(Debug, Clone, Copy)]
pub struct Tolerance {
    /// Of the number that is expected.
    pub relative: f64,
    /// Beyond that.
    pub absolute: f64,
}

/// A case.
pub struct Case {
    /// The model's file.
    pub model: Vec<u8>,
    /// What the model is given.
    pub inputs: Vec<Tensor>,
    /// What must come of it.
    pub expected: Vec<Tensor>,
    /// How precisely.
    pub tolerance: Tolerance,
}

impl Case {
    /// Reads the case in a folder.
    pub fn read(folder: &Path, constants: Constants) -> Result<Self, String> {
        let read = |name: &str| fs::read(folder.join(name)).map_err(|err| format!("{name}: {err}"));
        let tolerance = tolerance(&read("tolerance.txt")?).ok_or("tolerance.txt does not have two numbers")?;
        let mut model = ModelProto::decode(&*read("model.onnx")?).map_err(|err| format!("model.onnx: {err}"))?;
        let graph = model.graph.as_mut().ok_or("model.onnx has no graph")?;
        let protos = |kind: &'static str, ports: Vec<Port>| {
            let proto = |(index, port)| proto(kind, &port, &read(&format!("{kind}-{index}.pb"))?);
            ports.into_iter().enumerate().map(proto).collect::<Result<Vec<_>, String>>()
        };
        let mut inputs = protos("input", graph::inputs(graph))?;
        let expected = protos("output", graph::outputs(graph))?;
        let given = match constants {
            Constants::None => inputs.len(),
            Constants::Parameters => inputs.len().min(1),
            Constants::All => 0,
        };
        graph.initializer.extend(inputs.split_off(given));
        let tensors = |protos: Vec<TensorProto>| {
            let tensor = |proto: &TensorProto| load_tensor(&MmapDataResolver, proto, None);
            protos.iter().map(tensor).collect::<Result<Vec<_>, _>>().map_err(|err| format!("{err:#}"))
        };
        Ok(Self { model: model.encode_to_vec(), inputs: tensors(inputs)?, expected: tensors(expected)?, tolerance })
    }
}

fn tolerance(text: &[u8]) -> Option<Tolerance> {
    let (relative, absolute) = str::from_utf8(text).ok()?.trim_end().split_once(' ')?;
    Some(Tolerance { relative: relative.parse().ok()?, absolute: absolute.parse().ok()? })
}

fn proto(kind: &str, port: &Port, file: &[u8]) -> Result<TensorProto, String> {
    let name = &port.name;
    let datatype =
        port.datatype.ok_or_else(|| format!("the {kind} `{name}` is no tensor: a sequence or an optional value"))?;
    datatype::compiled(datatype).ok_or_else(|| format!("the {kind} `{name}` is {}", datatype::protocol(datatype)))?;
    TensorProto::decode(file).map_err(|err| format!("the {kind} `{name}`: {err}"))
}
