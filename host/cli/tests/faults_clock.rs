//! A clock that jumps, forwards and back, by minutes and by days, under two workers that share a journal: nothing is lost,
//! nothing has two effects, and nothing waits for a time that will not come.
//!
//! `make test-faults` runs this with the feature `failpoints`, and `LIBFAKETIME`, the library that makes the clock jump.
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
    let library = std::env::var("LIBFAKETIME").expect("LIBFAKETIME is not set: run this with `make test-faults`");
    let folder = pipeline();
    let folder = folder.path();
    jump(folder, "+0");
    let clock = folder.join("clock");
    let start = || {
        let mut command = command(folder, &["up", ".", "--addr", "127.0.0.1:0"]);
        command.env("LD_PRELOAD", &library).env("FAKETIME_TIMESTAMP_FILE", &clock);
        // Only the wall clock jumps, and the file is asked each time.
        command.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1").env("NO_FAKE_STAT", "1");
        Up::spawn(folder, command)
    };
    let workers = [start(), start()];
    let (mut landed, mut posted) = (0, 0);
    for round in 0..16 {
        let by = JUMPS.choose(&mut random).unwrap();
        jump(folder, by);
        land(folder, &format!("{round}.csv"), &rows(landed, 20_000));
        landed += 20_000;
        let end = Instant::now() + Duration::from_millis(random.random_range(200..1500));
        while Instant::now() < end {
            for up in &workers {
                let id = 1_000_000_000 + posted;
                let headers = format!("idempotency-key: {posted}\r\n");
                let (status, _) = up.request("POST", "/v1/events", &headers, &format!("id,value\n{id},1\n"));
                assert_eq!(status, 202);
                posted += 1;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let (there, effects) = documents(folder);
        assert_eq!(there, effects, "after {by}");
    }
    // Right again, after it was more than a year ahead.
    jump(folder, "+400d");
    std::thread::sleep(Duration::from_secs(2));
    jump(folder, "+0");
    workers[0].wait_for(folder, landed + posted);
    for worker in workers {
        assert_eq!(worker.stop(), Some(0));
    }
    check(folder, landed + posted, "after all jumps");
    eprintln!("{landed} rows landed, {posted} posted");
}
