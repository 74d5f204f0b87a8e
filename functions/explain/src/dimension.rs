//! Columns of dimensions, as codes.

use std::collections::HashMap;

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, StringArray};
use arrow_cast::{can_cast_types, cast};
use arrow_schema::DataType;

use crate::error::Error;

/// A value that has no code yet.
const UNSEEN: u32 = u32::MAX;

/// The values of a dimension, each with a code in the order in which they were first seen. Null is a value of its own.
#[derive(Debug, Clone)]
pub struct Dimension {
    name: String,
    values: Vec<Option<String>>,
    codes: HashMap<Option<String>, u32>,
}

impl Dimension {
    /// A dimension of which no value has been seen.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), values: Vec::new(), codes: HashMap::new() }
    }

    /// The column's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many values there are.
    #[must_use]
    pub fn len(&self) -> u32 {
        u32::try_from(self.values.len()).unwrap_or(u32::MAX)
    }

    /// Whether no value has been seen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The value of a code; none is null.
    #[must_use]
    pub fn value(&self, code: u32) -> Option<&str> {
        self.values.get(code as usize).and_then(Option::as_deref)
    }

    /// The code of a value that has been seen.
    #[must_use]
    pub fn code(&self, value: &Option<String>) -> Option<u32> {
        self.codes.get(value).copied()
    }

    /// Appends the codes of a column's values.
    pub(crate) fn encode(&mut self, array: &ArrayRef, codes: &mut Vec<u32>) -> Result<(), Error> {
        let (keys, values) = self.distinct(array)?;
        let mut known = vec![UNSEEN; values.len()];
        let mut null = UNSEEN;
        codes.reserve(array.len());
        for key in keys.as_primitive::<Int32Type>() {
            let slot = match key.and_then(|key| usize::try_from(key).ok()) {
                Some(key) if values.is_valid(key) => known.get_mut(key).map(|slot| (slot, Some(key))),
                _ => None,
            };
            let (slot, key) = slot.unwrap_or((&mut null, None));
            if *slot == UNSEEN {
                *slot = self.intern(key.map(|key| values.value(key).to_owned()));
            }
            codes.push(*slot);
        }
        Ok(())
    }

    /// The distinct values of a batch as text, and which of them each row has. Only distinct values are formatted.
    fn distinct(&self, array: &ArrayRef) -> Result<(ArrayRef, StringArray), Error> {
        let packed = |value: &DataType| DataType::Dictionary(Box::new(DataType::Int32), Box::new(value.clone()));
        let refused = |found: &DataType| Error::ColumnType {
            name: self.name.clone(),
            found: found.clone(),
            role: "a dimension; hint: take texts, numbers, booleans or dates",
        };
        let found = array.data_type();
        let direct = match found {
            DataType::Dictionary(_, value) => packed(value),
            _ => packed(found),
        };
        let plain = !matches!(found, DataType::Boolean | DataType::Null);
        let packed = if plain && can_cast_types(found, &direct) {
            cast(array, &direct)?
        } else if !found.is_nested() && can_cast_types(found, &DataType::Utf8) {
            cast(&cast(array, &DataType::Utf8)?, &packed(&DataType::Utf8))?
        } else {
            return Err(refused(found));
        };
        let packed = packed.as_any_dictionary_opt().ok_or_else(|| refused(found))?;
        let values = packed.values();
        if !can_cast_types(values.data_type(), &DataType::Utf8) {
            return Err(refused(found));
        }
        let values = cast(values, &DataType::Utf8)?;
        Ok((cast(packed.keys(), &DataType::Int32)?, values.as_string::<i32>().clone()))
    }

    fn intern(&mut self, value: Option<String>) -> u32 {
        let next = self.len();
        *self.codes.entry(value).or_insert_with_key(|value| {
            self.values.push(value.clone());
            next
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{
        BooleanArray, Date32Array, DictionaryArray, Int64Array, LargeStringArray, NullArray, StringViewArray,
    };
    use std::sync::Arc;

    fn check(column: impl Array + 'static, expect: &[u32], values: &[Option<&str>]) {
        let mut dimension = Dimension::new("d");
        let mut codes = Vec::new();
        dimension.encode(&(Arc::new(column) as ArrayRef), &mut codes).unwrap();
        assert_eq!(codes, expect);
        let found: Vec<Option<&str>> = (0..dimension.len()).map(|code| dimension.value(code)).collect();
        assert_eq!(found, values);
    }

    #[test]
    fn every_type_of_column_is_read_and_null_is_a_value() {
        let texts = vec![Some("b"), None, Some("a"), Some("b")];
        let expect: (&[u32], &[Option<&str>]) = (&[0, 1, 2, 0], &[Some("b"), None, Some("a")]);
        check(StringArray::from(texts.clone()), expect.0, expect.1);
        check(LargeStringArray::from(texts.clone()), expect.0, expect.1);
        check(StringViewArray::from(texts.clone()), expect.0, expect.1);
        check(DictionaryArray::<Int32Type>::from_iter(texts.clone()), expect.0, expect.1);
        check(Int64Array::from(vec![Some(7), None, Some(-1), Some(7)]), expect.0, &[Some("7"), None, Some("-1")]);
        check(
            BooleanArray::from(vec![Some(true), None, Some(false)]),
            &[0, 1, 2],
            &[Some("true"), None, Some("false")],
        );
        check(Date32Array::from(vec![0, 1]), &[0, 1], &[Some("1970-01-01"), Some("1970-01-02")]);
        check(NullArray::new(2), &[0, 0], &[None]);
    }
}
