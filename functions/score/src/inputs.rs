//! Columns to tensors.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray, PrimitiveArray, RecordBatch};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{DataType, Schema};
use tract_onnx::prelude::{DatumType, Tensor, TractResult, tensor1, tract_num_traits::NumCast};
use wasmill_sdk::{Failure, ROW};

use crate::config::{InputConfig, NanPolicy, NullPolicy};
use crate::datatype::{self, Element};
use crate::graph::{self, Port};
use crate::with_element;

/// Rows that the model does not get, each with the reason.
pub type BadRows = BTreeMap<usize, String>;

/// Which of `rows` rows are not bad.
pub fn good_rows(rows: usize, bad: &BadRows) -> BooleanArray {
    (0..rows).map(|row| Some(!bad.contains_key(&row))).collect()
}

/// One input of the model and what fills it.
#[derive(Debug, Clone)]
pub struct Input {
    /// As in the model's file.
    pub name: String,
    /// How many rows every call has; none: any number.
    pub fixed: Option<usize>,
    /// The dimensions after the first.
    pub inner: Vec<usize>,
    datatype: DatumType,
    arrow: DataType,
    /// One for each value of a tensor's row.
    pub columns: Vec<String>,
    null: NullPolicy,
    nan: NanPolicy,
}

impl Input {
    /// Fits a configuration to the input that the model declares.
    pub fn new(port: &Port, config: &InputConfig) -> Result<Self, String> {
        let declared = port.describe();
        let shown = format!("the model's input `{}`, {}", port.name, graph::spell(&declared));
        let datatype =
            port.datatype.and_then(datatype::compiled).ok_or_else(|| format!("{shown}, is not supported"))?;
        let arrow = datatype::arrow(datatype)
            .ok_or_else(|| format!("{shown}, is not supported: it must be of numbers, booleans or texts"))?;
        let columns = config.columns.clone().unwrap_or_else(|| vec![port.name.clone()]);
        let Some([rows, inner @ ..]) = port.shape.as_deref() else {
            return Err(format!("{shown}, has no dimension that counts rows"));
        };
        let inner = complete(inner, columns.len()).ok_or_else(|| {
            let values: Option<usize> = inner.iter().copied().product();
            let values = values.map_or_else(|| "another number of".to_owned(), |values| values.to_string());
            let hint = format!("hint: {{ name = \"{}\", columns = [\"…\", …] }} in `inputs`", port.name);
            format!(
                "{shown}, takes {values} values a row, but has {} columns: {}; {hint}",
                columns.len(),
                graph::list(&columns)
            )
        })?;
        let input = Self {
            name: port.name.clone(),
            fixed: *rows,
            inner,
            datatype,
            arrow,
            columns,
            null: config.null,
            nan: config.nan,
        };
        input.check_policies(&declared.datatype)?;
        Ok(input)
    }

    fn check_policies(&self, datatype: &str) -> Result<(), String> {
        let name = &self.name;
        if self.datatype == DatumType::String && !matches!(self.null, NullPolicy::Reject | NullPolicy::Refuse) {
            return Err(format!(
                "input `{name}` is of texts: `null` is \"reject\" or \"refuse\"; hint: `coalesce({name}, '…')` in a transform before"
            ));
        }
        if !self.arrow.is_floating() && (self.null == NullPolicy::Nan || matches!(self.nan, NanPolicy::Value(_))) {
            return Err(format!(
                "input `{name}` is {datatype}, which has no NaN: `null = \"nan\"` and a number for `nan` have no use"
            ));
        }
        if let NullPolicy::Value(value) = self.null {
            let fits = match self.datatype {
                DatumType::Bool => value == 0.0 || value == 1.0,
                other => {
                    with_element!(other, T => <T as NumCast>::from(value).is_some(), _ => false)
                        && (self.arrow.is_floating() || value.fract() == 0.0)
                }
            };
            if !fits {
                return Err(format!("input `{name}` is {datatype}: `null = {value}` does not fit it"));
            }
        }
        Ok(())
    }

