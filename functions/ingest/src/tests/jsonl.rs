use serde_json::{Value, json};

use super::{Slow, read, two, with};

fn check(config: &Value, object: &[u8], rows: &[&str], rejects: &[&str]) {
    for size in [u32::MAX, 1, 5] {
        let outcome = read(config, Slow(object.to_vec(), size));
        assert_eq!(outcome.failure, None);
        assert_eq!(outcome.rows, rows);
        assert_eq!(outcome.rejects, rejects);
    }
}

/// Reads the value of one column.
fn one(column: &Value, json: &str) -> String {
    let config = json!({ "format": "jsonl", "columns": [with(json!({ "name": "v" }), column.clone())] });
    let outcome = read(&config, format!("{{\"v\": {json}}}").into_bytes());
    let said = outcome.rows.iter().chain(&outcome.rejects).next().unwrap();
    said.strip_prefix("1: ").unwrap().trim_start_matches("column `v`: ").to_owned()
}

#[test]
fn lines_are_objects_in_any_order_of_keys() {
    let object = b"\xef\xbb\xbf{\"a\": 1, \"b\": \"x\"}\r\n\n  \n{\"b\":\"y\\n\\u00e9\",\"z\":[{}],\"a\":2}\n{}\n{\"a\":null,\"a\":3}";
    check(&two("jsonl"), object, &["1: 1|x", "4: 2|y\né", "5: ~|~", "6: 3|~"], &[]);
    check(&two("jsonl"), b"", &[], &[]);
    check(&two("jsonl"), b"\n\n", &[], &[]);
}

#[test]
fn a_line_that_is_no_such_object_is_rejected() {
    let form = "not a JSON object of the columns' form:";
    for (line, reason) in [
        (&b"{\"a\": 1"[..], format!("{form} EOF while parsing an object at byte 7 of the line")),
        (b"[1]", format!("{form} invalid type: sequence, expected an object at byte 1 of the line")),
        (b"{\"a\": 1} x", format!("{form} trailing characters at byte 10 of the line")),
        (b"{\"a\": 01}", format!("{form} invalid number at byte 8 of the line")),
        (b"{\"b\": \"\xff\"}", "not text in the object's encoding at byte 8 of the record".to_owned()),
        (b"{\"b\": \"\\u0000\"}", "column `b`: `\"\\u0000\"` holds a NUL byte".to_owned()),
        (b"{\"b\": \"\\ud800\"}", "column `b`: `\"\\ud800\"` is not text".to_owned()),
        (b"{\"a\": \"1\"}", "column `a`: `\"1\"` is not an int32".to_owned()),
        (b"{\"b\": 1}", "column `b`: `1` is not text".to_owned()),
        (b"{\"b\": {}}", "column `b`: `{}` is not text".to_owned()),
    ] {
        let object = [line, b"\n{\"a\":7}"].concat();
        check(&two("jsonl"), &object, &["2: 7|~"], &[&format!("1: {reason}")]);
    }
}

#[test]
fn values_are_strict_but_numbers_are_exact() {
    for (kind, json, expect) in [
        ("int8", "12", "12"),
        ("int8", "12.0", "12"),
        ("int8", "1.2e1", "12"),
        ("int8", "12.5", "`12.5` is not an int8"),
        ("int8", "300", "`300` is not an int8"),
        ("int8", "true", "`true` is not an int8"),
        ("float64", "1", "1"),
        ("float64", "1e999", "`1e999` is not a float64"),
        ("float64", "\"NaN\"", "`\"NaN\"` is not a float64"),
        ("uint64", "18446744073709551615", "18446744073709551615"),
        ("bool", "true", "true"),
        ("bool", "1", "`1` is not a bool"),
        ("bool", "\"true\"", "`\"true\"` is not a bool"),
        ("date", "\"2013-01-02\"", "2013-01-02"),
        ("timestamp", "\"2013-01-02T03:04:05Z\"", "2013-01-02 03:04:05"),
        ("timestamp", "1357016400", "`1357016400` is not a timestamp"),
        ("utf8", "\"\"", ""),
    ] {
        assert_eq!(one(&json!({ "type": kind }), json), expect, "{kind}");
    }
    let unix = json!({ "type": "timestamp", "format": "unix_ms" });
    assert_eq!(one(&unix, "1357016400001"), "2013-01-01 05:00:00.001");
    let decimal = json!({ "type": "decimal", "precision": 38, "scale": 18 });
    assert_eq!(one(&decimal, "12345678901234567890.123456789012345678"), "12345678901234567890.123456789012345678");
    assert_eq!(one(&json!({ "type": "int8", "nulls": ["-"] }), "\"-\""), "~");
    assert_eq!(one(&json!({ "type": "int8", "nullable": false }), "null"), "null, and it is not nullable");
}

