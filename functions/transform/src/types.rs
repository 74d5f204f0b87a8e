//! The types of columns between steps.

use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, Fields};

/// The type that a column has in the result: without views, which few readers know, and without `Null`,
/// which few writers do.
pub fn plain(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Utf8View | DataType::Null => DataType::Utf8,
        DataType::BinaryView => DataType::Binary,
        DataType::List(item) | DataType::ListView(item) => DataType::List(plain_field(item)),
        DataType::LargeList(item) | DataType::LargeListView(item) => DataType::LargeList(plain_field(item)),
        DataType::FixedSizeList(item, size) => DataType::FixedSizeList(plain_field(item), *size),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(plain_field).collect::<Fields>()),
        DataType::Map(entries, sorted) => DataType::Map(plain_field(entries), *sorted),
        DataType::Dictionary(key, value) => DataType::Dictionary(key.clone(), Box::new(plain(value))),
        other => other.clone(),
    }
}

/// A column with the type that it has in the result.
pub fn plain_field(field: &FieldRef) -> FieldRef {
    let data_type = plain(field.data_type());
    if data_type == *field.data_type() {
        return field.clone();
    }
    Arc::new(Field::clone(field).with_data_type(data_type))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_go_at_any_depth() {
        let list = |item| DataType::List(Arc::new(Field::new("item", item, true)));
        let check = |from: DataType, to: DataType| assert_eq!(plain(&from), to);
        check(list(DataType::Utf8View), list(DataType::Utf8));
        check(
            DataType::Struct(vec![Field::new("a", list(DataType::BinaryView), false)].into()),
            DataType::Struct(vec![Field::new("a", list(DataType::Binary), false)].into()),
        );
        check(DataType::Null, DataType::Utf8);
        check(DataType::LargeUtf8, DataType::LargeUtf8);
    }
}
