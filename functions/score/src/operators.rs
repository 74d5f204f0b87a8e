//! The operators that a model may have.

use std::collections::BTreeSet;

use tract_onnx::Onnx;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::{AttributeProto, GraphProto, NodeProto};

use crate::graph::{list, subgraphs};
use crate::{ml, standard};

/// Operators that give something else at every run.
const RANDOM: [&str; 6] =
    ["Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"];

/// Operators on maps, from names to values.
const ON_MAPS: [&str; 2] = ["ai.onnx.ml.CastMap", "ai.onnx.ml.DictVectorizer"];

/// Where ONNX Runtime keeps operators of its own.
const RUNTIME: &str = "com.microsoft";

/// Those of them that tract has. It tells operators apart by their names, and others of that domain share theirs with
/// operators of ONNX that do something else.
const OF_RUNTIME: [&str; 12] = [
    "BiasGelu",
    "FastGelu",
    "GatherBlockQuantized",
    "Gelu",
    "GroupQueryAttention",
    "MatMulNBits",
    "MultiHeadAttention",
    "QuickGelu",
    "RotaryEmbedding",
    "SimplifiedLayerNormalization",
    "SkipLayerNormalization",
    "SkipSimplifiedLayerNormalization",
];

const RECURRENT: &[&str] = &["GRU", "LSTM", "RNN"];

/// Operators that had an attribute for how they broadcast, before operator set 7.
const BROADCASTING: &[&str] = &["Add", "And", "Div", "Equal", "Greater", "Less", "Mul", "Or", "Pow", "Sub", "Xor"];

/// Attributes that tract does not look at, and what it takes them for.
const TAKEN_FOR: [(&[&str], &str, &[&str]); 14] = [
    (BROADCASTING, "broadcast", &["0"]),
    (&["Attention"], "left_window_size", &["-1"]),
    (&["Attention"], "right_window_size", &["-1"]),
    (&["BatchNormalization"], "training_mode", &["0"]),
    (&["DequantizeLinear"], "output_dtype", &["0", "1"]),
    (&["QuantizeLinear"], "output_dtype", &["0", "2"]),
    (&["QuantizeLinear"], "precision", &["0", "1"]),
    (RECURRENT, "clip", &[]),
    (RECURRENT, "direction", &["forward", "bidirectional"]),
    (&["GRU"], "activations", &["sigmoid, tanh", "sigmoid, tanh, sigmoid, tanh"]),
    (&["LSTM"], "activations", &["sigmoid, tanh, tanh", "sigmoid, tanh, tanh, sigmoid, tanh, tanh"]),
    (&["LSTM"], "input_forget", &["0"]),
    (&["RNN"], "activations", &["tanh", "tanh, tanh"]),
    (&["SpaceToDepth"], "mode", &["dcr"]),
];

/// tract with our operators.
pub fn onnx() -> Onnx {
    let mut onnx = tract_onnx::onnx();
    standard::register(&mut onnx.op_register);
    ml::register(&mut onnx.op_register);
    onnx
}

/// Refuses a model with operators that are not known, that would be taken for something else, or that give something
/// else at every run.
pub fn check(graph: &GraphProto) -> Result<(), String> {
    let known = onnx().op_register.0;
    let (mut unknown, mut random) = (BTreeSet::new(), BTreeSet::new());
    let mut nodes: Vec<&NodeProto> = graph.node.iter().collect();
    while let Some(node) = nodes.pop() {
        let name = node.op_type.as_str();
        let spelled = if is_onnx(&node.domain) { name.to_owned() } else { format!("{}.{name}", node.domain) };
        let is_ours = match node.domain.as_str() {
            RUNTIME => OF_RUNTIME.contains(&name),
            domain => is_onnx(domain) || domain == "ai.onnx.ml",
        };
        if is_onnx(&node.domain) && RANDOM.contains(&name) {
            random.insert(format!("`{spelled}`"));
        } else if !(is_ours && known.contains_key(name)) {
            unknown.insert(format!("`{spelled}`"));
        } else {
            unknown.extend(misread(node).map(|what| format!("`{spelled}` with {what}")));
        }
        nodes.extend(subgraphs(node).flat_map(|graph| &graph.node));
    }
    let names = |names: BTreeSet<String>| names.into_iter().collect::<Vec<_>>().join(", ");
    match (unknown.is_empty(), random.is_empty()) {
        (true, true) => Ok(()),
        (true, false) => Err(format!(
            "the model uses operators that draw random numbers: {}; a replay must give the same",
            names(random)
        )),
        (false, _) => {
            let hint = hint(&unknown);
            unknown.extend(random);
            Err(format!("the model uses operators that are not supported: {}; hint: {hint}", names(unknown)))
        }
    }
}

fn is_onnx(domain: &str) -> bool {
    domain.is_empty() || domain == "ai.onnx"
}

/// What to do about operators that are not supported.
fn hint(unknown: &BTreeSet<String>) -> String {
    let maps: Vec<&str> = ON_MAPS.into_iter().filter(|name| unknown.contains(&format!("`{name}`"))).collect();
    if maps.is_empty() {
        "if they prepare columns, leave them out of the model and do that in the SQL of a transform; if only some \
         outputs need them, list the others in `outputs`"
            .to_owned()
    } else {
        format!("train the model on columns of a table instead of dictionaries, which is what {} is for", list(maps))
    }
}

