//! From a plan to a consumer: who connects, the connection, and the consumer, which is made or checked.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use async_nats::jetstream::consumer::{self, AckPolicy, PullConsumer, pull};
use async_nats::jetstream::context::ConsumerInfoErrorKind;
use async_nats::jetstream::stream::ConsumerCreateStrictErrorKind;
use async_nats::{Client, ConnectErrorKind, ConnectOptions, Event, jetstream};
use tokio::sync::watch;
use wasmill_runtime::plan::NatsPlan;

/// How long a server has to answer.
const ANSWER: Duration = Duration::from_secs(5);

/// How often a connection on which nothing comes is tried: one that is dead is noticed after two of them.
const PING: Duration = Duration::from_secs(5);

/// Messages that may be on their way in all workers together, with those that wait to be tried again: so many that a few
/// which fail for hours do not hold up the others.
const ON_THEIR_WAY: i64 = 20_000;

/// What can go wrong with a broker.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// No server can be reached.
    #[error("cannot connect to {servers}: {cause}")]
    Unreachable {
        /// The servers.
        servers: String,
        /// Why.
        cause: String,
    },
    /// The server does not let this user in.
    #[error("{servers} refused {who}\nhint: set NATS_CREDS (a file), NATS_USER and NATS_PASSWORD, or NATS_TOKEN")]
    Refused {
        /// The servers.
        servers: String,
        /// What was shown to it, without secrets.
        who: String,
    },
    /// The environment's credentials cannot be used.
    #[error("{0}")]
    Credentials(String),
    /// There is no such stream.
    #[error(
        "there is no stream `{stream}`\nhint: `nats stream add {stream} --subjects '{subjects}' --storage file --defaults` makes it"
    )]
    NoStream {
        /// The stream.
        stream: String,
        /// The subjects that it could have.
        subjects: String,
    },
    /// The consumer is there, but of other settings.
    #[error("the consumer `{consumer}` of the stream `{stream}` has other settings: {differences}\nhint: {hint}")]
    Differs {
        /// The stream.
        stream: String,
        /// The consumer.
        consumer: String,
        /// What is otherwise.
        differences: String,
        /// How to change that.
        hint: String,
    },
    /// JetStream refused something.
    #[error("JetStream: {0}")]
    JetStream(String),
    /// JetStream did not answer.
    #[error("JetStream does not answer: {0}\nhint: is it on (`nats-server -js`), and may this user use it?")]
    NoAnswer(String),
    /// What comes from the consumer ended.
    #[error("no more messages come: {0}")]
    Ended(String),
    /// The connection was lost.
    #[error("the connection was lost")]
    Disconnected,
}

impl BrokerError {
    /// Whether it will stay so until someone changes something.
    pub fn is_final(&self) -> bool {
        match self {
            Self::Refused { .. } | Self::Credentials(_) | Self::NoStream { .. } => true,
            Self::Differs { .. } | Self::JetStream(_) => true,
            Self::Unreachable { .. } | Self::NoAnswer(_) | Self::Ended(_) | Self::Disconnected => false,
        }
    }
}

/// A connection, which is made again by itself.
pub struct Connection {
    /// What messages go over.
    pub client: Client,
    /// Whether it stands.
    pub is_connected: watch::Receiver<bool>,
}

impl Connection {
    /// Connects to one of the servers. `name` is shown by the server's tools.
    pub async fn open(plan: &NatsPlan, name: &str) -> Result<Self, BrokerError> {
        let (told, is_connected) = watch::channel(true);
        let (options, who) = signed_in(ConnectOptions::new()).await?;
        let options = options
            .name(name)
            .connection_timeout(ANSWER)
            .request_timeout(Some(ANSWER))
            .ping_interval(PING)
            .require_tls(plan.servers.iter().any(|server| server.starts_with("tls:")))
            .event_callback(move |event| {
                let stands = match event {
                    Event::Connected => Some(true),
                    Event::Disconnected | Event::Closed => Some(false),
                    Event::LameDuckMode | Event::Draining => None,
                    other => {
                        tracing::warn!("NATS: {other}");
                        None
                    }
                };
                // That it is connected is told once more after it is known.
                told.send_if_modified(|stood| stands.is_some_and(|stands| std::mem::replace(stood, stands) != stands));
                std::future::ready(())
            });
        let servers = plan.servers.join(", ");
        let client = options.connect(&plan.servers).await.map_err(|err| match err.kind() {
            ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation => {
                BrokerError::Refused { servers, who }
            }
            _ => BrokerError::Unreachable { servers, cause: err.to_string() },
        })?;
        Ok(Self { client, is_connected })
    }

