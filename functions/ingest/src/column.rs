//! A column that grows value by value, and takes back what it got when its row is rejected.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{ArrayRef, ArrowPrimitiveType, BooleanArray, FixedSizeListArray, PrimitiveArray, StringArray};
use arrow_buffer::{BooleanBufferBuilder, Buffer, NullBuffer, NullBufferBuilder, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType};
use chrono::DateTime;
use serde_json::value::RawValue;

use crate::number::{Excess, boolean, decimal, float, integer};
use crate::reason::{Problem, reason};
use crate::schema::{ColumnPlan, Kind, MOST_DEPTH};
use crate::time::{DAYS, date};

/// A column of a batch being read.
pub struct Column {
    plan: ColumnPlan,
    values: Values,
    validity: NullBufferBuilder,
}

/// Values so far; zeros where the column is null.
enum Values {
    Bool(BooleanBufferBuilder),
    Int8(Vec<i8>),
    Int16(Vec<i16>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Uint8(Vec<u8>),
    Uint16(Vec<u16>),
    Uint32(Vec<u32>),
    Uint64(Vec<u64>),
    Float32(Vec<f32>),
    Float64(Vec<f64>),
    Decimal(Vec<i128>),
    Date(Vec<i32>),
    Timestamp(Vec<i64>),
    /// Where each text ends, and the texts.
    Utf8(Vec<i32>, Vec<u8>),
    /// The items of all lists, and how many a list has.
    List(Box<Column>, usize),
}

/// Does the same with whichever values there are: `bool`, `utf8`, lists, or a vector of numbers.
macro_rules! each {
    ($values:expr, $bits:ident => $bool:expr, $ends:ident, $text:ident => $utf8:expr,
     $items:ident, $length:ident => $list:expr, $vec:ident => $number:expr) => {
        match $values {
            Values::Bool($bits) => $bool,
            Values::Utf8($ends, $text) => $utf8,
            Values::List($items, $length) => $list,
            Values::Int8($vec) => $number,
            Values::Int16($vec) => $number,
            Values::Int32($vec) => $number,
            Values::Int64($vec) => $number,
            Values::Uint8($vec) => $number,
            Values::Uint16($vec) => $number,
            Values::Uint32($vec) => $number,
            Values::Uint64($vec) => $number,
            Values::Float32($vec) => $number,
            Values::Float64($vec) => $number,
            Values::Decimal($vec) => $number,
            Values::Date($vec) => $number,
            Values::Timestamp($vec) => $number,
        }
    };
}

impl Column {
    /// An empty column.
    pub fn new(plan: ColumnPlan) -> Self {
        let values = Values::new(&plan.kind);
        Self { plan, values, validity: NullBufferBuilder::new(0) }
    }

    /// What it is made of.
    pub fn plan(&self) -> &ColumnPlan {
        &self.plan
    }

    /// Adds a value from text; on an error, which is the reason, nothing.
    pub fn append_text(&mut self, text: &[u8]) -> Result<(), String> {
        if self.is_null(text) {
            return self.append_null();
        }
        self.append(text).map_err(|problem| reason(&self.plan, problem, &String::from_utf8_lossy(text)))
    }

    /// Adds a value from JSON; on an error, which is the reason, nothing.
    pub fn append_json(&mut self, json: &str) -> Result<(), String> {
        let outcome = match json.as_bytes() {
            b"null" => return self.append_null(),
            bytes if matches!(self.plan.kind, Kind::Json) => self.append(bytes),
            [b'"', ..] => match serde_json::from_str::<Text<'_>>(json) {
                Ok(Text(text)) if self.is_null(text.as_bytes()) => return self.append_null(),
                Ok(Text(text)) if self.takes_string() => self.append(text.as_bytes()),
                _ => Err(Problem::Malformed),
            },
            [b'-' | b'0'..=b'9', ..] if self.plan.kind.is_number() => self.append(json.as_bytes()),
            b"true" | b"false" if matches!(self.plan.kind, Kind::Bool) => self.append(json.as_bytes()),
            [b'[', ..] if matches!(self.plan.kind, Kind::List(..)) => self.append(json.as_bytes()),
            _ => Err(Problem::Malformed),
        };
        outcome.map_err(|problem| reason(&self.plan, problem, json))
    }

