//! Connections to servers of PostgreSQL, by URLs as manifests have them: `postgres://USER@HOST:PORT/DATABASE?sslmode=require`,
//! with the password that the environment has in `PGPASSWORD`.

pub mod json;

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use postgres::config::SslMode;
use postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

/// How long to wait for a server at most, while connecting and while it is silent.
const SILENCE: Duration = Duration::from_secs(10);

/// A server, which was not asked yet.
pub struct Server {
    config: Config,
    name: String,
}

impl Server {
    /// By its URL; an error if it is none.
    pub fn new(url: &str) -> Result<Self, String> {
        let name = url.split('?').next().unwrap_or(url).to_owned();
        let mut config: Config = url.parse().map_err(|err| said(&err))?;
        if let Some(password) = std::env::var_os("PGPASSWORD") {
            config.password(password.as_encoded_bytes());
        }
        config.application_name("wasmill").connect_timeout(SILENCE).tcp_user_timeout(SILENCE);
        config.keepalives_idle(SILENCE);
        Ok(Self { config, name })
    }

    /// As messages name it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A connection. It waits for the server: not to be called where others wait.
    pub fn connect(&self) -> Result<Client, String> {
        match self.config.get_ssl_mode() {
            SslMode::Disable => self.config.connect(NoTls),
            _ => self.config.connect(tls()?),
        }
        .map_err(|err| said(&err))
    }
}

/// Certificates are checked against those that the system trusts, or the file that `SSL_CERT_FILE` names.
fn tls() -> Result<MakeRustlsConnect, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|err| err.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

/// An error as text, with what the server says rather than that it said something.
pub fn said(err: &postgres::Error) -> String {
    match (err.as_db_error(), err.source()) {
        (Some(said), _) => match said.hint() {
            Some(hint) => format!("{}\nhint: {hint}", said.message()),
            None => said.message().to_owned(),
        },
        (None, Some(source)) => format!("{err}: {source}"),
        (None, None) => err.to_string(),
    }
}
