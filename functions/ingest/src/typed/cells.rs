//! Values in arrays, whatever the width of their type.

use std::borrow::Cow;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Date64Type, Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType, TimestampNanosecondType,
    UInt64Type,
};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Date32Array, Decimal128Array, FixedSizeListArray, Float64Array, Int64Array,
    RecordBatch, StringArray, TimestampMicrosecondArray, UInt64Array,
};
use arrow_buffer::NullBuffer;
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{ArrowError, DataType, Schema, TimeUnit};

use crate::column::{Column, Value};
use crate::schema::Kind;

/// What values of a type of another format can become.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Class {
    Null,
    Bool,
    Number,
    Date,
    Time,
    Text,
    List(Box<Class>),
    Other,
}

impl Class {
    /// Whether a column may hold them.
    pub fn fits(&self, kind: &Kind) -> bool {
        match (self, kind) {
            (Self::List(item), Kind::List(column, _)) => item.fits(&column.kind),
            (Self::Null, _) => true,
            (_, Kind::List(..)) | (Self::Other | Self::List(_), _) => false,
            (Self::Text, _) => true,
            (Self::Bool, kind) => matches!(kind, Kind::Bool),
            (Self::Number, kind) => kind.is_number(),
            (Self::Date, kind) => matches!(kind, Kind::Date(_) | Kind::Timestamp(_)),
            (Self::Time, kind) => matches!(kind, Kind::Timestamp(_)),
        }
    }
}

/// What values of an Arrow type can become.
pub fn class(data_type: &DataType) -> Class {
    use DataType as T;
    match data_type {
        T::Null => Class::Null,
        T::Boolean => Class::Bool,
        T::Int8 | T::Int16 | T::Int32 | T::Int64 | T::UInt8 | T::UInt16 | T::UInt32 | T::UInt64 => Class::Number,
        T::Float16 | T::Float32 | T::Float64 => Class::Number,
        T::Decimal32(..) | T::Decimal64(..) | T::Decimal128(..) | T::Decimal256(..) => Class::Number,
        T::Date32 | T::Date64 => Class::Date,
        T::Timestamp(..) => Class::Time,
        T::Utf8 | T::LargeUtf8 | T::Utf8View | T::Binary | T::LargeBinary | T::BinaryView => Class::Text,
        T::Dictionary(_, values) => class(values),
        T::List(item) | T::LargeList(item) | T::FixedSizeList(item, _) => {
            Class::List(Box::new(class(item.data_type())))
        }
        _ => Class::Other,
    }
}

/// Where a column is in batches: a column of theirs, and a field in each structure on the way.
#[derive(Debug, Clone)]
pub struct Place(Vec<usize>);

impl Place {
    /// The place that a path leads to, and the type there.
    pub fn find(path: &[String], schema: &Schema) -> Option<(Self, DataType)> {
        let (mut place, mut fields, mut found) = (Vec::new(), schema.fields().clone(), None);
        for key in path {
            let (index, field) = fields.iter().enumerate().find(|(_, field)| field.name() == key)?;
            place.push(index);
            let data_type = field.data_type().clone();
            fields = match &data_type {
                DataType::Struct(fields) => fields.clone(),
                _ => arrow_schema::Fields::empty(),
            };
            found = Some(data_type);
        }
        Some((Self(place), found?))
    }

    /// The array there. What is in a structure that is null is null.
    fn array(&self, batch: &RecordBatch) -> Option<(ArrayRef, Option<NullBuffer>)> {
        let (first, rest) = self.0.split_first()?;
        let mut array = batch.columns().get(*first)?.clone();
        let mut nulls = array.logical_nulls();
        for index in rest {
            array = array.as_struct_opt()?.columns().get(*index)?.clone();
            nulls = NullBuffer::union(nulls.as_ref(), array.logical_nulls().as_ref());
        }
        Some((array, nulls))
    }
}

