//! Operators that give categories numbers, or numbers categories.

use std::collections::HashMap;
use std::hash::Hash;

use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

use super::{Fact, Kernel, floats, ints, only, strings, tensor};

/// Values of one of the types that categories have.
#[derive(Debug, Clone, PartialEq)]
enum Values {
    Strings(Vec<String>),
    Ints(Vec<i64>),
    Floats(Vec<f32>),
    Doubles(Vec<f64>),
}

impl Values {
    /// Of the attributes `PREFIX_strings`, `PREFIX_int64s`, `PREFIX_floats` or `PREFIX_tensor`.
    fn new(node: &NodeProto, prefix: &str) -> TractResult<Self> {
        if let Some(tensor) = tensor(node, &format!("{prefix}_tensor"))? {
            return Self::of(&tensor);
        }
        let (text, whole) = (strings(node, &format!("{prefix}_strings"))?, ints(node, &format!("{prefix}_int64s"))?);
        if !text.is_empty() {
            return Ok(Self::Strings(text));
        }
        if !whole.is_empty() {
            return Ok(Self::Ints(whole));
        }
        Ok(Self::Floats(floats(node, &format!("{prefix}_floats"))?))
    }

    fn of(tensor: &Tensor) -> TractResult<Self> {
        Ok(match tensor.datum_type() {
            DatumType::String => Self::Strings(tensor.try_as_plain_ram()?.as_slice::<String>()?.to_vec()),
            DatumType::F32 => Self::Floats(tensor.try_as_plain_ram()?.as_slice::<f32>()?.to_vec()),
            DatumType::F64 => Self::Doubles(tensor.try_as_plain_ram()?.as_slice::<f64>()?.to_vec()),
            _ => Self::Ints(tensor.cast_to::<i64>()?.try_as_plain_ram()?.as_slice::<i64>()?.to_vec()),
        })
    }

    fn len(&self) -> usize {
        match self {
            Self::Strings(values) => values.len(),
            Self::Ints(values) => values.len(),
            Self::Floats(values) => values.len(),
            Self::Doubles(values) => values.len(),
        }
    }

    fn datatype(&self) -> DatumType {
        match self {
            Self::Strings(_) => DatumType::String,
            Self::Ints(_) => DatumType::I64,
            Self::Floats(_) => DatumType::F32,
            Self::Doubles(_) => DatumType::F64,
        }
    }

    fn tensor(self) -> Tensor {
        match self {
            Self::Strings(values) => tensor1(&values),
            Self::Ints(values) => tensor1(&values),
            Self::Floats(values) => tensor1(&values),
            Self::Doubles(values) => tensor1(&values),
        }
    }
}

/// A float as a key: all NaNs are the same, and so are both zeros.
fn key(value: f64) -> u64 {
    if value.is_nan() { f64::NAN.to_bits() } else { (value + 0.0).to_bits() }
}

/// Where a category is found.
#[derive(Debug)]
enum Index {
    Strings(HashMap<String, usize>),
    Ints(HashMap<i64, usize>),
    Floats(HashMap<u64, usize>),
}

impl Index {
    fn new(keys: Values) -> Self {
        fn index<T: Eq + Hash>(keys: impl IntoIterator<Item = T>) -> HashMap<T, usize> {
            let mut index = HashMap::new();
            // Of equal keys the first counts.
            for (position, key) in keys.into_iter().enumerate() {
                index.entry(key).or_insert(position);
            }
            index
        }
        match keys {
            Values::Strings(keys) => Self::Strings(index(keys)),
            Values::Ints(keys) => Self::Ints(index(keys)),
            Values::Floats(keys) => Self::Floats(index(keys.into_iter().map(|value| key(f64::from(value))))),
            Values::Doubles(keys) => Self::Floats(index(keys.into_iter().map(key))),
        }
    }

    /// The position of each value.
    fn find(&self, values: &Tensor) -> TractResult<Vec<Option<usize>>> {
        Ok(match self {
            Self::Strings(index) => {
                let plain = values.try_as_plain_ram()?;
                plain.as_slice::<String>()?.iter().map(|value| index.get(value).copied()).collect()
            }
            Self::Ints(index) => {
                let cast = values.cast_to::<i64>()?;
                let plain = cast.try_as_plain_ram()?;
                plain.as_slice::<i64>()?.iter().map(|value| index.get(value).copied()).collect()
            }
            Self::Floats(index) => {
                let cast = values.cast_to::<f64>()?;
                let plain = cast.try_as_plain_ram()?;
                plain.as_slice::<f64>()?.iter().map(|value| index.get(&key(*value)).copied()).collect()
            }
        })
    }
}

