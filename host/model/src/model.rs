//! A semantic model, checked: every name in it is one of it, and every piece of SQL is one expression.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::arithmetic::Arithmetic;
use crate::security::Security;

/// What may be asked, and how it is computed. [`Model::parse`](crate::Model::parse) makes one of a file's text.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Model {
    /// Its name, which is the schema's name where it is asked as one.
    pub name: String,
    /// What it is about.
    pub description: Option<String>,
    /// The tables it reads, by the names it has for them.
    pub tables: BTreeMap<String, Table>,
    /// Which row of another table a row belongs to.
    pub relationships: Vec<Relationship>,
    /// What measures are asked by. They share their names with measures and hierarchies.
    pub dimensions: BTreeMap<String, Dimension>,
    /// Dimensions from coarse to fine: those that were typed, and one for each dimension of time.
    pub hierarchies: BTreeMap<String, Vec<Level>>,
    /// What is computed.
    pub measures: BTreeMap<String, Measure>,
}

/// A table that the model reads.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Table {
    /// Where its rows are.
    pub rows: Rows,
    /// The columns that no two rows have the same values of; empty if none is known.
    pub primary_key: Vec<String>,
    /// The columns that expressions may name; empty if that is not said.
    pub columns: Vec<String>,
    /// Which rows somebody sees.
    pub security: Option<Security>,
    /// What a row is.
    pub description: Option<String>,
}

/// Where a table's rows are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rows {
    /// A table of the engine: `orders`, `sales.orders`.
    Table(String),
    /// A `SELECT`. The security of other tables is not applied in it: it is to have its own.
    Query(String),
}

/// Many rows of one table belong to one of another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Relationship {
    /// Needed where there are several ways between two tables.
    pub name: Option<String>,
    /// The table of the many rows.
    pub from: String,
    /// The table of the one row.
    pub to: String,
    /// Columns of `from`, each with the one of `to` it is equal to; those of `to` are its primary key.
    pub keys: Vec<(String, String)>,
}

impl Relationship {
    /// Its name, or what it has in its place.
    pub fn label(&self) -> String {
        self.name.clone().unwrap_or_else(|| format!("{} -> {}", self.from, self.to))
    }
}

/// Something that measures are asked by, and filtered by.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Dimension {
    /// The tables that have it. More than one makes it shared: a date of orders and of returns.
    pub sources: Vec<Source>,
    /// What its values are.
    pub kind: Kind,
    /// Of time: what it may be asked by, from coarse to fine.
    pub granularities: Vec<Granularity>,
    /// Whether a value of it may be why a measure changed, if nobody chooses where to look. Without, texts may, and what is true or false.
    pub cause: Option<bool>,
    /// How its values are shown.
    pub format: Option<Format>,
    /// What it means.
    pub description: Option<String>,
}

/// A table that has a dimension.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Source {
    /// The table.
    pub table: String,
    /// Its value there.
    pub value: Scalar,
    /// Relationships, by name, that lead to the table if it is meant: `origin` of the airports of a flight.
    pub via: Vec<String>,
}

/// A value of a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scalar {
    /// A column, named as it is.
    Column(String),
    /// An expression over the table's columns.
    Sql(String),
}

/// What values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Text.
    String,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// A day.
    Date,
    /// A day and a time of it.
    Timestamp,
}

impl Kind {
    /// All kinds, by their names.
    pub const ALL: [(&'static str, Self); 5] = [
        ("string", Self::String),
        ("number", Self::Number),
        ("boolean", Self::Boolean),
        ("date", Self::Date),
        ("timestamp", Self::Timestamp),
    ];

    /// Whether it is time.
    pub fn is_time(self) -> bool {
        matches!(self, Self::Date | Self::Timestamp)
    }
}

/// The periods that time is asked by. Weeks begin on Monday.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Granularity {
    /// From January.
    Year,
    /// From January, April, July and October.
    Quarter,
    /// From its first day.
    Month,
    /// From Monday.
    Week,
    /// From midnight.
    Day,
    /// Of a timestamp only.
    Hour,
}

impl Granularity {
    /// All, by their names, from coarse to fine.
    pub const ALL: [(&'static str, Self); 6] = [
        ("year", Self::Year),
        ("quarter", Self::Quarter),
        ("month", Self::Month),
        ("week", Self::Week),
        ("day", Self::Day),
        ("hour", Self::Hour),
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, granularity)| *granularity == self).map_or("", |(name, _)| name)
    }
}

/// A level of a hierarchy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Level {
    /// The dimension.
    pub dimension: String,
    /// If it is of time: by what.
    pub granularity: Option<Granularity>,
}

/// Something that is computed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measure {
    /// How.
    pub computation: Computation,
    /// The dimension of time that it is computed along, if it is; without one it is the one of the query.
    pub time: Option<String>,
    /// How it is shown.
    pub format: Option<Format>,
    /// What it means.
    pub description: Option<String>,
}

/// How a measure is computed.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Computation {
    /// Of the rows of a table.
    Aggregate {
        /// The table.
        table: String,
        /// What of its values.
        aggregate: Aggregate,
        /// The values; a count may have none, and counts rows.
        value: Option<Scalar>,
        /// Which rows count.
        filter: Option<String>,
        /// Whether it is 0 where there are no rows, and not null.
        zero: bool,
    },
    /// Of two measures; null if the second is 0.
    Ratio {
        /// What is divided.
        numerator: String,
        /// By what.
        denominator: String,
    },
    /// Of measures and numbers.
    Expression(Arithmetic),
    /// From the beginning of the period's year to the period's end.
    YearToDate(String),
    /// In the period a year earlier; of a week 52 weeks earlier.
    SamePeriodLastYear(String),
    /// In the period and those before it, so many in all.
    Rolling {
        /// The measure.
        of: String,
        /// How many periods.
        periods: u32,
    },
    /// Against an earlier period.
    Change {
        /// The measure.
        of: String,
        /// Which period.
        since: Since,
        /// Whether it is a share of the earlier value, and not a difference; null if that is 0.
        share: bool,
    },
}

/// What a change is measured from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Since {
    /// The period before.
    Period,
    /// The same period of the year before.
    Year,
}

/// What is computed of many values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Aggregate {
    /// Their sum.
    Sum,
    /// How many are not null.
    Count,
    /// How many different ones there are.
    CountDistinct,
    /// The least.
    Min,
    /// The greatest.
    Max,
    /// Their mean.
    Avg,
}

impl Aggregate {
    /// All, by their names.
    pub const ALL: [(&'static str, Self); 6] = [
        ("sum", Self::Sum),
        ("count", Self::Count),
        ("count_distinct", Self::CountDistinct),
        ("min", Self::Min),
        ("max", Self::Max),
        ("avg", Self::Avg),
    ];
}

/// How values are shown; whoever shows them does it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Format {
    /// As what.
    pub style: Style,
    /// How many digits after the point.
    pub decimals: Option<u32>,
}

/// As what a number is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// As it is.
    Number,
    /// In hundredths: 0.5 is 50 %.
    Percent,
    /// An amount of money, with the code of its currency as ISO 4217 has it.
    Currency(String),
}
