//! From the configuration's columns to what is read: checked, with formats and time zones understood.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use chrono_tz::Tz;
use wasmill_sdk::{ROW, row_field};

use crate::config::{ColumnConfig, Config, Format, TypeName};
use crate::json::split;
use crate::time::{Layout, TimestampFormat, pattern};

/// A column to read.
#[derive(Debug, Clone)]
pub struct ColumnPlan {
    /// Its name in the rows.
    pub name: String,
    /// Its name in the object, if that is another.
    pub from: Option<String>,
    /// Whether it may hold nulls.
    pub nullable: bool,
    /// Texts that mean null.
    pub nulls: Arc<[String]>,
    /// What a value is called in a reason: `an int16`.
    pub label: String,
    /// How its values are read.
    pub kind: Kind,
}

impl ColumnPlan {
    /// Its name in the object.
    pub fn from(&self) -> &str {
        self.from.as_ref().unwrap_or(&self.name)
    }

    /// The keys that lead to it in a record of records. Without `from` it is where its name is, dots and all.
    pub fn path(&self) -> Vec<String> {
        self.from.as_deref().map_or_else(|| vec![self.name.clone()], split)
    }
}

/// How values are read.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Kind {
    Bool,
    Int8,
    Int16,
    Int32,
    Int64,
    Uint8,
    Uint16,
    Uint32,
    Uint64,
    Float32,
    Float64,
    /// Precision and scale.
    Decimal(u8, u8),
    Date(Layout),
    Timestamp(TimestampFormat),
    Utf8,
    /// Any JSON value, as text.
    Json,
    /// Lists: what is in them, and how many.
    List(Box<ColumnPlan>, i32),
}

impl Kind {
    /// Arrow's name of the type.
    pub fn data_type(&self) -> DataType {
        match self {
            Self::Bool => DataType::Boolean,
            Self::Int8 => DataType::Int8,
            Self::Int16 => DataType::Int16,
            Self::Int32 => DataType::Int32,
            Self::Int64 => DataType::Int64,
            Self::Uint8 => DataType::UInt8,
            Self::Uint16 => DataType::UInt16,
            Self::Uint32 => DataType::UInt32,
            Self::Uint64 => DataType::UInt64,
            Self::Float32 => DataType::Float32,
            Self::Float64 => DataType::Float64,
            Self::Decimal(precision, scale) => DataType::Decimal128(*precision, scale.cast_signed()),
            Self::Date(_) => DataType::Date32,
            Self::Timestamp(_) => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Utf8 | Self::Json => DataType::Utf8,
            Self::List(item, length) => {
                let item = Field::new_list_field(item.kind.data_type(), item.nullable);
                DataType::FixedSizeList(Arc::new(item), *length)
            }
        }
    }

    /// Whether JSON has it as a number rather than a string.
    pub fn is_number(&self) -> bool {
        match self {
            Self::Bool | Self::Date(_) | Self::Utf8 | Self::Json | Self::List(..) => false,
            Self::Timestamp(format) => matches!(format.layout, Layout::Unix(_)),
            _ => true,
        }
    }
}

/// How deep values of the type json may be nested; what most readers of JSON take.
pub const MOST_DEPTH: usize = 127;

/// Checks the columns of a configuration.
pub fn plan(config: &Config) -> Result<Vec<ColumnPlan>, String> {
    if config.columns.is_empty() {
        return Err("`columns` is empty; hint: columns = [{ name = \"id\", type = \"int64\" }]".to_owned());
    }
    let shared: Arc<[String]> = match (&config.nulls, config.format) {
        (Some(nulls), _) => nulls.clone().into(),
        (None, Format::Csv | Format::Tsv) => Arc::new([String::new()]),
        (None, _) => Arc::new([]),
    };
    let mut columns: Vec<ColumnPlan> = Vec::with_capacity(config.columns.len());
    for column in &config.columns {
        let name = &column.name;
        let wrong = |problem: String| format!("column `{name}`: {problem}");
        if name.is_empty() || name == ROW {
            return Err(wrong("the name is empty or taken by the row number".to_owned()));
        }
        if columns.iter().any(|other| other.name == *name) {
            return Err(wrong("there are two of that name".to_owned()));
        }
        let mut plan = ColumnPlan {
            name: name.clone(),
            from: column.from.clone(),
            nullable: column.nullable,
            nulls: column.nulls.clone().map_or_else(|| shared.clone(), Into::into),
            label: label(column),
            kind: kind(column).map_err(wrong)?,
        };
        if let Some(length) = column.length {
            let length = i32::try_from(length).ok().filter(|length| *length > 0);
            let length = length.ok_or_else(|| wrong("`length` is not from 1 to 2147483647".to_owned()))?;
            let item = ColumnPlan { nullable: false, nulls: Arc::new([]), ..plan.clone() };
            plan.label = format!("a list of {length}, each {}", plan.label);
            plan.kind = Kind::List(Box::new(item), length);
        }
        columns.push(plan);
    }
    Ok(columns)
}

