//! Workers on one consumer that crash, are killed, or are paused, and a broker that is killed: every message has its effects
//! once, and what nothing comes of is a dead letter, once.
//!
//! `make test-faults` runs this with the feature `failpoints` and a real NATS server.
#![cfg(feature = "failpoints")]

mod common;
#[path = "common/faults.rs"]
mod ends;
#[path = "../../../tests/full/src/nats.rs"]
#[expect(dead_code, reason = "shared with the tests of the trigger, which use more of it")]
mod nats;
#[path = "common/up.rs"]
#[expect(dead_code, reason = "shared with the tests of other triggers, which use more of it")]
mod up_folder;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{command, wasmill};
use ends::{number, seed};
use nats::{Broker, Client, manifest, wait_for};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tempfile::TempDir;
use up_folder::{MANIFEST, Up, documents, drain, pipeline_of, rows};

/// What a worker does with a message, in `NAME-before` and `NAME-after`.
const POINTS: [&str; 5] = ["effect", "sync", "deposit", "ack", "term"];

/// A row that is rejected.
const REJECTED: &str = "none,1\n";

/// A message that is refused as a whole.
const POISON: &str = "wrong,header\n1,1\n";

fn start(settings: &str) -> (Broker, TempDir) {
    let broker = Broker::start("");
    broker.client().make_stream("NUMBERS");
    let folder = pipeline_of(&manifest(MANIFEST, &broker.url(), settings));
    (broker, folder)
}

/// What must be there in the end: so many documents, each written once, and these dead letters, each once.
fn check(folder: &Path, client: &Client<'_>, count: usize, dead: usize, rejected: usize, what: &str) {
    let (code, said) = drain(folder);
    assert!(code == i32::from(dead + rejected > 0), "{what}: {said}");
    assert_eq!(documents(folder), (count, count), "{what}: {said}");
    let (_, letters, _) = wasmill(folder, &["dead-letters", "list", ".", "--limit", "100000"]);
    let events = letters.lines().filter(|line| line.contains(" event: ")).count();
    assert_eq!((events, letters.lines().count()), (dead, dead + rejected), "{what}: {letters}");
    let info = client.consumer("NUMBERS", "numbers");
    assert_eq!((info.num_pending, info.num_ack_pending), (0, 0), "{what}");
}

#[test]
fn a_crash_on_either_side_of_any_step_loses_nothing_and_doubles_nothing() {
    let mut hit = 0;
    for point in POINTS {
        for when in ["before", "after"] {
            for times in 0..2 {
                let (broker, folder) = start("");
                let folder = folder.path();
                let client = broker.client();
                let good = (0..20).map(|number| rows(number, 1));
                let bad = (20..23).map(|number| rows(number, 1) + REJECTED);
                client.publish("numbers.in", good.chain(bad).chain([POISON.into(), POISON.into()]));
                let what = format!("{point}-{when}={times}*off->return");
                let mut up = command(folder, &["up", ".", "--addr", "127.0.0.1:0", "--drain"]);
                up.env("FAILPOINTS", &what).stdout(Stdio::null()).stderr(Stdio::null());
                hit += usize::from(up.status().unwrap().code().is_none());
                check(folder, &client, 23, 2, 3, &what);
            }
        }
    }
    eprintln!("{hit} crashes");
    assert_eq!(hit, POINTS.len() * 4, "a point was not passed");
}

#[test]
fn workers_that_are_killed_or_paused_and_a_broker_that_is_lose_nothing_and_double_nothing() {
    let rounds = number("KILLS", 20);
    eprintln!("KILLS={rounds}");
    let mut random = StdRng::seed_from_u64(seed());
    let (mut broker, folder) = start("");
    let folder = folder.path();
    let slow = [("FAILPOINTS", "effect-before=5%sleep(50)")];
    // Both have the documents and the journal of one folder.
    let steady = Up::start(folder, &slow);
    let (mut published, mut dead, mut rejected) = (0, 0, 0);
    for round in 0..rounds {
        let mut killed = Up::start(folder, &slow);
        let mut messages = Vec::new();
        for _ in 0..random.random_range(50..300) {
            // One is longer than the others, and takes its time.
            let count = if random.random_bool(0.01) { 20_000 } else { random.random_range(1..4) };
            messages.push(rows(published, count));
            published += count;
            if random.random_bool(0.05) {
                messages.push(POISON.into());
                dead += 1;
            }
            if random.random_bool(0.05) {
                messages.push(rows(published, 1) + REJECTED);
                published += 1;
                rejected += 1;
            }
        }
        broker.client().publish("numbers.in", messages);
        let pause = Duration::from_millis(random.random_range(0..800));
        std::thread::sleep(pause);
        match round % 4 {
            // For longer than its ack wait of a second: the other gets what it has, and it goes on with what it had.
            1 => {
                signal(&steady, "STOP");
                std::thread::sleep(Duration::from_millis(1_000 + random.random_range(0..1_500)));
                signal(&steady, "CONT");
            }
            3 => {
                broker.kill();
                std::thread::sleep(Duration::from_millis(random.random_range(0..3_000)));
                broker.restart();
            }
            _ => {}
        }
        killed.process.kill().unwrap();
        killed.process.wait().unwrap();
        let (there, effects) = documents(folder);
        assert_eq!(there, effects, "after round {round}");
    }
    let client = broker.client();
    wait_until_acknowledged(&client);
    assert_eq!(steady.stop(), Some(1));
    check(folder, &client, published, dead, rejected, "after all rounds");
    let redelivered = client.consumer("NUMBERS", "numbers").delivered;
    let again = redelivered.consumer_sequence - redelivered.stream_sequence;
    eprintln!(
        "{published} rows, {dead} messages that were refused, {rejected} rows that were; {again} delivered again"
    );
    assert!(again > 0);
}

#[test]
fn a_store_that_cannot_be_written_is_waited_for() {
    let (broker, folder) = start("");
    let folder = folder.path();
    let client = broker.client();
    let locked = rusqlite::Connection::open(folder.join(".wasmill/documents.db")).unwrap();
    locked.execute_batch("BEGIN IMMEDIATE").unwrap();
    let up = Up::start(folder, &[]);
    client.publish("numbers.in", (0..100).map(|number| rows(number, 1)));
    // For longer than a write waits, and longer than its ack wait.
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(20) {
        assert_eq!(documents(folder), (0, 0));
        std::thread::sleep(Duration::from_millis(200));
    }
    locked.execute_batch("ROLLBACK").unwrap();
    up.wait_for(folder, 100);
    wait_until_acknowledged(&client);
    assert_eq!(up.stop(), Some(0));
    check(folder, &client, 100, 0, 0, "after the lock");
}

/// Workers that were killed let their ack waits run out first.
fn wait_until_acknowledged(client: &Client<'_>) {
    let started = Instant::now();
    wait_for("most is acknowledged", || {
        let info = client.consumer("NUMBERS", "numbers");
        (info.num_pending == 0 && info.num_ack_pending == 0 || started.elapsed() > Duration::from_secs(50))
            .then_some(())
    });
    client.wait_until_acknowledged("NUMBERS", "numbers");
}

fn signal(up: &Up, name: &str) {
    Command::new("kill").args([&format!("-{name}"), &up.process.id().to_string()]).status().unwrap();
}