    /// The consumer, which is made if it is missing, and checked if it is there.
    pub async fn consumer(&self, plan: &NatsPlan) -> Result<PullConsumer, BrokerError> {
        let context = jetstream::new(self.client.clone());
        let stream = context.get_stream_no_info(&plan.stream).await;
        let stream = stream.map_err(|err| BrokerError::JetStream(err.to_string()))?;
        let wanted = settings(plan);
        for _ in 0..2 {
            match stream.consumer_info(&plan.consumer).await {
                Ok(info) => {
                    check(plan, &info.config, &wanted)?;
                    return Ok(consumer::Consumer::new(wanted, info, context));
                }
                Err(err) => match err.kind() {
                    ConsumerInfoErrorKind::NotFound => {}
                    ConsumerInfoErrorKind::StreamNotFound => return Err(no_stream(plan)),
                    ConsumerInfoErrorKind::JetStream(err) => return Err(BrokerError::JetStream(err.to_string())),
                    _ => return Err(BrokerError::NoAnswer(err.to_string())),
                },
            }
            match stream.create_consumer_strict(wanted.clone()).await {
                Ok(consumer) => return Ok(consumer),
                Err(err) => match err.kind() {
                    // Another worker made it at the same time; it is looked at like any other.
                    ConsumerCreateStrictErrorKind::AlreadyExists => {}
                    ConsumerCreateStrictErrorKind::JetStream(err) => {
                        return Err(BrokerError::JetStream(err.to_string()));
                    }
                    _ => return Err(BrokerError::NoAnswer(err.to_string())),
                },
            }
        }
        Err(BrokerError::NoAnswer(format!("the consumer `{}` comes and goes", plan.consumer)))
    }
}

/// Whether all is as the plan has it, as far as a server can be asked: only what will stay wrong is an error.
pub async fn check_servers(plan: &NatsPlan) -> Result<(), BrokerError> {
    let checked = async { Connection::open(plan, "wasmill: check").await?.consumer(plan).await };
    match checked.await {
        Err(err) if err.is_final() => Err(err),
        _ => Ok(()),
    }
}

/// The options with what the environment says of who connects, and that in words.
async fn signed_in(mut options: ConnectOptions) -> Result<(ConnectOptions, String), BrokerError> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let unreadable =
        |name: &str, path: &str, err: std::io::Error| BrokerError::Credentials(format!("{name}: `{path}`: {err}"));
    let mut who = Vec::new();
    if let Some(path) = variable("NATS_CREDS") {
        options = options.credentials_file(&path).await.map_err(|err| unreadable("NATS_CREDS", &path, err))?;
        who.push("the credentials of NATS_CREDS".to_owned());
    }
    if let Some(path) = variable("NATS_NKEY") {
        let seed = tokio::fs::read_to_string(&path).await.map_err(|err| unreadable("NATS_NKEY", &path, err))?;
        options = options.nkey(seed.trim().to_owned());
        who.push("the key of NATS_NKEY".to_owned());
    }
    match (variable("NATS_USER"), variable("NATS_PASSWORD")) {
        (Some(user), Some(password)) => {
            who.push(format!("the user `{user}` with the password of NATS_PASSWORD"));
            options = options.user_and_password(user, password);
        }
        (None, None) => {}
        _ => {
            let message = "NATS_USER and NATS_PASSWORD go together\nhint: a token by itself is NATS_TOKEN";
            return Err(BrokerError::Credentials(message.into()));
        }
    }
    if let Some(token) = variable("NATS_TOKEN") {
        options = options.token(token);
        who.push("the token of NATS_TOKEN".to_owned());
    }
    if let Some(path) = variable("NATS_CA") {
        options = options.add_root_certificates(PathBuf::from(path));
    }
    match (variable("NATS_CERT"), variable("NATS_KEY")) {
        (Some(certificate), Some(key)) => {
            who.push("the certificate of NATS_CERT".to_owned());
            options = options.add_client_certificate(certificate.into(), key.into());
        }
        (None, None) => {}
        _ => return Err(BrokerError::Credentials("NATS_CERT and NATS_KEY go together".into())),
    }
    if who.is_empty() {
        who.push("a user without credentials".to_owned());
    }
    Ok((options, who.join(" and ")))
}

/// The settings that the consumer must have.
fn settings(plan: &NatsPlan) -> pull::Config {
    let mut config = pull::Config {
        durable_name: Some(plan.consumer.clone()),
        ack_policy: AckPolicy::Explicit,
        ack_wait: plan.ack_wait,
        // The server would forget a message that was delivered so often, whatever became of it. Wasmill counts itself.
        max_deliver: -1,
        max_ack_pending: ON_THEIR_WAY,
        ..pull::Config::default()
    };
    match plan.subjects.as_slice() {
        [subject] => config.filter_subject.clone_from(subject),
        subjects => config.filter_subjects = subjects.to_vec(),
    }
    config
}

fn no_stream(plan: &NatsPlan) -> BrokerError {
    let subjects =
        if plan.subjects.is_empty() { format!("{}.>", plan.stream.to_lowercase()) } else { plan.subjects.join(",") };
    BrokerError::NoStream { stream: plan.stream.clone(), subjects }
}

