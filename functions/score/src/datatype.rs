//! The types of tensors in ONNX, in Arrow and in the Open Inference Protocol.

use arrow_array::ArrowPrimitiveType;
use arrow_array::types::{
    Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_buffer::ArrowNativeType;
use arrow_schema::DataType;
use tract_onnx::pb::tensor_proto::DataType as OnnxType;
use tract_onnx::prelude::tract_num_traits::NumCast;
use tract_onnx::prelude::{Datum, DatumType};
use tract_onnx::tract_core::internal::f16;

/// A Rust number that is an element of both tensors and Arrow arrays.
pub trait Element: Datum + Copy + PartialOrd + NumCast + ArrowNativeType {
    /// Arrow's type of it.
    type Arrow: ArrowPrimitiveType<Native = Self>;
}

macro_rules! element {
    ($($native:ty => $arrow:ty),* $(,)?) => {
        $(impl Element for $native { type Arrow = $arrow; })*
    };
}

element! {
    u8 => UInt8Type, u16 => UInt16Type, u32 => UInt32Type, u64 => UInt64Type,
    i8 => Int8Type, i16 => Int16Type, i32 => Int32Type, i64 => Int64Type,
    f16 => Float16Type, f32 => Float32Type, f64 => Float64Type,
}

/// Calls `$call` with the type `$element` of a numeric datatype, `$other` for any other.
#[macro_export]
#[doc(hidden)]
macro_rules! with_element {
    ($datatype:expr, $element:ident => $call:expr, _ => $other:expr) => {{
        use tract_onnx::prelude::DatumType as Type;
        macro_rules! call {
            ($native:ty) => {{
                type $element = $native;
                $call
            }};
        }
        match $datatype {
            Type::U8 => call!(u8),
            Type::U16 => call!(u16),
            Type::U32 => call!(u32),
            Type::U64 => call!(u64),
            Type::I8 => call!(i8),
            Type::I16 => call!(i16),
            Type::I32 => call!(i32),
            Type::I64 => call!(i64),
            Type::F16 => call!(tract_onnx::tract_core::internal::f16),
            Type::F32 => call!(f32),
            Type::F64 => call!(f64),
            _ => $other,
        }
    }};
}

/// Arrow's type of a tensor's elements; none if tensors of it cannot be columns.
pub fn arrow(datatype: DatumType) -> Option<DataType> {
    match datatype {
        DatumType::Bool => return Some(DataType::Boolean),
        DatumType::String => return Some(DataType::Utf8),
        _ => {}
    }
    with_element!(datatype, T => Some(<T as Element>::Arrow::DATA_TYPE), _ => None)
}

/// The Open Inference Protocol's spelling of ONNX's type number; ONNX's own where the protocol has none.
pub fn protocol(onnx: i32) -> String {
    let name = match OnnxType::try_from(onnx) {
        Ok(OnnxType::Float16) => "FP16",
        Ok(OnnxType::Float) => "FP32",
        Ok(OnnxType::Double) => "FP64",
        Ok(OnnxType::Bfloat16) => "BF16",
        Ok(OnnxType::String) => "BYTES",
        Ok(other) => other.as_str_name(),
        // Younger than tract's description of the format.
        Err(_) => match onnx {
            24 => "FLOAT8E8M0",
            25 => "UINT2",
            26 => "INT2",
            _ => return format!("UNKNOWN({onnx})"),
        },
    };
    name.to_owned()
}

/// The compiled type of ONNX's type number; none if it is not one of a number, a boolean or a string.
pub fn compiled(onnx: i32) -> Option<DatumType> {
    OnnxType::try_from(onnx).ok().and_then(|datatype| DatumType::try_from(datatype).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_its_three_names() {
        let check = |onnx: OnnxType, protocol_name: &str, arrow_type: Option<DataType>| {
            assert_eq!(protocol(onnx as i32), protocol_name);
            assert_eq!(compiled(onnx as i32).and_then(arrow), arrow_type, "{protocol_name}");
        };
        check(OnnxType::Float, "FP32", Some(DataType::Float32));
        check(OnnxType::Double, "FP64", Some(DataType::Float64));
        check(OnnxType::Float16, "FP16", Some(DataType::Float16));
        check(OnnxType::Int64, "INT64", Some(DataType::Int64));
        check(OnnxType::Uint8, "UINT8", Some(DataType::UInt8));
        check(OnnxType::Bool, "BOOL", Some(DataType::Boolean));
        check(OnnxType::String, "BYTES", Some(DataType::Utf8));
        check(OnnxType::Complex64, "COMPLEX64", None);
        assert_eq!((protocol(26), protocol(99)), ("INT2".into(), "UNKNOWN(99)".into()));
    }
}
