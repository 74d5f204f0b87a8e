//! What a source has handed to the worker, and has not heard the end of.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Events that are held, by name; of several attempts at one event only the last is.
#[derive(Debug)]
pub struct Holding<K, T> {
    held: Mutex<HashMap<K, One<T>>>,
    freed: Notify,
}

#[derive(Debug)]
struct One<T> {
    item: T,
    attempt: u32,
    bytes: u64,
}

impl<K, T> Default for Holding<K, T> {
    fn default() -> Self {
        Self { held: Mutex::default(), freed: Notify::new() }
    }
}

impl<K: Hash + Eq, T: Clone> Holding<K, T> {
    /// Holds an attempt at an event whose object is so long. What was held of an attempt before, which is lost by then.
    pub fn hold(&self, key: K, attempt: u32, item: T, bytes: u64) -> Option<T> {
        self.lock().insert(key, One { item, attempt, bytes }).map(|before| before.item)
    }

    /// Ends an attempt.
    pub fn free(&self, key: &K, attempt: u32) {
        let mut held = self.lock();
        if held.get(key).is_some_and(|one| one.attempt == attempt) {
            held.remove(key);
        }
        drop(held);
        self.freed.notify_waiters();
    }

    /// What is held under a name.
    pub fn get(&self, key: &K) -> Option<T> {
        self.lock().get(key).map(|one| one.item.clone())
    }

    /// All that is held.
    pub fn all(&self) -> Vec<T> {
        self.lock().values().map(|one| one.item.clone()).collect()
    }

    /// How many events are held, and how long their objects are together.
    pub fn load(&self) -> (usize, u64) {
        let held = self.lock();
        (held.len(), held.values().map(|one| one.bytes).sum())
    }

    /// Waits until `is_enough` says so of the load.
    pub async fn wait(&self, is_enough: impl Fn(usize, u64) -> bool) {
        loop {
            // Asked before the load is, so that nothing that is freed meanwhile is overheard.
            let freed = self.freed.notified();
            tokio::pin!(freed);
            freed.as_mut().enable();
            let (count, bytes) = self.load();
            if is_enough(count, bytes) {
                return;
            }
            freed.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, One<T>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
