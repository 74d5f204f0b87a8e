//! Whether a value of a measure is usual.
//!
//! - What is *usual* is the median of the values whole seasons before: a seasonal naive forecast (Hyndman and Athanasopoulos, Forecasting:
//!   Principles and Practice, 5.2) that one odd season does not move.
//! - How much values differ from that by chance: 1.4826 times the median of how far each value is from the median of the others at its place
//!   in the season (the median absolute deviation, which is the standard deviation if values are normal); if more than half are not apart at
//!   all, 1.2533 times the mean of it.
//! - Their quotient is the *robust z-score* (Iglewicz and Hoaglin, How to Detect and Handle Outliers, 1993, where 3.5 is the bound).

use wasmill_model::model::Granularity;
use wasmill_runtime::manifest::{self, Side};

/// Fewer values than this at a place in the season do not say what is usual there.
const FEWEST: usize = 3;
/// Seasons that are looked at, and standard deviations on both sides, unless it is said.
const SEASONS: u32 = 8;
const THRESHOLD: f64 = 3.5;
/// So many periods before say what a combination of values usually has.
const LIKE: usize = 12;
/// From the median, and from the mean, of absolute deviations to the standard deviation of a normal distribution.
const MEDIAN: f64 = 1.4826;
const MEAN: f64 = 1.2533;
/// A smaller share of a value is no difference, but how sums are rounded.
const RESOLUTION: f64 = 1e-9;

/// A band around what is usual.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Band {
    /// After how many periods values repeat.
    pub season: usize,
    /// How many periods before are looked at: whole seasons.
    pub window: usize,
    threshold: f64,
    least_change: f64,
    side: Side,
}

/// How a value is to those before.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// What is usual.
    pub usual: f64,
    /// How far from that it is, in standard deviations; none if nothing ever differed.
    pub z: Option<f64>,
    /// Whether it is out of the band.
    pub is_out: bool,
    /// How many periods before there were values within the band; all of those at its place if none was. The latest ones.
    pub like: Vec<usize>,
}

impl Band {
    /// As a manifest has it, for a measure by such periods.
    pub fn new(typed: &manifest::Band, granularity: Granularity) -> Self {
        let season = typed.season.unwrap_or(match granularity {
            Granularity::Hour => 24,
            Granularity::Day => 7,
            Granularity::Week => 52,
            Granularity::Month => 12,
            Granularity::Quarter => 4,
            Granularity::Year => 1,
        });
        Self {
            season: season as usize,
            window: (season * typed.seasons.unwrap_or(SEASONS)) as usize,
            threshold: typed.threshold.unwrap_or(THRESHOLD),
            least_change: typed.least_change.unwrap_or(0.0),
            side: typed.direction,
        }
    }

    /// Judges a value by those of the periods before, the oldest first, of which some may be missing. None if too few are there.
    pub fn judge(&self, before: &[Option<f64>], value: f64) -> Option<Verdict> {
        // By how many periods before, from 1.
        let window: Vec<(usize, f64)> = (1..=self.window)
            .zip(before.iter().rev())
            .filter_map(|(back, value)| Some((back, value.filter(|value| value.is_finite())?)))
            .collect();
        let at = |place: usize| window.iter().filter(move |(back, _)| back % self.season == place);
        let mut here: Vec<f64> = at(0).map(|(_, value)| *value).collect();
        if here.len() < FEWEST {
            return None;
        }
        let usual = median(&mut here)?;
        let apart = window.iter().filter_map(|(back, value)| {
            let others = at(back % self.season).filter(|(other, _)| other != back).map(|(_, value)| *value);
            let mut others: Vec<f64> = others.collect();
            // Of one other nobody knows which of the two is odd.
            if others.len() < FEWEST - 1 { None } else { median(&mut others).map(|middle| (value - middle).abs()) }
        });
        let mut apart: Vec<f64> = apart.collect();
        let mean = apart.iter().sum::<f64>() / apart.len() as f64;
        let scale =
            median(&mut apart).map(|median| MEDIAN * median).filter(|scale| *scale > 0.0).unwrap_or(MEAN * mean);
        let change = value - usual;
        let z = (scale > 0.0).then(|| change / scale);
        let is_far = change.abs() > RESOLUTION * usual.abs() && z.is_none_or(|z| z.abs() > self.threshold);
        let is_asked = match self.side {
            Side::Both => true,
            Side::Up => change > 0.0,
            Side::Down => change < 0.0,
        };
        let is_out = is_far && is_asked && change.abs() >= self.least_change * usual.abs();
        let reach = (self.threshold * scale).max(RESOLUTION * usual.abs());
        let within = at(0).filter(|(_, value)| (value - usual).abs() <= reach);
        let mut like: Vec<usize> = within.map(|(back, _)| *back).take(LIKE).collect();
        if like.is_empty() {
            // What is usual may be between two kinds of values.
            like = at(0).map(|(back, _)| *back).take(LIKE).collect();
        }
        Some(Verdict { usual, z, is_out, like })
    }
}

