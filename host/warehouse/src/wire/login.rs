//! Who connects: a principal of the rules, that shows to have one of its keys.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use datafusion_postgres::pgwire::api::auth::{
    DefaultServerParameterProvider, ServerParameterProvider, StartupHandler, finish_authentication,
    protocol_negotiation, save_startup_parameters_to_metadata,
};
use datafusion_postgres::pgwire::api::{
    ClientInfo, METADATA_DATABASE, METADATA_USER, PgWireConnectionState, PidSecretKeyGenerator,
    RandomPidSecretKeyGenerator,
};
use datafusion_postgres::pgwire::error::{PgWireError, PgWireResult};
use datafusion_postgres::pgwire::messages::startup::Authentication;
use datafusion_postgres::pgwire::messages::{PgWireBackendMessage, PgWireFrontendMessage};
use futures_util::{Sink, SinkExt};
use sha2::{Digest, Sha256, Sha384, Sha512};
use tokio::sync::{Mutex, OwnedSemaphorePermit};
use wasmill_access::Holder;
use wasmill_access::scram::{Exchange, MECHANISM, MECHANISM_PLUS, ScramError};
use x509_certificate::SignatureAlgorithm;
use x509_certificate::certificate::CapturedX509Certificate;

use super::asked::TIMEOUT;
use super::failure::fatal;
use super::functions::VERSION;
use super::settings::LOGIN_TIMEOUT;
use super::{Shared, Tls};
use crate::query::names::CATALOG;

/// Lets a client in.
pub struct Login {
    shared: Arc<Shared>,
    holder: Arc<OnceLock<Holder>>,
    at: Mutex<At>,
}

/// How far it is.
enum At {
    Beginning,
    /// With the hash of the certificate, if the exchange may be bound to it.
    Named(OwnedSemaphorePermit, Option<Vec<u8>>),
    Answered(OwnedSemaphorePermit, Exchange),
    /// The connection's permit is kept as long as it is.
    In(#[expect(dead_code, reason = "held")] OwnedSemaphorePermit),
}

impl Login {
    /// For a connection; `holder` is set once it is known.
    pub fn new(shared: Arc<Shared>, holder: Arc<OnceLock<Holder>>) -> Self {
        Self { shared, holder, at: Mutex::new(At::Beginning) }
    }
}

#[async_trait]
impl StartupHandler for Login {
    async fn on_startup<C>(&self, client: &mut C, message: PgWireFrontendMessage) -> PgWireResult<()>
    where
        C: ClientInfo + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let mut at = self.at.lock().await;
        match (std::mem::replace(&mut *at, At::Beginning), message) {
            (At::Beginning, PgWireFrontendMessage::Startup(startup)) => {
                protocol_negotiation(client, &startup).await?;
                save_startup_parameters_to_metadata(client, &startup);
                if self.shared.tls.is_some() && !client.is_secure() {
                    return Err(fatal("28000", "connections are encrypted here: connect with sslmode=require"));
                }
                let Ok(permit) = self.shared.connections.clone().try_acquire_owned() else {
                    return Err(fatal("53300", "sorry, too many clients already"));
                };
                if let Some(time) = statement_timeout(client) {
                    for key in [TIMEOUT, LOGIN_TIMEOUT] {
                        client.metadata_mut().insert(key.to_owned(), time.to_string());
                    }
                }
                client.set_state(PgWireConnectionState::AuthenticationInProgress);
                let end_point = self.shared.tls.as_ref().and_then(end_point);
                let plus = end_point.as_ref().map(|_| MECHANISM_PLUS.to_owned());
                let offered = Authentication::SASL(plus.into_iter().chain([MECHANISM.to_owned()]).collect());
                client.send(PgWireBackendMessage::Authentication(offered)).await?;
                *at = At::Named(permit, end_point);
            }
            (At::Named(permit, end_point), PgWireFrontendMessage::PasswordMessageFamily(message)) => {
                let message = message.into_sasl_initial_response()?;
                let first = message.data.as_deref().and_then(|first| std::str::from_utf8(first).ok());
                let first = first.ok_or_else(|| refused(name(client), ScramError::Malformed))?;
                let begun = Exchange::begin(name(client), &message.auth_method, end_point.as_deref(), first);
                let (exchange, answer) = begun.map_err(|err| refused(name(client), err))?;
                let answer = Authentication::SASLContinue(answer.into());
                client.send(PgWireBackendMessage::Authentication(answer)).await?;
                *at = At::Answered(permit, exchange);
            }
            (At::Answered(permit, exchange), PgWireFrontendMessage::PasswordMessageFamily(message)) => {
                let message = message.into_sasl_response()?;
                let last = std::str::from_utf8(&message.data).unwrap_or_default();
                let shown = self.shared.rules.get().shown(name(client), &exchange, last);
                let (holder, answer) = shown.map_err(|err| refused(name(client), err))?;
                let database = client.metadata().get(METADATA_DATABASE).map_or("", String::as_str);
                // Without one it is the user's name.
                if database != CATALOG && !(database.is_empty() || database == name(client)) {
                    let message = format!("database \"{}\" does not exist", database.escape_debug());
                    return Err(fatal("3D000", &message));
                }
                tracing::debug!(principal = %holder.caller.principal, "connected for SQL");
                // Nobody logs in twice.
                let _ = self.holder.set(holder);
                let answer = Authentication::SASLFinal(answer.into());
                client.send(PgWireBackendMessage::Authentication(answer)).await?;
                let (pid, key) = RandomPidSecretKeyGenerator::generate(&self.shared.cancels.pids, client);
                client.set_pid_and_secret_key(pid, key.clone());
                client.session_extensions().insert(self.shared.cancels.register(pid, &key));
                finish_authentication(client, &Parameters::new()).await?;
                *at = At::In(permit);
            }
            _ => return Err(fatal("08P01", "this is not what comes next")),
        }
        Ok(())
    }
}

