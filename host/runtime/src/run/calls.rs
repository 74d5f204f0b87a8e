//! Calls of functions: how often, and for how long.

use std::thread;
use std::time::{Duration, Instant};

use crate::backoff;
use crate::failure::{Cause, Failure, Fault};
use crate::plan::RetryPlan;

/// The longest that an attempt at an event may take, and since when it does.
#[derive(Debug, Clone, Copy)]
pub struct Timeout {
    started: Instant,
    longest: Option<Duration>,
}

impl Timeout {
    /// From now on; none: any time.
    pub fn new(longest: Option<Duration>) -> Self {
        Self { started: Instant::now(), longest }
    }

    /// A fault if it is over.
    pub fn check(&self) -> Result<(), Failure> {
        match self.longest {
            Some(longest) if self.started.elapsed() >= longest => {
                Err(Failure::Fault(Fault { cause: Cause::Timeout(longest), printed: String::new() }))
            }
            _ => Ok(()),
        }
    }
}

/// Calls until it succeeds, or fails as the plan does not bear; with the number of the call, from 1 on.
pub fn with_retries<T>(
    plan: &RetryPlan,
    timeout: &Timeout,
    mut call: impl FnMut(u32) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let mut attempt = 1;
    loop {
        timeout.check()?;
        let failure = match call(attempt) {
            Ok(answer) => return Ok(answer),
            Err(failure) => failure,
        };
        let again = match failure {
            Failure::Retry(_) => plan.on_retry,
            Failure::Fault(_) => plan.on_fault,
            Failure::Reject(_) => false,
        };
        if !again || attempt >= plan.attempts {
            return Err(failure);
        }
        thread::sleep(backoff::wait(plan.backoff, plan.longest, attempt));
        attempt += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(on_retry: bool, on_fault: bool) -> RetryPlan {
        RetryPlan { attempts: 3, backoff: Duration::ZERO, longest: Duration::ZERO, on_retry, on_fault }
    }

    #[test]
    fn what_fails_is_called_again_as_often_as_the_plan_says() {
        let retry = || Failure::Retry("later".into());
        let fault = || Failure::Fault(Fault { cause: Cause::Stack, printed: String::new() });
        let reject = || Failure::Reject("no".into());
        let calls = |plan, failure: &dyn Fn() -> Failure| {
            let mut calls = 0;
            let result = with_retries(&plan, &Timeout::new(None), |attempt| {
                calls += 1;
                assert_eq!(attempt, calls);
                Err::<(), _>(failure())
            });
            assert_eq!(result, Err(failure()));
            calls
        };
        assert_eq!(calls(plan(true, false), &retry), 3);
        assert_eq!(calls(plan(false, true), &retry), 1);
        assert_eq!(calls(plan(true, false), &fault), 1);
        assert_eq!(calls(plan(true, true), &fault), 3);
        assert_eq!(calls(plan(true, true), &reject), 1);
        let second = with_retries(&plan(true, true), &Timeout::new(None), |attempt| match attempt {
            1 => Err(retry()),
            _ => Ok(attempt),
        });
        assert_eq!(second, Ok(2));
        let over = with_retries(&plan(true, true), &Timeout::new(Some(Duration::ZERO)), |_| Ok(()));
        assert_eq!(
            over.unwrap_err().to_string(),
            "timeout: the event took longer than 0ns\nhint: give it more time with `[delivery] timeout_seconds = …`"
        );
    }
}
