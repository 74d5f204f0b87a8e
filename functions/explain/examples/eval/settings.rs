//! The settings: what each table of the evaluation is like.

use crate::generator::{Case, Element, H, H_SMALL, L, RiskLoc, S};
use crate::normal;
use crate::random::Random;

/// A setting, and what is known of it.
pub struct Setting {
    pub name: &'static str,
    pub about: &'static str,
    pub case: fn(u64) -> Case,
    /// How many times fewer cases than usual; if it is more than one, only when asked for.
    pub fewer: u64,
}

pub const SETTINGS: &[Setting] = &[
    Setting { name: "S", about: "RiskLoc's S", case: |seed| S.case(seed), fewer: 1 },
    Setting { name: "L", about: "RiskLoc's L", case: |seed| L.case(seed), fewer: 1 },
    Setting {
        name: "H/80",
        about: "RiskLoc's H, an eightieth of the leaves",
        case: |seed| H_SMALL.case(seed),
        fewer: 1,
    },
    Setting { name: "H", about: "RiskLoc's H", case: |seed| H.case(seed), fewer: 200 },
    Setting { name: "B0", about: "like Squeeze's, 0.5 % noise", case: |seed| squeeze(seed, 0.005), fewer: 1 },
    Setting { name: "B1", about: "like Squeeze's, 3 % noise", case: |seed| squeeze(seed, 0.03), fewer: 1 },
    Setting { name: "B2", about: "like Squeeze's, 8 % noise", case: |seed| squeeze(seed, 0.08), fewer: 1 },
    Setting { name: "B3", about: "like Squeeze's, 13 % noise", case: |seed| squeeze(seed, 0.13), fewer: 1 },
    Setting { name: "B4", about: "like Squeeze's, 18 % noise", case: |seed| squeeze(seed, 0.18), fewer: 1 },
    Setting { name: "biased", about: "S, the expectation scaled or shifted", case: biased, fewer: 1 },
    Setting { name: "overlapping", about: "causes that share leaves", case: |seed| overlapping(seed, false), fewer: 1 },
    Setting {
        name: "nested",
        about: "a stronger cause within another",
        case: |seed| overlapping(seed, true),
        fewer: 1,
    },
    Setting { name: "derived", about: "a rate of counts", case: derived, fewer: 1 },
    Setting { name: "counts", about: "counts against a smooth expectation", case: counts, fewer: 1 },
    Setting {
        name: "small",
        about: "few counts of a day, against the mean of four",
        case: |seed| small(seed, true),
        fewer: 1,
    },
    Setting { name: "none", about: "no cause: six kinds of noise", case: normal::quiet, fewer: 1 },
    Setting { name: "none, S", about: "S without its anomalies", case: |seed| none(S, seed), fewer: 1 },
    Setting { name: "none, small", about: "small without its causes", case: |seed| small(seed, false), fewer: 1 },
    Setting { name: "none, shifted", about: "no cause, 5 added to every expectation", case: normal::shifted, fewer: 1 },
    Setting {
        name: "none, drifting",
        about: "no cause, but every value drifts by 5 %",
        case: normal::drifting,
        fewer: 1,
    },
];

fn none(setting: RiskLoc, seed: u64) -> Case {
    RiskLoc { anomalies: [0, 0], ..setting }.case(seed)
}

/// Random elements of one layer, each of dimensions of its own, none within another.
fn elements(case: &Case, layer: usize, count: usize, random: &mut Random) -> Vec<Element> {
    let mut elements: Vec<Element> = Vec::new();
    while elements.len() < count {
        let dimensions = random.choose(case.sizes.len(), layer);
        let element: Element =
            dimensions.iter().map(|at| (*at, random.whole([0, case.sizes[*at] as usize - 1]) as u32)).collect();
        if !elements.contains(&element) && !case.members(&element).is_empty() {
            elements.push(element);
        }
    }
    elements
}

/// Sizes that depend on the values, with a heavy tail, as those of sales and clicks do.
fn heavy(case: &mut Case, random: &mut Random, typical: f64) {
    let factors: Vec<Vec<f64>> =
        case.sizes.iter().map(|size| (0..*size).map(|_| random.normal().exp()).collect()).collect();
    for leaf in 0..case.len() {
        let product: f64 = (0..case.sizes.len()).map(|at| factors[at][case.codes[at][leaf] as usize]).product();
        case.measures[1][leaf] = typical * product * (0.5 * random.normal()).exp();
    }
}

