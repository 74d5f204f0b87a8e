//! Asynchronous work, waited for where nothing else is asynchronous.

use std::io;
use std::sync::LazyLock;

use tokio::runtime::Runtime;

static RUNTIME: LazyLock<io::Result<Runtime>> =
    LazyLock::new(|| tokio::runtime::Builder::new_multi_thread().thread_name("lake").enable_all().build());

/// Waits for it. Not to be called where others wait for the same thread.
pub fn wait<T>(work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    match &*RUNTIME {
        Ok(runtime) => runtime.block_on(work),
        Err(err) => Err(io::Error::other(format!("cannot start a thread: {err}"))),
    }
}
