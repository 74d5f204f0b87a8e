//! What a table of PostgreSQL is, and whether rows fit.

use std::collections::BTreeSet;
use std::fmt::{self, Write};
use std::io;

use arrow_schema::{DataType, Field, FieldRef, Schema};
use postgres::Transaction;
use wasmill_runtime::manifest::{SinkColumns, SinkMode};
use wasmill_runtime::plan::SinkPlan;

use super::copy::value_type;
use super::failed;

/// A table's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    schema: Option<String>,
    table: String,
}

impl Name {
    /// `NAME` or `SCHEMA.NAME`.
    pub fn new(name: &str) -> Self {
        match name.split_once('.') {
            Some((schema, table)) => Self { schema: Some(schema.to_owned()), table: table.to_owned() },
            None => Self { schema: None, table: name.to_owned() },
        }
    }

    /// A table in the same schema.
    pub fn beside(&self, table: &str) -> Self {
        Self { schema: self.schema.clone(), table: table.to_owned() }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.schema {
            write!(f, "{}.", quoted(schema))?;
        }
        f.write_str(&quoted(&self.table))
    }
}

/// A name in SQL.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A table that is there.
pub struct Table {
    columns: Vec<Column>,
    /// The columns of each index under which no two rows are.
    unique: Vec<BTreeSet<String>>,
}

struct Column {
    name: String,
    /// As PostgreSQL shows it.
    of: String,
    is_required: bool,
    has_default: bool,
}

impl Table {
    /// The table of this name, if there is one.
    pub fn find(transaction: &mut Transaction<'_>, name: &Name) -> io::Result<Option<Self>> {
        let name = name.to_string();
        let columns = "SELECT a.attname::text, format_type(a.atttypid, a.atttypmod), a.attnotnull,
                a.atthasdef OR a.attidentity <> '' OR a.attgenerated <> ''
            FROM pg_attribute a WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped
            ORDER BY a.attnum";
        let columns = transaction.query(columns, &[&name]).map_err(failed)?;
        if columns.is_empty() {
            return Ok(None);
        }
        let column = |row: postgres::Row| Column {
            name: row.get(0),
            of: row.get(1),
            is_required: row.get(2),
            has_default: row.get(3),
        };
        let unique = "SELECT array_agg(a.attname::text) FROM pg_index i
                JOIN pg_attribute a ON a.attrelid = i.indrelid
                    AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])
            WHERE i.indrelid = to_regclass($1) AND i.indisunique AND i.indisvalid AND i.indimmediate
                AND i.indpred IS NULL AND i.indexprs IS NULL
            GROUP BY i.indexrelid";
        let unique = transaction.query(unique, &[&name]).map_err(failed)?;
        let names = |row: postgres::Row| row.get::<_, Vec<String>>(0).into_iter().collect();
        Ok(Some(Self {
            columns: columns.into_iter().map(column).collect(),
            unique: unique.into_iter().map(names).collect(),
        }))
    }

    /// The columns that it does not have.
    pub fn missing<'s>(&self, schema: &'s Schema) -> impl Iterator<Item = &'s FieldRef> {
        schema.fields().iter().filter(|field| self.column(field.name()).is_none())
    }

    fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// An error that tells the differences if it does not take rows of these columns.
    pub fn check(&self, plan: &SinkPlan, schema: &Schema) -> Result<(), String> {
        let mut differences = String::new();
        let (mut is_wider, mut is_other) = (false, false);
        for field in schema.fields() {
            let (name, of) = (field.name(), type_of(field)?);
            let Some(column) = self.column(name) else {
                is_wider = true;
                let _ = write!(differences, "\n  + `{name}` {of} is not in the table");
                continue;
            };
            if !takes(&column.of, &of) {
                is_other = true;
                let _ = write!(differences, "\n  ~ `{name}` is {of}, in the table {}", column.of);
            } else if column.is_required && field.is_nullable() && !plan.key.contains(name) {
                is_other = true;
                let _ = write!(differences, "\n  ~ `{name}` may be null, in the table not");
            }
        }
        for column in self.columns.iter().filter(|column| column.is_required && !column.has_default) {
            if schema.field_with_name(&column.name).is_err() {
                is_other = true;
                let _ = write!(differences, "\n  - `{}` is only in the table, where it may not be null", column.name);
            }
        }
        if is_other || (is_wider && plan.columns == SinkColumns::Fixed) {
            let hint = if is_other {
                "have the step select what the table has, with `CAST` and `coalesce`, or write another table"
            } else {
                "with `columns = \"evolve\"` columns are added to the table"
            };
            return Err(format!(
                "the table {} has other columns than the rows:{differences}\nhint: {hint}",
                plan.table
            ));
        }
        let key: BTreeSet<String> = plan.key.iter().cloned().collect();
        if plan.mode == SinkMode::Merge && !self.unique.contains(&key) {
            let columns = plan.key.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ");
            return Err(format!(
                "the table {} may have several rows of a key\nhint: CREATE UNIQUE INDEX ON … ({columns})",
                plan.table
            ));
        }
        Ok(())
    }
}

