//! CloudEvents 1.0 in both content modes, as the bindings to HTTP and NATS have them, and Azure Event Grid's notifications
//! of blobs with the handshake that begins them.

use std::sync::Arc;

use bytes::Bytes;
use chrono::DateTime;
use http::HeaderMap;
use http::header::{CONTENT_TYPE, HeaderName};
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use wasmill_runtime::event::{EventId, Object};
use wasmill_runtime::store::Location;

use crate::telemetry::TRACEPARENT;

/// What Event Grid says of what it sends.
const EVENT_GRID_TYPE: HeaderName = HeaderName::from_static("aeg-event-type");

/// Event Grid's event that begins a subscription, and the one of a blob that appeared.
const VALIDATION: &str = "Microsoft.EventGrid.SubscriptionValidationEvent";
const BLOB_CREATED: &str = "Microsoft.Storage.BlobCreated";

/// The longest id, in bytes.
const ID_LIMIT: usize = 512;

/// Why something is not an event, though it says that it is.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(String);

/// An event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloudEvent {
    /// Its name, by source and id.
    pub id: EventId,
    /// When it happened, in microseconds since 1970-01-01T00:00:00Z.
    pub time: i64,
    /// What it brings.
    pub object: Object,
    /// What it is traced under, as `traceparent` of W3C's Trace Context has it.
    pub trace: Option<String>,
}

/// What was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// A question whether events may be sent here, with the answer.
    Handshake(String),
    /// Events.
    Events(Vec<CloudEvent>),
}

/// A CloudEvent in structured mode, or one of Event Grid's own schema: both have `id`, and the rest under other names.
#[derive(Debug, Deserialize)]
struct Envelope<'a> {
    id: String,
    source: Option<String>,
    #[serde(alias = "eventType")]
    r#type: String,
    subject: Option<String>,
    #[serde(alias = "eventTime")]
    time: Option<String>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    data_base64: Option<String>,
    /// Event Grid's name of the source.
    topic: Option<String>,
    /// Of CloudEvents' extension for distributed tracing.
    traceparent: Option<String>,
}

