//! From the command line to the causes.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, bail};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, UInt32Type, UInt64Type};
use arrow_array::{Array, MapArray, RecordBatch};
use serde_json::{Map, Value, json};
use wasmill_runtime::engine::{Engine, on_deep_stack};
use wasmill_runtime::event::{Event, Object};
use wasmill_runtime::failure::Failure;
use wasmill_runtime::function::{Function, Instance, Setup};
use wasmill_runtime::plan::{self, QueryPlan};
use wasmill_runtime::rows::Rows;
use wasmill_runtime::sandbox::{Grants, Limits};
use wasmill_warehouse::query::{Session, memory};

use super::question::Question;
use super::{Explain, Form};
use crate::commands::Exit;
use crate::{session, tables};

/// The function.
const FUNCTION: &str = "explain";

/// Asks what was typed.
pub fn run(typed: Explain) -> Result<Exit> {
    let (pipeline, source) = match typed.source.as_slice() {
        [source] => (None, source),
        [pipeline, source] => (Some(plan::resolve(Path::new(pipeline))?), source),
        _ => bail!("there is no source"),
    };
    let question = Question::of(&typed, &relation(source, pipeline.is_some()))?;
    let plan = match &pipeline {
        Some(file) => plan::query_of(file)?,
        None => QueryPlan::default(),
    };
    let objects = tables::object_tables(pipeline, typed.components.clone(), typed.parameters.clone());
    let asked = Arc::new(Session::new(plan, objects, memory::default_limit())?);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let batches = runtime.block_on(async { asked.ask(&question.sql).await?.collect(&asked).await })?;
    asked.warnings().iter().for_each(|warning| eprintln!("warning: {warning}"));
    let engine = Engine::new(Some(session::code_cache()?))?;
    let components = session::components(typed.components.as_deref())?;
    let function = session::function(&engine, &components, FUNCTION)?;
    let causes = match on_deep_stack(|| explain(&engine, &function, &question.config, &batches))? {
        Ok(causes) => causes,
        Err(Failure::Reject(why)) => bail!("{}", why.replace("; hint: ", "\nhint: ")),
        Err(failure) => bail!("{failure}"),
    };
    match typed.format {
        Form::Text => tell(&causes)?,
        Form::Json => say!("{}", serde_json::to_string_pretty(&document(&causes))?)?,
    }
    Ok(Exit::Done)
}

/// What is read from: a query, a file, or a table by its name.
fn relation(source: &str, has_tables: bool) -> String {
    let first = source.split_whitespace().next().unwrap_or_default();
    if ["select", "with"].iter().any(|word| first.eq_ignore_ascii_case(word)) && source.trim() != first {
        return format!("({source}) AS source");
    }
    if !has_tables || source.contains(['/', '*']) || Path::new(source).is_file() {
        return format!("'{}'", source.replace('\'', "''"));
    }
    source.to_owned()
}

/// Has the function look at all rows.
fn explain(
    engine: &Engine,
    function: &Function,
    config: &Value,
    batches: &[RecordBatch],
) -> Result<RecordBatch, Failure> {
    let schema = batches.first().map(RecordBatch::schema);
    let setup = Setup {
        config: config.to_string(),
        tables: Vec::new(),
        model: None,
        input: schema.ok_or_else(|| Failure::Reject("there are no rows to explain".to_owned()))?,
        limits: Limits::default(),
        grants: Grants::default(),
    };
    let event = Event {
        id: FUNCTION.to_owned().into(),
        time: chrono::Utc::now().timestamp_micros(),
        attempt: 1,
        object: Object::Bytes(Arc::default()),
    };
    let (instance, _) = function.start(engine, &setup)?;
    let Instance::Transform(mut instance) = instance else {
        return Err(Failure::Reject(format!("`{FUNCTION}` is no transform")));
    };
    for batch in batches.iter().filter(|batch| batch.num_rows() > 0) {
        let rows = Rows::new(batch.clone()).map_err(|err| Failure::Reject(err.to_string()))?;
        instance.process(&event, 1, &rows)?;
    }
    Ok(instance.finish(&event, 1)?.rows.batch)
}

/// A column of numbers.
fn number(causes: &RecordBatch, name: &str, row: usize) -> Option<f64> {
    let column = causes.column_by_name(name)?;
    let numbers = column.as_primitive_opt::<Float64Type>()?;
    numbers.is_valid(row).then(|| numbers.value(row))
}

/// A column of texts.
fn text<'c>(causes: &'c RecordBatch, name: &str, row: usize) -> &'c str {
    let column = causes.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
    column.map_or("", |texts| texts.value(row))
}

/// What is told of the whole, also if there are no causes.
fn whole<'c>(causes: &'c RecordBatch, name: &str) -> &'c str {
    causes.schema_ref().metadata().get(name).map_or("", String::as_str)
}

fn tell(causes: &RecordBatch) -> Result<()> {
    say!("{}", whole(causes, "summary"))?;
    for row in 0..causes.num_rows() {
        say!("\n{}. {}\n   {}", row + 1, text(causes, "text", row), text(causes, "sentence", row))?;
    }
    Ok(())
}

fn document(causes: &RecordBatch) -> Value {
    let told: Vec<Value> = (0..causes.num_rows()).map(|row| cause(causes, row)).collect();
    let number = |name| whole(causes, name).parse::<f64>().ok();
    json!({
        "actual": number("actual"), "expected": number("expected"), "summary": whole(causes, "summary"), "causes": told,
    })
}

fn cause(causes: &RecordBatch, row: usize) -> Value {
    let mut told = Map::new();
    told.insert("cause".to_owned(), values(causes, row));
    for (name, column) in causes.schema_ref().fields().iter().zip(causes.columns()) {
        let value = match name.name().as_str() {
            "cause" | "summary" => continue,
            "rank" | "layer" => json!(column.as_primitive::<UInt32Type>().value(row)),
            "leaves" | "rows" => json!(column.as_primitive::<UInt64Type>().value(row)),
            "text" | "sentence" => json!(text(causes, name.name(), row)),
            other => json!(number(causes, other, row)),
        };
        told.insert(name.name().clone(), value);
    }
    Value::Object(told)
}

/// The columns that a cause names, and their values.
fn values(causes: &RecordBatch, row: usize) -> Value {
    let maps = causes.column_by_name("cause").and_then(|column| column.as_any().downcast_ref::<MapArray>());
    let Some(entries) = maps.map(|maps| maps.value(row)) else { return Value::Null };
    let [names, values] = entries.columns() else { return Value::Null };
    let (names, values) = (names.as_string::<i32>(), values.as_string::<i32>());
    names
        .iter()
        .zip(values)
        .map(|(name, value)| (name.unwrap_or_default().to_owned(), json!(value)))
        .collect::<Map<_, _>>()
        .into()
}
