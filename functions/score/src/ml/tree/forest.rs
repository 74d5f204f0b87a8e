//! Trees laid out for speed.
//!
//! Every comparison is made `x <= threshold`: the others differ by the next number below, or by which child is which.
//! A node's children are neighbours, so a step is an addition, and a leaf's step leads to itself, so several rows
//! walk a tree side by side without a branch until none of them moves. Trees are the outer loop: a tree stays in the
//! processor's cache while a block of rows walks it.

use std::collections::HashMap;
use std::fmt::Debug;

use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

/// Rows that walk a tree side by side.
const SIDE_BY_SIDE: usize = 8;

/// Rows that one tree is walked by before the next tree is.
const BLOCK: usize = 128;

/// How a node compares a feature with its threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Branch {
    Leq,
    Lt,
    Gte,
    Gt,
    Eq,
    Neq,
}

/// A node as the operator's attributes have it.
#[derive(Debug, Clone)]
pub struct Node {
    pub tree: i64,
    pub id: i64,
    /// None: it is a leaf.
    pub branch: Option<Branch>,
    pub feature: u32,
    pub threshold: f64,
    pub on_true: i64,
    pub on_false: i64,
    /// Whether NaN goes where a true comparison goes.
    pub missing_is_true: bool,
}

/// What a leaf adds to a target.
#[derive(Debug, Clone)]
pub struct Leaf {
    pub tree: i64,
    pub node: i64,
    pub target: usize,
    pub value: f32,
}

/// What becomes of the values of a row's leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Combine {
    Sum,
    Mean,
    Min,
    Max,
}

/// The type that thresholds are compared in.
pub trait Threshold: Datum + Copy + PartialOrd + Debug {
    const NAN: Self;
    fn of(value: f64) -> Self;
    fn next_down(self) -> Self;
    fn is_nan(self) -> bool;
}

macro_rules! threshold {
    ($type:ty) => {
        impl Threshold for $type {
            const NAN: Self = <$type>::NAN;

            fn of(value: f64) -> Self {
                value as $type
            }

            fn next_down(self) -> Self {
                self.next_down()
            }

            fn is_nan(self) -> bool {
                self.is_nan()
            }
        }
    };
}

threshold!(f32);
threshold!(f64);

/// A node as it is walked.
#[derive(Debug, Clone, Copy)]
struct Step<T> {
    /// NaN in a leaf: no number is less than or equal to it.
    threshold: T,
    feature: u32,
    /// Where a true comparison leads; the next one is where a false one does. In a leaf it is the one before the leaf,
    /// so that every comparison leads to the leaf itself.
    on_true: u32,
}

/// Trees whose leaves have a value for each target.
#[derive(Debug)]
pub struct Forest<T> {
    steps: Vec<Step<T>>,
    /// Whether NaN is true at a step; empty if it nowhere is.
    missing_is_true: Vec<bool>,
    roots: Vec<u32>,
    /// The value of each step that is a leaf, with one target.
    values: Vec<f32>,
    /// With several targets: where the values of a leaf are in `weights`.
    weights_of: Vec<(u32, u32)>,
    weights: Vec<(u32, f32)>,
    targets: usize,
    features: usize,
}

impl<T: Threshold> Forest<T> {
    /// Lays trees out.
    pub fn new(nodes: &[Node], leaves: &[Leaf], targets: usize) -> TractResult<Self> {
        let by_id: HashMap<(i64, i64), &Node> = nodes.iter().map(|node| ((node.tree, node.id), node)).collect();
        ensure!(by_id.len() == nodes.len(), "two of its nodes have the same number");
        let mut weights: HashMap<(i64, i64), Vec<(u32, f32)>> = HashMap::new();
        for leaf in leaves {
            weights.entry((leaf.tree, leaf.node)).or_default().push((u32::try_from(leaf.target)?, leaf.value));
        }
        let mut forest = Self {
            steps: Vec::new(),
            missing_is_true: Vec::new(),
            roots: Vec::new(),
            values: Vec::new(),
            weights_of: Vec::new(),
            weights: Vec::new(),
            targets,
            features: nodes
                .iter()
                .filter(|node| node.branch.is_some())
                .map(|node| node.feature as usize + 1)
                .max()
                .unwrap_or(0),
        };
        let mut builder = Builder { forest: &mut forest, by_id, weights };
        // A tree's root is the first of its nodes.
        let mut last = None;
        let mut seen = std::collections::HashSet::new();
        for node in nodes {
            if last != Some(node.tree) && seen.insert(node.tree) {
                builder.tree(node)?;
            }
            last = Some(node.tree);
        }
        if forest.missing_is_true.iter().all(|flag| !flag) {
            forest.missing_is_true = Vec::new();
        }
        Ok(forest)
    }

    /// How many values a row gets.
    pub fn targets(&self) -> usize {
        self.targets
    }