/// The hash of the certificate that a client sees, by which an exchange is bound to it (RFC 5929, section 4.1): by the
/// function of its signature, or SHA-256 where that is weaker. None if its signature has no such function.
fn end_point(tls: &Tls) -> Option<Vec<u8>> {
    let der = (tls.certificate)()?;
    let certificate = CapturedX509Certificate::from_der(der.as_slice()).ok()?;
    Some(match certificate.signature_algorithm()? {
        SignatureAlgorithm::RsaSha1 | SignatureAlgorithm::RsaSha256 | SignatureAlgorithm::EcdsaSha256 => {
            Sha256::digest(&der).to_vec()
        }
        SignatureAlgorithm::RsaSha384 | SignatureAlgorithm::EcdsaSha384 => Sha384::digest(&der).to_vec(),
        SignatureAlgorithm::RsaSha512 => Sha512::digest(&der).to_vec(),
        _ => return None,
    })
}

/// Who the client says to be.
fn name<C: ClientInfo>(client: &C) -> &str {
    client.metadata().get(METADATA_USER).map_or("", String::as_str)
}

/// The time of each statement that a client wants from the start, in milliseconds: by itself, or among `options`.
fn statement_timeout<C: ClientInfo>(client: &C) -> Option<u64> {
    const NAME: &str = "statement_timeout";
    let options = client.metadata().get("options").map_or("", String::as_str);
    // The last one counts.
    let among = options.split_whitespace().rev().find_map(|option| option.trim_start_matches("--").strip_prefix(NAME));
    let typed =
        among.and_then(|rest| rest.strip_prefix('=')).or_else(|| client.metadata().get(NAME).map(String::as_str));
    let typed = typed?.trim_matches('\'');
    let digits = typed.trim_end_matches(char::is_alphabetic);
    let unit = match typed.get(digits.len()..)? {
        "" | "ms" => 1,
        "s" => 1000,
        "min" => 60_000,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit).filter(|time| *time > 0)
}

/// The same whether the name, the key or its time is wrong.
fn refused(name: &str, err: ScramError) -> PgWireError {
    match err {
        ScramError::Refused => {
            fatal("28P01", &format!("password authentication failed for user \"{}\"", name.escape_debug()))
        }
        other => fatal("08P01", &other.to_string()),
    }
}

/// What a client is told of the server.
struct Parameters(DefaultServerParameterProvider);

impl Parameters {
    fn new() -> Self {
        let mut parameters = DefaultServerParameterProvider::default();
        parameters.server_version = VERSION.to_owned();
        parameters.is_superuser = false;
        parameters.default_transaction_read_only = true;
        parameters.date_style = "ISO, MDY".to_owned();
        Self(parameters)
    }
}

impl ServerParameterProvider for Parameters {
    fn server_parameters<C: ClientInfo>(&self, client: &C) -> Option<HashMap<String, String>> {
        self.0.server_parameters(client)
    }
}
