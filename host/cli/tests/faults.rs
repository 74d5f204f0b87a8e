//! Crashes at every point, and kills at any moment: after it everything is done, and nothing twice.
//!
//! `make test-faults` runs this with the feature `failpoints`; without it there are no points to crash at.
#![cfg(feature = "failpoints")]

mod common;
#[path = "common/faults.rs"]
mod ends;
#[path = "common/up.rs"]
mod up_folder;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{command, wasmill};
use ends::{check, number, seed};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use up_folder::{Up, documents, drain, land, pipeline, rows};

/// What the journal does, and what the store does, in `NAME-before` and `NAME-after` their commit.
const POINTS: [&str; 7] = ["accept", "lease", "renew", "effect", "sync", "progress", "done"];

/// Rows of the object: several chunks.
const ROWS: usize = 40_000;

/// Slows the store down, so that progress is recorded in the middle of an object.
const SLOW: &str = "effect-before=sleep(120)";

/// `up --drain` with crash points; whether it ended by itself.
fn run(folder: &Path, points: &str) -> bool {
    let mut command = command(folder, &["up", ".", "--addr", "127.0.0.1:0", "--drain"]);
    command.env("FAILPOINTS", points).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().unwrap().code().is_some()
}

/// Another program that keeps the database to itself.
fn lock(folder: &Path) -> rusqlite::Connection {
    let locked = rusqlite::Connection::open(folder.join(".wasmill/documents.db")).unwrap();
    locked.execute_batch("BEGIN IMMEDIATE").unwrap();
    locked
}

#[test]
fn a_crash_at_any_point_loses_nothing_and_doubles_nothing() {
    let mut hit = 0;
    for point in POINTS {
        for when in ["before", "after"] {
            for times in 0..3 {
                let folder = pipeline();
                let folder = folder.path();
                land(folder, "a.csv", &rows(0, ROWS));
                land(folder, "b.csv", &rows(ROWS, 10));
                let what = format!("{point}-{when}={times}*off->return");
                let slow = if point == "effect" && when == "before" { String::new() } else { format!("{SLOW};") };
                let ended = run(folder, &format!("{slow}{what}"));
                hit += usize::from(!ended);
                check(folder, ROWS + 10, &what);
            }
        }
    }
    eprintln!("{hit} crashes");
    // Each of the points that an event passes at least once.
    assert!(hit >= 16, "only {hit} crashes");
}

#[test]
fn a_crash_while_a_retry_is_recorded_loses_nothing_and_doubles_nothing() {
    for when in ["before", "after"] {
        let folder = pipeline();
        let folder = folder.path();
        land(folder, "a.csv", &rows(0, 10));
        let what = format!("retry-{when}=return");
        let locked = lock(folder);
        assert!(!run(folder, &what), "{what}");
        locked.execute_batch("ROLLBACK").unwrap();
        check(folder, 10, &what);
    }
}

#[test]
fn a_crash_while_leases_are_given_back_loses_nothing_and_doubles_nothing() {
    for when in ["before", "after"] {
        let folder = pipeline();
        let folder = folder.path();
        for object in 0..40 {
            land(folder, &format!("{object}.csv"), &rows(object * 10, 10));
        }
        let what = format!("release-{when}");
        let mut up = Up::start(folder, &[("FAILPOINTS", &format!("effect-before=sleep(200);{what}=return"))]);
        up.wait_for(folder, 10);
        Command::new("kill").args(["-TERM", &up.process.id().to_string()]).status().unwrap();
        assert_eq!(up.process.wait().unwrap().code(), None, "{what}: nothing was given back");
        check(folder, 400, &what);
    }
}

