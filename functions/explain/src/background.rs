//! What leaves do that no cause has touched: by how much the expectation is off as a whole, and how much noise leaves of
//! each size have. Everything is estimated from the data, by medians, so that causes hardly move it.

use crate::bias::{self, Bias};
use crate::change::{Change, Size};
use crate::tail::Tail;

/// A change that is less than this share of a leaf is not told from noise.
const RESOLUTION: f32 = 0.01;
/// Leaves of a bin of sizes; the median deviation of as many normal values is right within 6 %.
const BIN: usize = 256;
/// Noise of few leaves is that of counts only if that describes it with so many nats less.
const COUNTED: f64 = 2.0;
/// Of a small table there are yet so many bins, of at least so many leaves: sizes differ by more than noise does.
const SOME: usize = 6;
const FEWEST: usize = 40;
/// So many leaves are enough to estimate the noise of all.
const SAMPLE: usize = 1 << 17;
/// More bins than this only follow chance.
const BINS: usize = 40;
/// From a median absolute deviation to the standard deviation of normal noise.
const MAD: f32 = 1.4826;
/// From the first quartile of absolute deviations to the same.
const QUARTILE: f32 = 1.0 / 0.3186;
/// Beyond this relative noise a leaf is a handful of events: its values are few, and that some coincide says nothing.
const SMOOTH: f32 = 0.3;

/// A deviation below this is none, and a table of which this share has none is without noise.
const EXACT: f32 = 0.001;
const NEARLY: f64 = 0.9;

/// A deviation beyond this is that of a 0, but for the bin's middle.
const NOTHING: f32 = 0.9;
/// However rare it is, it moves by this share of the change.
const LEAST: f32 = 0.05;
/// How well the middle is known while causes may have moved it: a tenth of a leaf's noise.
const UNSURE: f64 = 0.01;

/// An expectation is shifted if that makes the distances of leaves smaller by a tenth.
const SHIFTED: f64 = 0.1;

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

/// The noise of leaves of about a size.
#[derive(Debug, Clone, Copy, Default)]
struct Bin {
    /// The middle of the logarithms of their sizes.
    size: f32,
    middle: f32,
    scale: f32,
    /// No leaf is more surprising than this, in nats: infinite if they are not events that are counted.
    most: f32,
}

/// How a bin's middle, scale and most surprise are estimated.
type Estimate = fn(&mut [f32]) -> (f32, f32, f32);

/// What leaves do that no cause has touched.
#[derive(Debug, Clone)]
pub(crate) struct Background {
    /// By what the expectation is off as a whole.
    pub bias: Bias,
    /// How heavy the noise's tail is.
    pub tail: Tail,
    /// The variance of its middle, in units of a leaf's noise.
    pub center: f64,
    /// Whether there is no noise: nearly all leaves are exactly as expected.
    pub is_exact: bool,
    bins: Vec<Bin>,
    /// By what the size of a leaf is told.
    size: Size,
}

impl Background {
    /// Fits to all leaves, of which some may belong to causes.
    pub fn rough(change: &Change) -> Self {
        let fit = Self::fit(change, bias::rough(change), rough_bin, |_| true);
        Self { center: fit.center.max(UNSURE), ..fit }
    }

    /// Fits to the leaves that no cause covers.
    pub fn refined(change: &Change, covered: &[bool]) -> Self {
        let normal = |leaf: usize| !covered.get(leaf).copied().unwrap_or(false);
        Self::fit(change, bias::refined(change, normal), refined_bin, normal)
    }

    fn fit(change: &Change, factor: f64, estimate: Estimate, normal: impl Fn(usize) -> bool) -> Self {
        let plain = Bias::factor(factor);
        let line = change.is_additive().then(|| bias::line(change, &normal)).flatten();
        let misfit = |bias| bias::misfit(change, bias, &normal);
        let line = line.filter(|line| misfit(*line) < misfit(plain) - SHIFTED);
        let bias = line.map_or(plain, |line| line.fitted(misfit));
        let (size, noise) = Noise::best(change, bias, estimate, &normal);
        let deviations = change.deviations(bias);
        let center = 2.0 / noise.leaves.max(1.0);
        let said = (0..).zip(&deviations).filter(|(leaf, deviation)| deviation.is_finite() && normal(*leaf));
        let is_exact = is_exact(said.map(|(_, deviation)| *deviation));
        let mut background = Self { bias, tail: Tail::default(), center, is_exact, bins: noise.bins, size };
        if is_exact {
            // However few leaves there are, they do not have a heavy tail.
            return background;
        }
        let sized = (0..).zip(change.size(size, bias).zip(&deviations));
        let kept = sized.filter(|(leaf, _)| sampled(*leaf, deviations.len()) && normal(*leaf));
        let distances = kept.map(|(_, (size, deviation))| {
            let (middle, scale, _) = background.bin(size);
            (deviation - middle) / scale
        });
        background.tail = Tail::fit(distances);
        background
    }

