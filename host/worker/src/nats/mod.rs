//! Messages of NATS JetStream. The broker has the truth about each until it is acknowledged, which is done when its effects
//! are durable; the journal hears only of what nothing came of.
//!
//! ```text
//!  consumer ──pull──► held ──► thread ──► durable ──► journal ──► ack
//!                      │                             (letters)
//!                      └─ in progress, every third of the ack wait
//! ```
//!
//! # Layout
//! - [`connect`]: from a plan to a consumer; `pull`: asking it for messages; `message`: one of them, and the event that it
//!   brings; `settle`: what became of it.

pub mod connect;
mod message;
mod pull;
mod settle;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::jetstream::consumer::PullConsumer;
use crossbeam_channel::Sender;
use futures_util::future::join_all;
use tokio::sync::watch;
use wasmill_journal::{Journal, Terms};
use wasmill_runtime::plan::{DeliveryPlan, NatsPlan};

use crate::durable::Durable;
use crate::holding::Holding;
use crate::job::Job;
use crate::leases::AHEAD;
use crate::metrics::Metrics;

use connect::{BrokerError, Connection};
pub use message::Delivered;
use pull::Pull;
use settle::Trouble;

/// How long to wait after something went wrong; twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The longest of these waits.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// How often it is asked how many messages wait.
const LOOK: Duration = Duration::from_secs(2);

/// The messages of a stream, as a consumer brings them to this worker.
pub struct Feed {
    plan: NatsPlan,
    /// Names it in messages, metrics and the journal: `nats STREAM/CONSUMER`.
    name: String,
    /// Messages that are held at most.
    ahead: usize,
    journal: Arc<Journal>,
    terms: Arc<Terms>,
    delivery: DeliveryPlan,
    durable: Durable,
    metrics: Arc<Metrics>,
    holding: Holding<u64, Arc<Delivered>>,
    troubles: Mutex<BTreeMap<u64, Trouble>>,
    /// The consumer, while there is a connection.
    consumer: watch::Sender<Option<PullConsumer>>,
}

impl Feed {
    /// Of a plan; dead letters go to the journal.
    pub fn new(
        plan: NatsPlan,
        journal: Arc<Journal>,
        terms: Arc<Terms>,
        delivery: DeliveryPlan,
        durable: Durable,
        metrics: Arc<Metrics>,
    ) -> Self {
        let name = format!("nats {}/{}", plan.stream, plan.consumer);
        let ahead = plan.ahead.unwrap_or(delivery.concurrency * AHEAD);
        // Until it is connected.
        metrics.broker_stands(&name, false);
        let (holding, troubles, consumer) = (Holding::default(), Mutex::default(), watch::Sender::default());
        Self { plan, name, ahead, journal, terms, delivery, durable, metrics, holding, troubles, consumer }
    }

    /// The journal that dead letters and rows for sinks go to.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Brings messages until `stop` changes or is dropped. Whatever goes wrong, it waits and tries again.
    pub async fn fetch(self: &Arc<Self>, jobs: &Sender<Job>, mut stop: watch::Receiver<()>) {
        let _gone = Gone(self);
        let mut connection = None;
        let mut pause = FIRST_PAUSE;
        loop {
            match self.fetch_once(jobs, &mut connection, &mut pause, &mut stop).await {
                Ok(()) => return,
                Err(err) => {
                    self.metrics.broker_stands(&self.name, false);
                    tracing::warn!("{}: {err}; trying again", self.name);
                }
            }
            self.consumer.send_replace(None);
            tokio::select! {
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
                _ = stop.changed() => return,
            }
        }
    }

    async fn fetch_once(
        self: &Arc<Self>,
        jobs: &Sender<Job>,
        connection: &mut Option<Connection>,
        pause: &mut Duration,
        stop: &mut watch::Receiver<()>,
    ) -> Result<(), BrokerError> {
        let ready = async {
            let connection = match connection {
                Some(connection) => connection,
                None => {
                    connection.insert(Connection::open(&self.plan, &format!("wasmill {}", self.terms.worker)).await?)
                }
            };
            // It is made again by itself. From here on any change of it is of interest.
            if connection.is_connected.wait_for(|stands| *stands).await.is_err() {
                return Err(BrokerError::Disconnected);
            }
            let consumer = connection.consumer(&self.plan).await?;
            let pull = Pull::new(self, jobs, connection, consumer.clone()).await?;
            Ok((consumer, pull))
        };
        let (consumer, pull) = tokio::select! {
            ready = ready => ready?,
            _ = stop.changed() => return Ok(()),
        };
        tracing::info!("{}: connected", self.name);
        self.metrics.broker_stands(&self.name, true);
        self.consumer.send_replace(Some(consumer));
        *pause = FIRST_PAUSE;
        pull.run(stop).await
    }

    /// Tells the broker of the messages that are held still, and asks it how many wait, until it is dropped.
    pub async fn keep(&self) {
        let keep = async {
            loop {
                tokio::time::sleep(self.plan.ack_wait / 3).await;
                let held = self.holding.all();
                for result in join_all(held.iter().map(|message| message.keep())).await {
                    if let Err(err) = result {
                        tracing::warn!("{}: a message is still worked on: {err}", self.name);
                    }
                }
            }
        };
        let mut connected = self.consumer.subscribe();
        let look = async {
            loop {
                if let Some((waiting, unacknowledged)) = self.lag().await {
                    self.metrics.broker_lags(&self.name, waiting, unacknowledged);
                }
                // Over by then, or there is a connection.
                let _ = tokio::time::timeout(LOOK, connected.changed()).await;
            }
        };
        tokio::join!(keep, look);
    }

    /// How many messages wait, and how many are not acknowledged, in all workers; none if nobody can tell.
    async fn lag(&self) -> Option<(u64, u64)> {
        let consumer = self.consumer.borrow().clone()?;
        let info = consumer.get_info().await.ok()?;
        Some((info.num_pending, info.num_ack_pending as u64))
    }

    /// Whether no message waits, and each is acknowledged, whichever worker has it.
    pub async fn is_drained(&self) -> bool {
        self.lag().await == Some((0, 0))
    }

    /// Over when nothing is held any more.
    pub async fn emptied(&self) {
        self.holding.wait(|count, _| count == 0).await;
    }

    fn troubles(&self) -> MutexGuard<'_, BTreeMap<u64, Trouble>> {
        self.troubles.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A feed that is over does not count as one that is not connected.
struct Gone<'a>(&'a Feed);

impl Drop for Gone<'_> {
    fn drop(&mut self) {
        self.0.metrics.broker_gone(&self.0.name);
    }
}