/// A value for each key.
#[derive(Debug)]
pub struct LabelEncoder {
    index: Index,
    values: Values,
    default: Values,
    /// What the values are given as: a tensor of them may be of smaller numbers.
    datatype: DatumType,
}

impl LabelEncoder {
    pub fn new(node: &NodeProto) -> TractResult<Self> {
        let classes = strings(node, "classes_strings")?;
        // Version 1 numbers texts; whether it is texts or numbers that come in shows only then.
        let (keys, values) = if classes.is_empty() {
            (Values::new(node, "keys")?, Values::new(node, "values")?)
        } else {
            let numbers = (0..classes.len() as i64).collect();
            (Values::Strings(classes), Values::Ints(numbers))
        };
        ensure!(keys.len() == values.len(), "it has {} keys and {} values", keys.len(), values.len());
        let default = match (&values, tensor(node, "default_tensor")?) {
            (_, Some(tensor)) => Values::of(&tensor)?,
            (Values::Strings(_), None) => Values::Strings(vec![
                node.get_attr_opt::<String>("default_string")?.unwrap_or_else(|| "_Unused".to_owned()),
            ]),
            (Values::Ints(_), None) => Values::Ints(vec![node.get_attr_opt("default_int64")?.unwrap_or(-1)]),
            (Values::Floats(_), None) => Values::Floats(vec![node.get_attr_opt("default_float")?.unwrap_or(-0.0)]),
            (Values::Doubles(_), None) => Values::Doubles(vec![-0.0]),
        };
        ensure!(default.datatype() == values.datatype(), "its default is not of the type of its values");
        let datatype = tensor(node, "values_tensor")?.map_or(values.datatype(), |values| values.datum_type());
        Ok(Self { index: Index::new(keys), values, default, datatype })
    }
}

impl Kernel for LabelEncoder {
    fn name(&self) -> &'static str {
        "LabelEncoder"
    }

    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        let (_, shape) = only(inputs)?;
        Ok(tvec!((self.datatype, shape.clone())))
    }

    fn run(&self, inputs: &[TValue]) -> TractResult<TVec<Tensor>> {
        fn look_up<T: Clone>(found: &[Option<usize>], values: &[T], default: &[T]) -> TractResult<Vec<T>> {
            let value = |position: &Option<usize>| {
                let value = position.and_then(|position| values.get(position)).or(default.first());
                value.cloned().ok_or_else(|| format_err!("it has no default"))
            };
            found.iter().map(value).collect()
        }
        let input = only(inputs)?;
        let found = self.index.find(input)?;
        let encoded = match (&self.values, &self.default) {
            (Values::Strings(values), Values::Strings(default)) => Values::Strings(look_up(&found, values, default)?),
            (Values::Ints(values), Values::Ints(default)) => Values::Ints(look_up(&found, values, default)?),
            (Values::Floats(values), Values::Floats(default)) => Values::Floats(look_up(&found, values, default)?),
            (Values::Doubles(values), Values::Doubles(default)) => Values::Doubles(look_up(&found, values, default)?),
            _ => bail!("its default is not of the type of its values"),
        };
        Ok(tvec!(encoded.tensor().cast_to_dt(self.datatype)?.into_owned().into_shape(input.shape())?))
    }
}

/// A 1 at the place of the category, in a new last dimension.
#[derive(Debug)]
pub struct OneHotEncoder {
    index: Index,
    categories: usize,
    /// Whether a category that is not known gets zeros, rather than failing.
    zeros: bool,
}

impl OneHotEncoder {
    pub fn new(node: &NodeProto) -> TractResult<Self> {
        let categories = Values::new(node, "cats")?;
        let zeros = node.get_attr_opt::<i64>("zeros")?.unwrap_or(1) != 0;
        Ok(Self { categories: categories.len(), index: Index::new(categories), zeros })
    }
}

impl Kernel for OneHotEncoder {
    fn name(&self) -> &'static str {
        "OneHotEncoder"
    }

    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        let (_, shape) = only(inputs)?;
        let mut shape = shape.clone();
        shape.push(self.categories.to_dim());
        Ok(tvec!((DatumType::F32, shape)))
    }

    fn run(&self, inputs: &[TValue]) -> TractResult<TVec<Tensor>> {
        let input = only(inputs)?;
        let found = self.index.find(input)?;
        let mut encoded = vec![0f32; found.len() * self.categories];
        for (row, position) in encoded.chunks_mut(self.categories.max(1)).zip(found) {
            match position.and_then(|position| row.get_mut(position)) {
                Some(place) => *place = 1.0,
                None if self.zeros => {}
                None => bail!("a category is not one of the {} that the encoder knows", self.categories),
            }
        }
        let mut shape: TVec<usize> = input.shape().into();
        shape.push(self.categories);
        Ok(tvec!(tensor1(&encoded).into_shape(&shape)?))
    }
}
