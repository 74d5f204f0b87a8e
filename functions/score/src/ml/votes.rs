//! What classifiers make of their scores: labels, and the transformation of scores.

use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

use super::{Fact, ints, strings};

/// The labels of a classifier's classes.
#[derive(Debug)]
pub enum Labels {
    Ints(Vec<i64>),
    Strings(Vec<String>),
}

impl Labels {
    /// Of the attribute `ints`, or else `strings`.
    pub fn new(node: &NodeProto, ints_name: &str, strings_name: &str) -> TractResult<Self> {
        let (whole, text) = (ints(node, ints_name)?, strings(node, strings_name)?);
        match (whole.is_empty(), text.is_empty()) {
            (false, true) => Ok(Self::Ints(whole)),
            (true, false) => Ok(Self::Strings(text)),
            _ => bail!("it has either `{ints_name}` or `{strings_name}`"),
        }
    }

    pub fn len(&self) -> usize {
        match self {
            Self::Ints(labels) => labels.len(),
            Self::Strings(labels) => labels.len(),
        }
    }

    fn datatype(&self) -> DatumType {
        match self {
            Self::Ints(_) => DatumType::I64,
            Self::Strings(_) => DatumType::String,
        }
    }

    /// What a classifier gives for `rows` rows: a label, and `width` scores.
    pub fn facts(&self, rows: TDim, width: usize) -> TVec<Fact> {
        tvec!((self.datatype(), tvec!(rows.clone())), (DatumType::F32, tvec!(rows, width.to_dim())))
    }

    /// The labels of the classes with these positions.
    pub fn pick(&self, classes: &[usize]) -> TractResult<Tensor> {
        let missing = || format_err!("a class has no label");
        Ok(match self {
            Self::Ints(labels) => {
                let picked = classes.iter().map(|class| labels.get(*class).copied().ok_or_else(missing));
                tensor1(&picked.collect::<TractResult<Vec<i64>>>()?)
            }
            Self::Strings(labels) => {
                let picked = classes.iter().map(|class| labels.get(*class).cloned().ok_or_else(missing));
                tensor1(&picked.collect::<TractResult<Vec<String>>>()?)
            }
        })
    }
}

/// The attribute `post_transform`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PostTransform {
    None,
    Softmax,
    /// Softmax that leaves zeros as they are.
    SoftmaxZero,
    Logistic,
    Probit,
}

impl PostTransform {
    pub fn new(node: &NodeProto) -> TractResult<Self> {
        Ok(match node.get_attr_opt::<&str>("post_transform")?.unwrap_or("NONE") {
            "NONE" => Self::None,
            "SOFTMAX" => Self::Softmax,
            "SOFTMAX_ZERO" => Self::SoftmaxZero,
            "LOGISTIC" => Self::Logistic,
            "PROBIT" => Self::Probit,
            other => bail!("post_transform {other} is not known"),
        })
    }

    /// Transforms a row of scores.
    pub fn apply(self, scores: &mut [f32]) {
        match self {
            Self::None => {}
            Self::Softmax => softmax(scores, |_| true),
            Self::SoftmaxZero => softmax(scores, |score| score.abs() > 1e-7),
            Self::Logistic => scores.iter_mut().for_each(|score| *score = logistic(*score)),
            Self::Probit => scores.iter_mut().for_each(|score| *score = probit(*score)),
        }
    }

    /// The two scores of a binary classifier that has one: of the second class. `is_share` says that it is a share
    /// of votes (all weights are positive), else it is a margin around 0.
    pub fn binary(self, score: f32, is_share: bool) -> [f32; 2] {
        match self {
            Self::Probit => [1.0 - probit(score), probit(score)],
            _ if is_share => [1.0 - score, score],
            Self::Logistic => [logistic(-score), logistic(score)],
            _ => [-score, score],
        }
    }
}

/// The position of the greatest score, the first of equal ones.
pub fn greatest(scores: &[f32]) -> usize {
    let mut best = 0;
    for (index, score) in scores.iter().enumerate() {
        if scores.get(best).is_none_or(|greatest| score > greatest) {
            best = index;
        }
    }
    best
}

pub fn logistic(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

fn softmax(scores: &mut [f32], takes_part: impl Fn(f32) -> bool) {
    let greatest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for score in scores.iter_mut().filter(|score| takes_part(**score)) {
        *score = (*score - greatest).exp();
        sum += *score;
    }
    if sum > 0.0 {
        scores.iter_mut().for_each(|score| *score /= sum);
    }
}

/// The inverse of the normal distribution's cumulative function, by ONNX Runtime's approximation of the inverse
/// error function (S. Winitzki, 2008).
fn probit(p: f32) -> f32 {
    let x = 2.0 * p - 1.0;
    let log = ((1.0 - x) * (1.0 + x)).ln();
    let half = 2.0 / (std::f32::consts::PI * 0.147) + 0.5 * log;
    let inverse_erf = (((half * half - log / 0.147).sqrt()) - half).sqrt().copysign(x);
    std::f32::consts::SQRT_2 * inverse_erf
}