/// The values of a column in a batch.
pub struct Cells {
    values: Values,
    nulls: Option<NullBuffer>,
    /// Which values are there, and are none that a column could hold.
    lost: Option<NullBuffer>,
}

enum Values {
    Null,
    Bool(BooleanArray),
    Signed(Int64Array),
    Unsigned(UInt64Array),
    Float(Float64Array),
    Decimal(Decimal128Array, u8),
    Date(Date32Array),
    Time(TimestampMicrosecondArray, bool),
    Text(StringArray),
    /// Values that rows share: which each has.
    Shared(Vec<usize>, Box<Cells>),
    List(FixedSizeListArray, Box<Cells>),
    /// Lists of different lengths: where each begins and ends.
    Lists(Vec<(usize, usize)>, Box<Cells>),
}

impl Cells {
    /// The values at a place.
    pub fn of(batch: &RecordBatch, place: &Place) -> Result<Self, ArrowError> {
        let (array, nulls) =
            place.array(batch).ok_or_else(|| ArrowError::SchemaError("batches differ in their columns".to_owned()))?;
        Ok(Self { nulls, ..Self::new(&array)? })
    }

    fn new(array: &ArrayRef) -> Result<Self, ArrowError> {
        use DataType as T;
        let mut lost = None;
        let mut to = |data_type| cast(array, &data_type, &mut lost);
        let values = match array.data_type() {
            T::Null => Values::Null,
            T::Dictionary(..) => {
                let dictionary = array.as_any_dictionary();
                let keys = dictionary.normalized_keys();
                Values::Shared(keys, Box::new(Self::of_items(dictionary.values())?))
            }
            T::Boolean => Values::Bool(array.as_boolean().clone()),
            T::UInt64 => Values::Unsigned(array.as_primitive::<UInt64Type>().clone()),
            T::Int8 | T::Int16 | T::Int32 | T::Int64 | T::UInt8 | T::UInt16 | T::UInt32 => {
                Values::Signed(to(T::Int64)?.as_primitive::<Int64Type>().clone())
            }
            T::Float16 | T::Float32 | T::Float64 => {
                Values::Float(to(T::Float64)?.as_primitive::<Float64Type>().clone())
            }
            T::Decimal32(_, scale) | T::Decimal64(_, scale) | T::Decimal128(_, scale) | T::Decimal256(_, scale) => {
                let scale = (*scale).max(0);
                let decimals = to(T::Decimal128(38, scale))?;
                Values::Decimal(decimals.as_primitive::<Decimal128Type>().clone(), scale.unsigned_abs())
            }
            T::Date32 => Values::Date(array.as_primitive::<Date32Type>().clone()),
            // Casts go towards zero; a part of a day, or of a microsecond, is of the one before.
            T::Date64 => {
                let days = |millis: i64| i32::try_from(millis.div_euclid(86_400_000)).unwrap_or(i32::MAX);
                Values::Date(array.as_primitive::<Date64Type>().unary(days))
            }
            T::Timestamp(TimeUnit::Nanosecond, zone) => {
                let nanos = array.as_primitive::<TimestampNanosecondType>();
                Values::Time(nanos.unary(|nanos| nanos.div_euclid(1_000)), zone.is_some())
            }
            T::Timestamp(_, zone) => {
                let times = to(T::Timestamp(TimeUnit::Microsecond, zone.clone()))?;
                Values::Time(times.as_primitive::<TimestampMicrosecondType>().clone(), zone.is_some())
            }
            T::FixedSizeList(..) => {
                let lists = array.as_fixed_size_list();
                Values::List(lists.clone(), Box::new(Self::of_items(lists.values())?))
            }
            T::List(_) => {
                let lists = array.as_list::<i32>();
                let bounds = lists.offsets().windows(2).map(|pair| match pair {
                    [start, end] => (usize::try_from(*start).unwrap_or(0), usize::try_from(*end).unwrap_or(0)),
                    _ => (0, 0),
                });
                Values::Lists(bounds.collect(), Box::new(Self::of_items(lists.values())?))
            }
            T::LargeList(item) => return Self::new(&to(T::List(item.clone()))?),
            _ => Values::Text(to(T::Utf8)?.as_string::<i32>().clone()),
        };
        Ok(Self { values, nulls: None, lost })
    }

