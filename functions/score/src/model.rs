//! The compiled model.

use std::collections::{BTreeMap, HashMap};

use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::DimLike;
use tract_onnx::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_core::optim::Optimizer;

use crate::gather::CheckedGather;
use crate::graph::{self, ROWS};
use crate::operators;

/// How many rows at once go through a model that takes any number of them: enough to keep its kernels busy,
/// few enough that what lies between its layers stays small.
pub const ROWS_AT_ONCE: usize = 4096;

/// What is tried with a model that does not compile for any number of rows: some exporters write the number
/// of rows of their example into it.
const FIXED: [usize; 2] = [64, 1];

/// The longest error of the compiler that is passed on, in bytes; it likes to show whole tensors.
const MESSAGE_LIMIT: usize = 400;

/// A model's output as compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compiled {
    /// Its type.
    pub datatype: DatumType,
    /// How many values a row has.
    pub width: usize,
}

/// A compiled model.
#[derive(Debug)]
pub struct Model {
    plan: Plan,
    /// The same for one row, if that is worth its memory: a matrix times a vector has kernels of its own.
    one: Option<Plan>,
    /// How many rows every call has; none: any number.
    pub fixed: Option<usize>,
    /// In the order that they were asked for.
    pub outputs: Vec<Compiled>,
}

impl Model {
    /// Compiles a graph whose inputs have `fixed` rows, or any number, and these dimensions after that.
    pub fn compile(
        mut proto: ModelProto,
        inputs: &BTreeMap<&str, Vec<usize>>,
        fixed: Option<usize>,
    ) -> Result<Self, String> {
        let mut first = None;
        let any = if proto.graph.as_ref().is_some_and(graph::is_recurrent) { None } else { Some(None) };
        let tries = if fixed.is_some() { vec![fixed] } else { any.into_iter().chain(FIXED.map(Some)).collect() };
        for rows in tries {
            let with_rows = |inner: &Vec<usize>| [rows].into_iter().chain(inner.iter().copied().map(Some)).collect();
            let shapes = inputs.iter().map(|(name, inner)| (*name, with_rows(inner))).collect();
            if let Some(graph) = &mut proto.graph {
                graph::set_shapes(graph, &shapes);
            }
            let simplified = simplified(&proto);
            match simplified.and_then(|model| Ok((Self::of(model.clone(), &proto, rows)?, model))) {
                Ok((mut compiled, model)) => {
                    // The weights of the file take as much memory as those that are packed for one row.
                    drop(proto);
                    if rows.is_none() && multiplies(&model) {
                        // Without it, one row goes the way of many.
                        compiled.one = Plan::for_one_row(&model).ok();
                    }
                    return Ok(compiled);
                }
                Err(err) => first = first.or(Some(err)),
            }
        }
        Err(first.unwrap_or_default())
    }

    fn of(model: TypedModel, proto: &ModelProto, fixed: Option<usize>) -> Result<Self, String> {
        let names = proto.graph.iter().flat_map(|graph| &graph.output).map(|port| port.name.as_str());
        let outputs = names.enumerate().map(|(index, name)| output(&model, index, name, fixed));
        let outputs = outputs.collect::<Result<_, String>>()?;
        Ok(Self { plan: Plan::of(model)?, one: None, fixed, outputs })
    }

    /// Runs the model; one tensor for each input, and each output.
    pub fn run(&self, inputs: TVec<TValue>) -> Result<TVec<TValue>, String> {
        let is_one_row = inputs.iter().all(|input| input.shape().first() == Some(&1));
        let plan = self.one.as_ref().filter(|_| is_one_row).unwrap_or(&self.plan);
        let outputs = plan.run(inputs)?;
        if outputs.len() == self.outputs.len() { Ok(outputs) } else { Err("it gave too few outputs".into()) }
    }
}

/// A graph that can be run, whatever its inputs and outputs are.
#[derive(Debug)]
pub struct Plan(Arc<TypedRunnableModel>);

impl Plan {
    /// Compiles a graph as it stands.
    pub fn new(proto: &ModelProto) -> Result<Self, String> {
        Self::of(simplified(proto)?)
    }

    fn of(mut model: TypedModel) -> Result<Self, String> {
        model.optimize().map_err(failed)?;
        model.into_runnable().map(Self).map_err(failed)
    }

    fn for_one_row(model: &TypedModel) -> Result<Self, String> {
        let rows = model.symbols.sym(ROWS);
        let mut model = model.set_symbols(&HashMap::from([(rows, 1.into())])).map_err(failed)?;
        declutter(&mut model).map_err(failed)?;
        Self::of(model)
    }

    /// Runs it.
    pub fn run(&self, inputs: TVec<TValue>) -> Result<TVec<TValue>, String> {
        self.0.run(inputs).map_err(|err| message(&err))
    }
}

/// A graph as tract understands it, before kernels are chosen.
fn simplified(proto: &ModelProto) -> Result<TypedModel, String> {
    let mut model = operators::onnx().model_for_proto_model(proto).map_err(failed)?.into_typed().map_err(failed)?;
    declutter(&mut model).map_err(failed)?;
    CheckedGather::replace_in(&mut model).map_err(failed)?;
    Ok(model)
}

