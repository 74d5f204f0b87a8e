//! Tree ensembles: the operators of `ai.onnx.ml`, over trees laid out for speed in [`forest`].

mod forest;

use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

use self::forest::{Branch, Combine, Forest, Leaf, Node, Threshold};
use super::votes::{Labels, PostTransform, greatest};
use super::{Fact, Kernel, floats, ints, only, row_count, strings, tensor};

/// Which target (class or output) a leaf adds what to.
struct Weights {
    trees: Vec<i64>,
    nodes: Vec<i64>,
    targets: Vec<i64>,
    values: Vec<f64>,
}

impl Weights {
    /// Of the attributes that begin with `prefix`: `class` or `target`.
    fn new(node: &NodeProto, prefix: &str) -> TractResult<Self> {
        let weights = Self {
            trees: ints(node, &format!("{prefix}_treeids"))?,
            nodes: ints(node, &format!("{prefix}_nodeids"))?,
            targets: ints(node, &format!("{prefix}_ids"))?,
            values: numbers(node, &format!("{prefix}_weights"))?,
        };
        let count = weights.values.len();
        ensure!(
            [&weights.trees, &weights.nodes, &weights.targets].iter().all(|list| list.len() == count),
            "the lists of its leaves are not of the same length"
        );
        Ok(weights)
    }

    fn leaves(&self) -> TractResult<Vec<Leaf>> {
        let mut leaves = Vec::with_capacity(self.values.len());
        for (((tree, node), target), value) in self.trees.iter().zip(&self.nodes).zip(&self.targets).zip(&self.values) {
            leaves.push(Leaf { tree: *tree, node: *node, target: usize::try_from(*target)?, value: *value as f32 });
        }
        Ok(leaves)
    }
}

/// A list attribute, `NAME` or `NAME_as_tensor` (doubles).
fn numbers(node: &NodeProto, name: &str) -> TractResult<Vec<f64>> {
    if let Some(tensor) = tensor(node, &format!("{name}_as_tensor"))? {
        return Ok(tensor.cast_to::<f64>()?.try_as_plain_ram()?.as_slice::<f64>()?.to_vec());
    }
    Ok(floats(node, name)?.into_iter().map(f64::from).collect())
}

/// The nodes of an operator's trees.
fn nodes(node: &NodeProto) -> TractResult<Vec<Node>> {
    let (trees, ids) = (ints(node, "nodes_treeids")?, ints(node, "nodes_nodeids")?);
    let (features, modes) = (ints(node, "nodes_featureids")?, strings(node, "nodes_modes")?);
    let (on_true, on_false) = (ints(node, "nodes_truenodeids")?, ints(node, "nodes_falsenodeids")?);
    let thresholds = numbers(node, "nodes_values")?;
    let missing = ints(node, "nodes_missing_value_tracks_true")?;
    let count = ids.len();
    ensure!(
        [trees.len(), features.len(), modes.len(), on_true.len(), on_false.len(), thresholds.len()]
            .iter()
            .all(|len| *len == count),
        "the lists of its nodes are not of the same length"
    );
    let mut nodes = Vec::with_capacity(count);
    let each = trees.into_iter().zip(ids).zip(features).zip(modes).zip(on_true).zip(on_false).zip(thresholds);
    for (index, ((((((tree, id), feature), mode), on_true), on_false), threshold)) in each.enumerate() {
        let branch = match &*mode {
            "LEAF" => None,
            "BRANCH_LEQ" => Some(Branch::Leq),
            "BRANCH_LT" => Some(Branch::Lt),
            "BRANCH_GTE" => Some(Branch::Gte),
            "BRANCH_GT" => Some(Branch::Gt),
            "BRANCH_EQ" => Some(Branch::Eq),
            "BRANCH_NEQ" => Some(Branch::Neq),
            other => bail!("the mode {other} of a node is not known"),
        };
        nodes.push(Node {
            tree,
            id,
            branch,
            feature: u32::try_from(feature)?,
            threshold,
            on_true,
            on_false,
            missing_is_true: missing.get(index).is_some_and(|flag| *flag != 0),
        });
    }
    Ok(nodes)
}

/// An ensemble for inputs of single and of double precision: thresholds are compared in the input's.
#[derive(Debug)]
struct Ensemble {
    single: Forest<f32>,
    /// Only made if the input is of doubles, which is not known before.
    double: std::sync::OnceLock<Forest<f64>>,
    nodes: Vec<Node>,
    leaves: Vec<Leaf>,
}

impl Ensemble {
    fn new(nodes: Vec<Node>, leaves: Vec<Leaf>, targets: usize) -> TractResult<Self> {
        ensure!(leaves.iter().all(|leaf| leaf.target < targets), "a leaf is of a target that there is not");
        let single = Forest::new(&nodes, &leaves, targets)?;
        Ok(Self { single, double: std::sync::OnceLock::new(), nodes, leaves })
    }

    /// Each row's sums (or what `combine` says), `[N, targets]`.
    fn run(&self, input: &Tensor, combine: Combine) -> TractResult<Vec<f32>> {
        fn run<T: Threshold>(forest: &Forest<T>, input: &Tensor, combine: Combine) -> TractResult<Vec<f32>> {
            let width = input.shape().last().copied().unwrap_or(1);
            let cast = input.cast_to::<T>()?;
            let plain = cast.try_as_plain_ram()?;
            forest.run(plain.as_slice::<T>()?, width, combine)
        }
        if input.datum_type() == DatumType::F64 {
            let forest = match self.double.get() {
                Some(forest) => forest,
                None => {
                    let forest = Forest::new(&self.nodes, &self.leaves, self.single.targets())?;
                    self.double.get_or_init(|| forest)
                }
            };
            return run(forest, input, combine);
        }
        run(&self.single, input, combine)
    }
}

