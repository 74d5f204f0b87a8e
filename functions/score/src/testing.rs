//! Small models, written as a converter would write them.

use prost::Message;
use tract_onnx::pb::tensor_proto::DataType as OnnxType;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension::Value};
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto, TypeProto,
    ValueInfoProto, attribute_proto::AttributeType, type_proto,
};

/// A tensor that a model declares; -1 is a dimension called `batch`.
pub fn port(name: &str, datatype: OnnxType, shape: &[i64]) -> ValueInfoProto {
    let dim = |size: &i64| {
        let value = if *size < 0 { Value::DimParam("batch".into()) } else { Value::DimValue(*size) };
        Dimension { value: Some(value), ..Dimension::default() }
    };
    let shape = Some(TensorShapeProto { dim: shape.iter().map(dim).collect() });
    let tensor = type_proto::Tensor { elem_type: datatype as i32, shape };
    let value = Some(type_proto::Value::TensorType(tensor));
    ValueInfoProto {
        name: name.into(),
        r#type: Some(TypeProto { value, ..TypeProto::default() }),
        ..Default::default()
    }
}

pub fn floats(name: &str, dims: &[i64], values: &[f32]) -> TensorProto {
    let data_type = OnnxType::Float as i32;
    TensorProto { name: name.into(), dims: dims.to_vec(), data_type, float_data: values.to_vec(), ..Default::default() }
}

pub fn ints(name: &str, dims: &[i64], values: &[i64]) -> TensorProto {
    let data_type = OnnxType::Int64 as i32;
    TensorProto { name: name.into(), dims: dims.to_vec(), data_type, int64_data: values.to_vec(), ..Default::default() }
}

/// A node; `op` may have a domain before a colon.
pub fn node(op: &str, input: &[&str], output: &[&str]) -> NodeProto {
    let (domain, op_type) = op.split_once(':').unwrap_or(("", op));
    let names = |names: &[&str]| names.iter().map(|name| name.to_string()).collect();
    NodeProto {
        op_type: op_type.into(),
        domain: domain.into(),
        name: output[0].into(),
        input: names(input),
        output: names(output),
        ..Default::default()
    }
}

/// A node with whole numbers as attributes.
pub fn node_with(op: &str, input: &[&str], output: &[&str], attributes: &[(&str, i64)]) -> NodeProto {
    let attribute = |(name, value): &(&str, i64)| AttributeProto {
        name: name.to_string(),
        r#type: AttributeType::Int as i32,
        i: *value,
        ..Default::default()
    };
    NodeProto { attribute: attributes.iter().map(attribute).collect(), ..node(op, input, output) }
}

/// The bytes of a model.
pub fn model(
    input: Vec<ValueInfoProto>,
    output: Vec<ValueInfoProto>,
    node: Vec<NodeProto>,
    initializer: Vec<TensorProto>,
) -> Vec<u8> {
    let graph = Some(GraphProto { name: "test".into(), input, output, node, initializer, ..Default::default() });
    let opset_import = vec![OperatorSetIdProto { domain: String::new(), version: 17 }];
    ModelProto { ir_version: 8, opset_import, graph, ..Default::default() }.encode_to_vec()
}

/// `sigmoid(relu(x·[[1,-1],[2,0.5]] + [0,1]) · [[0.5],[-0.25]] + 0.1)`: x `[rows,2]`, y `[rows,1]`.
pub fn mlp(rows: i64) -> Vec<u8> {
    model(
        vec![port("x", OnnxType::Float, &[rows, 2])],
        vec![port("y", OnnxType::Float, &[rows, 1])],
        vec![
            node("Gemm", &["x", "w1", "b1"], &["h1"]),
            node("Relu", &["h1"], &["h2"]),
            node("Gemm", &["h2", "w2", "b2"], &["h3"]),
            node("Sigmoid", &["h3"], &["y"]),
        ],
        vec![
            floats("w1", &[2, 2], &[1.0, -1.0, 2.0, 0.5]),
            floats("b1", &[2], &[0.0, 1.0]),
            floats("w2", &[2, 1], &[0.5, -0.25]),
            floats("b2", &[1], &[0.1]),
        ],
    )
}