/// Squeeze's generalized ripple effect (ISSRE 2019, section V): all leaves of a cause change by the same ratio, each cause by
/// its own; 1 to 3 causes of one layer of 1 to 3.
fn squeeze(seed: u64, noise: f64) -> Case {
    let mut random = Random::new(seed ^ 0x7371);
    let mut case = Case::full(&[10, 33, 8, 6]);
    heavy(&mut case, &mut random, 100.0);
    case.measures[0] = case.measures[1].iter().map(|value| value * (1.0 + noise * random.normal()).max(0.0)).collect();
    let (layer, count) = (random.whole([1, 3]), random.whole([1, 3]));
    let causes = elements(&case, layer, count, &mut random);
    for cause in &causes {
        let lost = if random.unit() < 0.5 { random.between([0.3, 0.9]) } else { -random.between([0.5, 2.0]) };
        for leaf in case.members(cause) {
            case.measures[0][leaf] = case.measures[1][leaf] * (1.0 - lost) * (1.0 + noise * random.normal()).max(0.0);
        }
    }
    case.truth = causes;
    case
}

fn biased(seed: u64) -> Case {
    let mut case = S.case(seed ^ 0x6269_6173);
    let mut random = Random::new(seed ^ 0x6269);
    let expected = &mut case.measures[1];
    if seed.is_multiple_of(2) {
        let scale = random.between([0.7, 1.4]);
        expected.iter_mut().for_each(|value| *value *= scale);
    } else {
        let mean = expected.iter().sum::<f64>() / expected.len() as f64;
        let shift = mean * random.between([0.02, 0.2]);
        expected.iter_mut().for_each(|value| *value += shift);
    }
    case
}

/// Causes of different dimensions, so that each shares leaves with each other one, whose losses multiply there; or a cause
/// within another one, which loses more.
fn overlapping(seed: u64, nested: bool) -> Case {
    let mut random = Random::new(seed ^ 0x6f76);
    let mut case = Case::full(&[10, 12, 10, 8, 5]);
    let noise = random.between([0.02, 0.15]);
    heavy(&mut case, &mut random, 100.0);
    let count = if nested { 2 } else { random.whole([2, 3]) };
    let mut free = random.choose(5, 5);
    let mut causes: Vec<Element> = Vec::new();
    for _ in 0..count {
        let mut cause = Element::new();
        let layer = if nested { 1 } else { random.whole([1, if count == 3 { 1 } else { 2 }]) };
        for _ in 0..layer {
            let dimension = free.remove(random.whole([0, free.len() - 1]));
            cause.push((dimension, random.whole([0, case.sizes[dimension] as usize - 1]) as u32));
        }
        causes.push(cause);
    }
    if nested {
        let outer = causes[0].clone();
        causes[1].extend(outer);
    }
    causes.iter_mut().for_each(|cause| cause.sort_unstable());
    let kept: Vec<f64> = causes.iter().map(|_| 1.0 - random.between([0.25, 0.7])).collect();
    for leaf in 0..case.len() {
        let touched = causes.iter().zip(&kept).filter(|(cause, _)| case.has(leaf, cause));
        let factor: f64 = touched.map(|(_, kept)| kept).product();
        case.measures[0][leaf] = case.measures[1][leaf] * factor * (1.0 + noise * random.normal()).max(0.0);
    }
    case.truth = causes;
    case
}

/// A share of successes of counts, both with the noise that counts have; causes lose a part of the successes.
fn derived(seed: u64) -> Case {
    let mut random = Random::new(seed ^ 0x6465);
    let mut case = Case::full(&[10, 12, 10, 8, 5]);
    heavy(&mut case, &mut random, 60.0);
    let count = random.whole([1, 3]);
    let layer = random.whole([1, 3]);
    let causes = elements(&case, layer, count, &mut random);
    let kept: Vec<f64> = causes.iter().map(|_| 1.0 - random.between([0.2, 0.8])).collect();
    let usual = random.between([0.05, 0.95]);
    let mut columns = vec![Vec::new(); 4];
    for leaf in 0..case.len() {
        let rate = (usual * (0.1 * random.normal()).exp()).min(0.98);
        let factor: f64 =
            causes.iter().zip(&kept).filter(|(cause, _)| case.has(leaf, cause)).map(|(_, kept)| kept).product();
        let expected = case.measures[1][leaf];
        let busy = (1.0 + 0.3 * random.normal()).max(0.1);
        let trials = random.poisson(expected * busy);
        columns[0].push(successes(trials, rate * factor, &mut random));
        columns[1].push(expected * rate);
        columns[2].push(trials);
        columns[3].push(expected);
    }
    case.measures = columns;
    case.truth = causes;
    case
}

