//! A proposal as TOML.

use std::collections::HashSet;
use std::fmt;

use arrow_schema::{DataType, Schema, TimeUnit};

use crate::json::join;

/// A configuration that is proposed.
pub struct Proposal {
    format: &'static str,
    /// What was seen that the reader of the proposal should know.
    pub notes: Vec<String>,
    /// Options and their values, in TOML.
    pub options: Vec<(&'static str, String)>,
    /// How the text is encoded, if that must be said.
    pub encoding: Option<&'static str>,
    columns: Vec<Column>,
}

/// A column that is proposed.
pub struct Column {
    name: String,
    from: Option<String>,
    /// The type and what belongs to it, in TOML; if it cannot be read, what it is.
    of: Result<String, String>,
    nullable: bool,
    note: Option<&'static str>,
}

impl Proposal {
    /// A configuration of a format.
    pub fn of(format: &'static str, mut columns: Vec<Column>) -> Self {
        let mut names = HashSet::from([String::new(), wasmill_sdk::ROW.to_owned()]);
        for column in &mut columns {
            let base = column.name.clone();
            let mut number = 1;
            while !names.insert(column.name.clone()) {
                number += 1;
                column.name = format!("{base}_{number}");
                // What it is called in the object is what it was named by.
                column.from.get_or_insert_with(|| join([&base]));
            }
        }
        Self { format, notes: Vec::new(), options: Vec::new(), encoding: None, columns }
    }
}

impl Column {
    /// A column that may hold nulls, named like what it is read from, or, of a path, like its keys with `_` between.
    pub fn new(keys: &[String], of: impl Into<String>) -> Self {
        let path = join(keys);
        let name = keys.join("_");
        let from = (path != name).then_some(path);
        Self { name, from, of: Ok(of.into()), nullable: true, note: None }
    }

    /// A column of separated values, whose names are no paths.
    pub fn named(name: &str, of: impl Into<String>) -> Self {
        Self { name: name.to_owned(), from: None, of: Ok(of.into()), nullable: true, note: None }
    }

    /// The same column, which is called otherwise in the object.
    pub fn from(self, from: &str) -> Self {
        Self { from: Some(from.to_owned()), ..self }
    }

    /// The same column, of which something is to be known.
    pub fn with_note(self, note: Option<&'static str>) -> Self {
        Self { note, ..self }
    }

    /// The same column, which holds no nulls if that is known.
    pub fn nullable(self, nullable: bool) -> Self {
        Self { nullable, ..self }
    }

    /// What is of a type that no column has.
    pub fn unread(keys: &[String], what: impl Into<String>) -> Self {
        Self { of: Err(what.into()), ..Self::new(keys, "") }
    }

    /// The columns of a schema; of structures, their fields.
    pub fn of_arrow(schema: &Schema) -> Vec<Self> {
        let mut columns = Vec::new();
        for field in schema.fields() {
            add(&mut columns, &mut vec![field.name().clone()], field.data_type(), field.is_nullable());
        }
        columns
    }
}

fn add(columns: &mut Vec<Column>, keys: &mut Vec<String>, data_type: &DataType, nullable: bool) {
    if let DataType::Struct(fields) = data_type {
        for field in fields {
            keys.push(field.name().clone());
            add(columns, keys, field.data_type(), nullable || field.is_nullable());
            keys.pop();
        }
        return;
    }
    columns.push(match of_arrow(data_type) {
        Some(of) => Column::new(keys, of).nullable(nullable),
        None => Column::unread(keys, data_type.to_string()),
    });
}

/// The type of a column that holds values of an Arrow type.
fn of_arrow(data_type: &DataType) -> Option<String> {
    use DataType as T;
    let name = match data_type {
        T::Boolean => "bool",
        T::Int8 => "int8",
        T::Int16 => "int16",
        T::Int32 => "int32",
        T::Int64 => "int64",
        T::UInt8 => "uint8",
        T::UInt16 => "uint16",
        T::UInt32 => "uint32",
        T::UInt64 => "uint64",
        T::Float16 | T::Float32 => "float32",
        T::Float64 => "float64",
        T::Utf8 | T::LargeUtf8 | T::Utf8View => "utf8",
        T::Date32 | T::Date64 => "date",
        T::Timestamp(TimeUnit::Second | TimeUnit::Millisecond | TimeUnit::Microsecond | TimeUnit::Nanosecond, _) => {
            "timestamp"
        }
        T::Dictionary(_, values) => return of_arrow(values),
        T::Decimal32(precision, scale) | T::Decimal64(precision, scale) | T::Decimal128(precision, scale)
            if *scale >= 0 =>
        {
            return Some(format!("\"decimal\", precision = {precision}, scale = {scale}"));
        }
        T::FixedSizeList(item, length) if !matches!(item.data_type(), T::FixedSizeList(..)) => {
            return of_arrow(item.data_type()).map(|of| format!("{of}, length = {length}"));
        }
        _ => return None,
    };
    Some(format!("\"{name}\""))
}

impl fmt::Display for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for note in &self.notes {
            writeln!(f, "# {}", note.replace(char::is_control, " "))?;
        }
        writeln!(f, "format = \"{}\"", self.format)?;
        if let Some(encoding) = self.encoding {
            writeln!(f, "encoding = \"{encoding}\"")?;
        }
        for (key, value) in &self.options {
            writeln!(f, "{key} = {value}")?;
        }
        writeln!(f, "columns = [")?;
        for column in &self.columns {
            let name = quoted(&column.name);
            match &column.of {
                Err(what) => {
                    let place = quoted(column.from.as_ref().unwrap_or(&column.name));
                    writeln!(f, "    # {place} is not read: {}", what.replace(char::is_control, " "))?;
                }
                Ok(of) => {
                    write!(f, "    {{ name = {name}, ")?;
                    if let Some(from) = &column.from {
                        write!(f, "from = {}, ", quoted(from))?;
                    }
                    write!(f, "type = {of}")?;
                    if !column.nullable {
                        write!(f, ", nullable = false")?;
                    }
                    writeln!(f, " }},{}", column.note.map(|note| format!(" # {note}")).unwrap_or_default())?;
                }
            }
        }
        writeln!(f, "]")
    }
}

/// A basic string: what JSON escapes TOML does, and DEL.
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007F")
}
