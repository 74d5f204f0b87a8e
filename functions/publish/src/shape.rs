//! The document's fields, nested.

use crate::column::Column;
use crate::config::{Field, Null};

/// The fields of an object, in their order.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Object(Vec<Entry>);

#[derive(Debug, PartialEq, Eq)]
struct Entry {
    name: String,
    /// The name as it is written: quoted, with the colon.
    key: String,
    value: Value,
}

#[derive(Debug, PartialEq, Eq)]
enum Value {
    /// The field at this position of the configuration.
    Field(usize, Null),
    Object(Object),
}

impl Object {
    /// Nests fields by their names.
    pub fn new(fields: &[Field]) -> Result<Self, String> {
        let mut root = Self::default();
        for (index, field) in fields.iter().enumerate() {
            let path = field.name.as_deref().unwrap_or(&field.column);
            let names: Vec<&str> = if field.name.is_some() { path.split('.').collect() } else { vec![path] };
            if names.iter().any(|name| name.is_empty()) {
                return Err(format!("`fields` has an empty name: `{path}`"));
            }
            root.insert(&names, Value::Field(index, field.null)).map_err(|depth| {
                let taken = names.get(..=depth).map(|names| names.join(".")).unwrap_or_default();
                let hint = "hint: name one of them with `as`";
                if taken == path {
                    format!("`fields` has `{path}` twice, or as an object; {hint}")
                } else {
                    format!("`fields` has both `{taken}` and `{path}`; {hint}")
                }
            })?;
        }
        Ok(root)
    }

    /// Adds a field; an error is the depth at which its name is taken.
    fn insert(&mut self, names: &[&str], value: Value) -> Result<(), usize> {
        let Some((name, rest)) = names.split_first() else { return Err(0) };
        let known = self.0.iter_mut().find(|entry| entry.name == *name);
        match (known.map(|entry| &mut entry.value), rest.is_empty()) {
            (Some(Value::Object(object)), false) => object.insert(rest, value).map_err(|depth| depth + 1),
            (Some(_), _) => Err(0),
            (None, last) => {
                let value = if last {
                    value
                } else {
                    let mut object = Self::default();
                    object.insert(rest, value)?;
                    Value::Object(object)
                };
                let key = crate::encode::key(name);
                self.0.push(Entry { name: (*name).to_owned(), key, value });
                Ok(())
            }
        }
    }

    /// Writes the object of a row; `columns` are those of the configuration's fields.
    pub fn write(&self, columns: &[Column], row: usize, out: &mut Vec<u8>) {
        let mut separator = b'{';
        for entry in &self.0 {
            let column = match &entry.value {
                Value::Field(index, null) => match columns.get(*index) {
                    Some(column) if *null == Null::Null || !column.is_null(row) => Some(column),
                    _ => continue,
                },
                Value::Object(_) => None,
            };
            out.push(separator);
            separator = b',';
            out.extend_from_slice(entry.key.as_bytes());
            match (&entry.value, column) {
                (Value::Object(object), _) => object.write(columns, row, out),
                (_, Some(column)) => column.write(row, out),
                (_, None) => {}
            }
        }
        if separator == b'{' {
            out.push(b'{');
        }
        out.push(b'}');
    }
}
