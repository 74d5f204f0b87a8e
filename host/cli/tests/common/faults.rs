//! What tests of faults share: their chance, and what must hold at the end.

#![allow(dead_code, reason = "no test uses all of it")]

use std::path::Path;

use super::common::wasmill;
use super::up_folder::{documents, drain};

/// A number that the environment may give.
pub fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().unwrap())
}

/// What chance is made of, which is printed.
pub fn seed() -> u64 {
    let seed = number("SEED", std::time::UNIX_EPOCH.elapsed().unwrap().as_secs());
    eprintln!("SEED={seed}");
    seed
}

/// Sees through what is left: everything is done, so many documents are there, and each was written once.
pub fn check(folder: &Path, count: usize, what: &str) {
    // Leases of workers that died run out first.
    let (code, said) = drain(folder);
    assert_eq!(code, 0, "{what}: {said}");
    assert_eq!(documents(folder), (count, count), "{what}");
    all_done(folder, what);
}

/// Nothing waits, and nothing is a dead letter.
pub fn all_done(folder: &Path, what: &str) {
    let (_, _, counts) = wasmill(folder, &["runs", "list", "."]);
    assert!(counts.contains("0 waiting, 0 running") && counts.contains("0 dead; dead letters: 0"), "{what}: {counts}");
}