/// The schema of the rows.
pub fn schema(columns: &[ColumnPlan]) -> SchemaRef {
    let fields = columns.iter().map(|column| Field::new(&column.name, column.kind.data_type(), column.nullable));
    Arc::new(Schema::new(fields.chain([row_field()]).collect::<Vec<_>>()))
}

fn kind(column: &ColumnConfig) -> Result<Kind, String> {
    let (decimal, date, timestamp) =
        (column.kind == TypeName::Decimal, column.kind == TypeName::Date, column.kind == TypeName::Timestamp);
    for (key, given, taken) in [
        ("precision", column.precision.is_some(), decimal),
        ("scale", column.scale.is_some(), decimal),
        ("format", column.format.is_some(), date || timestamp),
        ("timezone", column.timezone.is_some(), timestamp),
        ("ambiguous", column.ambiguous.is_some(), timestamp),
    ] {
        if given && !taken {
            return Err(format!("`{key}` has no meaning for the type {}", type_name(column)));
        }
    }
    Ok(match column.kind {
        TypeName::Bool => Kind::Bool,
        TypeName::Int8 => Kind::Int8,
        TypeName::Int16 => Kind::Int16,
        TypeName::Int32 => Kind::Int32,
        TypeName::Int64 => Kind::Int64,
        TypeName::Uint8 => Kind::Uint8,
        TypeName::Uint16 => Kind::Uint16,
        TypeName::Uint32 => Kind::Uint32,
        TypeName::Uint64 => Kind::Uint64,
        TypeName::Float32 => Kind::Float32,
        TypeName::Float64 => Kind::Float64,
        TypeName::Utf8 => Kind::Utf8,
        TypeName::Json => Kind::Json,
        TypeName::Decimal => match (column.precision, column.scale) {
            (Some(precision @ 1..=38), Some(scale)) if scale <= precision => Kind::Decimal(precision, scale),
            _ => {
                return Err("a decimal needs a precision of 1 to 38 and a scale that is not larger; \
                            hint: precision = 12, scale = 2"
                    .to_owned());
            }
        },
        TypeName::Date => Kind::Date(layout(column)?),
        TypeName::Timestamp => timestamp_kind(column)?,
    })
}

fn layout(column: &ColumnConfig) -> Result<Layout, String> {
    match column.format.as_deref() {
        None => Ok(Layout::Iso),
        Some("unix") if column.kind == TypeName::Timestamp => Ok(Layout::Unix(6)),
        Some("unix_ms") if column.kind == TypeName::Timestamp => Ok(Layout::Unix(3)),
        Some(format) => pattern(format)
            .map_err(|problem| format!("`format` `{format}`: {problem}; hint: format = \"%Y-%m-%d %H:%M:%S\"")),
    }
}

fn timestamp_kind(column: &ColumnConfig) -> Result<Kind, String> {
    let layout = layout(column)?;
    if matches!(layout, Layout::Unix(_)) && (column.timezone.is_some() || column.ambiguous.is_some()) {
        return Err("a number of seconds is the same everywhere: leave out `timezone` and `ambiguous`".to_owned());
    }
    let zone = match column.timezone.as_deref() {
        None => Tz::UTC,
        Some(name) => name.parse().map_err(|_| {
            format!("`timezone` `{name}` is not in the IANA database; hint: timezone = \"America/New_York\"")
        })?,
    };
    Ok(Kind::Timestamp(TimestampFormat { layout, zone, ambiguous: column.ambiguous.unwrap_or_default() }))
}

fn type_name(column: &ColumnConfig) -> String {
    format!("{:?}", column.kind).to_lowercase()
}

/// What a value is called, with the article.
fn label(column: &ColumnConfig) -> String {
    let name = type_name(column);
    let article = if name.starts_with('i') { "an" } else { "a" };
    match (column.precision, column.scale, &column.format) {
        _ if column.kind == TypeName::Utf8 => "text".to_owned(),
        _ if column.kind == TypeName::Json => format!("JSON, nested at most {MOST_DEPTH} deep"),
        (Some(precision), Some(scale), _) => format!("a decimal({precision}, {scale})"),
        (_, _, Some(format)) => format!("a {name} of the format `{format}`"),
        _ => format!("{article} {name}"),
    }
}
