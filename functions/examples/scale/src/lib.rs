//! A transform that multiplies a column: `config = { column = "price", factor = 1.19 }`.
use std::sync::Arc;

use arrow_array::{RecordBatch, cast::AsArray, types::Float64Type};
use wasmill_sdk::{Context, Failure, Output, Transform};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Scale {
    column: String,
    factor: f64,
}

impl Transform for Scale {
    type Config = Self;

    fn configure(config: Self) -> Result<Self, String> {
        Ok(config)
    }

    fn process(&mut self, _: &Context, rows: RecordBatch) -> Result<Output, Failure> {
        let mut columns = rows.columns().to_vec();
        let found = rows.schema().index_of(&self.column)?;
        let values = columns[found].as_primitive_opt::<Float64Type>();
        let values = values.ok_or_else(|| Failure::Reject(format!("`{}` is not float64", self.column)))?;
        columns[found] = Arc::new(values.unary::<_, Float64Type>(|value| value * self.factor)) as Arc<_>;
        Ok(RecordBatch::try_new(rows.schema(), columns)?.into())
    }
}

wasmill_sdk::export_transform!(Scale);
