//! The clocks: both stand still, the wall clock at the event's time, so that a replay sees what the first run
//! saw. Nothing a function could wait for happens on a clock, so a sleep is over at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::p2::bindings::sync::clocks::monotonic_clock::{self, Host, Instant};
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};
use wasmtime_wasi::{HostWallClock, async_trait};

/// The event's time, in microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Default)]
pub struct EventTime(Arc<AtomicI64>);

impl EventTime {
    /// Sets it.
    pub fn set(&self, micros: i64) {
        self.0.store(micros, Ordering::Relaxed);
    }
}

impl HostWallClock for EventTime {
    fn resolution(&self) -> Duration {
        Duration::from_micros(1)
    }

    fn now(&self) -> Duration {
        // WASI's clock has no times before 1970.
        Duration::from_micros(u64::try_from(self.0.load(Ordering::Relaxed)).unwrap_or(0))
    }
}

/// The monotonic clock, which always says 0.
pub struct StillClock<'a>(
    /// Where what it gives to wait for is kept.
    pub &'a mut ResourceTable,
);

/// Something that has happened already.
struct Past;

#[async_trait]
impl Pollable for Past {
    async fn ready(&mut self) {}
}

impl StillClock<'_> {
    fn past(&mut self) -> wasmtime::Result<Resource<DynPollable>> {
        let past = self.0.push(Past)?;
        subscribe(self.0, past)
    }
}

impl Host for StillClock<'_> {
    fn now(&mut self) -> wasmtime::Result<Instant> {
        Ok(0)
    }

    fn resolution(&mut self) -> wasmtime::Result<u64> {
        Ok(1)
    }

    fn subscribe_instant(&mut self, _: Instant) -> wasmtime::Result<Resource<DynPollable>> {
        self.past()
    }

    fn subscribe_duration(&mut self, _: u64) -> wasmtime::Result<Resource<DynPollable>> {
        self.past()
    }
}

/// How the linker finds the clock.
pub struct HasClock;

impl HasData for HasClock {
    type Data<'a> = StillClock<'a>;
}

/// Puts the clock into the place of WASI's, which the linker must allow to be shadowed.
pub fn add_to_linker<T: 'static>(linker: &mut Linker<T>, get: fn(&mut T) -> StillClock<'_>) -> wasmtime::Result<()> {
    monotonic_clock::add_to_linker::<T, HasClock>(linker, get)
}
