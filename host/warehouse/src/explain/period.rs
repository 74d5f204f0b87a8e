//! Periods of time.

use std::str::FromStr;

use chrono::{Days, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};
use serde::Serialize;

/// A time from a moment on, until before another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// The first moment.
    pub first: NaiveDateTime,
    /// The first moment after it.
    pub end: NaiveDateTime,
}

/// Why a text is no period.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeriodError {
    /// It is none.
    #[error("`{0}` is no period\nhint: 2013, 2013-01, 2013-01-25, or two of them with `..` between")]
    Form(String),
    /// Its end is before its beginning.
    #[error("the period `{0}` ends before it begins")]
    Backwards(String),
}

impl Period {
    /// Between two moments as a semantic model has them: `2013-01-31`, `2013-01-31T12:00:00`. None if they are not, or the
    /// second is not after the first.
    pub fn between(from: &str, before: &str) -> Option<Self> {
        let (first, end) = (Self::moment(from)?, Self::moment(before)?);
        (first < end).then_some(Self { first, end })
    }

    /// A moment as a semantic model has it.
    pub(crate) fn moment(text: &str) -> Option<NaiveDateTime> {
        if let Ok(day) = text.parse::<NaiveDate>() {
            return Some(day.and_time(NaiveTime::MIN));
        }
        let text = text.replacen(' ', "T", 1);
        let forms = ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M"];
        forms.iter().find_map(|form| NaiveDateTime::parse_from_str(&text, form).ok())
    }

    /// How long it is.
    pub fn length(self) -> TimeDelta {
        self.end - self.first
    }

    /// What is of it and not of another one: what is before that, and what is after it.
    pub fn without(self, other: Self) -> Vec<Self> {
        let before = Self { first: self.first, end: self.end.min(other.first) };
        let after = Self { first: self.first.max(other.end), end: self.end };
        [before, after].into_iter().filter(|period| period.first < period.end).collect()
    }

    /// The periods of the same length before it, as many as asked for, the latest first: each begins on the same day of the
    /// week, at the same time of day. Fewer if time begins before.
    pub fn before(self, count: u32) -> Vec<Self> {
        let week = TimeDelta::weeks(1).num_seconds();
        let weeks = (self.length().num_seconds() + week - 1).div_euclid(week).unsigned_abs();
        let back = |number: u32| {
            let days = Days::new(7 * weeks * u64::from(number));
            Some(Self { first: self.first.checked_sub_days(days)?, end: self.end.checked_sub_days(days)? })
        };
        (1..=count).map_while(back).collect()
    }
}

/// A moment as a semantic model has it: a day, if it is the first of a day.
pub(crate) fn written(moment: NaiveDateTime) -> String {
    if moment.time() == NaiveTime::MIN {
        return moment.date().to_string();
    }
    moment.format("%Y-%m-%dT%H:%M:%S").to_string()
}

/// As `{ "from": …, "before": … }`.
impl Serialize for Period {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map([("from", written(self.first)), ("before", written(self.end))])
    }
}

impl FromStr for Period {
    type Err = PeriodError;

    /// As people type them: `2013`, `2013-01`, `2013-01-25` or `2013-01-25..2013-01-31`, of which the last day is part.
    fn from_str(text: &str) -> Result<Self, PeriodError> {
        let Some((first, last)) = text.split_once("..") else { return one(text) };
        let (first, last) = (one(first)?, one(last)?);
        if first.first >= last.end {
            return Err(PeriodError::Backwards(text.to_owned()));
        }
        Ok(Self { first: first.first, end: last.end })
    }
}

/// A day, a month or a year.
fn one(text: &str) -> Result<Period, PeriodError> {
    let parse = |text: &str| text.parse::<NaiveDate>().ok();
    let months = |first: NaiveDate, count| Some((first, first.checked_add_months(Months::new(count))?));
    let period = match text.len() {
        4 => parse(&format!("{text}-01-01")).and_then(|first| months(first, 12)),
        7 => parse(&format!("{text}-01")).and_then(|first| months(first, 1)),
        10 => parse(text).and_then(|first| Some((first, first.succ_opt()?))),
        _ => None,
    };
    let (first, end) = period.ok_or_else(|| PeriodError::Form(text.to_owned()))?;
    Ok(Period { first: first.and_time(NaiveTime::MIN), end: end.and_time(NaiveTime::MIN) })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test stops where it is wrong")]
mod tests {
    use super::*;

    #[test]
    fn periods_are_read() {
        let check = |text: &str, first: &str, end: &str| {
            let period: Period = text.parse().unwrap();
            assert_eq!((written(period.first), written(period.end)), (first.to_owned(), end.to_owned()), "{text}");
        };
        check("2013", "2013-01-01", "2014-01-01");
        check("2012-02", "2012-02-01", "2012-03-01");
        check("2013-12-31", "2013-12-31", "2014-01-01");
        check("2013-01-25..2013-01-31", "2013-01-25", "2013-02-01");
        check("2013-01..2013-02", "2013-01-01", "2013-03-01");
        for bad in ["", "13", "2013-1", "2013-02-30", "2013-02..2013-01", "a..b"] {
            assert!(bad.parse::<Period>().is_err(), "{bad}");
        }
    }

    #[test]
    fn periods_before_begin_on_the_same_day_of_the_week() {
        let period: Period = "2013-01-30..2013-01-31".parse().unwrap();
        let firsts: Vec<String> = period.before(2).iter().map(|period| written(period.first)).collect();
        assert_eq!(firsts, ["2013-01-23", "2013-01-16"]);
        let month: Period = "2013-02".parse().unwrap();
        assert_eq!(month.before(1), ["2013-01-04..2013-01-31".parse().unwrap()]);
        let rest = month.without("2013-02-01..2013-02-03".parse().unwrap());
        assert_eq!(rest, ["2013-02-04..2013-02-28".parse().unwrap()]);
        assert_eq!(month.without("2013-02-10".parse().unwrap()).len(), 2);
        assert_eq!(month.without("2013".parse().unwrap()), []);
        let hour = Period::between("2013-01-31T05:00:00", "2013-01-31 06:00").unwrap();
        assert_eq!(hour.before(1), [Period::between("2013-01-24T05:00", "2013-01-24T06:00").unwrap()]);
        assert_eq!(written(hour.first), "2013-01-31T05:00:00");
        assert_eq!(Period::between("2013-01-31", "2013-01-31"), None);
    }
}
