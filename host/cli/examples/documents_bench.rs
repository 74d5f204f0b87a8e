//! Writes to a document database as functions do, and times it; `make bench-documents`.
//!
//! `documents_bench write MANIFEST COMPONENTS WRITERS BATCHES SIZE` writes documents into the collection `bench` of the
//! manifest's database, new ones and then the same ones changed, and prints a line of JSON for each.
//! `documents_bench feed MANIFEST ADDRESS COUNT PER_SECOND` writes some, one at a time, and times until a client of the server
//! at the address is told of each.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wasmill_document_postgres::Postgres;
use wasmill_runtime::code_cache::CodeCache;
use wasmill_runtime::documents::adapter::Adapter;
use wasmill_runtime::documents::{Database, Document, Documents};
use wasmill_runtime::engine::Engine;
use wasmill_runtime::failure::Failure;
use wasmill_runtime::plan::{self, DocumentsPlan};

const COLLECTION: &str = "bench";

/// So many partitions there are.
const PARTITIONS: usize = 64;

fn main() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |text: &String| text.parse::<usize>().expect("a number");
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["write", manifest, components, ..] => {
            let store = open(manifest, Some(components));
            let [writers, batches, size] = [3, 4, 5].map(|index| number(&arguments[index]));
            for version in 1..=2 {
                println!("{}", write(store.as_ref(), writers, batches, size, version));
            }
        }
        ["feed", manifest, address, ..] => {
            let [count, rate] = [3, 4].map(|index| number(&arguments[index]));
            println!("{}", feed(open(manifest, None).as_ref(), address, count, rate));
        }
        _ => panic!("usage: documents_bench write|feed …"),
    }
}

fn open(manifest: &str, components: Option<&str>) -> Arc<dyn Documents> {
    let (_, documents) = plan::documents_of(Path::new(manifest)).unwrap_or_else(|err| panic!("{err}"));
    match documents.expect("a document database") {
        DocumentsPlan::Sqlite { path, .. } => Arc::new(Database::open(&path).unwrap()),
        DocumentsPlan::Postgres(plan) => Arc::new(Postgres::open(&plan, [COLLECTION]).unwrap()),
        DocumentsPlan::Adapter(plan) => {
            let file = Path::new(components.unwrap()).join(format!("documents/{}.wasm", plan.component));
            let cache = std::env::var("WASMILL_CACHE").expect("WASMILL_CACHE");
            let engine = Engine::new(Some(CodeCache::new(Path::new(&cache).join("code")))).unwrap();
            let adapter = Adapter::new(&engine, &std::fs::read(file).unwrap(), &plan).unwrap();
            adapter.upsert_batch(COLLECTION, 1, &[]).unwrap();
            Arc::new(adapter)
        }
    }
}

/// A document of some 300 bytes, as the flights' are.
fn document(partition: usize, id: &str, version: i64) -> Document {
    let body = json!({
        "carrier": {"code": "UA", "name": "United Air Lines Inc."}, "flight": 1545, "origin": "EWR", "version": version,
        "destination": {"code": "IAH", "name": "George Bush Intercontinental"}, "distance": 1400, "risk": 0.2731,
        "departure": {"scheduled": "2013-01-01T10:15:00Z", "actual": "2013-01-01T10:17:00Z", "delay_minutes": 2},
    });
    Document {
        id: id.to_owned(),
        partition_key: format!("p{partition}"),
        version,
        row: 1,
        body: Some(body.to_string()),
    }
}

/// Writes batches of one partition each.
fn write(store: &dyn Documents, writers: usize, batches: usize, size: usize, version: i64) -> Value {
    let (next, taken) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let started = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..writers {
            scope.spawn(|| {
                loop {
                    let batch = next.fetch_add(1, Ordering::Relaxed);
                    if batch >= batches {
                        return;
                    }
                    let documents: Vec<Document> =
                        (0..size).map(|n| document(batch % PARTITIONS, &format!("{batch}-{n}"), version)).collect();
                    let began = Instant::now();
                    loop {
                        match store.upsert_batch(COLLECTION, 1, &documents) {
                            Ok(counts) => {
                                assert_eq!(counts.inserted + counts.replaced, size as u64, "{counts:?}");
                                break;
                            }
                            Err(Failure::Retry(_)) => {}
                            Err(failure) => panic!("{failure}"),
                        }
                    }
                    taken.lock().unwrap().push(began.elapsed());
                }
            });
        }
    });
    store.sync().unwrap();
    let seconds = started.elapsed().as_secs_f64();
    let mut taken = taken.into_inner().unwrap();
    let what = if version == 1 { "new" } else { "changed" };
    json!({
        "what": what,
        "per_second": (batches * size) as f64 / seconds,
        "p50_ms": at(&mut taken, 0.5),
        "p99_ms": at(&mut taken, 0.99),
    })
}

/// Milliseconds at a quantile.
fn at(times: &mut [Duration], quantile: f64) -> f64 {
    times.sort();
    times[((times.len() - 1) as f64 * quantile).round() as usize].as_secs_f64() * 1e3
}

/// How long it takes from a commit until a client is told of it, by server-sent events.
fn feed(store: &dyn Documents, address: &str, count: usize, rate: usize) -> Value {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let path = format!("/v1/collections/{COLLECTION}/changes?since=now&limit=1000");
    write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\naccept: text/event-stream\r\n\r\n").unwrap();
    let mut lines = BufReader::new(stream).lines();
    let head = lines.next().unwrap().unwrap();
    assert!(head.contains(" 200 "), "{head}");
    let committed: Mutex<HashMap<String, Instant>> = Mutex::default();
    let mut taken = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let began = Instant::now();
            let run = format!("{:?}", std::time::SystemTime::now());
            for n in 0..count {
                let due = Duration::from_secs_f64((n + 10) as f64 / rate as f64);
                std::thread::sleep(due.saturating_sub(began.elapsed()));
                let id = format!("f{n}");
                let document = Document { version: i64::MAX, ..document(0, &id, n as i64) };
                let document = Document { body: Some(json!({"run": run, "n": n}).to_string()), ..document };
                let before = Instant::now();
                committed.lock().unwrap().insert(id, before);
                store.upsert_batch(COLLECTION, n as i64, &[document]).unwrap();
            }
        });
        let mut told = 0;
        while told < count {
            let line = lines.next().unwrap().unwrap();
            let Some(data) = line.strip_prefix("data: ") else { continue };
            let change: Value = serde_json::from_str(data).unwrap();
            let arrived = Instant::now();
            if let Some(committed) = committed.lock().unwrap().get(change["id"].as_str().unwrap()) {
                taken.push(arrived - *committed);
                told += 1;
            }
        }
    });
    json!({"count": count, "per_second": rate, "p50_ms": at(&mut taken, 0.5), "p99_ms": at(&mut taken, 0.99), "most_ms": at(&mut taken, 1.0)})
}
