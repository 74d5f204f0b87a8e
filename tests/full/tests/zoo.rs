//! Models as scikit-learn, XGBoost, LightGBM and PyTorch export them, scored in the sandbox, against ONNX Runtime's
//! outputs (`tests/zoo/make.py` makes both): labels equal, numbers within 1e-4.

use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::DataType;
use wasmill_tests_full::{Scorer, folder, read};

/// How far a number may be off, of a number around 1.
const TOLERANCE: f64 = 1e-4;

/// At least so many models must be there.
const MODELS: usize = 60;

#[test]
fn every_model_of_the_zoo_scores_as_onnx_runtime_does() {
    let scorer = Scorer::load();
    let mut models: Vec<_> =
        std::fs::read_dir(folder("WASMILL_ZOO")).unwrap().map(|entry| entry.unwrap().path()).collect();
    models.sort();
    assert!(models.len() >= MODELS, "{} models", models.len());
    let wrong: Vec<String> = models
        .iter()
        .filter_map(|model| check(&scorer, model).err().map(|what| format!("{}: {what}", model.display())))
        .collect();
    println!("{} of {} models score as ONNX Runtime does", models.len() - wrong.len(), models.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn check(scorer: &Scorer, model: &Path) -> Result<(), String> {
    let config = std::fs::read_to_string(model.join("config.json")).unwrap();
    let bytes = std::fs::read(model.join("model.onnx")).unwrap();
    // One row goes through kernels of its own.
    let [all, one] = scorer.score(&config, bytes, &model.join("rows.arrow"), [usize::MAX, 1])?;
    let expected = read(&model.join("expected.arrow"));
    compare(&expected, &all)?;
    compare(&expected.slice(0, 1), &one).map_err(|what| format!("one row: {what}"))
}

fn compare(expected: &RecordBatch, found: &RecordBatch) -> Result<(), String> {
    for (field, expected) in expected.schema().fields().iter().zip(expected.columns()) {
        let name = field.name();
        let found = found.column_by_name(name).ok_or_else(|| format!("there is no output `{name}`"))?;
        difference(expected, found).map_or(Ok(()), |what| Err(format!("output `{name}`: {what}")))?;
    }
    Ok(())
}

/// How two columns differ, if they do.
fn difference(expected: &ArrayRef, found: &ArrayRef) -> Option<String> {
    if expected.len() != found.len() {
        return Some(format!("{} values, expected {}", found.len(), expected.len()));
    }
    match (expected.data_type(), found.data_type()) {
        (DataType::FixedSizeList(..), DataType::FixedSizeList(..)) => {
            difference(expected.as_fixed_size_list().values(), found.as_fixed_size_list().values())
        }
        (DataType::Utf8, DataType::Utf8) => {
            first(expected.as_string::<i32>().iter(), found.as_string::<i32>().iter(), |a, b| a == b)
        }
        (DataType::Int64, DataType::Int64) => {
            let ints = |column: &ArrayRef| column.as_primitive::<Int64Type>().clone();
            first(ints(expected).iter(), ints(found).iter(), |a, b| a == b)
        }
        (expected_type, found_type) if !(expected_type.is_floating() && found_type.is_floating()) => {
            Some(format!("{found_type}, expected {expected_type}"))
        }
        _ => first(floats(expected).into_iter(), floats(found).into_iter(), |a, b| {
            let scale = b.abs().max(1.0);
            (a - b).abs() <= TOLERANCE * scale || (a.is_nan() && b.is_nan())
        }),
    }
}

fn floats(column: &ArrayRef) -> Vec<Option<f64>> {
    match column.data_type() {
        DataType::Float64 => column.as_primitive::<Float64Type>().iter().collect(),
        DataType::Float32 => column.as_primitive::<Float32Type>().iter().map(|value| value.map(f64::from)).collect(),
        other => panic!("a column of {other}"),
    }
}

fn first<T: std::fmt::Debug>(
    expected: impl Iterator<Item = Option<T>>,
    found: impl Iterator<Item = Option<T>>,
    same: impl Fn(&T, &T) -> bool,
) -> Option<String> {
    let mut pairs = expected.zip(found).enumerate();
    pairs.find_map(|(row, pair)| match pair {
        (Some(expected), Some(found)) if same(&found, &expected) => None,
        (expected, found) => Some(format!("value {row} is {found:?}, expected {expected:?}")),
    })
}
