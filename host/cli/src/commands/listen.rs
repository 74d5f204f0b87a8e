//! Where a server listens, and to whom.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, anyhow};
use clap::Args;
use tokio::net::TcpListener;
use wasmill_access::Access;
use wasmill_access::live::Live;
use wasmill_serve::tls::Tls;

use crate::log::{self, LogFormat, LogLevel};

/// How often files that may change while the server runs are read again.
const READ_AGAIN: Duration = Duration::from_secs(10);

/// Listens on an address.
pub async fn bind(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|err| match err.kind() {
        ErrorKind::AddrInUse => {
            let free = SocketAddr::new(address.ip(), 0);
            anyhow!("cannot listen on {address}: {err}\nhint: {free} takes a port that is free")
        }
        _ => anyhow!("cannot listen on {address}: {err}"),
    })
}

/// What servers take.
#[derive(Debug, Args)]
pub struct ListenArgs {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub addr: SocketAddr,

    /// The server's certificate, a PEM file with those that vouch for it after it: HTTPS, by TLS 1.2 or 1.3.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,

    /// The certificate's key, a PEM file: PKCS#8, PKCS#1 or SEC1.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,

    /// Who may call, a TOML file with `[access]`; everyone if not given.
    #[arg(long, value_name = "FILE")]
    access: Option<PathBuf>,

    /// The form of the log on standard error.
    #[arg(long, value_enum, default_value = "text", env = "WASMILL_LOG_FORMAT")]
    log_format: LogFormat,

    /// The least that is logged.
    #[arg(long, value_enum, default_value = "info", env = "WASMILL_LOG_LEVEL")]
    log_level: LogLevel,
}

impl ListenArgs {
    /// Starts logging.
    pub fn start_log(&self) {
        log::start(self.log_format, self.log_level);
    }

    /// The certificate, if there is one.
    pub fn tls(&self) -> Result<Option<Tls>> {
        match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => Ok(Some(Tls::read(certificate, key, READ_AGAIN)?)),
            _ => Ok(None),
        }
    }

    /// The same for PostgreSQL's protocol.
    #[cfg(feature = "warehouse")]
    pub fn tls_for_postgres(&self) -> Result<Option<wasmill_serve::tls::PostgresTls>> {
        use wasmill_serve::tls::PostgresTls;

        match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => Ok(Some(PostgresTls::read(certificate, key, READ_AGAIN)?)),
            _ => Ok(None),
        }
    }

    /// The rules of who may call, if there are any.
    pub fn rules(&self) -> Result<Option<Live<Access>>> {
        Ok(self.access.clone().map(|file| Live::read(READ_AGAIN, move || Access::read(&file))).transpose()?)
    }
}
