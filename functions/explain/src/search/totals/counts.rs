//! How sums of counts vary: numbers of events, of which something is known without many leaves.

use super::Point;
use crate::score::Sums;
use crate::tail;

/// As much of what is expected is left for the background where counts are tested.
const BACKGROUND: f64 = 0.5;
/// As often is halved what the share may be of which counts vary.
const HALVINGS: usize = 24;
/// No count is expected to vary less than one of so many events.
const RARE: f64 = 0.25;

/// Counts that no cause has, against what is expected of them.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    /// All that is expected, and all that was at first.
    expected: f64,
    first: f64,
    leaves: f64,
}

impl Counts {
    /// The same of what no cause has now.
    pub fn of(self, parts: impl Iterator<Item = Sums>) -> Self {
        let mut counts = Self { first: self.first, ..Self::default() };
        for part in parts {
            counts.expected += part.surprise;
            counts.leaves += 1.0;
        }
        counts.first = counts.first.max(counts.expected);
        counts
    }

    /// By how much less the deviance of independent counts is if a sum has a factor of its own. None if too little is left to compare it
    /// with.
    fn deviance(self, sums: &Sums) -> Option<f64> {
        let (own, others) = (sums.surprise, self.expected - sums.surprise);
        if own <= 0.0 || others < own || others < BACKGROUND * self.first || self.leaves < 4.0 {
            return None;
        }
        let pearson = sums.square * sums.square * (1.0 / own + 1.0 / others);
        let deviance = 2.0 * (log_times(own + sums.square, own) + log_times(others - sums.square, others));
        Some(deviance.min(pearson))
    }

    /// The most that a sum can be rare by, in nats.
    pub fn at_most(self, sums: &Sums) -> Option<f64> {
        Some(tail::evidence(self.leaves - 2.0, self.deviance(sums)?))
    }

    /// How rare a sum is by chance, in nats. Counts vary by more than if they were independent: by a share of what is expected as well
    /// (as the negative binomial distribution has it), which is what leaves vary by within the sum and beside it.
    pub fn rarity(self, sums: &Sums, within: &[Point], beside: &[Point], factor: f64) -> Option<f64> {
        let deviance = self.deviance(sums)?;
        let mut rests: Vec<(f64, f64)> = Vec::with_capacity(within.len() + beside.len());
        for side in [within, beside] {
            let (actual, expected) =
                side.iter().fold((0.0, 0.0), |(a, e), point| (a + point.actual, e + point.expected));
            let own = actual / expected;
            rests.extend(side.iter().map(|point| {
                let of = own * point.expected;
                (point.actual - of, of.max(RARE))
            }));
        }
        let freedom = self.leaves - 2.0;
        let each =
            |share: f64| rests.iter().map(|(rest, of)| rest * rest / (of + share * of * of)).sum::<f64>() / freedom;
        // The share of which each leaf is as far off as it should be.
        let (mut low, mut high) = (0.0, 4.0);
        for _ in 0..HALVINGS {
            let middle = f64::midpoint(low, high);
            if each(middle) > 1.0 { low = middle } else { high = middle }
        }
        let variance = |points: &[Point]| {
            let of = |point: &Point| factor * point.expected;
            points.iter().map(|point| of(point) + high * of(point) * of(point)).sum::<f64>()
        };
        let (own, others) = (sums.surprise, self.expected - sums.surprise);
        let ratio = own / others;
        let more = (variance(within) + ratio * ratio * variance(beside)) / (own + own * ratio);
        Some(tail::evidence(freedom, deviance / (more * each(high)).max(each(0.0)).max(1.0)))
    }
}

/// `count ln(count / expected)`.
fn log_times(count: f64, expected: f64) -> f64 {
    if count > 0.0 { count * (count / expected).ln() } else { 0.0 }
}
