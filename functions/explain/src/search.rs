//! The search: score every combination of values, take the best, leave out its leaves, and so on.

mod nested;
mod totals;

use crate::background::{Background, Stat};
use crate::change::Change;
use crate::config::Direction;
use crate::cuboid::{self, Cuboid, Dims, cost, dims};
use crate::leaves::Leaves;
use crate::score::{Score, Scorer, Spread, Sums};

/// A first cause must not come by chance more often than once in so many tables without one, in nats.
const FIRST: f64 = 6.9;
/// The next one, when there is a cause, in nats: once in twenty.
const NEXT: f64 = 3.0;
/// So many candidates are kept of a look at everything.
const CANDIDATES: usize = 4096;
/// So many causes are found at most; a table that needs more is not explained by causes.
const MOST: usize = 64;
/// Everything is looked at again at most so many times.
const ROUNDS: usize = 12;

/// Before the background is estimated anew, causes are taken that are worth at least this share of the best one: what is
/// weak beside it may only be what it did to the background.
const STRONGEST: f64 = 0.25;
/// This share of the leaves must be left for the background.
const LEAST: f64 = 0.1;
/// What shows only against the rough background makes each leaf's description shorter by so many nats, or is none.
const CLEARER: f64 = 0.3;
/// Causes of a smaller share of the leaves do not pass for the background.
const FEW: f64 = 0.2;

/// To say of what is in a cause that it is an exception takes more than to name it: it has to be explained as well.
const EXCEPTION: f64 = 2.0;

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub layers: usize,
    pub min_support: usize,
    pub direction: Direction,
}

/// A combination of values.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    pub dims: Dims,
    /// Dimensions and codes, in the order of the dimensions.
    pub values: Vec<(usize, u32)>,
    pub score: Score,
    scorer: Scorer,
}

/// What was found.
#[derive(Debug)]
pub(crate) struct Found {
    pub background: Background,
    pub causes: Vec<Candidate>,
}

/// Finds causes: combinations whose leaves moved alike or, if there is none, whose totals moved.
pub(crate) fn search(leaves: &Leaves, change: &Change, limits: Limits) -> Found {
    let found = alike(leaves, change, limits);
    if found.causes.is_empty() { totals::search(leaves, change, limits, found) } else { found }
}

fn alike(leaves: &Leaves, change: &Change, limits: Limits) -> Found {
    // Whatever causes there are, they show against leaves taken as if there were none. What does not show is none.
    let plain = Background::refined(change, &[]);
    let found = Search::new(leaves, plain, change, limits).settled();
    let share = covered(leaves, &found.causes).iter().filter(|covered| **covered).count() as f64 / leaves.len() as f64;
    if found.causes.is_empty() {
        // Of few leaves, those of a cause are what is taken for noise.
        let rough = Background::rough(change);
        let is_exact = rough.is_exact;
        let other = Search::new(leaves, rough, change, limits).settled();
        let is_clearer = other.cost(change) < found.cost(change) - CLEARER * leaves.len() as f64;
        return if is_exact || is_clearer { other } else { found };
    }
    if share < FEW {
        return found;
    }
    // Where causes have a large part of the leaves, what is taken for the background may be one of them.
    let rough = Background::rough(change);
    if rough.is_like(&found.background) {
        return found;
    }
    let other = Search::new(leaves, rough, change, limits).settled();
    if other.cost(change) < found.cost(change) { other } else { found }
}

impl Found {
    /// How many nats describe all leaves.
    fn cost(&self, change: &Change) -> f64 {
        self.background.cost(change) - self.causes.iter().map(|cause| cause.score.gain).sum::<f64>()
    }
}

/// Which leaves any of the causes covers.
pub(crate) fn covered(leaves: &Leaves, causes: &[Candidate]) -> Vec<bool> {
    let mut covered = vec![false; leaves.len()];
    for leaf in causes.iter().flat_map(|cause| leaves.members(&cause.values)) {
        if let Some(covered) = covered.get_mut(leaf as usize) {
            *covered = true;
        }
    }
    covered
}

