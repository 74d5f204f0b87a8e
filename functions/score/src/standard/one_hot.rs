//! A one at a position, zeros elsewhere. tract ends the sandbox if the position is out of range, where ONNX wants zeros.

use tract_onnx::tract_core::ops::array;
use tract_onnx::tract_hir::internal::*;

/// [`array::OneHot`] for any position.
#[derive(Debug, Clone, Hash, PartialEq, Eq)]
pub struct OneHot(pub array::OneHot);

impl Op for OneHot {
    fn name(&self) -> StaticName {
        "OneHot".into()
    }

    op_as_typed_op!();
}

impl EvalOp for OneHot {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let input = args_1!(inputs);
        let array::OneHot { axis, dim, off, on } = &self.0;
        let mut shape: TVec<usize> = input.shape().into();
        shape.insert(*axis, *dim);
        // How many values lie between two positions of the new dimension.
        let stride: usize = input.shape().iter().skip(*axis).product();
        let mut output = off.broadcast_scalar_to_shape(&[shape.iter().product()])?;
        let on = on.broadcast_scalar_to_shape(&[1])?;
        let positions = input.cast_to::<i64>()?;
        for (index, position) in positions.try_as_plain_ram()?.as_slice::<i64>()?.iter().enumerate() {
            let size = *dim as i64;
            if (-size..size).contains(position) {
                let (outer, inner) = (index / stride, index % stride);
                let place = (outer * dim + position.rem_euclid(size) as usize) * stride + inner;
                output.assign_slice(place..=place, &on, ..=0, 0)?;
            }
        }
        Ok(tvec!(output.into_shape(&shape)?.into()))
    }
}

impl TypedOp for OneHot {
    as_op!();

    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        self.0.output_facts(inputs)
    }
}
