//! Combinations whose totals moved, where leaves are so noisy that they do not move alike: sums of what is left of each leaf
//! in units of its noise, tested by how such sums are distributed.

mod counts;
mod noise;

use super::{Candidate, FIRST, Found, Limits, MOST};
use crate::background::Background;
use crate::bias::Bias;
use crate::change::{Change, Size};
use crate::config::Direction;
use crate::cuboid::{self, Cuboid, Dims};
use crate::leaves::Leaves;
use crate::score::{Score, Sums};
use counts::Counts;
use noise::{Noise, Siblings};

/// Leaves whose noise is a smaller share of them move alike, if there is a cause: there would have been one already.
const NOISY: f64 = 0.5;
/// A total that moved by a smaller share is no cause, however significant: in real data everything is a little off.
const LEAST: f64 = 0.2;
/// When there is a cause, a further one must not come by chance more often than once in a hundred and fifty tables, in nats.
const LATER: f64 = 5.0;
/// The bias that the middle leaf has is not that of their total, if this is off by more.
const OFF: f64 = 0.05;
/// Before noise is estimated anew, causes are taken of at least this share of the best one's evidence.
const STRONGEST: f64 = 0.5;
/// So many candidates are kept of a look at everything.
const CANDIDATES: usize = 512;
/// Everything is looked at at most so many times.
const ROUNDS: usize = 12;
/// Of so many leaves at most, if they are counts, totals are tested as counts.
const COUNTS: usize = 1 << 12;
/// Of more leaves only combinations of few dimensions are looked at: those of more have hardly a total.
const MANY: usize = 1 << 18;
const FEW_LAYERS: usize = 2;

/// A leaf's actual and expected, in a unit that adds up, and its size.
#[derive(Debug, Clone, Copy)]
struct Point {
    actual: f64,
    expected: f64,
    size: f64,
}

/// A combination as it was looked at.
struct Seen {
    dims: Dims,
    sums: Sums,
    cost: f64,
    siblings: Siblings,
    evidence: f64,
}

/// Adds causes to what was found.
pub(super) fn search(leaves: &Leaves, change: &Change, limits: Limits, mut found: Found) -> Found {
    let background = found.background.clone();
    let bias = background.bias;
    let size = if change.is_additive() { Size::Expected } else { Size::Denominator };
    let amounts = change.amounts(bias).zip(change.size(size, bias));
    let points = amounts.map(|((actual, expected), size)| Point { actual, expected, size });
    let points: Vec<Point> = points.collect();
    let scaled = |factor: f64| Bias { factor: bias.factor * factor, shift: bias.shift * factor };
    let factor = noise::factor(&points);
    if (factor - 1.0).abs() >= OFF {
        found.background.bias = scaled(factor);
    }
    let is_counted = points.len() <= COUNTS && points.iter().all(Point::is_count);
    if !is_counted && noise::of_a_leaf(&points, factor) < NOISY {
        return found;
    }
    let layers = if leaves.len() > MANY { limits.layers.min(FEW_LAYERS) } else { limits.layers };
    let mut totals = Totals::new(leaves, Limits { layers, ..limits }, &background, points);
    if is_counted {
        totals.counts = Some(Counts::default());
    }
    for _ in 0..ROUNDS {
        let before = totals.causes.len();
        totals.round();
        if totals.causes.len() == before || totals.causes.len() >= MOST {
            break;
        }
    }
    if !totals.causes.is_empty() {
        found.background.bias = scaled(totals.noise.factor);
        found.causes = totals.causes;
    }
    found
}

struct Totals<'a> {
    leaves: &'a Leaves,
    limits: Limits,
    background: &'a Background,
    points: Vec<Point>,
    noise: Noise,
    /// If leaves are counts: what they vary by.
    counts: Option<Counts>,
    /// What each leaf adds to sums; nothing if a cause has it.
    parts: Vec<Option<Sums>>,
    causes: Vec<Candidate>,
}

impl<'a> Totals<'a> {
    fn new(leaves: &'a Leaves, limits: Limits, background: &'a Background, points: Vec<Point>) -> Self {
        let parts = points.iter().map(|point| point.told().then(Sums::default)).collect();
        Self { leaves, limits, background, points, noise: Noise::default(), counts: None, parts, causes: Vec::new() }
    }

    /// Estimates the noise of what is no cause, looks at everything, and takes what is most significant.
    fn round(&mut self) {
        let left = self.points.iter().zip(&self.parts).filter(|(_, part)| part.is_some());
        self.noise = Noise::of(left.map(|(point, _)| *point).collect());
        for ((part, point), leaf) in self.parts.iter_mut().zip(&self.points).zip(0..) {
            if let Some(sums) = part {
                *sums = self.noise.part(leaf, point);
            }
        }
        self.counts = self.counts.map(|counts| counts.of(self.parts.iter().flatten().copied()));
        let mut seen: Vec<Seen> = Vec::new();
        let parts = self.parts.iter().flatten().copied().collect();
        cuboid::each(self.leaves, 0, self.limits.layers, parts, &mut |cuboid| self.look(cuboid, &mut seen));
        seen.sort_by(|a, b| a.evidence.total_cmp(&b.evidence));
        self.take(seen);
    }

