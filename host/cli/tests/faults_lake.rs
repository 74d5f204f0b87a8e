//! Crashes at every point between a row and its table, and kills at any moment: after it each row is in the table once, as
//! three readers that are not Wasmill's find it.
//!
//! `make test-faults` runs this with the features `failpoints` and `warehouse`.
#![cfg(all(feature = "failpoints", feature = "warehouse"))]

mod common;
#[path = "common/faults.rs"]
mod ends;
#[path = "common/lake.rs"]
mod lake;
#[path = "common/up.rs"]
mod up_folder;

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use common::{command, wasmill};
use ends::{all_done, number, seed};
use lake::{each_once, pipeline, read, rows};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use up_folder::{drain, land};

/// What is done with rows of a sink, in `NAME-before` and `NAME-after`.
const POINTS: [&str; 6] = ["begin-staging", "progress", "done", "batch", "commit", "committed"];

/// Rows of the large object: some chunks, and several payloads of 5,000 rows at least.
const ROWS: usize = 40_000;

/// A value that makes rows so wide that they are files of the table before it knows of them.
const WIDE: &str = "a day whose name is so long that some thousand rows are more than the journal keeps by itself";

/// Small commits, of which there are several.
const SINK: &str = "commit_rows = 5000";

/// Lands a few rows, which the journal keeps, and many, which are files: the few are committed first, and what is committed
/// twice of them is doubled, where a file is a file.
fn land_both(folder: &Path) {
    land(folder, "a.csv", &rows(ROWS, 10, "tue"));
    land(folder, "b.csv", &rows(0, ROWS, WIDE));
}

/// A command with crash points; whether it ended by itself.
fn ends(folder: &Path, arguments: &[&str], points: &str) -> bool {
    let mut command = command(folder, arguments);
    command.env("FAILPOINTS", points).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().unwrap().code().is_some()
}

/// Sees through what is left: everything is done, and each row is in the table once.
fn check(folder: &Path, count: usize, what: &str) {
    let (code, said) = drain(folder);
    assert_eq!(code, 0, "{what}: {said}");
    assert_eq!(read(folder), each_once(count), "{what}");
    all_done(folder, what);
}

#[test]
fn a_crash_at_any_point_loses_no_row_of_a_table_and_doubles_none() {
    let mut hit = 0;
    for point in POINTS {
        for when in ["before", "after"] {
            for times in 0..3 {
                let folder = pipeline(SINK);
                let folder = folder.path();
                land_both(folder);
                let what = format!("{point}-{when}={times}*off->return");
                let ended = ends(folder, &["up", ".", "--addr", "127.0.0.1:0", "--drain"], &what);
                hit += usize::from(!ended);
                check(folder, ROWS + 10, &what);
            }
        }
    }
    eprintln!("{hit} crashes");
    assert!(hit >= 24, "only {hit} crashes");
}

#[test]
fn a_run_that_crashes_is_run_again_and_each_row_is_there_once() {
    let mut hit = 0;
    for point in ["begin-staging", "stage", "batch", "commit", "committed"] {
        for when in ["before", "after"] {
            for times in 0..2 {
                let folder = pipeline(SINK);
                let folder = folder.path();
                land_both(folder);
                let what = format!("{point}-{when}={times}*off->return");
                hit += usize::from(!ends(folder, &["run", "."], &what));
                let (code, _, stderr) = wasmill(folder, &["run", "."]);
                assert_eq!(code, 0, "{what}: {stderr}");
                assert_eq!(read(folder), each_once(ROWS + 10), "{what}");
            }
        }
    }
    eprintln!("{hit} crashes");
    assert!(hit >= 18, "only {hit} crashes");
}

#[test]
fn a_merge_and_an_overwrite_that_crash_come_to_the_same() {
    let modes = ["mode = \"merge\"\nkey = [\"id\"]", "mode = \"overwrite\"\npartition_by = [\"day\"]"];
    for sink in modes {
        for point in ["progress", "done", "batch", "commit", "committed"] {
            for when in ["before", "after"] {
                let folder = pipeline(&format!("{sink}\n{SINK}"));
                let folder = folder.path();
                land_both(folder);
                let what = format!("{point}-{when}=1*off->return");
                ends(folder, &["up", ".", "--addr", "127.0.0.1:0", "--drain"], &what);
                check(folder, ROWS + 10, &format!("{sink}: {what}"));
            }
        }
    }
}

#[test]
fn a_merge_that_changes_nothing_and_crashes_is_in_all_the_same() {
    for point in ["commit", "committed"] {
        for when in ["before", "after"] {
            let folder = pipeline(&format!("mode = \"merge\"\nkey = [\"id\"]\n{SINK}"));
            let folder = folder.path();
            land(folder, "a.csv", &rows(0, ROWS, WIDE));
            assert_eq!(wasmill(folder, &["run", "."]).0, 0);
            land(folder, "b.csv", &rows(0, ROWS, WIDE));
            let what = format!("{point}-{when}=return");
            assert!(!ends(folder, &["run", "."], &what), "{what}");
            let (code, _, stderr) = wasmill(folder, &["run", "."]);
            assert_eq!(code, 0, "{what}: {stderr}");
            assert_eq!(read(folder), each_once(ROWS), "{what}");
        }
    }
}

#[test]
fn a_large_object_that_is_read_in_parts_goes_on_where_it_was() {
    const MANY: usize = 200_000;
    let object = rows(0, MANY, WIDE);
    assert!(object.len() > 16 << 20, "it is read as a whole");
    for point in ["progress-before", "progress-after", "done-before"] {
        let folder = pipeline("commit_rows = 40000");
        let folder = folder.path();
        land(folder, "a.csv", &object);
        let what = format!("{point}={}*off->return", usize::from(!point.starts_with("done")));
        assert!(!ends(folder, &["up", ".", "--addr", "127.0.0.1:0", "--drain"], &what), "{what}");
        check(folder, MANY, &what);
    }
}

#[test]
fn kills_at_any_moment_lose_no_row_of_a_table_and_double_none() {
    let mut chance = StdRng::seed_from_u64(seed());
    let kills = number("KILLS", 20);
    let folder = pipeline(SINK);
    let folder = folder.path();
    let mut count = 0;
    for kill in 0..kills {
        // Two workers share the journal; both die.
        for object in 0..5 {
            let size = if object == 0 { chance.random_range(5_000..20_000) } else { chance.random_range(1..100) };
            land(folder, &format!("{kill}-{object}.csv"), &rows(count, size, "mon"));
            count += size;
        }
        let start = || {
            let mut command = command(folder, &["up", ".", "--addr", "127.0.0.1:0"]);
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
        };
        let workers = [start(), start()];
        std::thread::sleep(Duration::from_millis(chance.random_range(300..2_500)));
        for mut worker in workers {
            worker.kill().unwrap();
            worker.wait().unwrap();
        }
    }
    check(folder, count, "after all kills");
}