fn failed(err: TractError) -> String {
    format!("the model does not compile: {}", message(&err))
}

/// Whether a model has products of matrices.
fn multiplies(model: &TypedModel) -> bool {
    model.nodes().iter().any(|node| node.op_is::<EinSum>())
}

/// tract's simplification without the pass that makes a product with concatenated columns (a scaler beside one-hot
/// encoders, say) a sum of products: adding those up, and a bias that then cannot be part of the product, takes far
/// longer than one product.
fn declutter(model: &mut TypedModel) -> TractResult<()> {
    let mut passes = Optimizer::declutter();
    // The pass itself is private; its name is how it can be told.
    passes.passes.retain(|pass| !format!("{pass:?}").starts_with("ConcatThenEinsum"));
    passes.session().optimize(model)
}

/// What an output is; an error unless it has one row for each of the inputs.
fn output(model: &TypedModel, index: usize, name: &str, fixed: Option<usize>) -> Result<Compiled, String> {
    let fact = model.output_fact(index).map_err(|err| message(&err))?;
    let (rows, inner) = match &*fact.shape.to_tvec() {
        [] => (None, None),
        [rows, inner @ ..] => {
            let inner: Option<Vec<usize>> = inner.iter().map(|dim| dim.to_usize().ok()).collect();
            (Some(rows.clone()), inner.map(|inner| inner.iter().product()))
        }
    };
    let expected = match fixed {
        Some(size) => TDim::from(size),
        None => TDim::from(model.symbols.sym(ROWS)),
    };
    match (rows, inner) {
        (Some(rows), Some(width)) if rows == expected => Ok(Compiled { datatype: fact.datum_type, width }),
        _ => Err(format!(
            "the model's output `{name}` has the shape [{}], which is not [{expected}] or [{expected},m]: one row for \
             each row of the inputs; hint: list the outputs to use in `outputs`",
            fact.shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
        )),
    }
}

/// An error with its causes on one line, cut if it is long.
pub fn message(err: &TractError) -> String {
    let mut text = err.chain().map(|cause| cause.to_string().replace('\n', " ")).collect::<Vec<_>>().join(": ");
    if text.len() > MESSAGE_LIMIT {
        text.truncate(text.floor_char_boundary(MESSAGE_LIMIT));
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use prost::Message;
    use tract_onnx::pb::AttributeProto;
    use tract_onnx::pb::attribute_proto::AttributeType;
    use tract_onnx::pb::tensor_proto::DataType as OnnxType;

    use super::*;
    use crate::testing::{floats, model, node, node_with, port};

    #[test]
    fn a_model_that_means_over_its_rows_gets_them_one_by_one() {
        let bytes = model(
            vec![port("x", OnnxType::Float, &[-1, 2])],
            vec![port("y", OnnxType::Float, &[-1, 2])],
            vec![node_with("ReduceMean", &["x"], &["y"], &[("keepdims", 1)])],
            Vec::new(),
        );
        let mut proto = ModelProto::decode(bytes.as_slice()).unwrap();
        let axes = AttributeProto {
            name: "axes".into(),
            r#type: AttributeType::Ints.into(),
            ints: vec![0],
            ..Default::default()
        };
        proto.graph.as_mut().unwrap().node[0].attribute.push(axes);
        let compiled = Model::compile(proto, &BTreeMap::from([("x", vec![2])]), None).unwrap();
        assert_eq!(compiled.fixed, Some(1));
    }

    #[test]
    fn a_layer_over_concatenated_columns_is_one_product_with_its_bias() {
        let inputs = ["a", "b"].map(|name| port(name, OnnxType::Float, &[-1, 2]));
        let bytes = model(
            inputs.to_vec(),
            vec![port("y", OnnxType::Float, &[-1, 3])],
            vec![
                node_with("Concat", &["a", "b"], &["ab"], &[("axis", 1)]),
                node("MatMul", &["ab", "w"], &["abw"]),
                node("Add", &["abw", "bias"], &["h"]),
                node("Relu", &["h"], &["y"]),
            ],
            vec![floats("w", &[4, 3], &[0.5; 12]), floats("bias", &[3], &[0.1, 0.2, 0.3])],
        );
        let proto = ModelProto::decode(bytes.as_slice()).unwrap();
        let shapes = BTreeMap::from([("a", vec![2]), ("b", vec![2])]);
        let compiled = Model::compile(proto, &shapes, None).unwrap();
        let operators: Vec<String> = compiled.plan.0.model().nodes().iter().map(|node| node.op.name().into()).collect();
        let count = |name: &str| operators.iter().filter(|operator| *operator == name).count();
        assert_eq!(count("OptMatMul"), 1, "{operators:?}");
        assert!(operators.iter().all(|operator| !matches!(operator.as_str(), "Add" | "Max")), "{operators:?}");
    }
}
