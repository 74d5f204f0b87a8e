//! How long it takes, and how much memory, as tables grow.

use std::process::Command;
use std::time::Instant;

use wasmill_explain::explain;

use crate::generator::{Case, RiskLoc, S};
use crate::random::Random;

/// Each size in a process of its own, so that its memory is its own.
pub fn run() {
    if let Some(size) = std::env::var_os("BENCH") {
        return one(&size.to_string_lossy());
    }
    println!("| leaves | dimensions | causes | ms | memory, MB |\n|---|---|---|---|---|");
    let program = std::env::current_exe().unwrap();
    for dimensions in [4, 5, 6, 8, 10] {
        for leaves in [10_000, 100_000, 1_000_000] {
            let status = Command::new(&program).arg("bench").env("BENCH", format!("{leaves} {dimensions}")).status();
            assert!(status.unwrap().success(), "{leaves} leaves of {dimensions} dimensions");
        }
    }
}

fn one(size: &str) {
    let (leaves, dimensions) = size.split_once(' ').unwrap();
    let (leaves, dimensions): (usize, usize) = (leaves.parse().unwrap(), dimensions.parse().unwrap());
    let mut times = Vec::new();
    let mut causes = 0;
    let base = peak();
    for seed in 0..3 {
        let case = case(leaves, dimensions, seed);
        let batch = case.batch();
        let config = case.config();
        drop(case);
        let start = Instant::now();
        causes += explain(config, &batch).unwrap().causes.len();
        times.push(start.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    println!("| {leaves} | {dimensions} | {causes} in 3 | {:.0} | {:.0} |", 1e3 * times[1], (peak() - base) / 1024.0);
}

/// The most memory the process has had, in KiB, with the table that it explains.
fn peak() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()).and_then(|kib| kib.parse().ok()).unwrap_or(0.0)
}

/// So many leaves: all of 5 dimensions or fewer, a sample of the combinations of more.
fn case(leaves: usize, dimensions: usize, seed: u64) -> Case {
    let root = (leaves as f64).powf(1.0 / dimensions.min(5) as f64).ceil() as u32;
    let sizes: &'static [u32] = vec![root; dimensions.min(5)].leak();
    let mut case = RiskLoc { sizes, elements: [1, 1], ..S }.case(seed);
    let keep: Vec<bool> = (0..case.len()).map(|leaf| leaf < leaves).collect();
    case.sample(&keep);
    let mut random = Random::new(seed);
    for _ in 5..dimensions {
        case.sizes.push(root);
        let codes = (0..case.len()).map(|_| random.whole([0, root as usize - 1]) as u32).collect();
        case.codes.push(codes);
    }
    case
}
