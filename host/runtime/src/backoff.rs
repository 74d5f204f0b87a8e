//! How long to wait before something that failed is tried again.

use std::time::Duration;

use rand::Rng;

/// The wait after the attempt of this number, from 1 on: twice as long each time, up to `longest`, half of it left to
/// chance, so that what failed together does not come back together.
pub fn wait(first: Duration, longest: Duration, attempt: u32) -> Duration {
    let doubled = first.saturating_mul(1_u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX));
    doubled.min(longest).mul_f64(rand::rng().random_range(0.5..=1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_doubles_up_to_the_longest() {
        let seconds = Duration::from_secs;
        for (attempt, most) in [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (40, 60), (u32::MAX, 60)] {
            let wait = wait(seconds(1), seconds(60), attempt);
            assert!(wait <= seconds(most) && wait >= seconds(most) / 2, "{attempt}: {wait:?}");
        }
    }
}
