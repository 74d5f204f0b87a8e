//! TLS, by real handshakes.

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use common::certificates::{Authority, Files, connect, localhost, pem, shown};
use common::issuer::rsa;
use common::{Server, exchange};
use http::Response;
use http_body_util::{BodyExt, Full};
use rcgen::{KeyPair, PKCS_ED25519};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, ProtocolVersion};
use wasmill_serve::Settings;
use wasmill_serve::tls::Tls;

/// Answers with the version of HTTP and the path.
fn start(tls: Tls, idle: Duration) -> Server {
    Server::answering(Settings { idle, ..Settings::default() }, Some(tls), |request| async move {
        let said = format!("{:?} {}", request.version(), request.uri().path());
        Response::new(Full::from(said).map_err(|never| match never {}).boxed_unsync())
    })
}

/// A server with a certificate of the authority, and its files, which it reads again and again.
fn serve(authority: &Authority) -> (Server, Files) {
    let key = KeyPair::generate().unwrap();
    let files = Files::new(&authority.certificate(&key), &key.serialize_pem());
    (start(files.tls().unwrap(), Duration::from_secs(10)), files)
}

/// What a PKCS#8 key has in it: by its kind PKCS#1, or SEC1.
fn inner(pkcs8: &[u8]) -> &[u8] {
    /// The content of a DER value, and what comes after it.
    fn value(der: &[u8]) -> (&[u8], &[u8]) {
        let (start, length) = match der[1] {
            0x81 => (3, usize::from(der[2])),
            0x82 => (4, usize::from(der[2]) << 8 | usize::from(der[3])),
            short => (2, usize::from(short)),
        };
        der[start..].split_at(length)
    }
    let (_version, rest) = value(value(pkcs8).0);
    let (_algorithm, rest) = value(rest);
    value(rest).0
}

#[test]
fn keys_of_all_kinds_serve_both_versions() {
    let authority = Authority::new();
    let ec = KeyPair::generate().unwrap();
    let ed = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    let rsa = KeyPair::try_from(rsa()).unwrap();
    for (key, text) in [
        (&ec, ec.serialize_pem()),
        (&ec, pem("EC PRIVATE KEY", inner(ec.serialized_der()))),
        (&ed, ed.serialize_pem()),
        (&rsa, rsa.serialize_pem()),
        (&rsa, pem("RSA PRIVATE KEY", inner(rsa.serialized_der()))),
    ] {
        let files = Files::new(&authority.certificate(key), &text);
        let server = start(files.tls().unwrap(), Duration::from_secs(10));
        for (version, expect) in [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)] {
            let client = connect(server.addr, authority.client_of(&[version], &["http/1.1"])).unwrap();
            assert_eq!(client.conn.protocol_version(), Some(expect));
            let answer = exchange(client, "GET", "/hello", "", b"");
            assert_eq!((answer.status, answer.body.as_str()), (200, "HTTP/1.1 /hello"));
        }
    }
}

#[test]
fn client_and_server_agree_on_http() {
    let authority = Authority::new();
    let (server, _files) = serve(&authority);
    for (offered, agreed) in
        [(&["http/1.1"][..], Some("http/1.1")), (&["http/1.1", "h2"], Some("h2")), (&["h2"], Some("h2")), (&[], None)]
    {
        let client = connect(server.addr, authority.client(offered)).unwrap();
        assert_eq!(client.conn.alpn_protocol(), agreed.map(str::as_bytes), "{offered:?}");
        if agreed != Some("h2") {
            assert_eq!(exchange(client, "GET", "/a", "", b"").body, "HTTP/1.1 /a", "{offered:?}");
        }
    }
    let err = connect(server.addr, authority.client(&["smtp"])).unwrap_err();
    assert_eq!(err.to_string(), "received fatal alert: NoApplicationProtocol");
    assert_eq!(over_http2(&server, authority.client(&["h2"])), "HTTP/2.0 /b");
}

fn over_http2(server: &Server, config: ClientConfig) -> String {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let stream = tokio::net::TcpStream::connect(server.addr).await.unwrap();
        let stream = TlsConnector::from(Arc::new(config)).connect(localhost(), stream).await.unwrap();
        let (mut requests, connection) = h2::client::handshake(stream).await.unwrap();
        let connection = tokio::spawn(connection);
        let request = http::Request::get("https://localhost/b").body(()).unwrap();
        let mut body = requests.send_request(request, true).unwrap().0.await.unwrap().into_body();
        let said = body.data().await.unwrap().unwrap();
        drop((requests, body));
        connection.await.unwrap().unwrap();
        String::from_utf8(said.to_vec()).unwrap()
    })
}