#[test]
fn a_crash_of_what_people_ask_for_leaves_it_done_or_not_begun() {
    let crash = |folder: &Path, point: &str, arguments: &[&str]| {
        let mut command = command(folder, arguments);
        let status = command.env("FAILPOINTS", format!("{point}=return")).stderr(Stdio::null()).status().unwrap();
        assert_eq!(status.code(), None, "{point} was not passed");
    };
    let letters = |folder: &Path| wasmill(folder, &["dead-letters", "list", "."]).1.lines().count();
    for when in ["before", "after"] {
        let folder = pipeline();
        let folder = folder.path();
        let point = |name: &str| format!("{name}-{when}");
        land(folder, "a.csv", "id,value\n1,w\n");
        drain(folder);
        crash(folder, &point("drop"), &["dead-letters", "drop", ".", "--all"]);
        wasmill(folder, &["dead-letters", "drop", ".", "--all"]);
        assert_eq!(letters(folder), 0);

        land(folder, "b.csv", "id,value\n2,x\n3,y\n");
        land(folder, "c.csv", "id,value\n4,z\n");
        drain(folder);
        assert_eq!((documents(folder), letters(folder)), ((0, 0), 3));
        let manifest = folder.join("pipeline.toml");
        let text = std::fs::read_to_string(&manifest).unwrap();
        std::fs::write(&manifest, text.replace("\"value\", type = \"float64\"", "\"value\", type = \"utf8\"")).unwrap();
        crash(folder, &point("replay"), &["dead-letters", "replay", ".", "--all"]);
        wasmill(folder, &["dead-letters", "replay", ".", "--all"]);
        check(folder, 3, &point("replay"));
        assert_eq!(letters(folder), 0);

        crash(folder, &point("backfill"), &["backfill", "start", "."]);
        wasmill(folder, &["backfill", "start", "."]);
        check(folder, 4, &point("backfill"));

        crash(folder, &point("backfill"), &["backfill", "start", "."]);
        wasmill(folder, &["backfill", "start", "."]);
        let last = wasmill(folder, &["backfill", "list", "."]).1;
        let number = last.split_whitespace().next().unwrap();
        crash(folder, &point("cancel"), &["backfill", "cancel", ".", number]);
        wasmill(folder, &["backfill", "cancel", ".", number]);
        check(folder, 4, &point("cancel"));
    }
}

#[test]
fn kills_at_any_moment_lose_nothing_and_double_nothing() {
    let kills = number("KILLS", 20);
    eprintln!("KILLS={kills}");
    let mut random = StdRng::seed_from_u64(seed());
    let folder = pipeline();
    let folder = folder.path();
    let mut posted = 0;
    let mut landed = 0;
    for kill in 0..kills {
        land(folder, &format!("{kill}.csv"), &rows(landed, 20_000));
        landed += 20_000;
        let mut up = Up::start(folder, &[("FAILPOINTS", "effect-before=sleep(20)")]);
        let end = Instant::now() + Duration::from_millis(random.random_range(0..1500));
        while Instant::now() < end {
            // Sent again until it was accepted, as a client does.
            let id = 1_000_000_000 + posted;
            let headers = format!("idempotency-key: {posted}\r\n");
            if up.request("POST", "/v1/events", &headers, &format!("id,value\n{id},1\n")).0 == 202 {
                posted += 1;
            }
        }
        up.process.kill().unwrap();
        up.process.wait().unwrap();
        let (there, effects) = documents(folder);
        assert_eq!(there, effects, "after kill {kill}");
    }
    check(folder, landed + posted, "after all kills");
    eprintln!("{landed} rows landed, {posted} posted");
}

#[test]
fn a_store_that_cannot_be_written_is_waited_for() {
    let folder = pipeline();
    let folder = folder.path();
    // For longer than a write waits, and longer than a lease holds.
    let locked = lock(folder);
    let up = Up::start(folder, &[]);
    land(folder, "a.csv", &rows(0, 10));
    up.wait_said("locked");
    std::thread::sleep(Duration::from_secs(20));
    assert_eq!(documents(folder), (0, 0));
    locked.execute_batch("ROLLBACK").unwrap();
    up.wait_for(folder, 10);
    up.wait_ready();
    assert_eq!(up.stop(), Some(0));
    check(folder, 10, "after the lock");
}