/// What of a node tract would take for something else.
fn misread(node: &NodeProto) -> Option<String> {
    let name = node.op_type.as_str();
    let attribute = |name: &str| node.attribute.iter().find(|attribute| attribute.name == name).map(spell);
    let is = |name: &str, value: &str| attribute(name).is_some_and(|found| found == value);
    let has_input = |index: usize| node.input.get(index).is_some_and(|input| !input.is_empty());
    // It counts from the first key, not from where the past ends.
    if name == "Attention" && is("is_causal", "1") && has_input(4) {
        return Some("`is_causal` and `past_key`".to_owned());
    }
    // It joins the directions along the wrong dimension.
    if RECURRENT.contains(&name) && is("layout", "1") && is("direction", "bidirectional") {
        return Some("`layout` = 1 and `direction` = bidirectional".to_owned());
    }
    let taken_for = TAKEN_FOR.iter().filter(|(operators, ..)| operators.contains(&name));
    let mut read = taken_for.filter_map(|(_, name, taken)| Some((name, attribute(name)?, taken)));
    let misread = read.find(|(_, value, taken)| !taken.contains(&value.to_lowercase().as_str()));
    misread.map(|(name, value, _)| format!("`{name}` = {value}"))
}

fn spell(attribute: &AttributeProto) -> String {
    let text = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
    match AttributeType::try_from(attribute.r#type) {
        Ok(AttributeType::Int) => attribute.i.to_string(),
        Ok(AttributeType::Float) => attribute.f.to_string(),
        Ok(AttributeType::String) => text(&attribute.s),
        Ok(AttributeType::Strings) => attribute.strings.iter().map(|each| text(each)).collect::<Vec<_>>().join(", "),
        _ => "another type".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use tract_onnx::pb::tensor_proto::DataType;

    use super::*;
    use crate::graph;
    use crate::testing::{model, node, node_with, port};

    /// What is said about a model of these nodes.
    fn said(nodes: Vec<NodeProto>) -> String {
        let ports = || vec![port("x", DataType::Float, &[-1])];
        let (_, graph) = graph::read(&model(ports(), ports(), nodes, vec![])).unwrap();
        check(&graph).err().unwrap_or_default()
    }

    fn with(node: NodeProto, name: &str, texts: &[&str]) -> NodeProto {
        let strings = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
        let r#type = AttributeType::Strings as i32;
        NodeProto {
            attribute: vec![AttributeProto { name: name.into(), r#type, strings, ..Default::default() }],
            ..node
        }
    }

    #[test]
    fn all_operators_that_are_not_supported_are_named_at_once() {
        let then_branch = graph::read(&model(
            vec![],
            vec![port("y", DataType::Float, &[-1])],
            vec![node("Det", &["x"], &["y"])],
            vec![],
        ));
        let branch =
            AttributeProto { name: "then_branch".into(), g: Some(then_branch.unwrap().1), ..Default::default() };
        let nodes = vec![
            node("com.example:Fancy", &["x"], &["a"]),
            NodeProto { attribute: vec![branch], ..node("If", &["x"], &["b"]) },
            node("RandomNormalLike", &["x"], &["c"]),
            node("com.example:Relu", &["x"], &["d"]),
        ];
        assert_eq!(
            said(nodes),
            "the model uses operators that are not supported: `Det`, `RandomNormalLike`, `com.example.Fancy`, \
             `com.example.Relu`; hint: if they prepare columns, leave them out of the model and do that in the SQL of \
             a transform; if only some outputs need them, list the others in `outputs`"
        );
        assert_eq!(
            said(vec![node("ai.onnx.ml:DictVectorizer", &["x"], &["a"])]),
            "the model uses operators that are not supported: `ai.onnx.ml.DictVectorizer`; hint: train the model on \
             columns of a table instead of dictionaries, which is what `ai.onnx.ml.DictVectorizer` is for"
        );
    }

    #[test]
    fn what_tract_would_take_for_something_else_is_refused() {
        let check = |node: NodeProto, expected: &str| {
            let said = said(vec![node]);
            let named = said.strip_prefix("the model uses operators that are not supported: ");
            assert_eq!(named.and_then(|named| named.split_once("; hint: ")).map_or("", |(named, _)| named), expected);
        };
        let rnn = || node("RNN", &["x", "w", "r"], &["y"]);
        check(rnn(), "");
        check(with(rnn(), "activations", &["Tanh"]), "");
        check(with(rnn(), "activations", &["Relu"]), "`RNN` with `activations` = Relu");
        check(
            with(node("LSTM", &["x", "w", "r"], &["y"]), "direction", &["reverse"]),
            "`LSTM` with `direction` = reverse",
        );
        let add = |broadcast| node_with("Add", &["x", "w"], &["y"], &[("broadcast", broadcast)]);
        check(add(0), "");
        check(add(1), "`Add` with `broadcast` = 1");
        let causal = |inputs: &[&str]| node_with("Attention", inputs, &["y"], &[("is_causal", 1)]);
        check(causal(&["q", "k", "v", "", ""]), "");
        check(causal(&["q", "k", "v", "", "past"]), "`Attention` with `is_causal` and `past_key`");
        // ONNX Runtime's own, of the name that an operator of ONNX has.
        check(node("com.microsoft:Attention", &["x", "w"], &["y"]), "`com.microsoft.Attention`");
        check(node("com.microsoft:FastGelu", &["x"], &["y"]), "");
    }
}
