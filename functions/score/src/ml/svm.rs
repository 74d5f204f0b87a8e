//! Support vector machines, as libsvm computes them (Chang and Lin, «LIBSVM: a library for support vector machines»).

use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

use super::votes::{Labels, PostTransform, greatest};
use super::{Fact, Kernel, floats, ints, only, row_count, rows_of};

/// A kernel function of two rows.
#[derive(Debug, Clone, Copy)]
enum Similarity {
    Linear,
    Poly { gamma: f32, coef0: f32, degree: f32 },
    Rbf { gamma: f32 },
    Sigmoid { gamma: f32, coef0: f32 },
}

impl Similarity {
    fn new(node: &NodeProto) -> TractResult<Self> {
        let parameters = floats(node, "kernel_params")?;
        let parameter = |index: usize| parameters.get(index).copied().unwrap_or(0.0);
        let (gamma, coef0, degree) = (parameter(0), parameter(1), parameter(2));
        Ok(match node.get_attr_opt::<&str>("kernel_type")?.unwrap_or("LINEAR") {
            "LINEAR" => Self::Linear,
            "POLY" => Self::Poly { gamma, coef0, degree },
            "RBF" => Self::Rbf { gamma },
            "SIGMOID" => Self::Sigmoid { gamma, coef0 },
            other => bail!("kernel_type {other} is not known"),
        })
    }

    fn of(self, a: &[f32], b: &[f32]) -> f32 {
        let dot = || a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        match self {
            Self::Linear => dot(),
            Self::Poly { gamma, coef0, degree } => (gamma * dot() + coef0).powf(degree),
            Self::Rbf { gamma } => (-gamma * a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f32>()).exp(),
            Self::Sigmoid { gamma, coef0 } => (gamma * dot() + coef0).tanh(),
        }
    }
}

/// The sum of products of two lists.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Chooses between classes by pairs of them.
#[derive(Debug)]
pub struct Classifier {
    labels: Labels,
    similarity: Similarity,
    /// One after the other; none for a linear machine that has coefficients for each class.
    support: Vec<f32>,
    /// How many support vectors each class has.
    per_class: Vec<usize>,
    /// With support vectors: one row for each class but one, one column for each vector.
    coefficients: Vec<f32>,
    rho: Vec<f32>,
    /// Platt's sigmoid for each pair; empty if there are no probabilities.
    prob_a: Vec<f32>,
    prob_b: Vec<f32>,
    post: PostTransform,
}

impl Classifier {
    pub fn new(node: &NodeProto) -> TractResult<Self> {
        let per_class = ints(node, "vectors_per_class")?.into_iter().map(usize::try_from);
        let machine = Self {
            labels: Labels::new(node, "classlabels_ints", "classlabels_strings")?,
            similarity: Similarity::new(node)?,
            support: floats(node, "support_vectors")?,
            per_class: per_class.collect::<Result<_, _>>()?,
            coefficients: floats(node, "coefficients")?,
            rho: floats(node, "rho")?,
            prob_a: floats(node, "prob_a")?,
            prob_b: floats(node, "prob_b")?,
            post: PostTransform::new(node)?,
        };
        let (classes, vectors) = (machine.labels.len(), machine.vectors());
        ensure!(classes > 0 && !machine.coefficients.is_empty() && !machine.rho.is_empty(), "it is incomplete");
        if vectors > 0 {
            let pairs = classes * (classes - 1) / 2;
            ensure!(machine.per_class.len() == classes, "vectors_per_class is not of {classes} classes");
            ensure!(machine.coefficients.len() == vectors * (classes - 1), "its coefficients do not fit its vectors");
            ensure!(machine.rho.len() >= pairs, "rho has not one value for each pair of classes");
            ensure!(
                machine.prob_a.is_empty() || (machine.prob_a.len() >= pairs && machine.prob_b.len() >= pairs),
                "prob_a and prob_b have not one value for each pair of classes"
            );
        }
        Ok(machine)
    }

    fn vectors(&self) -> usize {
        self.per_class.iter().sum()
    }

    /// How many scores a row gets.
    fn width(&self) -> usize {
        let classes = self.labels.len();
        if self.vectors() == 0 || !self.prob_a.is_empty() || classes == 2 {
            classes
        } else {
            classes * (classes - 1) / 2
        }
    }

