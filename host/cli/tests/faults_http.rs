//! Documents that go to a store over HTTP, which is slow, refuses, breaks off, does not answer, or is gone: it waits, says
//! so, and recovers. The store counts effects.
//!
//! `make test-faults` runs this with the feature `failpoints`.
#![cfg(feature = "failpoints")]

mod common;
#[path = "common/faults.rs"]
mod ends;
#[path = "common/up.rs"]
mod up_folder;

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ends::{all_done, seed};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use up_folder::{MANIFEST, Up, land, pipeline, rows};

/// A store of documents by id.
#[derive(Default)]
struct Store {
    documents: Mutex<HashMap<String, String>>,
    /// How often a document came to be or changed.
    effects: AtomicUsize,
    /// How often something went wrong, by what.
    faults: Mutex<HashMap<&'static str, usize>>,
    is_gone: AtomicBool,
    is_well: AtomicBool,
}

impl Store {
    fn start(seed: u64) -> (u16, Arc<Self>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let store = Arc::new(Self::default());
        let served = store.clone();
        std::thread::spawn(move || {
            let mut random = StdRng::seed_from_u64(seed);
            for connection in listener.incoming().map_while(Result::ok) {
                let (store, seed) = (served.clone(), random.random());
                // A client that hangs up ends it.
                std::thread::spawn(move || store.serve(&connection, StdRng::seed_from_u64(seed)));
            }
        });
        (port, store)
    }

    fn serve(&self, connection: &TcpStream, mut random: StdRng) -> Option<()> {
        let mut reader = BufReader::new(connection);
        loop {
            let (id, body) = read(&mut reader)?;
            if self.is_gone.load(Ordering::Relaxed) {
                self.count("gone");
                return None;
            }
            let fault = if self.is_well.load(Ordering::Relaxed) { u16::MAX } else { random.random_range(0..400_u16) };
            let status = match fault {
                0 => self.failed("429", "429 Too Many Requests\r\nretry-after: 1"),
                1 => self.failed("500", "500 Internal Server Error"),
                2 => self.failed("503", "503 Service Unavailable"),
                3 => {
                    self.count("cut before");
                    return None;
                }
                4 => {
                    // It had its effect, and nobody hears of it.
                    self.put(id, body);
                    self.count("cut after");
                    return None;
                }
                5 => {
                    self.count("no answer");
                    std::thread::sleep(Duration::from_secs(3));
                    return None;
                }
                6 => {
                    self.count("slow");
                    std::thread::sleep(Duration::from_millis(200));
                    self.put(id, body)
                }
                _ => self.put(id, body),
            };
            let mut connection = connection;
            connection.write_all(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").as_bytes()).ok()?;
        }
    }

    fn put(&self, id: String, body: String) -> &'static str {
        let before = self.documents.lock().unwrap().insert(id, body.clone());
        match before {
            Some(before) if before == body => "200 OK",
            before => {
                self.effects.fetch_add(1, Ordering::Relaxed);
                if before.is_some() { "200 OK" } else { "201 Created" }
            }
        }
    }

    fn failed(&self, what: &'static str, status: &'static str) -> &'static str {
        self.count(what);
        status
    }

    fn count(&self, what: &'static str) {
        *self.faults.lock().unwrap().entry(what).or_default() += 1;
    }

    fn counts(&self) -> (usize, usize) {
        (self.documents.lock().unwrap().len(), self.effects.load(Ordering::Relaxed))
    }

    fn wait_for(&self, count: usize) {
        let started = Instant::now();
        while self.counts().0 < count {
            // What fails again and again is waited for longer and longer.
            assert!(started.elapsed() < Duration::from_secs(400), "{:?} of {count}", self.counts());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// The id and the body of `PUT /numbers/ID`.
fn read(reader: &mut BufReader<&TcpStream>) -> Option<(String, String)> {
    let mut line = String::new();
    (reader.read_line(&mut line).ok()? > 0).then_some(())?;
    let id = line.strip_prefix("PUT /numbers/")?.split_once(' ')?.0.to_owned();
    let mut length = 0;
    loop {
        let mut header = String::new();
        (reader.read_line(&mut header).ok()? > 0).then_some(())?;
        if header.trim().is_empty() {
            break;
        }
        if let Some(value) = header.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((id, String::from_utf8(body).ok()?))
}

/// The pipeline, publishing to the store.
fn publishing(folder: &Path, port: u16) {
    let (before, _) = MANIFEST.split_once("[[step]]\nid = \"publish\"").unwrap();
    let step = format!(
        r#"[[step]]
id = "publish"
component = "webhook"
config = {{ url = "http://127.0.0.1:{port}/numbers", id = "id" }}
grants = {{ http = ["http://127.0.0.1:{port}"] }}
limits = {{ deadline_seconds = 2 }}
retry = {{ attempts = 4, backoff_seconds = 0.02 }}
"#
    );
    let read = before.replace("format = \"csv\"", "format = \"csv\"\nbatch_rows = 20");
    std::fs::write(folder.join("pipeline.toml"), format!("{read}{step}")).unwrap();
}

#[test]
fn a_store_that_fails_in_every_way_gets_every_document_once() {
    let (port, store) = Store::start(seed());
    let folder = pipeline();
    let folder = folder.path();
    publishing(folder, port);
    let up = Up::start(folder, &[]);
    for object in 0..8 {
        land(folder, &format!("{object}.csv"), &rows(object * 300, 300));
    }
    store.wait_for(2400);
    // What was done and not heard of is done once more, to no effect.
    store.is_well.store(true, Ordering::Relaxed);
    assert_eq!(up.stop(), Some(0));
    let (code, said) = up_folder::drain(folder);
    assert_eq!(code, 0, "{said}");
    assert_eq!(store.counts(), (2400, 2400));
    all_done(folder, "at the end");
    let faults = store.faults.lock().unwrap();
    eprintln!("{faults:?}");
    assert!(faults.len() == 7, "not every way was tried: {faults:?}");
}

#[test]
fn a_store_that_is_gone_is_waited_for() {
    let (port, store) = Store::start(0);
    store.is_well.store(true, Ordering::Relaxed);
    let folder = pipeline();
    let folder = folder.path();
    publishing(folder, port);
    let up = Up::start(folder, &[]);
    land(folder, "a.csv", &rows(0, 100));
    store.wait_for(100);
    store.is_gone.store(true, Ordering::Relaxed);
    land(folder, "b.csv", &rows(100, 100));
    up.wait_said("step `publish`: PUT 127.0.0.1");
    let gone = Instant::now();
    while gone.elapsed() < Duration::from_secs(10) {
        assert_eq!(up.request("GET", "/health", "", "").0, 200);
        std::thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(store.counts(), (100, 100));
    store.is_gone.store(false, Ordering::Relaxed);
    store.wait_for(200);
    assert_eq!(up.stop(), Some(0));
    assert_eq!(store.counts(), (200, 200));
    all_done(folder, "at the end");
}