    /// The values of rows of `width` features each, `[N, targets]`.
    pub fn run(&self, rows: &[T], width: usize, combine: Combine) -> TractResult<Vec<f32>> {
        ensure!(self.features <= width, "its trees look at {} features, a row has {width}", self.features);
        let count = rows.len().checked_div(width).unwrap_or(0);
        let start = match combine {
            Combine::Sum | Combine::Mean => 0.0,
            Combine::Min => f32::INFINITY,
            Combine::Max => f32::NEG_INFINITY,
        };
        let mut values = vec![start; count * self.targets];
        let blocks = rows.chunks((BLOCK * width).max(1)).zip(values.chunks_mut((BLOCK * self.targets).max(1)));
        for (rows, values) in blocks {
            for root in &self.roots {
                let groups = rows.chunks(SIDE_BY_SIDE * width).zip(values.chunks_mut(SIDE_BY_SIDE * self.targets));
                for (rows, values) in groups {
                    if rows.len() == SIDE_BY_SIDE * width {
                        let ends = self.walk_together(*root, rows, width);
                        ends.iter()
                            .zip(values.chunks_mut(self.targets))
                            .for_each(|(end, values)| self.add(*end, values, combine));
                    } else {
                        for (row, values) in rows.chunks(width).zip(values.chunks_mut(self.targets)) {
                            self.add(self.walk(*root, row), values, combine);
                        }
                    }
                }
            }
        }
        if combine == Combine::Mean {
            let trees = self.roots.len().max(1) as f32;
            values.iter_mut().for_each(|value| *value /= trees);
        }
        Ok(values)
    }

    /// The leaf that a row ends in.
    fn walk(&self, root: u32, row: &[T]) -> u32 {
        let mut at = root;
        loop {
            let next = self.next(at, row);
            if next == at {
                return at;
            }
            at = next;
        }
    }

    /// The leaves that some rows end in.
    fn walk_together(&self, root: u32, rows: &[T], width: usize) -> [u32; SIDE_BY_SIDE] {
        let mut at = [root; SIDE_BY_SIDE];
        loop {
            let mut moved = 0;
            for (at, row) in at.iter_mut().zip(rows.chunks_exact(width)) {
                let next = self.next(*at, row);
                moved |= next ^ *at;
                *at = next;
            }
            if moved == 0 {
                return at;
            }
        }
    }

    #[inline(always)]
    fn next(&self, at: u32, row: &[T]) -> u32 {
        // Both are there: `Builder` makes steps that lead to steps, and `run` has looked at the width.
        let Some(step) = self.steps.get(at as usize) else { return at };
        let Some(value) = row.get(step.feature as usize) else { return at };
        let mut is_true = *value <= step.threshold;
        if !self.missing_is_true.is_empty() && value.is_nan() {
            is_true = self.missing_is_true.get(at as usize) == Some(&true);
        }
        step.on_true + u32::from(!is_true)
    }

    #[inline(always)]
    fn add(&self, leaf: u32, values: &mut [f32], combine: Combine) {
        let add = |value: &mut f32, weight: f32| match combine {
            Combine::Sum | Combine::Mean => *value += weight,
            Combine::Min => *value = value.min(weight),
            Combine::Max => *value = value.max(weight),
        };
        if let ([value], Some(weight)) = (&mut *values, self.values.get(leaf as usize)) {
            return add(value, *weight);
        }
        let Some((start, end)) = self.weights_of.get(leaf as usize) else { return };
        for (target, weight) in self.weights.get(*start as usize..*end as usize).unwrap_or_default() {
            if let Some(value) = values.get_mut(*target as usize) {
                add(value, *weight);
            }
        }
    }
}

/// Lays trees out into a forest.
struct Builder<'a, T> {
    forest: &'a mut Forest<T>,
    by_id: HashMap<(i64, i64), &'a Node>,
    weights: HashMap<(i64, i64), Vec<(u32, f32)>>,
}

