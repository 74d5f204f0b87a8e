//! The model's file before it is compiled: what it declares, and what of it is asked for.

use std::collections::{BTreeMap, BTreeSet};

use prost::Message;
use tract_onnx::pb::tensor_shape_proto::Dimension;
use tract_onnx::pb::tensor_shape_proto::dimension::Value as DimValue;
use tract_onnx::pb::{
    GraphProto, ModelProto, NodeProto, TensorShapeProto, TypeProto, ValueInfoProto, tensor_proto, type_proto,
};
use wasmill_sdk::Tensor;

use crate::datatype;

/// The name of the dimension that counts rows, where any size will do.
pub const ROWS: &str = "N";

/// A tensor that the model declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// As in the file.
    pub name: String,
    /// ONNX's number of its type; none if it is no tensor or not declared.
    pub datatype: Option<i32>,
    /// Its dimensions, none where any size will do; none if it is not declared.
    pub shape: Option<Vec<Option<usize>>>,
}

impl Port {
    fn of(value: &ValueInfoProto) -> Self {
        let tensor = value.r#type.as_ref().and_then(|declared| declared.value.as_ref()).map(|value| {
            let type_proto::Value::TensorType(tensor) = value;
            tensor
        });
        let size = |dim: &Dimension| match dim.value {
            Some(DimValue::DimValue(size)) => usize::try_from(size).ok(),
            _ => None,
        };
        Self {
            name: value.name.clone(),
            datatype: tensor.map(|tensor| tensor.elem_type),
            shape: tensor.and_then(|tensor| tensor.shape.as_ref()).map(|shape| shape.dim.iter().map(size).collect()),
        }
    }

    /// Its description for others, without columns.
    pub fn describe(&self) -> Tensor {
        let dims = self.shape.iter().flatten();
        Tensor {
            name: self.name.clone(),
            datatype: self.datatype.map_or_else(|| "UNKNOWN".to_owned(), datatype::protocol),
            shape: dims.map(|size| size.map_or(-1, |size| i64::try_from(size).unwrap_or(i64::MAX))).collect(),
            columns: Vec::new(),
        }
    }
}

/// Its type and shape as messages show them: `FP32 [-1, 3]`.
pub fn spell(tensor: &Tensor) -> String {
    format!("{} {:?}", tensor.datatype, tensor.shape)
}

/// Reads a model's file.
pub fn read(bytes: &[u8]) -> Result<(ModelProto, GraphProto), String> {
    let mut model = ModelProto::decode(bytes).map_err(|err| format!("the model is not an ONNX file: {err}"))?;
    let graph = model.graph.take().filter(|graph| !graph.output.is_empty());
    let mut graph = graph.ok_or("the model is not an ONNX file: it has no graph with outputs")?;
    let external = Some(tensor_proto::DataLocation::External as i32);
    if let Some(tensor) = graph.initializer.iter().find(|tensor| tensor.data_location == external) {
        return Err(format!(
            "the model keeps `{}` in a file beside it; hint: save it as one file: \
             `onnx.save(onnx.load(\"model.onnx\"), \"one.onnx\")`",
            tensor.name
        ));
    }
    replace_maps(&mut graph);
    Ok((model, graph))
}

/// The model's inputs: those that no initializer gives a value.
pub fn inputs(graph: &GraphProto) -> Vec<Port> {
    let given: BTreeSet<&str> = graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
    graph.input.iter().filter(|input| !given.contains(input.name.as_str())).map(Port::of).collect()
}

/// The model's outputs.
pub fn outputs(graph: &GraphProto) -> Vec<Port> {
    graph.output.iter().map(Port::of).collect()
}

/// Keeps of the graph what these outputs need, in their order.
pub fn select(graph: &mut GraphProto, outputs: &[&str]) -> Result<(), String> {
    let known = std::mem::take(&mut graph.output);
    graph.output = outputs.iter().filter_map(|name| known.iter().find(|port| port.name == *name).cloned()).collect();
    let makers: BTreeMap<&str, usize> = (graph.node.iter().enumerate())
        .flat_map(|(id, node)| node.output.iter().map(move |name| (name.as_str(), id)))
        .collect();
    let mut needed: BTreeSet<usize> = BTreeSet::new();
    let mut names: Vec<&str> = outputs.to_vec();
    while let Some(name) = names.pop() {
        let Some((id, node)) = makers.get(name).and_then(|id| Some((*id, graph.node.get(*id)?))) else { continue };
        if needed.insert(id) {
            names.extend(reads(node));
        }
    }
    let given = graph.initializer.iter().map(|tensor| &tensor.name).chain(graph.input.iter().map(|port| &port.name));
    let given: BTreeSet<&str> = given.map(String::as_str).collect();
    // The compiler takes these for granted.
    let missing = |name: &&str| !makers.contains_key(name) && !given.contains(name);
    if let Some(name) = outputs.iter().copied().find(missing) {
        return Err(format!("the model is broken: nothing in it gives the output `{name}`"));
    }
    let mut id = 0..;
    graph.node.retain(|_| id.next().is_some_and(|id| needed.contains(&id)));
    Ok(())
}

