//! What can be published, and how a batch's columns are written.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type,
    Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef};
use arrow_buffer::{BooleanBuffer, NullBuffer};
use arrow_cast::cast;
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use wasmill_sdk::{Failure, ROW};

use crate::encode::{self, Encode};

/// A column of a batch, ready to be written.
pub struct Column {
    nulls: Option<NullBuffer>,
    values: Box<dyn Encode>,
}

impl Column {
    /// Prepares a column; its floats get this many decimal digits.
    pub fn new(array: &ArrayRef, round: Option<u8>) -> Result<Self, Failure> {
        Ok(Self { nulls: nulls(array)?, values: encoder(array, round)? })
    }

    /// Whether the row has no value.
    pub fn is_null(&self, row: usize) -> bool {
        self.nulls.as_ref().is_some_and(|nulls| row < nulls.len() && nulls.is_null(row))
    }

    /// Writes the row's value as JSON.
    pub fn write(&self, row: usize, out: &mut Vec<u8>) {
        if self.is_null(row) { out.extend_from_slice(b"null") } else { self.values.write(row, out) }
    }

    /// Writes the row's value as text.
    pub fn text(&self, row: usize, out: &mut Vec<u8>) {
        self.values.text(row, out);
    }
}

/// The nulls of an array, with the floats that JSON cannot say.
fn nulls(array: &ArrayRef) -> Result<Option<NullBuffer>, Failure> {
    fn finite<T: ArrowPrimitiveType>(array: &ArrayRef, finite: impl Fn(T::Native) -> bool) -> Option<NullBuffer> {
        let values = array.as_primitive::<T>().values();
        if values.iter().all(|value| finite(*value)) {
            return None;
        }
        Some(NullBuffer::new(BooleanBuffer::from_iter(values.iter().map(|value| finite(*value)))))
    }
    let finite = match array.data_type() {
        DataType::Float16 => finite::<Float16Type>(array, |value| value.is_finite()),
        DataType::Float32 => finite::<Float32Type>(array, f32::is_finite),
        DataType::Float64 => finite::<Float64Type>(array, f64::is_finite),
        DataType::Dictionary(_, value) if value.is_floating() => return nulls(&cast(array, value)?),
        _ => None,
    };
    Ok(NullBuffer::union(array.logical_nulls().as_ref(), finite.as_ref()))
}

