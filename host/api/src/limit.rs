//! How much each caller may ask for: a token bucket (GCRA) for each.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use wasmill_access::config::Limits;

/// After how many requests callers are forgotten that asked for little.
const FORGET: u32 = 10_000;

/// Who asked for how much.
#[derive(Default)]
pub struct Limiter(Mutex<Option<Counted>>);

struct Counted {
    limits: Limits,
    callers: Arc<DefaultKeyedRateLimiter<String>>,
    requests: u32,
}

impl Limiter {
    /// Counts a request; after how many seconds it may be sent again if it is one too many.
    pub fn check(&self, limits: Limits, caller: String) -> Result<(), u64> {
        let callers = {
            let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let counted = match &mut *counted {
                Some(counted) if counted.limits == limits => counted,
                // The rules changed.
                other => {
                    other.insert(Counted { limits, callers: Arc::new(RateLimiter::keyed(quota(limits))), requests: 0 })
                }
            };
            counted.requests += 1;
            if counted.requests >= FORGET {
                counted.requests = 0;
                counted.callers.retain_recent();
            }
            counted.callers.clone()
        };
        callers.check_key(&caller).map_err(|too_many| {
            let wait = too_many.wait_time_from(DefaultClock::default().now());
            wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
        })
    }
}

fn quota(limits: Limits) -> Quota {
    let twice = limits.requests_per_second.saturating_mul(NonZeroU32::MIN.saturating_add(1));
    Quota::per_second(limits.requests_per_second).allow_burst(limits.burst.unwrap_or(twice))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_caller_has_a_burst_of_their_own() {
        let limiter = Limiter::default();
        let limits = Limits { requests_per_second: NonZeroU32::MIN, burst: NonZeroU32::new(3) };
        let ask = |name: &str| limiter.check(limits, name.to_owned());
        for _ in 0..3 {
            assert_eq!(ask("ada"), Ok(()));
        }
        assert_eq!(ask("ada"), Err(1));
        assert_eq!(ask("bob"), Ok(()));
        // With other limits it is counted anew.
        let more = Limits { burst: NonZeroU32::new(4), ..limits };
        assert_eq!(limiter.check(more, "ada".to_owned()), Ok(()));
    }
}
