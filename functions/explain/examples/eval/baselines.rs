//! Other methods, written here from their descriptions, for comparison on the same tables.

use crate::generator::{Case, Element};

pub type Method = fn(&Case) -> Vec<Element>;

pub const METHODS: &[(&str, Method)] =
    &[("one dimension", one_dimension), ("recursive Adtributor", adtributor), ("RiskLoc", riskloc)];

/// Adtributor's thresholds: what an element explains at least, and what a dimension's elements explain together.
const EACH: f64 = 0.1;
const TOGETHER: f64 = 0.67;

/// What a leaf has: sums, and how much of the change it explains.
struct Leaf {
    actual: f64,
    expected: f64,
    power: f64,
}

/// Of a ratio the leaves' ratios, and the change by Adtributor's finite differences.
fn leaves(case: &Case) -> Vec<Leaf> {
    let sum = |at: usize| case.measures[at].iter().sum::<f64>();
    let sums: Vec<f64> = (0..case.measures.len()).map(sum).collect();
    let leaf = |at: usize| match case.measures.as_slice() {
        [actual, expected] => {
            let power = (actual[at] - expected[at]) / (sums[0] - sums[1]);
            Leaf { actual: actual[at], expected: expected[at], power }
        }
        [top, top_expected, under, under_expected] => {
            let (a, b) = (top[at] - top_expected[at], under[at] - under_expected[at]);
            let power = (a * sums[3] - b * sums[1]) / (sums[3] * (sums[3] + b));
            let ratio = |top: f64, under: f64| if under == 0.0 { 0.0 } else { top / under };
            Leaf { actual: ratio(top[at], under[at]), expected: ratio(top_expected[at], under_expected[at]), power }
        }
        _ => unreachable!("a sum or a ratio"),
    };
    let mut leaves: Vec<Leaf> = (0..case.len()).map(leaf).collect();
    let total: f64 = leaves.iter().map(|leaf| leaf.power).sum();
    leaves.iter_mut().for_each(|leaf| leaf.power /= total);
    leaves
}

/// The values of the one dimension of which the fewest explain the change.
fn one_dimension(case: &Case) -> Vec<Element> {
    let leaves = leaves(case);
    let best = (0..case.sizes.len()).map(|dimension| {
        let mut powers = vec![(0.0, 0_u32); case.sizes[dimension] as usize];
        for (leaf, code) in leaves.iter().zip(&case.codes[dimension]) {
            powers[*code as usize].0 += leaf.power;
            powers[*code as usize].1 = *code;
        }
        powers.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut sum = 0.0;
        let taken = powers.iter().take_while(|(power, _)| {
            let more = sum < TOGETHER;
            sum += power;
            more
        });
        taken.map(|(_, code)| vec![(dimension, *code)]).collect::<Vec<Element>>()
    });
    best.min_by_key(Vec::len).unwrap()
}

/// Adtributor (NSDI 2014) in each of the elements that it finds, as long as it finds some.
fn adtributor(case: &Case) -> Vec<Element> {
    let leaves = leaves(case);
    let all: Vec<usize> = (0..case.len()).collect();
    let mut found = Vec::new();
    let mut open = vec![(Element::new(), all)];
    while let Some((element, members)) = open.pop() {
        let deeper = step(case, &leaves, &element, &members);
        if deeper.is_empty() && !element.is_empty() {
            found.push(element.clone());
        }
        for (dimension, code) in deeper {
            let mut next = element.clone();
            next.push((dimension, code));
            next.sort_unstable();
            let members = members.iter().copied().filter(|leaf| case.codes[dimension][*leaf] == code).collect();
            open.push((next, members));
        }
    }
    found
}