/// The middle of some values, the mean of two if they are even; none of none.
fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let upper = values.get(values.len() / 2)?;
    let lower = values.get((values.len() - 1) / 2)?;
    Some(f64::midpoint(*lower, *upper))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test stops where it is wrong")]
mod tests {
    use super::*;

    fn band(json: &str) -> Band {
        Band::new(&serde_json::from_str(json).unwrap(), Granularity::Day)
    }

    /// Eight weeks in which Sundays have half, with a little noise.
    fn weeks() -> Vec<Option<f64>> {
        let noise = |day: usize| ((day * 37) % 11) as f64 - 5.0;
        (0..56).map(|day| Some(if day % 7 == 6 { 50.0 } else { 100.0 } + noise(day))).collect()
    }

    #[test]
    fn what_is_usual_is_by_the_place_in_the_season() {
        let usual = band("{}");
        let weeks = weeks();
        // The day after is the first of a week; a Sunday's value is far below that.
        let verdict = usual.judge(&weeks, 50.0).unwrap();
        assert!(verdict.is_out && (95.0..105.0).contains(&verdict.usual) && verdict.z.unwrap() < -3.5, "{verdict:?}");
        assert!(!usual.judge(&weeks, 103.0).unwrap().is_out);
        // On a Sunday it is usual.
        assert!(!usual.judge(&weeks[..55], 50.0).unwrap().is_out);
        assert!(usual.judge(&weeks[..55], 100.0).unwrap().is_out);
    }

    #[test]
    fn odd_values_before_move_nothing() {
        let mut weeks = weeks();
        weeks[49] = Some(1000.0);
        weeks[13] = Some(-1000.0);
        weeks[20] = None;
        let verdict = band("{}").judge(&weeks, 150.0).unwrap();
        assert!(verdict.is_out && (95.0..105.0).contains(&verdict.usual), "{verdict:?}");
        assert_eq!(verdict.like, [14, 21, 28, 35, 42, 49, 56]);
    }

    #[test]
    fn sides_and_least_changes_are_as_asked() {
        let weeks = weeks();
        let is_out = |json: &str, value: f64| band(json).judge(&weeks, value).unwrap().is_out;
        assert!(is_out("{}", 130.0) && is_out(r#"{"direction": "up"}"#, 130.0));
        assert!(!is_out(r#"{"direction": "down"}"#, 130.0) && !is_out(r#"{"least_change": 0.5}"#, 130.0));
        assert!(!is_out(r#"{"threshold": 50}"#, 130.0));
    }

    #[test]
    fn without_enough_values_nothing_is_said() {
        assert_eq!(band("{}").judge(&weeks()[..20], 50.0), None);
        assert_eq!(band("{}").judge(&[], 50.0), None);
        // Where nothing ever differed, any difference is out of the band.
        let same = vec![Some(3.0); 21];
        let verdict = band("{}").judge(&same, 3.1).unwrap();
        assert_eq!((verdict.is_out, verdict.z), (true, None));
        assert!(!band("{}").judge(&same, 3.0).unwrap().is_out);
        // Neither is what differs by how it was added up.
        let rounded: Vec<Option<f64>> = (0..21).map(|day| Some(10.0 + f64::from(day % 2) * 1e-15)).collect();
        assert!(!band("{}").judge(&rounded, 10.0 + 1.2e-14).unwrap().is_out);
        // Of two kinds of values neither is what is usual, and both are like it.
        let kinds = |day: usize| {
            if day % 7 != 0 {
                50.0 + (day % 3) as f64
            } else if day < 28 {
                0.0
            } else {
                100.0
            }
        };
        let kinds: Vec<Option<f64>> = (0..56).map(|day| Some(kinds(day))).collect();
        assert_eq!(band("{}").judge(&kinds, 500.0).unwrap().like.len(), 8);
        // A year has no season, and the last years are usual.
        let years = Band::new(&manifest::Band::default(), Granularity::Year);
        assert!(years.judge(&[Some(10.0), Some(11.0), Some(9.0), Some(10.5)], 30.0).unwrap().is_out);
    }
}