fn encoder(array: &ArrayRef, round: Option<u8>) -> Result<Box<dyn Encode>, Failure> {
    let child = |array: &ArrayRef| Column::new(array, round);
    let lengths = |width: usize| (0..=array.len()).map(|row| row.saturating_mul(width)).collect();
    Ok(match array.data_type() {
        DataType::Null => Box::new(encode::Nothing),
        DataType::Boolean => Box::new(encode::Booleans(array.as_boolean().clone())),
        DataType::Int8 => Box::new(encode::Numbers(array.as_primitive::<Int8Type>().clone())),
        DataType::Int16 => Box::new(encode::Numbers(array.as_primitive::<Int16Type>().clone())),
        DataType::Int32 => Box::new(encode::Numbers(array.as_primitive::<Int32Type>().clone())),
        DataType::Int64 => Box::new(encode::Numbers(array.as_primitive::<Int64Type>().clone())),
        DataType::UInt8 => Box::new(encode::Numbers(array.as_primitive::<UInt8Type>().clone())),
        DataType::UInt16 => Box::new(encode::Numbers(array.as_primitive::<UInt16Type>().clone())),
        DataType::UInt32 => Box::new(encode::Numbers(array.as_primitive::<UInt32Type>().clone())),
        DataType::UInt64 => Box::new(encode::Numbers(array.as_primitive::<UInt64Type>().clone())),
        DataType::Float16 => return encoder(&cast(array, &DataType::Float32)?, round),
        DataType::Float32 => match round {
            Some(digits) => Box::new(encode::Rounded(array.as_primitive::<Float32Type>().clone(), digits)),
            None => Box::new(encode::Numbers(array.as_primitive::<Float32Type>().clone())),
        },
        DataType::Float64 => match round {
            Some(digits) => Box::new(encode::Rounded(array.as_primitive::<Float64Type>().clone(), digits)),
            None => Box::new(encode::Numbers(array.as_primitive::<Float64Type>().clone())),
        },
        DataType::Decimal32(..) => Box::new(encode::Decimals(array.as_primitive::<Decimal32Type>().clone())),
        DataType::Decimal64(..) => Box::new(encode::Decimals(array.as_primitive::<Decimal64Type>().clone())),
        DataType::Decimal128(..) => Box::new(encode::Decimals(array.as_primitive::<Decimal128Type>().clone())),
        DataType::Decimal256(..) => Box::new(encode::Decimals(array.as_primitive::<Decimal256Type>().clone())),
        DataType::Utf8 => Box::new(encode::Text(array.as_string::<i32>().clone())),
        DataType::LargeUtf8 => Box::new(encode::Text(array.as_string::<i64>().clone())),
        DataType::Utf8View => Box::new(encode::Text(array.as_string_view().clone())),
        DataType::Date32 => Box::new(encode::Dates(array.as_primitive::<Date32Type>().clone())),
        DataType::Date64 => Box::new(encode::DatesInMillis(array.as_primitive::<Date64Type>().clone())),
        DataType::Timestamp(unit, _) => {
            let parts = match unit {
                TimeUnit::Second => 1,
                TimeUnit::Millisecond => 1_000,
                TimeUnit::Microsecond => 1_000_000,
                TimeUnit::Nanosecond => 1_000_000_000,
            };
            Box::new(encode::Timestamps(cast(array, &DataType::Int64)?.as_primitive::<Int64Type>().clone(), parts))
        }
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            Box::new(encode::Lookup(dictionary.normalized_keys(), child(dictionary.values())?))
        }
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            let offsets = list.value_offsets().iter().map(|offset| usize::try_from(*offset).unwrap_or(0)).collect();
            Box::new(encode::Lists { offsets, items: child(list.values())? })
        }
        DataType::LargeList(_) => {
            let list = array.as_list::<i64>();
            let offsets = list.value_offsets().iter().map(|offset| usize::try_from(*offset).unwrap_or(0)).collect();
            Box::new(encode::Lists { offsets, items: child(list.values())? })
        }
        DataType::FixedSizeList(_, width) => {
            let offsets = lengths(usize::try_from(*width).unwrap_or(0));
            Box::new(encode::Lists { offsets, items: child(array.as_fixed_size_list().values())? })
        }
        DataType::Map(..) => {
            let maps = array.as_map();
            let offsets = maps.value_offsets().iter().map(|offset| usize::try_from(*offset).unwrap_or(0)).collect();
            let names = cast(maps.keys(), &DataType::Utf8)?.as_string::<i32>().clone();
            Box::new(encode::Maps { offsets, names, values: child(maps.values())? })
        }
        DataType::Struct(fields) => {
            let values = array.as_struct();
            let members = fields.iter().zip(values.columns());
            let members = members.map(|(field, column)| Ok((encode::key(field.name()), child(column)?)));
            Box::new(encode::Structs(members.collect::<Result<_, Failure>>()?))
        }
        other => return Err(Failure::Other(format!("{other} cannot be published"))),
    })
}

/// The column that something in the configuration names.
pub fn find<'a>(schema: &'a Schema, name: &str, what: &str) -> Result<&'a Field, String> {
    schema.field_with_name(name).map_err(|_| {
        let names = schema.fields().iter().map(|field| field.name()).filter(|name| *name != ROW);
        let known: Vec<String> = names.map(|name| format!("`{name}`")).collect();
        format!("{what} names the column `{name}`, which is not there; known: {}", known.join(", "))
    })
}

/// Checks that a type can be published; otherwise what to do.
pub fn check(datatype: &DataType) -> Result<(), String> {
    match datatype {
        DataType::Dictionary(_, value) => check(value),
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => check(item.data_type()),
        DataType::Struct(fields) => fields.iter().try_for_each(|field| check(field.data_type())),
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) => match fields.as_ref() {
                [name, value] if name.data_type().is_string() => check(value.data_type()),
                _ => Err("the names of a JSON object are texts".into()),
            },
            _ => Err("it is a map of nothing".into()),
        },
        DataType::Null | DataType::Boolean => Ok(()),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Ok(()),
        DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) => Ok(()),
        numeric if numeric.is_numeric() => Ok(()),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            Err("JSON has no bytes; hint: `encode(…, 'base64')` in a transform before".into())
        }
        _ => Err("JSON has no such type; hint: `CAST(… AS VARCHAR)` in a transform before".into()),
    }
}

/// Checks that a type has a text that an id can have in it.
pub fn check_text(datatype: &DataType) -> Result<(), String> {
    match datatype {
        DataType::Dictionary(_, value) => check_text(value),
        floating if floating.is_floating() => {
            Err("the text of a float is no name; hint: `CAST(… AS BIGINT)` in a transform before".into())
        }
        nested if nested.is_nested() => Err("it has no text".into()),
        other => check(other),
    }
}

/// Whether there are floats in a type.
pub fn has_floats(datatype: &DataType) -> bool {
    match datatype {
        DataType::Dictionary(_, value) => has_floats(value),
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            has_floats(item.data_type())
        }
        DataType::Struct(fields) => fields.iter().any(|field| has_floats(field.data_type())),
        DataType::Map(entries, _) => has_floats(entries.data_type()),
        other => other.is_floating(),
    }
}
