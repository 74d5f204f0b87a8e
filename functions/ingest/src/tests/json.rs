use serde_json::{Value, json};

use super::{Slow, read, rejected, two, with};

fn check(config: &Value, object: &str, rows: &[&str], rejects: &[&str]) {
    for size in [u32::MAX, 1, 5] {
        let outcome = read(config, Slow(object.as_bytes().to_vec(), size));
        assert_eq!(outcome.failure, None, "{object}");
        assert_eq!(outcome.rows, rows, "{object}");
        assert_eq!(outcome.rejects, rejects, "{object}");
    }
}

fn fails(config: &Value, object: &str, reason: &str) {
    for size in [u32::MAX, 1] {
        assert_eq!(read(config, Slow(object.as_bytes().to_vec(), size)).failure, rejected(reason), "{object}");
    }
}

#[test]
fn the_items_of_an_array_are_rows() {
    let rows = ["1: 1|x", "2: 2|]}\\\"", "3: ~|~"];
    let array = r#"[{"a":1,"b":"x"}, {"a":2,"b":"]}\\\"","z":[[{}]]},{}]"#;
    check(&two("json"), array, &rows, &[]);
    check(&two("json"), &format!("\u{feff} \n{array}\n"), &rows, &[]);
    let at = with(two("json"), json!({ "records": r"data.the\.items" }));
    check(
        &at,
        &format!(r#"{{"meta":{{"the.items":[1]}},"data":{{"n":3,"the.items":{array},"more":[1]}},"end":"}}"}}"#),
        &rows,
        &[],
    );
    check(&two("json"), "[]", &[], &[]);
    check(&two("json"), "", &[], &[]);
}

#[test]
fn documents_one_after_another_are_rows_and_arrays() {
    check(
        &two("json"),
        "{\n \"a\": 1\n}\n{\"a\":2}[{\"a\":3},{\"a\":4}] ",
        &["1: 1|~", "2: 2|~", "3: 3|~", "4: 4|~"],
        &[],
    );
    let at = with(two("json"), json!({ "records": "r" }));
    check(&at, r#"{"r":{"a":1}} {"q":0,"r":[{"a":2}]}"#, &["1: 1|~", "2: 2|~"], &[]);
}

#[test]
fn a_bad_item_is_rejected_and_the_next_is_read() {
    let form = "not a JSON object of the columns' form:";
    let object = r#"[{"a":"x"}, 7, {"a":01}, [{}], {"a":3}]"#;
    check(
        &two("json"),
        object,
        &["5: 3|~"],
        &[
            "1: column `a`: `\"x\"` is not an int32",
            &format!("2: {form} invalid type: integer `7`, expected an object at byte 1 of the line"),
            &format!("3: {form} invalid number at byte 7 of the line"),
            &format!("4: {form} invalid type: sequence, expected an object at byte 1 of the line"),
        ],
    );
    let long = format!("[{{\"b\":\"{}\"}},{{\"a\":1}}]", "x".repeat(5_000_000));
    let limit = "1: longer than 1048576 bytes; hint: max_row_bytes = 2097152";
    let outcome = read(&two("json"), long.into_bytes());
    assert_eq!((outcome.rows, outcome.rejects), (vec!["2: 1|~".to_owned()], vec![limit.to_owned()]));
}

#[test]
fn what_is_no_such_document_is_refused() {
    let cut = "the JSON document ends on line 1 before it is complete: was the object cut off?";
    for object in [r#"[{"a":1}"#, "[", r#"[{"a":1},"#, r#"{"a":"#, r#"[{"a":"x"#] {
        fails(&two("json"), object, cut);
    }
    fails(&two("json"), r#"[{"a":1} {"a":2}]"#, "not JSON: expected `,` or `]` on line 1");
    fails(&two("json"), r#"[{"a":1},]"#, "not JSON: expected a value on line 1");
    fails(&two("json"), "\n7", "not JSON: expected an array or an object on line 2");
    let at = with(two("json"), json!({ "records": "data.items" }));
    for (object, problem) in [
        (r#"{"data":{"item":[]}}"#, "not JSON: there is no `items` of the path `data.items` on line 1"),
        (r#"{"data":7}"#, "not JSON: expected `{` on line 1"),
        (r#"{"data":{"items":7}}"#, "not JSON: `data.items` is neither an array nor an object on line 1"),
        (r#"{"data" {}}"#, "not JSON: expected `:` on line 1"),
        (r#"{7}"#, "not JSON: expected a key on line 1"),
        (r#"{"data":{"items":[{}]}"#, cut),
    ] {
        fails(&at, object, problem);
    }
}

#[test]
fn an_array_in_a_document_is_taken_apart() {
    let config = json!({ "format": "json", "explode": "lines", "columns": [
        { "name": "order", "type": "int64" },
        { "name": "sku", "from": "lines.sku", "type": "utf8", "nullable": false },
        { "name": "count", "from": "lines.count", "type": "int32" },
        { "name": "line", "from": "lines", "type": "json" },
    ]});
    let object = r#"[
        {"order": 1, "lines": [{"sku": "x", "count": 2}, {"sku": "y"}]},
        {"order": 2, "lines": [{"sku": "z", "count": "q"}, 7, {"sku": "w"}]},
        {"order": 3, "lines": []}, {"order": 4, "lines": 7}
    ]"#;
    check(
        &config,
        object,
        &[r#"1: 1|x|2|{"sku": "x", "count": 2}"#, r#"2: 1|y|~|{"sku": "y"}"#, r#"5: 2|w|~|{"sku": "w"}"#],
        &[
            "3: column `count`: `\"q\"` is not an int32",
            "4: not an item of `lines` of the columns' form: invalid type: integer `7`, expected an object at byte 1 of the line",
            "6: column `sku`: null, and it is not nullable",
            "7: `lines` is not an array",
        ],
    );
    let tags = json!({ "format": "jsonl", "explode": "user.tags", "columns": [
        { "name": "id", "type": "int64" },
        { "name": "tag", "from": "user.tags", "type": "utf8" },
    ]});
    check(&tags, "{\"id\":1,\"user\":{\"tags\":[\"a\",\"b\"]}}\n{\"id\":2}\n", &["1: 1|a", "2: 1|b", "3: 2|~"], &[]);
    let crossed = with(
        tags,
        json!({ "columns": [{ "name": "user", "type": "json" }, { "name": "t", "from": "user.tags", "type": "utf8" }] }),
    );
    let said = super::configure(&crossed).err();
    assert_eq!(said.as_deref(), Some("`explode` `user.tags`: it and a column's path cannot both lead to a value"));
}

#[test]
fn any_value_can_be_kept_as_json() {
    let config = json!({ "format": "jsonl", "columns": [{ "name": "v", "type": "json" }] });
    let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    for value in [r#"{"a": [1, "x"]}"#, "[]", "7", r#""x""#, "true", &deep(127)] {
        check(&config, &format!("{{\"v\": {value}}}"), &[&format!("1: {value}")], &[]);
    }
    let outcome = read(&config, format!("{{\"v\": {}}}", deep(128)).into_bytes());
    assert_eq!(outcome.rejects, [format!("1: column `v`: `{}…` is not JSON, nested at most 127 deep", "[".repeat(64))]);
    let csv =
        json!({ "format": "csv", "delimiter": ";", "quote": "none", "columns": [{ "name": "v", "type": "json" }] });
    check(&csv, "v\n{\"a\": 1}\n{\n", &["2: {\"a\": 1}"], &["3: column `v`: `{` is not JSON, nested at most 127 deep"]);
}

#[test]
fn the_rows_of_one_record_make_several_batches() {
    let config = json!({ "batch_rows": 3, "explode": "v", "columns": [
        { "name": "a", "type": "utf8" },
        { "name": "v", "type": "int32" },
    ]});
    let object = br#"{"a":"x","v":[1,2,3,4,5,6,7,"z",9,10]} {"a":"y","v":[11]}"#.to_vec();
    for (format, object) in
        [("json", object.clone()), ("jsonl", String::from_utf8(object).unwrap().replace("} ", "}\n").into())]
    {
        let outcome = read(&with(config.clone(), json!({ "format": format })), object);
        assert_eq!((outcome.batches, outcome.failure), (vec![3, 3, 3, 2], None));
        assert_eq!(outcome.rows[9], "11: y|11");
        assert_eq!(outcome.rejects, ["8: column `v`: `\"z\"` is not an int32"]);
    }
    // What is beside the array is in each row: a batch is cut by what its rows take.
    let object = format!(r#"{{"a":"{}","v":[{}0]}}"#, "x".repeat(100_000), "0,".repeat(399));
    let outcome = read(&with(config, json!({ "format": "json", "batch_rows": 1000 })), object.into_bytes());
    assert_eq!((outcome.rows.len(), outcome.batches.len()), (400, 5));
}
