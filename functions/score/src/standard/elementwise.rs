//! Each value by itself: tract leaves `alpha` out of some activations, and shifts by no more bits than a number has.

use tract_onnx::model::OnnxOpRegister;
use tract_onnx::prelude::tract_num_traits::ToPrimitive;
use tract_onnx::tract_core::ops::nn::silu::silu;
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::ops::binary::BinIntoHir;
use tract_onnx::tract_hir::ops::element_wise::ElementWiseIntoHir;

pub fn register(operators: &mut OnnxOpRegister) {
    operators.insert("BitShift", |_, node| {
        let right = node.get_attr::<&str>("direction")? == "RIGHT";
        Ok((if right { ShiftRight.into_hir() } else { ShiftLeft.into_hir() }, vec![]))
    });
    operators.insert("Celu", |_, node| {
        let alpha = node.get_attr_opt("alpha")?.unwrap_or(1.0);
        Ok((celu(alpha).into_hir(), vec![]))
    });
    operators.insert("Swish", |_, node| {
        let alpha: f32 = node.get_attr_opt("alpha")?.unwrap_or(1.0);
        Ok((if alpha == 1.0 { silu().into_hir() } else { swish(alpha).into_hir() }, vec![]))
    });
}

bin_to_super_type!(shift_left, ShiftLeft,
    is_commutative: false,
    [i8, i16, i32, i64, u8, u16, u32, u64] =>
        |c, a, b| *c = b.to_u32().and_then(|bits| a.checked_shl(bits)).unwrap_or(0));

// A number that is shifted out leaves its sign.
bin_to_super_type!(shift_right, ShiftRight,
    is_commutative: false,
    [i8, i16, i32, i64] =>
        |c, a, b| *c = b.to_u32().and_then(|bits| a.checked_shr(bits)).unwrap_or(a.signum().min(0)),
    [u8, u16, u32, u64] =>
        |c, a, b| *c = b.to_u32().and_then(|bits| a.checked_shr(bits)).unwrap_or(0));

element_wise!(celu, Celu { alpha: f32 },
    [f32] => |op, xs| each(xs, |x| x.max(0.0) + (op.alpha * (x / op.alpha).exp_m1()).min(0.0)),
    [f16] => |op, xs| each(xs, |x| {
        let x = x.to_f32();
        f16::from_f32(x.max(0.0) + (op.alpha * (x / op.alpha).exp_m1()).min(0.0))
    }),
    [f64] => |op, xs| each(xs, |x| {
        let alpha = f64::from(op.alpha);
        x.max(0.0) + (alpha * (x / alpha).exp_m1()).min(0.0)
    })
);

element_wise!(swish, Swish { alpha: f32 },
    [f32] => |op, xs| each(xs, |x| x / (1.0 + (-op.alpha * x).exp())),
    [f16] => |op, xs| each(xs, |x| {
        let x = x.to_f32();
        f16::from_f32(x / (1.0 + (-op.alpha * x).exp()))
    }),
    [f64] => |op, xs| each(xs, |x| x / (1.0 + (-f64::from(op.alpha) * x).exp()))
);

fn each<T: Copy>(values: &mut [T], compute: impl Fn(T) -> T) -> TractResult<()> {
    values.iter_mut().for_each(|value| *value = compute(*value));
    Ok(())
}