/// What is to be laid out at a place: a node, or the second half of a comparison for equality.
#[derive(Clone, Copy)]
enum Place<'a> {
    Node(&'a Node),
    /// Reached if `x <= threshold`: it is equal unless it is less.
    Equal(&'a Node),
}

impl<'a, T: Threshold> Builder<'a, T> {
    fn tree(&mut self, root: &'a Node) -> TractResult<()> {
        let first = self.forest.steps.len();
        // A leaf leads to itself by way of the step before it, so step 0 is none.
        if first == 0 {
            self.push()?;
        }
        let root_at = self.push()?;
        self.forest.roots.push(root_at);
        let mut open = vec![(root_at, Place::Node(root))];
        let limit = self.by_id.len().saturating_mul(3).saturating_add(first + 8);
        while let Some((at, place)) = open.pop() {
            // What is reached more often than there are nodes is reached in a circle.
            ensure!(self.forest.steps.len() <= limit, "a tree leads back into itself");
            let (Place::Node(node) | Place::Equal(node)) = place;
            let Some(branch) = node.branch else {
                self.leaf(at, node)?;
                continue;
            };
            let child = |id| {
                let node = self.by_id.get(&(node.tree, id)).copied();
                node.map(Place::Node).ok_or_else(|| format_err!("node {id} of tree {} is not there", node_tree(place)))
            };
            let (on_true, on_false) = (child(node.on_true)?, child(node.on_false)?);
            let threshold = T::of(node.threshold);
            let below = threshold.next_down();
            let missing = node.missing_is_true;
            let (threshold, on_true, on_false, missing) = match (branch, place) {
                (Branch::Leq, _) => (threshold, on_true, on_false, missing),
                (Branch::Lt, _) => (below, on_true, on_false, missing),
                (Branch::Gt, _) => (threshold, on_false, on_true, !missing),
                (Branch::Gte, _) => (below, on_false, on_true, !missing),
                (Branch::Eq, Place::Node(_)) if missing => {
                    bail!("it has BRANCH_EQ with missing values that track true")
                }
                (Branch::Eq, Place::Node(_)) => (threshold, Place::Equal(node), on_false, false),
                (Branch::Eq, Place::Equal(_)) => (below, on_false, on_true, false),
                (Branch::Neq, Place::Node(_)) => (threshold, Place::Equal(node), on_true, false),
                (Branch::Neq, Place::Equal(_)) => (below, on_true, on_false, false),
            };
            let true_at = self.push()?;
            let false_at = self.push()?;
            if let Some(step) = self.forest.steps.get_mut(at as usize) {
                *step = Step { threshold, feature: node.feature, on_true: true_at };
            }
            if let Some(flag) = self.forest.missing_is_true.get_mut(at as usize) {
                *flag = missing;
            }
            // The true child comes next, and so its subtree is near.
            open.push((false_at, on_false));
            open.push((true_at, on_true));
        }
        Ok(())
    }

    /// A place for a step.
    fn push(&mut self) -> TractResult<u32> {
        let at = u32::try_from(self.forest.steps.len())?;
        self.forest.steps.push(Step { threshold: T::NAN, feature: 0, on_true: at.wrapping_sub(1) });
        self.forest.missing_is_true.push(false);
        if self.forest.targets == 1 {
            self.forest.values.push(0.0);
        } else {
            self.forest.weights_of.push((0, 0));
        }
        Ok(at)
    }

    fn leaf(&mut self, at: u32, node: &Node) -> TractResult<()> {
        let Some(weights) = self.weights.get(&(node.tree, node.id)) else { return Ok(()) };
        if let Some(value) = self.forest.values.get_mut(at as usize) {
            *value = weights.iter().map(|(_, weight)| weight).sum();
            return Ok(());
        }
        let start = u32::try_from(self.forest.weights.len())?;
        self.forest.weights.extend(weights);
        if let Some(range) = self.forest.weights_of.get_mut(at as usize) {
            *range = (start, u32::try_from(self.forest.weights.len())?);
        }
        Ok(())
    }
}

fn node_tree(place: Place<'_>) -> i64 {
    let (Place::Node(node) | Place::Equal(node)) = place;
    node.tree
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_comparison_leads_where_it_says_also_for_its_neighbours_and_nan() {
        let compare: [(Branch, fn(f32, f32) -> bool); 6] = [
            (Branch::Leq, |x, t| x <= t),
            (Branch::Lt, |x, t| x < t),
            (Branch::Gte, |x, t| x >= t),
            (Branch::Gt, |x, t| x > t),
            (Branch::Eq, |x, t| x == t),
            (Branch::Neq, |x, t| x != t),
        ];
        let node = |id, branch| Node {
            tree: 0,
            id,
            branch,
            feature: 1,
            threshold: 0.5,
            on_true: 1,
            on_false: 2,
            missing_is_true: false,
        };
        let leaf = |node, value| Leaf { tree: 0, node, target: 0, value };
        let values = [f32::NEG_INFINITY, 0.5f32.next_down(), 0.5, 0.5f32.next_up(), f32::INFINITY, -0.0];
        for (branch, expect) in compare {
            for missing_is_true in [false, true] {
                let root = Node { missing_is_true, ..node(0, Some(branch)) };
                let forest =
                    Forest::<f32>::new(&[root, node(1, None), node(2, None)], &[leaf(1, 1.0), leaf(2, 2.0)], 1);
                if missing_is_true && branch == Branch::Eq {
                    assert!(forest.is_err());
                    continue;
                }
                let forest = forest.unwrap();
                // Ten rows: eight walk together, two alone.
                let rows: Vec<f32> = values.iter().chain(&values).take(10).flat_map(|value| [9.0, *value]).collect();
                let found = forest.run(&rows, 2, Combine::Sum).unwrap();
                for (row, found) in rows.chunks(2).zip(found) {
                    assert_eq!(found == 1.0, expect(row[1], 0.5), "{branch:?} {}", row[1]);
                }
                let missing = forest.run(&[9.0, f32::NAN], 2, Combine::Sum).unwrap();
                assert_eq!(missing[0] == 1.0, missing_is_true || branch == Branch::Neq, "{branch:?} NaN");
            }
        }
    }
}
