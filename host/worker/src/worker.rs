//! The worker: threads that work on events, whatever has them from where.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crossbeam_channel::{Receiver, unbounded};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use wasmill_runtime::engine::THREAD_STACK;
use wasmill_runtime::pipeline::Pipeline;

use crate::attempt::{Bench, Outcome, attempt};
use crate::job::{Held, Job};
use crate::leases::Leases;
use crate::metrics::Metrics;
use crate::nats::Feed;
use crate::sinks::Sinks;
use crate::telemetry;

/// What works on the events of a pipeline.
pub struct Worker {
    /// The pipeline.
    pub pipeline: Arc<Pipeline>,
    /// What its sinks write with.
    pub sinks: Sinks,
    /// Events that are worked on at once.
    pub concurrency: usize,
    /// The longest that an attempt may take.
    pub timeout: Option<Duration>,
    /// Events of its journal.
    pub leases: Arc<Leases>,
    /// Messages of brokers.
    pub feeds: Vec<Arc<Feed>>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

impl Worker {
    /// Works until `stop` changes or is dropped; then what is worked on is finished, and what waits is given back.
    pub async fn run(self, mut stop: watch::Receiver<()>) {
        // Unbounded, for every source bounds what is held of it.
        let (jobs, waiting) = unbounded::<Job>();
        let (outcomes, mut ended) = mpsc::unbounded_channel();
        let handles: Vec<_> =
            (0..self.concurrency).filter_map(|_| self.start_thread(waiting.clone(), outcomes.clone())).collect();
        drop(outcomes);
        let recorder = tokio::spawn(async move {
            while let Some((held, outcome)) = ended.recv().await {
                tokio::spawn(Held::record(held, outcome));
            }
        });
        let (mut keepers, mut fetchers) = (JoinSet::new(), JoinSet::new());
        let leases = self.leases.clone();
        keepers.spawn(async move { leases.keep().await });
        for feed in &self.feeds {
            let (feed, keeper, jobs, stop) = (feed.clone(), feed.clone(), jobs.clone(), stop.clone());
            keepers.spawn(async move { keeper.keep().await });
            fetchers.spawn(async move { feed.fetch(&jobs, stop).await });
        }
        tokio::select! {
            () = self.leases.fetch(&jobs) => {}
            _ = stop.changed() => {}
        }
        fetchers.join_all().await;
        // Nobody has begun these.
        let mut released = JoinSet::new();
        while let Ok(job) = waiting.try_recv() {
            released.spawn(job.held.release());
        }
        released.join_all().await;
        drop((jobs, waiting));
        // The threads end with the queue, and the recorder with the threads.
        let _ = recorder.await;
        self.leases.emptied().await;
        for feed in &self.feeds {
            feed.emptied().await;
        }
        keepers.shutdown().await;
        for handle in handles {
            // It is over: its end of the queue was dropped.
            let _ = handle.join();
        }
    }

    fn start_thread(
        &self,
        waiting: Receiver<Job>,
        outcomes: mpsc::UnboundedSender<(Held, Outcome)>,
    ) -> Option<std::thread::JoinHandle<()>> {
        let handle = tokio::runtime::Handle::current();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let lanes = cores.min(self.pipeline.most_lanes() / self.concurrency).max(1);
        let (pipeline, sinks) = (self.pipeline.clone(), self.sinks.clone());
        let (metrics, timeout) = (self.metrics.clone(), self.timeout);
        let work = move || {
            let bench = Bench { pipeline: &pipeline, sinks: &sinks, lanes, timeout, handle: &handle };
            for job in waiting {
                let (began, started) = (SystemTime::now(), Instant::now());
                let outcome = attempt(&bench, &job);
                metrics.worked(started.elapsed());
                telemetry::attempted(&pipeline.name, &job, began, &outcome);
                if outcomes.send((job.held, outcome)).is_err() {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("worker".into()).stack_size(THREAD_STACK).spawn(work);
        thread.map_err(|err| tracing::warn!("cannot start a thread: {err}")).ok()
    }
}

/// A name for this process among others.
pub fn default_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_else(|_| "worker".into());
    format!("{}-{}", host.trim(), std::process::id())
}
