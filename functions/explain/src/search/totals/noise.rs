//! How much leaves of each size vary, and how sums of them do.

use super::Point;
use crate::cuboid::Cuboid;
use crate::score::Sums;

/// Leaves of a bin of sizes, and bins at most.
const BIN: usize = 64;
const BINS: usize = 40;
/// From a median absolute deviation to the standard deviation of normal noise.
const MAD: f64 = 1.4826;
/// A leaf says at most so much, in units of its noise: a total is no cause because of one leaf.
const MOST: f64 = 3.0;
/// A smaller share of a leaf is not told from noise.
const RESOLUTION: f64 = 0.01;
/// Exponents by which the tail of sums is bounded: from the first one, each by this factor more.
const EXPONENTS: usize = 32;
const EXPONENT: f64 = 0.02;
const GROWTH: f64 = 1.2;
/// The largest leaves are one in so many, and alone if they move the whole by more than this share.
const LARGEST: usize = 100;
const ALONE: f64 = 0.2;
/// So few combinations do not show how much they differ.
const FEW: usize = 5;
/// A value that is a cause is farther from the middle of its siblings than so many of their standard deviations, and a
/// combination of several, of which there are more.
const AWAY: f64 = 1.8;
const FARTHER: f64 = 2.5;

#[derive(Debug, Clone, Copy, Default)]
struct Bin {
    /// The logarithm of the middle size, and that of the scale.
    size: f64,
    scale: f64,
    /// The mean, in units of the scale.
    middle: f64,
}

/// The noise of leaves that no cause has.
#[derive(Debug, Default)]
pub(super) struct Noise {
    /// By what the expectation is off as a whole.
    pub factor: f64,
    bins: Vec<Bin>,
    /// The variance of what is left of a leaf.
    variance: f64,
    /// Logarithms of the moment generating function: exponents, down, up.
    moments: Vec<(f64, f64, f64)>,
}

/// What combinations of the same dimensions do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Siblings {
    middle: f64,
    reach: f64,
}

impl Noise {
    pub fn of(mut points: Vec<Point>) -> Self {
        points.sort_unstable_by(|a, b| a.size.total_cmp(&b.size));
        let mut noise = Self { factor: factor(&points), ..Self::default() };
        let bins = (points.len() / BIN).clamp(1, BINS);
        for bin in points.chunks(points.len().div_ceil(bins).max(1)) {
            noise.bins.push(Bin::of(bin, noise.factor));
        }
        let values: Vec<f64> = points.iter().map(|point| noise.value(point)).collect();
        let count = values.len().max(1) as f64;
        noise.variance = values.iter().map(|value| value * value).sum::<f64>() / count;
        noise.moments = moments(&values);
        noise
    }

    /// What is left of a leaf, in units of its noise, at most [`MOST`].
    fn value(&self, point: &Point) -> f64 {
        let size = log(point.size);
        let at = self.bins.partition_point(|bin| bin.size < size);
        let above = self.bins.get(at).or(self.bins.last()).copied().unwrap_or_default();
        let below = at.checked_sub(1).and_then(|at| self.bins.get(at)).copied().unwrap_or(above);
        let share = ((size - below.size) / (above.size - below.size)).clamp(0.0, 1.0);
        let share = if share.is_finite() { share } else { 0.0 };
        let between = |below: f64, above: f64| below + share * (above - below);
        clamped(point.rest(self.factor), between(below.scale, above.scale)) - between(below.middle, above.middle)
    }

    /// What a leaf adds to a sum: `pull` in units of its noise, `square` what is left of it, `smooth` the square of that,
    /// `surprise` what is expected.
    pub fn part(&self, leaf: u32, point: &Point) -> Sums {
        let rest = point.rest(self.factor);
        Sums {
            weight: 1.0,
            pull: self.value(point),
            square: rest,
            surprise: self.factor * point.expected,
            smooth: rest * rest,
            leaves: 1,
            example: leaf,
        }
    }

    /// How rare a sum is by chance, in nats: by what is left of leaves in units of their noise, and as it is, in units of its
    /// own root mean square, which is Student's t. Of two that depend on each other in whatever way, the geometric mean of
    /// their probabilities times e is one (Vovk and Wang).
    pub fn rarity(&self, sums: &Sums) -> f64 {
        let own = sums.square * sums.square / (2.0 * sums.smooth);
        if own.is_finite() { ((self.typical(sums) + tail(own)) / 2.0 - 1.0).max(0.0) } else { 0.0 }
    }

    /// The smaller one of what the normal distribution and Chernoff's bound say.
    fn typical(&self, sums: &Sums) -> f64 {
        let leaves = f64::from(sums.leaves);
        let normal = sums.pull * sums.pull / (2.0 * leaves * self.variance);
        let bound = self.moments.iter().map(|(exponent, down, up)| {
            let moment = if sums.pull > 0.0 { up } else { down };
            exponent * sums.pull.abs() - leaves * moment
        });
        tail(bound.fold(0.0, f64::max).min(normal))
    }

