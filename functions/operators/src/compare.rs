//! A case's outputs and what is expected.

use tract_onnx::prelude::{Datum, DatumType, Tensor, TractResult};

use crate::case::Tolerance;

/// How outputs differ from those expected.
pub struct Difference {
    /// The most that a value is off; infinite if it cannot be told.
    pub size: f64,
    /// What is not as expected, in words.
    pub what: String,
}

impl Difference {
    fn of_kind(what: String) -> Self {
        Self { size: f64::INFINITY, what }
    }
}

/// The first difference between outputs, if there is one: their number, types, shapes, values.
pub fn difference(outputs: &[Tensor], expected: &[Tensor], tolerance: Tolerance) -> Option<Difference> {
    if outputs.len() != expected.len() {
        return Some(Difference::of_kind(format!("{} outputs, expected {}", outputs.len(), expected.len())));
    }
    let mut pairs = outputs.iter().zip(expected).enumerate();
    pairs.find_map(|(index, (output, expected))| {
        let Difference { size, what } = tensors(output, expected, tolerance)?;
        Some(Difference { size, what: format!("output {index}: {what}") })
    })
}

fn tensors(output: &Tensor, expected: &Tensor, tolerance: Tolerance) -> Option<Difference> {
    let (datatype, expected_datatype) = (output.datum_type(), expected.datum_type());
    if datatype != expected_datatype {
        return Some(Difference::of_kind(format!("{datatype:?}, expected {expected_datatype:?}")));
    }
    if output.shape() != expected.shape() {
        return Some(Difference::of_kind(format!("shape {:?}, expected {:?}", output.shape(), expected.shape())));
    }
    // As NumPy's `assert_allclose`, with which ONNX compares.
    let off = |found: f64, expected: f64| {
        let off = (found - expected).abs();
        let is_same = found == expected || (found.is_nan() && expected.is_nan());
        let is_close = is_same || off <= tolerance.absolute + tolerance.relative * expected.abs();
        if is_close { None } else { Some(if off.is_nan() { f64::INFINITY } else { off }) }
    };
    let difference = match datatype {
        DatumType::F16 | DatumType::F32 | DatumType::F64 => {
            values::<f64>(output, expected, |found, expected| off(*found, *expected))
        }
        DatumType::String => {
            values::<String>(
                output,
                expected,
                |found, expected| {
                    if found == expected { None } else { Some(f64::INFINITY) }
                },
            )
        }
        DatumType::U64 => values::<u64>(output, expected, |found, expected| off(*found as f64, *expected as f64)),
        _ => values::<i64>(output, expected, |found, expected| off(*found as f64, *expected as f64)),
    };
    difference.unwrap_or_else(|err| Some(Difference::of_kind(err.to_string())))
}

/// The difference of values, of which `off` says how much they are off, if they are.
fn values<T: Datum>(
    output: &Tensor,
    expected: &Tensor,
    off: impl Fn(&T, &T) -> Option<f64>,
) -> TractResult<Option<Difference>> {
    let (output, expected) = (output.cast_to::<T>()?, expected.cast_to::<T>()?);
    let (output, expected) = (output.try_as_plain_ram()?, expected.try_as_plain_ram()?);
    let pairs: Vec<(&T, &T)> = output.as_slice::<T>()?.iter().zip(expected.as_slice::<T>()?).collect();
    let wrong: Vec<(usize, f64)> = pairs
        .iter()
        .enumerate()
        .filter_map(|(index, (found, expected))| Some((index, off(found, expected)?)))
        .collect();
    let first = wrong.first().and_then(|(index, _)| Some((index, pairs.get(*index)?)));
    Ok(first.map(|(index, (found, expected))| Difference {
        size: wrong.iter().map(|(_, off)| *off).fold(0.0, f64::max),
        what: format!(
            "{} of {} values, the first at {index}: {found:?}, expected {expected:?}",
            wrong.len(),
            pairs.len()
        ),
    }))
}
