//! Rows on which the query fails do not stop the others.

use std::sync::Arc;

use arrow_array::{Int64Array, StringArray, UInt64Array};
use arrow_schema::{DataType, Field, Schema};
use wasmill_sdk::{Failure, row_field};

use super::*;

/// 1,000 rows; `text` is a number in all but two.
fn thousand() -> RecordBatch {
    let text = (0..1000).map(|n| if n == 123 || n == 877 { format!("x{n}") } else { n.to_string() });
    let schema = Schema::new(vec![
        Field::new("text", DataType::Utf8, false),
        Field::new("n", DataType::Int64, false),
        row_field(),
    ]);
    RecordBatch::try_new(
        Arc::new(schema),
        vec![
            Arc::new(StringArray::from_iter_values(text)),
            Arc::new(Int64Array::from_iter_values(0..1000)),
            Arc::new(UInt64Array::from_iter_values(5000..6000)),
        ],
    )
    .unwrap()
}

fn bind(config: Config) -> Sql {
    let mut function = Sql::configure(config).unwrap();
    function.bind(thousand().schema()).unwrap();
    function
}

#[test]
fn the_two_bad_rows_of_a_thousand_are_found() {
    let mut function = bind(Config {
        routes: vec![route("even", "number % 2 = 0")],
        ..config("SELECT CAST(text AS BIGINT) AS number FROM input")
    });
    let output = function.process(&ctx(), thousand()).unwrap();
    let expect: Vec<u64> = (5000..6000).filter(|row| *row != 5123 && *row != 5877).collect();
    assert_eq!(row_numbers(&output.batch), expect);
    let routes = output.routes.as_ref().unwrap();
    assert_eq!((routes.num_rows(), routes.column(0).as_boolean().true_count()), (998, 500));
    assert_eq!(
        rejected(output),
        [
            r#"5123|cast error: Cannot cast string 'x123' to value of Int64 type|{"text":"x123","n":123}"#,
            r#"5877|cast error: Cannot cast string 'x877' to value of Int64 type|{"text":"x877","n":877}"#,
        ]
    );
}

#[test]
fn a_rule_on_input_that_fails_is_narrowed_down_too() {
    let rules = vec![rule("divides", "100 / (n - 10) >= 0", Side::Input)];
    let mut function = bind(Config { rules, ..config("SELECT n FROM input") });
    let output = function.process(&ctx(), thousand().slice(8, 4)).unwrap();
    assert_eq!(lines(&output.batch), ["11|5011"]);
    assert_eq!(
        rejected(output),
        [
            r#"5010|divide by zero error|{"text":"10","n":10}"#,
            r#"5008|rule `divides`: 100 / (n - 10) >= 0|{"text":"8","n":8}"#,
            r#"5009|rule `divides`: 100 / (n - 10) >= 0|{"text":"9","n":9}"#,
        ]
    );
}

#[test]
fn all_rows_may_be_bad() {
    let mut function = bind(config("SELECT n / (n - n) AS x FROM input"));
    let output = function.process(&ctx(), thousand()).unwrap();
    assert_eq!((output.batch.num_rows(), output.batch.num_columns(), output.rejects.len()), (0, 2, 1000));
}

#[test]
fn with_scope_object_the_event_is_rejected() {
    let mut function =
        bind(Config { scope: Scope::Object, ..config("SELECT sum(CAST(text AS BIGINT)) AS s FROM input") });
    function.process(&ctx(), thousand()).unwrap();
    assert_eq!(
        function.finish(&ctx()).unwrap_err(),
        Failure::Reject("cast error: Cannot cast string 'x123' to value of Int64 type".into())
    );
    let next = Context { event_id: "event-2".into(), ..ctx() };
    function.process(&next, thousand().slice(0, 3)).unwrap();
    assert_eq!(lines(&function.finish(&next).unwrap().batch), ["3"]);
}

#[test]
fn rows_of_another_schema_are_a_fault() {
    let mut function = bind(config("SELECT n FROM input"));
    assert_eq!(
        function.process(&ctx(), flights()).unwrap_err(),
        Failure::Other(
            "the rows are not as in `bind`: column `text` is missing; column `n` is missing; \
             column `dest` is new; column `delay` is new"
                .into()
        )
    );
}
