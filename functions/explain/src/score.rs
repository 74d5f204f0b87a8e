//! How well a combination of values explains its leaves.

use crate::background::Stat;
use crate::tail::{self, Tail};

/// The variance of a cause's leaves, in units of the background's, is taken to be 1 with as many observations.
const PRIOR: f64 = 2.0;
/// The same when its mean is tested: a mean of two leaves is not worth less because one of them is far out.
const TESTED: f64 = 8.0;
/// Leaves of a cause may lie so much closer to each other than noise would have it, at most.
const CLOSEST: f64 = 0.2;
/// What lies close together is a cause only if it is away from the background, by so many standard deviations of a leaf.
const AWAY: f64 = 1.5;

/// What is known of a combination of values: sums over its leaves.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sums {
    pub weight: f64,
    pub pull: f64,
    pub square: f64,
    pub surprise: f64,
    pub smooth: f64,
    /// How many leaves that say something.
    pub leaves: u32,
    /// One of them.
    pub example: u32,
}

impl Sums {
    /// Those of a leaf; none if it says nothing.
    pub fn of(leaf: u32, stat: &Stat) -> Option<Self> {
        (stat.weight > 0.0).then(|| Self {
            weight: f64::from(stat.weight),
            pull: f64::from(stat.pull),
            square: f64::from(stat.square),
            surprise: f64::from(stat.surprise),
            smooth: f64::from(stat.smooth),
            leaves: 1,
            example: leaf,
        })
    }

    /// Takes in others.
    pub fn add(&mut self, other: &Self) {
        self.weight += other.weight;
        self.pull += other.pull;
        self.square += other.square;
        self.surprise += other.surprise;
        self.smooth += other.smooth;
        self.leaves += other.leaves;
        self.example = other.example;
    }

    /// The leaves that are not in the other one, which is a part of it.
    pub fn without(&self, other: &Self) -> Self {
        Self {
            weight: self.weight - other.weight,
            pull: self.pull - other.pull,
            square: self.square - other.square,
            surprise: self.surprise - other.surprise,
            smooth: self.smooth - other.smooth,
            leaves: self.leaves.saturating_sub(other.leaves),
            example: self.example,
        }
    }

    /// The same to test its mean by: at least that of noise, and told by more than a few leaves if it is more.
    fn tested_variance(&self) -> f64 {
        let freedom = f64::from(self.leaves) - 1.0;
        ((TESTED + self.rest()) / (TESTED + freedom)).max(1.0)
    }

    /// By how many nats its leaves are described better if only a part of them belongs to a cause and the others to the
    /// background.
    pub fn worth_dividing(&self, part: &Self) -> f64 {
        let others = self.without(part);
        // What moved the same way, if not as far, does not belong to the background.
        if others.leaves == 0 || part.leaves == 0 || others.shift() / part.shift() > 0.5 {
            return 0.0;
        }
        self.description() - part.description() - others.surprise
    }

    /// By how many nats its leaves are described better if a part of them has a mean of its own.
    pub fn worth_separating(&self, part: &Self) -> f64 {
        self.description() - part.description() - self.without(part).description()
    }

    /// How many nats a normal distribution around the mean of its own needs for the leaves, besides its constant.
    fn description(&self) -> f64 {
        if self.leaves == 0 {
            return 0.0;
        }
        let leaves = f64::from(self.leaves);
        let (freedom, rest, variance) = (leaves - 1.0, self.rest(), self.variance());
        let own = freedom * variance.ln() / 2.0 + rest / (2.0 * variance);
        // Leaves that are a handful of events coincide without a reason.
        let smooth = if variance < 1.0 { self.smooth / leaves } else { 1.0 };
        smooth * own + (1.0 - smooth) * rest / 2.0
    }

    /// How far its leaves are from the background on average; up is positive.
    pub fn shift(&self) -> f64 {
        self.pull / self.weight
    }

    /// What is left of `square` around the mean of its own.
    fn rest(&self) -> f64 {
        (self.square - self.pull * self.pull / self.weight).max(0.0)
    }

    /// The variance of its leaves around their own mean, in units of the background's.
    pub fn variance(&self) -> f64 {
        let freedom = f64::from(self.leaves) - 1.0;
        ((PRIOR + self.rest()) / (PRIOR + freedom)).max(CLOSEST * CLOSEST)
    }
}

/// What a combination of values is worth, in nats.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Score {
    /// By how much shorter all leaves are described with it than without it.
    pub gain: f64,
    /// How little its mean is by chance, after what it costs to pick it among all others.
    pub evidence: f64,
}

/// What all combinations of a set of dimensions have in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scorer {
    pub tail: Tail,
    /// How many nats it takes to say which of them.
    pub cost: f64,
    /// How much their means differ without a cause.
    pub spread: Spread,
    /// The variance of the background's middle, in units of a leaf's noise.
    pub center: f64,
}

/// How much means of combinations differ without a cause.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    /// The variance of their means that is not the noise of leaves.
    pub variance: f64,
    /// How well it is known, as degrees of freedom.
    pub freedom: f64,
}

impl Default for Spread {
    fn default() -> Self {
        Self { variance: 0.0, freedom: 1.0 }
    }
}

impl Scorer {
    /// Scores a combination; none if it is not worth its cost whatever its leaves are like.
    pub fn score(&self, sums: &Sums) -> Option<Score> {
        // Leaves cannot be described by less than nothing, closeness aside.
        let most = sums.surprise - CLOSEST.ln() * sums.smooth;
        if most <= self.cost || sums.weight <= 0.0 {
            return None;
        }
        let leaves = f64::from(sums.leaves);
        let variance = sums.variance();
        let gain = sums.surprise - sums.description() - (leaves + 1.0).ln() / 2.0 - self.cost;
        if gain <= 0.0 {
            return None;
        }
        let shift = sums.shift();
        let noise = (sums.tested_variance() + self.center * leaves) / sums.weight;
        let Spread { variance: spread, freedom: known } = self.spread;
        let error = noise + spread;
        // Welch and Satterthwaite's degrees of freedom of a sum of variances.
        let freedom = error * error / (noise * noise / self.tail.freedom(leaves) + spread * spread / known);
        let mean = tail::evidence(freedom, shift * shift / error) - self.cost;
        let away = shift.abs() * (sums.weight / leaves).sqrt();
        let close = variance < 1.0 && away >= AWAY && shift * shift > 9.0 * spread;
        Some(Score { gain, evidence: if close { mean.max(gain) } else { mean } })
    }
}
