//! Connections: how many there may be, and how long one that is not used stays.

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use common::Server;
use http::Response;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame};
use wasmill_serve::Settings;
use wasmtime_wasi_http::{Error, WasiBody};

const IDLE: Duration = Duration::from_millis(300);

/// Answers after the time that the path says, in milliseconds.
fn start(connections: usize) -> Server {
    let settings = Settings { idle: IDLE, connections, ..Settings::default() };
    Server::answering(settings, None, |request| async move {
        let wait = request.uri().path().trim_start_matches('/').parse().unwrap_or(0);
        tokio::time::sleep(Duration::from_millis(wait)).await;
        Response::new(body("done".into()))
    })
}

fn body(bytes: Bytes) -> WasiBody {
    Full::from(bytes).map_err(|never| match never {}).boxed_unsync()
}

/// What a server sends until it closes, and when that was.
fn until_closed(mut stream: TcpStream) -> (String, Duration) {
    let started = Instant::now();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Err(err) if err.kind() == std::io::ErrorKind::WouldBlock => panic!("the connection stays open"),
        _ => (String::from_utf8_lossy(&answer).into_owned(), started.elapsed()),
    }
}

#[test]
fn a_connection_without_a_request_is_closed() {
    let server = start(100);
    for (sent, answers) in [
        ("", 0),
        ("GET / HTTP/1.1\r\nhost: x\r\nslo", 0),
        // The beginning of HTTP/2, and all of it.
        ("PRI * HTTP/2.0\r\n", 0),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}\0\0\0\0\0", 0),
        // Answered, and then nothing, or half of a second request.
        ("GET / HTTP/1.1\r\nhost: x\r\n\r\n", 1),
        ("GET / HTTP/1.1\r\nhost: x\r\n\r\nGET / HT", 1),
        ("GET / HTTP/1.1\r\nhost: x\r\n\r\nGET / HTTP/1.1\r\nhost: x\r\n\r\n", 2),
    ] {
        let mut stream = TcpStream::connect(server.addr).unwrap();
        stream.write_all(sent.as_bytes()).unwrap();
        let (answer, elapsed) = until_closed(stream);
        assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), answers, "{sent:?}: {answer:?}");
        assert!(elapsed >= IDLE, "{sent:?}: {elapsed:?}");
    }
}

#[test]
fn headers_that_drip_are_not_waited_for() {
    let server = start(100);
    let mut stream = TcpStream::connect(server.addr).unwrap();
    let reader = stream.try_clone().unwrap();
    let dripping = std::thread::spawn(move || {
        let mut sent = 0;
        // Until the server hangs up.
        while stream.write_all(b"a").is_ok() && sent < 10_000 {
            sent += 1;
            std::thread::sleep(Duration::from_millis(2));
        }
        sent
    });
    assert_eq!(until_closed(reader).0, "");
    assert!(dripping.join().unwrap() < 10_000);
}

#[test]
fn a_request_may_take_longer_than_a_client_may_be_silent() {
    let server = start(100);
    let answer = server.get("/900", "");
    assert_eq!((answer.status, answer.body.as_str()), (200, "done"));
    let mut stream = TcpStream::connect(server.addr).unwrap();
    for _ in 0..3 {
        stream.write_all(b"GET /400 HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        let mut answer = [0; 1024];
        let length = stream.read(&mut answer).unwrap();
        assert!(answer[..length].starts_with(b"HTTP/1.1 200 "));
    }
}

/// A body without end, a piece at a time.
struct Endless;

impl Body for Endless {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        Poll::Ready(Some(Ok(Frame::data(vec![b'x'; 1 << 16].into()))))
    }
}

#[test]
fn a_client_that_does_not_read_its_answer_is_not_waited_for() {
    let settings = Settings { idle: IDLE, deadline: IDLE, ..Settings::default() };
    let server = Server::answering(settings, None, |request| async move {
        let endless = request.uri().path() == "/endless";
        Response::new(if endless { Endless.boxed_unsync() } else { body(vec![b'x'; 64 << 20].into()) })
    });
    let clients = ["/long", "/endless"].map(|path| {
        let mut stream = TcpStream::connect(server.addr).unwrap();
        stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).unwrap();
        stream
    });
    // Nothing is read for longer than they have.
    std::thread::sleep(4 * IDLE + Duration::from_secs(1));
    for client in clients {
        assert!(until_closed(client).0.len() < 64 << 20);
    }
}

#[test]
fn more_connections_than_may_be_open_wait() {
    let server = start(2);
    let started = Instant::now();
    let held = [(); 2].map(|()| TcpStream::connect(server.addr).unwrap());
    assert_eq!(server.get("/", "").status, 200);
    assert!(started.elapsed() >= IDLE, "{:?}", started.elapsed());
    drop(held);
    assert_eq!(server.get("/", "").status, 200);
}