    /// Checks that rows of this schema have the columns.
    pub fn check(&self, schema: &Schema) -> Result<(), String> {
        for column in &self.columns {
            let Ok(field) = schema.field_with_name(column) else {
                let known = schema.fields().iter().map(|field| field.name()).filter(|name| *name != ROW);
                return Err(format!(
                    "the model's input `{}` needs the column `{column}`, which is not there; known: {}",
                    self.name,
                    graph::list(known)
                ));
            };
            let datatype = match field.data_type() {
                DataType::Dictionary(_, value) => value,
                other => other,
            };
            let cut = (datatype.is_floating() || datatype.is_decimal()) && !self.arrow.is_floating();
            let is_text = matches!(datatype, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
            if self.datatype == DatumType::String {
                if is_text {
                    continue;
                }
                return Err(format!(
                    "column `{column}` is {datatype}, but the model's input `{}` takes texts; hint: \
                     `CAST({column} AS VARCHAR) AS {column}` in a transform before, spelled as the model knows it",
                    self.name
                ));
            }
            if !(datatype.is_numeric() || *datatype == DataType::Boolean) {
                return Err(format!(
                    "column `{column}` is {datatype}, but the model's input `{}` takes {}: only numbers, booleans \
                     and decimals can be cast to it",
                    self.name, self.arrow
                ));
            }
            if cut {
                return Err(format!(
                    "column `{column}` is {datatype}, but the model's input `{}` takes {}: a cast would cut it; hint: \
                     `CAST({column} AS BIGINT) AS {column}` in a transform before",
                    self.name, self.arrow
                ));
            }
        }
        Ok(())
    }

    /// The columns in the tensor's type, with no nulls but in the rows that it puts among the bad ones.
    pub fn prepare(&self, rows: &RecordBatch, bad: &mut BadRows) -> Result<Vec<ArrayRef>, Failure> {
        let prepare = |column: &String| {
            let source =
                rows.column_by_name(column).ok_or_else(|| Failure::Other(format!("column `{column}` is gone")))?;
            self.prepare_one(column, source, bad)
        };
        self.columns.iter().map(prepare).collect()
    }

    fn prepare_one(&self, column: &str, source: &ArrayRef, bad: &mut BadRows) -> Result<ArrayRef, Failure> {
        let cast = cast_with_options(source, &self.arrow, &CastOptions { safe: true, ..CastOptions::default() })?;
        let nulls = source.logical_nulls();
        let is_null = |row| nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
        for row in (0..cast.len()).filter(|row| cast.null_count() > 0 && cast.is_null(*row)) {
            let reason = match self.null {
                _ if !is_null(row) => {
                    format!("`{column}` does not fit the model's input `{}`, {}", self.name, self.arrow)
                }
                NullPolicy::Reject => {
                    format!("`{column}` is null, and the model's input `{}` takes no nulls", self.name)
                }
                NullPolicy::Refuse => {
                    let why = format!("`{column}` has nulls, and the model's input `{}` refuses them", self.name);
                    return Err(Failure::Reject(why));
                }
                NullPolicy::Nan | NullPolicy::Value(_) => continue,
            };
            bad.entry(row).or_insert(reason);
        }
        if self.datatype == DatumType::String {
            return Ok(cast);
        }
        if self.datatype == DatumType::Bool {
            let fill = self.null == NullPolicy::Value(1.0);
            return Ok(without_null_booleans(cast, fill));
        }
        with_element!(self.datatype, T => self.without_nulls::<T>(column, &cast, bad), _ => Ok(cast))
    }

    fn without_nulls<T: Element>(&self, column: &str, cast: &ArrayRef, bad: &mut BadRows) -> Result<ArrayRef, Failure> {
        let mut values = cast.as_primitive::<T::Arrow>().clone();
        // Before nulls may become NaN: those were asked for.
        if self.nan != NanPolicy::Pass {
            let stand_in = match self.nan {
                NanPolicy::Value(value) => <T as NumCast>::from(value),
                _ => None,
            };
            // Only a NaN is not equal to itself; this is one pass for every type, without its own trait.
            let is_nan = |value: &T| value.partial_cmp(value).is_none();
            match stand_in {
                Some(stand_in) => values = values.unary(|value| if is_nan(&value) { stand_in } else { value }),
                None => {
                    for (row, _) in values.iter().enumerate().filter(|(_, value)| value.as_ref().is_some_and(is_nan)) {
                        let reason = || format!("`{column}` is NaN, and the model's input `{}` takes none", self.name);
                        bad.entry(row).or_insert_with(reason);
                    }
                }
            }
        }
        if values.null_count() > 0 {
            let fill = match self.null {
                NullPolicy::Nan => <T as NumCast>::from(f64::NAN),
                NullPolicy::Value(value) => <T as NumCast>::from(value),
                _ => None,
            };
            let fill = fill.unwrap_or_default();
            values = PrimitiveArray::from_iter_values(values.iter().map(|value| value.unwrap_or(fill)));
        }
        Ok(Arc::new(values))
    }

    /// The tensor of `len` rows from `first` on, as [`Input::prepare`] gave them. If the model wants more rows
    /// than that, the last one fills it up: a row that is there already is one that the model can take.
    pub fn tensor(&self, columns: &[ArrayRef], first: usize, len: usize) -> TractResult<Tensor> {
        let total = self.fixed.unwrap_or(len).max(len);
        let shape: Vec<usize> = [total].into_iter().chain(self.inner.iter().copied()).collect();
        if self.datatype == DatumType::Bool {
            let column = |column: &ArrayRef| {
                column.as_boolean().slice(first, len).iter().map(|value| value == Some(true)).collect()
            };
            let columns: Vec<Vec<bool>> = columns.iter().map(column).collect();
            return interleave(&shape, columns.iter().map(Vec::as_slice));
        }
        if self.datatype == DatumType::String {
            let column = |column: &ArrayRef| {
                let texts = column.as_string::<i32>().slice(first, len);
                texts.iter().map(|text| text.unwrap_or_default().to_owned()).collect()
            };
            let columns: Vec<Vec<String>> = columns.iter().map(column).collect();
            let row = |row: usize| columns.iter().filter_map(move |column| column.get(row).or(column.last()).cloned());
            return tensor1(&(0..total).flat_map(row).collect::<Vec<String>>()).into_shape(&shape);
        }
        with_element!(self.datatype, T => {
            let end = first.saturating_add(len);
            let values = |column| AsArray::as_primitive::<<T as Element>::Arrow>(column).values().get(first..end);
            interleave::<T>(&shape, columns.iter().map(|column: &ArrayRef| values(column).unwrap_or_default()))
        }, _ => Tensor::zero_dt(self.datatype, &shape))
    }
}

/// The dimensions after the first so that they hold `columns` values, where one of them may be open.
fn complete(inner: &[Option<usize>], columns: usize) -> Option<Vec<usize>> {
    let known: usize = inner.iter().flatten().product();
    let open = inner.iter().filter(|size| size.is_none()).count();
    let size = columns.checked_div(known)?;
    let complete: Vec<usize> = inner.iter().map(|dim| dim.unwrap_or(size)).collect();
    (columns > 0 && open <= 1 && complete.iter().product::<usize>() == columns).then_some(complete)
}

fn without_null_booleans(values: ArrayRef, fill: bool) -> ArrayRef {
    if values.null_count() == 0 {
        return values;
    }
    Arc::new(BooleanArray::from_iter(values.as_boolean().iter().map(|value| Some(value.unwrap_or(fill)))))
}

/// A tensor whose rows have one value of each column.
fn interleave<'a, T: tract_onnx::prelude::Datum + Copy + Default>(
    shape: &[usize],
    columns: impl ExactSizeIterator<Item = &'a [T]>,
) -> TractResult<Tensor> {
    let width = columns.len();
    let mut tensor = Tensor::zero_dt(T::datum_type(), shape)?;
    let mut plain = tensor.try_as_plain_ram_mut()?;
    let values = plain.as_slice_mut::<T>()?;
    for (index, column) in columns.enumerate() {
        let mut places = values.iter_mut().skip(index).step_by(width);
        places.by_ref().zip(column).for_each(|(place, value)| *place = *value);
        let last = column.last().copied().unwrap_or_default();
        places.for_each(|place| *place = last);
    }
    Ok(tensor)
}
