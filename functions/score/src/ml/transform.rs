//! Operators that change numbers one by one or row by row.

use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

use super::{Fact, Kernel, floats, ints, only, rows_of};

/// One value, or one for each of a row's values.
#[derive(Debug)]
struct PerFeature<T>(Vec<T>);

impl<T: Copy> PerFeature<T> {
    fn get(&self, feature: usize) -> Option<T> {
        match &*self.0 {
            [all] => Some(*all),
            each => each.get(feature).copied(),
        }
    }

    fn fits(&self, width: usize) -> bool {
        self.0.len() == 1 || self.0.len() == width
    }
}

/// `(x - offset) * scale`.
#[derive(Debug)]
pub struct Scaler {
    offset: PerFeature<f32>,
    scale: PerFeature<f32>,
}

impl Scaler {
    pub fn new(node: &NodeProto) -> TractResult<Self> {
        Ok(Self { offset: PerFeature(floats(node, "offset")?), scale: PerFeature(floats(node, "scale")?) })
    }
}

impl Kernel for Scaler {
    fn name(&self) -> &'static str {
        "Scaler"
    }

    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        let (_, shape) = only(inputs)?;
        Ok(tvec!((DatumType::F32, shape.clone())))
    }

    fn run(&self, inputs: &[TValue]) -> TractResult<TVec<Tensor>> {
        let input = only(inputs)?;
        let (values, _, width) = rows_of::<f64>(input)?;
        ensure!(
            self.offset.fits(width) && self.scale.fits(width),
            "{} offsets and {} scales do not fit {width} values a row",
            self.offset.0.len(),
            self.scale.0.len()
        );
        let scaled = values.iter().enumerate().map(|(index, value)| {
            let feature = index % width;
            let offset = f64::from(self.offset.get(feature).unwrap_or(0.0));
            ((value - offset) * f64::from(self.scale.get(feature).unwrap_or(1.0))) as f32
        });
        Ok(tvec!(tensor1(&scaled.collect::<Vec<f32>>()).into_shape(input.shape())?))
    }
}

/// Puts values in the place of missing ones.
#[derive(Debug)]
pub enum Imputer {
    Floats { replaced: f32, imputed: Vec<f32> },
    Ints { replaced: i64, imputed: Vec<i64> },
}

impl Imputer {
    pub fn new(node: &NodeProto) -> TractResult<Self> {
        let (float, int) = (floats(node, "imputed_value_floats")?, ints(node, "imputed_value_int64s")?);
        if int.is_empty() {
            Ok(Self::Floats { replaced: node.get_attr_opt("replaced_value_float")?.unwrap_or(0.0), imputed: float })
        } else {
            Ok(Self::Ints { replaced: node.get_attr_opt("replaced_value_int64")?.unwrap_or(0), imputed: int })
        }
    }
}

impl Kernel for Imputer {
    fn name(&self) -> &'static str {
        "Imputer"
    }

    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        Ok(tvec!(only(inputs)?.clone()))
    }

    fn run(&self, inputs: &[TValue]) -> TractResult<TVec<Tensor>> {
        fn impute<T: Datum + Copy>(
            input: &Tensor,
            imputed: &[T],
            is_missing: impl Fn(T) -> bool,
        ) -> TractResult<TVec<Tensor>> {
            let (mut values, _, width) = rows_of::<T>(input)?;
            ensure!(
                imputed.len() == 1 || imputed.len() == width,
                "{} values to impute do not fit {width} values a row",
                imputed.len()
            );
            for (index, value) in values.iter_mut().enumerate().filter(|(_, value)| is_missing(**value)) {
                if let Some(imputed) = imputed.get(index % width).or(imputed.first()) {
                    *value = *imputed;
                }
            }
            let tensor = tensor1(&values).into_shape(input.shape())?;
            Ok(tvec!(tensor.cast_to_dt(input.datum_type())?.into_owned()))
        }
        let input = only(inputs)?;
        match self {
            // NaN is the usual mark, and equal to nothing.
            Self::Floats { replaced, imputed } if input.datum_type() == DatumType::F64 => {
                let imputed: Vec<f64> = imputed.iter().copied().map(f64::from).collect();
                let replaced = f64::from(*replaced);
                impute::<f64>(input, &imputed, |value| value == replaced || (replaced.is_nan() && value.is_nan()))
            }
            Self::Floats { replaced, imputed } => {
                impute::<f32>(input, imputed, |value| value == *replaced || (replaced.is_nan() && value.is_nan()))
            }
            Self::Ints { replaced, imputed } => impute::<i64>(input, imputed, |value| value == *replaced),
        }
    }
}

/// 1 above the threshold, else 0.
#[derive(Debug)]
pub struct Binarizer {
    threshold: f32,
}

impl Binarizer {
    pub fn new(node: &NodeProto) -> TractResult<Self> {
        Ok(Self { threshold: node.get_attr_opt("threshold")?.unwrap_or(0.0) })
    }
}

impl Kernel for Binarizer {
    fn name(&self) -> &'static str {
        "Binarizer"
    }

    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        Ok(tvec!(only(inputs)?.clone()))
    }

    fn run(&self, inputs: &[TValue]) -> TractResult<TVec<Tensor>> {
        let input = only(inputs)?;
        let (values, ..) = rows_of::<f64>(input)?;
        let threshold = f64::from(self.threshold);
        let above: Vec<f64> = values.iter().map(|value| f64::from(u8::from(*value > threshold))).collect();
        let tensor = tensor1(&above).into_shape(input.shape())?;
        Ok(tvec!(tensor.cast_to_dt(input.datum_type())?.into_owned()))
    }
}

