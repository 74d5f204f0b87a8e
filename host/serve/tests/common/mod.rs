//! What the tests of the server share: an engine, a component that answers at once, and a server on a free port.

#![allow(dead_code, reason = "no test uses all of it")]

pub mod certificates;
pub mod echo;
pub mod issuer;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use http::{Request, Response};
use hyper::body::Incoming;
use tokio::sync::oneshot;
use wasmill_runtime::code_cache::CodeCache;
use wasmill_runtime::engine::Engine;
use wasmill_serve::access::Gate;
use wasmill_serve::grants::Grants;
use wasmill_serve::metrics::Metrics;
use wasmill_serve::sandbox::{self, Sandboxes};
use wasmill_serve::service::Service;
use wasmill_serve::tls::Tls;
use wasmill_serve::{Settings, server};
use wasmtime_wasi_http::WasiBody;

/// A folder that `make test` names.
pub fn folder(variable: &str) -> PathBuf {
    let folder = std::env::var_os(variable);
    folder.unwrap_or_else(|| panic!("{variable} is not set: run the tests with `make test`")).into()
}

pub static ENGINE: LazyLock<Engine> =
    LazyLock::new(|| Engine::new(Some(CodeCache::new(folder("WASMILL_CACHE").join("code")))).unwrap());

/// A server on a free port; it ends with this.
pub struct Server {
    pub addr: SocketAddr,
    pub stop: Option<oneshot::Sender<()>>,
    pub thread: Option<std::thread::JoinHandle<()>>,
}

impl Server {
    /// Serves a component.
    pub fn start(component: &[u8], settings: Settings, gate: Gate, tls: Option<Tls>) -> Self {
        let pre = sandbox::link(&ENGINE, component).unwrap();
        let (shared, metrics) = (Arc::new(settings.clone()), Arc::new(Metrics::default()));
        let sandboxes = Sandboxes::new(ENGINE.clone(), pre, Grants::default(), shared.clone(), metrics.clone());
        // What a service starts, it starts in the server's runtime.
        let service = LazyLock::new(move || Service::new(sandboxes, gate, shared, metrics));
        let service = Arc::new(service);
        Self::answering(settings, tls, move |request| {
            let service = service.clone();
            async move { service.answer(request).await }
        })
    }

    /// Serves what a function answers.
    pub fn answering<A, F>(settings: Settings, tls: Option<Tls>, answer: A) -> Self
    where
        A: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
        F: Future<Output = Response<WasiBody>> + Send + 'static,
    {
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                tell.send(listener.local_addr().unwrap()).unwrap();
                let stop = async {
                    let _ = stopped.await;
                };
                server::serve(listener, tls, &settings, answer, stop).await;
            });
        });
        Self { addr: told.recv().unwrap(), stop: Some(stop), thread: Some(thread) }
    }

    /// The status and the body of an answer; the connection is used once.
    pub fn ask(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> (u16, String) {
        let answer = exchange(TcpStream::connect(self.addr).unwrap(), method, path, headers, body);
        (answer.status, answer.body)
    }

    /// The answer to a GET with these headers, each ended with `\r\n`.
    pub fn get(&self, path: &str, headers: &str) -> Answer {
        exchange(TcpStream::connect(self.addr).unwrap(), "GET", path, headers, b"")
    }

    /// A request whose body is not there yet; the server works on it when this returns.
    pub fn begin(&self, length: usize) -> TcpStream {
        let mut stream = TcpStream::connect(self.addr).unwrap();
        let head =
            format!("POST /v1/score HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        while !self.ask("GET", "/metrics", "", b"").1.contains("wasmill_requests_in_flight 1\n") {
            std::thread::yield_now();
        }
        stream
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let (Some(stop), Some(thread)) = (self.stop.take(), self.thread.take()) {
            stop.send(()).unwrap();
            thread.join().unwrap();
        }
    }
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// The status line and the headers.
    pub head: String,
    pub body: String,
}

impl Answer {
    /// The values of a header.
    pub fn header(&self, name: &str) -> Vec<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
    }
}

/// One request and its answer over HTTP/1.1; the connection ends with it.
pub fn exchange(mut stream: impl Read + Write, method: &str, path: &str, headers: &str, body: &[u8]) -> Answer {
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    // The server may answer, and close, before it has read all.
    let _ = stream.write_all(body);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).unwrap_or_else(|| panic!("no answer but {answer:?}")).parse().unwrap();
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}