    /// Adds a value of a format with types; on an error, which is the reason, nothing. Text is read like a field of
    /// separated values, numbers become whatever number holds them exactly (or a float, rounded).
    pub fn append_value(&mut self, value: &Value<'_>) -> Result<(), String> {
        let outcome = match (&mut self.values, &self.plan.kind, value) {
            (_, _, Value::Null) => return self.append_null(),
            (_, Kind::List(..), _) => Err(Problem::Malformed),
            (_, _, Value::Text(text)) => return self.append_text(text.as_bytes()),
            (Values::Bool(bits), _, Value::Bool(value)) => {
                bits.append(*value);
                Ok(())
            }
            (Values::Int32(values), _, Value::Integer(value)) => push(values, (*value).try_into().ok()),
            (Values::Int64(values), _, Value::Integer(value)) => push(values, (*value).try_into().ok()),
            (Values::Float32(values), _, Value::Float(value)) => {
                let single = *value as f32;
                push(values, Some(single).filter(|single| single.is_finite() || !value.is_finite()))
            }
            (Values::Float64(values), _, Value::Float(value)) => push(values, Some(*value)),
            (Values::Date(values), _, Value::Date(days)) => {
                push(values, Some(*days).filter(|days| DAYS.contains(days)))
            }
            (Values::Timestamp(values), Kind::Timestamp(format), Value::Time { micros, is_utc }) => {
                let offset = is_utc.then_some(0);
                format.instant(*micros, offset).map_err(Problem::from).map(|micros| values.push(micros))
            }
            (Values::Timestamp(values), Kind::Timestamp(format), Value::Date(days)) if DAYS.contains(days) => {
                let midnight = i64::from(*days) * 86_400_000_000;
                format.instant(midnight, None).map_err(Problem::from).map(|micros| values.push(micros))
            }
            // The other numbers go the way of numbers in text.
            (_, kind, Value::Integer(_) | Value::Float(_) | Value::Decimal(..)) if kind.is_number() => {
                let text = value.to_string();
                return self.append(text.as_bytes()).map_err(|problem| reason(&self.plan, problem, &text));
            }
            _ => Err(Problem::Malformed),
        };
        match outcome {
            Ok(()) => self.validity.append_non_null(),
            Err(problem) => return Err(reason(&self.plan, problem, &value.to_string())),
        }
        Ok(())
    }