/// Divides each row by its norm.
#[derive(Debug)]
pub struct Normalizer {
    norm: fn(&[f32]) -> f32,
}

impl Normalizer {
    pub fn new(node: &NodeProto) -> TractResult<Self> {
        let norm: fn(&[f32]) -> f32 = match node.get_attr_opt::<&str>("norm")?.unwrap_or("MAX") {
            "MAX" => |row| row.iter().copied().fold(f32::NEG_INFINITY, f32::max),
            "L1" => |row| row.iter().map(|value| value.abs()).sum(),
            "L2" => |row| row.iter().map(|value| value * value).sum::<f32>().sqrt(),
            other => bail!("norm {other} is not known"),
        };
        Ok(Self { norm })
    }
}

impl Kernel for Normalizer {
    fn name(&self) -> &'static str {
        "Normalizer"
    }

    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        let (_, shape) = only(inputs)?;
        Ok(tvec!((DatumType::F32, shape.clone())))
    }

    fn run(&self, inputs: &[TValue]) -> TractResult<TVec<Tensor>> {
        let input = only(inputs)?;
        let (mut values, _, width) = rows_of::<f32>(input)?;
        for row in values.chunks_mut(width.max(1)) {
            let norm = (self.norm)(row);
            // A row of zeros stays one.
            if norm != 0.0 {
                row.iter_mut().for_each(|value| *value /= norm);
            }
        }
        Ok(tvec!(tensor1(&values).into_shape(input.shape())?))
    }
}

/// Puts its inputs side by side, as numbers.
#[derive(Debug)]
pub struct FeatureVectorizer;

impl FeatureVectorizer {
    pub fn new(_: &NodeProto) -> TractResult<Self> {
        Ok(Self)
    }
}

/// Values a row of a tensor, where one dimension means one value a row.
fn width_of<D: Clone>(shape: &[D], one: D) -> D {
    match shape {
        [_, width, ..] => width.clone(),
        _ => one,
    }
}

impl Kernel for FeatureVectorizer {
    fn name(&self) -> &'static str {
        "FeatureVectorizer"
    }

    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        let Some((_, first)) = inputs.first() else { bail!("it has no input") };
        let rows = first.first().cloned().unwrap_or_else(|| 1.to_dim());
        let width = inputs.iter().map(|(_, shape)| width_of(shape, 1.to_dim())).sum::<TDim>();
        Ok(tvec!((DatumType::F32, tvec!(rows, width))))
    }

    fn run(&self, inputs: &[TValue]) -> TractResult<TVec<Tensor>> {
        let rows = inputs.first().and_then(|input| input.shape().first()).copied().unwrap_or(1);
        let parts = inputs.iter().map(|input| {
            let values = input.cast_to::<f32>()?.try_as_plain_ram()?.as_slice::<f32>()?.to_vec();
            Ok((values, width_of(input.shape(), 1)))
        });
        let parts: Vec<(Vec<f32>, usize)> = parts.collect::<TractResult<_>>()?;
        let width: usize = parts.iter().map(|(_, width)| width).sum();
        let mut joined: Vec<f32> = Vec::with_capacity(rows * width);
        for row in 0..rows {
            for (values, width) in &parts {
                joined.extend(values.iter().skip(row * width).take(*width));
            }
        }
        Ok(tvec!(tensor1(&joined).into_shape(&[rows, width])?))
    }
}

/// Picks values of the last dimension by position.
#[derive(Debug)]
pub struct ArrayFeatureExtractor;

impl ArrayFeatureExtractor {
    pub fn new(_: &NodeProto) -> TractResult<Self> {
        Ok(Self)
    }
}

impl Kernel for ArrayFeatureExtractor {
    fn name(&self) -> &'static str {
        "ArrayFeatureExtractor"
    }

    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        let [(datatype, shape), (_, positions)] = inputs else { bail!("it takes two inputs") };
        let count: TDim = positions.iter().product();
        let mut picked: TVec<TDim> = if shape.len() == 1 { tvec!(1.to_dim()) } else { shape.clone() };
        if shape.len() > 1 {
            picked.pop();
        }
        picked.push(count);
        Ok(tvec!((*datatype, picked)))
    }

    fn run(&self, inputs: &[TValue]) -> TractResult<TVec<Tensor>> {
        let [data, positions] = inputs else { bail!("it takes two inputs") };
        let width = data.shape().last().copied().unwrap_or(1);
        let positions = positions.cast_to::<i64>()?;
        let positions = positions.try_as_plain_ram()?.as_slice::<i64>()?.to_vec();
        if let Some(wrong) = positions.iter().find(|position| !(0..width as i64).contains(*position)) {
            bail!("position {wrong} is not in a row of {width}");
        }
        let axis = data.rank().saturating_sub(1);
        let parts = positions.iter().map(|position| data.slice(axis, *position as usize, *position as usize + 1));
        let picked = Tensor::stack_tensors(axis, &parts.collect::<TractResult<Vec<_>>>()?)?;
        Ok(tvec!(if data.rank() == 1 { picked.into_shape(&[1, positions.len()])? } else { picked }))
    }
}
