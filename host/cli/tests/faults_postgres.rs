//! Workers that share a journal in PostgreSQL: killed, paused, cut off, with a server that is gone for a while. After it
//! everything is done, and nothing twice.
//!
//! `make test-faults` runs this with the feature `failpoints`.
#![cfg(feature = "failpoints")]

mod common;
#[path = "common/faults.rs"]
mod ends;
#[path = "../../journal/tests/common/postgres.rs"]
mod server;
#[path = "common/up.rs"]
mod up_folder;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use common::command;
use ends::{check, seed};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use server::Postgres;
use up_folder::{MANIFEST, Up, documents, land, pipeline, rows};

/// A folder with the pipeline, whose journal is at this port.
fn shared(server: &Postgres, port: u16) -> tempfile::TempDir {
    let folder = pipeline();
    let url = server.url().replace(&format!(":{}", server.port), &format!(":{port}"));
    // What another test had is of another pipeline.
    let name = format!(
        "numbers{}",
        folder.path().file_name().unwrap().to_string_lossy().trim_start_matches('.').to_lowercase()
    );
    let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    let manifest = MANIFEST.replace("name = \"numbers\"", &format!("name = \"{name}\""));
    let manifest = format!("{manifest}\n[journal]\nurl = \"{url}\"\n");
    std::fs::write(folder.path().join("pipeline.toml"), manifest).unwrap();
    folder
}

fn signal(up: &Up, signal: &str) {
    assert!(Command::new("kill").args([signal, &up.process.id().to_string()]).status().unwrap().success());
}

#[test]
fn of_two_workers_one_is_killed_and_one_paused() {
    let mut random = StdRng::seed_from_u64(seed());
    let server = Postgres::start();
    let folder = shared(&server, server.port);
    let folder = folder.path();
    let slow = [("FAILPOINTS", "effect-before=sleep(20)")];
    let paused = Up::start(folder, &slow);
    let (mut landed, mut posted) = (0, 0);
    for round in 0..12 {
        let mut killed = Up::start(folder, &slow);
        land(folder, &format!("{round}.csv"), &rows(landed, 20_000));
        landed += 20_000;
        let end = Instant::now() + Duration::from_millis(random.random_range(200..2500));
        if round % 3 == 0 {
            signal(&paused, "-STOP");
        }
        while Instant::now() < end {
            let id = 1_000_000_000 + posted;
            let headers = format!("idempotency-key: {posted}\r\n");
            if killed.request("POST", "/v1/events", &headers, &format!("id,value\n{id},1\n")).0 == 202 {
                posted += 1;
            }
        }
        killed.process.kill().unwrap();
        killed.process.wait().unwrap();
        if round % 3 == 2 {
            // For far longer than its leases, which are a second.
            signal(&paused, "-CONT");
        }
        let (there, effects) = documents(folder);
        assert_eq!(there, effects, "after round {round}");
    }
    assert_eq!(paused.stop(), Some(0));
    check(folder, landed + posted, "after all");
    eprintln!("{landed} rows landed, {posted} posted");
}

#[test]
fn a_crash_at_any_point_loses_nothing_and_doubles_nothing() {
    let server = Postgres::start();
    let mut hit = 0;
    for point in ["accept", "lease", "renew", "effect", "sync", "progress", "done"] {
        for when in ["before", "after"] {
            for times in 0..2 {
                let folder = shared(&server, server.port);
                let folder = folder.path();
                land(folder, "a.csv", &rows(0, 40_000));
                land(folder, "b.csv", &rows(40_000, 10));
                let what = format!("{point}-{when}={times}*off->return");
                let slow = if point == "effect" && when == "before" { "" } else { "effect-before=sleep(120);" };
                let mut command = command(folder, &["up", ".", "--addr", "127.0.0.1:0", "--drain"]);
                command.env("FAILPOINTS", format!("{slow}{what}")).stdout(Stdio::null()).stderr(Stdio::null());
                hit += usize::from(command.status().unwrap().code().is_none());
                check(folder, 40_010, &what);
            }
        }
    }
    eprintln!("{hit} crashes");
    assert!(hit >= 12, "only {hit} crashes");
}