    /// Adds a list of values, like [`Column::append_value`].
    pub fn append_list<'a>(&mut self, values: impl ExactSizeIterator<Item = Value<'a>>) -> Result<(), String> {
        let len = self.validity.len();
        let Values::List(items, length) = &mut self.values else {
            return Err(reason(&self.plan, Problem::Malformed, "[…]"));
        };
        if values.len() != *length {
            return Err(reason(&self.plan, Problem::Malformed, &format!("a list of {}", values.len())));
        }
        for value in values {
            if let Err(reason) = items.append_value(&value) {
                items.truncate(len.saturating_mul(*length));
                return Err(reason);
            }
        }
        self.validity.append_non_null();
        Ok(())
    }

    /// Adds a null, unless the column takes none.
    pub fn append_null(&mut self) -> Result<(), String> {
        if !self.plan.nullable {
            return Err(reason(&self.plan, Problem::Null, ""));
        }
        self.append_nothing();
        Ok(())
    }

    /// Adds what stands where the column is null.
    fn append_nothing(&mut self) {
        each!(&mut self.values,
            bits => bits.append(false),
            ends, text => ends.push(end(text)),
            items, length => (0..*length).for_each(|_| items.append_nothing()),
            numbers => numbers.push(Default::default()));
        self.validity.append_null();
    }

    /// Takes back all but the first `len` values.
    pub fn truncate(&mut self, len: usize) {
        each!(&mut self.values,
            bits => bits.truncate(len),
            ends, text => {
                ends.truncate(len + 1);
                text.truncate(ends.last().map_or(0, |end| usize::try_from(*end).unwrap_or(0)));
            },
            items, length => items.truncate(len.saturating_mul(*length)),
            numbers => numbers.truncate(len));
        self.validity.truncate(len);
    }

    /// The values as an array; the column is empty then.
    pub fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let nulls = self.validity.finish();
        let data_type = self.plan.kind.data_type();
        match std::mem::replace(&mut self.values, Values::new(&self.plan.kind)) {
            Values::Bool(bits) => Ok(Arc::new(BooleanArray::new(bits.build(), nulls))),
            Values::Int8(values) => array::<Int8Type>(values, nulls, data_type),
            Values::Int16(values) => array::<Int16Type>(values, nulls, data_type),
            Values::Int32(values) => array::<Int32Type>(values, nulls, data_type),
            Values::Int64(values) => array::<Int64Type>(values, nulls, data_type),
            Values::Uint8(values) => array::<UInt8Type>(values, nulls, data_type),
            Values::Uint16(values) => array::<UInt16Type>(values, nulls, data_type),
            Values::Uint32(values) => array::<UInt32Type>(values, nulls, data_type),
            Values::Uint64(values) => array::<UInt64Type>(values, nulls, data_type),
            Values::Float32(values) => array::<Float32Type>(values, nulls, data_type),
            Values::Float64(values) => array::<Float64Type>(values, nulls, data_type),
            Values::Decimal(values) => array::<Decimal128Type>(values, nulls, data_type),
            Values::Date(values) => array::<Date32Type>(values, nulls, data_type),
            Values::Timestamp(values) => array::<TimestampMicrosecondType>(values, nulls, data_type),
            Values::Utf8(ends, text) => {
                let offsets = OffsetBuffer::new(ScalarBuffer::from(ends));
                Ok(Arc::new(StringArray::try_new(offsets, Buffer::from_vec(text), nulls)?))
            }
            Values::List(mut items, _) => match data_type {
                DataType::FixedSizeList(item, length) => {
                    Ok(Arc::new(FixedSizeListArray::try_new(item, length, items.finish()?, nulls)?))
                }
                other => Err(ArrowError::SchemaError(format!("lists are not {other}"))),
            },
        }
    }

    fn is_null(&self, text: &[u8]) -> bool {
        self.plan.nulls.iter().any(|null| null.as_bytes() == text)
    }

    fn takes_string(&self) -> bool {
        !self.plan.kind.is_number() && !matches!(self.plan.kind, Kind::Bool | Kind::List(..))
    }

    /// Adds a value that is not null.
    #[inline]
    fn append(&mut self, text: &[u8]) -> Result<(), Problem> {
        match (&mut self.values, &self.plan.kind) {
            (Values::Bool(bits), _) => bits.append(boolean(text).ok_or(Problem::Malformed)?),
            (Values::Int8(values), _) => push(values, integer(text))?,
            (Values::Int16(values), _) => push(values, integer(text))?,
            (Values::Int32(values), _) => push(values, integer(text))?,
            (Values::Int64(values), _) => push(values, integer(text))?,
            (Values::Uint8(values), _) => push(values, integer(text))?,
            (Values::Uint16(values), _) => push(values, integer(text))?,
            (Values::Uint32(values), _) => push(values, integer(text))?,
            (Values::Uint64(values), _) => push(values, integer(text))?,
            (Values::Float32(values), _) => push(values, float(text))?,
            (Values::Float64(values), _) => push(values, float(text))?,
            (Values::Decimal(values), Kind::Decimal(precision, scale)) => {
                let limit = 10_u128.pow(u32::from(*precision));
                push(values, decimal(text, *scale, Excess::Refuse).filter(|value| value.unsigned_abs() < limit))?;
            }
            (Values::Date(values), Kind::Date(layout)) => push(values, date(text, layout))?,
            (Values::Timestamp(values), Kind::Timestamp(format)) => values.push(format.parse(text)?),
            (Values::Utf8(ends, all), kind) => {
                if matches!(kind, Kind::Json) && !is_json(text) {
                    return Err(Problem::Malformed);
                }
                str::from_utf8(text).map_err(|_| Problem::NotUtf8)?;
                if memchr::memchr(0, text).is_some() {
                    return Err(Problem::Nul);
                }
                all.extend_from_slice(text);
                ends.push(end(all));
            }
            (Values::List(items, length), _) => append_list(items, *length, self.validity.len(), text)?,
            // `Values::new` makes no other pair.
            _ => return Err(Problem::Malformed),
        }
        self.validity.append_non_null();
        Ok(())
    }
}