    /// The class and the scores of a row.
    fn score(&self, row: &[f32]) -> (usize, Vec<f32>) {
        let classes = self.labels.len();
        if self.vectors() == 0 {
            let per_class = self.coefficients.chunks(row.len().max(1));
            let rho = self.rho.first().copied().unwrap_or(0.0);
            let mut scores: Vec<f32> =
                per_class.take(classes).map(|weights| self.similarity.of(row, weights) + rho).collect();
            let class = greatest(&scores);
            self.post.apply(&mut scores);
            return (class, scores);
        }
        let (decisions, votes) = self.decide(row);
        // Also where there are probabilities, which may say otherwise: as libsvm and ONNX Runtime have it.
        let class = greatest(&votes);
        if self.prob_a.is_empty() {
            if let ([decision], 2) = (&*decisions, classes) {
                return (class, self.post.binary(*decision, false).to_vec());
            }
            let mut scores = decisions;
            self.post.apply(&mut scores);
            return (class, scores);
        }
        let mut scores = coupled(&self.pairs(&decisions), classes);
        self.post.apply(&mut scores);
        (class, scores)
    }

    /// For each pair of classes how far the row is on the side of the first, and each class's votes.
    fn decide(&self, row: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let classes = self.labels.len();
        let vectors = self.vectors();
        let similarities: Vec<f32> =
            self.support.chunks(row.len().max(1)).map(|vector| self.similarity.of(row, vector)).collect();
        let mut starts = Vec::with_capacity(classes);
        let mut start = 0;
        for count in &self.per_class {
            starts.push(start..start + count);
            start += count;
        }
        // The coefficients that the vectors of a class have against another.
        let weighted = |line: usize, of: &std::ops::Range<usize>| {
            let weights = self.coefficients.get(line * vectors + of.start..line * vectors + of.end);
            dot(weights.unwrap_or_default(), similarities.get(of.clone()).unwrap_or_default())
        };
        let mut decisions = Vec::new();
        let mut votes = vec![0.0; classes];
        for (first, ours) in starts.iter().enumerate() {
            for (second, theirs) in starts.iter().enumerate().skip(first + 1) {
                let rho = self.rho.get(decisions.len()).copied().unwrap_or(0.0);
                let decision = weighted(second - 1, ours) + weighted(first, theirs) + rho;
                let winner = if decision > 0.0 { first } else { second };
                if let Some(votes) = votes.get_mut(winner) {
                    *votes += 1.0;
                }
                decisions.push(decision);
            }
        }
        (decisions, votes)
    }

    /// How probable the first of each pair of classes is, by Platt's sigmoid; `[first * classes + second]`.
    fn pairs(&self, decisions: &[f32]) -> Vec<f64> {
        let classes = self.labels.len();
        let mut pairs = vec![0.0; classes * classes];
        let mut fits = decisions.iter().zip(self.prob_a.iter().zip(&self.prob_b));
        for first in 0..classes {
            for second in first + 1..classes {
                let Some((decision, (a, b))) = fits.next() else { continue };
                let p = 1.0 / (1.0 + f64::from(decision * a + b).exp());
                let p = p.clamp(1e-7, 1.0 - 1e-7);
                if let Some(place) = pairs.get_mut(first * classes + second) {
                    *place = p;
                }
                if let Some(place) = pairs.get_mut(second * classes + first) {
                    *place = 1.0 - p;
                }
            }
        }
        pairs
    }
}