    /// How many nats describe the noise and the deviations of all leaves by it.
    pub fn cost(&self, change: &Change) -> f64 {
        let said = self.stats(change).into_iter().filter(|stat| stat.weight > 0.0);
        said.map(|stat| f64::from(stat.surprise) - f64::from(stat.weight).ln() / 2.0).sum()
    }

    /// Whether both take about the same for no change, so that a search from one would find what it finds from the other.
    pub fn is_like(&self, other: &Self) -> bool {
        let level = |of: &Self| of.bias.factor.ln() + of.mean(|bin| bin.middle);
        (level(self) - level(other)).abs() < self.mean(|bin| bin.scale).min(other.mean(|bin| bin.scale)) / 2.0
    }

    fn mean(&self, value: fn(&Bin) -> f32) -> f64 {
        self.bins.iter().map(value).map(f64::from).sum::<f64>() / self.bins.len().max(1) as f64
    }

    /// Each leaf as the search sees it.
    pub fn stats(&self, change: &Change) -> Vec<Stat> {
        let deviations = change.deviations(self.bias);
        change
            .size(self.size, self.bias)
            .zip(&deviations)
            .map(|(size, deviation)| self.stat(size, *deviation))
            .collect()
    }

    fn stat(&self, size: f64, deviation: f32) -> Stat {
        if !deviation.is_finite() {
            return Stat::default();
        }
        let (middle, scale, most) = self.bin(size);
        let from = deviation - middle;
        // Where a deviation is mostly that of a 0, it is hardly moved by a change of what makes the others.
        let moved = (1.0 - middle.abs()).max(LEAST);
        let precision = 1.0 / (scale * scale);
        let square = from * from * precision;
        let smooth = scale < SMOOTH && deviation.abs() < 1.0;
        let surprise = self.tail.surprise(square).min(most);
        let smooth = f32::from(u8::from(smooth));
        Stat { weight: moved * moved * precision, pull: moved * from * precision, square, surprise, smooth }
    }

    /// A leaf as the search within a cause sees it, around the cause's own mean and by its own variance.
    #[expect(clippy::cast_possible_truncation, reason = "they come from such")]
    pub fn around(&self, leaf: &Stat, shift: f64, variance: f64) -> Stat {
        let (weight, pull) = (f64::from(leaf.weight), f64::from(leaf.pull));
        let square = (f64::from(leaf.square) - 2.0 * shift * pull + shift * shift * weight).max(0.0) / variance;
        let (weight, pull) = (weight / variance, (pull - shift * weight) / variance);
        let surprise = self.tail.surprise(square as f32);
        Stat { weight: weight as f32, pull: pull as f32, square: square as f32, surprise, smooth: leaf.smooth }
    }

    /// Middle and scale at a size, between those of the bins around it.
    fn bin(&self, size: f64) -> (f32, f32, f32) {
        let size = log(size);
        let at = self.bins.partition_point(|bin| bin.size < size);
        let above = self.bins.get(at).or(self.bins.last()).copied().unwrap_or(Bin {
            scale: 1.0,
            most: f32::INFINITY,
            ..Bin::default()
        });
        let below = at.checked_sub(1).and_then(|at| self.bins.get(at)).copied().unwrap_or(above);
        let share = ((size - below.size) / (above.size - below.size)).clamp(0.0, 1.0);
        let share = if share.is_finite() { share } else { 0.0 };
        let between = |below: f32, above: f32| below + share * (above - below);
        (between(below.middle, above.middle), between(below.scale, above.scale), below.most.min(above.most))
    }
}

