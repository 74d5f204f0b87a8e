//! Tensors to columns.

use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, FixedSizeListArray, PrimitiveArray, StringArray};
use arrow_buffer::ScalarBuffer;
use arrow_schema::{DataType, Field};
use tract_onnx::prelude::{Datum, DatumType, Tensor, TractResult};
use wasmill_sdk::Failure;

use crate::config::OutputConfig;
use crate::datatype::{self, Element};
use crate::model::Compiled;
use crate::with_element;

/// One output of the model and the column that it becomes.
#[derive(Debug, Clone)]
pub struct Output {
    /// As in the model's file.
    pub name: String,
    /// The column's name.
    pub column: String,
    datatype: DatumType,
    arrow: DataType,
    width: usize,
    index: Option<usize>,
}

impl Output {
    /// Fits a configuration to an output of the compiled model.
    pub fn new(config: &OutputConfig, compiled: Compiled) -> Result<Self, String> {
        let name = &config.name;
        // Sizes of tensors have a type of their own in the compiled model.
        let datatype = if compiled.datatype == DatumType::TDim { DatumType::I64 } else { compiled.datatype };
        let arrow = datatype::arrow(datatype).ok_or_else(|| {
            format!(
                "the model's output `{name}` is {datatype:?}, which is not supported; hint: list the outputs to use in \
                 `outputs`"
            )
        })?;
        if let Some(index) = config.index.filter(|index| *index >= compiled.width) {
            return Err(format!(
                "the model's output `{name}` has {} values a row, so `index` is at most {}, not {index}",
                compiled.width,
                compiled.width.saturating_sub(1)
            ));
        }
        let column = config.column.clone().unwrap_or_else(|| name.clone());
        Ok(Self { name: name.clone(), column, datatype, arrow, width: compiled.width, index: config.index })
    }

    /// The column's field.
    pub fn field(&self) -> Field {
        Field::new(&self.column, self.data_type(), false)
    }

    fn data_type(&self) -> DataType {
        match i32::try_from(self.width) {
            Ok(width) if self.is_list() => DataType::FixedSizeList(self.item(), width),
            _ => self.arrow.clone(),
        }
    }

    fn is_list(&self) -> bool {
        self.index.is_none() && self.width != 1
    }

    fn item(&self) -> Arc<Field> {
        Arc::new(Field::new_list_field(self.arrow.clone(), false))
    }

    /// Starts a column of about this many rows.
    pub fn collect(&self, rows: usize) -> Box<dyn Collect> {
        let width = if self.is_list() { self.width } else { 1 };
        let picked =
            Picked { stride: self.width.max(1), index: if self.is_list() { None } else { self.index.or(Some(0)) } };
        let capacity = rows.saturating_mul(width);
        if self.datatype == DatumType::Bool {
            return Box::new(Booleans(Values { picked, values: Vec::with_capacity(capacity) }));
        }
        if self.datatype == DatumType::String {
            return Box::new(Texts(Values { picked, values: Vec::with_capacity(capacity) }));
        }
        with_element!(self.datatype,
            T => Box::new(Numbers(Values::<T> { picked, values: Vec::with_capacity(capacity) })),
            _ => Box::new(Booleans(Values { picked, values: Vec::new() })))
    }

    /// The column of what was collected.
    pub fn finish(&self, values: Box<dyn Collect>) -> Result<ArrayRef, Failure> {
        let values = values.finish();
        match self.data_type() {
            DataType::FixedSizeList(item, width) => {
                Ok(Arc::new(FixedSizeListArray::try_new(item, width, values, None)?))
            }
            _ => Ok(values),
        }
    }
}

/// Collects the values of one output, call by call.
pub trait Collect {
    /// Takes the first `rows` rows of a tensor.
    fn push(&mut self, tensor: &Tensor, rows: usize) -> TractResult<()>;
    /// The values as an array.
    fn finish(self: Box<Self>) -> ArrayRef;
}

/// Which values of a row are taken: one or all.
struct Picked {
    stride: usize,
    index: Option<usize>,
}

struct Values<T> {
    picked: Picked,
    values: Vec<T>,
}

impl<T: Datum + Clone> Values<T> {
    fn push(&mut self, tensor: &Tensor, rows: usize) -> TractResult<()> {
        let tensor = tensor.cast_to::<T>()?;
        let plain = tensor.try_as_plain_ram()?;
        let values = plain.as_slice::<T>()?.iter().take(rows.saturating_mul(self.picked.stride));
        match self.picked.index {
            None => self.values.extend(values.cloned()),
            Some(index) => self.values.extend(values.skip(index).step_by(self.picked.stride).cloned()),
        }
        Ok(())
    }
}

struct Numbers<T>(Values<T>);

impl<T: Element> Collect for Numbers<T> {
    fn push(&mut self, tensor: &Tensor, rows: usize) -> TractResult<()> {
        self.0.push(tensor, rows)
    }

    fn finish(self: Box<Self>) -> ArrayRef {
        Arc::new(PrimitiveArray::<T::Arrow>::new(ScalarBuffer::from(self.0.values), None))
    }
}

struct Texts(Values<String>);

impl Collect for Texts {
    fn push(&mut self, tensor: &Tensor, rows: usize) -> TractResult<()> {
        self.0.push(tensor, rows)
    }

    fn finish(self: Box<Self>) -> ArrayRef {
        Arc::new(StringArray::from(self.0.values))
    }
}

struct Booleans(Values<bool>);

impl Collect for Booleans {
    fn push(&mut self, tensor: &Tensor, rows: usize) -> TractResult<()> {
        self.0.push(tensor, rows)
    }

    fn finish(self: Box<Self>) -> ArrayRef {
        Arc::new(BooleanArray::from(self.0.values))
    }
}
