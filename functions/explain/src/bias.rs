//! By how much the expectation is off as a whole.

use crate::background::{quantile, sampled};
use crate::change::{Change, Size};

/// What an expectation has to be corrected by as a whole.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bias {
    /// By what it has to be multiplied.
    pub factor: f64,
    /// What has to be added to that of each leaf.
    pub shift: f64,
}

impl Bias {
    /// Of a factor alone.
    pub fn factor(factor: f64) -> Self {
        Self { factor, shift: 0.0 }
    }

    /// The same, fitted closer: first the shift and then the factor, each between its half and its double.
    pub fn fitted(self, misfit: impl Fn(Self) -> f64) -> Self {
        let shift = lowest(|by| misfit(Self { shift: self.shift * by, ..self }));
        let better = Self { shift: self.shift * shift, ..self };
        let factor = lowest(|by| misfit(Self { factor: self.factor * by, ..better }));
        Self { factor: self.factor * factor, ..better }
    }

    /// What is expected once that is corrected.
    pub fn corrected(&self, expected: f64) -> f64 {
        let corrected = self.factor * expected + self.shift;
        // What cannot be less than nothing does not become it.
        if self.shift != 0.0 && expected >= 0.0 { corrected.max(0.0) } else { corrected }
    }
}

/// Where a function of a quotient around 1 is lowest, by golden sections.
fn lowest(of: impl Fn(f64) -> f64) -> f64 {
    let golden = (5.0_f64.sqrt() - 1.0) / 2.0;
    let (mut low, mut high) = (-1.0_f64, 1.0_f64);
    for _ in 0..STEPS {
        let (left, right) = (high - golden * (high - low), low + golden * (high - low));
        if of(left.exp2()) < of(right.exp2()) { high = right } else { low = left }
    }
    ((low + high) / 2.0).exp2()
}

/// As many as find it within half a percent.
const STEPS: usize = 14;

/// Logarithms of quotients are counted in cells this wide, to [`REACH`] on both sides.
const WIDTH: f64 = 0.004;
const REACH: f64 = 3.0;
/// A mode is what leaves do that no cause has touched, if so many leaves are in it; of several, the one nearest to 1.
const ENOUGH: f64 = 0.25;
/// Fewer leaves than this do not show a mode.
const FEW: usize = 30;

/// The bias of leaves of which many may belong to causes: the mode of actual over expected that is nearest to 1.
pub(crate) fn rough(change: &Change) -> f64 {
    let mut logs = logs(change, |_| true);
    if logs.len() < FEW {
        return 1.0;
    }
    let width = bandwidth(&mut logs);
    let density = smooth(&histogram(&logs), width);
    let total: f64 = density.iter().sum();
    let zero = (REACH / WIDTH) as usize;
    let near = climb(&density, nearest(&density, zero), width);
    let high = highest(&density);
    let mode = if mass(&density, near) >= ENOUGH * total { near } else { high };
    let mode = (mode as f64 - zero as f64) * WIDTH;
    // A mode is known no better than this, and nothing is more likely than that there is no bias.
    if mode.abs() <= (width as f64 * WIDTH).max(2.0 * WIDTH) {
        1.0
    } else {
        center(&mut logs, mode, width as f64 * WIDTH)
    }
}

/// The bias of leaves that no cause covers: the median of actual over expected, if it is not by chance beside 1.
pub(crate) fn refined(change: &Change, normal: impl Fn(usize) -> bool) -> f64 {
    let mut logs = logs(change, normal);
    if logs.len() < FEW {
        return 1.0;
    }
    significant(&mut logs)
}

/// Leaves of a group whose medians make a point of a line.
const GROUP: usize = 128;
/// Closer than this to what is expected, as a share, is as good as there.
const CLOSE: f64 = 0.01;
/// A shift that is a smaller share of what is expected of small leaves is none.
const SLIGHT: f64 = 0.05;

