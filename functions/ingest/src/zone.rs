//! From a clock on the wall to an instant, with the changes of clocks.

use chrono::{DateTime, MappedLocalTime, NaiveDateTime, Offset, TimeDelta, TimeZone};
use chrono_tz::Tz;

use crate::config::Ambiguous;

/// Why a text is no instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoInstant {
    /// It is not a time of the format.
    Malformed,
    /// Clocks skipped it.
    Skipped,
    /// Clocks showed it twice.
    Twice,
}

/// The instant when clocks of `zone` showed `local`, both in microseconds since 1970. A time that they
/// skipped may be two instants as well: with the offset after the change, the earlier, and before it, the later.
pub fn instant(local: i64, zone: Tz, ambiguous: Ambiguous) -> Result<i64, NoInstant> {
    let time = DateTime::from_timestamp_micros(local).ok_or(NoInstant::Malformed)?.naive_utc();
    let micros = |offset: i32| local.checked_sub(i64::from(offset) * 1_000_000).ok_or(NoInstant::Malformed);
    let (earliest, latest, problem) = match zone.offset_from_local_datetime(&time) {
        MappedLocalTime::Single(offset) => return micros(offset.fix().local_minus_utc()),
        MappedLocalTime::Ambiguous(one, other) => {
            let (one, other) = (one.fix().local_minus_utc(), other.fix().local_minus_utc());
            (one.max(other), one.min(other), NoInstant::Twice)
        }
        // Offsets are from -12 to +14 hours, so the change is between these two.
        MappedLocalTime::None => (offset_at(time, 13, zone)?, offset_at(time, -15, zone)?, NoInstant::Skipped),
    };
    match ambiguous {
        Ambiguous::Reject => Err(problem),
        Ambiguous::Earliest => micros(earliest),
        Ambiguous::Latest => micros(latest),
    }
}

/// The offset of `zone` some hours after `time` (UTC), in seconds.
fn offset_at(time: NaiveDateTime, hours: i64, zone: Tz) -> Result<i32, NoInstant> {
    let time = time.checked_add_signed(TimeDelta::hours(hours)).ok_or(NoInstant::Malformed)?;
    Ok(zone.offset_from_utc_datetime(&time).fix().local_minus_utc())
}
