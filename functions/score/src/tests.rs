//! What the function does as a whole.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float32Type;
use arrow_array::{
    ArrayRef, BooleanArray, Decimal128Array, Float32Array, Float64Array, Int64Array, RecordBatch, StringArray,
    UInt8Array, UInt64Array,
};
use tract_onnx::pb::tensor_proto::DataType as OnnxType;
use wasmill_sdk::{Context, Failure, Output, Score, Tensor};

use crate::Scorer;
use crate::testing::{floats, ints, lookup, mlp, mlp_by_hand, model, node, node_with, port, tree, two_inputs};

fn column(values: impl arrow_array::Array + 'static) -> ArrayRef {
    Arc::new(values)
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let nullable = columns.into_iter().map(|(name, values)| (name.to_owned(), values, name != "__row"));
    RecordBatch::try_from_iter_with_nullable(nullable).unwrap()
}

fn load(config: &str, model: Vec<u8>) -> Result<Scorer, String> {
    let mut scorer = Scorer::configure(wasmill_sdk::config::parse(config)?)?;
    scorer.load_model(model)?;
    Ok(scorer)
}

fn score(config: &str, model: Vec<u8>, rows: RecordBatch) -> Result<Output, String> {
    let mut scorer = load(config, model)?;
    let schema = scorer.bind(rows.schema())?;
    let ctx = Context { event_id: "test".into(), event_time: 0, attempt: 1 };
    let output = scorer.process(&ctx, rows).map_err(|failure| format!("{failure:?}"))?;
    assert_eq!(output.batch.schema(), schema);
    Ok(output)
}

fn floats_of(output: &Output, name: &str) -> Vec<f32> {
    output.batch.column_by_name(name).unwrap().as_primitive::<Float32Type>().values().to_vec()
}

fn close(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
    }
}

fn reasons(output: Output) -> Vec<(u64, String, String)> {
    let rejects = output.rejects.finish().unwrap();
    let numbers = rejects.column(0).as_primitive::<arrow_array::types::UInt64Type>().clone();
    let text = |column: usize, row| rejects.column(column).as_string::<i32>().value(row).to_owned();
    (0..rejects.num_rows()).map(|row| (numbers.value(row), text(1, row), text(2, row))).collect()
}

fn ab(rows: usize) -> (RecordBatch, Vec<f32>) {
    let a: Vec<f64> = (0..rows).map(|row| row as f64 * 0.001 - 2.0).collect();
    let b: Vec<i64> = (0..rows).map(|row| row as i64 % 7 - 3).collect();
    let expected = a.iter().zip(&b).map(|(a, b)| mlp_by_hand(*a as f32, *b as f32)).collect();
    let numbers = (0..rows as u64).map(|row| row + 2);
    let columns = vec![
        ("a", column(Float64Array::from(a))),
        ("b", column(Int64Array::from(b))),
        ("__row", column(UInt64Array::from_iter_values(numbers))),
    ];
    (batch(columns), expected)
}

const XY: &str = r#"{"inputs": [{"name": "x", "columns": ["a", "b"]}], "outputs": [{"name": "y", "column": "risk"}]}"#;

#[test]
fn a_batch_of_any_size_is_scored_whatever_number_of_rows_the_model_takes() {
    for rows in [0, 1, 2, 7, 64, 9_001] {
        for fixed in [-1, 1, 3] {
            let (batch, expected) = ab(rows);
            let output = score(XY, mlp(fixed), batch).unwrap();
            close(&floats_of(&output, "risk"), &expected);
            assert_eq!(output.batch.schema().field(3).name(), "__row");
        }
    }
}

#[test]
fn a_model_with_the_rows_of_its_example_in_it_is_run_row_by_row() {
    let shape = ints("shape", &[2], &[1, 2]);
    let reshaped = model(
        vec![port("x", OnnxType::Float, &[-1, 2])],
        vec![port("y", OnnxType::Float, &[-1, 2])],
        vec![node("Reshape", &["x", "shape"], &["y"])],
        vec![shape],
    );
    let config = r#"{"inputs": [{"name": "x", "columns": ["a", "b"]}], "outputs": [{"name": "y", "index": 1}]}"#;
    let output = score(config, reshaped, ab(5).0).unwrap();
    close(&floats_of(&output, "y"), &[-3.0, -2.0, -1.0, 0.0, 1.0]);
}

