//! What is read from files, and again while a server runs.
//!
//! It is read at an interval, whether it changed or not. A few kilobytes cost nothing, and it needs no signal and no
//! notice from the file system, which some mounts and the links of Kubernetes do not give.

use std::fmt::Display;
use std::sync::{Arc, PoisonError, RwLock};
use std::thread;
use std::time::Duration;

/// The newest of what could be read.
#[derive(Debug)]
pub struct Live<T>(Arc<RwLock<Arc<T>>>);

impl<T> Clone for Live<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Send + Sync + 'static> Live<T> {
    /// Reads it now, and after each interval until this is dropped. If it cannot be read then, which is said once on
    /// standard error, what was read before stays: files that are being replaced do not fit together for a moment.
    pub fn read<E: Display>(interval: Duration, read: impl Fn() -> Result<T, E> + Send + 'static) -> Result<Self, E> {
        let newest = Arc::new(RwLock::new(Arc::new(read()?)));
        let watched = Arc::downgrade(&newest);
        thread::spawn(move || {
            let mut said = None;
            loop {
                thread::sleep(interval);
                let Some(newest) = watched.upgrade() else { return };
                match read() {
                    Ok(value) => {
                        *newest.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(value);
                        said = None;
                    }
                    Err(err) => {
                        let message = Some(err.to_string());
                        if said != message {
                            eprintln!("error: {err}\nnote: what was read before stays in use");
                            said = message;
                        }
                    }
                }
            }
        });
        Ok(Self(newest))
    }

    /// What it is now.
    pub fn get(&self) -> Arc<T> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn what_cannot_be_read_leaves_what_was() {
        let file = Arc::new(Mutex::new((Ok(1), 0)));
        let watched = file.clone();
        let read = move || {
            let mut file = watched.lock().unwrap();
            file.1 += 1;
            file.0
        };
        let live = Live::read::<i32>(Duration::from_millis(1), read).unwrap();
        for (content, expect) in [(Ok(2), 2), (Err(7), 2), (Ok(3), 3)] {
            let before = {
                let mut file = file.lock().unwrap();
                file.0 = content;
                file.1
            };
            // It was read, and what came of it was taken.
            while file.lock().unwrap().1 < before + 2 {
                thread::yield_now();
            }
            assert_eq!(*live.get(), expect);
        }
        *file.lock().unwrap() = (Err(7), 0);
        drop(live);
        // The thread lets go of it.
        while Arc::strong_count(&file) > 1 {
            thread::yield_now();
        }
    }
}
