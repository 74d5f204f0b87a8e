//! Certificates, and clients that trust them.

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion};
use wasmill_serve::tls::{Tls, TlsError};

/// A root that clients trust, and one between it and the servers.
pub struct Authority {
    root: CertifiedIssuer<'static, KeyPair>,
    between: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    pub fn new() -> Self {
        let params = || {
            let mut params = CertificateParams::default();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params
        };
        let root = CertifiedIssuer::self_signed(params(), KeyPair::generate().unwrap()).unwrap();
        let between = CertifiedIssuer::signed_by(params(), KeyPair::generate().unwrap(), &root).unwrap();
        Self { root, between }
    }

    /// A certificate for `localhost` and this key, in PEM, with the one that vouches for it.
    pub fn certificate(&self, key: &KeyPair) -> String {
        let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.signed_by(key, &self.between).unwrap().pem() + &self.between.pem()
    }

    /// A client that trusts the root, and speaks these.
    pub fn client(&self, protocols: &[&str]) -> ClientConfig {
        self.client_of(&[&TLS12, &TLS13], protocols)
    }

    /// One that knows only these versions of TLS.
    pub fn client_of(&self, versions: &[&'static SupportedProtocolVersion], protocols: &[&str]) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.der().clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()));
        let config = config.with_protocol_versions(versions).unwrap();
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        config
    }
}

pub fn localhost() -> ServerName<'static> {
    "localhost".try_into().unwrap()
}

pub type Client = StreamOwned<ClientConnection, TcpStream>;

/// A connection whose handshake is done.
pub fn connect(addr: SocketAddr, config: ClientConfig) -> std::io::Result<Client> {
    let mut stream = TcpStream::connect(addr)?;
    let mut connection = ClientConnection::new(Arc::new(config), localhost()).unwrap();
    while connection.is_handshaking() {
        connection.complete_io(&mut stream)?;
    }
    Ok(StreamOwned::new(connection, stream))
}

/// The certificate that a server showed.
pub fn shown(client: &Client) -> CertificateDer<'static> {
    client.conn.peer_certificates().unwrap()[0].clone()
}

pub fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

/// A certificate and its key in files.
pub struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    pub fn new(certificate: &str, key: &str) -> Self {
        let files = Self { folder: tempfile::tempdir().unwrap() };
        files.write(certificate, key);
        files
    }

    pub fn write(&self, certificate: &str, key: &str) {
        std::fs::write(self.certificate(), certificate).unwrap();
        std::fs::write(self.key(), key).unwrap();
    }

    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }

    pub fn key(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// They are read again every few milliseconds.
    pub fn tls(&self) -> Result<Tls, TlsError> {
        Tls::read(&self.certificate(), &self.key(), Duration::from_millis(5))
    }
}