struct Search<'a> {
    leaves: &'a Leaves,
    change: &'a Change<'a>,
    limits: Limits,
    background: Background,
    /// Leaves that a cause explains already say nothing any more.
    stats: Vec<Stat>,
    /// What they said before.
    before: Vec<Stat>,
    causes: Vec<Candidate>,
    /// How many leaves still say something.
    left: u32,
    /// So many of them must be left.
    enough: f64,
    /// How much combinations differ, by their dimensions.
    spreads: Vec<(Dims, Spread)>,
}

impl<'a> Search<'a> {
    fn new(leaves: &'a Leaves, background: Background, change: &'a Change<'a>, limits: Limits) -> Self {
        let stats = background.stats(change);
        Self::of(leaves, background, change, limits, stats)
    }

    fn of(
        leaves: &'a Leaves,
        background: Background,
        change: &'a Change<'a>,
        limits: Limits,
        before: Vec<Stat>,
    ) -> Self {
        let left = told(&before);
        let (stats, enough) = (before.clone(), LEAST * f64::from(left));
        Self {
            leaves,
            change,
            limits,
            background,
            stats,
            before,
            causes: Vec::new(),
            left,
            enough,
            spreads: Vec::new(),
        }
    }

    /// Takes the strongest causes, estimates the background anew without them, and so on; and keeps those that are more
    /// than how values differ without a cause, of which the others show how much that is.
    fn settled(mut self) -> Found {
        let mut before = usize::MAX;
        for _ in 0..ROUNDS {
            self.round(STRONGEST);
            if self.causes.len() == before || self.causes.is_empty() || self.causes.len() >= MOST {
                break;
            }
            before = self.causes.len();
            self.refine();
        }
        while !self.causes.is_empty() && self.confirm() {
            self.refine();
            self.candidates();
        }
        self.absorb();
        self.nest();
        Found { background: self.background, causes: self.causes }
    }

    /// Scores the causes again, by what the background is and by how much values differ in the end; says whether some are
    /// none.
    fn confirm(&mut self) -> bool {
        let before = self.causes.len();
        self.stats.clone_from(&self.before);
        self.left = told(&self.before);
        for cause in std::mem::take(&mut self.causes) {
            let (tail, center) = (self.background.tail, self.background.center);
            let scorer = Scorer { tail, center, spread: self.spread(cause.dims), ..cause.scorer };
            if let Some(score) = self.score(&scorer, &self.sums(&self.leaves.members(&cause.values))) {
                self.explain(&cause);
                self.causes.push(Candidate { score, scorer, ..cause });
            }
        }
        if self.causes.iter().all(|cause| cause.score.evidence < FIRST) {
            self.causes.clear();
        }
        self.causes.len() < before
    }

    /// How much the combinations of a set of dimensions differ. Of few it cannot be seen: as much as when they are divided
    /// further, in the middle of the ways to do so.
    fn spread(&self, dims: Dims) -> Spread {
        if let Some((_, own)) = self.spreads.iter().find(|(other, _)| *other == dims) {
            return *own;
        }
        let finer = self.spreads.iter().filter(|(finer, _)| finer & dims == dims).map(|(_, spread)| *spread);
        let mut finer: Vec<Spread> = finer.collect();
        finer.sort_by(|a, b| a.variance.total_cmp(&b.variance));
        finer.get(finer.len() / 2).copied().unwrap_or_default()
    }

    /// Looks at everything, and takes causes that are worth at least a share of the best one.
    fn round(&mut self, share: f64) {
        let (candidates, floor) = self.candidates();
        self.take(candidates, floor, share);
    }

    fn refine(&mut self) {
        self.background = Background::refined(self.change, &covered(self.leaves, &self.causes));
        self.before = self.background.stats(self.change);
        self.stats.clone_from(&self.before);
        self.left = told(&self.before);
        for cause in std::mem::take(&mut self.causes) {
            self.explain(&cause);
            self.causes.push(cause);
        }
    }