#[test]
fn a_server_that_is_gone_is_waited_for() {
    let mut server = Postgres::start();
    let folder = shared(&server, server.port);
    let folder = folder.path();
    let up = Up::start(folder, &[("FAILPOINTS", "effect-before=sleep(50)")]);
    land(folder, "a.csv", &rows(0, 200_000));
    up.wait_for(folder, 10_000);
    server.stop();
    let gone = Instant::now();
    up.wait_said("; trying again");
    let post =
        |key: &str| up.request("POST", "/v1/events", &format!("idempotency-key: {key}\r\n"), "id,value\n-1,1\n").0;
    while gone.elapsed() < Duration::from_secs(20) {
        assert_eq!(post("one"), 503);
        assert_eq!((up.request("GET", "/ready", "", "").0, up.request("GET", "/health", "", "").0), (503, 200));
        std::thread::sleep(Duration::from_millis(500));
    }
    server.restart();
    up.wait_ready();
    assert_eq!(post("one"), 202);
    up.wait_for(folder, 200_001);
    assert_eq!(up.stop(), Some(0));
    check(folder, 200_001, "after the server came back");
}

/// Passes on what comes and goes, and cuts a connection after a random number of bytes.
fn cutting_proxy(server: u16, seed: u64, cuts: Arc<AtomicBool>, count: Arc<AtomicU64>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let mut random = StdRng::seed_from_u64(seed);
        for client in listener.incoming().map_while(Result::ok) {
            let Ok(there) = TcpStream::connect(("127.0.0.1", server)) else { continue };
            let most: u64 = random.random_range(2_000..60_000);
            for (mut from, mut to) in [
                (client.try_clone().unwrap(), there.try_clone().unwrap()),
                (there.try_clone().unwrap(), client.try_clone().unwrap()),
            ] {
                let (cuts, count) = (cuts.clone(), count.clone());
                std::thread::spawn(move || {
                    let (mut buffer, mut left) = ([0; 512], most);
                    while let Ok(length @ 1..) = from.read(&mut buffer) {
                        // Also of a connection from before there were cuts: it may be the only one that is used.
                        if cuts.load(Ordering::Relaxed) {
                            if left < length as u64 {
                                count.fetch_add(1, Ordering::Relaxed);
                                break;
                            }
                            left -= length as u64;
                        }
                        if to.write_all(&buffer[..length]).is_err() {
                            break;
                        }
                    }
                    // Either may be closed by now.
                    let _ = (from.shutdown(std::net::Shutdown::Both), to.shutdown(std::net::Shutdown::Both));
                });
            }
        }
    });
    port
}

#[test]
fn connections_that_are_cut_anywhere_lose_nothing_and_double_nothing() {
    let mut random = StdRng::seed_from_u64(seed());
    let server = Postgres::start();
    let (cuts, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let port = cutting_proxy(server.port, random.random(), cuts.clone(), count.clone());
    let folder = shared(&server, port);
    let folder = folder.path();
    let up = Up::start(folder, &[("FAILPOINTS", "effect-before=sleep(5)")]);
    cuts.store(true, Ordering::Relaxed);
    let (mut landed, mut posted) = (0, 0);
    while count.load(Ordering::Relaxed) < 25 {
        if landed < 200_000 {
            land(folder, &format!("{landed}.csv"), &rows(landed, 10_000));
            landed += 10_000;
        }
        for _ in 0..50 {
            let id = 1_000_000_000 + posted;
            let headers = format!("idempotency-key: {posted}\r\n");
            if up.request("POST", "/v1/events", &headers, &format!("id,value\n{id},1\n")).0 == 202 {
                posted += 1;
            }
        }
    }
    cuts.store(false, Ordering::Relaxed);
    assert_eq!(up.stop(), Some(0));
    check(folder, landed + posted, "after the cuts");
    eprintln!("{landed} rows landed, {posted} posted, {} cuts", count.load(Ordering::Relaxed));
}
