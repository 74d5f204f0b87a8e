//! Crashes at every point between rows and a table of PostgreSQL, and between a table and the events of its rows: after it
//! each row is there once.
//!
//! `make test-faults` runs this with the features `failpoints` and `warehouse`.
#![cfg(all(feature = "failpoints", feature = "warehouse"))]

mod common;
#[path = "common/faults.rs"]
mod ends;
#[path = "common/lake.rs"]
mod lake;
#[path = "../../journal/tests/common/postgres.rs"]
mod postgres;
#[path = "common/up.rs"]
mod up_folder;

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use common::{command, wasmill};
use ends::{all_done, number, seed};
use lake::rows;
use postgres::Postgres;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use up_folder::{Up, drain, land};

/// Rows, the sum of `value`, and different values of `id`.
fn read(server: &Postgres, table: &str) -> String {
    server.ask(&format!("SELECT count(*), sum(value), count(DISTINCT id) FROM {table}")).unwrap()
}

fn each_once(count: usize) -> String {
    format!("{count}|{}|{count}", count * (count - 1) / 2)
}

/// A command with crash points; whether it ended by itself.
fn ends(folder: &Path, arguments: &[&str], points: &str) -> bool {
    let mut command = command(folder, arguments);
    command.env("FAILPOINTS", points).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().unwrap().code().is_some()
}

const UP: [&str; 5] = ["up", ".", "--addr", "127.0.0.1:0", "--drain"];

fn check(server: &Postgres, folder: &Path, table: &str, count: usize, what: &str) {
    let (code, said) = drain(folder);
    assert_eq!(code, 0, "{what}: {said}");
    assert_eq!(read(server, table), each_once(count), "{what}");
    all_done(folder, what);
}

#[test]
fn a_crash_at_any_point_loses_no_row_of_a_table_and_doubles_none() {
    let server = Postgres::start();
    let (mut hit, mut tables) = (0, 0);
    for mode in ["", "mode = \"merge\"\nkey = [\"id\"]"] {
        for point in ["begin-staging", "progress", "done", "batch", "commit", "committed"] {
            for when in ["before", "after"] {
                for times in 0..2 {
                    tables += 1;
                    let table = format!("numbers_{tables}");
                    let folder = tempfile::tempdir().unwrap();
                    let folder = folder.path();
                    let sink = format!("table = \"{table}\"\ncommit_rows = 5000\n{mode}");
                    std::fs::write(folder.join("pipeline.toml"), lake::postgres_manifest(&server.url(), &sink))
                        .unwrap();
                    std::fs::create_dir(folder.join("landing")).unwrap();
                    land(folder, "a.csv", &rows(0, 40_000, "mon"));
                    land(folder, "b.csv", &rows(40_000, 10, "tue"));
                    let what = format!("{point}-{when}={times}*off->return");
                    hit += usize::from(!ends(folder, &UP, &what));
                    check(&server, folder, &table, 40_010, &format!("{mode}: {what}"));
                }
            }
        }
    }
    eprintln!("{hit} crashes");
    assert!(hit >= 40, "only {hit} crashes");
}

#[test]
fn whoever_holds_a_table_holds_it_up_for_a_while_only() {
    let server = Postgres::start();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let manifest = lake::postgres_manifest(&server.url(), "table = \"numbers\"");
    std::fs::write(folder.join("pipeline.toml"), manifest).unwrap();
    std::fs::create_dir(folder.join("landing")).unwrap();
    land(folder, "a.csv", &rows(0, 10, "mon"));
    assert_eq!(wasmill(folder, &["run", "."]).0, 0);
    std::thread::scope(|scope| {
        // As a worker does that is paused in the middle of a commit.
        let hold = "BEGIN; SELECT number FROM wasmill_batches FOR UPDATE; SELECT pg_sleep(45)";
        let holding = scope.spawn(|| server.sql(hold));
        std::thread::sleep(Duration::from_secs(1));
        land(folder, "b.csv", &rows(10, 10, "mon"));
        let up = Up::start(folder, &[]);
        up.wait_said("canceling statement due to lock timeout");
        holding.join().unwrap();
        assert_eq!(up.stop(), Some(0));
    });
    check(&server, folder, "numbers", 20, "after it was held");
}

