//! By how much each leaf changed.

use crate::bias::Bias;
use crate::leaves::Leaves;

/// Actual and expected of each leaf, as a sum or as a ratio.
#[derive(Debug)]
pub(crate) struct Change<'a> {
    leaves: &'a Leaves,
}

impl<'a> Change<'a> {
    pub fn new(leaves: &'a Leaves) -> Self {
        Self { leaves }
    }

    pub fn len(&self) -> usize {
        self.leaves.len()
    }

    /// Whether it is one of a sum.
    pub fn is_additive(&self) -> bool {
        self.leaves.measures.len() == 2
    }

    /// Actual and expected of each leaf; not a number if a ratio is over nothing.
    pub fn values(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        let column = |at: usize| self.leaves.measures.get(at).map_or(&[] as &[f64], Vec::as_slice).iter().copied();
        let under = column(2).zip(column(3)).chain(std::iter::repeat((1.0, 1.0)));
        let pairs = column(0).zip(column(1)).zip(under);
        pairs.map(|((actual, expected), (under, under_expected))| (actual / under, expected / under_expected))
    }

    /// Actual and expected of each leaf in a unit that adds up: of a ratio its numerator, and what that should be over what
    /// it is over.
    pub fn amounts(&self, bias: Bias) -> impl Iterator<Item = (f64, f64)> + '_ {
        let under = self.leaves.measures.get(2).map_or(&[] as &[f64], Vec::as_slice);
        let under = under.iter().copied().chain(std::iter::repeat(1.0));
        self.values()
            .zip(under)
            .map(move |((actual, expected), under)| (actual * under, bias.corrected(expected) * under))
    }

    /// Deviations of all leaves, as [`deviation`].
    pub fn deviations(&self, bias: Bias) -> Vec<f32> {
        self.values().map(|(actual, expected)| deviation(actual, bias.corrected(expected))).collect()
    }

    /// By what the size of a leaf can be told.
    pub fn sizes(&self) -> &'static [Size] {
        if self.leaves.measures.len() > 2 {
            &[Size::Denominator, Size::Both, Size::Numerator]
        } else {
            &[Size::Larger, Size::Expected]
        }
    }

    /// The size of each leaf.
    pub fn size(&self, size: Size, bias: Bias) -> impl Iterator<Item = f64> + '_ {
        let column = |at: usize| self.leaves.measures.get(at).map_or(&[] as &[f64], Vec::as_slice).iter().copied();
        let under = column(2).zip(column(3)).chain(std::iter::repeat((0.0, 0.0)));
        let sums = column(0).zip(column(1)).zip(under);
        sums.map(move |((actual, expected), (under, under_expected))| {
            let (actual, expected) = (actual.abs(), bias.corrected(expected).abs());
            match size {
                // What was not expected at all has no size but its own.
                Size::Expected if expected > 0.0 => expected,
                Size::Expected | Size::Larger => actual.max(expected),
                Size::Denominator => under.abs(),
                Size::Both => (under * under_expected / (under + under_expected)).abs(),
                Size::Numerator => (under * expected / under_expected).abs(),
            }
        })
    }
}

/// By what the size of a leaf is told, on which its noise depends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Size {
    /// The larger of actual and expected, if both are noisy.
    #[default]
    Larger,
    /// What was expected, if that is smooth.
    Expected,
    /// Over how much the ratio is, if what was expected is smooth.
    Denominator,
    /// Half the harmonic mean of over how much it is and over how much it was expected to be, if both are noisy.
    Both,
    /// How many events are expected of as much as there is: of what is rare, the noise depends on them.
    Numerator,
}

/// By which share of the larger one two numbers differ: 0 if they are equal, -1 if there is nothing of what was expected,
/// 1 if there is what was not expected, ±2 at most if they have different signs. Not a number if neither is there.
///
/// Unlike a quotient of them it has the same noise whichever of them is noisy, and a tail that is no heavier.
#[expect(clippy::cast_possible_truncation, reason = "a share")]
pub(crate) fn deviation(actual: f64, expected: f64) -> f32 {
    let larger = actual.abs().max(expected.abs());
    let share = (actual - expected) / larger;
    if larger.is_finite() && share.is_finite() { share as f32 } else { f32::NAN }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deviation_is_a_share_of_the_larger() {
        let check = |actual, expected, expect: f32| {
            let found = deviation(actual, expected);
            assert!(found == expect || found.is_nan() && expect.is_nan(), "{actual} {expected}: {found}");
        };
        check(5.0, 10.0, -0.5);
        check(10.0, 5.0, 0.5);
        check(0.0, 3.0, -1.0);
        check(3.0, 0.0, 1.0);
        check(-1.0, 1.0, -2.0);
        check(0.0, 0.0, f32::NAN);
        check(f64::NAN, 1.0, f32::NAN);
        check(f64::INFINITY, 1.0, f32::NAN);
        check(f64::MAX, -f64::MAX, f32::NAN);
    }
}