/// The columns of a table that is to be made, without what is around them.
pub fn definition(schema: &Schema, key: &[String]) -> Result<String, String> {
    let columns = schema.fields().iter().map(|field| column(field)).collect::<Result<Vec<_>, _>>()?.join(", ");
    if key.is_empty() {
        return Ok(columns);
    }
    let key = key.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ");
    Ok(format!("{columns}, PRIMARY KEY ({key})"))
}

/// A column of a table that is to be made.
pub fn column(field: &Field) -> Result<String, String> {
    Ok(format!("{} {}", quoted(field.name()), type_of(field)?))
}

/// The type that a column has, as PostgreSQL shows it.
fn type_of(field: &Field) -> Result<String, String> {
    let name = match value_type(field.data_type()) {
        DataType::Boolean => "boolean",
        DataType::Int8 | DataType::UInt8 | DataType::Int16 => "smallint",
        DataType::UInt16 | DataType::Int32 => "integer",
        DataType::UInt32 | DataType::Int64 => "bigint",
        DataType::UInt64 => "numeric(20,0)",
        DataType::Float16 | DataType::Float32 => "real",
        DataType::Float64 => "double precision",
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => "text",
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => "bytea",
        DataType::Date32 | DataType::Date64 => "date",
        DataType::Time32(_) | DataType::Time64(_) => "time without time zone",
        DataType::Timestamp(_, None) => "timestamp without time zone",
        DataType::Timestamp(_, Some(_)) => "timestamp with time zone",
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => return Ok(format!("numeric({precision},{scale})")),
        DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..) | DataType::Struct(_) => "jsonb",
        of => {
            return Err(format!(
                "the column `{}` is {of}, for which PostgreSQL has no type\nhint: cast it in a transform",
                field.name()
            ));
        }
    };
    Ok(name.to_owned())
}

/// Whether a column takes every value of a type. Both are as PostgreSQL shows them.
fn takes(column: &str, of: &str) -> bool {
    let whole = |name: &str| ["smallint", "integer", "bigint"].iter().position(|whole| *whole == name);
    if column == of {
        return true;
    }
    if let (Some(column), Some(of)) = (whole(column), whole(of)) {
        return column >= of;
    }
    match (numeric(column), numeric(of)) {
        (Some((precision, scale)), Some((wanted, wanted_scale))) => {
            return scale >= wanted_scale && precision - scale >= wanted - wanted_scale;
        }
        (None, Some(_)) => return column == "numeric",
        _ => {}
    }
    matches!((column, of), ("numeric", "smallint" | "integer" | "bigint"))
        || matches!((column, of), ("double precision", "real" | "smallint" | "integer"))
        || matches!((column, of), ("character varying", "text"))
}

/// The precision and the scale of a number.
fn numeric(of: &str) -> Option<(i32, i32)> {
    let (precision, scale) = of.strip_prefix("numeric(")?.strip_suffix(')')?.split_once(',')?;
    Some((precision.parse().ok()?, scale.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_takes_what_is_not_wider() {
        for (column, of, expect) in [
            ("bigint", "integer", true),
            ("integer", "bigint", false),
            ("numeric", "bigint", true),
            ("numeric", "numeric(20,0)", true),
            ("numeric(22,2)", "numeric(20,2)", true),
            ("numeric(20,2)", "numeric(20,0)", false),
            ("double precision", "real", true),
            ("real", "double precision", false),
            ("character varying", "text", true),
            ("character varying(3)", "text", false),
            ("timestamp with time zone", "timestamp without time zone", false),
        ] {
            assert_eq!(takes(column, of), expect, "{column} {of}");
        }
    }
}
