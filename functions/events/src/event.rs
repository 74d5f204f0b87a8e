//! The event that a request brings: a CloudEvent in one of the content modes of its HTTP binding, or a bare body. They are
//! read and named as the triggers of the host do it.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chrono::DateTime;
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use wasmill_gateway::{Problem, Request};

/// The longest id, in bytes.
const ID_LIMIT: usize = 512;

/// The type of Azure's notifications that a blob appeared.
const BLOB_CREATED: &str = "Microsoft.Storage.BlobCreated";

/// An event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its name.
    pub id: String,
    /// When it happened, in microseconds since 1970-01-01T00:00:00Z.
    pub time: i64,
    /// What it brings.
    pub data: Vec<u8>,
}

/// A CloudEvent in structured mode.
#[derive(Deserialize)]
struct Envelope<'a> {
    id: String,
    source: String,
    r#type: String,
    time: Option<String>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    data_base64: Option<String>,
}

/// The event of a request. One that is not named is called by `fresh`, a random number, and one that does not say when it
/// happened did so `now`.
pub fn read(request: &mut Request, now: i64, fresh: u128) -> Result<Event, Problem> {
    let body = std::mem::take(&mut request.body);
    let content_type = request.header("content-type").unwrap_or_default();
    let is = |prefix: &str| content_type.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    if is("application/cloudevents-batch+json") || request.header("aeg-event-type").is_some() {
        let message = "a request brings one event, and this is a batch of them\nhint: send each as `application/cloudevents+json`, or the data as it is";
        return Err(Problem::new(415, message));
    }
    if is("application/cloudevents+json") {
        return structured(&body, now);
    }
    if request.header("ce-specversion").is_some() {
        return binary(request, body, now);
    }
    let id = match request.header("idempotency-key") {
        Some(key) => format!("http@{}", checked(key)?),
        None => format!("http@{fresh:032x}"),
    };
    Ok(Event { id, time: now, data: body })
}

fn structured(body: &[u8], now: i64) -> Result<Event, Problem> {
    let envelope: Envelope<'_> =
        serde_json::from_slice(body).map_err(|err| Problem::bad(format!("not a CloudEvent: {err}")))?;
    refuse_notifications(&envelope.r#type)?;
    let time = envelope.time.as_deref().map_or(Ok(now), micros)?;
    Ok(Event { id: named(&envelope.source, &envelope.id)?, time, data: data(&envelope)? })
}

fn binary(request: &Request, data: Vec<u8>, now: i64) -> Result<Event, Problem> {
    let required =
        |name: &str| request.header(name).ok_or_else(|| Problem::bad(format!("the header `{name}` is missing")));
    let id = named(required("ce-source")?, required("ce-id")?)?;
    refuse_notifications(required("ce-type")?)?;
    let time = request.header("ce-time").map_or(Ok(now), micros)?;
    Ok(Event { id, time, data })
}

/// A notification names its data, and nothing here could fetch it.
fn refuse_notifications(kind: &str) -> Result<(), Problem> {
    if kind == BLOB_CREATED {
        let message =
            "notifications of blobs are not taken here, only events with their data\nhint: `wasmill up` takes them";
        return Err(Problem::new(415, message));
    }
    Ok(())
}

/// The data of a CloudEvent: what was encoded as base64, a string as its text, anything else as JSON.
fn data(envelope: &Envelope<'_>) -> Result<Vec<u8>, Problem> {
    match (&envelope.data_base64, envelope.data) {
        (Some(encoded), _) => {
            BASE64_STANDARD.decode(encoded).map_err(|err| Problem::bad(format!("`data_base64`: {err}")))
        }
        (None, Some(data)) if data.get().starts_with('"') => match serde_json::from_str::<String>(data.get()) {
            Ok(text) => Ok(text.into_bytes()),
            Err(err) => Err(Problem::bad(format!("`data`: {err}"))),
        },
        (None, Some(data)) => Ok(data.get().as_bytes().to_vec()),
        (None, None) => Ok(Vec::new()),
    }
}

/// A CloudEvent is named by its source and its id together.
fn named(source: &str, id: &str) -> Result<String, Problem> {
    let id = checked(id)?;
    let digest = Sha256::digest(format!("{source}\0{id}"));
    let digest: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{id}@{digest}"))
}

fn checked(id: &str) -> Result<&str, Problem> {
    if id.is_empty() || id.len() > ID_LIMIT || id.contains(char::is_control) {
        return Err(Problem::bad(format!("an id has 1 to {ID_LIMIT} bytes, without control characters")));
    }
    Ok(id)
}

fn micros(time: &str) -> Result<i64, Problem> {
    match DateTime::parse_from_rfc3339(time) {
        Ok(time) => Ok(time.timestamp_micros()),
        Err(err) => Err(Problem::bad(format!("the time `{time}` is not RFC 3339: {err}"))),
    }
}
