//! Cases with known causes, made as the papers describe theirs.

use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, DictionaryArray, Float64Array, Int32Array, RecordBatch, StringArray};
use wasmill_explain::{Config, Explanation, Pair};

use crate::random::Random;

/// Dimensions and codes, in the order of the dimensions.
pub type Element = Vec<(usize, u32)>;

/// A table with known causes.
pub struct Case {
    pub sizes: Vec<u32>,
    pub codes: Vec<Vec<u32>>,
    /// Actual and expected of a sum, or of a numerator and then of a denominator.
    pub measures: Vec<Vec<f64>>,
    pub truth: Vec<Element>,
}

/// What RiskLoc's generator is told (arXiv 2205.10004, section V, and its repository's README).
#[derive(Clone)]
pub struct RiskLoc {
    pub sizes: &'static [u32],
    pub shape: [f64; 2],
    pub zeros: [f64; 2],
    pub noise: [f64; 2],
    pub severity: [f64; 2],
    pub deviation: [f64; 2],
    pub anomalies: [usize; 2],
    pub elements: [usize; 2],
    pub only_last_layer: bool,
}

pub const S: RiskLoc = RiskLoc {
    sizes: &[10, 12, 10, 8, 5],
    shape: [0.5, 1.0],
    zeros: [0.0, 0.25],
    noise: [0.0, 0.25],
    severity: [0.2, 1.0],
    deviation: [0.0, 0.1],
    anomalies: [1, 3],
    elements: [1, 3],
    only_last_layer: false,
};
pub const L: RiskLoc = RiskLoc {
    sizes: &[10, 24, 10, 15],
    noise: [0.0, 0.1],
    severity: [0.5, 1.0],
    deviation: [0.0, 0.0],
    anomalies: [1, 5],
    elements: [1, 1],
    only_last_layer: true,
    ..S
};
/// The published one, of 24 million leaves.
pub const H: RiskLoc = RiskLoc { sizes: &[10, 5, 250, 20, 8, 12], ..S };
/// As many dimensions, one of which is long, with an eightieth of the leaves.
pub const H_SMALL: RiskLoc = RiskLoc { sizes: &[8, 5, 50, 5, 6, 5], ..S };

/// The names of dimensions.
pub fn name(dimension: usize) -> String {
    char::from(b'a' + dimension as u8).to_string()
}

/// Causes as dimensions and codes.
pub fn elements(found: &Explanation) -> Vec<Element> {
    let code = |value: &wasmill_explain::Value| {
        ((value.dimension.as_bytes()[0] - b'a') as usize, value.value.as_deref().unwrap()[1..].parse().unwrap())
    };
    found.causes.iter().map(|cause| cause.values.iter().map(code).collect()).collect()
}

impl Case {
    /// A table of all combinations of values.
    pub fn full(sizes: &[u32]) -> Self {
        let leaves: usize = sizes.iter().map(|size| *size as usize).product();
        let mut codes = Vec::new();
        let mut repeat = leaves;
        for size in sizes {
            repeat /= *size as usize;
            codes.push((0..leaves).map(|leaf| (leaf / repeat % *size as usize) as u32).collect());
        }
        Self { sizes: sizes.to_vec(), codes, measures: vec![vec![0.0; leaves]; 2], truth: Vec::new() }
    }

    pub fn len(&self) -> usize {
        self.codes[0].len()
    }

    pub fn has(&self, leaf: usize, element: &Element) -> bool {
        element.iter().all(|(dimension, code)| self.codes[*dimension][leaf] == *code)
    }

    pub fn members(&self, element: &Element) -> Vec<usize> {
        (0..self.len()).filter(|leaf| self.has(*leaf, element)).collect()
    }

    /// Only some of the leaves.
    pub fn sample(&mut self, keep: &[bool]) {
        let mut at = keep.iter();
        self.codes.iter_mut().for_each(|column| {
            at = keep.iter();
            column.retain(|_| *at.next().unwrap());
        });
        self.measures.iter_mut().for_each(|column| {
            at = keep.iter();
            column.retain(|_| *at.next().unwrap());
        });
    }

    pub fn batch(&self) -> RecordBatch {
        let mut columns: Vec<(String, ArrayRef)> = Vec::new();
        for (dimension, codes) in self.codes.iter().enumerate() {
            let values: Vec<String> =
                (0..self.sizes[dimension]).map(|code| format!("{}{code}", name(dimension))).collect();
            let keys = Int32Array::from_iter_values(codes.iter().map(|code| *code as i32));
            let column = DictionaryArray::<Int32Type>::new(keys, Arc::new(StringArray::from(values)));
            columns.push((name(dimension), Arc::new(column)));
        }
        for (column, name) in self.measures.iter().zip(self.measure_names()) {
            columns.push(((*name).to_owned(), Arc::new(Float64Array::from(column.clone()))));
        }
        RecordBatch::try_from_iter(columns).unwrap()
    }