#[test]
fn lists_have_their_length() {
    let config = json!({ "format": "jsonl", "columns": [
        { "name": "v", "type": "float32", "length": 3 },
        { "name": "t", "type": "utf8", "length": 1 },
    ]});
    let wrong = |shown: &str| format!("2: column `v`: `{shown}` is not a list of 3, each a float32");
    for (line, reason) in [
        (r#"{"v": [1, 2], "t": ["x"]}"#, wrong("[1, 2]")),
        (r#"{"v": [1, 2, null], "t": ["x"]}"#, wrong("[1, 2, null]")),
        (r#"{"v": [1, 2, "3"], "t": ["x"]}"#, wrong("[1, 2, \"3\"]")),
        (r#"{"v": "[1, 2, 3]", "t": ["x"]}"#, wrong("\"[1, 2, 3]\"")),
        (r#"{"v": [1, 2, 3], "t": "x"}"#, "2: column `t`: `\"x\"` is not a list of 1, each text".to_owned()),
    ] {
        let object = format!("{{\"v\": [0.5, -1, 1e3], \"t\": [\"a\"]}}\n{line}\n{{\"t\": [\"b\"]}}\n");
        check(&config, object.as_bytes(), &["1: 0.5,-1,1000|a", "3: ~|b"], &[&reason]);
    }
    let csv = json!({ "format": "csv", "columns": [{ "name": "v", "type": "int8", "length": 2 }] });
    let reason = "3: column `v`: `[1]` is not a list of 2, each an int8";
    check(&csv, b"v\n\"[1, 2]\"\n[1]\n", &["2: 1,2"], &[reason]);
}

#[test]
fn paths_lead_into_objects() {
    let config = json!({ "format": "jsonl", "columns": [
        { "name": "id", "type": "int64" },
        { "name": "city", "from": "user.address.city", "type": "utf8" },
        { "name": "age", "from": "user.age", "type": "int8" },
        { "name": "http.status", "type": "int16" },
        { "name": "zone", "from": "geo\\.zone.name", "type": "utf8" },
    ]});
    for (line, row) in [
        (r#"{"id":1,"user":{"age":9,"address":{"city":"Ulm"}},"http.status":200}"#, "1: 1|Ulm|9|200|~"),
        (r#"{"id":1,"user":null,"geo.zone":{"name":"x"}}"#, "1: 1|~|~|~|x"),
        (r#"{"id":1,"user":{"address":null}}"#, "1: 1|~|~|~|~"),
    ] {
        check(&config, line.as_bytes(), &[row], &[]);
    }
    let reason = "1: not a JSON object of the columns' form: invalid type: integer `5`, expected an object at byte 9 of the line";
    check(&config, br#"{"user":5}"#, &[], &[reason]);
}

#[test]
fn a_line_that_is_too_long_is_left_behind() {
    let object = format!("{{\"b\": \"{}\"}}\n{{\"a\": 1}}\n", "x".repeat(10_000_000));
    let outcome = read(&two("jsonl"), object.into_bytes());
    assert_eq!(outcome.rows, ["2: 1|~"]);
    assert_eq!(outcome.rejects, ["1: longer than 1048576 bytes; hint: max_row_bytes = 2097152"]);
}
