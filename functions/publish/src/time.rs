//! Dates and timestamps as RFC 3339 text.

use std::io::Write;

const SECONDS_PER_DAY: i64 = 86_400;

/// Writes a date of the Gregorian calendar, given in days since 1970-01-01. Years outside of 0 to 9999 have a
/// sign and six digits, as in ECMAScript.
pub fn write_date(days: i64, out: &mut Vec<u8>) {
    // Years start in March here, so that a leap day is the last of its year, and months are runs of 153 days
    // each five. 719,468 days lie between 0000-03-01 and 1970-01-01, 146,097 in 400 years.
    let shifted = days.saturating_add(719_468);
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = year_of_era + era * 400 + next;
    if (0..=9999).contains(&year) {
        digits(year, 1_000, out);
    } else {
        write!(out, "{year:+07}").ok();
    }
    out.push(b'-');
    digits(month, 10, out);
    out.push(b'-');
    digits(day, 10, out);
}

/// Writes a timestamp, given in so many parts of a second (1, 1,000, 1,000,000 or 1,000,000,000) since
/// 1970-01-01T00:00:00Z: in UTC, with as many groups of three digits after the second as it needs.
pub fn write_timestamp(value: i64, parts: i64, out: &mut Vec<u8>) {
    let parts = parts.max(1);
    let (seconds, mut fraction) = (value.div_euclid(parts), value.rem_euclid(parts));
    write_date(seconds.div_euclid(SECONDS_PER_DAY), out);
    let second = seconds.rem_euclid(SECONDS_PER_DAY);
    for (mark, value) in [(b'T', second / 3_600), (b':', second / 60 % 60), (b':', second % 60)] {
        out.push(mark);
        digits(value, 10, out);
    }
    let mut place = parts;
    if fraction > 0 {
        out.push(b'.');
    }
    while fraction > 0 && place >= 1_000 {
        place /= 1_000;
        digits(fraction / place, 100, out);
        fraction %= place;
    }
    out.push(b'Z');
}

/// Writes the decimal digits of a number from this place on.
fn digits(value: i64, mut place: i64, out: &mut Vec<u8>) {
    while place > 0 {
        out.push(b'0' + u8::try_from(value / place % 10).unwrap_or(0));
        place /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn days_are_dates() {
        let check = |days: i64, expected: &str| assert_eq!(text(|out| write_date(days, out)), expected);
        check(0, "1970-01-01");
        check(-1, "1969-12-31");
        check(15_736, "2013-01-31");
        check(11_016, "2000-02-29");
        check(11_017, "2000-03-01");
        check(47_541, "2100-03-01");
        check(-719_528, "0000-01-01");
        check(-719_529, "-000001-12-31");
        check(2_932_897, "+010000-01-01");
    }

    #[test]
    fn timestamps_have_the_digits_that_they_need() {
        let check = |value: i64, parts: i64, expected: &str| {
            assert_eq!(text(|out| write_timestamp(value, parts, out)), expected);
        };
        check(1_359_590_400, 1, "2013-01-31T00:00:00Z");
        check(1_359_676_799_000, 1_000, "2013-01-31T23:59:59Z");
        check(1_500, 1_000, "1970-01-01T00:00:01.500Z");
        check(1_000_001, 1_000_000, "1970-01-01T00:00:01.000001Z");
        check(1_020_000, 1_000_000, "1970-01-01T00:00:01.020Z");
        check(7, 1_000_000_000, "1970-01-01T00:00:00.000000007Z");
        check(-1, 1_000_000, "1969-12-31T23:59:59.999999Z");
    }
}
