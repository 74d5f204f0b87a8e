//! Requests, and time: what an adapter needs of its surroundings. Tests have their own.

use std::time::{Duration, SystemTime};

use http::{Request, Response};
use wasmill_sdk::Failure;

/// What an adapter needs of its surroundings.
pub trait Web {
    /// Sends requests, some at the same time; the answers are in the order of the requests.
    fn send_all(&mut self, requests: Vec<Request<Vec<u8>>>) -> Vec<Result<Response<Vec<u8>>, Failure>>;
    /// The value of a setting, if there is one that is not empty.
    fn setting(&self, name: &str) -> Option<String>;
    /// What time it is.
    fn now(&self) -> SystemTime;
    /// Waits.
    fn sleep(&mut self, time: Duration);
}

/// How many requests are on their way at once. Half of what a host allows.
const AT_ONCE: usize = 16;

/// What a component has.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wasi;

impl Web for Wasi {
    fn send_all(&mut self, requests: Vec<Request<Vec<u8>>>) -> Vec<Result<Response<Vec<u8>>, Failure>> {
        wasmill_sdk::http::send_all(requests, AT_ONCE)
    }

    fn setting(&self, name: &str) -> Option<String> {
        wasmill_sdk::setting(name).filter(|value| !value.is_empty())
    }

    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn sleep(&mut self, time: Duration) {
        std::thread::sleep(time);
    }
}
