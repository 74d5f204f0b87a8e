//! A tensor's values, between JSON, the binary tensor extension and Arrow.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int64Type, UInt64Type};
use arrow_array::{
    ArrayRef, BooleanArray, FixedSizeListArray, Float32Array, Float64Array, Int64Array, StringArray, UInt64Array,
};
use arrow_cast::cast;
use arrow_schema::{ArrowError, DataType, FieldRef};
use half::f16;
use serde::Serialize;
use serde_json::Value;

/// The values of a tensor, row-major.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Values {
    /// `BOOL`.
    Bools(Vec<bool>),
    /// `INT8` to `INT64`.
    Ints(Vec<i64>),
    /// `UINT8` to `UINT64`.
    Uints(Vec<u64>),
    /// `FP16` and `FP32`.
    Singles(Vec<f32>),
    /// `FP64`.
    Doubles(Vec<f64>),
    /// `BYTES`.
    Texts(Vec<String>),
}

impl Values {
    /// How many.
    pub fn len(&self) -> usize {
        match self {
            Self::Bools(values) => values.len(),
            Self::Ints(values) => values.len(),
            Self::Uints(values) => values.len(),
            Self::Singles(values) => values.len(),
            Self::Doubles(values) => values.len(),
            Self::Texts(values) => values.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Of JSON: a list, or lists of lists, which are read one after the other.
    pub fn from_json(datatype: &str, data: &Value) -> Result<Self, String> {
        fn read<T>(data: &Value, datatype: &str, get: impl Fn(&Value) -> Option<T>) -> Result<Vec<T>, String> {
            let mut values = Vec::new();
            let mut open = vec![data];
            while let Some(value) = open.pop() {
                match value {
                    Value::Array(items) => open.extend(items.iter().rev()),
                    value => values.push(get(value).ok_or_else(|| format!("{value} is not {datatype}"))?),
                }
            }
            Ok(values)
        }
        Ok(match datatype {
            "BOOL" => {
                Self::Bools(read(data, datatype, |value| value.as_bool().or(value.as_i64().map(|int| int != 0)))?)
            }
            "INT8" | "INT16" | "INT32" | "INT64" => Self::Ints(read(data, datatype, Value::as_i64)?),
            "UINT8" | "UINT16" | "UINT32" | "UINT64" => Self::Uints(read(data, datatype, Value::as_u64)?),
            "FP16" | "FP32" => Self::Singles(read(data, datatype, |value| value.as_f64().map(|float| float as f32))?),
            "FP64" => Self::Doubles(read(data, datatype, Value::as_f64)?),
            "BYTES" => Self::Texts(read(data, datatype, |value| value.as_str().map(str::to_owned))?),
            other => return Err(format!("the datatype {other} is not supported")),
        })
    }

    /// Of the binary tensor extension: little-endian; a text has its length in 4 bytes before it.
    pub fn from_binary(datatype: &str, bytes: &[u8]) -> Result<Self, String> {
        fn read<const N: usize, T>(bytes: &[u8], datatype: &str, get: impl Fn([u8; N]) -> T) -> Result<Vec<T>, String> {
            let (values, rest) = bytes.as_chunks::<N>();
            if !rest.is_empty() {
                return Err(format!("{} bytes are not values of {datatype}", bytes.len()));
            }
            Ok(values.iter().copied().map(get).collect())
        }
        Ok(match datatype {
            "BOOL" => Self::Bools(bytes.iter().map(|byte| *byte != 0).collect()),
            "INT8" => Self::Ints(read(bytes, datatype, |value| i8::from_le_bytes(value).into())?),
            "INT16" => Self::Ints(read(bytes, datatype, |value| i16::from_le_bytes(value).into())?),
            "INT32" => Self::Ints(read(bytes, datatype, |value| i32::from_le_bytes(value).into())?),
            "INT64" => Self::Ints(read(bytes, datatype, i64::from_le_bytes)?),
            "UINT8" => Self::Uints(read(bytes, datatype, |value| u8::from_le_bytes(value).into())?),
            "UINT16" => Self::Uints(read(bytes, datatype, |value| u16::from_le_bytes(value).into())?),
            "UINT32" => Self::Uints(read(bytes, datatype, |value| u32::from_le_bytes(value).into())?),
            "UINT64" => Self::Uints(read(bytes, datatype, u64::from_le_bytes)?),
            "FP16" => Self::Singles(read(bytes, datatype, |value| f16::from_le_bytes(value).into())?),
            "FP32" => Self::Singles(read(bytes, datatype, f32::from_le_bytes)?),
            "FP64" => Self::Doubles(read(bytes, datatype, f64::from_le_bytes)?),
            "BYTES" => {
                let mut texts = Vec::new();
                let mut rest = bytes;
                while let Some((length, after)) = rest.split_first_chunk::<4>() {
                    let length = u32::from_le_bytes(*length) as usize;
                    let (text, after) = after.split_at_checked(length).ok_or("a BYTES value ends too early")?;
                    texts.push(String::from_utf8(text.to_vec()).map_err(|_| "a BYTES value is not UTF-8")?);
                    rest = after;
                }
                if !rest.is_empty() {
                    return Err("a BYTES value ends too early".into());
                }
                Self::Texts(texts)
            }
            other => return Err(format!("the datatype {other} is not supported")),
        })
    }

    /// For the binary tensor extension.
    pub fn to_binary(&self, datatype: &str) -> Vec<u8> {
        match self {
            Self::Bools(values) => values.iter().map(|value| u8::from(*value)).collect(),
            // A narrower number is the low end of a wide one.
            Self::Ints(values) => {
                values.iter().flat_map(|value| value.to_le_bytes().into_iter().take(width(datatype))).collect()
            }
            Self::Uints(values) => {
                values.iter().flat_map(|value| value.to_le_bytes().into_iter().take(width(datatype))).collect()
            }
            Self::Singles(values) if datatype == "FP16" => {
                values.iter().flat_map(|value| f16::from_f32(*value).to_le_bytes()).collect()
            }
            Self::Singles(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Self::Doubles(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Self::Texts(values) => {
                let length = |text: &String| u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes();
                values.iter().flat_map(|text| length(text).into_iter().chain(text.bytes())).collect()
            }
        }
    }

    /// Of a column without nulls in a tensor of this type.
    pub fn from_column(datatype: &str, column: &ArrayRef) -> Result<Self, ArrowError> {
        Ok(match datatype {
            "BOOL" => Self::Bools(column.as_boolean().iter().map(|value| value == Some(true)).collect()),
            "INT8" | "INT16" | "INT32" | "INT64" => {
                Self::Ints(cast(column, &DataType::Int64)?.as_primitive::<Int64Type>().values().to_vec())
            }
            "UINT8" | "UINT16" | "UINT32" | "UINT64" => {
                Self::Uints(cast(column, &DataType::UInt64)?.as_primitive::<UInt64Type>().values().to_vec())
            }
            "FP16" | "FP32" => {
                Self::Singles(cast(column, &DataType::Float32)?.as_primitive::<Float32Type>().values().to_vec())
            }
            "FP64" => Self::Doubles(cast(column, &DataType::Float64)?.as_primitive::<Float64Type>().values().to_vec()),
            _ => {
                let texts = cast(column, &DataType::Utf8)?;
                Self::Texts(texts.as_string::<i32>().iter().map(|text| text.unwrap_or_default().to_owned()).collect())
            }
        })
    }

    /// The values as a column of lists of this length.
    pub fn lists(&self, item: &FieldRef, length: i32) -> Result<ArrayRef, ArrowError> {
        let values = cast(&self.column(0, 1), item.data_type())?;
        Ok(Arc::new(FixedSizeListArray::try_new(item.clone(), length, values, None)?))
    }

    /// Every `stride`th value from `first` on as a column.
    pub fn column(&self, first: usize, stride: usize) -> ArrayRef {
        fn pick<T: Clone>(values: &[T], first: usize, stride: usize) -> impl Iterator<Item = T> + '_ {
            values.iter().skip(first).step_by(stride.max(1)).cloned()
        }
        match self {
            Self::Bools(values) => Arc::new(pick(values, first, stride).map(Some).collect::<BooleanArray>()),
            Self::Ints(values) => Arc::new(Int64Array::from_iter_values(pick(values, first, stride))),
            Self::Uints(values) => Arc::new(UInt64Array::from_iter_values(pick(values, first, stride))),
            Self::Singles(values) => Arc::new(Float32Array::from_iter_values(pick(values, first, stride))),
            Self::Doubles(values) => Arc::new(Float64Array::from_iter_values(pick(values, first, stride))),
            Self::Texts(values) => Arc::new(StringArray::from_iter_values(pick(values, first, stride))),
        }
    }
}

/// The bytes of a value.
fn width(datatype: &str) -> usize {
    match datatype {
        "INT8" | "UINT8" => 1,
        "INT16" | "UINT16" => 2,
        "INT32" | "UINT32" => 4,
        _ => 8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_from_the_binary_form() {
        let check = |datatype: &str, values: Values, bytes: &[u8]| {
            assert_eq!(values.to_binary(datatype), bytes, "{datatype}");
            assert_eq!(Values::from_binary(datatype, bytes).unwrap(), values, "{datatype}");
        };
        check("INT8", Values::Ints(vec![-1, 2]), &[255, 2]);
        check("INT32", Values::Ints(vec![-2]), &[254, 255, 255, 255]);
        check("UINT16", Values::Uints(vec![258]), &[2, 1]);
        check("FP32", Values::Singles(vec![1.5]), &1.5f32.to_le_bytes());
        check("FP16", Values::Singles(vec![1.5]), &[0, 0x3e]);
        check("BOOL", Values::Bools(vec![true, false]), &[1, 0]);
        check("BYTES", Values::Texts(vec!["ab".into(), String::new()]), &[2, 0, 0, 0, b'a', b'b', 0, 0, 0, 0]);
        assert!(Values::from_binary("FP32", &[1, 2, 3]).is_err());
        assert!(Values::from_binary("BYTES", &[9, 0, 0, 0, b'a']).is_err());
    }

    #[test]
    fn json_may_be_nested_and_must_be_of_the_type() {
        let read = |datatype, text| Values::from_json(datatype, &serde_json::from_str(text).unwrap());
        assert_eq!(read("FP32", "[[1, 2.5], [3, 4]]").unwrap(), Values::Singles(vec![1.0, 2.5, 3.0, 4.0]));
        assert_eq!(read("INT64", "[1.5]").unwrap_err(), "1.5 is not INT64");
        assert_eq!(read("COMPLEX64", "[1]").unwrap_err(), "the datatype COMPLEX64 is not supported");
    }
}
