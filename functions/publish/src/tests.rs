//! What the function does as a whole.

use std::sync::Arc;

use arrow_array::builder::{ListBuilder, MapBuilder, StringBuilder, StringDictionaryBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Int8Type, UInt64Type};
use arrow_array::*;
use arrow_schema::{DataType, Field};
use wasmill_sdk::{Context, Document, Documents, Failure, Publish, Receipt, Written};

use crate::Publisher;
use crate::publisher::{BODY_LIMIT, CALL_DOCUMENTS};

/// Keeps what was written; fails at the call of this number.
#[derive(Default)]
struct Memory {
    calls: Vec<(String, Vec<Document>)>,
    fails_at: Option<usize>,
}

impl Documents for Memory {
    fn upsert_batch(&mut self, collection: &str, documents: Vec<Document>) -> Result<Written, Failure> {
        if documents.is_empty() {
            return Ok(Written::default());
        }
        if self.fails_at == Some(self.calls.len()) {
            return Err(Failure::Retry("the database does not answer".into()));
        }
        let inserted = documents.len() as u64;
        self.calls.push((collection.to_owned(), documents));
        Ok(Written { inserted, ..Written::default() })
    }
}

fn column(values: impl Array + 'static) -> ArrayRef {
    Arc::new(values)
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let nullable = columns.into_iter().map(|(name, values)| (name.to_owned(), values, name != "__row"));
    RecordBatch::try_from_iter_with_nullable(nullable).unwrap()
}

fn publish_to(memory: &mut Memory, config: &str, rows: &RecordBatch) -> Result<Receipt, String> {
    let mut publisher = Publisher::configure(wasmill_sdk::config::parse(config)?)?;
    publisher.bind(rows.schema(), memory)?;
    let ctx = Context { event_id: "test".into(), event_time: 1_700_000_000_000_000, attempt: 1 };
    publisher.process(&ctx, rows.clone(), memory).map_err(|failure| format!("{failure:?}"))
}

fn publish(config: &str, rows: &RecordBatch) -> Result<(Vec<Document>, Receipt), String> {
    let mut memory = Memory::default();
    let receipt = publish_to(&mut memory, config, rows)?;
    Ok((memory.calls.into_iter().flat_map(|(_, documents)| documents).collect(), receipt))
}

fn reasons(receipt: Receipt) -> Vec<(u64, String, String)> {
    let rejects = receipt.rejects.finish().unwrap();
    let text = |column: usize, row| rejects.column(column).as_string::<i32>().value(row).to_owned();
    let row = |row| rejects.column(0).as_primitive::<UInt64Type>().value(row);
    (0..rejects.num_rows()).map(|index| (row(index), text(1, index), text(2, index))).collect()
}

