//! Dates and times from text.

use std::fmt::Write;
use std::sync::Arc;

use chrono::format::{Item, Parsed, StrftimeItems, parse};
use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, TimeDelta};
use chrono_tz::Tz;

use crate::config::Ambiguous;
use crate::number::{Excess, decimal};
use crate::zone::{self, NoInstant};

/// How times are written.
#[derive(Debug, Clone)]
pub enum Layout {
    /// As in RFC 3339, with or without an offset, seconds or time of day.
    Iso,
    /// As strftime writes them.
    Pattern(Arc<[Item<'static>]>),
    /// As a number of seconds since 1970-01-01T00:00:00Z (6) or milliseconds (3): the number says how many
    /// digits are left to microseconds.
    Unix(u8),
}

/// How a column's timestamps are read.
#[derive(Debug, Clone)]
pub struct TimestampFormat {
    /// How they are written.
    pub layout: Layout,
    /// Where a time without an offset was read off a clock.
    pub zone: Tz,
    /// What is meant by a time that clocks there showed twice or skipped.
    pub ambiguous: Ambiguous,
}

impl TimestampFormat {
    /// Microseconds since 1970-01-01T00:00:00Z. Digits beyond microseconds are dropped.
    pub fn parse(&self, text: &[u8]) -> Result<i64, NoInstant> {
        let (local, offset) = match &self.layout {
            Layout::Iso => iso_time(text),
            Layout::Pattern(items) => pattern_time(text, items),
            Layout::Unix(scale) => {
                decimal(text, *scale, Excess::Drop).and_then(|micros| Some((micros.try_into().ok()?, Some(0))))
            }
        }
        .ok_or(NoInstant::Malformed)?;
        self.instant(local, offset)
    }

    /// The instant when clocks showed `local`, with that offset in seconds or in the column's zone.
    pub fn instant(&self, local: i64, offset: Option<i64>) -> Result<i64, NoInstant> {
        let instant = match offset {
            Some(seconds) => local.checked_sub(seconds * 1_000_000).ok_or(NoInstant::Malformed)?,
            None if self.zone == Tz::UTC => local,
            None => zone::instant(local, self.zone, self.ambiguous)?,
        };
        if INSTANTS.contains(&instant) { Ok(instant) } else { Err(NoInstant::Malformed) }
    }
}

/// The years 1 to 9999, which is what RFC 3339 and SQL can write; milliseconds taken for seconds fall outside.
const INSTANTS: std::ops::Range<i64> = -62_135_596_800_000_000..253_402_300_800_000_000;

/// The same years, in days since 1970-01-01.
pub const DAYS: std::ops::Range<i32> = -719_162..2_932_897;

/// Days since 1970-01-01.
pub fn date(text: &[u8], layout: &Layout) -> Option<i32> {
    match layout {
        Layout::Iso => match iso_date(text)? {
            (days, []) => Some(days),
            _ => None,
        },
        Layout::Pattern(items) => Some(days(fields(text, items)?.to_naive_date().ok()?)),
        Layout::Unix(_) => None,
    }
}

/// Takes a strftime pattern apart. An error if it cannot be read back, or leaves the date open.
pub fn pattern(format: &str) -> Result<Layout, String> {
    let items = StrftimeItems::new(format).parse_to_owned().map_err(|_| "it is not a strftime pattern".to_owned())?;
    let sample = DateTime::UNIX_EPOCH + TimeDelta::seconds(981_173_106);
    let mut text = String::new();
    write!(text, "{}", sample.fixed_offset().format_with_items(items.iter()))
        .map_err(|_| "it is not a strftime pattern".to_owned())?;
    match pattern_time(text.as_bytes(), &items) {
        Some(_) => Ok(Layout::Pattern(items.into())),
        None => Err(format!("it does not say which day and time `{text}` is")),
    }
}

/// Microseconds since 1970 on the clock, and the offset in seconds if there is one.
type ClockTime = (i64, Option<i64>);

fn iso_time(text: &[u8]) -> Option<ClockTime> {
    let (days, rest) = iso_date(text)?;
    let midnight = i64::from(days) * 86_400_000_000;
    let rest = match rest {
        [] => return Some((midnight, None)),
        [b'T' | b't' | b' ', rest @ ..] => rest,
        _ => return None,
    };
    let (hour, minute, rest) = match rest {
        [h1, h2, b':', m1, m2, rest @ ..] => (pair(*h1, *h2, 23)?, pair(*m1, *m2, 59)?, rest),
        _ => return None,
    };
    let (second, rest) = match rest {
        // A leap second counts as the first of the next minute.
        [b':', s1, s2, rest @ ..] => (pair(*s1, *s2, if minute == 59 { 60 } else { 59 })?, rest),
        rest => (0, rest),
    };
    let (micros, rest) = match rest {
        [b'.' | b',', rest @ ..] => fraction(rest)?,
        rest => (0, rest),
    };
    let local = midnight + ((hour * 60 + minute) * 60 + second) * 1_000_000 + micros;
    Some((local, iso_offset(rest)?))
}

fn iso_date(text: &[u8]) -> Option<(i32, &[u8])> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, rest @ ..] = text else { return None };
    let year = pair(*y1, *y2, 99)? * 100 + pair(*y3, *y4, 99)?;
    let (month, day) = (pair(*m1, *m2, 12)?, pair(*d1, *d2, 31)?);
    let date = NaiveDate::from_ymd_opt(year.try_into().ok()?, month.try_into().ok()?, day.try_into().ok()?)?;
    Some((days(date), rest))
}