/// What [`mlp`] gives, by hand.
pub fn mlp_by_hand(a: f32, b: f32) -> f32 {
    let (first, second) = ((a + 2.0 * b).max(0.0), (1.0 - a + 0.5 * b).max(0.0));
    1.0 / (1.0 + (-(0.5 * first - 0.25 * second + 0.1)).exp())
}

/// `z = float(k) * w + x`, and `both = [x, z]`: k int64 `[N]`, x float `[N,1]`.
pub fn two_inputs() -> Vec<u8> {
    model(
        vec![port("k", OnnxType::Int64, &[-1]), port("x", OnnxType::Float, &[-1, 1])],
        vec![port("z", OnnxType::Float, &[-1, 1]), port("both", OnnxType::Float, &[-1, 2])],
        vec![
            node_with("Cast", &["k"], &["kf"], &[("to", OnnxType::Float as i64)]),
            node("Unsqueeze", &["kf", "one"], &["kc"]),
            node("Mul", &["kc", "w"], &["kw"]),
            node("Add", &["kw", "x"], &["z"]),
            node_with("Concat", &["x", "z"], &["both"], &[("axis", 1)]),
        ],
        vec![ints("one", &[1], &[1]), floats("w", &[1], &[10.0])],
    )
}

/// A table of three rows, looked up: k int64 `[N]`, v float `[N,2]`.
pub fn lookup() -> Vec<u8> {
    model(
        vec![port("k", OnnxType::Int64, &[-1])],
        vec![port("v", OnnxType::Float, &[-1, 2])],
        vec![node_with("Gather", &["table", "k"], &["v"], &[("axis", 0)])],
        vec![floats("table", &[3, 2], &[0.0, 0.5, 1.0, 1.5, 2.0, 2.5])],
    )
}

fn list(name: &str, r#type: AttributeType) -> AttributeProto {
    AttributeProto { name: name.into(), r#type: r#type as i32, ..Default::default() }
}

/// A tree as scikit-learn's converter writes it: x `[N,1]` above 0.5 is class 7, surely, any other class 3 with
/// 0.75; label `[N]`, probabilities `[N,2]`.
pub fn tree() -> Vec<u8> {
    let ints = |name: &str, ints: &[i64]| AttributeProto { ints: ints.to_vec(), ..list(name, AttributeType::Ints) };
    let floats =
        |name: &str, floats: &[f32]| AttributeProto { floats: floats.to_vec(), ..list(name, AttributeType::Floats) };
    let modes = ["BRANCH_LEQ", "LEAF", "LEAF"].map(|mode| mode.as_bytes().to_vec()).to_vec();
    let attribute = vec![
        ints("nodes_treeids", &[0, 0, 0]),
        ints("nodes_nodeids", &[0, 1, 2]),
        ints("nodes_featureids", &[0, 0, 0]),
        floats("nodes_values", &[0.5, 0.0, 0.0]),
        AttributeProto { strings: modes, ..list("nodes_modes", AttributeType::Strings) },
        ints("nodes_truenodeids", &[1, 0, 0]),
        ints("nodes_falsenodeids", &[2, 0, 0]),
        ints("class_treeids", &[0, 0, 0, 0]),
        ints("class_nodeids", &[1, 1, 2, 2]),
        ints("class_ids", &[0, 1, 0, 1]),
        floats("class_weights", &[0.75, 0.25, 0.0, 1.0]),
        ints("classlabels_int64s", &[3, 7]),
        AttributeProto { s: b"NONE".to_vec(), ..list("post_transform", AttributeType::String) },
    ];
    let tree = node("ai.onnx.ml:TreeEnsembleClassifier", &["x"], &["label", "probabilities"]);
    model(
        vec![port("x", OnnxType::Float, &[-1, 1])],
        vec![port("label", OnnxType::Int64, &[-1]), port("probabilities", OnnxType::Float, &[-1, 2])],
        vec![NodeProto { attribute, ..tree }],
        vec![],
    )
}
