//! From rows to an explanation.

use arrow_array::RecordBatch;

use crate::change::Change;
use crate::config::{Config, Measure};
use crate::dimension::Dimension;
use crate::error::Error;
use crate::explanation::{Breakdown, Cause, Explanation, Part, Summary, Value};
use crate::leaves::{Leaves, Rows};
use crate::search::{self, Candidate, Limits};
use crate::sentence;

/// Takes in rows, batch by batch, and then explains them.
#[derive(Debug)]
pub struct Explainer {
    config: Config,
    measure: Measure,
    rows: Rows,
}

/// Explains one batch.
///
/// # Errors
/// What [`Explainer::new`] and [`Explainer::push`] refuse.
pub fn explain(config: Config, batch: &RecordBatch) -> Result<Explanation, Error> {
    let mut explainer = Explainer::new(config)?;
    explainer.push(batch)?;
    Ok(explainer.finish())
}

impl Explainer {
    /// Checks the configuration.
    ///
    /// # Errors
    /// What [`Config::check`] refuses.
    pub fn new(config: Config) -> Result<Self, Error> {
        config.check()?;
        let measure = config.measure()?;
        let rows = Rows::new(&config, measure.columns().len());
        Ok(Self { config, measure, rows })
    }

    /// Takes in rows.
    ///
    /// # Errors
    /// A column that is not there, or of a type that does not fit, and too many rows. Nothing is taken in then.
    pub fn push(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        self.rows.push(batch, &self.measure.columns(), self.config.rows.as_deref())
    }

    /// Explains what was taken in.
    #[must_use]
    pub fn finish(self) -> Explanation {
        let skipped = self.rows.skipped;
        let limits = Limits {
            layers: self.config.layers(),
            min_support: self.config.min_support,
            direction: self.config.direction,
        };
        let (dimensions, leaves) = self.rows.leaves(&self.config.exclude);
        let found = search::search(&leaves, &Change::new(&leaves), limits);
        let report = Report { dimensions: &dimensions, leaves: &leaves, total: Total::of(&leaves, leaves.all()) };
        report.explanation(&found, self.config.max_causes, skipped)
    }
}

/// Sums of the measure over some leaves.
#[derive(Debug, Clone, Default)]
struct Total {
    sums: Vec<f64>,
    leaves: u64,
    rows: u64,
}

impl Total {
    fn of(leaves: &Leaves, some: impl Iterator<Item = u32>) -> Self {
        let mut total = Self { sums: vec![0.0; leaves.measures.len()], leaves: 0, rows: 0 };
        some.for_each(|leaf| total.add(leaves, leaf));
        total
    }

    fn add(&mut self, leaves: &Leaves, leaf: u32) {
        for (sum, column) in self.sums.iter_mut().zip(&leaves.measures) {
            *sum += column.get(leaf as usize).copied().unwrap_or(0.0);
        }
        self.leaves += 1;
        self.rows += leaves.rows.get(leaf as usize).copied().map_or(0, u64::from);
    }

    /// Actual and expected: sums, or ratios of them (0 over nothing).
    fn values(&self) -> (f64, f64) {
        let ratio = |top: f64, under: f64| if under == 0.0 { 0.0 } else { top / under };
        match *self.sums.as_slice() {
            [actual, expected] => (actual, expected),
            [top, top_expected, under, under_expected] => (ratio(top, under), ratio(top_expected, under_expected)),
            _ => (0.0, 0.0),
        }
    }

    /// By how much these leaves moved the whole: what is missing of what they should have had. Of a ratio, what the whole
    /// would be with the ratio that was expected here.
    fn impact(&self, whole: &Self) -> f64 {
        let (actual, expected) = self.values();
        match (self.sums.as_slice(), whole.sums.as_slice()) {
            ([_, _, under, _], [_, _, all, _]) if *all != 0.0 => (actual - expected) * under / all,
            ([_, _, _, _], _) => 0.0,
            _ => actual - expected,
        }
    }

    /// Adtributor's surprise: the term of the Jensen-Shannon divergence between expected and actual shares.
    fn surprise(&self, whole: &Self) -> Option<f64> {
        let shares = |at: usize| Some(self.sums.get(at)? / whole.sums.get(at).filter(|sum| **sum > 0.0)?);
        let (actual, expected) = (shares(0)?, shares(1)?);
        let half = |p: f64, q: f64| if p > 0.0 { 0.5 * p * (2.0 * p / (p + q)).ln() } else { 0.0 };
        (actual >= 0.0 && expected >= 0.0).then(|| half(actual, expected) + half(expected, actual))
    }
}

