//! Days of the calendar, as far as a query's time range needs them.

use std::fmt;

use chrono::{Datelike, Days, NaiveDate, NaiveTime, Timelike};

use crate::model::Granularity;

/// A day. They are compared as they follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Date(NaiveDate);

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A moment: a day, and the seconds of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment {
    pub(crate) date: Date,
    pub(crate) seconds: u32,
}

impl Moment {
    /// Reads `2024-01-31`, `2024-01-31T12:30` or `2024-01-31 12:30:59`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (date, time) = match text.split_once(['T', ' ']) {
            Some((date, time)) => (date, Some(time)),
            None => (text, None),
        };
        let date = Date::parse(date)?;
        let Some(time) = time else { return Some(Self { date, seconds: 0 }) };
        let form = match time.len() {
            5 => "%H:%M",
            8 => "%H:%M:%S",
            _ => return None,
        };
        // A 60th second is one of UTC's, which databases have none of.
        let time = NaiveTime::parse_from_str(time, form).ok().filter(|time| time.nanosecond() < 1_000_000_000)?;
        Some(Self { date, seconds: time.num_seconds_from_midnight() })
    }

    /// The time of day.
    pub(crate) fn time(self) -> String {
        format!("{:02}:{:02}:{:02}", self.seconds / 3600, self.seconds / 60 % 60, self.seconds % 60)
    }
}

impl Date {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        // Years have four digits, and nothing is left out.
        let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
        (text.len() == 10 && date.to_string() == text).then_some(Self(date))
    }

    /// The first day of the period that the day is in.
    pub(crate) fn start_of(self, granularity: Granularity) -> Self {
        let Self(day) = self;
        let start = match granularity {
            Granularity::Year => NaiveDate::from_ymd_opt(day.year(), 1, 1),
            Granularity::Quarter => NaiveDate::from_ymd_opt(day.year(), day.month0() / 3 * 3 + 1, 1),
            Granularity::Month => day.with_day(1),
            Granularity::Week => day.checked_sub_days(Days::new(day.weekday().num_days_from_monday().into())),
            Granularity::Day | Granularity::Hour => None,
        };
        start.map_or(self, Self)
    }

    /// The first day of the last period that is over before this day begins.
    pub(crate) fn last_before(self, granularity: Granularity) -> Self {
        self.0.pred_opt().map_or(self, Self).start_of(granularity)
    }
}

#[cfg(test)]
#[expect(clippy::expect_used, reason = "a test stops where it is wrong")]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_a_moment_is_read_as_one() {
        let check = |text: &str, expect: Option<(&str, u32)>| {
            let parsed = Moment::parse(text).map(|moment| (moment.date.to_string(), moment.seconds));
            assert_eq!(parsed, expect.map(|(date, seconds)| (date.to_owned(), seconds)), "{text}");
        };
        check("2024-02-29", Some(("2024-02-29", 0)));
        check("2024-02-29T01:00", Some(("2024-02-29", 3600)));
        check("2024-02-29 00:00:59", Some(("2024-02-29", 59)));
        check("2023-02-29", None);
        check("2024-13-01", None);
        check("24-01-01", None);
        check("2024-01-01T24:00", None);
        check("2024-01-01' OR ''='", None);
    }

    #[test]
    fn periods_begin_where_the_calendar_has_them() {
        let check = |text: &str, granularity: Granularity, start: &str, before: &str| {
            let date = Date::parse(text).expect(text);
            assert_eq!(date.start_of(granularity).to_string(), start, "{text}");
            assert_eq!(date.start_of(granularity).last_before(granularity).to_string(), before, "{text}");
        };
        check("2024-08-31", Granularity::Year, "2024-01-01", "2023-01-01");
        check("2024-08-31", Granularity::Quarter, "2024-07-01", "2024-04-01");
        check("2024-01-31", Granularity::Month, "2024-01-01", "2023-12-01");
        check("2024-12-29", Granularity::Week, "2024-12-23", "2024-12-16");
        check("2024-12-30", Granularity::Week, "2024-12-30", "2024-12-23");
        check("2024-03-01", Granularity::Day, "2024-03-01", "2024-02-29");
    }
}