    fn look(&self, cuboid: &Cuboid, seen: &mut Vec<Seen>) {
        let cost = cuboid::cost(cuboid.dims, self.leaves.sizes.len(), cuboid.elements.len());
        let siblings = self.noise.siblings(cuboid);
        for sums in &cuboid.elements {
            if let Some(evidence) = self.evidence(sums, None, cost, siblings) {
                seen.push(Seen { dims: cuboid.dims, sums: *sums, cost, siblings, evidence });
            }
        }
        if seen.len() > CANDIDATES {
            seen.sort_by(|a, b| b.evidence.total_cmp(&a.evidence));
            seen.truncate(CANDIDATES);
        }
    }

    /// By how many nats a combination's total is no chance; none if it is no cause. Of counts it may be less once its leaves are known.
    fn evidence(&self, sums: &Sums, members: Option<&[u32]>, cost: f64, siblings: Siblings) -> Option<f64> {
        let moved = sums.square;
        let asked = match self.limits.direction {
            Direction::Both => true,
            Direction::Up => moved > 0.0,
            Direction::Down => moved < 0.0,
        };
        let supported = sums.leaves as usize >= self.limits.min_support.max(2);
        let large = moved.abs() >= LEAST * sums.surprise.abs().max((sums.surprise + moved).abs());
        if !(asked && supported && large) || moved * sums.pull <= 0.0 || !siblings.are_surpassed_by(sums) {
            return None;
        }
        let rarity = match (self.counts, members) {
            (Some(counts), None) => counts.at_most(sums)?,
            (Some(counts), Some(members)) => {
                let [within, beside] = self.apart(members);
                counts.rarity(sums, &within, &beside, self.noise.factor)?
            }
            (None, _) => self.noise.rarity(sums),
        };
        let evidence = rarity - cost;
        let least = if self.causes.is_empty() { FIRST } else { LATER };
        (evidence > least).then_some(evidence)
    }

    /// Takes the best one, and what is about as significant and moved the same way, without the leaves they share.
    fn take(&mut self, mut seen: Vec<Seen>) {
        let mut first: Option<(f64, bool)> = None;
        while let Some(best) = seen.pop().filter(|_| self.causes.len() < MOST) {
            let values = cuboid::dims(best.dims).map(|at| (at, self.leaves.code(at, best.sums.example)));
            let values: Vec<(usize, u32)> = values.collect();
            let members = self.leaves.members(&values);
            let sums = self.sums(&members);
            let Some(evidence) = self.evidence(&sums, Some(&members), best.cost, best.siblings) else { continue };
            let up = sums.pull > 0.0;
            if first.is_some_and(|(most, way)| evidence < STRONGEST * most || way != up) {
                continue;
            }
            if seen.last().is_some_and(|next| next.evidence > evidence) {
                let at = seen.partition_point(|other| other.evidence < evidence);
                seen.insert(at, Seen { evidence, ..best });
                continue;
            }
            first.get_or_insert((evidence, up));
            members.iter().for_each(|leaf| self.explain(*leaf));
            let cuboid = Cuboid { dims: best.dims, elements: Vec::new() };
            let scorer = cuboid.scorer(self.background, self.leaves.sizes.len());
            let score = Score { gain: evidence, evidence };
            self.causes.push(Candidate { dims: best.dims, values, score, scorer });
        }
    }

    /// The leaves that no cause has: those of a combination, and the others.
    fn apart(&self, members: &[u32]) -> [Vec<Point>; 2] {
        let mut is_within = vec![false; self.points.len()];
        for leaf in members {
            if let Some(within) = is_within.get_mut(*leaf as usize) {
                *within = true;
            }
        }
        let [mut within, mut beside] = [Vec::new(), Vec::new()];
        for ((point, part), is_within) in self.points.iter().zip(&self.parts).zip(is_within) {
            if part.is_some() {
                if is_within { within.push(*point) } else { beside.push(*point) }
            }
        }
        [within, beside]
    }

    fn sums(&self, members: &[u32]) -> Sums {
        let mut sums = Sums::default();
        members.iter().filter_map(|leaf| self.parts.get(*leaf as usize)?.as_ref()).for_each(|part| sums.add(part));
        sums
    }

    fn explain(&mut self, leaf: u32) {
        if let Some(part) = self.parts.get_mut(leaf as usize) {
            *part = None;
        }
    }
}

impl Point {
    /// Whether it can be a number of events.
    fn is_count(&self) -> bool {
        let actual = self.actual;
        !self.told()
            || actual >= 0.0 && self.expected >= 0.0 && (actual - actual.round()).abs() <= 1e-6 * (1.0 + actual)
    }

    /// Whether it says something.
    fn told(&self) -> bool {
        self.actual.is_finite() && self.expected.is_finite() && (self.actual != 0.0 || self.expected != 0.0)
    }
}