struct Report<'a> {
    dimensions: &'a [Dimension],
    leaves: &'a Leaves,
    total: Total,
}

impl Report<'_> {
    fn explanation(&self, found: &search::Found, most: usize, skipped: u64) -> Explanation {
        let mut causes: Vec<Cause> = found.causes.iter().map(|cause| self.cause(cause)).collect();
        causes.sort_by(|a, b| b.impact.abs().total_cmp(&a.impact.abs()));
        causes.truncate(most);
        for (cause, rank) in causes.iter_mut().zip(1..) {
            cause.rank = rank;
            cause.sentence = sentence::cause(cause, self.total.values());
        }
        let covered = search::covered(self.leaves, &found.causes);
        let covered = covered.iter().zip(0..).filter(|(covered, _)| **covered).map(|(_, leaf)| leaf);
        let (actual, expected) = self.total.values();
        let mut summary = Summary {
            actual,
            expected,
            bias: found.background.bias.factor,
            shift: found.background.bias.shift,
            explained: Total::of(self.leaves, covered).impact(&self.total),
            leaves: self.leaves.len() as u64,
            rows: self.total.rows,
            skipped,
            found: found.causes.len() as u64,
            sentence: String::new(),
        };
        summary.sentence = sentence::summary(&summary, &causes);
        let parts = (0..self.dimensions.len()).map(|dimension| self.breakdown(dimension)).collect();
        Explanation { causes, parts, summary }
    }

    /// How the change divides among the values of a dimension.
    fn breakdown(&self, dimension: usize) -> Breakdown {
        let size = self.leaves.sizes.get(dimension).copied().unwrap_or(0);
        let mut totals = vec![Total { sums: vec![0.0; self.leaves.measures.len()], ..Total::default() }; size as usize];
        for leaf in self.leaves.all() {
            if let Some(total) = totals.get_mut(self.leaves.code(dimension, leaf) as usize) {
                total.add(self.leaves, leaf);
            }
        }
        let mut values: Vec<(u32, Total)> = (0..).zip(totals).filter(|(_, total)| total.leaves > 0).collect();
        values.sort_by(|a, b| b.1.impact(&self.total).abs().total_cmp(&a.1.impact(&self.total).abs()));
        let others = values.iter().skip(Breakdown::VALUES).map(|(_, total)| total.impact(&self.total)).sum();
        let named = self.dimensions.get(dimension);
        let part = |(code, total): (u32, Total)| {
            let (actual, expected) = total.values();
            let impact = total.impact(&self.total);
            let value = named.and_then(|named| named.value(code)).map(str::to_owned);
            Part { value, actual, expected, impact, share: self.share(impact), rows: total.rows }
        };
        let name = named.map(|named| named.name().to_owned()).unwrap_or_default();
        Breakdown { dimension: name, values: values.into_iter().take(Breakdown::VALUES).map(part).collect(), others }
    }

    /// An impact as a share of the whole change; none if nothing changed as a whole.
    fn share(&self, impact: f64) -> Option<f64> {
        let (actual, expected) = self.total.values();
        let share = impact / (actual - expected);
        (actual != expected && share.is_finite()).then_some(share)
    }

    fn cause(&self, found: &Candidate) -> Cause {
        let total = Total::of(self.leaves, self.leaves.members(&found.values).into_iter());
        let (actual, expected) = total.values();
        let impact = total.impact(&self.total);
        let value = |(dimension, code): &(usize, u32)| {
            let dimension = self.dimensions.get(*dimension)?;
            Some(Value { dimension: dimension.name().to_owned(), value: dimension.value(*code).map(str::to_owned) })
        };
        Cause {
            rank: 0,
            values: found.values.iter().filter_map(value).collect(),
            actual,
            expected,
            impact,
            share: self.share(impact),
            surprise: total.surprise(&self.total),
            leaves: total.leaves,
            rows: total.rows,
            confidence: 1.0 / (1.0 + (-found.score.evidence).exp()),
            sentence: String::new(),
        }
    }
}
