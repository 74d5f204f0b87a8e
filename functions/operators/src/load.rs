//! From a case's model to its outputs.

use prost::Message;
use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::*;
use wasmill_score::graph;
use wasmill_score::model::{Plan, message};
use wasmill_score::operators;

/// What takes the model.
#[derive(Debug, Clone, Copy)]
pub enum Loader {
    /// The score function.
    Score,
    /// tract by itself.
    Tract,
}

/// The outputs of a case; an error says why there are none.
pub fn run(model: &[u8], inputs: Vec<Tensor>, loader: Loader) -> Result<Vec<Tensor>, String> {
    let inputs = inputs.into_iter().map(Into::into).collect();
    let outputs = match loader {
        Loader::Score => score(model, inputs)?,
        Loader::Tract => tract(model, inputs).map_err(|err| message(&err))?,
    };
    outputs.into_iter().map(|output| sizes_as_numbers(output).map_err(|err| message(&err))).collect()
}

/// What the score function does, but that it gives the inputs a dimension for rows and wants one of the outputs.
fn score(model: &[u8], inputs: TVec<TValue>) -> Result<TVec<TValue>, String> {
    let (mut proto, mut graph) = graph::read(model)?;
    let (input_ports, output_ports) = (graph::inputs(&graph), graph::outputs(&graph));
    let names: Vec<&str> = output_ports.iter().map(|port| port.name.as_str()).collect();
    graph::select(&mut graph, &names)?;
    operators::check(&graph)?;
    let shape = |input: &TValue| input.shape().iter().copied().map(Some).collect();
    let shapes = input_ports.iter().map(|port| port.name.as_str()).zip(inputs.iter().map(shape)).collect();
    graph::set_shapes(&mut graph, &shapes);
    proto.graph = Some(graph);
    Plan::new(&proto)?.run(inputs)
}

fn tract(model: &[u8], inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
    let proto = ModelProto::decode(model)?;
    tract_onnx::onnx().model_for_proto_model(&proto)?.into_optimized()?.into_runnable()?.run(inputs)
}

/// Sizes of tensors have a type of their own in tract; for ONNX they are numbers.
fn sizes_as_numbers(output: TValue) -> TractResult<Tensor> {
    let output = output.into_tensor();
    if output.datum_type() == DatumType::TDim { Ok(output.cast_to::<i64>()?.into_owned()) } else { Ok(output) }
}