/// A pipeline that extracts `source` into another table.
fn extracting(server: &Postgres, table: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let url = server.url();
    let manifest = lake::postgres_manifest(&url, &format!("table = \"{table}\"\ncommit_rows = 5000"));
    let (before, after) = (manifest.find("[[trigger]]").unwrap(), manifest.find("[[step]]").unwrap());
    let extract = format!(
        "[[trigger]]\ntype = \"extract\"\nid = \"source\"\nmode = \"watermark\"\nwatermark = \"id\"\nevery_seconds = 0.1\n\
        from = {{ type = \"postgres\", url = \"{url}\", table = \"source\" }}\nto = {{ store = \"landing\" }}\n\n"
    );
    let manifest = format!("{}{extract}{}", &manifest[..before], &manifest[after..]);
    std::fs::write(folder.path().join("pipeline.toml"), manifest.replace("\"csv\"", "\"parquet\"")).unwrap();
    folder
}

fn source(server: &Postgres, first: usize, end: usize) {
    let new = "CREATE TABLE IF NOT EXISTS source (id bigint, value double precision, day text);";
    let rows = format!("INSERT INTO source SELECT n, n, 'mon' FROM generate_series({first}, {}) n", end - 1);
    server.sql(&format!("{new}{rows}"));
}

#[test]
fn a_crash_while_a_table_is_read_loses_no_row_and_doubles_none() {
    let server = Postgres::start();
    let (mut hit, mut tables) = (0, 0);
    let of_both = [
        "begin-extract-before",
        "begin-extract-after",
        "extract-read",
        "extracted-before",
        "extracted-after",
        "extract-recorded",
    ];
    let of_up = ["accept-extracted-before", "accept-extracted-after", "progress-after", "done-before"];
    let of_run = ["stage-before", "stage-after", "extract-is-done-before", "extract-is-done-after", "committed-before"];
    let up = of_both.iter().chain(&of_up).map(|point| (point, &UP[..]));
    let run = of_both.iter().chain(&of_run).map(|point| (point, &["run", "."][..]));
    for (point, arguments) in up.chain(run) {
        for times in 0..2 {
            server.sql("DROP TABLE IF EXISTS source");
            source(&server, 0, 20_000);
            tables += 1;
            let table = format!("copy_{tables}");
            let folder = extracting(&server, &table);
            let folder = folder.path();
            // The first time it is all of the table, the second what is new.
            if times == 1 {
                assert!(ends(folder, arguments, ""));
                source(&server, 20_000, 30_000);
            }
            let what = format!("{} {point}", arguments[0]);
            hit += usize::from(!ends(folder, arguments, &format!("{point}=return")));
            if times == 0 {
                source(&server, 20_000, 30_000);
            }
            source(&server, 30_000, 30_010);
            if arguments == UP {
                check(&server, folder, &table, 30_010, &what);
            } else {
                let (code, _, stderr) = wasmill(folder, &["run", "."]);
                assert_eq!(code, 0, "{what}: {stderr}");
                assert_eq!(read(&server, &table), each_once(30_010), "{what}");
            }
        }
    }
    eprintln!("{hit} crashes");
    assert!(hit >= 40, "only {hit} crashes");
}

#[test]
fn kills_of_two_workers_lose_no_row_and_double_none() {
    let server = Postgres::start();
    let mut chance = StdRng::seed_from_u64(seed());
    let folder = extracting(&server, "copy");
    let folder = folder.path();
    let mut count = 0;
    for _ in 0..number("KILLS", 20) {
        let start = || {
            let mut command = command(folder, &["up", ".", "--addr", "127.0.0.1:0"]);
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
        };
        let workers = [start(), start()];
        for _ in 0..chance.random_range(1..5) {
            let more = chance.random_range(1..5_000);
            source(&server, count, count + more);
            count += more;
            std::thread::sleep(Duration::from_millis(chance.random_range(100..600)));
        }
        for mut worker in workers {
            worker.kill().unwrap();
            worker.wait().unwrap();
        }
    }
    check(&server, folder, "copy", count, "after all kills");
}
