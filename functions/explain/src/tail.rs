//! How heavy the tail of the background's noise is.

/// Degrees of freedom of Student's t, with what scales its quartiles to those of the normal distribution and the logarithm
/// of its density's factor.
const SHAPES: [(f64, f64, f64); 11] = [
    (1.0, 0.674_490, -1.144_730),
    (1.5, 0.772_970, -1.076_650),
    (2.0, 0.826_078, -1.039_721),
    (3.0, 0.881_810, -1.000_889),
    (4.0, 0.910_615, -0.980_829),
    (6.0, 0.939_979, -0.960_418),
    (8.0, 0.954_845, -0.950_109),
    (12.0, 0.969_815, -0.939_748),
    (20.0, 0.981_855, -0.931_433),
    (40.0, 0.990_916, -0.925_188),
    (1000.0, 0.999_636, -0.919_189),
];
/// Half the logarithm of two pi.
const HALF_LN_TAU: f64 = 0.918_938_533;
/// Distances are counted in cells this wide, up to [`CELLS`] of them.
const WIDTH: f32 = 0.25;
const CELLS: usize = 160;
/// Below this many cells (one standard deviation) only the sum counts: how peaked the middle is says nothing of the tail.
const MIDDLE: usize = 4;

/// A shape that is so many nats less likely than the best one is refuted, with 95 % confidence.
const REFUTED: f64 = 2.0;

/// Student's t with the quartiles of the standard normal distribution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Tail {
    freedom: f64,
    scale: f64,
    factor: f64,
}

impl Default for Tail {
    fn default() -> Self {
        Self::shape(SHAPES.last())
    }
}

impl Tail {
    fn shape(shape: Option<&(f64, f64, f64)>) -> Self {
        let (freedom, scale, factor) = shape.copied().unwrap_or((1000.0, 0.999_636, -0.919_189));
        Self { freedom, scale, factor }
    }

    /// Fits to distances in units of noise, on the side (above or below) whose tail is lighter: causes are on the other.
    pub fn fit(distances: impl Iterator<Item = f32>) -> Self {
        let mut sides = [[0_u64; CELLS]; 2];
        for distance in distances.filter(|distance| distance.is_finite()) {
            let [below, above] = &mut sides;
            let side = if distance < 0.0 { below } else { above };
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative")]
            let cell = (distance.abs() / WIDTH) as usize;
            if let Some(count) = side.get_mut(cell.min(CELLS - 1)) {
                *count += 1;
            }
        }
        let fits = sides.iter().map(Self::fit_side);
        fits.max_by(|a, b| a.freedom.total_cmp(&b.freedom)).unwrap_or_default()
    }

    fn fit_side(counts: &[u64; CELLS]) -> Self {
        let tails = SHAPES.iter().map(|shape| Self::shape(Some(shape)));
        let fits: Vec<(f64, Self)> = tails.map(|tail| (tail.likelihood(counts), tail)).collect();
        let best = fits.iter().map(|(likelihood, _)| *likelihood).fold(f64::NEG_INFINITY, f64::max);
        // The heaviest that is not refuted: few leaves do not show how rare the far ones are.
        fits.into_iter()
            .find(|(likelihood, _)| *likelihood >= best - REFUTED)
            .map_or_else(Self::default, |(_, tail)| tail)
    }

    fn likelihood(&self, counts: &[u64; CELLS]) -> f64 {
        let middle = |cell: usize| (f64::from(WIDTH) * (cell as f64 + 0.5)).powi(2);
        // The last cell has all that is beyond.
        let density: Vec<f64> = (0..4 * CELLS).map(|cell| self.density(middle(cell)).exp()).collect();
        let total: f64 = density.iter().sum();
        let of = |cells: std::ops::Range<usize>| {
            let mass: f64 = density.get(cells.clone()).map_or(0.0, |cells| cells.iter().sum());
            let count: u64 = counts.get(cells.start..cells.end.min(CELLS)).map_or(0, |cells| cells.iter().sum());
            if count == 0 { 0.0 } else { count as f64 * (mass / total).ln() }
        };
        let single = (MIDDLE..CELLS - 1).map(|cell| of(cell..cell + 1));
        of(0..MIDDLE) + single.sum::<f64>() + of(CELLS - 1..4 * CELLS)
    }

    /// The logarithm of the density at a squared distance.
    fn density(&self, square: f64) -> f64 {
        let scaled = square / (self.scale * self.scale * self.freedom);
        self.factor - self.scale.ln() - (self.freedom + 1.0) / 2.0 * scaled.ln_1p()
    }

    /// By how many nats a leaf is less likely than at the top of a normal distribution of its own.
    #[expect(clippy::cast_possible_truncation, reason = "some hundred at most")]
    pub fn surprise(&self, square: f32) -> f32 {
        (-HALF_LN_TAU - self.density(f64::from(square))) as f32
    }

    /// Degrees of freedom of a mean of so many leaves: each adds what it says of the noise to what all leaves say.
    pub fn freedom(&self, leaves: f64) -> f64 {
        (self.freedom + leaves - 1.0).max(1.0)
    }
}

/// How little what is so far (squared) from the background in units of its error is there by chance: the logarithm of one
/// over its two-sided probability, by the tail of Student's t (Mills' ratio).
pub(crate) fn evidence(freedom: f64, square: f64) -> f64 {
    if square <= 1.0 {
        return 0.0;
    }
    let density = HALF_LN_TAU + (freedom + 1.0) / 2.0 * (square / freedom).ln_1p();
    let ratio = square.sqrt() * freedom / (square + freedom);
    (density + ratio.ln() - std::f64::consts::LN_2).max(0.0)
}
