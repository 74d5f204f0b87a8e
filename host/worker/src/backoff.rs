//! How long to wait before something is tried again.

use std::time::Duration;

use rand::Rng;

/// How long to wait after the journal, or what effects go to, did not answer.
pub const PAUSE: Duration = Duration::from_secs(1);

/// The longest wait before another attempt.
const LONGEST: Duration = Duration::from_secs(60);

/// The wait after an attempt: twice as long each time, half of it left to chance, so that what failed together does not come
/// back together.
pub fn backoff(first: Duration, attempt: u32) -> Duration {
    let doubled = first.saturating_mul(1_u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX));
    doubled.min(LONGEST).mul_f64(rand::rng().random_range(0.5..=1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_doubles_up_to_a_minute_and_half_of_it_is_chance() {
        for (attempt, most) in [(1, 1.0), (2, 2.0), (6, 32.0), (7, 60.0), (40, 60.0), (u32::MAX, 60.0)] {
            let wait = backoff(Duration::from_secs(1), attempt).as_secs_f64();
            assert!(wait >= most / 2.0 && wait <= most, "attempt {attempt}: {wait} s");
        }
    }
}
