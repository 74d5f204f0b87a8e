//! The trigger `nats`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Id;

/// Messages of a stream of NATS JetStream: CloudEvents (1.0, structured or binary), whose data is the object, or objects
/// themselves. A durable pull consumer, which is made if it is missing, shares them out among any number of `wasmill up`.
///
/// A message is acknowledged when its effects are durable, and until then is the broker's; only what nothing came of is put
/// into the journal, as dead letters. Who connects comes from the environment, under NATS' own names: `NATS_CREDS` (a
/// file), `NATS_NKEY` (a file with a seed), `NATS_USER` and `NATS_PASSWORD`, or `NATS_TOKEN`; `NATS_CA`, and `NATS_CERT`
/// with `NATS_KEY`, are files of certificates.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NatsTrigger {
    /// The servers: `nats://HOST:PORT`, or `tls://HOST:PORT`; several are separated by `,`.
    pub url: String,
    /// The stream. It must be there.
    pub stream: String,
    /// The durable consumer (default: the pipeline's name). One that is there must have the settings that this trigger
    /// needs.
    pub consumer: Option<String>,
    /// The subjects of the stream that are taken, in which `*` and `>` stand for others (default: all).
    #[serde(default)]
    pub subjects: Vec<String>,
    /// How often a message may be delivered before it is a dead letter (default 1000). Deliveries that something outside
    /// spoiled count as well, so that there are many; of faults, `delivery.faults` says how many are too many.
    #[serde(default = "max_deliveries")]
    pub max_deliveries: u32,
    /// How long a worker that is heard of no more keeps its messages, in seconds (default: `delivery.lease_seconds`).
    pub ack_wait_seconds: Option<f64>,
    /// Messages that a worker has at most: what it works on, and what it fetched ahead (default: 32 for each that is
    /// worked on at once).
    pub ahead: Option<u16>,
    /// How many MiB they have together, unless one has more by itself (default 8).
    #[serde(default = "ahead_mib")]
    pub ahead_mib: u32,
    /// The store whose objects notifications of blobs name. Without it notifications are refused.
    pub store: Option<Id>,
}

fn max_deliveries() -> u32 {
    1000
}

fn ahead_mib() -> u32 {
    8
}
