//! What is proposed reads the object that it was proposed for.

use std::path::Path;

use serde_json::Value;

use super::{Outcome, read};
use crate::infer::infer;

/// What is proposed for an object, which must read it, and how many rows that gives.
fn proposed(object: &[u8]) -> (String, Outcome) {
    let text = infer(Box::new(object.to_vec())).unwrap();
    let config: Value = serde_json::to_value(text.parse::<toml::Table>().unwrap()).unwrap();
    let outcome = read(&config, object.to_vec());
    assert_eq!((&outcome.failure, &outcome.rejects), (&None, &vec![]), "{text}");
    (text, outcome)
}

fn check(object: &[u8], expect: &str, rows: usize) {
    let (text, outcome) = proposed(object);
    assert_eq!(text, expect);
    assert_eq!(outcome.rows.len(), rows);
}

#[test]
fn separated_values() {
    check(
        b"id,zip,amount,paid,day,at,seen,note\n\
          1,01234,1.5,true,2026-01-31,2026-01-31T12:00:00Z,31.01.2026 12:00,x\n\
          2,99999,NA,false,,2026-02-01 08:30,01.02.2026 08:30,NA\n",
        "# from 3 records\n\
         format = \"csv\"\n\
         columns = [\n\
         \x20   { name = \"id\", type = \"int64\" },\n\
         \x20   { name = \"zip\", type = \"utf8\" },\n\
         \x20   { name = \"amount\", type = \"float64\", nulls = [\"\", \"NA\"] },\n\
         \x20   { name = \"paid\", type = \"bool\" },\n\
         \x20   { name = \"day\", type = \"date\" },\n\
         \x20   { name = \"at\", type = \"timestamp\" },\n\
         \x20   { name = \"seen\", type = \"timestamp\", format = \"%d.%m.%Y %H:%M\" },\n\
         \x20   { name = \"note\", type = \"utf8\" },\n\
         ]\n",
        2,
    );
    let text = proposed(b"1;a, b;31/12/2026\n2;\"c;d\";30/12/2026\n").0;
    assert!(text.contains("delimiter = \";\"\nheader = false\n"), "{text}");
    assert!(text.contains("{ name = \"column_3\", type = \"date\", format = \"%d/%m/%Y\" },\n"), "{text}");
    let text = proposed(b"a\tb\n1\t01/02/2026\n").0;
    assert!(text.contains("format = \"tsv\"\n"), "{text}");
    assert!(text.contains("format = \"%d/%m/%Y\" }, # or the month first: `%m/%d`; both fit\n"), "{text}");
    let text = proposed(b"name\nZ\xfcrich\n").0;
    assert!(text.contains("encoding = \"windows-1252\"\n"), "{text}");
    let utf16: Vec<u8> = "a,b\n1,2\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(proposed(&utf16).0.contains("encoding = \"utf-16le\"\n"));
}

#[test]
fn json() {
    check(
        b"{\"id\":1,\"user\":{\"name\":\"x\",\"geo.zone\":7},\"tags\":[\"a\"],\"v\":[1,2.5],\"at\":\"2026-01-31\",\"n\":\"7\"}\n\
          {\"id\":2.5,\"user\":null,\"v\":[3,4],\"lines\":[{\"a\":1}]}\n",
        "# `explode = \"lines\"` would make each item of that array a row\n\
         # from 2 records\n\
         format = \"jsonl\"\n\
         columns = [\n\
         \x20   { name = \"id\", type = \"float64\" },\n\
         \x20   { name = \"user_name\", from = \"user.name\", type = \"utf8\" },\n\
         \x20   { name = \"user_geo.zone\", from = \"user.geo\\\\.zone\", type = \"int64\" },\n\
         \x20   { name = \"tags\", type = \"json\" },\n\
         \x20   { name = \"v\", type = \"float64\", length = 2 },\n\
         \x20   { name = \"at\", type = \"date\" },\n\
         \x20   { name = \"n\", type = \"utf8\" },\n\
         \x20   { name = \"lines\", type = \"json\" },\n\
         ]\n",
        2,
    );
    let (text, outcome) =
        proposed(b"{\n \"meta\": {\"pages\": [1]},\n \"data\": {\"items\": [{\"a\": 1}, {\"a\": true}]}\n}\n");
    assert!(text.contains("format = \"json\"\nrecords = \"data.items\"\n"), "{text}");
    assert!(text.contains("{ name = \"a\", type = \"json\" }"), "{text}");
    assert_eq!(outcome.rows.len(), 2);
    let (text, outcome) = proposed(b"[{\"a\": 1}, {\"a\": {\"b\": 2}},\n {\"a\": {\"b\": 3}}]");
    assert!(text.contains("{ name = \"a\", type = \"json\" }"), "{text}");
    assert_eq!(outcome.rows.len(), 3);
    assert_eq!(proposed(b"{\"a\": 1}").1.rows, ["1: 1"]);
}

#[test]
fn formats_with_types() {
    for name in ["snappy.parquet", "zstd.arrow", "none.arrows", "deflate.avro"] {
        let object = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats").join(name)).unwrap();
        let (text, outcome) = proposed(&object);
        assert_eq!(outcome.rows.len(), 100, "{name}");
        for column in [
            "{ name = \"flag\", type = \"bool\"",
            "{ name = \"large\", type = \"int64\"",
            "{ name = \"ratio\", type = \"float32\"",
            "{ name = \"place_zone_code\", from = \"place.zone.code\", type = \"int32\" },\n",
            "{ name = \"kind\", type = \"utf8\"",
            "# \"vector\" is not read: ",
        ] {
            assert!(text.contains(column), "{name}: {column}\n{text}");
        }
    }
}

#[test]
fn an_index_of_pandas_has_no_name() {
    let (text, outcome) = proposed(b",amount,country\n0,1.5,DE\n1,2.5,FR\n");
    assert!(text.contains("{ name = \"index\", from = \"\", type = \"int64\" }") && !text.contains("header"), "{text}");
    assert_eq!(outcome.rows.len(), 2);
}

#[test]
fn what_is_nothing_of_all_that_is_refused() {
    for (object, reason) in [
        (&b""[..], "the object is empty"),
        (
            b"\x08\x0a\x12\x00\x01",
            "it is neither text nor of a form that is known: separated values, JSON, Avro, Arrow, Parquet",
        ),
        (
            b"{\"a\":",
            "the object begins like JSON, and its beginning holds no whole object: is it damaged, or is one longer than the sample of 1 MiB?",
        ),
    ] {
        let said = infer(Box::new(object.to_vec()));
        assert!(matches!(&said, Err(wasmill_sdk::Failure::Reject(said)) if said == reason), "{said:?}");
    }
}