/// The elements of the dimension with the most surprise that together explain enough, unless they are all there are.
fn step(case: &Case, leaves: &[Leaf], within: &Element, members: &[usize]) -> Vec<(usize, u32)> {
    let total = |value: fn(&Leaf) -> f64| members.iter().map(|leaf| value(&leaves[*leaf])).sum::<f64>();
    let (actual, expected, power) = (total(|leaf| leaf.actual), total(|leaf| leaf.expected), total(|leaf| leaf.power));
    let mut best: (f64, Vec<(usize, u32)>) = (0.0, Vec::new());
    for dimension in (0..case.sizes.len()).filter(|at| !within.iter().any(|(used, _)| used == at)) {
        let mut sums = vec![(0.0, 0.0, 0.0); case.sizes[dimension] as usize];
        for leaf in members {
            let sum = &mut sums[case.codes[dimension][*leaf] as usize];
            sum.0 += leaves[*leaf].actual;
            sum.1 += leaves[*leaf].expected;
            sum.2 += leaves[*leaf].power;
        }
        let half = |p: f64, q: f64| if p > 0.0 { 0.5 * p * (2.0 * p / (p + q)).ln() } else { 0.0 };
        let surprise =
            |sum: &(f64, f64, f64)| half(sum.1 / expected, sum.0 / actual) + half(sum.0 / actual, sum.1 / expected);
        let mut ranked: Vec<(f64, f64, u32)> =
            sums.iter().zip(0..).map(|(sum, code)| (surprise(sum), sum.2 / power, code)).collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
        let (mut explained, mut surprised, mut taken) = (0.0, 0.0, Vec::new());
        for (surprise, share, code) in &ranked {
            if *share > EACH {
                explained += share;
                surprised += surprise;
                taken.push((dimension, *code));
            }
            if explained > TOGETHER {
                break;
            }
        }
        if explained > TOGETHER && taken.len() < ranked.len() && surprised > best.0 {
            best = (surprised, taken);
        }
    }
    best.1
}

/// RiskLoc (arXiv 2205.10004) with the parameters of its repository: risk 0.5, explanatory power 0.02, 5 leaves cut off.
fn riskloc(case: &Case) -> Vec<Element> {
    let mut risk = Risk::new(case);
    let threshold = risk.threshold;
    let mut found = Vec::new();
    while risk.abnormal_power() >= threshold {
        let Some(element) = risk.search() else { break };
        let left: Vec<usize> = risk.left.iter().copied().filter(|leaf| !case.has(*leaf, &element)).collect();
        risk.left = left;
        found.push(element);
    }
    found
}

struct Risk<'a> {
    case: &'a Case,
    leaves: Vec<Leaf>,
    deviations: Vec<f64>,
    abnormal: Vec<bool>,
    weights: Vec<f64>,
    left: Vec<usize>,
    threshold: f64,
}

impl<'a> Risk<'a> {
    fn new(case: &'a Case) -> Self {
        let mut leaves = leaves(case);
        let deviation = |leaf: &Leaf| {
            let sum = leaf.expected + leaf.actual;
            if sum == 0.0 { 0.0 } else { 2.0 * (leaf.expected - leaf.actual) / sum }
        };
        let deviations: Vec<f64> = leaves.iter().map(deviation).collect();
        let cutoff = cutoff(&deviations);
        let abnormal: Vec<bool> =
            deviations.iter().map(|at| if cutoff.is_sign_positive() { *at > cutoff } else { *at < cutoff }).collect();
        let weight = |at: usize| {
            let empty = leaves[at].actual == 0.0 && leaves[at].expected == 0.0;
            let weight = if abnormal[at] { deviations[at].abs() } else { (cutoff - deviations[at]).abs() };
            if empty { 0.0 } else { weight.min(1.0) }
        };
        let weights = (0..leaves.len()).map(weight).collect();
        let power: f64 =
            leaves.iter().zip(&abnormal).filter(|(_, abnormal)| **abnormal).map(|(leaf, _)| leaf.power).sum();
        if power < 0.0 {
            leaves.iter_mut().for_each(|leaf| leaf.power = -leaf.power);
        }
        let left = (0..leaves.len()).collect();
        Self { case, leaves, deviations, abnormal, weights, left, threshold: 0.02 * power.abs() }
    }