#[test]
fn a_client_without_tls_is_told_so() {
    let authority = Authority::new();
    let (server, _files) = serve(&authority);
    let answer = server.get("/healthz", "");
    assert_eq!((answer.status, answer.body.as_str()), (400, r#"{"error":"this port speaks HTTPS, not HTTP"}"#));
    // One that does not trust the server, and one that says nothing it understands.
    assert!(connect(server.addr, Authority::new().client(&[])).is_err());
    let mut stream = TcpStream::connect(server.addr).unwrap();
    stream.write_all(&[22, 3, 1, 0, 5, 9, 9, 9, 9, 9]).unwrap();
    let _ = stream.read_to_end(&mut Vec::new());
    assert_eq!(exchange(connect(server.addr, authority.client(&[])).unwrap(), "GET", "/", "", b"").status, 200);
}

#[test]
fn a_handshake_that_stalls_holds_nobody_up_and_ends() {
    let authority = Authority::new();
    let key = KeyPair::generate().unwrap();
    let files = Files::new(&authority.certificate(&key), &key.serialize_pem());
    let server = start(files.tls().unwrap(), Duration::from_millis(300));
    let mut stalled: Vec<_> = (0..20)
        .map(|count| {
            let mut stream = TcpStream::connect(server.addr).unwrap();
            // Nothing, or the beginning of a hello.
            stream.write_all(&[22, 3, 1, 2, 0, 1][..count % 7]).unwrap();
            stream
        })
        .collect();
    assert_eq!(exchange(connect(server.addr, authority.client(&[])).unwrap(), "GET", "/", "", b"").status, 200);
    for stream in &mut stalled {
        let _ = stream.read_to_end(&mut Vec::new());
    }
}

#[test]
fn a_new_certificate_is_shown_to_new_connections_and_old_ones_go_on() {
    let authority = Authority::new();
    let (first, second) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let files = Files::new(&authority.certificate(&first), &first.serialize_pem());
    let server = start(files.tls().unwrap(), Duration::from_secs(10));
    let mut old = connect(server.addr, authority.client(&[])).unwrap();
    let shown_first = shown(&old);

    // Only one of the two is there yet: they do not fit, so the first pair stays.
    std::fs::write(files.certificate(), authority.certificate(&second)).unwrap();
    assert_eq!(shown(&connect(server.addr, authority.client(&[])).unwrap()), shown_first);
    std::fs::write(files.key(), second.serialize_pem()).unwrap();
    while shown(&connect(server.addr, authority.client(&[])).unwrap()) == shown_first {
        std::thread::yield_now();
    }
    old.write_all(b"GET /old HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    old.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("HTTP/1.1 /old"), "{answer}");
}

#[test]
fn what_is_wrong_with_the_files_is_said() {
    let authority = Authority::new();
    let (key, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let (certificate, text) = (authority.certificate(&key), key.serialize_pem());
    let files = Files::new(&certificate, &text);
    let said = || {
        let folder = format!("{}/", files.folder().display());
        files.tls().map_or_else(|err| err.to_string().replace(&folder, ""), |_| String::new())
    };
    let no_certificate =
        "there is no certificate in `cert.pem`\nhint: in PEM it begins with `-----BEGIN CERTIFICATE-----`";
    let no_key = "there is no private key in `key.pem`\n\
                  hint: in PEM it begins with `-----BEGIN PRIVATE KEY-----`; `openssl pkey` decrypts one";
    let mismatch = "the key in `key.pem` is not the one of the certificate in `cert.pem`\n\
                    hint: the server's certificate comes first in its file, then those that vouch for it";
    for (certificate, key, expect) in [
        (certificate.as_str(), text.as_str(), ""),
        ("", &text, no_certificate),
        (&text, &certificate, no_certificate),
        (&certificate, "", no_key),
        (&certificate, &pem("ENCRYPTED PRIVATE KEY", b"x"), no_key),
        (&certificate, &other.serialize_pem(), mismatch),
        (
            &certificate,
            &pem("PRIVATE KEY", b"x"),
            "cannot use the certificate in `cert.pem` with the key in `key.pem`: \
             unexpected error: failed to parse private key as RSA, ECDSA, or EdDSA",
        ),
        (
            &pem("CERTIFICATE", b"x"),
            &text,
            "cannot use the certificate in `cert.pem` with the key in `key.pem`: \
             invalid peer certificate: BadEncoding",
        ),
    ] {
        files.write(certificate, key);
        assert_eq!(said(), expect);
    }
    files.write(&certificate, &text);
    std::fs::remove_file(files.key()).unwrap();
    assert_eq!(said(), "cannot read `key.pem`: No such file or directory (os error 2)");
}
