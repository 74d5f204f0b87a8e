//! A lookup that says which index is wrong. The one of tract takes any index for one of the table, and what
//! is outside of it ends the sandbox; indices come from data (categories of an embedding, usually), so they
//! must only end their row.

use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::*;
use tract_onnx::tract_core::ops::array::Gather;

/// [`Gather`] that checks its indices.
#[derive(Debug, Clone, Hash, PartialEq, Eq)]
pub struct CheckedGather(Gather);

impl CheckedGather {
    /// Replaces the lookups of a model whose indices are not constants.
    pub fn replace_in(model: &mut TypedModel) -> TractResult<()> {
        let mut found = Vec::new();
        for node in model.nodes() {
            let indices = node.inputs.get(1).map(|indices| model.outlet_fact(*indices)).transpose()?;
            if let (Some(gather), Some(indices)) = (node.op_as::<Gather>(), indices)
                && indices.konst.is_none()
            {
                found.push((node.id, gather.clone()));
            }
        }
        for (id, gather) in found {
            model.node_mut(id).op = Box::new(Self(gather));
        }
        Ok(())
    }
}

impl Op for CheckedGather {
    fn name(&self) -> StaticName {
        "CheckedGather".into()
    }

    op_as_typed_op!();
}

impl EvalOp for CheckedGather {
    op_out_of_plan!();

    fn eval(&self, ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        if let [data, indices] = &*inputs
            && let Some(size) = data.shape().get(self.0.axis).and_then(|size| i64::try_from(*size).ok())
        {
            let indices = indices.cast_to::<i64>()?;
            let plain = indices.try_as_plain_ram()?;
            let wrong = plain.as_slice::<i64>()?.iter().find(|index| !(-size..size).contains(index));
            if let Some(index) = wrong {
                bail!("index {index} is not in a table of {size}");
            }
        }
        self.0.eval(ctx, inputs)
    }
}

impl TypedOp for CheckedGather {
    as_op!();

    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        self.0.output_facts(inputs)
    }
}