/// The straight line from expected to actual: by a factor that large leaves say, and a shift that small ones say; none if
/// there is hardly a shift.
pub(crate) fn line(change: &Change, normal: impl Fn(usize) -> bool) -> Option<Bias> {
    let leaves = change.len();
    let sized = change.values().enumerate().filter(|(leaf, _)| sampled(*leaf, leaves) && normal(*leaf));
    let mut pairs: Vec<(f64, f64)> = sized.map(|(_, (actual, expected))| (expected, actual)).collect();
    pairs.retain(|(expected, actual)| *expected != 0.0 && expected.is_finite() && actual.is_finite());
    pairs.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let size = (pairs.len() / 40).max(GROUP);
    let points: Vec<(f64, f64)> = pairs.chunks_exact(size).map(medians).collect();
    let means: Vec<(f64, f64)> = pairs.chunks_exact(size).map(means).collect();
    let (small, large) = points.split_at_checked(points.len() / 3)?;
    let large = large.get(large.len() / 2..)?;
    let factor = middle(large.iter().map(|(expected, actual)| actual / expected))?;
    let shift = middle(small.iter().map(|(expected, actual)| actual - factor * expected))?;
    // What is rare is 0 more often than not, and yet as much as expected.
    let mean = middle(means.get(..small.len())?.iter().map(|(expected, actual)| actual - factor * expected))?;
    let least = middle(small.iter().map(|(expected, _)| expected.abs()))?;
    (factor > 0.0 && shift.abs() > SLIGHT * least && mean / shift > 0.5).then_some(Bias { factor, shift })
}

/// The mean logarithm of how far leaves are from what is expected, as a share of what they have or should have.
pub(crate) fn misfit(change: &Change, bias: Bias, normal: impl Fn(usize) -> bool) -> f64 {
    let leaves = change.len();
    let kept = change.values().enumerate().filter(|(leaf, _)| sampled(*leaf, leaves) && normal(*leaf));
    let distances = kept
        .map(|(_, (actual, expected))| (actual - bias.corrected(expected)).abs() / actual.abs().max(expected.abs()));
    let logs = distances.filter(|distance| distance.is_finite()).map(|distance| (distance + CLOSE).ln());
    let (sum, count) = logs.fold((0.0, 0.0), |(sum, count), log| (sum + log, count + 1.0));
    sum / f64::max(count, 1.0)
}

fn medians(group: &[(f64, f64)]) -> (f64, f64) {
    let expected = middle(group.iter().map(|(expected, _)| *expected));
    (expected.unwrap_or(0.0), middle(group.iter().map(|(_, actual)| *actual)).unwrap_or(0.0))
}

fn means(group: &[(f64, f64)]) -> (f64, f64) {
    let sum = group.iter().fold((0.0, 0.0), |sum, (expected, actual)| (sum.0 + expected, sum.1 + actual));
    (sum.0 / group.len() as f64, sum.1 / group.len() as f64)
}

fn middle(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.filter(|value| value.is_finite()).collect();
    let middle = values.len().checked_sub(1)? / 2;
    Some(*values.select_nth_unstable_by(middle, f64::total_cmp).1)
}

/// The bias, from the logarithms around a mode.
fn center(logs: &mut Vec<f32>, mode: f64, width: f64) -> f64 {
    let reach = 3.0 * width;
    logs.retain(|log| (f64::from(*log) - mode).abs() <= reach);
    significant(logs)
}

fn significant(logs: &mut [f32]) -> f64 {
    let middle = quantile(logs, 0.5);
    let mut apart: Vec<f32> = logs.iter().map(|log| (log - middle).abs()).collect();
    let error = 1.858 * quantile(&mut apart, 0.5) / (logs.len() as f32).sqrt();
    if middle.abs() > 3.0 * error { f64::from(middle).exp() } else { 1.0 }
}