/// The events of a message; none if it does not say that it has any. Notifications name objects of `store`; an event that
/// does not say when it happened did so at `time`.
pub fn read(
    headers: &HeaderMap,
    body: &Bytes,
    store: Option<&Location>,
    time: i64,
) -> Result<Option<Received>, Invalid> {
    let reader = Reader { store, time };
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is = |prefix: &str| content_type.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    if is("application/cloudevents-batch+json") || headers.contains_key(EVENT_GRID_TYPE) && body.starts_with(b"[") {
        return reader.envelopes(headers, &json::<Vec<Envelope<'_>>>(body)?).map(Some);
    }
    if is("application/cloudevents+json") {
        return reader.envelopes(headers, &[json::<Envelope<'_>>(body)?]).map(Some);
    }
    if headers.contains_key("ce-specversion") {
        return Ok(Some(Received::Events(vec![reader.binary(headers, body)?])));
    }
    Ok(None)
}

/// An id that may be part of an event's name.
pub fn checked(id: &str) -> Result<&str, Invalid> {
    if id.is_empty() || id.len() > ID_LIMIT || id.contains(char::is_control) {
        return Err(Invalid(format!("an id has 1 to {ID_LIMIT} bytes, without control characters")));
    }
    Ok(id)
}

/// What a message was sent under.
pub fn traceparent(headers: &HeaderMap) -> Option<String> {
    headers.get(TRACEPARENT).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

struct Reader<'a> {
    store: Option<&'a Location>,
    time: i64,
}

/// What Event Grid's handshake brings.
#[derive(Deserialize)]
struct Validation {
    #[serde(rename = "validationCode")]
    validation_code: String,
}

impl Reader<'_> {
    fn envelopes(&self, headers: &HeaderMap, envelopes: &[Envelope<'_>]) -> Result<Received, Invalid> {
        let mut events = Vec::new();
        for envelope in envelopes {
            let time = envelope.time.as_deref().map(micros).transpose()?;
            let source = envelope.source.as_deref().or(envelope.topic.as_deref()).unwrap_or_default();
            let object = match envelope.r#type.as_str() {
                VALIDATION => {
                    let data = envelope.data.map_or("{}", RawValue::get);
                    let code = json::<Validation>(data.as_bytes())?.validation_code;
                    return Ok(Received::Handshake(serde_json::json!({ "validationResponse": code }).to_string()));
                }
                BLOB_CREATED => self.blob(envelope.subject.as_deref().unwrap_or_default())?,
                _ => Object::Bytes(data(envelope)?),
            };
            let id = named(source, &envelope.id)?;
            let trace = envelope.traceparent.clone().or_else(|| traceparent(headers));
            events.push(CloudEvent { id, time: time.unwrap_or(self.time), object, trace });
        }
        Ok(Received::Events(events))
    }

    fn binary(&self, headers: &HeaderMap, body: &Bytes) -> Result<CloudEvent, Invalid> {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let required = |name: &str| header(name).ok_or_else(|| Invalid(format!("the header `{name}` is missing")));
        let id = named(required("ce-source")?, required("ce-id")?)?;
        let time = header("ce-time").map(micros).transpose()?;
        let object = if required("ce-type")? == BLOB_CREATED {
            self.blob(header("ce-subject").unwrap_or_default())?
        } else {
            Object::Bytes(Arc::from(&**body))
        };
        let trace = header("ce-traceparent").map(str::to_owned).or_else(|| traceparent(headers));
        Ok(CloudEvent { id, time: time.unwrap_or(self.time), object, trace })
    }

    /// The object that a notification names: `/blobServices/default/containers/NAME/blobs/PATH`.
    fn blob(&self, subject: &str) -> Result<Object, Invalid> {
        let Some(store) = self.store else {
            let message = "notifications of blobs are not taken here\nhint: add `store` to the trigger";
            return Err(Invalid(message.into()));
        };
        let named =
            subject.strip_prefix("/blobServices/default/containers/").and_then(|rest| rest.split_once("/blobs/"));
        let named = named.filter(|(_, path)| !path.is_empty());
        let Some(location) = named.and_then(|(container, path)| store.blob(container, path)) else {
            return Err(Invalid(format!("the subject `{subject}` does not name a blob of the store `{store}`")));
        };
        // It may appear a moment later; if it does not, the event becomes a dead letter.
        Ok(location.expected())
    }
}

/// The data of an event: what was encoded as base64, a string as its text, anything else as JSON.
fn data(envelope: &Envelope<'_>) -> Result<Arc<[u8]>, Invalid> {
    use base64::Engine as _;
    let bytes = match (&envelope.data_base64, envelope.data) {
        (Some(encoded), _) => base64::engine::general_purpose::STANDARD
            .decode(encoded)
            .map_err(|err| Invalid(format!("`data_base64` of `{}`: {err}", envelope.id)))?,
        (None, Some(data)) if data.get().starts_with('"') => json::<String>(data.get().as_bytes())?.into_bytes(),
        (None, Some(data)) => data.get().as_bytes().to_vec(),
        (None, None) => Vec::new(),
    };
    Ok(bytes.into())
}

/// A CloudEvent is named by its source and its id together.
fn named(source: &str, id: &str) -> Result<EventId, Invalid> {
    let id = checked(id)?;
    let digest = Sha256::digest(format!("{source}\0{id}"));
    let digest: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    Ok(EventId::from(format!("{id}@{digest}")))
}

fn micros(time: &str) -> Result<i64, Invalid> {
    let parsed = DateTime::parse_from_rfc3339(time);
    let parsed = parsed.map_err(|err| Invalid(format!("the time `{time}` is not RFC 3339: {err}")))?;
    Ok(parsed.timestamp_micros())
}

fn json<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Result<T, Invalid> {
    serde_json::from_slice(text).map_err(|err| Invalid(format!("not an event: {err}")))
}