    fn of_items(items: &ArrayRef) -> Result<Self, ArrowError> {
        Ok(Self { nulls: items.logical_nulls(), ..Self::new(items)? })
    }

    /// Adds the value of a row to a column.
    pub fn append(&self, row: usize, column: &mut Column) -> Result<(), String> {
        match (self.items(row), self.is_null(row)) {
            (Some((start, end, items)), false) => column.append_list((start..end).map(|item| items.value(item))),
            _ => column.append_value(&self.value(row)),
        }
    }

    /// A value as JSON.
    pub fn show(&self, row: usize) -> String {
        match (self.items(row), self.is_null(row)) {
            (Some((start, end, items)), false) => {
                format!("[{}]", (start..end).map(|item| items.show(item)).collect::<Vec<_>>().join(","))
            }
            _ => self.value(row).to_json(),
        }
    }

    /// About how many bytes a value takes in a column.
    pub fn len(&self, row: usize) -> usize {
        match &self.values {
            Values::Text(texts) => texts.value(row).len() + 4,
            Values::Shared(keys, values) if !self.is_null(row) => keys.get(row).map_or(0, |key| values.len(*key)),
            _ => self.items(row).map_or(8, |(start, end, _)| 8 * end.saturating_sub(start)),
        }
    }

    fn is_null(&self, row: usize) -> bool {
        matches!(self.values, Values::Null) || self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row))
    }

    /// The items of the list of a row, if there are lists: from where to where.
    fn items(&self, row: usize) -> Option<(usize, usize, &Self)> {
        match &self.values {
            Values::List(lists, items) => {
                let start = usize::try_from(lists.value_offset(row)).unwrap_or(0);
                Some((start, start + usize::try_from(lists.value_length()).unwrap_or(0), items))
            }
            Values::Lists(bounds, items) => bounds.get(row).map(|(start, end)| (*start, *end, items.as_ref())),
            _ => None,
        }
    }

    fn value(&self, row: usize) -> Value<'_> {
        if self.is_null(row) {
            return Value::Null;
        }
        if self.lost.as_ref().is_some_and(|kept| kept.is_null(row)) {
            return Value::Other("a value that is not text, or out of bounds");
        }
        match &self.values {
            Values::Null => Value::Null,
            Values::Bool(values) => Value::Bool(values.value(row)),
            Values::Signed(values) => Value::Integer(values.value(row).into()),
            Values::Unsigned(values) => Value::Integer(values.value(row).into()),
            Values::Float(values) => Value::Float(values.value(row)),
            Values::Decimal(values, scale) => Value::Decimal(values.value(row), *scale),
            Values::Date(values) => Value::Date(values.value(row)),
            Values::Time(values, is_utc) => Value::Time { micros: values.value(row), is_utc: *is_utc },
            Values::Text(values) => Value::Text(Cow::Borrowed(values.value(row))),
            Values::Shared(keys, values) => keys.get(row).map_or(Value::Null, |key| values.value(*key)),
            Values::List(..) | Values::Lists(..) => Value::Other("a list"),
        }
    }
}

/// A cast. What it cannot cast is null then, and null in `kept`.
fn cast(array: &ArrayRef, data_type: &DataType, kept: &mut Option<NullBuffer>) -> Result<ArrayRef, ArrowError> {
    let options = CastOptions { safe: true, ..CastOptions::default() };
    let cast = cast_with_options(array, data_type, &options)?;
    if cast.null_count() > array.logical_null_count() {
        let was_null = array.logical_nulls();
        let is_kept =
            (0..array.len()).map(|row| cast.is_valid(row) || was_null.as_ref().is_some_and(|n| n.is_null(row)));
        *kept = Some(is_kept.collect::<Vec<bool>>().into());
    }
    Ok(cast)
}