#[test]
fn without_configuration_columns_and_outputs_are_matched_by_name() {
    let rows = batch(vec![
        ("id", column(StringArray::from(vec!["p", "q"]))),
        ("x", column(Decimal128Array::from(vec![25, -5]).with_precision_and_scale(5, 1).unwrap())),
        ("k", column(UInt8Array::from(vec![3, 0]))),
    ]);
    let output = score("{}", two_inputs(), rows).unwrap();
    close(&floats_of(&output, "z"), &[32.5, -0.5]);
    let both = output.batch.column_by_name("both").unwrap().as_fixed_size_list();
    assert_eq!(both.value_length(), 2);
    close(both.values().as_primitive::<Float32Type>().values(), &[2.5, 32.5, -0.5, -0.5]);
}

#[test]
fn one_output_may_become_several_columns_and_only_what_is_kept_passes_on() {
    let rows = batch(vec![
        ("k", column(BooleanArray::from(vec![true, false]))),
        ("x", column(Float32Array::from(vec![1.0, 2.0]))),
        ("y", column(Float32Array::from(vec![5.0, 6.0]))),
        ("__row", column(UInt64Array::from(vec![1, 2]))),
    ]);
    let config =
        r#"{"outputs": [{"name": "both", "column": "p", "index": 1}, {"name": "both", "index": 0}], "keep": ["y"]}"#;
    let output = score(config, two_inputs(), rows).unwrap();
    let names: Vec<_> = output.batch.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names, ["y", "p", "both", "__row"]);
    close(&floats_of(&output, "p"), &[11.0, 2.0]);
    close(&floats_of(&output, "both"), &[1.0, 2.0]);
}

#[test]
fn a_tree_gives_labels_and_probabilities() {
    let rows = batch(vec![("x", column(Float64Array::from(vec![0.25, 0.75])))]);
    let output = score("{}", tree(), rows).unwrap();
    let labels = output.batch.column_by_name("label").unwrap().as_primitive::<arrow_array::types::Int64Type>();
    assert_eq!(labels.values(), &[3, 7]);
    let probabilities = output.batch.column_by_name("probabilities").unwrap().as_fixed_size_list();
    close(probabilities.values().as_primitive::<Float32Type>().values(), &[0.75, 0.25, 0.0, 1.0]);
}

fn odd() -> RecordBatch {
    batch(vec![
        ("a", column(Float64Array::from(vec![Some(1.0), None, Some(f64::NAN), Some(4.0)]))),
        ("b", column(Int64Array::from(vec![Some(1), Some(2), Some(3), None]))),
        ("__row", column(UInt64Array::from(vec![2, 3, 4, 5]))),
    ])
}

