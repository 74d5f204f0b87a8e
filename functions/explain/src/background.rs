//! What leaves do that no cause has touched: by how much the expectation is off as a whole, and how much noise leaves of
//! each size have. Everything is estimated from the data, by medians, so that causes hardly move it.

use crate::bias;
use crate::change::Change;
use crate::tail::Tail;

/// A change that is less than this share of a leaf is not told from noise.
const RESOLUTION: f32 = 0.01;
/// Leaves of a bin of sizes; the median deviation of as many normal values is right within 6 %.
const BIN: usize = 256;
/// From a median absolute deviation to the standard deviation of normal noise.
const MAD: f32 = 1.4826;
/// From the first quartile of absolute deviations to the same.
const QUARTILE: f32 = 1.0 / 0.3186;
/// Beyond this relative noise a leaf is a handful of events: its values are few, and that some coincide says nothing.
const SMOOTH: f32 = 0.3;

/// A leaf as the search sees it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Stat {
    /// How precise it is: one over its noise's variance. 0 if it says nothing.
    pub weight: f32,
    /// How far it is from the background, times `weight`; up is positive.
    pub pull: f32,
    /// The square of its distance, in units of its noise.
    pub square: f32,
    /// Nats by which the background finds it less likely than a bell curve of its own.
    pub surprise: f32,
    /// 1 if it can lie closer to others than noise would have it.
    pub smooth: f32,
}

/// The noise of leaves up to a size.
#[derive(Debug, Clone, Copy)]
struct Bin {
    /// The largest (log2, in halves) that belongs here.
    upto: i32,
    middle: f32,
    scale: f32,
}

/// What leaves do that no cause has touched.
#[derive(Debug, Clone)]
pub(crate) struct Background {
    /// By what the expectation has to be multiplied as a whole.
    pub bias: f64,
    /// How heavy the noise's tail is.
    pub tail: Tail,
    bins: Vec<Bin>,
    /// Which of the sizes says most about the noise.
    size: usize,
}

impl Background {
    /// Fits to all leaves, of which some may belong to causes.
    pub fn rough(change: &Change) -> Self {
        Self::fit(change, bias::rough(change), rough_bin, |_| true)
    }

    /// Fits to the leaves that no cause covers.
    pub fn refined(change: &Change, covered: &[bool]) -> Self {
        let normal = |leaf: usize| !covered.get(leaf).copied().unwrap_or(false);
        Self::fit(change, bias::refined(change, normal), refined_bin, normal)
    }

    fn fit(change: &Change, bias: f64, fit: fn(&mut [f32]) -> (f32, f32), normal: impl Fn(usize) -> bool) -> Self {
        let deviations = change.deviations(bias);
        let mut best: Option<(f64, usize, Vec<Bin>)> = None;
        for size in 0..change.sizes() {
            let sized = (0..).zip(change.size(size, bias)).zip(&deviations);
            let kept = sized.filter(|((leaf, _), deviation)| deviation.is_finite() && normal(*leaf));
            let mut values: Vec<(i32, f32)> = kept.map(|((_, size), deviation)| (half_octave(size), *deviation)).collect();
            let (cost, bins) = bins(&mut values, fit);
            if best.as_ref().is_none_or(|(least, ..)| cost < *least) {
                best = Some((cost, size, bins));
            }
        }
        let (_, size, bins) = best.unwrap_or_default();
        let mut background = Self { bias, tail: Tail::default(), bins, size };
        let distances = background.distances(change, &deviations);
        background.tail = Tail::fit((0..).zip(distances).filter(|(leaf, _)| normal(*leaf)).map(|(_, distance)| distance));
        background
    }

    /// Each leaf as the search sees it.
    pub fn stats(&self, change: &Change) -> Vec<Stat> {
        let deviations = change.deviations(self.bias);
        change.size(self.size, self.bias).zip(&deviations).map(|(size, deviation)| self.stat(size, *deviation)).collect()
    }