    /// What combinations of the same dimensions do, by medians.
    pub fn siblings(&self, cuboid: &Cuboid) -> Siblings {
        let several = cuboid.elements.iter().filter(|sums| sums.leaves > 1);
        let mut means: Vec<f64> = several.clone().map(mean).collect();
        if means.len() < FEW {
            return Siblings { middle: 0.0, reach: 0.0 };
        }
        let middle = median(&mut means);
        let mut apart: Vec<f64> = means.iter().map(|mean| (mean - middle).abs()).collect();
        let mut errors: Vec<f64> = several.map(|sums| self.variance / f64::from(sums.leaves)).collect();
        let variance = (MAD * median(&mut apart)).powi(2) - median(&mut errors);
        let away = if cuboid.dims.count_ones() == 1 { AWAY } else { FARTHER };
        Siblings { middle, reach: away * variance.max(0.0).sqrt() }
    }
}

impl Siblings {
    pub fn are_surpassed_by(self, sums: &Sums) -> bool {
        let apart = mean(sums) - self.middle;
        apart.abs() >= self.reach && apart * sums.pull >= 0.0
    }
}

impl Bin {
    fn of(points: &[Point], factor: f64) -> Self {
        let mut rests: Vec<f64> = points.iter().map(|point| point.rest(factor)).collect();
        let middle = median(&mut rests);
        rests.iter_mut().for_each(|rest| *rest = (*rest - middle).abs());
        let size = points.get(points.len() / 2).map_or(0.0, |point| point.size);
        let scale = (MAD * median(&mut rests)).max(RESOLUTION * size);
        let mut bin = Self { size: log(size), scale: log(scale), middle: 0.0 };
        let sum: f64 = points.iter().map(|point| clamped(point.rest(factor), bin.scale)).sum();
        bin.middle = sum / points.len().max(1) as f64;
        bin
    }
}

impl Point {
    fn rest(&self, factor: f64) -> f64 {
        self.actual - factor * self.expected
    }
}

/// The noise of a leaf as a share of it, in the middle.
pub(super) fn of_a_leaf(points: &[Point], factor: f64) -> f64 {
    let told = || points.iter().filter(|point| point.told());
    let mut rests: Vec<f64> = told().map(|point| point.rest(factor).abs()).collect();
    let mut sizes: Vec<f64> = told().map(|point| (factor * point.expected).abs()).collect();
    MAD * median(&mut rests) / median(&mut sizes).max(f64::MIN_POSITIVE)
}

fn log(value: f64) -> f64 {
    value.max(f64::MIN_POSITIVE).ln()
}

fn clamped(rest: f64, scale: f64) -> f64 {
    let value = rest / scale.exp();
    if value.is_nan() { 0.0 } else { value.clamp(-MOST, MOST) }
}

/// From half a square in units of its variance, or a bound, to nats: with what the tail beyond a point has of the density
/// there (Bahadur and Rao), on both sides.
fn tail(nats: f64) -> f64 {
    nats + (std::f64::consts::PI * nats).max(1.0).ln() / 2.0
}

/// By what the expectation is off as a whole; without the largest leaves, if these alone would say something else.
pub(super) fn factor(points: &[Point]) -> f64 {
    let mut sizes: Vec<f64> = points.iter().filter(|point| point.told()).map(|point| point.actual.abs()).collect();
    let largest = sizes.len().checked_sub(1 + sizes.len() / LARGEST);
    let most = largest.map_or(0.0, |at| *sizes.select_nth_unstable_by(at, f64::total_cmp).1);
    let (all, others) = (quotient(points, f64::INFINITY), quotient(points, most));
    if (all / others - 1.0).abs() > ALONE { others } else { all }
}

fn quotient(points: &[Point], most: f64) -> f64 {
    let some = points.iter().filter(|point| point.told() && point.actual.abs() < most);
    let (actual, expected) = some.fold((0.0, 0.0), |sum, point| (sum.0 + point.actual, sum.1 + point.expected));
    let factor = actual / expected;
    if factor.is_finite() && factor > 0.0 { factor } else { 1.0 }
}

/// With one value more at either end: what was not seen is not impossible.
fn moments(values: &[f64]) -> Vec<(f64, f64, f64)> {
    let mut exponent = EXPONENT;
    let count = values.len() as f64 + 2.0;
    let moment = |exponent: f64| {
        let ends = 2.0 * (exponent * MOST).cosh();
        ((values.iter().map(|value| (exponent * value).exp()).sum::<f64>() + ends) / count).ln()
    };
    let mut moments = Vec::with_capacity(EXPONENTS);
    for _ in 0..EXPONENTS {
        moments.push((exponent, moment(-exponent), moment(exponent)));
        exponent *= GROWTH;
    }
    moments
}

fn mean(sums: &Sums) -> f64 {
    sums.pull / f64::from(sums.leaves)
}

fn median(values: &mut [f64]) -> f64 {
    let Some(last) = values.len().checked_sub(1) else { return 0.0 };
    *values.select_nth_unstable_by(last / 2, f64::total_cmp).1
}