    /// Drops causes within another one that are described as parts of it with no more.
    fn absorb(&mut self) {
        let whole = std::mem::take(&mut self.causes);
        for (at, cause) in whole.iter().enumerate() {
            let outer = whole.iter().enumerate().find(|(other, outer)| *other > at && is_within(cause, outer));
            let apart = outer.is_none_or(|(_, outer)| {
                let parts = self.original(&self.leaves.members(&outer.values));
                let part = self.original(&self.leaves.members(&cause.values));
                parts.worth_separating(&part) > cause.scorer.cost
            });
            if apart {
                self.causes.push(cause.clone());
            }
        }
    }

    /// The best combinations as things stand, the best one last, and what those left out are worth at most.
    fn candidates(&mut self) -> (Vec<Candidate>, f64) {
        let mut found: Vec<(Dims, Sums, Scorer, Score)> = Vec::new();
        let mut least = 0.0;
        let mut spreads = Vec::new();
        let parts = (0..).zip(&self.stats).filter_map(|(leaf, stat)| Sums::of(leaf, stat)).collect();
        cuboid::each(self.leaves, 0, self.limits.layers, parts, &mut |cuboid| {
            spreads.extend(cuboid.spread(&self.leaves.sizes).map(|spread| (cuboid.dims, spread)));
            self.collect(cuboid, &mut found, &mut least);
        });
        self.spreads = spreads;
        found.sort_by(|a, b| a.3.gain.total_cmp(&b.3.gain));
        let start = found.len().saturating_sub(CANDIDATES);
        let best = found.split_off(start).into_iter();
        (best.map(|(dims, sums, scorer, score)| self.candidate(dims, &sums, scorer, score)).collect(), least)
    }

    fn collect(&self, cuboid: &Cuboid, found: &mut Vec<(Dims, Sums, Scorer, Score)>, least: &mut f64) {
        let scorer = cuboid.scorer(&self.background, self.leaves.sizes.len());
        for sums in &cuboid.elements {
            if let Some(score) = self.score(&scorer, sums).filter(|score| score.gain > *least) {
                found.push((cuboid.dims, *sums, scorer, score));
            }
        }
        if found.len() > 4 * CANDIDATES {
            found.sort_by(|a, b| b.3.gain.total_cmp(&a.3.gain));
            found.truncate(CANDIDATES);
            *least = found.last().map_or(0.0, |last| last.3.gain);
        }
    }

    fn candidate(&self, dims: Dims, sums: &Sums, scorer: Scorer, score: Score) -> Candidate {
        let values = cuboid::dims(dims).map(|dimension| (dimension, self.leaves.code(dimension, sums.example)));
        Candidate { dims, values: values.collect(), score, scorer }
    }

    /// The score of a combination that is what was asked for, and not by chance.
    fn score(&self, scorer: &Scorer, sums: &Sums) -> Option<Score> {
        let up = sums.pull > 0.0;
        let asked = match self.limits.direction {
            Direction::Both => true,
            Direction::Up => up,
            Direction::Down => !up,
        };
        let supported = sums.leaves as usize >= self.limits.min_support;
        let score = if asked && supported { scorer.score(sums) } else { None };
        score.filter(|score| score.evidence > NEXT)
    }

    /// Takes causes, the best one first. Those that share leaves with one are scored anew without these.
    fn take(&mut self, mut candidates: Vec<Candidate>, floor: f64, share: f64) {
        let mut first: Option<(f64, bool)> = None;
        while let Some(best) = candidates.pop() {
            // What others explain a part of is worth no more than before.
            if self.causes.len() >= MOST || first.is_some_and(|(gain, _)| best.score.gain < share * gain) {
                break;
            }
            if self.causes.iter().any(|cause| cause.values.iter().all(|value| best.values.contains(value))) {
                continue;
            }
            let members = self.leaves.members(&best.values);
            let sums = self.sums(&members);
            let Some(score) = self.score(&best.scorer, &sums) else { continue };
            // Causes move what is taken for the background their way, and so all else the other way.
            let weak = |(gain, up)| share > 0.0 && (score.gain < share * gain || up != (sums.pull > 0.0));
            let left = f64::from(self.left) - f64::from(sums.leaves);
            if first.is_some_and(weak) || score.gain < floor || left < self.enough {
                continue;
            }
            if candidates.last().is_some_and(|next| next.score.gain > score.gain) {
                let at = candidates.partition_point(|other| other.score.gain < score.gain);
                candidates.insert(at, Candidate { score, ..best });
                continue;
            }
            let cause = self.deepest(Candidate { score, ..best }, &members);
            if self.causes.is_empty() && cause.score.evidence < FIRST {
                break;
            }
            first.get_or_insert((cause.score.gain, sums.pull > 0.0));
            self.explain(&cause);
            self.causes.push(cause);
        }
    }

