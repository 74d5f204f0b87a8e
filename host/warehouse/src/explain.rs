//! Why a number moved: rows with what was measured and expected of them, given to the function `explain` in its sandbox.
//!
//! # Layout
//! - [`Explainer`]: the function, and what it says as JSON;
//! - [`Period`]: times that are compared; [`Why`]: a question by the names of a semantic model;
//! - `band`: whether a value is one to ask about.

pub(crate) mod band;
mod period;
mod why;

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, UInt32Type, UInt64Type};
use arrow_array::{Array, MapArray, RecordBatch};
use serde_json::{Map, Value, json};
use wasmill_runtime::engine::{Engine, on_deep_stack};
use wasmill_runtime::event::{Event, Object};
use wasmill_runtime::failure::Failure;
use wasmill_runtime::function::{Function, Instance, Setup};
use wasmill_runtime::rows::Rows;
use wasmill_runtime::sandbox::{Grants, Limits};

pub use period::Period;
pub(crate) use period::written;
pub use why::{Against, Why, WhyError};

/// What the bundled function is called.
pub const FUNCTION: &str = "explain";

/// The column of how many rows a row stands for.
pub const ROWS: &str = "rows of it";

/// The name of a column of sums, of the first or the second part of a measure; no dimension is called so.
pub fn column(part: usize, is_actual: bool) -> String {
    format!("{} {}", if is_actual { "actual" } else { "expected" }, part + 1)
}

/// The function's configuration of what is measured: one sum, or a ratio of two.
pub fn measured(parts: usize) -> Map<String, Value> {
    let pair = |part: usize| json!({ "actual": column(part, true), "expected": column(part, false) });
    let mut config = Map::new();
    if parts == 2 {
        config.insert("numerator".to_owned(), pair(0));
        config.insert("denominator".to_owned(), pair(1));
    } else {
        config.insert("actual".to_owned(), json!(column(0, true)));
        config.insert("expected".to_owned(), json!(column(0, false)));
    }
    config.insert("rows".to_owned(), json!(ROWS));
    config
}

/// The function, ready to be asked.
pub struct Explainer {
    engine: Engine,
    function: Function,
}

impl Explainer {
    /// Of the bundled function.
    pub fn new(engine: Engine, function: Function) -> Self {
        Self { engine, function }
    }

    /// Has the function look at all rows, in a sandbox of their own. It keeps its thread busy.
    pub fn explain(&self, config: &Map<String, Value>, batches: &[RecordBatch]) -> Result<Explanation, Failure> {
        on_deep_stack(|| self.run(config, batches)).map_err(|err| Failure::Retry(err.to_string()))?
    }

    fn run(&self, config: &Map<String, Value>, batches: &[RecordBatch]) -> Result<Explanation, Failure> {
        let schema = batches.first().map(RecordBatch::schema);
        let setup = Setup {
            config: Value::Object(config.clone()).to_string(),
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
        let (instance, _) = self.function.start(&self.engine, &setup)?;
        let Instance::Transform(mut instance) = instance else {
            return Err(Failure::Reject(format!("`{FUNCTION}` is no transform")));
        };
        for batch in batches.iter().filter(|batch| batch.num_rows() > 0) {
            let rows = Rows::new(batch.clone()).map_err(|err| Failure::Reject(err.to_string()))?;
            instance.process(&event, 1, &rows)?;
        }
        Ok(Explanation(instance.finish(&event, 1)?.rows.batch))
    }
}

/// What the function says: a row for each cause, and of the whole what is in its metadata.
#[derive(Debug)]
pub struct Explanation(RecordBatch);

impl Explanation {
    /// How many causes there are.
    pub fn len(&self) -> usize {
        self.0.num_rows()
    }

    /// Whether nothing stands out.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Of the whole, in a sentence.
    pub fn summary(&self) -> &str {
        self.whole("summary")
    }

    /// What a cause is, and a sentence about it.
    pub fn cause(&self, row: usize) -> (&str, &str) {
        (self.text("text", row), self.text("sentence", row))
    }

    /// What moved the measure most, whether or not it is a cause: values of dimensions, and their shares of the whole change.
    pub fn most(&self) -> Vec<(String, f64)> {
        let parts = self.parts();
        let breakdowns = parts.as_array().into_iter().flatten();
        let shares = breakdowns.flat_map(|of| {
            let values = of["values"].as_array().into_iter().flatten();
            values.filter_map(|part| {
                let name = of["dimension"].as_str()?;
                let value =
                    part["value"].as_str().map_or_else(|| format!("{name} is null"), |text| format!("{name}={text}"));
                Some((value, part["share"].as_f64()?))
            })
        });
        let mut shares: Vec<(String, f64)> = shares.collect();
        shares.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
        shares
    }

    /// How the change divides among the values of each dimension.
    fn parts(&self) -> Value {
        serde_json::from_str(self.whole("parts")).unwrap_or_default()
    }

    /// All of it as JSON: `actual`, `expected`, `summary`, `causes` and `parts`.
    pub fn json(&self) -> Map<String, Value> {
        let told: Vec<Value> = (0..self.len()).map(|row| self.cause_json(row)).collect();
        let number = |name| json!(self.whole(name).parse::<f64>().ok());
        [
            ("actual", number("actual")),
            ("expected", number("expected")),
            ("summary", json!(self.summary())),
            ("causes", Value::Array(told)),
            ("parts", self.parts()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into_iter()
        .collect()
    }

    fn whole(&self, name: &str) -> &str {
        self.0.schema_ref().metadata().get(name).map_or("", String::as_str)
    }

    fn text(&self, name: &str, row: usize) -> &str {
        let column = self.0.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
        column.map_or("", |texts| texts.value(row))
    }

    fn number(&self, name: &str, row: usize) -> Option<f64> {
        let numbers = self.0.column_by_name(name)?.as_primitive_opt::<Float64Type>()?;
        numbers.is_valid(row).then(|| numbers.value(row))
    }

    fn cause_json(&self, row: usize) -> Value {
        let mut told = Map::new();
        told.insert("cause".to_owned(), self.values(row));
        for (field, column) in self.0.schema_ref().fields().iter().zip(self.0.columns()) {
            let value = match field.name().as_str() {
                "cause" | "summary" => continue,
                "rank" | "layer" => json!(column.as_primitive_opt::<UInt32Type>().map(|column| column.value(row))),
                "leaves" | "rows" => json!(column.as_primitive_opt::<UInt64Type>().map(|column| column.value(row))),
                "text" | "sentence" => json!(self.text(field.name(), row)),
                other => json!(self.number(other, row)),
            };
            told.insert(field.name().clone(), value);
        }
        Value::Object(told)
    }

    /// The dimensions that a cause names, and their values.
    fn values(&self, row: usize) -> Value {
        let column = self.0.column_by_name("cause");
        let maps = column.and_then(|column| column.as_any().downcast_ref::<MapArray>());
        let Some(entries) = maps.map(|maps| maps.value(row)) else { return Value::Null };
        let [names, values] = entries.columns() else { return Value::Null };
        let texts = (names.as_string_opt::<i32>(), values.as_string_opt::<i32>());
        let (Some(names), Some(values)) = texts else { return Value::Null };
        let named = names.iter().zip(values);
        named.map(|(name, value)| (name.unwrap_or_default().to_owned(), json!(value))).collect::<Map<_, _>>().into()
    }
}
