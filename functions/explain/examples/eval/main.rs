//! How well causes are found in tables whose causes are known.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

mod generator;
mod normal;
mod random;

use std::time::Instant;

use generator::{Case, Element};
use wasmill_explain::{Explanation, explain};

fn elements(case: &Case, found: &Explanation) -> Vec<Element> {
    let code = |value: &wasmill_explain::Value| {
        let dimension = (value.dimension.as_bytes()[0] - b'a') as usize;
        let _ = case;
        (dimension, value.value.as_deref().unwrap()[1..].parse().unwrap())
    };
    found.causes.iter().map(|cause| cause.values.iter().map(code).collect()).collect()
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let cases: u64 = args[2].parse().unwrap();
    let verbose = args.len() > 3;
    let setting = match args[1].as_str() { "S" => generator::S, "L" => generator::L, "M" => generator::RiskLoc { sizes: &[16, 16, 16, 16, 16], ..generator::S }, "W" => generator::RiskLoc { sizes: &[20, 50, 10, 10, 10], ..generator::S }, "H" => generator::H, _ => generator::H_SMALL };
    let (mut tp, mut fp, mut fneg, mut exact, mut time) = (0, 0, 0, 0, 0.0);
    let mut missed = vec![[0; 2]; 7];
    let mut wrong = vec![0; 7];
    let first: u64 = std::env::var("SEED").map_or(0, |s| s.parse().unwrap());
    for seed in first..first+cases {
        let case = if args[1] == "none" { normal::case(seed) } else { setting.case(seed) };
        let batch = case.batch();
        let mut config = case.config();
        config.max_causes = 64;
        let start = Instant::now();
        let found = explain(config, &batch).unwrap();
        time += start.elapsed().as_secs_f64();
        if std::env::var("TIME").is_ok() { println!("{:.0} ms, {} causes {}", 1e3*start.elapsed().as_secs_f64(), found.causes.len(), std::fs::read_to_string("/proc/self/status").unwrap().lines().find(|l| l.starts_with("VmHWM")).unwrap()); }
        let predicted = elements(&case, &found);
        let mut truth = case.truth.clone();
        truth.sort();
        truth.dedup();
        let hits = truth.iter().filter(|element| predicted.contains(element)).count();
        for t in &truth { missed[t.len()][usize::from(predicted.contains(t))] += 1; }
        for p in &predicted { if !truth.contains(p) { wrong[p.len()] += 1; } }
        tp += hits; fneg += truth.len() - hits; fp += predicted.len() - hits;
        if hits == truth.len() && hits == predicted.len() { exact += 1; }
        if args[1] == "none" && !found.causes.is_empty() { println!("{} seed {seed} {} leaves {}: {}", normal::KINDS[(seed%8) as usize], case.len(), found.causes.len(), found.causes.iter().take(3).map(|c| format!("{} ({:.0} -> {:.0}, conf {:.4}) ", c.text(), c.expected, c.actual, c.confidence)).collect::<String>()); }
        if verbose && (predicted.len() != hits || hits != truth.len()) {
            println!("seed {seed} truth {truth:?}");
            for cause in &found.causes { println!("   {} conf {:.3} leaves {} {}", cause.text(), cause.confidence, cause.leaves, if truth.contains(&elements(&case, &Explanation{causes:vec![cause.clone()],summary:found.summary.clone()})[0]) {"ok"} else {"WRONG"}); }
        }
    }
    println!("layers [missed, found] {missed:?} wrong {wrong:?}");
    println!("{} tp {tp} fp {fp} fn {fneg} P {:.4} R {:.4} F1 {:.4} exact {:.3} time {:.1} ms", args[1], tp as f64 / (tp+fp).max(1) as f64, tp as f64/(tp+fneg).max(1) as f64, 2.0*tp as f64/(2*tp+fp+fneg).max(1) as f64, exact as f64/cases as f64, 1e3*time/cases as f64);
}
