//! Days of the calendar, as far as a query's time range needs them.

use std::fmt;

use crate::model::Granularity;

/// A day. They are compared as they follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Date {
    year: i64,
    month: i64,
    day: i64,
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// A moment: a day, and the seconds of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment {
    pub(crate) date: Date,
    pub(crate) seconds: i64,
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
        let mut parts = time.split(':');
        let hour = digits(parts.next()?, 2)?;
        let minute = digits(parts.next()?, 2)?;
        let second = parts.next().map_or(Some(0), |second| digits(second, 2))?;
        let is_time = parts.next().is_none() && hour < 24 && minute < 60 && second < 60;
        is_time.then_some(Self { date, seconds: hour * 3600 + minute * 60 + second })
    }

    /// The time of day.
    pub(crate) fn time(self) -> String {
        format!("{:02}:{:02}:{:02}", self.seconds / 3600, self.seconds / 60 % 60, self.seconds % 60)
    }
}

impl Date {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let date =
            Self { year: digits(parts.next()?, 4)?, month: digits(parts.next()?, 2)?, day: digits(parts.next()?, 2)? };
        let is_date = parts.next().is_none() && (1..=12).contains(&date.month) && Self::of_days(date.days()) == date;
        is_date.then_some(date)
    }

    /// The first day of the period that the day is in.
    pub(crate) fn start_of(self, granularity: Granularity) -> Self {
        match granularity {
            Granularity::Year => Self { month: 1, day: 1, ..self },
            Granularity::Quarter => Self { month: (self.month - 1) / 3 * 3 + 1, day: 1, ..self },
            Granularity::Month => Self { day: 1, ..self },
            // Day 0, 1970-01-01, was a Thursday.
            Granularity::Week => Self::of_days(self.days() - (self.days() + 3).rem_euclid(7)),
            Granularity::Day | Granularity::Hour => self,
        }
    }

    /// The first day of the last period that is over before this day begins.
    pub(crate) fn last_before(self, granularity: Granularity) -> Self {
        Self::of_days(self.days() - 1).start_of(granularity)
    }

    /// Days since 1970-01-01, by Howard Hinnant's `days_from_civil`.
    fn days(self) -> i64 {
        let year = if self.month <= 2 { self.year - 1 } else { self.year };
        let era = year.div_euclid(400);
        let year_of_era = year - era * 400;
        let month = (self.month + 9) % 12;
        let day_of_year = (153 * month + 2) / 5 + self.day - 1;
        era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
    }

    /// The inverse, `civil_from_days`.
    fn of_days(days: i64) -> Self {
        let days = days + 719_468;
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
        let month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        Self { year: year + era * 400 + i64::from(month <= 2), month, day }
    }
}

fn digits(text: &str, count: usize) -> Option<i64> {
    (text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

#[cfg(test)]
#[expect(clippy::expect_used, reason = "a test stops where it is wrong")]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_a_moment_is_read_as_one() {
        let check = |text: &str, expect: Option<(&str, i64)>| {
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