/// The names that a node reads, with those that its subgraphs do.
fn reads(node: &NodeProto) -> Vec<&str> {
    let inner = subgraphs(node).flat_map(|graph| {
        let outputs = graph.output.iter().map(|port| port.name.as_str());
        graph.node.iter().flat_map(reads).chain(outputs)
    });
    node.input.iter().map(String::as_str).chain(inner).collect()
}

/// The graphs in a node's attributes: of a loop, of a condition.
pub fn subgraphs(node: &NodeProto) -> impl Iterator<Item = &GraphProto> {
    node.attribute.iter().flat_map(|attribute| attribute.g.iter().chain(&attribute.graphs))
}

/// Takes a `ZipMap` for what it is given: the scores of all classes. It makes a map from labels to scores of each row,
/// which is no tensor; converters add it unless they are told not to.
fn replace_maps(graph: &mut GraphProto) {
    let mut maps = BTreeMap::new();
    for node in graph.node.iter_mut().filter(|node| node.domain == "ai.onnx.ml" && node.op_type == "ZipMap") {
        let labels = ["classlabels_int64s", "classlabels_strings"];
        let labels = node.attribute.iter().filter(|attribute| labels.contains(&attribute.name.as_str()));
        let classes: usize = labels.map(|labels| labels.ints.len() + labels.strings.len()).sum();
        maps.extend(node.output.first().map(|output| (output.clone(), classes)));
        *node = NodeProto {
            op_type: "Identity".into(),
            input: std::mem::take(&mut node.input),
            output: std::mem::take(&mut node.output),
            name: std::mem::take(&mut node.name),
            ..NodeProto::default()
        };
    }
    for port in &mut graph.output {
        let Some(classes) = maps.get(&port.name) else { continue };
        let dim = [None, Some(*classes)].map(|size| Dimension { value: Some(dimension(size)), ..Dimension::default() });
        let elem_type = tensor_proto::DataType::Float as i32;
        let tensor = type_proto::Tensor { elem_type, shape: Some(TensorShapeProto { dim: dim.to_vec() }) };
        let value = Some(type_proto::Value::TensorType(tensor));
        port.r#type = Some(TypeProto { value, ..TypeProto::default() });
    }
}

/// Whether the graph has cells with a state, whose size tract wants to know: the number of rows is part of it.
pub fn is_recurrent(graph: &GraphProto) -> bool {
    let is_cell = |node: &NodeProto| ["GRU", "LSTM", "RNN"].contains(&node.op_type.as_str());
    graph.node.iter().any(|node| is_cell(node) || subgraphs(node).any(is_recurrent))
}

/// Names as messages list them.
pub fn list<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{}`", name.as_ref())).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// Gives the inputs these shapes, with [`ROWS`] where a dimension is none, and forgets all other names of
/// dimensions: they would contradict.
pub fn set_shapes(graph: &mut GraphProto, shapes: &BTreeMap<&str, Vec<Option<usize>>>) {
    forget_names(graph);
    for input in &mut graph.input {
        let (Some(dims), Some(shape)) = (dims_of(&mut input.r#type), shapes.get(input.name.as_str())) else { continue };
        *dims = shape.iter().map(|size| Dimension { value: Some(dimension(*size)), ..Dimension::default() }).collect();
    }
}

fn dimension(size: Option<usize>) -> DimValue {
    match size.and_then(|size| i64::try_from(size).ok()) {
        Some(size) => DimValue::DimValue(size),
        None => DimValue::DimParam(ROWS.to_owned()),
    }
}

fn forget_names(graph: &mut GraphProto) {
    for port in graph.input.iter_mut().chain(&mut graph.value_info).chain(&mut graph.output) {
        for dim in dims_of(&mut port.r#type).into_iter().flatten() {
            dim.value = dim.value.take().filter(|value| matches!(value, DimValue::DimValue(_)));
        }
    }
    for attribute in graph.node.iter_mut().flat_map(|node| &mut node.attribute) {
        attribute.g.iter_mut().chain(&mut attribute.graphs).for_each(forget_names);
    }
}

fn dims_of(declared: &mut Option<TypeProto>) -> Option<&mut Vec<Dimension>> {
    let type_proto::Value::TensorType(tensor) = declared.as_mut()?.value.as_mut()?;
    Some(&mut tensor.shape.as_mut()?.dim)
}
