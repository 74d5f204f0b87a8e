//! The time that another is compared with.

use chrono::{Months, NaiveDate};
use wasmill_model::query::TimeRange;

use crate::config::Compare;

/// The time before; none of one without a beginning or an end, or that is not of whole days. The time before whole months is
/// as many months, whatever their days: of January it is December.
pub fn range(range: &TimeRange, compare: Compare) -> Option<TimeRange> {
    let (from, before) = (day(range.from.as_deref()?)?, day(range.before.as_deref()?)?);
    let (from, before) = match compare {
        Compare::Year => (from.checked_sub_months(Months::new(12))?, before.checked_sub_months(Months::new(12))?),
        Compare::Previous => match months(from, before) {
            Some(months) => (from.checked_sub_months(months)?, from),
            None => (from.checked_sub_signed(before.signed_duration_since(from))?, from),
        },
    };
    let text = |day: NaiveDate| Some(day.to_string());
    Some(TimeRange { dimension: range.dimension.clone(), from: text(from), before: text(before) })
}

fn day(text: &str) -> Option<NaiveDate> {
    text.parse().ok()
}

/// How many months a time has, if it is one of whole months.
fn months(from: NaiveDate, before: NaiveDate) -> Option<Months> {
    use chrono::Datelike;

    let count = (before.year() - from.year()) * 12 + before.month() as i32 - from.month() as i32;
    let is_whole = from.day() == 1 && before.day() == 1 && count > 0;
    is_whole.then(|| Months::new(count.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_before_is_as_long() {
        let check = |from: &str, before: &str, compare, expect: Option<(&str, &str)>| {
            let asked = TimeRange { dimension: "d".into(), from: Some(from.into()), before: Some(before.into()) };
            let found = range(&asked, compare).map(|found| (found.from.unwrap(), found.before.unwrap()));
            assert_eq!(found, expect.map(|(from, before)| (from.to_owned(), before.to_owned())), "{from} {before}");
        };
        check("2013-01-08", "2013-01-15", Compare::Previous, Some(("2013-01-01", "2013-01-08")));
        check("2013-03-01", "2013-04-01", Compare::Previous, Some(("2013-02-01", "2013-03-01")));
        check("2013-01-01", "2013-04-01", Compare::Previous, Some(("2012-10-01", "2013-01-01")));
        check("2013-03-01", "2013-04-01", Compare::Year, Some(("2012-03-01", "2012-04-01")));
        check("2012-02-29", "2012-03-01", Compare::Year, Some(("2011-02-28", "2011-03-01")));
        check("2013-01-01T06:00:00", "2013-01-02", Compare::Previous, None);
    }
}