/// Whether a consumer that is there has the settings without which messages would be lost, or never come.
fn check(plan: &NatsPlan, found: &consumer::Config, wanted: &pull::Config) -> Result<(), BrokerError> {
    let mut differences = Vec::new();
    let mut flags = String::new();
    let mut is_another_kind = false;
    if found.deliver_subject.is_some() {
        differences.push("it is a push consumer".to_owned());
        is_another_kind = true;
    }
    if found.ack_policy != AckPolicy::Explicit {
        differences.push("a message need not be acknowledged by itself".to_owned());
        is_another_kind = true;
    }
    if found.headers_only {
        differences.push("it brings headers only".to_owned());
        is_another_kind = true;
    }
    if found.max_deliver > 0 {
        differences.push(format!("after {} deliveries a message is forgotten", found.max_deliver));
        flags.push_str(" --max-deliver=-1");
    }
    if !found.backoff.is_empty() {
        differences.push("it has a backoff of its own in the place of the ack wait".to_owned());
        flags.push_str(" --backoff=none");
    }
    if found.ack_wait != wanted.ack_wait {
        let (found, wanted) = (found.ack_wait, wanted.ack_wait);
        differences.push(format!("its ack wait is {found:?}, not {wanted:?}"));
        let _ = write!(flags, " --wait={}ms", wanted.as_millis());
    }
    if subjects(&found.filter_subject, &found.filter_subjects)
        != subjects(&wanted.filter_subject, &wanted.filter_subjects)
    {
        let found = subjects(&found.filter_subject, &found.filter_subjects);
        differences.push(format!("its subjects are {found:?}, not {:?}", plan.subjects));
        let wanted = if plan.subjects.is_empty() { vec![">".to_owned()] } else { plan.subjects.clone() };
        for subject in wanted {
            let _ = write!(flags, " --filter='{subject}'");
        }
    }
    if differences.is_empty() {
        return Ok(());
    }
    let hint = if is_another_kind {
        "name another `consumer` in the trigger".to_owned()
    } else {
        format!("`nats consumer edit {} {}{flags}`, or the trigger's own settings", plan.stream, plan.consumer)
    };
    let (stream, consumer) = (plan.stream.clone(), plan.consumer.clone());
    Err(BrokerError::Differs { stream, consumer, differences: differences.join("; "), hint })
}

/// Subjects, however they are given; none, or `>` alone, is all.
fn subjects<'a>(one: &'a str, several: &'a [String]) -> BTreeSet<&'a str> {
    let all = several.iter().map(String::as_str).chain(Some(one).filter(|one| !one.is_empty()));
    let all: BTreeSet<&str> = all.collect();
    if all.len() == 1 && all.contains(">") { BTreeSet::new() } else { all }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(subjects: &[&str]) -> NatsPlan {
        NatsPlan {
            servers: vec!["nats://localhost".into()],
            stream: "S".into(),
            consumer: "c".into(),
            subjects: subjects.iter().map(|subject| (*subject).to_owned()).collect(),
            max_deliveries: 10,
            ack_wait: Duration::from_secs(30),
            ahead: None,
            bytes_ahead: 1,
            store: None,
        }
    }

    fn found(change: impl FnOnce(&mut consumer::Config)) -> consumer::Config {
        let mut config = consumer::Config {
            ack_policy: AckPolicy::Explicit,
            ack_wait: Duration::from_secs(30),
            max_deliver: -1,
            ..consumer::Config::default()
        };
        change(&mut config);
        config
    }

    #[test]
    fn only_settings_that_would_lose_messages_or_keep_them_away_are_refused() {
        let all = |_: &mut consumer::Config| {};
        for (subjects, config, expect) in [
            (&[][..], found(all), ""),
            (&[], found(|config| config.max_ack_pending = 7), ""),
            (&[], found(|config| config.filter_subject = ">".into()), ""),
            (&["a.>"], found(|config| config.filter_subjects = vec!["a.>".into()]), ""),
            (&["a", "b"], found(|config| config.filter_subjects = vec!["b".into(), "a".into()]), ""),
            (&["a"], found(all), " --filter='a'`"),
            (&[], found(|config| config.filter_subject = "a".into()), " --filter='>'`"),
            (&[], found(|config| config.max_deliver = 5), "after 5 deliveries a message is forgotten"),
            (
                &[],
                found(|config| config.ack_wait *= 2),
                "its ack wait is 60s, not 30s\nhint: `nats consumer edit S c --wait=30000ms`",
            ),
            (&[], found(|config| config.backoff = vec![Duration::from_secs(1)]), " --backoff=none`"),
            (
                &[],
                found(|config| config.deliver_subject = Some("x".into())),
                "push consumer\nhint: name another `consumer`",
            ),
            (&[], found(|config| config.ack_policy = AckPolicy::All), "hint: name another `consumer` in the trigger"),
            (&[], found(|config| config.headers_only = true), "hint: name another `consumer` in the trigger"),
        ] {
            let plan = plan(subjects);
            let said = check(&plan, &config, &settings(&plan)).err().map_or_else(String::new, |err| err.to_string());
            assert!(said.contains(expect) && said.is_empty() == expect.is_empty(), "{subjects:?} {config:?}: {said}");
        }
    }
}
