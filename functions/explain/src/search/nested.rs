//! A stronger cause within another one.

use super::{Candidate, FIRST, Search, covered};
use crate::background::Stat;

/// Everything within a cause is looked at at most so many times.
const ROUNDS: usize = 3;

/// By this share of the outer cause's shift it goes further: less comes of leaves whose deviations are not those of numbers
/// but of a handful of events.
const FURTHER: f64 = 0.25;

impl Search<'_> {
    /// Adds what moved further within a cause than the rest of it, where no other cause is.
    pub(super) fn nest(&mut self) {
        for at in 0..self.causes.len() {
            let nested = self.within(at);
            self.causes.extend(nested);
        }
    }

    fn within(&self, at: usize) -> Vec<Candidate> {
        let Some(outer) = self.causes.get(at).filter(|cause| cause.values.len() < self.limits.layers) else {
            return Vec::new();
        };
        let others: Vec<Candidate> = self.causes.iter().filter(|cause| cause.values != outer.values).cloned().collect();
        let others = covered(self.leaves, &others);
        let mut members = self.leaves.members(&outer.values);
        members.retain(|leaf| !others.get(*leaf as usize).copied().unwrap_or(false));
        let whole = self.original(&members);
        if whole.leaves < 2 {
            return Vec::new();
        }
        let (shift, variance) = (whole.shift(), whole.variance().max(1.0));
        let mut stats = vec![Stat::default(); self.leaves.len()];
        for leaf in members {
            let before = self.before.get(leaf as usize).filter(|stat| stat.weight > 0.0);
            if let (Some(stat), Some(before)) = (stats.get_mut(leaf as usize), before) {
                *stat = self.background.around(before, shift, variance);
            }
        }
        let mut background = self.background.clone();
        background.center = 2.0 / f64::from(whole.leaves);
        let mut search = Search::of(self.leaves, background, self.change, self.limits, stats);
        for _ in 0..ROUNDS {
            let before = search.causes.len();
            search.round(0.0);
            if search.causes.len() == before {
                break;
            }
        }
        search.confirm();
        let further = |cause: &Candidate| {
            let inner = search.original(&search.leaves.members(&cause.values)).shift();
            inner / shift > FURTHER && cause.score.evidence > FIRST
        };
        search.causes.iter().filter(|cause| further(cause)).map(|cause| outer.with(cause)).collect()
    }
}

impl Candidate {
    /// A cause that was found within this one.
    fn with(&self, inner: &Self) -> Self {
        let mut values = self.values.clone();
        values.extend(inner.values.iter().filter(|value| !self.values.contains(value)));
        values.sort_unstable();
        Self { dims: self.dims | inner.dims, values, ..inner.clone() }
    }
}