    fn sums(&self, members: &[u32]) -> Sums {
        sums(&self.stats, members)
    }

    fn original(&self, members: &[u32]) -> Sums {
        sums(&self.before, members)
    }

    fn explain(&mut self, cause: &Candidate) {
        for leaf in self.leaves.members(&cause.values) {
            if let Some(stat) = self.stats.get_mut(leaf as usize).filter(|stat| stat.weight > 0.0) {
                *stat = Stat::default();
                self.left -= 1;
            }
        }
    }

    /// The combination itself, or the best of several within it that explain more than it does.
    fn deepest(&self, mut cause: Candidate, members: &[u32]) -> Candidate {
        let mut members = members.to_vec();
        while let Some(deeper) = self.deeper(&cause, &members) {
            members = self.leaves.members(&deeper.values);
            cause = deeper;
        }
        cause
    }

    /// The best of several combinations within a cause, if these say more of it by what they leave out than it takes to
    /// name them.
    fn deeper(&self, cause: &Candidate, members: &[u32]) -> Option<Candidate> {
        let whole = self.sums(members);
        let mut best: Option<(f64, Candidate)> = None;
        cuboid::each(
            self.leaves,
            cause.dims,
            self.limits.layers,
            parts(&self.stats, members).collect(),
            &mut |cuboid| {
                // To say where in the cause they are takes less than to say where among all.
                let within = cost(cuboid.dims & !cause.dims, self.leaves.sizes.len(), cuboid.elements.len());
                let scorer = Scorer { cost: cause.scorer.cost + within, ..cause.scorer };
                let scored =
                    cuboid.elements.iter().filter_map(|sums| self.score(&scorer, sums).map(|score| (score, sums)));
                let scored: Vec<(Score, &Sums)> = scored.collect();
                let mut named = Sums::default();
                scored.iter().for_each(|(_, sums)| named.add(sums));
                let names = scored.len() as f64 * scorer.cost - cause.scorer.cost;
                let others = (cuboid.elements.len() - scored.len()) as f64 * EXCEPTION * scorer.cost;
                let worth = whole.worth_dividing(&named) - names;
                let top = scored.into_iter().max_by(|a, b| a.0.gain.total_cmp(&b.0.gain));
                if let Some((score, sums)) =
                    top.filter(|_| names < others && worth > best.as_ref().map_or(0.0, |(most, _)| *most))
                {
                    best = Some((worth, self.candidate(cuboid.dims, sums, scorer, score)));
                }
            },
        );
        best.map(|(_, candidate)| candidate)
    }
}

/// Whether a cause is a part of another one.
pub(crate) fn is_within(inner: &Candidate, outer: &Candidate) -> bool {
    dims(outer.dims).count() < dims(inner.dims).count() && outer.values.iter().all(|value| inner.values.contains(value))
}

fn told(stats: &[Stat]) -> u32 {
    stats.iter().map(|stat| u32::from(stat.weight > 0.0)).sum()
}

fn parts(stats: &[Stat], members: &[u32]) -> impl Iterator<Item = Sums> {
    members.iter().filter_map(|leaf| Sums::of(*leaf, stats.get(*leaf as usize)?))
}

fn sums(stats: &[Stat], members: &[u32]) -> Sums {
    let mut sums = Sums::default();
    parts(stats, members).for_each(|part| sums.add(&part));
    sums
}
