//! Operators of ONNX itself that tract computes otherwise than ONNX says, for some values at least.
//!
//! # Layout
//! - `elementwise`: each value by itself.
//! - `extreme`: the greatest and the least value, which may be infinite.
//! - `one_hot`: positions that may be out of range.

mod elementwise;
mod extreme;
mod one_hot;

use tract_onnx::model::{OnnxOpRegister, ParsingContext};
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::array;
use tract_onnx::tract_core::ops::nn::{Reduce, Reducer};
use tract_onnx::tract_hir::internal::*;

/// Operators that tract expands into nodes of which some are then [exchanged](Exchanging) for ours.
const EXCHANGED: [&str; 4] = ["Attention", "OneHot", "ReduceMax", "ReduceMin"];

/// Puts these operators in the place of tract's.
pub fn register(operators: &mut OnnxOpRegister) {
    elementwise::register(operators);
    for name in EXCHANGED {
        if let Some(build) = operators.0.insert(name.to_owned(), exchanging) {
            operators.0.insert(of_tract(name), build);
        }
    }
}

/// Where tract's own operator is kept.
fn of_tract(name: &str) -> String {
    format!("tract.{name}")
}

fn exchanging(ctx: &ParsingContext, node: &NodeProto) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    let build = ctx.framework.op_register.0.get(&of_tract(&node.op_type)).context("tract does not have it")?;
    let (op, closures) = build(ctx, node)?;
    let inner = op.as_op().downcast_ref::<Box<dyn Expansion>>().context("tract does not expand it")?;
    Ok((expand(Exchanging(inner.clone())), closures))
}

/// tract's expansion of an operator.
#[derive(Debug, Clone)]
struct Exchanging(Box<dyn Expansion>);

impl Expansion for Exchanging {
    fn name(&self) -> StaticName {
        self.0.as_ref().name()
    }

    fn nboutputs(&self) -> TractResult<usize> {
        self.0.as_ref().nboutputs()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        self.0.as_ref().rules(s, inputs, outputs)
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let mut inputs = inputs.to_vec();
        if let Some(data) = inputs.first_mut()
            && model.outlet_fact(*data)?.konst.is_some()
            && let [held] = *model.wire_node(format!("{prefix}.held"), Held, &[*data])?
        {
            *data = held;
        }
        let first = model.nodes().len();
        let outputs = self.0.wire(prefix, model, &inputs)?;
        for id in first..model.nodes().len() {
            if let Some(op) = ours(model, model.node(id))? {
                model.node_mut(id).op = op;
            }
        }
        Ok(outputs)
    }
}

/// What takes the place of a node, if it is not right.
fn ours(model: &TypedModel, node: &TypedNode) -> TractResult<Option<Box<dyn TypedOp>>> {
    let datatype = |input: usize| {
        let outlet = node.inputs.get(input).map(|outlet| model.outlet_fact(*outlet)).transpose()?;
        TractResult::Ok(outlet.map(|fact| fact.datum_type))
    };
    if let Some(one_hot) = node.op_as::<array::OneHot>() {
        return Ok(Some(Box::new(one_hot::OneHot(one_hot.clone()))));
    }
    if let Some(reduce) = node.op_as::<Reduce>()
        && matches!(reduce.reducer, Reducer::Max | Reducer::Min)
        && datatype(0)?.is_some_and(|datatype| datatype.is_float())
    {
        return Ok(Some(Box::new(extreme::Extreme(reduce.clone()))));
    }
    // tract adds a mask to the weights, whatever its type is; ONNX removes those where it is false.
    if node.op.name() == "SDPA" && datatype(3)? == Some(DatumType::Bool) {
        bail!("a mask of booleans is not supported");
    }
    Ok(None)
}

/// Hides that a value is constant: what can be computed is computed when it is wired, before it can be exchanged.
#[derive(Debug, Clone, Hash, PartialEq, Eq)]
struct Held;