    fn stat(&self, size: f64, deviation: f32) -> Stat {
        if !deviation.is_finite() {
            return Stat::default();
        }
        let (middle, scale) = self.bin(size);
        let from = deviation - middle;
        let weight = 1.0 / (scale * scale);
        let square = from * from * weight;
        let smooth = scale < SMOOTH && deviation.abs() < 1.0;
        Stat { weight, pull: from * weight, square, surprise: self.tail.surprise(square), smooth: f32::from(u8::from(smooth)) }
    }

    fn bin(&self, size: f64) -> (f32, f32) {
        let size = half_octave(size);
        let at = self.bins.partition_point(|bin| bin.upto < size);
        let bin = self.bins.get(at).or(self.bins.last());
        bin.map_or((0.0, 1.0), |bin| (bin.middle, bin.scale))
    }

    /// How far informative leaves are from the background, in units of their noise; NaN for the others.
    fn distances<'a>(&'a self, change: &'a Change, deviations: &'a [f32]) -> impl Iterator<Item = f32> + 'a {
        change.size(self.size, self.bias).zip(deviations).map(|(size, deviation)| {
            let (middle, scale) = self.bin(size);
            (deviation - middle) / scale
        })
    }
}

#[expect(clippy::cast_possible_truncation, reason = "an exponent")]
fn half_octave(size: f64) -> i32 {
    (size.max(f64::MIN_POSITIVE).log2() * 2.0) as i32
}

/// Bins of at least [`BIN`] leaves of about the same size, and how many nats their noise needs.
fn bins(values: &mut [(i32, f32)], fit: fn(&mut [f32]) -> (f32, f32)) -> (f64, Vec<Bin>) {
    values.sort_unstable_by_key(|(size, _)| *size);
    let mut bins = Vec::new();
    let mut cost = 0.0;
    let mut rest = &values[..];
    while let Some((end, upto)) = next_bin(rest) {
        let (bin, after) = rest.split_at(end);
        let mut deviations: Vec<f32> = bin.iter().map(|(_, deviation)| *deviation).collect();
        let (middle, scale) = fit(&mut deviations);
        let scale = scale.max(RESOLUTION);
        cost += deviations.len() as f64 * f64::from(scale).ln();
        bins.push(Bin { upto, middle, scale });
        rest = after;
    }
    (cost, bins)
}

/// Where the next bin ends: at a change of size, with enough in it and enough left for another one.
fn next_bin(rest: &[(i32, f32)]) -> Option<(usize, i32)> {
    let (upto, _) = rest.get(BIN.min(rest.len()).checked_sub(1)?)?;
    let end = rest.partition_point(|(size, _)| size <= upto);
    if rest.len() - end >= BIN {
        return Some((end, *upto));
    }
    rest.last().map(|(upto, _)| (rest.len(), *upto))
}

/// Middle and scale of deviations of which causes may have the greater part: around no deviation, if enough are there.
fn rough_bin(values: &mut [f32]) -> (f32, f32) {
    let middle = quantile(values, 0.5);
    let around = MAD * spread(values, middle, 0.5);
    if middle.abs() < around {
        return (0.0, MAD * spread(values, 0.0, 0.5));
    }
    let near = values.iter().filter(|value| value.abs() <= middle.abs() / 2.0).count();
    if 4 * near >= values.len() {
        return (0.0, QUARTILE * spread(values, 0.0, 0.25));
    }
    (middle, around)
}

/// Middle and scale of deviations that no cause has touched.
fn refined_bin(values: &mut [f32]) -> (f32, f32) {
    let middle = quantile(values, 0.5);
    (middle, MAD * spread(values, middle, 0.5))
}

fn spread(values: &[f32], middle: f32, at: f64) -> f32 {
    let mut apart: Vec<f32> = values.iter().map(|value| (value - middle).abs()).collect();
    quantile(&mut apart, at)
}

/// A quantile; 0 of nothing.
pub(crate) fn quantile(values: &mut [f32], at: f64) -> f32 {
    let Some(last) = values.len().checked_sub(1) else { return 0.0 };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the last index")]
    let index = (at.clamp(0.0, 1.0) * last as f64) as usize;
    *values.select_nth_unstable_by(index.min(last), f32::total_cmp).1
}
