//! How values of one type are written. What a batch's columns are is found out once; a value then costs one
//! call. None of these sees a row without a value.

use arrow_array::types::{ArrowPrimitiveType, Date32Type, Date64Type, DecimalType, Int64Type};
use arrow_array::{ArrayAccessor, BooleanArray, PrimitiveArray, StringArray};
use serde::Serialize;

use crate::column::Column;
use crate::number::{json, write_rounded};
use crate::time::{write_date, write_timestamp};

/// Milliseconds in a day.
const DAY_MILLIS: i64 = 86_400_000;

/// Writes the values of a column.
pub trait Encode {
    /// Writes a row's value as text, as it stands in an id.
    fn text(&self, row: usize, out: &mut Vec<u8>);

    /// Writes a row's value as JSON.
    fn write(&self, row: usize, out: &mut Vec<u8>) {
        self.text(row, out);
    }
}

/// Writes text that needs no escapes as a JSON string.
fn quoted(out: &mut Vec<u8>, text: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'"');
    text(out);
    out.push(b'"');
}

/// A field's name as it is written: quoted, with the colon.
pub fn key(name: &str) -> String {
    let mut key = Vec::new();
    json(name, &mut key);
    key.push(b':');
    String::from_utf8(key).unwrap_or_default()
}

/// Nothing but nulls.
pub struct Nothing;

impl Encode for Nothing {
    fn text(&self, _: usize, out: &mut Vec<u8>) {
        out.extend_from_slice(b"null");
    }
}

/// Truth values.
pub struct Booleans(pub BooleanArray);

impl Encode for Booleans {
    fn text(&self, row: usize, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.0.value(row) { b"true" } else { b"false" });
    }
}

/// Integers, and finite floats with the digits that they need.
pub struct Numbers<T: ArrowPrimitiveType>(pub PrimitiveArray<T>);

impl<T: ArrowPrimitiveType<Native: Serialize>> Encode for Numbers<T> {
    fn text(&self, row: usize, out: &mut Vec<u8>) {
        json(&self.0.value(row), out);
    }
}

/// Finite floats with so many digits.
pub struct Rounded<T: ArrowPrimitiveType>(pub PrimitiveArray<T>, pub u8);

impl<T: ArrowPrimitiveType<Native: Into<f64>>> Encode for Rounded<T> {
    fn text(&self, row: usize, out: &mut Vec<u8>) {
        write_rounded(self.0.value(row).into(), self.1, out);
    }
}

/// Decimals with their scale.
pub struct Decimals<T: DecimalType>(pub PrimitiveArray<T>);

impl<T: DecimalType> Encode for Decimals<T> {
    fn text(&self, row: usize, out: &mut Vec<u8>) {
        out.extend_from_slice(self.0.value_as_string(row).as_bytes());
    }

    fn write(&self, row: usize, out: &mut Vec<u8>) {
        quoted(out, |out| self.text(row, out));
    }
}

/// Text.
pub struct Text<A>(pub A);

impl<A> Encode for Text<A>
where
    for<'a> &'a A: ArrayAccessor<Item = &'a str>,
{
    fn text(&self, row: usize, out: &mut Vec<u8>) {
        out.extend_from_slice((&self.0).value(row).as_bytes());
    }

    fn write(&self, row: usize, out: &mut Vec<u8>) {
        json((&self.0).value(row), out);
    }
}

/// Dates in days.
pub struct Dates(pub PrimitiveArray<Date32Type>);

impl Encode for Dates {
    fn text(&self, row: usize, out: &mut Vec<u8>) {
        write_date(i64::from(self.0.value(row)), out);
    }

    fn write(&self, row: usize, out: &mut Vec<u8>) {
        quoted(out, |out| self.text(row, out));
    }
}

/// Dates in milliseconds.
pub struct DatesInMillis(pub PrimitiveArray<Date64Type>);

impl Encode for DatesInMillis {
    fn text(&self, row: usize, out: &mut Vec<u8>) {
        write_date(self.0.value(row).div_euclid(DAY_MILLIS), out);
    }

    fn write(&self, row: usize, out: &mut Vec<u8>) {
        quoted(out, |out| self.text(row, out));
    }
}

/// Timestamps in so many parts of a second.
pub struct Timestamps(pub PrimitiveArray<Int64Type>, pub i64);

impl Encode for Timestamps {
    fn text(&self, row: usize, out: &mut Vec<u8>) {
        write_timestamp(self.0.value(row), self.1, out);
    }

    fn write(&self, row: usize, out: &mut Vec<u8>) {
        quoted(out, |out| self.text(row, out));
    }
}

/// Values of a dictionary, and which of them each row has.
pub struct Lookup(pub Vec<usize>, pub Column);

impl Encode for Lookup {
    fn text(&self, row: usize, out: &mut Vec<u8>) {
        if let Some(key) = self.0.get(row) {
            self.1.text(*key, out);
        }
    }

    fn write(&self, row: usize, out: &mut Vec<u8>) {
        if let Some(key) = self.0.get(row) {
            self.1.write(*key, out);
        }
    }
}

/// Lists.
pub struct Lists {
    /// Where each row's items start; one more for where the last row's end.
    pub offsets: Vec<usize>,
    /// All rows' items.
    pub items: Column,
}

impl Encode for Lists {
    fn text(&self, row: usize, out: &mut Vec<u8>) {
        out.push(b'[');
        if let (Some(start), Some(end)) = (self.offsets.get(row), self.offsets.get(row + 1)) {
            for item in *start..*end {
                if item > *start {
                    out.push(b',');
                }
                self.items.write(item, out);
            }
        }
        out.push(b']');
    }
}

/// Objects whose members differ from row to row.
pub struct Maps {
    /// Where each row's members start; one more for where the last row's end.
    pub offsets: Vec<usize>,
    /// All rows' names.
    pub names: StringArray,
    /// All rows' values.
    pub values: Column,
}

impl Encode for Maps {
    fn text(&self, row: usize, out: &mut Vec<u8>) {
        out.push(b'{');
        if let (Some(start), Some(end)) = (self.offsets.get(row), self.offsets.get(row + 1)) {
            for member in *start..*end {
                if member > *start {
                    out.push(b',');
                }
                out.extend_from_slice(key(self.names.value(member)).as_bytes());
                self.values.write(member, out);
            }
        }
        out.push(b'}');
    }
}

/// Objects: each member's [`key`] and values.
pub struct Structs(pub Vec<(String, Column)>);

impl Encode for Structs {
    fn text(&self, row: usize, out: &mut Vec<u8>) {
        out.push(b'{');
        for (index, (key, values)) in self.0.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            out.extend_from_slice(key.as_bytes());
            values.write(row, out);
        }
        out.push(b'}');
    }
}
