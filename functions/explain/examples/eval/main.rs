//! How well causes are found in tables whose causes are known, beside other methods; and how long it takes.
//!
//! ```console
//! $ cargo run --release -p wasmill-explain --example eval -- [--cases 1000] [--others 200] [--setting 'S;L'] [--verbose]
//! $ cargo run --release -p wasmill-explain --example eval -- bench
//! ```
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "an example fails by panicking")]

mod baselines;
mod bench;
mod generator;
mod normal;
mod random;
mod settings;
mod tally;

use std::time::Instant;

use generator::{Case, Element};
use settings::{SETTINGS, Setting};
use tally::Tally;
use wasmill_explain::explain;

/// What RiskLoc's paper says is the most elements a case of S has, and then some.
const MAX_CAUSES: usize = 64;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.first().is_some_and(|arg| arg == "bench") {
        return bench::run();
    }
    let option = |name: &str| args.iter().position(|arg| arg == name).and_then(|at| args.get(at + 1)).cloned();
    let cases: u64 = option("--cases").map_or(1000, |cases| cases.parse().unwrap());
    let others: u64 = option("--others").map_or(200, |cases| cases.parse().unwrap());
    let only: Option<Vec<String>> = option("--setting").map(|names| names.split(';').map(str::to_owned).collect());
    let verbose = args.iter().any(|arg| arg == "--verbose");
    println!("{}", tally::HEAD);
    for setting in SETTINGS {
        let asked = only.as_ref().map_or(setting.fewer == 1, |only| only.iter().any(|name| name == setting.name));
        if !asked {
            continue;
        }
        evaluate(setting, (cases / setting.fewer).max(1), others, verbose);
    }
}

fn evaluate(setting: &Setting, cases: u64, others: u64, verbose: bool) {
    let mut tallies: Vec<Tally> = Vec::new();
    for seed in 0..cases {
        let case = (setting.case)(seed);
        let methods = run_all(&case, seed < others);
        tallies.resize_with(tallies.len().max(methods.len()), Tally::default);
        for (tally, (name, found, seconds)) in tallies.iter_mut().zip(methods) {
            if verbose && name == "explain" && !tally::is_exact(&case.truth, &found) {
                println!("{} {seed}\n   truth {:?}\n   found {found:?}", setting.name, case.truth);
            }
            tally.add(name, &case.truth, &found, seconds);
        }
    }
    for tally in &tallies {
        tally.print(setting);
    }
}

type Outcome = (&'static str, Vec<Element>, f64);

/// What the method says of a case, and what the others say.
fn run_all(case: &Case, others: bool) -> Vec<Outcome> {
    let batch = case.batch();
    let mut config = case.config();
    config.max_causes = MAX_CAUSES;
    let start = Instant::now();
    let found = explain(config, &batch).unwrap();
    let mut outcomes = vec![("explain", generator::elements(&found), start.elapsed().as_secs_f64())];
    for (name, method) in baselines::METHODS.iter().filter(|_| others) {
        let start = Instant::now();
        let found = method(case);
        outcomes.push((name, found, start.elapsed().as_secs_f64()));
    }
    outcomes
}