/// The bodies of a column `v`, with `options` for its field.
fn bodies(options: &str, values: ArrayRef) -> Vec<String> {
    let ids = column(UInt64Array::from_iter_values(0..values.len() as u64));
    let config = format!(r#"{{"collection": "c", "id": "{{k}}", "fields": [{{"column": "v"{options}}}]}}"#);
    let (documents, receipt) = publish(&config, &batch(vec![("k", ids), ("v", values)])).unwrap();
    assert!(receipt.rejects.is_empty());
    let bare = |body: &String| {
        body.strip_prefix(r#"{"v":"#).and_then(|body| body.strip_suffix('}')).unwrap_or(body).to_owned()
    };
    documents
        .iter()
        .map(|document| document.body.as_ref().unwrap())
        .inspect(|body| drop(serde_json::from_str::<serde_json::Value>(body).unwrap()))
        .map(bare)
        .collect()
}

#[test]
fn every_type_has_its_json() {
    let check = |values: ArrayRef, expected: &[&str]| {
        assert_eq!(bodies("", values.clone()), expected, "{}", values.data_type());
        // A slice is what a host may hand over.
        assert_eq!(bodies("", values.slice(1, values.len() - 1)), expected[1..], "slice of {}", values.data_type());
    };
    check(column(NullArray::new(2)), &["null", "null"]);
    check(column(BooleanArray::from(vec![Some(true), None, Some(false)])), &["true", "null", "false"]);
    check(column(Int8Array::from(vec![-128, 127])), &["-128", "127"]);
    check(column(Int64Array::from(vec![i64::MIN, i64::MAX])), &["-9223372036854775808", "9223372036854775807"]);
    check(column(UInt64Array::from(vec![0, u64::MAX])), &["0", "18446744073709551615"]);
    let text = vec![Some("a\"b\\c/"), None, Some("é€😀"), Some("\u{0}\n\t\u{1f}\u{7f}\u{2028}"), Some("")];
    let written = ["\"a\\\"b\\\\c/\"", "null", "\"é€😀\"", "\"\\u0000\\n\\t\\u001f\u{7f}\u{2028}\"", "\"\""];
    check(column(StringArray::from(text.clone())), &written);
    check(column(LargeStringArray::from(text.clone())), &written);
    check(column(StringViewArray::from(text)), &written);
    check(column(Date32Array::from(vec![Some(15_736), None])), &["\"2013-01-31\"", "null"]);
    check(column(Date64Array::from(vec![-1, 1_359_590_400_000])), &["\"1969-12-31\"", "\"2013-01-31\""]);
    let micros = vec![1_359_590_400_000_000, 1_359_590_400_120_000, 1];
    let expected = ["\"2013-01-31T00:00:00Z\"", "\"2013-01-31T00:00:00.120Z\"", "\"1970-01-01T00:00:00.000001Z\""];
    check(column(TimestampMicrosecondArray::from(micros.clone())), &expected);
    check(column(TimestampMicrosecondArray::from(micros).with_timezone("America/New_York")), &expected);
    check(column(TimestampSecondArray::from(vec![0, -1])), &["\"1970-01-01T00:00:00Z\"", "\"1969-12-31T23:59:59Z\""]);
    let decimals = Decimal128Array::from(vec![Some(12_345), Some(-5), None]).with_precision_and_scale(10, 2).unwrap();
    check(column(decimals), &["\"123.45\"", "\"-0.05\"", "null"]);
    let mut dictionary = StringDictionaryBuilder::<Int8Type>::new();
    dictionary.extend([Some("UA"), None, Some("DL"), Some("UA")]);
    check(column(dictionary.finish()), &["\"UA\"", "null", "\"DL\"", "\"UA\""]);
    check(column(Float32Array::from(vec![0.1, 16_777_216.0])), &["0.1", "16777216.0"]);
    let floats = vec![Some(0.1), Some(-0.0), Some(1e300), Some(f64::NAN), Some(f64::NEG_INFINITY), None, Some(5e-324)];
    check(column(Float64Array::from(floats)), &["0.1", "-0.0", "1e+300", "null", "null", "null", "5e-324"]);
}

#[test]
fn lists_and_structs_nest() {
    let mut list = ListBuilder::new(Float64Array::builder(4));
    list.append_value([Some(0.125), None, Some(f64::INFINITY)]);
    list.append_null();
    list.append_value([]);
    let list = column(list.finish());
    assert_eq!(bodies("", list.clone()), ["[0.125,null,null]", "null", "[]"]);
    assert_eq!(bodies(r#", "round": 2"#, list.clone()), ["[0.13,null,null]", "null", "[]"]);
    assert_eq!(bodies("", list.slice(1, 2)), ["null", "[]"]);
    let pairs = FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>(
        [Some([Some(0.25), Some(0.75)]), None, Some([Some(1.0), None])],
        2,
    );
    assert_eq!(bodies("", column(pairs.slice(1, 2))), ["null", "[1.0,null]"]);
    let names = column(StringArray::from(vec![Some("x"), None, Some("z")]));
    let members = vec![
        (Arc::new(Field::new("name \"n\"", DataType::Utf8, true)), names),
        (Arc::new(Field::new("items", list.data_type().clone(), true)), list),
    ];
    assert_eq!(
        bodies("", column(StructArray::from(members))),
        [
            r#"{"name \"n\"":"x","items":[0.125,null,null]}"#,
            r#"{"name \"n\"":null,"items":null}"#,
            r#"{"name \"n\"":"z","items":[]}"#
        ]
    );
    let mut maps = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
    for members in [&[("a", Some("x")), ("b \"b\"", None)][..], &[], &[("c", Some("z"))]] {
        for (name, value) in members {
            maps.keys().append_value(name);
            maps.values().append_option(*value);
        }
        maps.append(true).unwrap();
    }
    maps.append(false).unwrap();
    let maps = column(maps.finish());
    assert_eq!(bodies("", maps.slice(1, 3)), ["{}", r#"{"c":"z"}"#, "null"]);
    assert_eq!(bodies("", maps.slice(0, 1)), [r#"{"a":"x","b \"b\"":null}"#]);
}

#[test]
fn nulls_are_written_or_left_out() {
    let values = column(Float64Array::from(vec![Some(0.5), None, Some(f64::NAN), Some(-0.0)]));
    assert_eq!(bodies(r#", "round": 0, "null": "omit""#, values.clone()), ["1", "{}", "{}", "0"]);
    assert_eq!(
        bodies(r#", "round": 3, "as": "a.b.c""#, values),
        [
            r#"{"a":{"b":{"c":0.5}}}"#,
            r#"{"a":{"b":{"c":null}}}"#,
            r#"{"a":{"b":{"c":null}}}"#,
            r#"{"a":{"b":{"c":0.0}}}"#
        ]
    );
}

fn flights() -> RecordBatch {
    batch(vec![
        ("carrier", column(StringArray::from(vec![Some("UA"), Some("DL"), None, Some("A/A"), Some("UA")]))),
        ("flight", column(Int64Array::from(vec![1545, 461, 1, 2, 1545]))),
        ("day", column(Date32Array::from(vec![15_736; 5]))),
        ("at", column(TimestampMillisecondArray::from(vec![Some(1_500), None, Some(1), Some(2), Some(3)]))),
        ("plane.model", column(StringArray::from(vec!["737", "757", "A320", "A321", "737"]))),
        ("risk", column(Float32Array::from(vec![0.1, 0.123_456, 0.3, 0.4, 0.5]))),
        ("__row", column(UInt64Array::from(vec![2, 3, 4, 5, 6]))),
    ])
}

#[test]
fn a_row_is_a_document_with_its_fields_as_declared() {
    let config = r#"{"collection": "flights", "id": "{carrier}{flight}-{{{day}}}", "partition_key": "{carrier}",
        "fields": ["flight", {"column": "plane.model", "as": "plane.model"}, "carrier",
                   {"column": "risk", "as": "plane.risk", "round": 3}]}"#;
    let mut memory = Memory::default();
    let receipt = publish_to(&mut memory, config, &flights()).unwrap();
    let (collection, documents) = memory.calls.pop().unwrap();
    assert_eq!((collection.as_str(), documents.len(), receipt.written.inserted), ("flights", 3, 3));
    let Document { id, partition_key, version, row, body } = &documents[1];
    assert_eq!((id.as_str(), partition_key.as_str()), ("DL461-{2013-01-31}", "DL"));
    assert_eq!((*version, *row), (1_700_000_000_000_000, 3));
    assert_eq!(body.as_deref().unwrap(), r#"{"flight":461,"plane":{"model":"757","risk":0.123},"carrier":"DL"}"#);
    // The rows 2 and 6 are the same document: both are sent, the database keeps the one with the greater row.
    assert_eq!(
        documents.iter().map(|document| (document.id.as_str(), document.row)).collect::<Vec<_>>(),
        [("UA1545-{2013-01-31}", 2), ("DL461-{2013-01-31}", 3), ("UA1545-{2013-01-31}", 6)]
    );
    assert_eq!(
        reasons(receipt),
        [
            (
                4,
                "`carrier` is null, and `id` needs it".into(),
                r#"{"flight":1,"plane":{"model":"A320","risk":0.3},"carrier":null}"#.into()
            ),
            (
                5,
                "the id `A/A2-{2013-01-31}` has a `/`".into(),
                r#"{"flight":2,"plane":{"model":"A321","risk":0.4},"carrier":"A/A"}"#.into()
            ),
        ]
    );
}

#[test]
fn by_default_all_columns_are_fields_and_a_version_may_be_a_column() {
    let (documents, receipt) =
        publish(r#"{"collection": "c", "id": "{flight}", "version": "at"}"#, &flights()).unwrap();
    assert_eq!(
        documents[0].body.as_deref().unwrap(),
        "{\"carrier\":\"UA\",\"flight\":1545,\"day\":\"2013-01-31\",\"at\":\"1970-01-01T00:00:01.500Z\",\
         \"plane.model\":\"737\",\"risk\":0.1}"
    );
    assert_eq!(documents.iter().map(|document| document.version).collect::<Vec<_>>(), [1_500_000, 1_000, 2_000, 3_000]);
    let rejects = reasons(receipt);
    assert_eq!((rejects.len(), rejects[0].0), (1, 3));
    assert_eq!(rejects[0].1, "the version is null, or not in the range of 64 bits");
}

#[test]
fn a_row_that_withdraws_its_document_deletes_it() {
    let rows = batch(vec![
        ("k", column(StringArray::from(vec!["a", "b", "c"]))),
        ("gone", column(BooleanArray::from(vec![Some(true), Some(false), None]))),
    ]);
    let config = r#"{"collection": "c", "id": "{k}", "delete_if": "gone"}"#;
    let (documents, _) = publish(config, &rows).unwrap();
    let bodies: Vec<_> = documents.iter().map(|document| document.body.as_deref()).collect();
    assert_eq!(bodies, [None, Some(r#"{"k":"b"}"#), Some(r#"{"k":"c"}"#)]);
    let text = publish(&config.replace("\"gone\"", "\"k\""), &rows).unwrap_err();
    assert!(text.contains("`delete_if` takes a boolean"), "{text}");
}

#[test]
fn an_id_that_breaks_the_rules_rejects_its_row() {
    let check = |id: &str, expected: Option<&str>| {
        let rows = batch(vec![("k", column(StringArray::from(vec![id])))]);
        let (documents, receipt) = publish(r#"{"collection": "c", "id": "{k}", "fields": []}"#, &rows).unwrap();
        match expected {
            None => assert_eq!(
                (documents[0].id.as_str(), documents[0].body.as_deref().unwrap(), documents[0].row),
                (id, "{}", 0)
            ),
            Some(reason) => assert_eq!(reasons(receipt), [(0, reason.to_owned(), "{}".to_owned())]),
        }
    };
    check("é 1", None);
    check(&"x".repeat(1023), None);
    check(&"x".repeat(1024), Some("the id has 1024 bytes, more than 1,023"));
    check("", Some("the id is empty"));
    check("a\\b", Some("the id `a\\\\b` has a `\\\\`"));
    check("a?", Some("the id `a?` has a `?`"));
    check("#", Some("the id `#` has a `#`"));
    check("a\nb", Some("the id `a\\nb` has a `\\n`"));
    check("a\u{85}", Some("the id `a\\u{85}` has a `\\u{85}`"));
}

#[test]
fn documents_go_in_calls_and_one_that_is_too_large_is_rejected() {
    let rows = CALL_DOCUMENTS as u64 * 2 + 1;
    let small = batch(vec![("k", column(UInt64Array::from_iter_values(0..rows)))]);
    let config = r#"{"collection": "c", "id": "{k}"}"#;
    let mut memory = Memory::default();
    let receipt = publish_to(&mut memory, config, &small).unwrap();
    assert_eq!(memory.calls.iter().map(|(_, documents)| documents.len()).collect::<Vec<_>>(), [2000, 2000, 1]);
    assert_eq!(receipt.written.inserted, rows);

    let text: Vec<String> = [1_500_000, BODY_LIMIT, 1_500_000, 1_500_000, 9].map(|size| "x".repeat(size)).into();
    let large =
        batch(vec![("k", column(Int64Array::from_iter_values(0..5))), ("text", column(StringArray::from(text)))]);
    let mut memory = Memory::default();
    let receipt = publish_to(&mut memory, config, &large).unwrap();
    assert_eq!(memory.calls.iter().map(|(_, documents)| documents.len()).collect::<Vec<_>>(), [3, 1]);
    let rejects = reasons(receipt);
    assert_eq!((rejects[0].0, rejects[0].2.len()), (1, 4096));
    assert_eq!(rejects[0].1, "the document has 2000017 bytes, more than 2,000,000");

    let mut memory = Memory { fails_at: Some(1), ..Memory::default() };
    assert_eq!(publish_to(&mut memory, config, &small).unwrap_err(), "Retry(\"the database does not answer\")");
}

#[test]
fn no_rows_are_no_call() {
    let mut memory = Memory::default();
    publish_to(&mut memory, r#"{"collection": "c", "id": "{flight}"}"#, &flights().slice(0, 0)).unwrap();
    assert!(memory.calls.is_empty());
}

#[test]
fn what_does_not_fit_is_said_before_any_row_flows() {
    let rows = batch(vec![
        ("a", column(Int64Array::from(vec![1]))),
        ("f", column(Float64Array::from(vec![1.0]))),
        ("bytes", column(BinaryArray::from(vec![b"x".as_slice()]))),
        ("time", column(Time32SecondArray::from(vec![1]))),
    ]);
    let check = |config: &str, expected: &str| {
        let config = format!(r#"{{"collection": "c", {config}}}"#);
        assert_eq!(publish(&config, &rows).err().unwrap(), expected);
    };
    check(
        r#""id": "fixed""#,
        "`id` is `fixed` for every row: each document would replace the one before; \
         hint: id = \"{carrier}{flight}\", with columns in braces",
    );
    check(r#""id": "{a""#, "`id` has a `{` that nothing closes: `{a`; hint: write `{{` for a brace");
    check(r#""id": "{a}}""#, "`id` has a `}` that nothing opens: `{a}}`; hint: write `}}` for a brace");
    check(r#""id": "{}""#, "`id` has a `{}` without a column: `{}`");
    check(r#""id": "{b}""#, "`id` names the column `b`, which is not there; known: `a`, `f`, `bytes`, `time`");
    check(
        r#""id": "{f}""#,
        "column `f` is Float64, and `id` cannot take it: the text of a float is no name; \
         hint: `CAST(… AS BIGINT)` in a transform before",
    );
    check(
        r#""id": "{a}", "partition_key": "{bytes}""#,
        "column `bytes` is Binary, and `partition_key` cannot take it: JSON has no bytes; \
         hint: `encode(…, 'base64')` in a transform before",
    );
    check(
        r#""id": "{a}", "version": "f""#,
        "column `f` is Float64, and `version` cannot take it: it must be an integer or a timestamp",
    );
    check(
        r#""id": "{a}""#,
        "column `bytes` is Binary, which cannot be published: JSON has no bytes; \
         hint: `encode(…, 'base64')` in a transform before",
    );
    check(
        r#""id": "{a}", "fields": ["time"]"#,
        "column `time` is Time32(s), which cannot be published: JSON has no such type; \
         hint: `CAST(… AS VARCHAR)` in a transform before",
    );
    check(
        r#""id": "{a}", "fields": ["b"]"#,
        "`fields` names the column `b`, which is not there; known: `a`, `f`, `bytes`, `time`",
    );
    check(r#""id": "{a}", "fields": [{"column": "a", "round": 2}]"#, "column `a` is Int64, and `round` is for floats");
    check(
        r#""id": "{a}", "fields": [{"column": "f", "round": 16}]"#,
        "`round` of `f` is 16: a float has no more than 15 digits",
    );
    check(
        r#""id": "{a}", "fields": ["a", {"column": "f", "as": "a.b"}]"#,
        "`fields` has both `a` and `a.b`; hint: name one of them with `as`",
    );
    check(
        r#""id": "{a}", "fields": [{"column": "f", "as": "x.y.z"}, {"column": "a", "as": "x.y"}]"#,
        "`fields` has `x.y` twice, or as an object; hint: name one of them with `as`",
    );
    check(
        r#""id": "{a}", "fields": ["a", "a"]"#,
        "`fields` has `a` twice, or as an object; hint: name one of them with `as`",
    );
    check(r#""id": "{a}", "fields": [{"column": "a", "as": "x."}]"#, "`fields` has an empty name: `x.`");
    check(
        r#""id": "{a}", "fields": [3]"#,
        "`fields[0]`: invalid type: integer `3`, expected a column's name, or { column, as, round, null }",
    );
    check(
        r#""id": "{a}", "fields": [{"column": "a", "digits": 2}]"#,
        "`fields[0].digits`: unknown field `digits`, expected one of `column`, `as`, `round`, `null`",
    );
}