/// One probability for each class from those of pairs: the second method of Wu, Lin and Weng, «Probability estimates
/// for multi-class classification by pairwise coupling», JMLR 5 (2004), by the iteration that they give.
fn coupled(pairs: &[f64], classes: usize) -> Vec<f32> {
    let pair = |first: usize, second: usize| pairs.get(first * classes + second).copied().unwrap_or(0.0);
    let mut q = vec![vec![0.0; classes]; classes];
    for (t, line) in q.iter_mut().enumerate() {
        for (j, value) in line.iter_mut().enumerate() {
            *value = if j == t {
                (0..classes).filter(|other| *other != t).map(|other| pair(other, t) * pair(other, t)).sum()
            } else {
                -pair(j, t) * pair(t, j)
            };
        }
    }
    let mut p = vec![1.0 / classes as f64; classes];
    let tolerance = 0.005 / classes as f64;
    for _ in 0..classes.max(100) {
        let mut qp: Vec<f64> = q.iter().map(|line| line.iter().zip(&p).map(|(q, p)| q * p).sum()).collect();
        let mut pqp: f64 = p.iter().zip(&qp).map(|(p, qp)| p * qp).sum();
        if qp.iter().all(|qp| (qp - pqp).abs() < tolerance) {
            break;
        }
        for (t, line) in q.iter().enumerate() {
            let (Some(diagonal), Some(now)) = (line.get(t).copied(), qp.get(t).copied()) else { continue };
            let step = (pqp - now) / diagonal;
            if let Some(p) = p.get_mut(t) {
                *p += step;
            }
            pqp = (pqp + step * (step * diagonal + 2.0 * now)) / (1.0 + step) / (1.0 + step);
            for ((qp, p), q) in qp.iter_mut().zip(p.iter_mut()).zip(line) {
                *qp = (*qp + step * q) / (1.0 + step);
                *p /= 1.0 + step;
            }
        }
    }
    p.into_iter().map(|p| p as f32).collect()
}

impl Kernel for Classifier {
    fn name(&self) -> &'static str {
        "SVMClassifier"
    }

    fn outputs(&self) -> usize {
        2
    }

    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        Ok(self.labels.facts(row_count(&only(inputs)?.1), self.width()))
    }

    fn run(&self, inputs: &[TValue]) -> TractResult<TVec<Tensor>> {
        let (values, rows, width) = rows_of::<f32>(only(inputs)?)?;
        let vectors = self.vectors();
        ensure!(
            vectors == 0 || self.support.len() == vectors * width,
            "its {vectors} support vectors are not of {width} values"
        );
        let mut classes = Vec::with_capacity(rows);
        let mut scores = Vec::with_capacity(rows * self.width());
        for row in values.chunks(width.max(1)) {
            let (class, row_scores) = self.score(row);
            classes.push(class);
            scores.extend(row_scores);
        }
        Ok(tvec!(self.labels.pick(&classes)?, tensor1(&scores).into_shape(&[rows, self.width()])?))
    }
}

/// A sum over support vectors.
#[derive(Debug)]
pub struct Regressor {
    similarity: Similarity,
    support: Vec<f32>,
    vectors: usize,
    coefficients: Vec<f32>,
    rho: f32,
    /// Whether only the sign counts: 1 or -1.
    one_class: bool,
    post: PostTransform,
}

impl Regressor {
    pub fn new(node: &NodeProto) -> TractResult<Self> {
        Ok(Self {
            similarity: Similarity::new(node)?,
            support: floats(node, "support_vectors")?,
            vectors: node.get_attr_opt::<i64>("n_supports")?.unwrap_or(0).try_into()?,
            coefficients: floats(node, "coefficients")?,
            rho: floats(node, "rho")?.first().copied().unwrap_or(0.0),
            one_class: node.get_attr_opt::<i64>("one_class")?.unwrap_or(0) != 0,
            post: PostTransform::new(node)?,
        })
    }
}

impl Kernel for Regressor {
    fn name(&self) -> &'static str {
        "SVMRegressor"
    }

    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        Ok(tvec!((DatumType::F32, tvec!(row_count(&only(inputs)?.1), 1.to_dim()))))
    }

    fn run(&self, inputs: &[TValue]) -> TractResult<TVec<Tensor>> {
        let (values, rows, width) = rows_of::<f32>(only(inputs)?)?;
        ensure!(
            self.support.len() == self.vectors * width,
            "its {} support vectors are not of {width} values",
            self.vectors
        );
        let score = |row: &[f32]| {
            let sum: f32 = if self.vectors == 0 {
                self.similarity.of(row, &self.coefficients)
            } else {
                let vectors = self.support.chunks(width.max(1));
                vectors.zip(&self.coefficients).map(|(vector, weight)| weight * self.similarity.of(row, vector)).sum()
            };
            let mut score = [sum + self.rho];
            if self.one_class {
                return if score == [0.0] || score[0] > 0.0 { 1.0 } else { -1.0 };
            }
            self.post.apply(&mut score);
            score[0]
        };
        let scores: Vec<f32> = values.chunks(width.max(1)).map(score).collect();
        Ok(tvec!(tensor1(&scores).into_shape(&[rows, 1])?))
    }
}