impl Op for Held {
    fn name(&self) -> StaticName {
        "Held".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Held {
    not_out_of_plan!();

    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        Ok(inputs)
    }
}

impl TypedOp for Held {
    as_op!();

    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(inputs.iter().map(|fact| fact.without_value()).collect())
    }

    fn declutter(&self, model: &TypedModel, node: &TypedNode) -> TractResult<Option<TypedModelPatch>> {
        TypedModelPatch::shunt_one_op(model, node)
    }
}

#[cfg(test)]
mod tests {
    use std::f32::consts::E;

    use prost::Message;
    use tract_onnx::pb::tensor_proto::DataType;
    use tract_onnx::pb::{AttributeProto, ModelProto, attribute_proto::AttributeType};

    use super::*;
    use crate::model::Plan;
    use crate::testing::{floats, model, node, port};

    /// What a node gives for floats, as the model's input `x` and as a constant of it.
    fn check(node: NodeProto, shape: &[i64], x: &[f32], constants: &[(&str, &[f32])], expected: &[f32]) {
        let dims = |values: &[f32]| if values.len() == 1 { vec![] } else { vec![values.len() as i64] };
        let constants: Vec<_> = constants.iter().map(|(name, values)| floats(name, &dims(values), values)).collect();
        let run = |inputs: Vec<_>, constants: Vec<_>, values: TVec<TValue>| {
            let y = vec![port("y", DataType::Float, &[-1])];
            let mut proto = ModelProto::decode(&*model(inputs, y, vec![node.clone()], constants)).unwrap();
            proto.graph.as_mut().unwrap().output[0].r#type = None;
            let outputs = Plan::new(&proto).unwrap().run(values).unwrap();
            let expected = tensor1(expected).into_shape(outputs[0].shape()).unwrap();
            outputs[0].close_enough(&expected, Approximation::Close).unwrap();
        };
        let sizes: Vec<usize> = shape.iter().map(|size| *size as usize).collect();
        let value = tensor1(x).into_shape(&sizes).unwrap();
        run(vec![port("x", DataType::Float, shape)], constants.clone(), tvec!(value.into()));
        run(vec![], [vec![floats("x", shape, x)], constants].concat(), tvec!());
    }

    #[test]
    fn the_greatest_of_infinite_numbers_is_infinite() {
        let rows = [f32::NEG_INFINITY, f32::NEG_INFINITY, 1.0, f32::INFINITY, 2.0, f32::NAN];
        let axes = AttributeProto {
            name: "axes".into(),
            r#type: AttributeType::Ints as i32,
            ints: vec![1],
            ..Default::default()
        };
        let reduce = |op: &str| NodeProto { attribute: vec![axes.clone()], ..node(op, &["x"], &["y"]) };
        check(reduce("ReduceMax"), &[3, 2], &rows, &[], &[f32::NEG_INFINITY, f32::INFINITY, f32::NAN]);
        check(reduce("ReduceMin"), &[3, 2], &rows, &[], &[f32::NEG_INFINITY, 1.0, f32::NAN]);
    }

    #[test]
    fn a_position_out_of_range_has_no_one() {
        check(
            node("OneHot", &["x", "depth", "values"], &["y"]),
            &[4],
            &[0.0, -1.0, 2.0, -3.0],
            &[("depth", &[2.0]), ("values", &[0.5, 7.0])],
            &[7.0, 0.5, 0.5, 7.0, 0.5, 0.5, 0.5, 0.5],
        );
    }

    #[test]
    fn activations_have_their_alpha() {
        let alpha = |op: &str| {
            let r#type = AttributeType::Float as i32;
            let alpha = AttributeProto { name: "alpha".into(), r#type, f: 2.0, ..Default::default() };
            NodeProto { attribute: vec![alpha], ..node(op, &["x"], &["y"]) }
        };
        check(alpha("Celu"), &[2], &[3.0, -2.0], &[], &[3.0, 2.0 * (1.0 / E - 1.0)]);
        check(alpha("Swish"), &[2], &[0.0, -0.5], &[], &[0.0, -0.5 / (1.0 + E)]);
    }
}
