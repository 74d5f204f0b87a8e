//! The trigger `nats`, planned.

use std::collections::BTreeSet;
use std::time::Duration;

use url::Url;

use super::check::{Check, as_path};
use crate::manifest::{NatsTrigger, Trigger};
use crate::store::Location;

/// Messages of a stream of NATS JetStream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NatsPlan {
    /// The servers.
    pub servers: Vec<String>,
    /// The stream.
    pub stream: String,
    /// The durable consumer.
    pub consumer: String,
    /// The subjects that are taken; all if there are none.
    pub subjects: Vec<String>,
    /// How often a message may be delivered before it is a dead letter.
    pub max_deliveries: u32,
    /// How long a worker that is heard of no more keeps its messages.
    pub ack_wait: Duration,
    /// Messages that a worker has at most, if the manifest says.
    pub ahead: Option<usize>,
    /// How many bytes they have together, unless one has more by itself.
    pub bytes_ahead: usize,
    /// The store that notifications name objects of.
    pub store: Option<Location>,
}

impl Check<'_> {
    pub(super) fn nats_trigger(
        &mut self,
        trigger: &NatsTrigger,
        at: impl Fn(&'static str) -> [String; 3],
    ) -> Option<NatsPlan> {
        let NatsTrigger { stream, subjects, max_deliveries, ahead, ahead_mib, .. } = trigger;
        let servers: Vec<Option<String>> =
            trigger.url.split(',').map(|url| self.server(url.trim(), &at("url"))).collect();
        let consumer = trigger.consumer.as_deref().unwrap_or(self.manifest.name.as_str());
        for (key, name) in [("stream", stream.as_str()), ("consumer", consumer)] {
            let bad = |letter: char| ".*>/\\".contains(letter) || letter.is_whitespace() || letter.is_control();
            if name.is_empty() || name.contains(bad) {
                self.report(
                    &at(key),
                    format!("the {key} `{name}` cannot be one\nhint: such names have no `.`, `*`, `>`, `/`, `\\`, and no spaces"),
                );
            }
        }
        for subject in subjects {
            if subject.is_empty() || subject.split('.').any(str::is_empty) || subject.contains(char::is_whitespace) {
                self.report(&at("subjects"), format!("the subject `{subject}` is not one or more words joined by `.`"));
            }
        }
        if *max_deliveries == 0 {
            self.report(&at("max_deliveries"), "max_deliveries is 0: nothing would ever be worked on");
        }
        let ack_wait = match trigger.ack_wait_seconds {
            Some(wait) => self.seconds(wait, "ack_wait_seconds", &at("ack_wait_seconds")),
            // If it is none, it is reported where it stands.
            None => Duration::try_from_secs_f64(self.manifest.delivery.lease_seconds).ok(),
        };
        if ack_wait.is_some_and(|wait| wait.is_zero()) {
            self.report(
                &at("ack_wait_seconds"),
                "ack_wait_seconds is 0: every message would be given to others at once",
            );
        }
        let store = match &trigger.store {
            Some(store) => Some(self.store(store, &as_path(&at("store")))?),
            None => None,
        };
        Some(NatsPlan {
            servers: servers.into_iter().collect::<Option<_>>()?,
            stream: stream.clone(),
            consumer: consumer.to_owned(),
            subjects: subjects.clone(),
            max_deliveries: *max_deliveries,
            ack_wait: ack_wait?,
            ahead: ahead.map(|ahead| usize::from(ahead).max(1)),
            bytes_ahead: (*ahead_mib as usize).max(1) << 20,
            store,
        })
    }

    /// A server's URL; an error does not repeat what may be a password.
    fn server(&mut self, text: &str, at: &[String; 3]) -> Option<String> {
        if text.contains('@') {
            self.report(
                at,
                "a credential is in the URL, where others may read it\nhint: take it out; NATS_CREDS (a file), NATS_USER and NATS_PASSWORD, or NATS_TOKEN come from the environment",
            );
            return None;
        }
        let url = Url::parse(text).ok().filter(|url| {
            matches!(url.scheme(), "nats" | "tls")
                && url.has_host()
                && matches!(url.path(), "" | "/")
                && url.query().is_none()
        });
        if url.is_none() {
            self.report(
                at,
                format!(
                    "`{text}` is not the URL of a NATS server\nhint: it is `nats://HOST:PORT`, or `tls://HOST:PORT`"
                ),
            );
        }
        url.map(|url| url.to_string())
    }

    /// Two triggers that share a consumer would each get a part of its messages.
    pub(super) fn consumers_apart(&mut self) {
        let manifest = self.manifest;
        let mut known = BTreeSet::new();
        for (index, trigger) in manifest.trigger.iter().enumerate() {
            let Trigger::Nats(NatsTrigger { url, stream, consumer, .. }) = trigger else { continue };
            let consumer = consumer.as_deref().unwrap_or(manifest.name.as_str());
            if !known.insert((url, stream, consumer)) {
                let at = ["trigger".to_owned(), index.to_string(), "stream".to_owned()];
                self.report(
                    &at,
                    format!("two triggers share the consumer `{consumer}` of the stream `{stream}`\nhint: name another `consumer` in one, or put the `subjects` of both into one"),
                );
            }
        }
    }
}
