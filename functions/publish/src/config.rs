//! The configuration of a publish step.

use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};

/// What a publish step's `config` holds; see the crate's documentation.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the documents go.
    pub collection: String,
    /// The template of the documents' ids.
    pub id: String,
    /// The template of the documents' partition keys.
    #[serde(default)]
    pub partition_key: String,
    /// The column that orders the writes of one id; none: the time of the event.
    pub version: Option<String>,
    /// The column that tells whether the row deletes its document.
    pub delete_if: Option<String>,
    /// The document's fields; none: all columns.
    pub fields: Option<Vec<Field>>,
}

/// A field of the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Where its value is.
    pub column: String,
    /// Its name in the document, with dots where it nests; none: the column's, dots and all.
    pub name: Option<String>,
    /// How many decimal digits its floats have; none: as many as they need.
    pub round: Option<u8>,
    /// What becomes of nulls.
    pub null: Null,
}

/// What becomes of nulls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Null {
    /// They are JSON's null.
    #[default]
    Null,
    /// The field is left out.
    Omit,
}

impl Field {
    /// A column under its own name.
    pub fn of(column: &str) -> Self {
        Self { column: column.to_owned(), name: None, round: None, null: Null::Null }
    }
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NameOrTable)
    }
}

struct NameOrTable;

impl<'de> Visitor<'de> for NameOrTable {
    type Value = Field;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a column's name, or { column, as, round, null }")
    }

    fn visit_str<E: de::Error>(self, column: &str) -> Result<Field, E> {
        Ok(Field::of(column))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Field, A::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Table {
            column: String,
            #[serde(rename = "as")]
            name: Option<String>,
            round: Option<u8>,
            #[serde(default)]
            null: Null,
        }
        let Table { column, name, round, null } = Table::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Field { column, name, round, null })
    }
}
