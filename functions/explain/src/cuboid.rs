//! All combinations of values of a set of dimensions.

use crate::background::Background;
use crate::keys::Keys;
use crate::leaves::Leaves;
use crate::score::{Scorer, Spread, Sums};

/// Up to so many groups are added up in a table, however few leaves there are.
const TABLE: usize = 1 << 16;
/// So many combinations show how much their means differ without a cause.
const SPREAD: usize = 12;
/// As many of them as are looked at for it.
const SAMPLE: usize = 4096;

/// A set of dimensions, as bits.
pub(crate) type Dims = u32;

/// The dimensions of a set, in order.
pub(crate) fn dims(set: Dims) -> impl Iterator<Item = usize> {
    (0..32).filter(move |dimension| set >> dimension & 1 == 1)
}

/// All combinations of values of a set of dimensions that occur.
#[derive(Debug, Clone)]
pub(crate) struct Cuboid {
    pub dims: Dims,
    pub elements: Vec<Sums>,
}

impl Cuboid {
    /// Adds up parts by their groups.
    fn of(dims: Dims, keys: &Keys, parts: &[Sums]) -> Self {
        if keys.size <= parts.len().max(TABLE) as u64 {
            #[expect(clippy::cast_possible_truncation, reason = "just compared")]
            let mut elements = vec![Sums::default(); keys.size as usize];
            for (part, key) in parts.iter().zip(&keys.keys) {
                if let Some(sums) = elements.get_mut(*key as usize) {
                    sums.add(part);
                }
            }
            elements.retain(|sums| sums.leaves > 0);
            return Self { dims, elements };
        }
        let order = keys.order();
        let group = |group: &[(u32, u32)]| {
            let mut sums = Sums::default();
            group.iter().filter_map(|(_, part)| parts.get(*part as usize)).for_each(|part| sums.add(part));
            sums
        };
        Self { dims, elements: order.chunk_by(|a, b| a.0 == b.0).map(group).collect() }
    }

    /// How to score the combinations, `all` being how many dimensions there are.
    pub fn scorer(&self, background: &Background, all: usize) -> Scorer {
        let cost = cost(self.dims, all, self.elements.len());
        Scorer { tail: background.tail, cost, spread: Spread::default(), center: background.center }
    }

    /// The variance of the combinations' means that is not the noise of their leaves, by medians; none if they are few.
    pub fn spread(&self, sizes: &[u32]) -> Option<Spread> {
        let step = (self.elements.len() / SAMPLE).max(1);
        let sample = self.elements.iter().step_by(step).filter(|sums| sums.leaves > 1);
        let mut means: Vec<(f64, f64)> =
            sample.map(|sums| (sums.shift(), sums.weight / sums.variance().max(1.0))).collect();
        if means.len() < SPREAD {
            return None;
        }
        let middle = quantile(means.iter().map(|(shift, _)| *shift), 0.5)?;
        for (shift, _) in &mut means {
            *shift = (*shift - middle).powi(2);
        }
        let ratio = quantile(means.iter().map(|(square, precision)| square * precision), 0.5)? / MEDIAN_SQUARE;
        let precision = quantile(means.iter().map(|(_, precision)| *precision), 0.5)?;
        // What differs is values, of which there are fewer than combinations.
        let values: f64 = dims(self.dims).filter_map(|at| sizes.get(at)).map(|size| f64::from(*size) - 1.0).sum();
        let freedom = EFFICIENCY * values.min(means.len() as f64 - 1.0);
        Some(Spread { variance: (ratio - 1.0).max(0.0) / precision, freedom })
    }
}

/// What a median says of a variance, as a share of what all values say.
const EFFICIENCY: f64 = 0.37;
/// The median of the square of a standard normal value.
const MEDIAN_SQUARE: f64 = 0.4549;

/// How many nats it takes to say which combination: how many dimensions, which, and which values of those that occur.
pub(crate) fn cost(dims: Dims, all: usize, elements: usize) -> f64 {
    let layer = dims.count_ones() as usize;
    let ways: f64 = (0..layer).map(|at| ((all - at.min(all)).max(1) as f64 / (at + 1) as f64).ln()).sum();
    (all.max(1) as f64).ln() + ways + (elements.max(1) as f64).ln()
}

fn quantile(values: impl Iterator<Item = f64>, at: f64) -> Option<f64> {
    let mut values: Vec<f64> = values.filter(|value| value.is_finite()).collect();
    let last = values.len().checked_sub(1)?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the last index")]
    let index = (at * last as f64) as usize;
    Some(*values.select_nth_unstable_by(index.min(last), f64::total_cmp).1)
}

/// Calls for every set of at most `layers` dimensions that contains `within` and more, with all combinations of their
/// values that `parts` (leaves that say something) add up to. Dimensions of a single value tell nothing apart and are left
/// out.
pub(crate) fn each(leaves: &Leaves, within: Dims, layers: usize, parts: Vec<Sums>, visit: &mut dyn FnMut(&Cuboid)) {
    let useful = |dimension: &usize| leaves.sizes.get(*dimension).is_some_and(|values| *values > 1);
    let free: Vec<usize> = (0..leaves.sizes.len()).filter(|at| within >> at & 1 == 0).filter(useful).collect();
    let mut walk = Walk { leaves, within, visit };
    let layers = layers.saturating_sub(within.count_ones() as usize);
    if layers >= free.len() {
        let all = free.iter().fold(within, |all, dimension| all | 1 << dimension);
        walk.coarser(Cuboid { dims: all, elements: parts }, 32);
    } else {
        walk.finer(within, &Keys::whole(parts.len()), &free, layers, &parts);
    }
}

struct Walk<'a> {
    leaves: &'a Leaves,
    within: Dims,
    visit: &'a mut dyn FnMut(&Cuboid),
}

impl Walk<'_> {
    fn split(&self, keys: &Keys, dimension: usize, parts: &[Sums]) -> Keys {
        let values = self.leaves.sizes.get(dimension).copied().unwrap_or(1);
        keys.split(parts.iter().map(|part| self.leaves.code(dimension, part.example)), values)
    }

    /// Every set by adding up the combinations of one with one dimension more: the first of those that it leaves out.
    fn coarser(&mut self, cuboid: Cuboid, before: usize) {
        if cuboid.dims == self.within {
            return;
        }
        (self.visit)(&cuboid);
        for dimension in dims(cuboid.dims & !self.within).filter(|dimension| *dimension < before) {
            let rest = cuboid.dims & !(1 << dimension);
            if rest == self.within {
                continue;
            }
            let mut keys = Keys::whole(cuboid.elements.len());
            for other in dims(rest & !self.within) {
                keys = self.split(&keys, other, &cuboid.elements);
            }
            self.coarser(Cuboid::of(rest, &keys, &cuboid.elements), dimension);
        }
    }

    /// Every set of few of many dimensions, by adding up the leaves themselves.
    fn finer(&mut self, dims: Dims, keys: &Keys, free: &[usize], layers: usize, parts: &[Sums]) {
        let Some(layers) = layers.checked_sub(1) else { return };
        let mut rest = free;
        while let Some((dimension, after)) = rest.split_first() {
            let dims = dims | 1 << dimension;
            let keys = self.split(keys, *dimension, parts);
            (self.visit)(&Cuboid::of(dims, &keys, parts));
            self.finer(dims, &keys, after, layers, parts);
            rest = after;
        }
    }
}
