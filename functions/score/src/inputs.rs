//! Columns to tensors.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray, FixedSizeListArray, PrimitiveArray, RecordBatch, make_array};
use arrow_buffer::NullBuffer;
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{DataType, Field, FieldRef, Schema};
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
    /// One for each value of a tensor's row, or one of lists of them.
    pub columns: Vec<String>,
    /// How many values of a tensor's row a column gives: 1, or all of them.
    width: usize,
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
        let inner = match &config.shape {
            Some(shape) => agreed(inner, shape).ok_or_else(|| {
                format!(
                    "{shown}, cannot have `shape` {shape:?}: that is its dimensions after the first, none of them 0"
                )
            })?,
            None => complete(inner, columns.len()).ok_or_else(|| {
                let open = "does not say how many values a row has";
                format!("{shown}, {open}; hint: {{ name = \"{}\", shape = […] }} in `inputs`", port.name)
            })?,
        };
        let values = inner.iter().try_fold(1_usize, |values, size| values.checked_mul(*size));
        let values = values.ok_or_else(|| format!("{shown}, takes more values a row than there can be"))?;
        let width = if columns.len() == 1 { values } else { 1 };
        if columns.len().checked_mul(width) != Some(values) {
            return Err(format!(
                "{shown}, takes {values} values a row, but has {} columns: {}; \
                 hint: {{ name = \"{}\", columns = [\"…\", …] }} in `inputs`, or one column of lists",
                columns.len(),
                graph::list(&columns),
                port.name
            ));
        }
        let input = Self {
            name: port.name.clone(),
            fixed: *rows,
            inner,
            datatype,
            arrow,
            columns,
            width,
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
            let datatype = if self.width == 1 { datatype } else { self.item(column, datatype)? };
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

    /// The type of the items of a column that must be of lists.
    fn item<'a>(&self, column: &str, datatype: &'a DataType) -> Result<&'a DataType, String> {
        match datatype {
            DataType::FixedSizeList(item, length) if usize::try_from(*length) == Ok(self.width) => Ok(item.data_type()),
            DataType::List(item) | DataType::LargeList(item) => Ok(item.data_type()),
            other => Err(format!(
                "column `{column}` is {other}, but the model's input `{0}` takes lists of {1} values; hint: \
                 {{ name = \"{0}\", columns = [\"…\", …] }} in `inputs` takes a column for each value",
                self.name, self.width
            )),
        }
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
        if self.takes_as_it_is(source) {
            return Ok(source.clone());
        }
        let cast = self.cast(source)?;
        let nulls = source.logical_nulls();
        let is_null = |row| nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
        for index in (0..cast.len()).filter(|index| cast.null_count() > 0 && cast.is_null(*index)) {
            let row = index / self.width;
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
        let values = match self.datatype {
            DatumType::String => cast,
            DatumType::Bool => without_null_booleans(cast, self.null == NullPolicy::Value(1.0)),
            _ => with_element!(self.datatype, T => self.without_nulls::<T>(column, &cast, bad)?, _ => cast),
        };
        if self.width == 1 {
            return Ok(values);
        }
        let (item, length) = self.list()?;
        Ok(Arc::new(FixedSizeListArray::try_new(item, length, values, None)?))
    }

    /// Whether nothing of a column has to be converted, replaced or rejected.
    fn takes_as_it_is(&self, source: &ArrayRef) -> bool {
        let has_nan = || with_element!(self.datatype, T => has_nan::<T>(source), _ => false);
        self.width == 1
            && *source.data_type() == self.arrow
            && source.null_count() == 0
            && !(self.arrow.is_floating() && self.nan != NanPolicy::Pass && has_nan())
    }

    /// The values of a column in the tensor's type, null where they do not fit.
    fn cast(&self, source: &ArrayRef) -> Result<ArrayRef, Failure> {
        let options = CastOptions { safe: true, ..CastOptions::default() };
        if self.width == 1 {
            return Ok(cast_with_options(source, &self.arrow, &options)?);
        }
        let (item, length) = self.list()?;
        let lists = cast_with_options(source, &DataType::FixedSizeList(item, length), &options)?;
        let lists = lists.as_fixed_size_list();
        let missing = lists.nulls().map(|nulls| nulls.expand(self.width));
        let nulls = NullBuffer::union(lists.values().nulls(), missing.as_ref());
        Ok(make_array(lists.values().to_data().into_builder().nulls(nulls).build()?))
    }

    /// What lists are of, and how many of it.
    fn list(&self) -> Result<(FieldRef, i32), Failure> {
        let length = i32::try_from(self.width)
            .map_err(|_| Failure::Other(format!("a list cannot have {} values", self.width)))?;
        Ok((Arc::new(Field::new_list_field(self.arrow.clone(), true)), length))
    }

    fn without_nulls<T: Element>(&self, column: &str, cast: &ArrayRef, bad: &mut BadRows) -> Result<ArrayRef, Failure> {
        let mut values = cast.as_primitive::<T::Arrow>().clone();
        // Before nulls may become NaN: those were asked for.
        if self.nan != NanPolicy::Pass {
            let stand_in = match self.nan {
                NanPolicy::Value(value) => <T as NumCast>::from(value),
                _ => None,
            };
            match stand_in {
                Some(stand_in) => values = values.unary(|value| if is_nan::<T>(&value) { stand_in } else { value }),
                None => {
                    for (index, _) in
                        values.iter().enumerate().filter(|(_, value)| value.as_ref().is_some_and(is_nan::<T>))
                    {
                        let reason = || format!("`{column}` is NaN, and the model's input `{}` takes none", self.name);
                        bad.entry(index / self.width).or_insert_with(reason);
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
        let (first, len) = (first.saturating_mul(self.width), len.saturating_mul(self.width));
        let columns: Vec<&ArrayRef> = columns
            .iter()
            .map(|column| column.as_fixed_size_list_opt().map_or(column, |lists| lists.values()))
            .collect();
        if self.datatype == DatumType::Bool {
            let column = |column: &&ArrayRef| {
                column.as_boolean().slice(first, len).iter().map(|value| value == Some(true)).collect()
            };
            let columns: Vec<Vec<bool>> = columns.iter().map(column).collect();
            return interleave(&shape, self.width, columns.iter().map(Vec::as_slice));
        }
        if self.datatype == DatumType::String {
            let column = |column: &&ArrayRef| {
                let texts = column.as_string::<i32>().slice(first, len);
                texts.iter().map(|text| text.unwrap_or_default().to_owned()).collect()
            };
            let columns: Vec<Vec<String>> = columns.iter().map(column).collect();
            let row = |row: usize| {
                let texts = |column: &'_ Vec<String>| {
                    let mut rows = column.chunks(self.width);
                    rows.nth(row).or(column.rchunks(self.width).next()).unwrap_or_default().to_vec()
                };
                columns.iter().flat_map(texts).collect::<Vec<String>>()
            };
            return tensor1(&(0..total).flat_map(row).collect::<Vec<String>>()).into_shape(&shape);
        }
        with_element!(self.datatype, T => {
            let end = first.saturating_add(len);
            let values = |column| AsArray::as_primitive::<<T as Element>::Arrow>(column).values().get(first..end);
            interleave::<T>(&shape, self.width, columns.iter().map(|column: &&ArrayRef| values(*column).unwrap_or_default()))
        }, _ => Tensor::zero_dt(self.datatype, &shape))
    }
}

/// Sizes that are as a model declares them, where it does.
fn agreed(declared: &[Option<usize>], shape: &[usize]) -> Option<Vec<usize>> {
    let agrees =
        |(declared, size): (&Option<usize>, &usize)| *size > 0 && declared.is_none_or(|declared| declared == *size);
    (declared.len() == shape.len() && declared.iter().zip(shape).all(agrees)).then(|| shape.to_vec())
}

/// The dimensions after the first: as declared, with one that may be open so that they hold `columns` values.
fn complete(inner: &[Option<usize>], columns: usize) -> Option<Vec<usize>> {
    let known: usize = inner.iter().flatten().product();
    let open = inner.iter().filter(|size| size.is_none()).count();
    let size = columns.checked_div(known)?;
    let complete = inner.iter().map(|dim| dim.unwrap_or(size)).collect();
    (known > 0 && (open == 0 || (open == 1 && size > 0))).then_some(complete)
}

/// Only a NaN is not equal to itself; this holds for every type, without a trait of its own.
fn is_nan<T: PartialOrd>(value: &T) -> bool {
    value.partial_cmp(value).is_none()
}

fn has_nan<T: Element>(column: &ArrayRef) -> bool {
    column.as_primitive::<T::Arrow>().values().iter().any(is_nan)
}

fn without_null_booleans(values: ArrayRef, fill: bool) -> ArrayRef {
    if values.null_count() == 0 {
        return values;
    }
    Arc::new(BooleanArray::from_iter(values.as_boolean().iter().map(|value| Some(value.unwrap_or(fill)))))
}

/// A tensor whose rows have one value of each column, or the `width` values of the only one.
fn interleave<'a, T: tract_onnx::prelude::Datum + Copy>(
    shape: &[usize],
    width: usize,
    columns: impl ExactSizeIterator<Item = &'a [T]>,
) -> TractResult<Tensor> {
    let stride = columns.len();
    let mut tensor = Tensor::zero_dt(T::datum_type(), shape)?;
    let mut plain = tensor.try_as_plain_ram_mut()?;
    let values = plain.as_slice_mut::<T>()?;
    for (index, column) in columns.enumerate() {
        let mut places = values.iter_mut().skip(index).step_by(stride);
        places.by_ref().zip(column).for_each(|(place, value)| *place = *value);
        let last = column.rchunks(width).next().unwrap_or_default();
        places.zip(last.iter().cycle()).for_each(|(place, value)| *place = *value);
    }
    Ok(tensor)
}
