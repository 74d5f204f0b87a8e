//! How many may do something at once.

use std::num::NonZeroU16;
use std::sync::{Condvar, Mutex, PoisonError};

/// Permits for something that several threads do; each waits for one.
#[derive(Debug, Default)]
pub struct Permits(Option<Limit>);

#[derive(Debug)]
struct Limit {
    free: Mutex<u16>,
    returned: Condvar,
}

impl Permits {
    /// So many, or any number.
    pub fn new(count: Option<NonZeroU16>) -> Self {
        Self(count.map(|count| Limit { free: Mutex::new(count.get()), returned: Condvar::new() }))
    }

    /// Does something once there is a permit for it.
    pub fn with<T>(&self, work: impl FnOnce() -> T) -> T {
        let Some(limit) = &self.0 else { return work() };
        let free = limit.free.lock().unwrap_or_else(PoisonError::into_inner);
        let mut free = limit.returned.wait_while(free, |free| *free == 0).unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
        drop(free);
        // Given back also if the work panics.
        let _permit = Permit(limit);
        work()
    }
}

struct Permit<'a>(&'a Limit);

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.returned.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn no_more_work_at_once_than_there_are_permits() {
        let permits = Permits::new(NonZeroU16::new(2));
        let (now, most, pair) = (AtomicUsize::new(0), AtomicUsize::new(0), Barrier::new(2));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    permits.with(|| {
                        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        pair.wait();
                        now.fetch_sub(1, Ordering::SeqCst);
                    });
                });
            }
        });
        assert_eq!(most.into_inner(), 2);
        let permits = Permits::new(NonZeroU16::new(1));
        let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| permits.with(|| panic!("on purpose"))));
        assert!(failed.is_err());
        assert_eq!(permits.with(|| 1), 1);
    }
}
