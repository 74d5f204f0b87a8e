//! Effects made durable, those of many events by one sync: whatever ends while a sync runs shares the next one.

use std::io;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use wasmill_runtime::crash;

/// Makes effects durable, those that were had until it is called.
pub type Sync = dyn Fn() -> io::Result<()> + Send + std::marker::Sync;

/// Makes effects durable for many at once.
#[derive(Debug, Clone)]
pub struct Durable {
    waiting: mpsc::UnboundedSender<oneshot::Sender<Result<(), Arc<io::Error>>>>,
}

impl Durable {
    /// By `sync`, which may take long; on the runtime that this is called on.
    pub fn new(sync: Arc<Sync>) -> Self {
        let (waiting, mut asked) = mpsc::unbounded_channel::<oneshot::Sender<_>>();
        tokio::spawn(async move {
            let mut together = Vec::new();
            while asked.recv_many(&mut together, usize::MAX).await > 0 {
                let sync = sync.clone();
                let synced = tokio::task::spawn_blocking(move || {
                    crash::point("sync", "before");
                    let synced = sync();
                    crash::point("sync", "after");
                    synced
                });
                let synced = synced.await.map_err(io::Error::other).flatten().map_err(Arc::new);
                for answer in together.drain(..) {
                    // Whoever asked may have given up.
                    let _ = answer.send(synced.clone());
                }
            }
        });
        Self { waiting }
    }

    /// Over when all effects that were had until now are durable.
    pub async fn sync(&self) -> Result<(), Arc<io::Error>> {
        let (answer, answered) = oneshot::channel();
        let gone = || Arc::new(io::Error::other("the runtime ended"));
        self.waiting.send(answer).map_err(|_| gone())?;
        answered.await.unwrap_or_else(|_| Err(gone()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn many_share_a_sync_that_began_after_their_effects() {
        let (started, done) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let (starting, doing) = (started.clone(), done.clone());
        let durable = Durable::new(Arc::new(move || {
            starting.fetch_add(1, Ordering::SeqCst);
            std::thread::sleep(std::time::Duration::from_millis(20));
            doing.fetch_add(1, Ordering::SeqCst);
            Ok(())
        }));
        let mut waiting = tokio::task::JoinSet::new();
        for _ in 0..100 {
            let (durable, started, done) = (durable.clone(), started.clone(), done.clone());
            waiting.spawn(async move {
                let before = started.load(Ordering::SeqCst);
                durable.sync().await.unwrap();
                assert!(done.load(Ordering::SeqCst) > before, "answered by a sync that began before");
            });
        }
        waiting.join_all().await;
        assert!(done.load(Ordering::SeqCst) <= 10, "{done:?} syncs");
    }

    #[tokio::test]
    async fn a_sync_that_fails_is_not_success() {
        let durable = Durable::new(Arc::new(|| Err(io::Error::other("no space"))));
        assert_eq!(durable.sync().await.unwrap_err().to_string(), "no space");
    }
}