/// `TreeEnsembleClassifier`.
#[derive(Debug)]
pub struct Classifier {
    ensemble: Ensemble,
    labels: Labels,
    base: Vec<f32>,
    post: PostTransform,
    /// With two classes: whether all leaves are of one of them, so that a row has one score.
    is_binary: bool,
    /// Whether no weight is negative, so that a binary score is a share of votes.
    is_share: bool,
}

impl Classifier {
    pub fn new(node: &NodeProto) -> TractResult<Self> {
        let labels = Labels::new(node, "classlabels_int64s", "classlabels_strings")?;
        let weights = Weights::new(node, "class")?;
        let base: Vec<f32> = numbers(node, "base_values")?.into_iter().map(|value| value as f32).collect();
        let one_target = weights.targets.iter().all(|target| Some(target) == weights.targets.first());
        let is_binary = labels.len() == 2 && one_target;
        ensure!(
            base.is_empty() || base.len() == labels.len() || (is_binary && base.len() == 1),
            "it has {} base values for {} classes",
            base.len(),
            labels.len()
        );
        let is_share = weights.values.iter().all(|weight| *weight >= 0.0);
        let mut leaves = weights.leaves()?;
        if is_binary {
            leaves.iter_mut().for_each(|leaf| leaf.target = 0);
        }
        let targets = if is_binary { 1 } else { labels.len() };
        let ensemble = Ensemble::new(nodes(node)?, leaves, targets)?;
        Ok(Self { ensemble, labels, base, post: PostTransform::new(node)?, is_binary, is_share })
    }
}

impl Kernel for Classifier {
    fn name(&self) -> &'static str {
        "TreeEnsembleClassifier"
    }

    fn outputs(&self) -> usize {
        2
    }

    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        Ok(self.labels.facts(row_count(&only(inputs)?.1), self.labels.len()))
    }

    fn run(&self, inputs: &[TValue]) -> TractResult<TVec<Tensor>> {
        let mut sums = self.ensemble.run(only(inputs)?, Combine::Sum)?;
        let width = self.labels.len();
        let (classes, scores): (Vec<usize>, Vec<f32>) = if self.is_binary {
            let base = self.base.last().copied().unwrap_or(0.0);
            let threshold = if self.is_share { 0.5 } else { 0.0 };
            let classes = sums.iter().map(|sum| usize::from(sum + base > threshold)).collect();
            (classes, sums.iter().flat_map(|sum| self.post.binary(sum + base, self.is_share)).collect())
        } else {
            let mut classes = Vec::with_capacity(sums.len() / width.max(1));
            for row in sums.chunks_mut(width.max(1)) {
                row.iter_mut().zip(&self.base).for_each(|(sum, base)| *sum += base);
                classes.push(match (&*row, width) {
                    ([_, second], 2) if !self.is_share => usize::from(*second > 0.0),
                    _ => greatest(row),
                });
                self.post.apply(row);
            }
            (classes, sums)
        };
        let rows = classes.len();
        Ok(tvec!(self.labels.pick(&classes)?, tensor1(&scores).into_shape(&[rows, width])?))
    }
}

/// `TreeEnsembleRegressor`.
#[derive(Debug)]
pub struct Regressor {
    ensemble: Ensemble,
    targets: usize,
    base: Vec<f32>,
    combine: Combine,
    post: PostTransform,
}

impl Regressor {
    pub fn new(node: &NodeProto) -> TractResult<Self> {
        let targets = usize::try_from(node.get_attr_opt::<i64>("n_targets")?.unwrap_or(1))?;
        let base: Vec<f32> = numbers(node, "base_values")?.into_iter().map(|value| value as f32).collect();
        ensure!(base.is_empty() || base.len() == targets, "it has {} base values for {targets} targets", base.len());
        let combine = match node.get_attr_opt::<&str>("aggregate_function")?.unwrap_or("SUM") {
            "SUM" => Combine::Sum,
            "AVERAGE" => Combine::Mean,
            "MIN" => Combine::Min,
            "MAX" => Combine::Max,
            other => bail!("aggregate_function {other} is not known"),
        };
        let ensemble = Ensemble::new(nodes(node)?, Weights::new(node, "target")?.leaves()?, targets)?;
        Ok(Self { ensemble, targets, base, combine, post: PostTransform::new(node)? })
    }
}

impl Kernel for Regressor {
    fn name(&self) -> &'static str {
        "TreeEnsembleRegressor"
    }

    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        let rows = row_count(&only(inputs)?.1);
        Ok(tvec!((DatumType::F32, tvec!(rows, self.targets.to_dim()))))
    }

    fn run(&self, inputs: &[TValue]) -> TractResult<TVec<Tensor>> {
        let mut values = self.ensemble.run(only(inputs)?, self.combine)?;
        for row in values.chunks_mut(self.targets.max(1)) {
            row.iter_mut().zip(&self.base).for_each(|(value, base)| *value += base);
            self.post.apply(row);
        }
        let rows = values.len().checked_div(self.targets).unwrap_or(0);
        Ok(tvec!(tensor1(&values).into_shape(&[rows, self.targets])?))
    }
}
