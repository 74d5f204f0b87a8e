//! TLS 1.2 and 1.3 by rustls, with a certificate that is read again while the server runs.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
pub use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{Error, InconsistentKeys, ServerConfig};
use tokio_rustls::server::TlsStream;
use wasmill_access::live::Live;

/// What a client of HTTP may choose from, by preference.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// What a client of PostgreSQL's protocol chooses (<https://www.postgresql.org/docs/17/protocol-flow.html>).
const POSTGRES: [&[u8]; 1] = [b"postgresql"];

/// The first byte of a client that speaks TLS: a record of the handshake.
const HANDSHAKE: u8 = 22;

/// What a client that does not is told.
const NOT_TLS: &[u8] = b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: 44\r\n\
    connection: close\r\n\r\n{\"error\":\"this port speaks HTTPS, not HTTP\"}";

/// TLS with a certificate and its key.
pub struct Tls(TlsAcceptor);

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read `{path}`: {reason}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A file does not have what it should.
    #[error("there is no {what} in `{path}`\nhint: {hint}")]
    Nothing {
        /// The file.
        path: PathBuf,
        /// What it should have.
        what: &'static str,
        /// What that looks like.
        hint: &'static str,
    },
    /// The key is another certificate's.
    #[error(
        "the key in `{key}` is not the one of the certificate in `{certificate}`\n\
         hint: the server's certificate comes first in its file, then those that vouch for it"
    )]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// The key or the certificate is of a kind that is not known.
    #[error("cannot use the certificate in `{certificate}` with the key in `{key}`: {source}")]
    Unusable {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// Why not.
        source: Error,
    },
}

impl Tls {
    /// Reads a certificate, with those that vouch for it after it, and its key: PEM files, the key as PKCS#8, PKCS#1
    /// or SEC1. They are read again after each interval, for connections that come then; files that do not fit
    /// together leave the ones before in use, which is said on standard error.
    pub fn read(certificate: &Path, key: &Path, interval: Duration) -> Result<Self, TlsError> {
        let (acceptor, _) = acceptor(certificate, key, interval, &PROTOCOLS)?;
        Ok(Self(acceptor))
    }

    /// Shakes hands with a client. One that speaks HTTP without TLS is told so.
    pub async fn accept(&self, mut stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let mut first = [0];
        if stream.peek(&mut first).await? == 1 && first != [HANDSHAKE] {
            // What is not read would cut off the answer.
            let _ = stream.read(&mut [0; 4096]).await?;
            stream.write_all(NOT_TLS).await?;
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the client does not speak TLS"));
        }
        self.0.accept(stream).await
    }
}

/// TLS for PostgreSQL's protocol.
pub struct PostgresTls {
    /// What shakes hands.
    pub acceptor: TlsAcceptor,
    newest: Live<CertifiedKey>,
}

impl PostgresTls {
    /// With what [`Tls::read`] reads.
    pub fn read(certificate: &Path, key: &Path, interval: Duration) -> Result<Self, TlsError> {
        let (acceptor, newest) = acceptor(certificate, key, interval, &POSTGRES)?;
        Ok(Self { acceptor, newest })
    }

    /// The certificate that is presented now, in DER.
    pub fn certificate(&self) -> Option<Vec<u8>> {
        Some(self.newest.get().end_entity_cert().ok()?.to_vec())
    }
}

fn acceptor(
    certificate: &Path,
    key: &Path,
    interval: Duration,
    protocols: &[&[u8]],
) -> Result<(TlsAcceptor, Live<CertifiedKey>), TlsError> {
    let unusable = |source| TlsError::Unusable { certificate: certificate.into(), key: key.into(), source };
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()));
    let config = config.with_safe_default_protocol_versions().map_err(unusable)?.with_no_client_auth();
    let newest = {
        let (certificate, key) = (certificate.to_owned(), key.to_owned());
        Live::read(interval, move || pair(&certificate, &key))?
    };
    let mut config = config.with_cert_resolver(Arc::new(Newest(newest.clone())));
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    Ok((Arc::new(config).into(), newest))
}

fn pair(certificate: &Path, key: &Path) -> Result<CertifiedKey, TlsError> {
    let chain = CertificateDer::pem_slice_iter(&content(certificate)?).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|err| malformed(certificate, &err))?;
    if chain.is_empty() {
        let hint = "in PEM it begins with `-----BEGIN CERTIFICATE-----`";
        return Err(TlsError::Nothing { path: certificate.into(), what: "certificate", hint });
    }
    let private = PrivateKeyDer::from_pem_slice(&content(key)?).map_err(|err| match err {
        pem::Error::NoItemsFound => {
            let hint = "in PEM it begins with `-----BEGIN PRIVATE KEY-----`; `openssl pkey` decrypts one";
            TlsError::Nothing { path: key.into(), what: "private key", hint }
        }
        err => malformed(key, &err),
    })?;
    CertifiedKey::from_der(chain, private, &default_provider()).map_err(|err| match err {
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            TlsError::Mismatch { certificate: certificate.into(), key: key.into() }
        }
        source => TlsError::Unusable { certificate: certificate.into(), key: key.into(), source },
    })
}

fn content(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|err| TlsError::Read { path: path.into(), reason: err.to_string() })
}

fn malformed(path: &Path, err: &pem::Error) -> TlsError {
    TlsError::Read { path: path.into(), reason: err.to_string() }
}

/// Presents the newest certificate.
#[derive(Debug)]
struct Newest(Live<CertifiedKey>);

impl ResolvesServerCert for Newest {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.get())
    }
}

impl fmt::Debug for PostgresTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresTls").finish_non_exhaustive()
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}