#[test]
fn nulls_and_nans_become_what_is_configured() {
    let check = |policies: &str, expected: &[f32], rejected: &[(u64, &str, &str)]| {
        let config = format!(r#"{{"inputs": [{{"name": "x", "columns": ["a", "b"]{policies}}}]}}"#);
        let output = score(&config, mlp(-1), odd()).unwrap();
        let found = floats_of(&output, "y");
        assert_eq!(found.len(), expected.len(), "{policies}");
        for (found, expected) in found.iter().zip(expected) {
            // What comes of a NaN is up to the kernels: a sigmoid makes 4e-7 of it.
            assert!((found - expected).abs() < 1e-6 || expected.is_nan(), "{policies}: {found}");
        }
        let rejected: Vec<_> =
            rejected.iter().map(|(row, why, raw)| (*row, why.to_string(), raw.to_string())).collect();
        assert_eq!(reasons(output), rejected, "{policies}");
    };
    let (first, nan) = (mlp_by_hand(1.0, 1.0), f32::NAN);
    let (a, b) = (
        "`a` is null, and the model's input `x` takes no nulls",
        "`b` is null, and the model's input `x` takes no nulls",
    );
    check(r#", "nan": "pass""#, &[first, nan], &[(3, a, ",2"), (5, b, "4.0,")]);
    let null = "`a` is NaN, and the model's input `x` takes none";
    check("", &[first], &[(3, a, ",2"), (4, null, "NaN,3"), (5, b, "4.0,")]);
    let (zero_a, zero_b) = (mlp_by_hand(0.0, 2.0), mlp_by_hand(4.0, 0.0));
    check(r#", "null": 0, "nan": 5"#, &[first, zero_a, mlp_by_hand(5.0, 3.0), zero_b], &[]);
    check(r#", "null": "nan""#, &[first, nan, nan], &[(4, null, "NaN,3")]);
    let config = r#"{"inputs": [{"name": "x", "columns": ["a", "b"], "null": "refuse"}]}"#;
    let refused = score(config, mlp(-1), odd()).unwrap_err();
    let why = Failure::Reject("`a` has nulls, and the model's input `x` refuses them".into());
    assert_eq!(refused, format!("{why:?}"));
}

#[test]
fn a_row_that_the_model_fails_on_is_rejected_and_the_others_are_scored() {
    let values = (0..5000).map(|row| if row == 4321 || row == 7 { 3 } else { row % 3 - 1 });
    let rows = batch(vec![("k", column(Int64Array::from_iter_values(values)))]);
    let output = score(r#"{"outputs": [{"name": "v", "index": 1}]}"#, lookup(), rows).unwrap();
    close(&floats_of(&output, "v")[..3], &[2.5, 0.5, 1.5]);
    assert_eq!(output.batch.num_rows(), 4998);
    let why = "the model fails on this row: ";
    let found: Vec<_> =
        reasons(output).into_iter().map(|(row, reason, raw)| (row, reason.starts_with(why), raw)).collect();
    assert_eq!(found, [(7, true, "3".into()), (4321, true, "3".into())]);

    let rows = batch(vec![("k", column(Int64Array::from(vec![9; 5000])))]);
    let refused = score("{}", lookup(), rows).unwrap_err();
    assert!(refused.starts_with("Reject(\"the model fails on more than 64 rows of the batch: "), "{refused}");
    assert!(refused.contains("index 9 is not in a table of 3"), "{refused}");
}

#[test]
fn a_value_that_does_not_fit_the_tensor_rejects_its_row() {
    let rows = batch(vec![("k", column(UInt64Array::from(vec![1, u64::MAX])))]);
    let output = score("{}", lookup(), rows).unwrap();
    let why = "`k` does not fit the model's input `k`, Int64";
    assert_eq!(reasons(output), [(1, why.into(), "18446744073709551615".into())]);
}

#[test]
fn a_model_is_described_as_its_file_declares_it() {
    let metadata = load("{}", two_inputs()).unwrap().metadata().unwrap();
    let tensor = |name: &str, datatype: &str, shape: &[i64]| Tensor {
        name: name.into(),
        datatype: datatype.into(),
        shape: shape.to_vec(),
        columns: vec![name.into()],
    };
    assert_eq!(metadata.inputs, [tensor("k", "INT64", &[-1]), tensor("x", "FP32", &[-1, 1])]);
    assert_eq!(metadata.outputs, [tensor("z", "FP32", &[-1, 1]), tensor("both", "FP32", &[-1, 2])]);
}

#[test]
fn what_does_not_fit_is_said_before_any_row_flows() {
    let rows = || {
        batch(vec![
            ("a", column(Float64Array::from(vec![1.0]))),
            ("b", column(Float64Array::from(vec![1.0]))),
            ("k", column(Float64Array::from(vec![1.0]))),
            ("s", column(StringArray::from(vec!["s"]))),
        ])
    };
    let check = |config: &str, model: Vec<u8>, expected: &str| {
        assert_eq!(score(config, model, rows()).unwrap_err(), expected);
    };
    check(
        r#"{"inputs": [{"name": "X", "columns": ["a", "b"]}]}"#,
        mlp(-1),
        "the model has no input `X`; known: `x` (FP32 [-1, 2])",
    );
    check(
        r#"{"inputs": []}"#,
        mlp(-1),
        "`inputs` has nothing for the model's input `x`, FP32 [-1, 2]; hint: { name = \"x\", columns = [\"…\"] }",
    );
    check(
        "{}",
        mlp(1),
        "the model's input `x`, FP32 [1, 2], takes 2 values a row, but has 1 columns: `x`; \
         hint: { name = \"x\", columns = [\"…\", …] } in `inputs`",
    );
    check(
        r#"{"inputs": [{"name": "x", "columns": ["a", "c"]}]}"#,
        mlp(-1),
        "the model's input `x` needs the column `c`, which is not there; known: `a`, `b`, `k`, `s`",
    );
    check(
        r#"{"inputs": [{"name": "x", "columns": ["a", "s"]}]}"#,
        mlp(-1),
        "column `s` is Utf8, but the model's input `x` takes Float32: only numbers, booleans and decimals can be cast to it",
    );
    check(
        "{}",
        lookup(),
        "column `k` is Float64, but the model's input `k` takes Int64: a cast would cut it; \
         hint: `CAST(k AS BIGINT) AS k` in a transform before",
    );
    check(
        r#"{"inputs": [{"name": "k", "null": "nan"}]}"#,
        lookup(),
        "input `k` is INT64, which has no NaN: `null = \"nan\"` and a number for `nan` have no use",
    );
    check(r#"{"inputs": [{"name": "k", "null": 0.5}]}"#, lookup(), "input `k` is INT64: `null = 0.5` does not fit it");
    let xy = |outputs: &str| format!(r#"{{"inputs": [{{"name": "x", "columns": ["a", "b"]}}], {outputs}}}"#);
    check(
        &xy(r#""outputs": [{"name": "label"}]"#),
        mlp(-1),
        "the model has no output `label`; known: `y` (FP32 [-1, 1])",
    );
    check(
        &xy(r#""outputs": [{"name": "y", "index": 1}]"#),
        mlp(-1),
        "the model's output `y` has 1 values a row, so `index` is at most 0, not 1",
    );
    check(
        &xy(r#""outputs": [{"name": "y", "column": "a"}]"#),
        mlp(-1),
        "the model's output `y` would be a second column `a`; \
         hint: { name = \"y\", column = \"a_score\" } in `outputs`",
    );
    check(
        &xy(r#""keep": ["carrier"]"#),
        mlp(-1),
        "`keep` names the column `carrier`, which is not there; known: `a`, `b`, `k`, `s`",
    );
}

#[test]
fn a_model_that_cannot_be_run_is_refused_with_the_reason() {
    let check = |bytes: Vec<u8>, expected: &str| {
        let config = r#"{"inputs": [{"name": "x", "columns": ["a"]}]}"#;
        assert_eq!(load(config, bytes).err().unwrap(), expected);
    };
    let x = || vec![port("x", OnnxType::Float, &[-1])];
    let y = || vec![port("y", OnnxType::Float, &[-1])];
    let one = |op: &str| model(x(), y(), vec![node(op, &["x"], &["y"])], vec![]);
    check(
        b"PK\x03\x04".to_vec(),
        "the model is not an ONNX file: failed to decode Protobuf message: invalid tag value: 0",
    );
    check(Vec::new(), "the model is not an ONNX file: it has no graph with outputs");
    check(
        one("com.example:Fancy"),
        "the model uses operators that are not supported: `com.example.Fancy`; hint: if they prepare columns, leave them \
         out of the model and do that in the SQL of a transform; if only some outputs need them, list the others in \
         `outputs`",
    );
    check(
        one("RandomNormalLike"),
        "the model uses operators that draw random numbers: `RandomNormalLike`; a replay must give the same",
    );
    check(
        model(x(), y(), vec![node("Relu", &["x"], &["z"])], vec![]),
        "the model is broken: nothing in it gives the output `y`",
    );
    check(
        model(vec![port("x", OnnxType::Complex64, &[-1])], y(), vec![node("Identity", &["x"], &["y"])], vec![]),
        "the model's input `x`, COMPLEX64 [-1], is not supported",
    );
    check(
        model(vec![port("x", OnnxType::Float, &[])], y(), vec![node("Identity", &["x"], &["y"])], vec![]),
        "the model's input `x`, FP32 [], has no dimension that counts rows",
    );
    check(
        model(x(), y(), vec![node_with("ReduceMean", &["x"], &["y"], &[("keepdims", 0)])], vec![]),
        "the model's output `y` has the shape [], which is not [N] or [N,m]: one row for each row of the inputs; \
         hint: list the outputs to use in `outputs`",
    );
}

#[test]
fn what_no_chosen_output_needs_may_be_unsupported() {
    let bytes = model(
        vec![port("x", OnnxType::Float, &[-1, 1])],
        vec![port("fancy", OnnxType::Float, &[-1, 1]), port("y", OnnxType::Float, &[-1, 1])],
        vec![node("Fancy", &["x"], &["fancy"]), node("Add", &["x", "one"], &["y"])],
        vec![floats("one", &[1], &[1.0])],
    );
    let rows = batch(vec![("x", column(Float32Array::from(vec![1.5])))]);
    let output = score(r#"{"outputs": [{"name": "y"}]}"#, bytes, rows).unwrap();
    close(&floats_of(&output, "y"), &[2.5]);
}