/// Whether a leaf is one of about [`SAMPLE`] of them, which say as much of the noise as all.
pub(crate) fn sampled(leaf: usize, leaves: usize) -> bool {
    // Multiplicative hashing: a leaf's place says which values it has.
    let hash = (leaf as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    hash * leaves as u64 <= (SAMPLE as u64) << 32
}

fn is_exact(deviations: impl Iterator<Item = f32>) -> bool {
    let (exact, all) = deviations
        .fold((0.0, 0.0), |(exact, all), deviation| (exact + f64::from(u8::from(deviation.abs() < EXACT)), all + 1.0));
    all > 0.0 && exact >= NEARLY * all
}

#[expect(clippy::cast_possible_truncation, reason = "an exponent")]
fn log(size: f64) -> f32 {
    size.max(f64::MIN_POSITIVE).log2() as f32
}

/// The noise of leaves by their size.
#[derive(Debug, Default)]
struct Noise {
    bins: Vec<Bin>,
    /// How many nats describe the noise of all leaves.
    cost: f64,
    /// How many leaves say something.
    leaves: f64,
    /// How far the bins' means are from 0, squared, in units of their errors.
    lean: f64,
}

/// Of a ratio, the size that says most about its noise. Of a sum, the larger of actual and expected, or what was expected,
/// whichever says less about the direction in which a leaf deviates: a noisy expectation does (what is small by chance is
/// expected to grow), and so does the larger of two if only one of them is noisy.
fn best(fits: Vec<(Size, Noise)>) -> (Size, Noise) {
    let bad = |(size, noise): &(Size, Noise)| match size {
        Size::Larger | Size::Expected => noise.lean,
        Size::Denominator | Size::Both | Size::Numerator => noise.cost,
    };
    fits.into_iter().min_by(|a, b| bad(a).total_cmp(&bad(b))).unwrap_or_default()
}

impl Noise {
    fn best(change: &Change, bias: Bias, estimate: Estimate, normal: &impl Fn(usize) -> bool) -> (Size, Self) {
        let deviations = change.deviations(bias);
        let fits = change.sizes().iter().map(|size| {
            let sized = (0..).zip(change.size(*size, bias)).zip(&deviations);
            let kept = sized.filter(|((leaf, _), deviation)| deviation.is_finite() && sampled(*leaf, deviations.len()));
            let kept = kept.filter(|((leaf, _), _)| normal(*leaf));
            let values = kept.map(|((_, size), deviation)| (log(size), *deviation)).collect();
            (*size, Self::of(values, estimate))
        });
        best(fits.collect())
    }

    /// Of logarithms of sizes and deviations.
    fn of(mut values: Vec<(f32, f32)>, estimate: Estimate) -> Self {
        values.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let binned = Self::binned(&values, estimate);
        if values.len() >= BIN {
            return binned;
        }
        // What takes more to say has to say more.
        let count = values.len().max(1) as f64;
        let said = (binned.bins.len() as f64 - 1.0) * count.ln() / 2.0;
        let counted = Self::counted(&values, estimate);
        counted.filter(|counted| counted.cost < binned.cost + said - COUNTED).unwrap_or(binned)
    }

    /// Of few leaves, as if they were counts of events: a quarter of the size has twice the noise.
    fn counted(values: &[(f32, f32)], estimate: Estimate) -> Option<Self> {
        let (least, _) = values.first()?;
        let (most, _) = values.last()?;
        let (reference, _) = values.get(values.len() / 2)?;
        let weight = |size: f32| ((size - reference) / 2.0).exp2();
        let mut larger: Vec<f32> = values.iter().skip(values.len() / 2).map(|(_, deviation)| *deviation).collect();
        let about = quantile(&mut larger, 0.5);
        let mut apart: Vec<f32> = values.iter().map(|(size, deviation)| (deviation - about) * weight(*size)).collect();
        let (_, scale, events) = estimate(&mut apart);
        if events.is_finite() || scale <= 0.0 {
            return None;
        }
        let scale_of = |size: f32| (scale / weight(size)).max(RESOLUTION);
        let (mut sum, mut weights) = (0.0_f64, 0.0_f64);
        for (size, deviation) in values {
            if ((deviation - about) / scale_of(*size)).abs() <= 3.0 {
                let weight = f64::from(weight(*size)).powi(2);
                sum += weight * f64::from(deviation - about);
                weights += weight;
            }
        }
        #[expect(clippy::cast_possible_truncation, reason = "a mean of such")]
        let middle = about + (sum / weights.max(f64::MIN_POSITIVE)) as f32;
        let cost = values.iter().map(|(size, _)| f64::from(scale_of(*size).ln())).sum();
        // By octaves, between which it is a straight line.
        let octaves = std::iter::successors(Some(*least), |size| Some(size + 1.0)).take_while(|size| size < most);
        let bin = |size| Bin { size, middle, scale: scale_of(size), most: f32::INFINITY };
        let bins = octaves.take(BINS).chain([*most]).map(bin).collect();
        let lean = weights * f64::from(middle / scale).powi(2);
        Some(Self { bins, cost, leaves: values.len() as f64, lean })
    }

    fn binned(values: &[(f32, f32)], estimate: Estimate) -> Self {
        let mut noise = Self::default();
        let bins = (values.len() / BIN).max((values.len() / FEWEST).min(SOME)).clamp(1, BINS);
        let each = values.len().div_ceil(bins).max(1);
        for bin in values.chunks(each) {
            let mut deviations: Vec<f32> = bin.iter().map(|(_, deviation)| *deviation).collect();
            let (middle, scale, most) = estimate(&mut deviations);
            let (count, scale) = (deviations.len() as f32, scale.max(RESOLUTION));
            let mean = trimmed_mean(&deviations, middle, scale);
            noise.leaves += f64::from(count);
            noise.cost += f64::from(count * scale.ln());
            noise.lean += f64::from((mean / scale).powi(2) * count);
            noise.bins.push(Bin { size: bin.get(bin.len() / 2).map_or(0.0, |(size, _)| *size), middle, scale, most });
        }
        noise
    }
}

/// The mean of what is within three standard deviations of the middle.
fn trimmed_mean(values: &[f32], middle: f32, scale: f32) -> f32 {
    let near = values.iter().filter(|value| (**value - middle).abs() <= 3.0 * scale);
    let (sum, count) = near.fold((0.0, 0.0_f64), |(sum, count), value| (sum + f64::from(*value), count + 1.0));
    #[expect(clippy::cast_possible_truncation, reason = "a mean of such")]
    let mean = (sum / count.max(1.0)) as f32;
    mean
}

/// Of deviations of which causes may have the greater part: around no deviation, if enough are there.
fn rough_bin(values: &mut [f32]) -> (f32, f32, f32) {
    let middle = quantile(values, 0.5);
    if let Some((scale, most)) = events(values, middle) {
        return (middle, scale, most);
    }
    let near = values.iter().filter(|value| value.abs() <= middle.abs() / 2.0).count();
    if 4 * near >= values.len() {
        return (0.0, QUARTILE * spread(values, 0.0, 0.25), f32::INFINITY);
    }
    (middle, MAD * spread(values, middle, 0.5), f32::INFINITY)
}

/// Of deviations that no cause has touched. The middle is a mean, as what is added up has to be.
fn refined_bin(values: &mut [f32]) -> (f32, f32, f32) {
    let middle = quantile(values, 0.5);
    let (scale, most) = events(values, middle).unwrap_or_else(|| (wide(values, middle), f32::INFINITY));
    (trimmed_mean(values, middle, scale.max(RESOLUTION)), scale, most)
}

/// The standard deviation by the median of deviations, or by more of them if these lie farther out than those of a normal
/// distribution: most of one to three events are where they should be, and the others far away.
fn wide(values: &[f32], middle: f32) -> f32 {
    let mut apart: Vec<f32> = values.iter().map(|value| (value - middle).abs()).collect();
    let scales = NORMAL.iter().map(|(at, normal)| quantile(&mut apart, *at) / normal);
    scales.fold(0.0, f32::max)
}

/// Quantiles of the absolute value of a standard normal variable.
const NORMAL: [(f64, f32); 3] = [(0.5, 0.6745), (0.9, 1.6449), (0.975, 2.2414)];

/// The standard deviation of counts of what is rare, whose medians say nothing because most are 0, and how much one that is
/// not says: it is as rare as it is.
fn events(values: &[f32], middle: f32) -> Option<(f32, f32)> {
    let same = values.iter().filter(|value| (**value - middle).abs() < RESOLUTION).count();
    if middle.abs() < NOTHING || 2 * same < values.len() {
        return None;
    }
    let squares: f32 = values.iter().map(|value| (value - middle).powi(2)).sum();
    let others = (values.len() - same).max(1);
    Some(((squares / values.len() as f32).sqrt(), (values.len() as f32 / others as f32).ln()))
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
