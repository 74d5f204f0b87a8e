//! Clocks that jump, forwards and back, by minutes and by days, under one of two workers that share a journal: nothing is
//! lost, nothing has two effects, and nothing waits for a time that will not come.
//!
//! `make test-faults` runs this with the feature `failpoints`, and `FAKETIME`, the library that makes the clock jump.
#![cfg(feature = "failpoints")]

mod common;
#[path = "common/faults.rs"]
mod ends;
#[path = "common/up.rs"]
mod up_folder;

use std::path::Path;
use std::time::{Duration, Instant};

use common::command;
use ends::{check, seed};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use up_folder::{Up, documents, land, pipeline, rows};

/// By how much the clock is off, as `faketime` has it.
const JUMPS: [&str; 8] = ["+0", "+2m", "-2m", "+3h", "-3h", "+40d", "-40d", "+400d"];

fn jump(folder: &Path, by: &str) {
    let temporary = folder.join("clock.tmp");
    std::fs::write(&temporary, by).unwrap();
    std::fs::rename(temporary, folder.join("clock")).unwrap();
}

#[test]
fn a_clock_that_jumps_loses_nothing_and_doubles_nothing() {
    let mut random = StdRng::seed_from_u64(seed());
    let library = std::env::var("FAKETIME").expect("FAKETIME is not set: run this with `make test-faults`");
    let folder = pipeline();
    let folder = folder.path();
    jump(folder, "+0");
    let slow = "effect-before=sleep(20)";
    let mut jumping = command(folder, &["up", ".", "--addr", "127.0.0.1:0"]);
    let clock = folder.join("clock");
    jumping.env("LD_PRELOAD", library).env("FAKETIME_TIMESTAMP_FILE", &clock).env("FAILPOINTS", slow);
    // Only the wall clock jumps, and the file is asked each time.
    jumping.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1").env("NO_FAKE_STAT", "1");
    let jumping = Up::spawn(folder, jumping);
    let steady = Up::start(folder, &[("FAILPOINTS", slow)]);
    let (mut landed, mut posted) = (0, 0);
    for round in 0..16 {
        let by = JUMPS.choose(&mut random).unwrap();
        jump(folder, by);
        land(folder, &format!("{round}.csv"), &rows(landed, 20_000));
        landed += 20_000;
        let end = Instant::now() + Duration::from_millis(random.random_range(200..1500));
        while Instant::now() < end {
            for up in [&jumping, &steady] {
                let id = 1_000_000_000 + posted;
                let headers = format!("idempotency-key: {posted}\r\n");
                let (status, _) = up.request("POST", "/v1/events", &headers, &format!("id,value\n{id},1\n"));
                assert_eq!(status, 202);
                posted += 1;
            }
        }
        let (there, effects) = documents(folder);
        assert_eq!(there, effects, "after {by}");
    }
    // A clock that is right again, after one that was a year ahead.
    jump(folder, "+400d");
    std::thread::sleep(Duration::from_secs(2));
    jump(folder, "+0");
    steady.wait_for(folder, landed + posted);
    assert_eq!((jumping.stop(), steady.stop()), (Some(0), Some(0)));
    check(folder, landed + posted, "after all jumps");
    eprintln!("{landed} rows landed, {posted} posted");
}
