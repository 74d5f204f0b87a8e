//! Columns of lists, and dimensions that a model leaves open.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type};
use arrow_array::{FixedSizeListArray, ListArray, RecordBatch};
use arrow_cast::cast;
use arrow_schema::DataType;
use tract_onnx::pb::tensor_proto::DataType as OnnxType;
use wasmill_sdk::Score;

use super::{ab, batch, close, column, floats_of, load, reasons, score};
use crate::Scorer;
use crate::testing::{ints, mlp, mlp_by_hand, model, node_with, port};

/// Rows that have the columns of [`ab`] as lists, but for the rows where one is missing.
fn lists(rows: usize, missing: &[usize]) -> RecordBatch {
    let (batch, _) = ab(rows);
    let of = |name: &str| cast(batch.column_by_name(name).unwrap(), &DataType::Float32).unwrap();
    let (a, b) = (of("a"), of("b"));
    let (a, b) = (a.as_primitive::<Float32Type>(), b.as_primitive::<Float32Type>());
    let row = |row| (!missing.contains(&row)).then(|| [Some(a.value(row)), Some(b.value(row))]);
    let lists = FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>((0..rows).map(row), 2);
    RecordBatch::try_from_iter([("x", column(lists)), ("__row", batch.column_by_name("__row").unwrap().clone())])
        .unwrap()
}

#[test]
fn one_column_of_lists_fills_a_tensor() {
    for fixed in [-1, 3] {
        let (_, expected) = ab(100);
        close(&floats_of(&score("{}", mlp(fixed), lists(100, &[])).unwrap(), "y"), &expected);
    }
    let output = score("{}", mlp(3), lists(5, &[1])).unwrap();
    let (_, mut expected) = ab(5);
    expected.remove(1);
    close(&floats_of(&output, "y"), &expected);
    assert_eq!(reasons(output), [(3, "`x` is null, and the model's input `x` takes no nulls".into(), String::new())]);
    let output = score(r#"{"inputs": [{"name": "x", "null": 0}]}"#, mlp(-1), lists(5, &[1])).unwrap();
    assert_eq!(floats_of(&output, "y")[1], mlp_by_hand(0.0, 0.0));

    let list = |items: Vec<Option<f64>>| Some(items);
    let items = vec![
        list(vec![Some(1.0), Some(2.0)]),
        list(vec![Some(1.0), None]),
        list(vec![Some(1.0)]),
        list(vec![Some(f64::NAN), Some(2.0)]),
    ];
    let rows = batch(vec![("x", column(ListArray::from_iter_primitive::<Float64Type, _, _>(items)))]);
    let output = score("{}", mlp(-1), rows).unwrap();
    close(&floats_of(&output, "y"), &[mlp_by_hand(1.0, 2.0)]);
    let why: Vec<(u64, String)> = reasons(output).into_iter().map(|(row, why, _)| (row, why)).collect();
    let misfit = "`x` does not fit the model's input `x`, Float32";
    let nan = "`x` is NaN, and the model's input `x` takes none";
    assert_eq!(why, [(1, misfit.into()), (2, misfit.into()), (3, nan.into())]);
}

#[test]
fn what_a_model_leaves_open_is_configured() {
    let open = || {
        model(
            vec![port("x", OnnxType::Float, &[-1, -1, -1])],
            vec![port("y", OnnxType::Float, &[-1])],
            vec![node_with("ReduceSum", &["x", "axes"], &["y"], &[("keepdims", 0)])],
            vec![ints("axes", &[2], &[1, 2])],
        )
    };
    let mut scorer = Scorer::configure(wasmill_sdk::config::parse("{}").unwrap()).unwrap();
    assert_eq!(
        scorer.load_model(open()).unwrap_err(),
        "the model's input `x`, FP32 [-1, -1, -1], does not say how many values a row has; \
         hint: { name = \"x\", shape = […] } in `inputs`"
    );
    let described = scorer.metadata().unwrap();
    assert_eq!((described.inputs[0].shape.as_slice(), described.inputs[0].columns.len()), ([-1, -1, -1].as_slice(), 0));

    let config = r#"{"inputs": [{"name": "x", "shape": [1, 2]}]}"#;
    let scorer = load(config, open()).unwrap();
    assert_eq!(scorer.metadata().unwrap().inputs[0].shape, [-1, 1, 2]);
    let output = score(config, open(), lists(3, &[])).unwrap();
    close(&floats_of(&output, "y"), &[-5.0, -3.999, -2.998]);
    let config = r#"{"inputs": [{"name": "x", "columns": ["a", "b"], "shape": [2, 1]}]}"#;
    close(&floats_of(&score(config, open(), ab(2).0).unwrap(), "y"), &[-5.0, -3.999]);
}
