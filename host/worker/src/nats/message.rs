//! A message: the event that it brings, and the right to work on it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_nats::jetstream::{self, AckKind};
use async_nats::{Client, Subject};
use http::{HeaderMap, HeaderName, HeaderValue};
use wasmill_journal::NewEvent;
use wasmill_journal::staging::Origin;
use wasmill_runtime::event::{Event, EventId, Object};

use super::Feed;
use super::connect::BrokerError;
use crate::clock;
use crate::cloud_events::{self, CloudEvent, Received};

/// A message that was delivered, until it is acknowledged, or the server gives it to another worker.
pub struct Delivered {
    /// Its place in the stream.
    pub sequence: u64,
    /// How often it was delivered.
    pub attempt: u32,
    /// The event that it brings.
    pub event: NewEvent,
    /// When it was delivered, in microseconds since 1970-01-01T00:00:00Z.
    pub since: i64,
    client: Client,
    reply: Subject,
    /// Until when nobody else gets it.
    until: Mutex<Instant>,
    ack_wait: Duration,
}

impl Delivered {
    /// What a consumer brought; and if it is no event, why.
    pub fn new(feed: &Feed, message: &jetstream::Message) -> Result<(Self, Option<String>), BrokerError> {
        let broken = |what: &dyn std::fmt::Display| BrokerError::Ended(format!("a message is no stream's: {what}"));
        let info = message.info().map_err(|err| broken(&err))?;
        let reply = message.reply.clone().ok_or_else(|| broken(&"it cannot be answered"))?;
        let published = i64::try_from(info.published.unix_timestamp_nanos() / 1000).unwrap_or(i64::MAX);
        let (event, invalid) = match read(feed, message, published) {
            Ok(event) => (event, None),
            Err(invalid) => (None, Some(invalid)),
        };
        // A stream that was made anew counts from 1 again.
        let event = event.unwrap_or_else(|| CloudEvent {
            id: EventId::from(format!("{}@{}-{published:x}", info.stream, info.stream_sequence)),
            time: published,
            object: Object::Bytes(Arc::from(&*message.payload)),
            trace: headers(message).as_ref().and_then(cloud_events::traceparent),
        });
        let CloudEvent { id, time, object, trace } = event;
        let delivered = Self {
            sequence: info.stream_sequence,
            attempt: u32::try_from(info.delivered).unwrap_or(u32::MAX),
            event: NewEvent { id, generation: 0, trigger: feed.name.clone(), time, object, trace },
            since: clock::now(),
            client: message.context.client(),
            reply,
            until: Mutex::new(Instant::now() + feed.plan.ack_wait),
            ack_wait: feed.plan.ack_wait,
        };
        Ok((delivered, invalid))
    }

    /// The event, as a run takes it.
    pub fn event(&self) -> Event {
        let NewEvent { id, time, object, .. } = &self.event;
        Event { id: id.clone(), time: *time, attempt: self.attempt, object: object.clone() }
    }

    /// The event, as that which rows are of. Which were written is forgotten after a while, as the broker forgets messages.
    pub fn origin(&self) -> Origin {
        Origin { event: self.event.id.clone(), generation: 0, time: self.event.time, is_kept: false }
    }

    /// Whether the server may have given it to another worker.
    pub fn is_lost(&self) -> bool {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) < Instant::now()
    }

    /// Another attempt at it is here.
    pub fn lose(&self) {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now() - Duration::from_nanos(1);
    }

    /// Tells the server what became of it, and waits until it knows.
    pub async fn answer(&self, kind: AckKind) -> Result<(), BrokerError> {
        let answered = self.client.request(self.reply.clone(), kind.into()).await;
        answered.map(drop).map_err(|err| BrokerError::NoAnswer(err.to_string()))
    }

    /// Tells the server that it is still worked on.
    pub async fn keep(&self) -> Result<(), BrokerError> {
        if self.is_lost() {
            return Ok(());
        }
        let until = Instant::now() + self.ack_wait;
        self.answer(AckKind::Progress).await?;
        let mut there = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        // What was lost meanwhile stays so.
        if *there >= Instant::now() {
            *there = until;
        }
        Ok(())
    }
}

/// The CloudEvent in a message, if it says that it is one.
fn read(feed: &Feed, message: &jetstream::Message, published: i64) -> Result<Option<CloudEvent>, String> {
    let Some(known) = headers(message) else { return Ok(None) };
    let received = cloud_events::read(&known, &message.payload, feed.plan.store.as_ref(), published);
    match received.map_err(|err| err.to_string())? {
        None => Ok(None),
        Some(Received::Events(mut events)) if events.len() == 1 => Ok(events.pop()),
        Some(Received::Events(_)) => Err("a message brings one event, not a batch".to_owned()),
        Some(Received::Handshake(_)) => Err("a handshake of Event Grid's is for HTTP".to_owned()),
    }
}

/// The headers of a message that HTTP could have too.
fn headers(message: &jetstream::Message) -> Option<HeaderMap> {
    let headers = message.headers.as_ref()?;
    let mut known = HeaderMap::new();
    for (name, values) in headers.iter() {
        // What has another name, or another value, than a header of HTTP can have is none of ours.
        let name = HeaderName::from_bytes(name.as_ref());
        let value = values.first().and_then(|value| HeaderValue::from_str(value.as_str()).ok());
        if let (Ok(name), Some(value)) = (name, value) {
            known.insert(name, value);
        }
    }
    Some(known)
}
