//! Tables without a cause, each kind of which has misled somebody.

use crate::generator::Case;
use crate::random::Random;

/// Kinds of noise.
const KINDS: [&str; 6] = ["relative", "heavy tails", "counts", "two counts", "sparse", "unchanged"];

/// A table in which nothing happened but noise, of one kind after the other; in three of ten the expectation is off by a
/// factor.
pub fn quiet(seed: u64) -> Case {
    case(seed, KINDS[(seed % KINDS.len() as u64) as usize])
}

/// The expectation is off by 5 for every leaf, and in three of ten by a factor.
pub fn shifted(seed: u64) -> Case {
    case(seed, "shifted")
}

/// Every value of every dimension moves its leaves by some percent. Whether that is a cause is a matter of taste.
pub fn drifting(seed: u64) -> Case {
    case(seed, "drifting")
}

fn case(seed: u64, kind: &str) -> Case {
    let mut random = Random::new(seed ^ 0x6e6f_6e65);
    let sizes = [10, 12, 10, 8, 5].map(|most: u32| random.whole([2, most as usize]) as u32);
    let mut case = Case::full(&sizes);
    let noise = random.between([0.01, 0.3]);
    let bias = if random.unit() < 0.3 { random.between([0.6, 1.6]) } else { 1.0 };
    let factors: Vec<Vec<f64>> =
        sizes.iter().map(|size| (0..*size).map(|_| (1.2 * random.normal()).exp()).collect()).collect();
    let drifts: Vec<Vec<f64>> = sizes.iter().map(|size| (0..*size).map(|_| 0.05 * random.normal()).collect()).collect();
    for leaf in 0..case.len() {
        let product =
            |of: &Vec<Vec<f64>>| (0..sizes.len()).map(|at| of[at][case.codes[at][leaf] as usize]).product::<f64>();
        let size = 20.0 * product(&factors) * (0.5 * random.normal()).exp();
        let drift: f64 = (0..sizes.len()).map(|at| drifts[at][case.codes[at][leaf] as usize]).sum();
        let (actual, expected) = match kind {
            "relative" => (size * (1.0 + noise * random.normal()).max(0.0), size),
            "heavy tails" => (size * (noise * random.heavy() * 1.5).exp(), size),
            "counts" => (random.poisson(size), size),
            "two counts" | "sparse" => (random.poisson(size), random.poisson(size)),
            "drifting" => (size * (drift + noise * random.normal()).exp(), size),
            "shifted" => (size * (1.0 + noise * random.normal()).max(0.0), size + 5.0),
            _ => (if random.unit() < 0.7 { size } else { size * (noise * random.normal()).exp() }, size),
        };
        case.measures[0][leaf] = actual;
        case.measures[1][leaf] = expected * bias;
    }
    if kind == "sparse" {
        let keep: Vec<bool> =
            (0..case.len()).map(|leaf| case.measures[0][leaf] + case.measures[1][leaf] > 0.0).collect();
        case.sample(&keep);
    }
    case
}
