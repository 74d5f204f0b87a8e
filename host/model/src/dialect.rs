//! For which engine SQL is written.

use crate::dates::Moment;
use crate::model::{Granularity, Kind};
use crate::security::quote_text;

/// An engine's dialect of SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Apache DataFusion, 55.
    DataFusion,
    /// SQLite from 3.46 on, where days are texts as ISO 8601 has them.
    Sqlite,
}

impl Dialect {
    /// A name in quotes.
    pub fn name(self, name: &str) -> String {
        format!("\"{}\"", name.replace('"', "\"\""))
    }

    /// What a statement with named parts begins with.
    pub(crate) fn with(self) -> &'static str {
        match self {
            Self::DataFusion => "WITH",
            Self::Sqlite => "WITH RECURSIVE",
        }
    }

    /// A moment, to be compared with values of a kind.
    pub(crate) fn moment(self, moment: Moment, kind: Kind) -> String {
        match (self, kind) {
            (Self::DataFusion, Kind::Timestamp) => format!("TIMESTAMP '{} {}'", moment.date, moment.time()),
            (Self::DataFusion, _) => format!("DATE '{}'", moment.date),
            (Self::Sqlite, Kind::Timestamp) if moment.seconds > 0 => format!("'{} {}'", moment.date, moment.time()),
            (Self::Sqlite, _) => format!("'{}'", moment.date),
        }
    }

    /// The beginning of the period that a time is in.
    pub(crate) fn truncate(self, granularity: Granularity, time: &str) -> String {
        let name = granularity.name();
        match (self, granularity) {
            (Self::DataFusion, Granularity::Hour) => format!("date_trunc('hour', {time})"),
            (Self::DataFusion, _) => format!("CAST(date_trunc('{name}', {time}) AS DATE)"),
            (Self::Sqlite, Granularity::Year | Granularity::Month) => format!("date({time}, 'start of {name}')"),
            (Self::Sqlite, Granularity::Quarter) => {
                format!("date({time}, 'start of month', '-' || ((strftime('%m', {time}) - 1) % 3) || ' months')")
            }
            // On to the next Monday, from six days before.
            (Self::Sqlite, Granularity::Week) => format!("date({time}, '-6 days', 'weekday 1')"),
            (Self::Sqlite, Granularity::Day) => format!("date({time})"),
            (Self::Sqlite, Granularity::Hour) => format!("strftime('%Y-%m-%d %H:00:00', {time})"),
        }
    }

    /// A day so many months and then days earlier. Of a month that is too short it is the last day.
    pub(crate) fn earlier(self, day: &str, months: u32, days: u32) -> String {
        match self {
            Self::DataFusion => {
                let mut sql = day.to_owned();
                if months > 0 {
                    sql.push_str(&format!(" - INTERVAL '{months} months'"));
                }
                if days > 0 {
                    sql.push_str(&format!(" - INTERVAL '{days} days'"));
                }
                sql
            }
            Self::Sqlite if months == 0 && days == 0 => day.to_owned(),
            Self::Sqlite => format!("date({day}, '-{months} months', 'floor', '-{days} days')"),
        }
    }

    /// A query of all periods, column `period`, from `first` to `last` of the one row of `bounds`. It may name itself.
    pub(crate) fn periods(self, granularity: Granularity, bounds: &str, itself: &str) -> String {
        let step = match granularity {
            Granularity::Year => "12 months",
            Granularity::Quarter => "3 months",
            Granularity::Month => "1 months",
            Granularity::Week => "7 days",
            Granularity::Day | Granularity::Hour => "1 days",
        };
        match self {
            Self::DataFusion => {
                format!(
                    "SELECT unnest(generate_series(\"first\", \"last\", INTERVAL '{step}')) AS \"period\"\nFROM {bounds}"
                )
            }
            Self::Sqlite => format!(
                "SELECT \"first\" AS \"period\" FROM {bounds} WHERE \"first\" <= \"last\"\nUNION ALL\nSELECT date(\"period\", '+{step}') FROM {itself}\nWHERE date(\"period\", '+{step}') <= (SELECT \"last\" FROM {bounds})"
            ),
        }
    }

    /// A number that does not divide as integers do.
    pub(crate) fn double(self, number: &str) -> String {
        match self {
            Self::DataFusion => format!("CAST({number} AS DOUBLE)"),
            Self::Sqlite => format!("CAST({number} AS REAL)"),
        }
    }

    /// Whether a text has another in it.
    pub(crate) fn contains(self, text: &str, part: &str) -> String {
        match self {
            Self::DataFusion => format!("strpos({text}, {}) > 0", quote_text(part)),
            Self::Sqlite => format!("instr({text}, {}) > 0", quote_text(part)),
        }
    }

    /// Whether a text begins with another.
    pub(crate) fn starts_with(self, text: &str, part: &str) -> String {
        match self {
            Self::DataFusion => format!("starts_with({text}, {})", quote_text(part)),
            Self::Sqlite => format!("substr({text}, 1, {}) = {}", part.chars().count(), quote_text(part)),
        }
    }
}
