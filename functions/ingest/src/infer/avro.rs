//! The columns of Avro's records.

use super::toml::Column;
use crate::avro::types::{Index, Type, Types};

/// How deep records are looked into; a type may hold itself.
const DEPTH: usize = 4;

/// The most columns that are proposed.
const MOST_COLUMNS: usize = 10_000;

/// The columns of the records of a schema.
pub fn columns(types: &Types) -> Vec<Column> {
    let mut columns = Vec::new();
    add(&mut columns, types, &mut Vec::new(), 0, false);
    columns
}

fn add(columns: &mut Vec<Column>, types: &Types, keys: &mut Vec<String>, index: Index, nullable: bool) {
    if columns.len() >= MOST_COLUMNS {
        return;
    }
    match types.get(index) {
        Some(Type::Record(fields)) if keys.len() < DEPTH => {
            for (name, field) in fields {
                keys.push(name.clone());
                add(columns, types, keys, *field, nullable);
                keys.pop();
            }
        }
        Some(Type::Union(branches)) => {
            let values: Vec<Index> =
                branches.iter().filter(|branch| types.get(**branch) != Some(&Type::Null)).copied().collect();
            match values.as_slice() {
                [value] => add(columns, types, keys, *value, nullable || branches.len() > 1),
                _ => columns.push(Column::unread(keys, "a union of several types")),
            }
        }
        other => columns.push(match other.and_then(of) {
            Some(of) => Column::new(keys, of).nullable(nullable),
            None => Column::unread(keys, what(other)),
        }),
    }
}

fn of(of: &Type) -> Option<String> {
    let name = match of {
        Type::Boolean => "bool",
        Type::Int => "int32",
        Type::Long => "int64",
        Type::Float => "float32",
        Type::Double => "float64",
        Type::String | Type::Enum(_) => "utf8",
        Type::Date => "date",
        Type::Timestamp(..) => "timestamp",
        Type::Decimal(_, scale) => return Some(format!("\"decimal\", precision = 38, scale = {scale}")),
        _ => return None,
    };
    Some(format!("\"{name}\""))
}

fn what(of: Option<&Type>) -> &'static str {
    match of {
        Some(Type::Array(_)) => "an array; of numbers it could be, with a `length`",
        Some(Type::Map(_)) => "a map",
        Some(Type::Bytes | Type::Fixed(_)) => "bytes; as `utf8` they are read if they are text",
        Some(Type::Record(_)) => "nested too deep",
        Some(Type::Other(_, name)) => name,
        _ => "always null",
    }
}
