use serde_json::{Value, json};
use wasmill_sdk::Ingest;

use super::{configure, two, with};

fn check(more: Value, expect: &str) {
    assert_eq!(configure(&with(two("csv"), more)).err().as_deref(), Some(expect));
}

fn check_column(column: Value, expect: &str) {
    check(json!({ "columns": [with(json!({ "name": "v" }), column)] }), expect);
}

#[test]
fn the_schema_has_the_columns_in_order_and_the_row_number_last() {
    let config = json!({ "format": "csv", "columns": [
        { "name": "b", "type": "timestamp", "nullable": false },
        { "name": "a", "type": "decimal", "precision": 12, "scale": 2 },
    ]});
    let schema = configure(&config).unwrap().schema();
    let fields: Vec<String> =
        schema.fields().iter().map(|f| format!("{} {} {}", f.name(), f.data_type(), f.is_nullable())).collect();
    assert_eq!(fields, ["b Timestamp(µs, \"UTC\") false", "a Decimal128(12, 2) true", "__row UInt64 false"]);
}

#[test]
fn what_does_not_fit_is_said_with_what_does() {
    check(
        json!({ "delimeter": ";" }),
        "`delimeter`: unknown field `delimeter`, expected one of `format`, `compression`, `archive`, `members`, `max_members`, `max_expansion`, `encoding`, `records`, `explode`, `delimiter`, `quote`, `escape`, `comment`, `header`, `trim`, `nulls`, `columns`, `batch_rows`, `max_row_bytes`",
    );
    check(
        json!({ "format": "xml" }),
        "`format`: unknown variant `xml`, expected one of `csv`, `tsv`, `jsonl`, `json`, `avro`, `arrow`, `parquet`",
    );
    check(
        json!({ "compression": "lz4" }),
        "`compression`: unknown variant `lz4`, expected one of `auto`, `none`, `gzip`, `zstd`",
    );
    check(json!({ "delimiter": ";;" }), "`delimiter`: `;;` is not one ASCII character, nor `none`");
    check(
        json!({ "delimiter": "none" }),
        "`delimiter` may not be `none`; hint: format = \"jsonl\" reads a value a line",
    );
    check(json!({ "delimiter": "\"" }), "`\\\"` has two meanings among `delimiter`, `quote`, `escape` and `comment`");
    check(json!({ "format": "jsonl", "trim": true }), "`trim` has no meaning for jsonl: leave it out");
    check(json!({ "columns": [] }), "`columns` is empty; hint: columns = [{ name = \"id\", type = \"int64\" }]");
    check(json!({ "batch_rows": 0 }), "`batch_rows` is not from 1 to 1048576; hint: batch_rows = 16384");
    check(json!({ "max_row_bytes": 0 }), "`max_row_bytes` is not from 1 to 268435456; hint: max_row_bytes = 1048576");
    let twice = json!([{ "name": "a", "type": "bool" }, { "name": "a", "type": "bool" }]);
    check(json!({ "columns": twice }), "column `a`: there are two of that name");
    let crossed = json!([{ "name": "a", "type": "bool" }, { "name": "b", "from": "a.b", "type": "bool" }]);
    check(
        json!({ "format": "jsonl", "columns": crossed }),
        "column `b`: its path and another column's cannot both lead to a value",
    );
}

#[test]
fn a_column_is_checked_as_a_whole() {
    check_column(
        json!({ "type": "int15" }),
        "`columns[0].type`: unknown variant `int15`, expected one of `bool`, `int8`, `int16`, `int32`, `int64`, `uint8`, `uint16`, `uint32`, `uint64`, `float32`, `float64`, `decimal`, `date`, `timestamp`, `utf8`, `json`",
    );
    let hint = "a decimal needs a precision of 1 to 38 and a scale that is not larger; hint: precision = 12, scale = 2";
    for column in [
        json!({ "type": "decimal" }),
        json!({ "type": "decimal", "precision": 39, "scale": 0 }),
        json!({ "type": "decimal", "precision": 2, "scale": 3 }),
    ] {
        check_column(column, &format!("column `v`: {hint}"));
    }
    check_column(json!({ "type": "int8", "length": 0 }), "column `v`: `length` is not from 1 to 2147483647");
    check_column(json!({ "type": "int8", "scale": 2 }), "column `v`: `scale` has no meaning for the type int8");
    check_column(
        json!({ "type": "date", "timezone": "UTC" }),
        "column `v`: `timezone` has no meaning for the type date",
    );
    check_column(
        json!({ "type": "timestamp", "timezone": "Berlin" }),
        "column `v`: `timezone` `Berlin` is not in the IANA database; hint: timezone = \"America/New_York\"",
    );
    let hint = "hint: format = \"%Y-%m-%d %H:%M:%S\"";
    check_column(
        json!({ "type": "timestamp", "format": "%Q" }),
        &format!("column `v`: `format` `%Q`: it is not a strftime pattern; {hint}"),
    );
    check_column(
        json!({ "type": "date", "format": "%d.%m." }),
        &format!("column `v`: `format` `%d.%m.`: it does not say which day and time `03.02.` is; {hint}"),
    );
    check_column(
        json!({ "type": "timestamp", "format": "unix", "timezone": "UTC" }),
        "column `v`: a number of seconds is the same everywhere: leave out `timezone` and `ambiguous`",
    );
    check_column(
        json!({ "name": "__row", "type": "int8" }),
        "column `__row`: the name is empty or taken by the row number",
    );
}