/// A few dozen to a few hundred leaves of a few events, a count or a rate, against the mean of four days before; in half of the tables
/// everything has moved as well. A value of one dimension, which may have three, has a rate of its own on that day.
fn small(seed: u64, has_cause: bool) -> Case {
    let mut random = Random::new(seed ^ 0x736d);
    let mut sizes = vec![3, random.whole([8, 24]) as u32];
    if random.unit() < 0.5 {
        sizes.push(random.whole([2, 4]) as u32);
    }
    let mut case = Case::full(&sizes);
    let typical = random.between([4.0, 40.0]);
    heavy(&mut case, &mut random, typical);
    let is_rate = random.unit() < 0.5;
    let alike = if random.unit() < 0.5 { random.between([1.2, 2.5]) } else { 1.0 };
    let usual = random.between([0.05, 0.35]);
    let causes = if has_cause { elements(&case, 1, 1, &mut random) } else { Vec::new() };
    let factor = if random.unit() < 0.5 { random.between([0.1, 0.4]) } else { random.between([2.0, 3.0]) };
    let mut columns = vec![Vec::new(); if is_rate { 4 } else { 2 }];
    for leaf in 0..case.len() {
        let own = usual * (0.2 * random.normal()).exp();
        let moved = if causes.iter().any(|cause| case.has(leaf, cause)) { factor } else { 1.0 };
        let size = case.measures[1][leaf];
        let day = |random: &mut Random, factor: f64| {
            let factor = factor * (0.1 * random.normal()).exp();
            if !is_rate {
                return (random.poisson(size * factor), 0.0);
            }
            let trials = random.poisson(size);
            let rate = (own * factor).min(0.95);
            (successes(trials, rate, random), trials)
        };
        let now = day(&mut random, moved * alike);
        let before: Vec<(f64, f64)> = (0..4).map(|_| day(&mut random, 1.0)).collect();
        let mean = |of: fn(&(f64, f64)) -> f64| before.iter().map(of).sum::<f64>() / 4.0;
        let values = [now.0, mean(|day| day.0), now.1, mean(|day| day.1)];
        columns.iter_mut().zip(values).for_each(|(column, value)| column.push(value));
    }
    case.measures = columns;
    case.truth = causes;
    case
}

/// So many of these many, by a normal approximation if they are many.
fn successes(trials: f64, rate: f64, random: &mut Random) -> f64 {
    if trials > 30.0 {
        let spread = (trials * rate * (1.0 - rate)).sqrt();
        return (trials * rate + spread * random.normal()).round().clamp(0.0, trials);
    }
    (0..trials as usize).filter(|_| random.unit() < rate).count() as f64
}

/// Counts as small as they come, against what is expected of them.
fn counts(seed: u64) -> Case {
    let mut random = Random::new(seed ^ 0x636f);
    let mut case = Case::full(&[10, 12, 10, 8, 5]);
    let typical = random.between([1.0, 20.0]);
    heavy(&mut case, &mut random, typical);
    let (layer, count) = (random.whole([1, 3]), random.whole([1, 3]));
    let causes = elements(&case, layer, count, &mut random);
    let factors: Vec<f64> = causes
        .iter()
        .map(|_| if random.unit() < 0.5 { random.between([0.1, 0.6]) } else { random.between([1.7, 3.0]) })
        .collect();
    for leaf in 0..case.len() {
        let touched = causes.iter().zip(&factors).filter(|(cause, _)| case.has(leaf, cause));
        let factor: f64 = touched.map(|(_, factor)| factor).product();
        case.measures[0][leaf] = random.poisson(case.measures[1][leaf] * factor);
    }
    case.truth = causes;
    case
}
