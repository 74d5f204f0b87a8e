//! Linear classifiers.

use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

use super::votes::{Labels, PostTransform, greatest};
use super::{Fact, Kernel, floats, only, row_count, rows_of};

/// `LinearClassifier`: a score for each class, or, of two classes, for the second.
#[derive(Debug)]
pub struct Classifier {
    labels: Labels,
    /// One row of weights for each score.
    coefficients: Vec<f32>,
    intercepts: Vec<f32>,
    post: PostTransform,
}

impl Classifier {
    pub fn new(node: &NodeProto) -> TractResult<Self> {
        let labels = Labels::new(node, "classlabels_ints", "classlabels_strings")?;
        let (coefficients, mut intercepts) = (floats(node, "coefficients")?, floats(node, "intercepts")?);
        if intercepts.is_empty() {
            intercepts = vec![0.0; labels.len()];
        }
        let scores = intercepts.len();
        ensure!(
            scores == labels.len() || (scores == 1 && labels.len() == 2),
            "it has {scores} intercepts for {} classes",
            labels.len()
        );
        ensure!(
            !coefficients.is_empty() && coefficients.len().is_multiple_of(scores),
            "its {} coefficients are not rows for {scores} scores",
            coefficients.len()
        );
        Ok(Self { labels, coefficients, intercepts, post: PostTransform::new(node)? })
    }
}

impl Kernel for Classifier {
    fn name(&self) -> &'static str {
        "LinearClassifier"
    }

    fn outputs(&self) -> usize {
        2
    }

    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        Ok(self.labels.facts(row_count(&only(inputs)?.1), self.labels.len()))
    }

    fn run(&self, inputs: &[TValue]) -> TractResult<TVec<Tensor>> {
        let (values, rows, width) = rows_of::<f32>(only(inputs)?)?;
        ensure!(
            self.coefficients.len() == width * self.intercepts.len(),
            "its {} coefficients do not fit {width} values a row",
            self.coefficients.len()
        );
        let mut classes = Vec::with_capacity(rows);
        let mut scores = Vec::with_capacity(rows * self.labels.len());
        for row in values.chunks(width.max(1)) {
            let each = self.coefficients.chunks(width.max(1)).zip(&self.intercepts);
            let mut of_row: Vec<f32> = each
                .map(|(weights, intercept)| weights.iter().zip(row).map(|(a, b)| a * b).sum::<f32>() + intercept)
                .collect();
            if let ([score], 2) = (&*of_row, self.labels.len()) {
                classes.push(usize::from(*score > 0.0));
                scores.extend(self.post.binary(*score, false));
            } else {
                classes.push(greatest(&of_row));
                self.post.apply(&mut of_row);
                scores.extend(of_row);
            }
        }
        Ok(tvec!(self.labels.pick(&classes)?, tensor1(&scores).into_shape(&[rows, self.labels.len()])?))
    }
}
