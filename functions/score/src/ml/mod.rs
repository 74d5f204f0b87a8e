//! The operators of `ai.onnx.ml` that scikit-learn, XGBoost and LightGBM export and tract lacks or reads otherwise
//! than ONNX Runtime.
//!
//! Each is a [`Kernel`]: what it gives for inputs of some type and shape, and the computation. Semantics are those of
//! the ONNX specification (`docs/Operators-ml.md`); where that is silent, ONNX Runtime's, which the converters are
//! tested with.

mod encode;
mod linear;
mod svm;
mod transform;
mod tree;
mod votes;

use std::fmt;
use std::sync::Arc;

use tract_onnx::data_resolver::MmapDataResolver;
use tract_onnx::model::{OnnxOpRegister, ParsingContext};
use tract_onnx::pb::{NodeProto, TensorProto};
use tract_onnx::prelude::*;
use tract_onnx::tensor::load_tensor;
use tract_onnx::tract_hir::internal::*;

/// Type and shape of a tensor.
pub type Fact = (DatumType, TVec<TDim>);

/// An operator's computation.
pub trait Kernel: fmt::Debug + Send + Sync + 'static {
    /// The operator's name.
    fn name(&self) -> &'static str;
    /// How many outputs it has.
    fn outputs(&self) -> usize {
        1
    }
    /// What the outputs are for such inputs.
    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>>;
    /// The outputs.
    fn run(&self, inputs: &[TValue]) -> TractResult<TVec<Tensor>>;
}

/// Puts these operators in the place of tract's.
pub fn register(operators: &mut OnnxOpRegister) {
    type Build = fn(&NodeProto) -> TractResult<Box<dyn InferenceOp>>;
    macro_rules! build {
        ($($name:literal => $build:expr),* $(,)?) => {
            $(operators.insert($name, |_: &ParsingContext, node: &NodeProto| {
                let build: Build = |node| Ok(expand(MlOp(Arc::new($build(node)?))));
                let op = build(node).with_context(|| format!("operator {}", $name))?;
                Ok((op, vec![]))
            });)*
        };
    }
    build! {
        "ArrayFeatureExtractor" => transform::ArrayFeatureExtractor::new,
        "Binarizer" => transform::Binarizer::new,
        "FeatureVectorizer" => transform::FeatureVectorizer::new,
        "Imputer" => transform::Imputer::new,
        "LabelEncoder" => encode::LabelEncoder::new,
        "LinearClassifier" => linear::Classifier::new,
        "Normalizer" => transform::Normalizer::new,
        "OneHotEncoder" => encode::OneHotEncoder::new,
        "Scaler" => transform::Scaler::new,
        "SVMClassifier" => svm::Classifier::new,
        "SVMRegressor" => svm::Regressor::new,
        "TreeEnsembleClassifier" => tree::Classifier::new,
        "TreeEnsembleRegressor" => tree::Regressor::new,
    }
}

/// A kernel as tract sees it, before and after types are known.
#[derive(Debug, Clone)]
struct MlOp(Arc<dyn Kernel>);

impl PartialEq for MlOp {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for MlOp {}

impl Expansion for MlOp {
    fn name(&self) -> StaticName {
        self.0.name().into()
    }

    fn nboutputs(&self) -> TractResult<usize> {
        Ok(self.0.outputs())
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_output_arity(outputs, self.0.outputs())?;
        s.given_all(inputs.iter().map(|input| &input.datum_type), move |s, types| {
            s.given_all(inputs.iter().map(|input| &input.shape), move |s, shapes| {
                let facts: Vec<Fact> = types.iter().copied().zip(shapes).collect();
                for (output, (datatype, shape)) in outputs.iter().zip(self.0.facts(&facts)?) {
                    s.equals(&output.datum_type, datatype)?;
                    s.equals(&output.shape, shape)?;
                }
                Ok(())
            })
        })
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        model.wire_node(prefix, self.clone(), inputs)
    }
}

impl Op for MlOp {
    fn name(&self) -> StaticName {
        self.0.name().into()
    }

    op_as_typed_op!();
}

impl EvalOp for MlOp {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        Ok(self.0.run(&inputs)?.into_iter().map(Into::into).collect())
    }
}

impl TypedOp for MlOp {
    as_op!();

    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let inputs: Vec<Fact> = inputs.iter().map(|fact| (fact.datum_type, fact.shape.to_tvec())).collect();
        let outputs = self.0.facts(&inputs)?;
        Ok(outputs.into_iter().map(|(datatype, shape)| datatype.fact(&*shape)).collect())
    }
}

/// The only input.
fn only<T>(inputs: &[T]) -> TractResult<&T> {
    match inputs {
        [input] => Ok(input),
        _ => bail!("it takes one input, not {}", inputs.len()),
    }
}

/// A tensor's values as some number type, and how they are laid out: rows, and values a row. A tensor of one
/// dimension is one row, as the specification has it.
fn rows_of<T: Datum + Copy>(tensor: &Tensor) -> TractResult<(Vec<T>, usize, usize)> {
    let cast = tensor.cast_to::<T>()?;
    let values = cast.try_as_plain_ram()?.as_slice::<T>()?.to_vec();
    let width = tensor.shape().last().copied().unwrap_or(1);
    Ok((values, tensor.len().checked_div(width).unwrap_or(0), width))
}

/// A list attribute of numbers; empty if it is not there.
fn floats(node: &NodeProto, name: &str) -> TractResult<Vec<f32>> {
    Ok(node.get_attr_opt_slice::<f32>(name)?.unwrap_or_default().to_vec())
}

/// A list attribute of whole numbers; empty if it is not there.
fn ints(node: &NodeProto, name: &str) -> TractResult<Vec<i64>> {
    Ok(node.get_attr_opt_slice::<i64>(name)?.unwrap_or_default().to_vec())
}

/// A list attribute of texts; empty if it is not there.
fn strings(node: &NodeProto, name: &str) -> TractResult<Vec<String>> {
    Ok(node.get_attr_opt_tvec::<String>(name)?.unwrap_or_default().into_vec())
}

/// A tensor attribute, if it is there.
fn tensor(node: &NodeProto, name: &str) -> TractResult<Option<Tensor>> {
    let proto = node.get_attr_opt::<&TensorProto>(name)?;
    proto.map(|proto| load_tensor(&MmapDataResolver, proto, None)).transpose()
}

/// How many rows a tensor has for a classifier or regressor, `[N, features]`.
fn row_count(shape: &[TDim]) -> TDim {
    match shape {
        [rows, _, ..] => rows.clone(),
        _ => 1.to_dim(),
    }
}
