//! The types of the result, as declared and as given.

use std::sync::Arc;

use arrow_array::{BinaryViewArray, StringViewArray};
use arrow_schema::{DataType, Field, Schema};

use super::*;

/// The columns that `bind` says and batches have.
fn columns(sql: &str) -> Vec<String> {
    let mut function = Sql::configure(config(sql)).unwrap();
    function.put_table("airports", airports()).unwrap();
    let (schema, _) = function.bind(flights().schema()).unwrap();
    assert_eq!(function.process(&ctx(), flights()).unwrap().batch.schema(), schema, "{sql}");
    let fields = schema.fields().iter().filter(|field| field.name() != "__row");
    let not_null = |field: &Field| if field.is_nullable() { "" } else { " not null" };
    fields.map(|field| format!("{} {}{}", field.name(), field.data_type(), not_null(field))).collect()
}

#[test]
fn the_declared_types_are_those_of_the_batches() {
    let check = |sql: &str, expect: &[&str]| assert_eq!(columns(sql), expect, "{sql}");
    check(
        "SELECT CAST(delay AS VARCHAR) AS a, dest || 'x' AS b, substr(dest, 1, 2) AS c FROM input",
        &["a Utf8", "b Utf8", "c Utf8"],
    );
    check(
        "SELECT arrow_cast(dest, 'Utf8View') AS a, arrow_cast(dest, 'BinaryView') AS b FROM input",
        &["a Utf8", "b Binary"],
    );
    check(
        "SELECT [arrow_cast(dest, 'Utf8View')] AS a, {'x': arrow_cast(dest, 'Utf8View')} AS b FROM input",
        &["a List(Utf8)", "b Struct(\"x\": Utf8)"],
    );
    check(
        "SELECT NULL AS a, 1 AS b, 1.5 AS c, true AS d FROM input",
        &["a Utf8", "b Int64 not null", "c Float64 not null", "d Boolean not null"],
    );
    check(
        "SELECT now() AS a, current_date AS b, date_trunc('hour', now()) AS c FROM input",
        &["a Timestamp(µs, \"UTC\") not null", "b Date32 not null", "c Timestamp(µs, \"UTC\") not null"],
    );
    check(
        "SELECT TIMESTAMP '2013-01-01' AS a, to_timestamp('2013-01-01') AS b FROM input",
        &["a Timestamp(ns) not null", "b Timestamp(ns, \"UTC\") not null"],
    );
    check(
        "SELECT name, coalesce(name, '') AS n, delay + 1 AS d FROM input LEFT JOIN airports ON faa = dest",
        &["name Utf8", "n Utf8 not null", "d Int64"],
    );
}

#[test]
fn views_that_come_in_are_plain_in_the_query() {
    let schema =
        Schema::new(vec![Field::new("a", DataType::Utf8View, true), Field::new("b", DataType::BinaryView, true)]);
    let rows = RecordBatch::try_new(
        Arc::new(schema),
        vec![
            Arc::new(StringViewArray::from(vec![Some("x"), None])),
            Arc::new(BinaryViewArray::from(vec![Some(b"y" as &[u8]), None])),
        ],
    )
    .unwrap();
    let rules = vec![rule("some", "a IS NOT NULL", Side::Input)];
    let mut function = Sql::configure(Config { rules, ..config("SELECT *, arrow_typeof(a) AS t FROM input") }).unwrap();
    let (schema, _) = function.bind(rows.schema()).unwrap();
    let output = function.process(&ctx(), rows).unwrap();
    assert_eq!(output.batch.schema(), schema);
    assert_eq!(lines(&output.batch), ["x|79|Utf8|0"]);
}
