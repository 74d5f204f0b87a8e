//! A schema (Apache Avro 1.12 specification, Schema Declaration): types as they are encoded.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::typed::Class;

/// A place in the list of types, which may refer to each other in circles.
pub type Index = usize;

/// A type, as it is encoded.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names are the specification's")]
pub enum Type {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
    Fixed(usize),
    Enum(Vec<String>),
    Array(Index),
    Map(Index),
    Union(Vec<Index>),
    Record(Vec<(String, Index)>),
    /// In bytes or in so many of them, and how many digits follow the point.
    Decimal(Option<usize>, u8),
    Date,
    /// How many microseconds one of it is, below zero how many of it are one; and whether it is in UTC.
    Timestamp(i64, bool),
    /// Said by its name only.
    Other(Index, &'static str),
    /// Its definition is still being read.
    Pending,
}

/// The types of a schema.
#[derive(Debug, Default)]
pub struct Types {
    list: Vec<Type>,
    names: HashMap<String, Index>,
}

impl Types {
    /// Reads a schema; an error says what is wrong with it. The first type is the schema itself.
    pub fn parse(schema: &[u8]) -> Result<Self, String> {
        let schema: Value = serde_json::from_slice(schema).map_err(|err| err.to_string())?;
        let mut types = Self::default();
        types.add(&schema, "")?;
        Ok(types)
    }

    /// The type at a place.
    pub fn get(&self, index: Index) -> Option<&Type> {
        self.list.get(index)
    }

    /// What values of a type can become.
    pub fn class(&self, index: Index) -> Class {
        self.class_within(index, 2)
    }

    fn class_within(&self, index: Index, depth: usize) -> Class {
        match self.get(index) {
            Some(Type::Null) => Class::Null,
            Some(Type::Boolean) => Class::Bool,
            Some(Type::Int | Type::Long | Type::Float | Type::Double | Type::Decimal(..)) => Class::Number,
            Some(Type::Bytes | Type::String | Type::Fixed(_) | Type::Enum(_)) => Class::Text,
            Some(Type::Date) => Class::Date,
            Some(Type::Timestamp(..)) => Class::Time,
            Some(Type::Array(item)) if depth > 0 => Class::List(Box::new(self.class_within(*item, depth - 1))),
            Some(Type::Union(branches)) if depth > 0 => {
                let mut classes = branches.iter().map(|branch| self.class_within(*branch, depth - 1));
                classes.find(|class| *class != Class::Null).unwrap_or(Class::Null)
            }
            _ => Class::Other,
        }
    }

    fn push(&mut self, of: Type) -> Index {
        self.list.push(of);
        self.list.len() - 1
    }

    fn add(&mut self, schema: &Value, namespace: &str) -> Result<Index, String> {
        match schema {
            Value::String(name) => self.named(name, namespace),
            Value::Array(branches) => {
                let index = self.push(Type::Pending);
                let branches = branches.iter().map(|branch| self.add(branch, namespace)).collect::<Result<_, _>>()?;
                self.set(index, Type::Union(branches));
                Ok(index)
            }
            Value::Object(definition) => match definition.get("type") {
                Some(Value::String(name)) => self.define(name, definition, namespace),
                Some(inner) => self.add(inner, namespace),
                None => Err("a type has no `type`".to_owned()),
            },
            other => Err(format!("`{other}` is no type")),
        }
    }

    /// A primitive type, or one that was defined before.
    fn named(&mut self, name: &str, namespace: &str) -> Result<Index, String> {
        match primitive(name) {
            Some(of) => Ok(self.push(of)),
            None => {
                let known = self.names.get(&full(name, namespace)).or_else(|| self.names.get(name));
                known.copied().ok_or_else(|| format!("`{name}` is not defined"))
            }
        }
    }

