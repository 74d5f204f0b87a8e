//! Requests and their answers, over a function that doubles a column.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float32Type;
use arrow_array::{Array, Float32Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use arrow_select::filter::filter_record_batch;
use wasmill_sdk::{Context, Failure, Rejects, RowNumbers, arrow, row_field};

use crate::config::{Config, Input, Output};
use crate::{Gateway, Request, Response, Score};

/// Gives `score`, twice `a`; rejects rows where `a` is null.
struct Double;

impl Score for Double {
    fn process(&mut self, _: &Context, rows: Vec<u8>) -> Result<(Vec<u8>, Option<Vec<u8>>), Failure> {
        let rows = arrow::decode_one(rows)?;
        let a = rows.column_by_name("a").unwrap().as_primitive::<Float32Type>().clone();
        if a.iter().any(|value| value == Some(503.0)) {
            return Err(Failure::Retry("the lake is closed".into()));
        }
        let mut rejects = Rejects::default();
        for row in (0..a.len()).filter(|row| a.is_null(*row)) {
            rejects.push(RowNumbers::of(&rows).get(row), "`a` is null", None);
        }
        let good = arrow_array::BooleanArray::from_iter(a.iter().map(|value| Some(value.is_some())));
        let rows = filter_record_batch(&rows, &good)?;
        let a = rows.column_by_name("a").unwrap().as_primitive::<Float32Type>();
        let scores: Float32Array = a.unary(|value| value * 2.0);
        let field = Field::new("score", DataType::Float32, false);
        let schema = Arc::new(Schema::new(vec![rows.schema().field(1).clone(), field, row_field()]));
        let columns = vec![rows.column(1).clone(), Arc::new(scores) as _, rows.column(2).clone()];
        Ok((arrow::encode(&RecordBatch::try_new(schema, columns)?)?, rejects.encode()?))
    }
}

fn gateway() -> Gateway {
    let input = |name: &str, datatype: &str| Input {
        name: name.into(),
        datatype: datatype.into(),
        shape: vec![-1],
        columns: vec![name.into()],
    };
    let config = Config {
        model: "double".into(),
        version: "1".into(),
        inputs: vec![input("a", "FP32"), input("id", "BYTES")],
        outputs: vec![Output { name: "score".into(), datatype: "FP32".into(), shape: vec![-1] }],
    };
    let columns = vec![Field::new("a", DataType::Float32, true), Field::new("id", DataType::Utf8, true), row_field()];
    Gateway::new(config, Arc::new(Schema::new(columns)))
}

fn ask(method: &str, path: &str, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Response {
    let headers = headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let request = Request { method: method.into(), path: path.into(), query: query.into(), headers, body: body.into() };
    gateway().answer(&request, "r1", 0, &mut Double)
}

/// The status and the body of what `POST path` answers.
fn post(path: &str, headers: &[(&str, &str)], body: &str) -> (u16, String) {
    let Response { status, body, .. } = ask("POST", path, headers, body);
    (status, String::from_utf8(body).unwrap())
}

#[test]
fn rows_come_back_in_the_form_that_is_asked_for() {
    let check = |headers: &[(&str, &str)], body: &str, expect: (u16, &str)| {
        let (status, found) = post("/v1/score", headers, body);
        assert_eq!((status, found.as_str()), expect, "{body}");
    };
    let csv = ("content-type", "text/csv");
    check(&[], r#"{"a": 1.5, "id": "x"}"#, (200, r#"{"rows":[{"id":"x","score":3.0}]}"#));
    check(
        &[],
        r#"{"rows": [{"a": 1}, {"a": 2}]}"#,
        (200, r#"{"rows":[{"id":null,"score":2.0},{"id":null,"score":4.0}]}"#),
    );
    check(&[], "[]", (200, r#"{"rows":[]}"#));
    check(&[csv], "id,a\nx,4\ny,5\n", (200, "id,score\nx,8.0\ny,10.0\n"));
    check(
        &[("content-type", "application/x-ndjson; charset=utf-8")],
        "{\"a\": 1}\n\n{\"a\": 2, \"id\": \"z\"}\n",
        (200, "{\"id\":null,\"score\":2.0}\n{\"id\":\"z\",\"score\":4.0}\n"),
    );
    check(
        &[csv, ("accept", "text/html, application/json;q=0.9")],
        "a\n4\n",
        (200, r#"{"rows":[{"id":null,"score":8.0}]}"#),
    );
}

#[test]
fn an_answer_has_the_columns_that_are_asked_for() {
    assert_eq!(post("/v1/score?columns=score", &[], "{\"a\": 1}"), (200, r#"{"rows":[{"score":2.0}]}"#.into()));
    let (status, body) = post("/v1/score?columns=score,b", &[], "{\"a\": 1}");
    assert_eq!(
        (status, body.as_str()),
        (400, r#"{"error":"`columns` names `b`; the columns of an answer are `id`, `score`"}"#)
    );
    let (status, body) = post("/v1/score?columns=score%2Cno%20such+one", &[], "{\"a\": 1}");
    assert_eq!((status, body.contains("names `no such one`")), (400, true), "{body}");
}

#[test]
fn a_row_that_is_rejected_is_named_beside_the_others() {
    let (status, body) = post("/v1/score", &[], r#"[{"a": 1}, {"id": "x"}, {"a": 3}]"#);
    assert_eq!(status, 200);
    assert!(body.ends_with(r#","rejects":[{"row":1,"reason":"`a` is null"}]}"#), "{body}");
    assert_eq!(post("/v1/score", &[], "{}").0, 422);
    let (status, body) = post("/v1/score", &[("content-type", "text/csv")], "a,id\n1,x\n,y\n");
    assert_eq!((status, body.as_str()), (422, r#"{"error":"row 1: `a` is null"}"#));
}

#[test]
fn arrow_comes_and_goes() {
    let a = Arc::new(arrow_array::Float64Array::from(vec![1.0, 2.0])) as _;
    let stream = arrow::encode(&RecordBatch::try_from_iter([("a", a)]).unwrap()).unwrap();
    let name = "application/vnd.apache.arrow.stream";
    let response = ask("POST", "/v1/score", &[("content-type", name)], stream);
    let batch = arrow::decode_one(response.body).unwrap();
    let scores = batch.column_by_name("score").unwrap().as_primitive::<Float32Type>();
    assert_eq!((response.status, scores.values().as_ref()), (200, [2.0, 4.0].as_ref()));
    assert!(batch.column_by_name("__row").is_none());
}

#[test]
fn a_request_that_is_wrong_is_told_what_to_change() {
    let check = |path: &str, headers: &[(&str, &str)], body: &str, status: u16, expect: &str| {
        let (found, body) = post(path, headers, body);
        assert_eq!(found, status, "{body}");
        assert!(body.contains(expect), "{body}");
    };
    check("/v1/score", &[], "{\"a\": ", 400, "the body is not JSON: EOF while parsing");
    check("/v1/score", &[], "{\"b\": 1}", 400, "row 0 has `b`, which is not a column; the columns are `a`, `id`");
    check("/v1/score", &[], "{\"a\": \"many\"}", 400, "the rows do not fit the columns");
    check("/v1/score", &[("content-type", "text/html")], "", 415, "content-type `text/html` is not one of");
    check("/v1/score", &[("accept", "text/html")], "[]", 406, "accept `text/html` has none of");
    check("/v1/score", &[], "{\"a\": 503}", 503, "the lake is closed");
    check("/v2/models/triple/infer", &[], "{}", 404, "there is no model `triple`; there is `double`");
    check("/v2/models/double/versions/2/infer", &[], "{}", 404, "no version `2`");
    check("/v3", &[], "", 404, "there is nothing at `/v3`");
    check("/v2/models/no%20such/infer", &[], "{}", 404, "there is no model `no such`");
    check("/v1/score", &[("content-encoding", "gzip")], "{}", 415, "content-encoding `gzip` is not taken");
    let response = ask("GET", "/v1/score", &[], "");
    assert_eq!((response.status, response.headers.first()), (405, Some(&("allow", "POST".to_owned()))));
}

#[test]
fn tensors_are_inferred_in_json() {
    let body = r#"{"id": "7", "inputs": [{"name": "a", "datatype": "FP32", "shape": [2], "data": [1, 2.5]}]}"#;
    let (status, body) = post("/v2/models/double/infer", &[], body);
    let expect = r#"{"model_name":"double","model_version":"1","id":"7","outputs":[{"name":"score","datatype":"FP32","shape":[2],"data":[2.0,5.0]}]}"#;
    assert_eq!((status, body.as_str()), (200, expect));
    let check = |input: &str, expect: &str| {
        let (status, body) = post("/v2/models/double/infer", &[], &format!("{{\"inputs\": [{input}]}}"));
        assert_eq!((status, body.contains(expect)), (400, true), "{body}");
    };
    check(r#"{"name": "b", "datatype": "FP32", "shape": [1], "data": [1]}"#, "no input `b`; it has `a`, `id`");
    check(
        r#"{"name": "a", "datatype": "INT64", "shape": [1], "data": [1]}"#,
        "it is INT64 [1], the model takes FP32 [-1]",
    );
    check(
        r#"{"name": "a", "datatype": "FP32", "shape": [3], "data": [1]}"#,
        "it has 1 values, which is not its shape [3]",
    );
    check(r#"{"name": "a", "datatype": "FP32", "shape": [1], "data": ["x"]}"#, "\\\"x\\\" is not FP32");
    let a = r#"{"name": "a", "datatype": "FP32", "shape": [1], "data": [1]}"#;
    check(&format!("{a}, {a}"), "the input `a` is given twice");
    check("", "`inputs` is empty");
}

/// Gives `first`, the first item of each list in `v`.
struct First;

impl Score for First {
    fn process(&mut self, _: &Context, rows: Vec<u8>) -> Result<(Vec<u8>, Option<Vec<u8>>), Failure> {
        let rows = arrow::decode_one(rows)?;
        let lists = rows.column(0).as_fixed_size_list();
        let items = lists.values().as_primitive::<Float32Type>();
        let first = (0..lists.len()).map(|row| items.value(row * lists.value_length() as usize));
        let first = Arc::new(Float32Array::from_iter_values(first)) as _;
        Ok((arrow::encode(&RecordBatch::try_from_iter([("first", first)])?)?, None))
    }
}

#[test]
fn a_tensor_may_be_one_column_of_lists() {
    let item = Arc::new(Field::new_list_field(DataType::Float32, false));
    let input = Field::new("v", DataType::FixedSizeList(item, 4), false);
    let config = Config {
        model: "first".into(),
        version: "1".into(),
        inputs: vec![Input {
            name: "v".into(),
            datatype: "FP32".into(),
            shape: vec![-1, 2, 2],
            columns: vec!["v".into()],
        }],
        outputs: vec![Output { name: "first".into(), datatype: "FP32".into(), shape: vec![-1] }],
    };
    let gateway = Gateway::new(config, Arc::new(Schema::new(vec![input])));
    let post = |path: &str, body: &str| {
        let request = Request { method: "POST".into(), path: path.into(), body: body.into(), ..Request::default() };
        let Response { status, body, .. } = gateway.answer(&request, "r1", 0, &mut First);
        (status, String::from_utf8(body).unwrap())
    };
    let infer = |shape: &str, data: &str| {
        let input = format!(r#"{{"name": "v", "datatype": "FP32", "shape": {shape}, "data": {data}}}"#);
        post("/v2/models/first/infer", &format!(r#"{{"inputs": [{input}]}}"#))
    };
    let (status, body) = infer("[2, 2, 2]", "[[[1, 2], [3, 4]], [[5, 6], [7, 8]]]");
    assert!(status == 200 && body.ends_with(r#""shape":[2],"data":[1.0,5.0]}]}"#), "{body}");
    assert_eq!(infer("[1, 2, 3]", "[1, 2, 3, 4, 5, 6]").0, 400);

    let rows = r#"[{"v": [1, 2, 3, 4]}, {"v": [5.5, 6, 7, 8]}]"#;
    assert_eq!(post("/v1/score", rows), (200, r#"{"rows":[{"first":1.0},{"first":5.5}]}"#.into()));
    for wrong in [r#"{"v": [1, 2, 3]}"#, r#"{"v": [1, 2, 3, null]}"#, r#"{"v": 1}"#] {
        let (status, body) = post("/v1/score", wrong);
        assert!(status == 400 && body.contains("the rows do not fit the columns"), "{body}");
    }
}

#[test]
fn tensors_are_inferred_in_binary() {
    let json = r#"{"inputs": [{"name": "a", "datatype": "FP32", "shape": [2], "parameters": {"binary_data_size": 8}}], "parameters": {"binary_data_output": true}}"#;
    let mut body = json.as_bytes().to_vec();
    body.extend([1f32, 2.5].iter().flat_map(|value| value.to_le_bytes()));
    let length = json.len().to_string();
    let response = ask("POST", "/v2/models/double/infer", &[("inference-header-content-length", &length)], body);
    assert_eq!(response.status, 200);
    let (_, length) = response.headers.iter().find(|(name, _)| *name == "inference-header-content-length").unwrap();
    let (json, binary) = response.body.split_at(length.parse().unwrap());
    assert!(std::str::from_utf8(json).unwrap().contains(r#""parameters":{"binary_data_size":8}"#));
    assert_eq!(binary, [2f32, 5.0].iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>());
}

#[test]
fn the_model_is_described() {
    let response = ask("GET", "/v2/models/double", &[], "");
    let expect = r#"{"name":"double","versions":["1"],"platform":"wasmill","inputs":[{"name":"a","datatype":"FP32","shape":[-1]},{"name":"id","datatype":"BYTES","shape":[-1]}],"outputs":[{"name":"score","datatype":"FP32","shape":[-1]}]}"#;
    assert_eq!(String::from_utf8(response.body).unwrap(), expect);
    for (path, expect) in [
        ("/", r#""score":"POST /v1/score""#),
        ("/v2", r#""extensions":["binary_tensor_data","model_repository"]"#),
        ("/v2/health/live", r#"{"live":true}"#),
        ("/v2/health/ready", r#"{"live":true,"ready":true}"#),
        ("/v2/models/double/ready", r#"{"name":"double","ready":true}"#),
        ("/v2/models/%64ouble/versions/1", r#"{"name":"double","versions":["1"]"#),
    ] {
        let Response { status, body, .. } = ask("GET", path, &[], "");
        let body = String::from_utf8(body).unwrap();
        assert_eq!((status, body.contains(expect)), (200, true), "{path}: {body}");
    }
    assert_eq!(ask("POST", "/v2/repository/index", &[], "{}").status, 200);
}
