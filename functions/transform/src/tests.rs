//! Tests of the function as a whole; each module is about one promise.

mod narrowing;
mod numbers;
mod object;
mod parameters;
mod refused;
mod rules;
mod tables;
mod time;
mod typing;

use std::collections::BTreeMap;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{RecordBatch, record_batch};
use datafusion::arrow::util::display::array_value_to_string;
use wasmill_sdk::{Context, Output, Transform};

use crate::Sql;
use crate::config::{Config, Route, Rule, Scope, Side};

/// 2013-01-15T10:30:00.000005Z.
const TIME: i64 = 1_358_245_800_000_005;

fn ctx() -> Context {
    Context { event_id: "event-1".into(), event_time: TIME, attempt: 1 }
}

fn config(sql: &str) -> Config {
    Config { sql: sql.into(), scope: Scope::Row, rules: Vec::new(), routes: Vec::new(), parameters: BTreeMap::new() }
}

fn rule(name: &str, predicate: &str, on: Side) -> Rule {
    Rule { name: name.into(), predicate: predicate.into(), on }
}

fn route(name: &str, predicate: &str) -> Route {
    Route { name: name.into(), predicate: predicate.into() }
}

/// Four flights, with the lines they are on.
fn flights() -> RecordBatch {
    record_batch!(
        ("dest", Utf8, [Some("IAH"), Some("MIA"), None, Some("BQN")]),
        ("delay", Int64, [Some(11), Some(20), None, Some(-18)]),
        ("__row", UInt64, [2, 3, 5, 7])
    )
    .map(|batch| numbered(&batch))
    .unwrap()
}

/// The batch with a last column that is not null, as hosts send it.
fn numbered(batch: &RecordBatch) -> RecordBatch {
    let mut fields = batch.schema().fields().to_vec();
    fields.pop();
    fields.push(wasmill_sdk::row_field().into());
    RecordBatch::try_new(std::sync::Arc::new(arrow_schema::Schema::new(fields)), batch.columns().to_vec()).unwrap()
}

fn airports() -> RecordBatch {
    record_batch!(("faa", Utf8, ["IAH", "MIA", "JFK"]), ("name", Utf8, ["Houston", "Miami", "New York"])).unwrap()
}

/// The function with the table `airports`, planned for [`flights`].
fn bound(config: Config) -> Result<Sql, String> {
    let mut function = Sql::configure(config)?;
    function.put_table("airports", airports())?;
    function.bind(flights().schema())?;
    Ok(function)
}

/// What comes of [`flights`].
fn run(config: Config) -> Output {
    bound(config).unwrap().process(&ctx(), flights()).unwrap()
}

/// Rows as text: `value|value`.
fn lines(batch: &RecordBatch) -> Vec<String> {
    let line = |row| {
        let values = batch.columns().iter().map(|column| match column.is_null(row) {
            true => "null".to_owned(),
            false => array_value_to_string(column, row).unwrap(),
        });
        values.collect::<Vec<_>>().join("|")
    };
    (0..batch.num_rows()).map(line).collect()
}

/// Rejects as text: `row|reason|raw`.
fn rejected(output: Output) -> Vec<String> {
    lines(&output.rejects.finish().unwrap())
}

/// The numbers of the rows, sorted.
fn row_numbers(batch: &RecordBatch) -> Vec<u64> {
    assert_eq!(batch.schema().fields().last().unwrap().as_ref(), &wasmill_sdk::row_field());
    let mut numbers = batch.column(batch.num_columns() - 1).as_primitive::<UInt64Type>().values().to_vec();
    numbers.sort_unstable();
    numbers
}