/// The logarithms of actual over expected, of the larger half of the leaves: small ones are mostly noise.
#[expect(clippy::cast_possible_truncation, reason = "a logarithm")]
fn logs(change: &Change, normal: impl Fn(usize) -> bool) -> Vec<f32> {
    let size: Size = change.sizes().first().copied().unwrap_or_default();
    let sized = change.values().zip(change.size(size, Bias::factor(1.0))).enumerate();
    let leaves = change.len();
    let sized = sized.filter(|(leaf, _)| sampled(*leaf, leaves) && normal(*leaf));
    let logs = sized.map(|(_, ((actual, expected), size))| ((actual / expected).ln() as f32, size as f32));
    let kept: Vec<(f32, f32)> = logs.filter(|(log, _)| log.is_finite()).collect();
    let mut sizes: Vec<f32> = kept.iter().map(|(_, size)| *size).collect();
    let least = quantile(&mut sizes, 0.5);
    kept.into_iter().filter(|(_, size)| *size >= least).map(|(log, _)| log).collect()
}

/// Silverman's rule for how far a leaf's weight is spread, in cells.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small positive number")]
fn bandwidth(logs: &mut [f32]) -> usize {
    let quartiles = quantile(logs, 0.75) - quantile(logs, 0.25);
    let width = 0.9 * f64::from(quartiles) / 1.34 * (logs.len() as f64).powf(-0.2);
    ((width / WIDTH) as usize).clamp(1, 100)
}

fn histogram(logs: &[f32]) -> Vec<f64> {
    let cells = (2.0 * REACH / WIDTH) as usize + 1;
    let mut counts = vec![0.0; cells];
    for log in logs {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped before")]
        let cell = ((f64::from(*log).clamp(-REACH, REACH) + REACH) / WIDTH).round() as usize;
        if let Some(count) = counts.get_mut(cell) {
            *count += 1.0;
        }
    }
    counts
}

/// Three running means come close to a bell curve.
fn smooth(counts: &[f64], width: usize) -> Vec<f64> {
    (0..3).fold(counts.to_vec(), |counts, _| {
        let mut sums = vec![0.0];
        sums.extend(counts.iter().scan(0.0, |sum, count| {
            *sum += count;
            Some(*sum)
        }));
        let at = |index: usize| sums.get(index.min(counts.len())).copied().unwrap_or(0.0);
        let mean = |cell: usize| (at(cell + width + 1) - at(cell.saturating_sub(width))) / (2 * width + 1) as f64;
        (0..counts.len()).map(mean).collect()
    })
}

fn nearest(density: &[f64], zero: usize) -> usize {
    let there = |cell: &usize| density.get(*cell).is_some_and(|density| *density > 1e-9);
    let found = (0..density.len()).flat_map(|step| [zero.saturating_sub(step), zero + step]).find(there);
    found.unwrap_or(zero)
}

fn highest(density: &[f64]) -> usize {
    density.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(cell, _)| cell)
}

/// Uphill to where no cell within two bandwidths is higher.
fn climb(density: &[f64], from: usize, width: usize) -> usize {
    let mut at = from;
    loop {
        let start = at.saturating_sub(2 * width);
        let end = (at + 2 * width + 1).min(density.len());
        let next = start + density.get(start..end).map_or(0, highest);
        if next == at || density.get(next) <= density.get(at) {
            return at;
        }
        at = next;
    }
}

/// What is in a mode: down to a tenth of its height, or to a valley after which there is clearly more again.
fn mass(density: &[f64], mode: usize) -> f64 {
    let top = density.get(mode).copied().unwrap_or(0.0);
    let side = |cells: &mut dyn Iterator<Item = &f64>| {
        let mut least = top;
        let inside = cells.take_while(|density| {
            least = least.min(**density);
            **density >= 0.1 * top && **density <= 1.5 * least
        });
        inside.sum::<f64>()
    };
    let (below, above) = density.split_at(mode.min(density.len()));
    side(&mut below.iter().rev()) + side(&mut above.iter())
}