/// `Z`, `+01:00`, `+0100`, `+01`, or nothing.
fn iso_offset(text: &[u8]) -> Option<Option<i64>> {
    let (sign, digits) = match text {
        [] => return Some(None),
        [b'Z' | b'z'] => return Some(Some(0)),
        [b'+', digits @ ..] => (1, digits),
        [b'-', digits @ ..] => (-1, digits),
        _ => return None,
    };
    let minutes = match digits {
        [h1, h2] => pair(*h1, *h2, 23)? * 60,
        [h1, h2, b':', m1, m2] | [h1, h2, m1, m2] => pair(*h1, *h2, 23)? * 60 + pair(*m1, *m2, 59)?,
        _ => return None,
    };
    Some(Some(sign * minutes * 60))
}

/// The digits that lead `text`, as microseconds.
fn fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let (digits, rest) = text.split_at(text.iter().take_while(|byte| byte.is_ascii_digit()).count());
    let digit = |place| digits.get(place).map_or(0, |byte| i64::from(byte - b'0'));
    (!digits.is_empty()).then(|| ((0..6).fold(0, |micros, place| micros * 10 + digit(place)), rest))
}

/// Two digits, at most `max`.
fn pair(tens: u8, ones: u8, max: i64) -> Option<i64> {
    let value = i64::from(tens.wrapping_sub(b'0')) * 10 + i64::from(ones.wrapping_sub(b'0'));
    (tens.is_ascii_digit() && ones.is_ascii_digit() && value <= max).then_some(value)
}

fn days(date: NaiveDate) -> i32 {
    date.num_days_from_ce() - 719_163
}

fn fields(text: &[u8], items: &[Item<'static>]) -> Option<Parsed> {
    let mut parsed = Parsed::new();
    parse(&mut parsed, str::from_utf8(text).ok()?, items.iter()).ok()?;
    Some(parsed)
}

fn pattern_time(text: &[u8], items: &[Item<'static>]) -> Option<ClockTime> {
    let mut parsed = fields(text, items)?;
    if parsed.timestamp().is_some() {
        let local = parsed.to_naive_datetime_with_offset(0).ok()?;
        return Some((local.and_utc().timestamp_micros(), Some(0)));
    }
    if parsed.minute().is_none() {
        parsed.set_minute(0).ok()?;
    }
    let time = match parsed.to_naive_time() {
        Ok(time) => time,
        Err(_) if parsed.hour_mod_12().is_none() && parsed.hour_div_12().is_none() => NaiveTime::MIN,
        Err(_) => return None,
    };
    let local = parsed.to_naive_date().ok()?.and_time(time);
    Some((local.and_utc().timestamp_micros(), parsed.offset().map(i64::from)))
}
