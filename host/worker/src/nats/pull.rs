//! Asking a consumer for messages, never for more than there is room for.
//!
//! A request is open until as many messages came as it asked for; the next one follows when half of the room is free.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::consumer::pull::BatchConfig;
use async_nats::jetstream::{self, Context};
use async_nats::{StatusCode, Subject, Subscriber};
use crossbeam_channel::Sender;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::watch;
use wasmill_journal::journal::Reason;

use super::Feed;
use super::connect::{BrokerError, Connection};
use super::message::Delivered;
use crate::attempt::Outcome;
use crate::job::{Held, Job};

/// How long a request is open. A worker that stops waits for it to end: whatever the server has sent by then is given back,
/// and not missed until its ack wait is over.
const OPEN: Duration = Duration::from_secs(2);

/// How long after that the server must have said that it is not open any more.
const GRACE: Duration = Duration::from_secs(5);

/// What a server's answer to a request says if the next message is longer than all that was asked for.
const TOO_LONG: &str = "Message Size Exceeds MaxBytes";

/// The requests of one subscription.
pub struct Pull<'a> {
    feed: &'a Arc<Feed>,
    jobs: &'a Sender<Job>,
    context: Context,
    consumer: PullConsumer,
    /// What the answers to requests are sent to, each to a number below it.
    inbox: String,
    /// The last request.
    request: Subject,
    requests: u64,
    subscriber: Subscriber,
    is_connected: watch::Receiver<bool>,
    /// Messages that were asked for and did not come yet.
    open: usize,
    /// How many came for the last request.
    came: usize,
    /// Whether the next message is longer than what is fetched ahead.
    is_long: bool,
}

impl<'a> Pull<'a> {
    /// Subscribes to the answers.
    pub async fn new(
        feed: &'a Arc<Feed>,
        jobs: &'a Sender<Job>,
        connection: &Connection,
        consumer: PullConsumer,
    ) -> Result<Self, BrokerError> {
        let client = connection.client.clone();
        let inbox = client.new_inbox();
        let subscriber =
            client.subscribe(format!("{inbox}.*")).await.map_err(|err| BrokerError::Ended(err.to_string()))?;
        Ok(Self {
            feed,
            jobs,
            context: jetstream::new(client),
            consumer,
            request: Subject::from(inbox.as_str()),
            inbox,
            requests: 0,
            subscriber,
            is_connected: connection.is_connected.clone(),
            open: 0,
            came: 0,
            is_long: false,
        })
    }

    /// Asks and takes until `stop` changes or is dropped; then what is on its way is given back.
    pub async fn run(mut self, stop: &mut watch::Receiver<()>) -> Result<(), BrokerError> {
        let (ahead, bytes_ahead) = (self.feed.ahead, self.feed.plan.bytes_ahead as u64);
        let feed = self.feed;
        let has_room =
            |count: usize, bytes: u64| ahead - count.min(ahead) >= ahead.div_ceil(2) && bytes <= bytes_ahead / 2;
        loop {
            tokio::select! {
                _ = stop.changed() => return self.end().await,
                // Whether it was lost, or lost and made again: the server knows of no request any more.
                _ = self.is_connected.changed() => {
                    // What came before may still be acknowledged after.
                    while let Some(Some(message)) = self.subscriber.next().now_or_never() {
                        self.take(message)?;
                    }
                    return Err(BrokerError::Disconnected);
                }
                () = feed.holding.wait(has_room), if self.open == 0 => self.ask().await?,
                message = next(&mut self.subscriber), if self.open > 0 => self.take(message?)?,
            }
        }
    }

    async fn ask(&mut self) -> Result<(), BrokerError> {
        let (count, bytes) = self.feed.holding.load();
        let left = u64::try_from(self.feed.plan.bytes_ahead).unwrap_or(u64::MAX).saturating_sub(bytes);
        self.open = if self.is_long { 1 } else { self.feed.ahead.saturating_sub(count).max(1) };
        let batch = BatchConfig {
            batch: self.open,
            expires: Some(OPEN),
            // 0 is no bound.
            max_bytes: if self.is_long { 0 } else { usize::try_from(left).unwrap_or(usize::MAX).max(1) },
            ..BatchConfig::default()
        };
        (self.came, self.is_long) = (0, false);
        self.requests += 1;
        self.request = Subject::from(format!("{}.{}", self.inbox, self.requests));
        let asked = self.consumer.request_batch(batch, self.request.clone()).await;
        asked.map_err(|err| BrokerError::Ended(err.to_string()))
    }

    /// A message, or what the server says of a request.
    fn take(&mut self, message: async_nats::Message) -> Result<(), BrokerError> {
        let description = message.description.as_deref().unwrap_or_default();
        match message.status.unwrap_or(StatusCode::OK) {
            StatusCode::OK => {
                self.open = self.open.saturating_sub(1);
                self.came += 1;
                self.hold(message)
            }
            // What is said of a request before the last, of which all came, says nothing of this one.
            _ if message.subject != self.request => Ok(()),
            // It was open for long enough; or the server has done with it; or another took over the consumer, whom a new
            // request finds.
            StatusCode::TIMEOUT => self.close(),
            _ if description == TOO_LONG => {
                self.is_long = self.came == 0;
                self.close()
            }
            _ if description == "Batch Completed" || description == "Leadership Change" => self.close(),
            status => Err(BrokerError::Ended(format!("{status} {description}"))),
        }
    }

    fn close(&mut self) -> Result<(), BrokerError> {
        self.open = 0;
        Ok(())
    }

    fn hold(&self, message: async_nats::Message) -> Result<(), BrokerError> {
        let message = jetstream::Message { message, context: self.context.clone() };
        let (delivered, invalid) = Delivered::new(self.feed, &message)?;
        drop(message);
        let feed = self.feed;
        let delivered = Arc::new(delivered);
        let size = delivered.event.object.size();
        feed.metrics.message(&feed.name, "received");
        if let Some(before) = feed.holding.hold(delivered.sequence, delivered.attempt, delivered.clone(), size) {
            before.lose();
        }
        let most = feed.plan.max_deliveries;
        let dead = invalid.or_else(|| {
            let times = delivered.attempt.saturating_sub(1);
            (delivered.attempt > most).then(|| format!("it was delivered {times} times, and nothing came of it"))
        });
        match dead {
            Some(text) => {
                let outcome = Outcome::Dead(Reason { step: String::new(), text });
                tokio::spawn(feed.clone().record_owned(delivered, outcome));
            }
            None => {
                let trace = delivered.event.trace.clone();
                let job = Job { event: delivered.event(), trace, held: Held::Message(delivered, feed.clone()) };
                // The worker takes all jobs until this is over.
                let _ = self.jobs.send(job);
            }
        }
        Ok(())
    }

    /// Takes what the server sends until no request is open; the worker gives back what it has not begun with.
    async fn end(mut self) -> Result<(), BrokerError> {
        while self.open > 0 && *self.is_connected.borrow() {
            let message = next(&mut self.subscriber).await?;
            self.take(message)?;
        }
        Ok(())
    }
}

async fn next(subscriber: &mut Subscriber) -> Result<async_nats::Message, BrokerError> {
    let ended = |why: &str| BrokerError::Ended(why.to_owned());
    let next = tokio::time::timeout(OPEN + GRACE, subscriber.next()).await;
    next.map_err(|_| ended("the server does not answer"))?.ok_or_else(|| ended("the subscription is over"))
}