    fn define(&mut self, name: &str, definition: &Map<String, Value>, namespace: &str) -> Result<Index, String> {
        let text = |key: &str| definition.get(key).and_then(Value::as_str);
        let number = |key: &str| definition.get(key).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
        let part = |key: &str| definition.get(key).ok_or_else(|| format!("the type `{name}` has no `{key}`"));
        let list = |key: &str| {
            definition.get(key).and_then(Value::as_array).ok_or_else(|| format!("the type `{name}` has no `{key}`"))
        };
        let logical = text("logicalType");
        if !matches!(name, "record" | "error" | "enum" | "fixed" | "array" | "map") {
            let Some(of) = primitive(name) else { return self.named(name, namespace) };
            let of = self.logical(of, logical, number("scale"));
            return Ok(self.push(of));
        }
        let index = self.push(Type::Pending);
        let of = match name {
            "array" => Type::Array(self.add(part("items")?, namespace)?),
            "map" => Type::Map(self.add(part("values")?, namespace)?),
            _ => {
                let own = text("name").ok_or_else(|| format!("a type `{name}` has no `name`"))?;
                let own = full(own, text("namespace").unwrap_or(namespace));
                let inner = own.rsplit_once('.').map_or("", |(namespace, _)| namespace).to_owned();
                self.names.insert(own, index);
                match name {
                    "enum" => {
                        Type::Enum(list("symbols")?.iter().filter_map(Value::as_str).map(str::to_owned).collect())
                    }
                    "fixed" => {
                        let len = number("size").ok_or_else(|| "a type `fixed` has no `size`".to_owned())?;
                        self.logical(Type::Fixed(len), logical, number("scale"))
                    }
                    _ => {
                        let mut fields = Vec::new();
                        for field in list("fields")? {
                            let name = field.get("name").and_then(Value::as_str);
                            let of = field.get("type");
                            let (Some(name), Some(of)) = (name, of) else {
                                return Err("a field of a record has no `name` or no `type`".to_owned());
                            };
                            fields.push((name.to_owned(), self.add(of, &inner)?));
                        }
                        Type::Record(fields)
                    }
                }
            }
        };
        self.set(index, of);
        Ok(index)
    }

    fn set(&mut self, index: Index, of: Type) {
        if let Some(place) = self.list.get_mut(index) {
            *place = of;
        }
    }

    /// What a logical type makes of a type. One that does not belong there is to be ignored, says the specification.
    fn logical(&mut self, of: Type, logical: Option<&str>, scale: Option<usize>) -> Type {
        let scale = u8::try_from(scale.unwrap_or(0)).unwrap_or(u8::MAX);
        match (logical, of) {
            (Some("decimal"), Type::Bytes) => Type::Decimal(None, scale),
            (Some("decimal"), Type::Fixed(len)) => Type::Decimal(Some(len), scale),
            (Some("date"), Type::Int) => Type::Date,
            (Some("timestamp-millis"), Type::Long) => Type::Timestamp(1_000, true),
            (Some("timestamp-micros"), Type::Long) => Type::Timestamp(1, true),
            (Some("timestamp-nanos"), Type::Long) => Type::Timestamp(-1_000, true),
            (Some("local-timestamp-millis"), Type::Long) => Type::Timestamp(1_000, false),
            (Some("local-timestamp-micros"), Type::Long) => Type::Timestamp(1, false),
            (Some("local-timestamp-nanos"), Type::Long) => Type::Timestamp(-1_000, false),
            (Some("time-millis"), Type::Int) => Type::Other(self.push(Type::Int), "a time of day"),
            (Some("time-micros"), Type::Long) => Type::Other(self.push(Type::Long), "a time of day"),
            (Some("big-decimal"), Type::Bytes) => Type::Other(self.push(Type::Bytes), "a decimal of any scale"),
            (Some("duration"), Type::Fixed(len)) => Type::Other(self.push(Type::Fixed(len)), "a duration"),
            (Some("uuid"), Type::Fixed(len)) => Type::Other(self.push(Type::Fixed(len)), "a UUID in bytes"),
            (_, of) => of,
        }
    }
}

fn primitive(name: &str) -> Option<Type> {
    Some(match name {
        "null" => Type::Null,
        "boolean" => Type::Boolean,
        "int" => Type::Int,
        "long" => Type::Long,
        "float" => Type::Float,
        "double" => Type::Double,
        "bytes" => Type::Bytes,
        "string" => Type::String,
        _ => return None,
    })
}

fn full(name: &str, namespace: &str) -> String {
    if name.contains('.') || namespace.is_empty() { name.to_owned() } else { format!("{namespace}.{name}") }
}
