//! The greatest or the least value. tract begins with the outermost finite number, which is what it then finds among
//! infinite ones, and drops NaNs.

use tract_onnx::prelude::tract_ndarray::Axis;
use tract_onnx::prelude::tract_num_traits::Float;
use tract_onnx::tract_core::ops::nn::{Reduce, Reducer};
use tract_onnx::tract_hir::internal::*;

/// A [`Reduce`] of floats by their maximum or minimum.
#[derive(Debug, Clone, Hash, PartialEq, Eq)]
pub struct Extreme(pub Reduce);

impl Extreme {
    fn of<T: Datum + Float>(&self, input: &Tensor) -> TractResult<Tensor> {
        let is_max = self.0.reducer == Reducer::Max;
        let start = if is_max { T::neg_infinity() } else { T::infinity() };
        let outer = |found: &T, value: &T| {
            let is_better = if is_max { value > found } else { value < found };
            if is_better || value.is_nan() { *value } else { *found }
        };
        let mut values = input.to_plain_array_view::<T>()?.to_owned();
        for axis in &self.0.axes {
            values = values.fold_axis(Axis(*axis), start, outer).insert_axis(Axis(*axis));
        }
        Ok(values.into_tensor())
    }
}

impl Op for Extreme {
    fn name(&self) -> StaticName {
        "Extreme".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Extreme {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let input = args_1!(inputs);
        let output = match input.datum_type() {
            DatumType::F16 => self.of::<f16>(&input)?,
            DatumType::F32 => self.of::<f32>(&input)?,
            DatumType::F64 => self.of::<f64>(&input)?,
            other => bail!("{other:?} is no float"),
        };
        Ok(tvec!(output.into()))
    }
}

impl TypedOp for Extreme {
    as_op!();

    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        self.0.output_facts(inputs)
    }
}