    fn abnormal_power(&self) -> f64 {
        self.left.iter().filter(|leaf| self.abnormal[**leaf]).map(|leaf| self.leaves[*leaf].power).sum()
    }

    /// In the first layer that has one, the element of the most explanatory power whose risk is enough.
    fn search(&self) -> Option<Element> {
        let count = self.case.sizes.len();
        for layer in 1..=count {
            let mut best: Option<(f64, Element)> = None;
            for set in (1_u32..1 << count).filter(|set| set.count_ones() as usize == layer) {
                let least = best.as_ref().map_or(self.threshold, |(power, _)| *power);
                best = self.of_cuboid(set, least).or(best);
            }
            if let Some((_, element)) = best {
                return Some(element);
            }
        }
        None
    }

    fn of_cuboid(&self, set: u32, least: f64) -> Option<(f64, Element)> {
        let dimensions: Vec<usize> = (0..self.case.sizes.len()).filter(|at| set >> at & 1 == 1).collect();
        let key = |leaf: usize| {
            dimensions
                .iter()
                .fold(0, |key, at| key * self.case.sizes[*at] as usize + self.case.codes[*at][leaf] as usize)
        };
        let size: usize = dimensions.iter().map(|at| self.case.sizes[*at] as usize).product();
        let mut groups: Vec<(f64, bool, Vec<u32>)> = vec![(0.0, false, Vec::new()); size];
        for leaf in &self.left {
            let group = &mut groups[key(*leaf)];
            group.0 += self.leaves[*leaf].power;
            group.1 |= self.abnormal[*leaf];
            group.2.push(*leaf as u32);
        }
        groups.retain(|(power, abnormal, _)| *abnormal && *power > least);
        groups.sort_by(|a, b| b.0.total_cmp(&a.0));
        let (power, _, members) = groups.into_iter().find(|(_, _, members)| self.risk(members) >= 0.5)?;
        let first = members[0] as usize;
        Some((power, dimensions.iter().map(|at| (*at, self.case.codes[*at][first])).collect()))
    }

    fn risk(&self, members: &[u32]) -> f64 {
        let weight = |abnormal: bool| {
            let members = members.iter().filter(|leaf| self.abnormal[**leaf as usize] == abnormal);
            members.map(|leaf| self.weights[*leaf as usize]).sum::<f64>()
        };
        let (abnormal, normal) = (weight(true), weight(false) + 1.0);
        let there: Vec<usize> = members
            .iter()
            .map(|leaf| *leaf as usize)
            .filter(|leaf| self.leaves[*leaf].actual != 0.0 && self.leaves[*leaf].expected != 0.0)
            .collect();
        let sum = |value: fn(&Leaf) -> f64| there.iter().map(|leaf| value(&self.leaves[*leaf])).sum::<f64>();
        let ratio = sum(|leaf| leaf.actual) / sum(|leaf| leaf.expected);
        let ripple = |leaf: &usize| {
            let (a, v) = (self.leaves[*leaf].expected * ratio, self.leaves[*leaf].actual);
            (2.0 * (a - v) / (a + v)).abs()
        };
        let rippled: f64 = there.iter().map(ripple).sum();
        let deviated: f64 = there.iter().map(|leaf| self.deviations[*leaf].abs()).sum();
        let low = if deviated == 0.0 { 0.0 } else { rippled / deviated };
        abnormal / (abnormal + normal) - low
    }
}

/// The smaller of what is left of the extremes, mirrored.
fn cutoff(deviations: &[f64]) -> f64 {
    let mut sorted = deviations.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.dedup();
    let (least, most) = (sorted[5.min(sorted.len() - 1)], sorted[sorted.len() - 1 - 5.min(sorted.len() - 1)]);
    if least.abs() < most.abs() { -least } else { -most }
}
