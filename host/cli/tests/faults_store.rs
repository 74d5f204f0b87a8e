//! Stores that are full, that refuse, that cannot be written: it waits, says so, and recovers.
//!
//! `make test-faults` runs this with the feature `failpoints`, which keeps it out of `make test`: it takes a while, and the
//! right to mount a file system in a namespace of its own.
#![cfg(feature = "failpoints")]

mod common;
#[path = "common/up.rs"]
mod up_folder;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use common::{command, wasmill};
use up_folder::{Up, documents, land, pipeline, rows};

/// A program on a file system of its own, which only it sees, in the place of `.wasmill`: of 16 MiB, with what was there.
fn on_own_disk(folder: &Path, options: &str) -> Command {
    let wasmill = command(folder, &["up", ".", "--addr", "127.0.0.1:0"]);
    let script = format!(
        "cp -r .wasmill before && mount -t tmpfs -o size=16m none .wasmill && cp before/* .wasmill/ && \
         mount -o remount,size=16m{options} .wasmill && exec \"$@\""
    );
    let mut command = Command::new("unshare");
    // Whoever is not root is in a namespace of users of its own.
    command.args(["--mount", "--map-root-user", "sh", "-c", &script, "sh"]).arg(wasmill.get_program());
    command.args(wasmill.get_args()).current_dir(folder);
    command.envs(wasmill.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command
}

/// What a program says that sees what `up` sees.
fn beside(up: &Up, folder: &Path, program: &[&str]) -> String {
    let mut command = Command::new("nsenter");
    command.args(["--target", &up.process.id().to_string(), "--user", "--mount", "--preserve-credentials"]);
    // The folder is looked up there, not here.
    let output = command.args(["sh", "-c", "cd \"$0\" && exec \"$@\""]).arg(folder).args(program).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Waits until so many documents are there, each written once.
fn wait_for(up: &Up, folder: &Path, count: usize) {
    let script = "import sqlite3
rows = sqlite3.connect('.wasmill/documents.db', timeout=10)
print(*rows.execute('SELECT (SELECT count(*) FROM documents), (SELECT count(*) FROM effects)').fetchone())";
    let started = Instant::now();
    loop {
        let counted = beside(up, folder, &["python3", "-c", script]);
        let (documents, effects) = counted.trim().split_once(' ').unwrap();
        assert_eq!(documents, effects);
        if documents.parse::<usize>().unwrap() >= count {
            return;
        }
        assert!(started.elapsed() < Duration::from_secs(60), "{documents} of {count} documents");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_full_disk_is_waited_for() {
    let folder = pipeline();
    let folder = folder.path();
    let up = Up::spawn(folder, on_own_disk(folder, ""));
    land(folder, "a.csv", &rows(0, 1000));
    wait_for(&up, folder, 1000);

    beside(&up, folder, &["sh", "-c", "head -c 32M /dev/zero > .wasmill/ballast || true"]);
    land(folder, "b.csv", &rows(1000, 50_000));
    let post = |key: &str| up.request("POST", "/v1/events", &format!("idempotency-key: {key}\r\n"), "id,value\n-1,1\n");
    // What is there has room for a little more.
    up.wait_said("is full");
    let (status, answer) = post("one");
    assert_eq!((status, answer.contains("full")), (503, true), "{answer}");
    assert_eq!(up.request("GET", "/ready", "", "").0, 503);
    assert_eq!(up.request("GET", "/health", "", "").0, 200);

    beside(&up, folder, &["rm", ".wasmill/ballast"]);
    wait_for(&up, folder, 51_000);
    assert_eq!(post("one").0, 202);
    wait_for(&up, folder, 51_001);
    up.wait_ready();
    assert_eq!(up.stop(), Some(0));
}

#[test]
fn a_store_that_refuses_is_waited_for() {
    let folder = pipeline();
    let folder = folder.path();
    let store = rusqlite::Connection::open(folder.join(".wasmill/documents.db")).unwrap();
    let refuse = "CREATE TRIGGER refuse BEFORE INSERT ON documents WHEN new.id >= '500'
        BEGIN SELECT RAISE(ABORT, 'no more room in this inn'); END";
    store.execute_batch(refuse).unwrap();
    let up = Up::start(folder, &[]);
    land(folder, "a.csv", &rows(0, 20_000));
    land(folder, "b.csv", "id,value\n1,1\n");
    up.wait_said("no more room in this inn");
    // Another event is not held up by it.
    up.wait_for(folder, 1);
    store.execute_batch("DROP TRIGGER refuse").unwrap();
    up.wait_for(folder, 20_000);
    assert_eq!(up.stop(), Some(0));
    assert_eq!(documents(folder).0, 20_000);
    let (_, _, counts) = wasmill(folder, &["runs", "list", "."]);
    assert_eq!(counts, "events: 0 waiting, 0 running, 2 done, 0 dead; dead letters: 0\n");
}

#[test]
fn a_store_that_cannot_be_written_at_all_is_said_at_once() {
    let folder = pipeline();
    let output = on_own_disk(folder.path(), ",ro").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains(".wasmill/documents.db`: unable to open"), "{said}");
    assert!(said.contains("\nhint: can its folder be written?"), "{said}");
}
