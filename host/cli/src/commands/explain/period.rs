//! Periods of days.

use std::str::FromStr;

use anyhow::{Context, Result, bail};
use chrono::{Days, Months, NaiveDate};

/// Some days, the last one not included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// The first day.
    pub first: NaiveDate,
    /// The day after the last.
    pub end: NaiveDate,
}

impl Period {
    /// How many days.
    pub fn days(self) -> u64 {
        (self.end - self.first).num_days().unsigned_abs()
    }

    /// The periods of the same length before it, as many as asked for, the latest first: each begins on the same day of the week.
    pub fn before(self, count: u32) -> Result<Vec<Self>> {
        let apart = self.days().div_ceil(7) * 7;
        let back = |number: u32| {
            let days = Days::new(apart * u64::from(number));
            Some(Self { first: self.first.checked_sub_days(days)?, end: self.end.checked_sub_days(days)? })
        };
        (1..=count).map(|number| back(number).context("--history goes back before time begins")).collect()
    }
}

impl FromStr for Period {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let Some((first, last)) = text.split_once("..") else { return one(text) };
        let (first, last) = (one(first)?, one(last)?);
        if first.first >= last.end {
            bail!("the period `{text}` ends before it begins");
        }
        Ok(Self { first: first.first, end: last.end })
    }
}

/// A day, a month or a year.
fn one(text: &str) -> Result<Period> {
    let parse = |text: &str| text.parse::<NaiveDate>().ok();
    let period = match text.len() {
        4 => {
            parse(&format!("{text}-01-01")).and_then(|first| Some((first, first.checked_add_months(Months::new(12))?)))
        }
        7 => parse(&format!("{text}-01")).and_then(|first| Some((first, first.checked_add_months(Months::new(1))?))),
        10 => parse(text).and_then(|first| Some((first, first.succ_opt()?))),
        _ => None,
    };
    let (first, end) = period.with_context(|| {
        format!("`{text}` is no period\nhint: 2013, 2013-01, 2013-01-25, or two of them with `..` between")
    })?;
    Ok(Period { first, end })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_read() {
        let check = |text: &str, first: &str, end: &str| {
            let period: Period = text.parse().unwrap();
            assert_eq!(
                (period.first.to_string(), period.end.to_string()),
                (first.to_owned(), end.to_owned()),
                "{text}"
            );
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
        let firsts: Vec<String> = period.before(2).unwrap().iter().map(|period| period.first.to_string()).collect();
        assert_eq!(firsts, ["2013-01-23", "2013-01-16"]);
        let month: Period = "2013-02".parse().unwrap();
        assert_eq!(month.before(1).unwrap(), ["2013-01-04..2013-01-31".parse().unwrap()]);
    }
}