impl Values {
    fn new(kind: &Kind) -> Self {
        match kind {
            Kind::Bool => Self::Bool(BooleanBufferBuilder::new(0)),
            Kind::Int8 => Self::Int8(Vec::new()),
            Kind::Int16 => Self::Int16(Vec::new()),
            Kind::Int32 => Self::Int32(Vec::new()),
            Kind::Int64 => Self::Int64(Vec::new()),
            Kind::Uint8 => Self::Uint8(Vec::new()),
            Kind::Uint16 => Self::Uint16(Vec::new()),
            Kind::Uint32 => Self::Uint32(Vec::new()),
            Kind::Uint64 => Self::Uint64(Vec::new()),
            Kind::Float32 => Self::Float32(Vec::new()),
            Kind::Float64 => Self::Float64(Vec::new()),
            Kind::Decimal(..) => Self::Decimal(Vec::new()),
            Kind::Date(_) => Self::Date(Vec::new()),
            Kind::Timestamp(_) => Self::Timestamp(Vec::new()),
            Kind::Utf8 | Kind::Json => Self::Utf8(vec![0], Vec::new()),
            Kind::List(item, length) => {
                Self::List(Box::new(Column::new(item.as_ref().clone())), usize::try_from(*length).unwrap_or(0))
            }
        }
    }
}

/// A JSON string, borrowed if nothing in it is escaped.
#[derive(serde::Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// A value as a format with types has it.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// None.
    Null,
    /// Of any of the types.
    Bool(bool),
    /// Of any length.
    Integer(i128),
    /// Of either precision.
    Float(f64),
    /// Digits, and how many of them follow the point.
    Decimal(i128, u8),
    /// In days since 1970-01-01.
    Date(i32),
    /// In microseconds since 1970-01-01T00:00:00, in UTC or on clocks of the column's zone.
    Time {
        /// How many.
        micros: i64,
        /// Whether in UTC.
        is_utc: bool,
    },
    /// In UTF-8.
    Text(Cow<'a, str>),
    /// Of a type that no column has: what it is.
    Other(&'static str),
}

impl Value<'_> {
    /// The value in JSON.
    pub fn to_json(&self) -> String {
        match self {
            Self::Null | Self::Bool(_) | Self::Integer(_) | Self::Decimal(..) => self.to_string(),
            Self::Float(value) if value.is_finite() => value.to_string(),
            other => serde_json::Value::from(other.to_string()).to_string(),
        }
    }
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Float(value) => write!(f, "{value}"),
            Self::Decimal(digits, scale) => {
                let (sign, scale) = (if *digits < 0 { "-" } else { "" }, usize::from(*scale));
                let digits = format!("{:0>1$}", digits.unsigned_abs(), scale + 1);
                let (whole, fraction) = digits.split_at(digits.len() - scale);
                write!(f, "{sign}{whole}{}{fraction}", if scale > 0 { "." } else { "" })
            }
            Self::Date(days) => match DateTime::from_timestamp(i64::from(*days) * 86_400, 0) {
                Some(time) => write!(f, "{}", time.format("%Y-%m-%d")),
                None => write!(f, "day {days}"),
            },
            Self::Time { micros, is_utc } => match DateTime::from_timestamp_micros(*micros) {
                Some(time) => write!(f, "{}{}", time.format("%Y-%m-%dT%H:%M:%S%.f"), if *is_utc { "Z" } else { "" }),
                None => write!(f, "{micros} µs"),
            },
            Self::Text(text) => f.write_str(text),
            Self::Other(what) => f.write_str(what),
        }
    }
}

/// Whether this is a JSON value that is not nested too deep.
fn is_json(text: &[u8]) -> bool {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest <= MOST_DEPTH && serde_json::from_slice::<&RawValue>(text).is_ok()
}

/// Adds the items of a JSON array of this length to those of the lists before it; on an error, nothing.
fn append_list(items: &mut Column, length: usize, lists: usize, json: &[u8]) -> Result<(), Problem> {
    let values: Vec<&RawValue> = serde_json::from_slice(json).map_err(|_| Problem::Malformed)?;
    if values.len() != length || values.iter().any(|value| items.append_json(value.get()).is_err()) {
        items.truncate(lists.saturating_mul(length));
        return Err(Problem::Malformed);
    }
    Ok(())
}

fn push<T>(values: &mut Vec<T>, value: Option<T>) -> Result<(), Problem> {
    values.push(value.ok_or(Problem::Malformed)?);
    Ok(())
}

/// Where the texts end. They fit: a batch is cut long before 2 GiB.
fn end(text: &[u8]) -> i32 {
    i32::try_from(text.len()).unwrap_or(i32::MAX)
}

fn array<T: ArrowPrimitiveType>(
    values: Vec<T::Native>,
    nulls: Option<NullBuffer>,
    data_type: DataType,
) -> Result<ArrayRef, ArrowError> {
    let array = PrimitiveArray::<T>::try_new(ScalarBuffer::from(values), nulls)?;
    Ok(Arc::new(array.with_data_type(data_type)))
}
