//! Which rows are new: those whose watermark is greater than any that was read.

use std::io;
use std::time::Duration;

use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch, Scalar, StringArray, TimestampMicrosecondArray};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{ArrowError, DataType, Schema};
use arrow_select::filter::filter_record_batch;
use arrow_select::take::take;
use deltalake_core::arrow::compute::kernels::cmp::{gt, lt, lt_eq};
use deltalake_core::arrow::compute::{SortOptions, and, is_not_null, sort_to_indices};
use deltalake_core::datafusion::common::{Column, ScalarValue};
use deltalake_core::datafusion::logical_expr::{Expr, lit};

/// What was read, and what is.
pub struct Watermark {
    column: String,
    /// The greatest that was read; an array of one value.
    low: Option<ArrayRef>,
    /// What is not read yet begins here; with it or after it.
    high: Option<(ArrayRef, bool)>,
    /// The greatest so far.
    greatest: Option<ArrayRef>,
    nulls: u64,
    is_text: bool,
}

impl Watermark {
    /// By a column, after `state`. Of times only what is older than `lag` is read.
    pub fn new(column: &str, schema: &Schema, lag: Duration, state: Option<&str>) -> io::Result<Self> {
        let Ok(field) = schema.field_with_name(column) else {
            let known: Vec<&String> = schema.fields().iter().map(|field| field.name()).collect();
            return Err(io::Error::other(format!("there is no column `{column}` to be the watermark, but {known:?}")));
        };
        let of = field.data_type();
        let is_time = matches!(of, DataType::Timestamp(..) | DataType::Date32 | DataType::Date64);
        let is_text = matches!(of, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
        if !is_time && !is_text && !of.is_integer() && !of.is_decimal() {
            let message = format!("the watermark `{column}` is {of}\nhint: it is a time, a whole number or a text");
            return Err(io::Error::other(message));
        }
        let low = state.map(|state| as_type(&StringArray::from(vec![state]), of)).transpose();
        let low = low.map_err(|err| {
            io::Error::other(format!("it was read up to `{}`, which is no {of}: {err}\nhint: give the extract another `id`, so that it begins anew", state.unwrap_or_default()))
        })?;
        let now = chrono::Utc::now() - lag;
        let high = is_time.then(|| as_type(&TimestampMicrosecondArray::from(vec![now.timestamp_micros()]), of));
        let high = high.transpose().map_err(io::Error::other)?;
        // A day is read when it is over.
        let is_day = matches!(of, DataType::Date32 | DataType::Date64);
        Ok(Self {
            column: column.to_owned(),
            low,
            high: high.map(|high| (high, is_day)),
            greatest: None,
            nulls: 0,
            is_text,
        })
    }

    /// What a database is asked for; nothing for texts, of which every database has an order of its own, by languages and not
    /// by bytes.
    pub fn condition(&self) -> Option<Expr> {
        if self.is_text {
            return None;
        }
        let low = ScalarValue::try_from_array(self.low.as_ref()?, 0).ok()?;
        Some(Expr::Column(Column::from_name(&self.column)).gt(lit(low)))
    }

    /// Those of these rows that are new: databases may have other ideas of what is equal.
    pub fn take(&mut self, rows: &RecordBatch) -> io::Result<RecordBatch> {
        self.new_of(rows).map_err(io::Error::other)
    }

    fn new_of(&mut self, rows: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let missing = || ArrowError::SchemaError(format!("the watermark `{}` is not among the columns", self.column));
        let column = rows.column_by_name(&self.column).ok_or_else(missing)?;
        self.nulls += column.null_count() as u64;
        let mut is_new: BooleanArray = is_not_null(column)?;
        if let Some(low) = &self.low {
            is_new = and(&is_new, &gt(column, &Scalar::new(low.clone()))?)?;
        }
        if let Some((high, is_day)) = &self.high {
            let high = Scalar::new(high.clone());
            is_new = and(&is_new, &if *is_day { lt(column, &high)? } else { lt_eq(column, &high)? })?;
        }
        let rows = filter_record_batch(rows, &is_new)?;
        let column = rows.column_by_name(&self.column).ok_or_else(missing)?;
        if !column.is_empty() {
            let descending = SortOptions { descending: true, nulls_first: false };
            let greatest = take(column, &sort_to_indices(column, Some(descending), Some(1))?, None)?;
            let is_greater = match &self.greatest {
                Some(before) => gt(&greatest, &Scalar::new(before.clone()))?.value(0),
                None => true,
            };
            if is_greater {
                self.greatest = Some(greatest);
            }
        }
        Ok(rows)
    }

    /// How many rows have none, if any.
    pub fn nulls(&self) -> Option<u64> {
        Some(self.nulls).filter(|nulls| *nulls > 0)
    }

    /// The greatest that was read now; none if nothing was.
    pub fn state(&self) -> io::Result<Option<String>> {
        let Some(greatest) = &self.greatest else { return Ok(None) };
        let text = as_type(greatest, &DataType::Utf8).map_err(io::Error::other)?;
        let text = text.as_any().downcast_ref::<StringArray>().map(|text| text.value(0).to_owned());
        Ok(text)
    }
}

fn as_type(array: &dyn Array, of: &DataType) -> Result<ArrayRef, ArrowError> {
    cast_with_options(array, of, &CastOptions { safe: false, ..CastOptions::default() })
}