    fn measure_names(&self) -> &'static [&'static str] {
        if self.measures.len() == 2 {
            &["actual", "expected"]
        } else {
            &["top", "top_expected", "under", "under_expected"]
        }
    }

    pub fn config(&self) -> Config {
        let mut config = Config::new((0..self.sizes.len()).map(name));
        if self.measures.len() == 4 {
            let pair = |name: &str| Some(Pair { actual: name.to_owned(), expected: format!("{name}_expected") });
            (config.numerator, config.denominator) = (pair("top"), pair("under"));
        }
        config
    }
}

struct Anomaly {
    elements: Vec<Element>,
    severity: f64,
    deviation: f64,
}

impl RiskLoc {
    /// A case as RiskLoc's generator makes it: Weibull values, some of them 0, noise on one side of each leaf, and
    /// anomalies that lose a share of what their leaves have without noise, all in the direction in which noise went.
    pub fn case(&self, seed: u64) -> Case {
        let mut random = Random::new(seed);
        let mut case = Case::full(self.sizes);
        let noise = self.normal(&mut case, &mut random);
        let anomalies = self.anomalies(&case, noise, &mut random);
        let sum = |column: &[f64]| column.iter().sum::<f64>();
        let up = sum(&case.measures[0]) > sum(&case.measures[1]);
        for anomaly in &anomalies {
            for leaf in 0..case.len() {
                if !anomaly.elements.iter().any(|element| case.has(leaf, element)) {
                    continue;
                }
                let lost = anomaly.severity + anomaly.deviation * random.normal();
                let (from, to) = if up { (0, 1) } else { (1, 0) };
                case.measures[to][leaf] = (case.measures[from][leaf] * (1.0 - lost)).max(0.0);
            }
        }
        case.truth = anomalies.into_iter().flat_map(|anomaly| anomaly.elements).collect();
        case
    }

    fn normal(&self, case: &mut Case, random: &mut Random) -> f64 {
        let zeros = random.between(self.zeros);
        let noise = random.between(self.noise);
        let shape = random.between(self.shape);
        for leaf in 0..case.len() {
            let value = if random.unit() < zeros { 0.0 } else { 100.0 * random.weibull(shape) };
            let noisy = value + value * noise * random.normal();
            let (actual, expected) = if random.unit() < 0.5 { (value, noisy) } else { (noisy, value) };
            case.measures[0][leaf] = actual;
            case.measures[1][leaf] = expected.max(0.0);
        }
        noise
    }

    fn anomalies(&self, case: &Case, noise: f64, random: &mut Random) -> Vec<Anomaly> {
        let mut anomalies: Vec<Anomaly> = Vec::new();
        for _ in 0..random.whole(self.anomalies) {
            let layer = if self.only_last_layer { self.sizes.len() } else { random.whole([1, self.sizes.len()]) };
            let count = random.whole(self.elements);
            let severity = random.between(self.severity) + noise;
            let deviation = random.between(self.deviation);
            let elements = (0..1000).find_map(|_| self.elements(case, &anomalies, layer, count, random));
            anomalies.extend(elements.map(|elements| Anomaly { elements, severity, deviation }));
        }
        anomalies
    }

    /// Elements of one set of dimensions that no other anomaly has, of values that no other one has.
    fn elements(
        &self,
        case: &Case,
        before: &[Anomaly],
        layer: usize,
        count: usize,
        random: &mut Random,
    ) -> Option<Vec<Element>> {
        let dimensions = random.choose(self.sizes.len(), layer);
        let last = layer == self.sizes.len();
        let used = before.iter().flat_map(|anomaly| &anomaly.elements);
        let same = |element: &Element| element.iter().map(|(dimension, _)| *dimension).eq(dimensions.iter().copied());
        if !last && used.clone().any(same) {
            return None;
        }
        let mut elements = vec![Element::new(); count];
        for dimension in dimensions {
            let taken = |code: &u32| used.clone().any(|element| element.contains(&(dimension, *code)));
            let free: Vec<u32> = (0..self.sizes[dimension]).filter(|code| !taken(code)).collect();
            for element in &mut elements {
                element.push((dimension, *free.get(random.whole([0, free.len().max(1) - 1]))?));
            }
        }
        let distinct = (1..count).all(|at| !elements[..at].contains(&elements[at]));
        // Nobody can tell that nothing has become nothing.
        let there = |element: &Element| case.members(element).iter().any(|leaf| case.measures[0][*leaf] != 0.0);
        (distinct && (!last || elements.iter().all(there))).then_some(elements)
    }
}
