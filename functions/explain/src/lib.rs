//! Finds which combinations of dimension values moved a measure.
//!
//! A table has dimension columns and a measure as it is and as it was expected. The result is the smallest set of
//! combinations (`origin=JFK & carrier=EV`) that explains the difference, or that there is none.
//!
//! ```
//! use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray};
//! use std::sync::Arc;
//! use wasmill_explain::{Config, Explainer};
//!
//! let shops = (0..200).map(|at| format!("shop {}", at % 20));
//! let days = (0..200).map(|at| format!("day {}", at / 20));
//! let expected: Vec<f64> = (0..200).map(|at| 100.0 + f64::from(at % 7)).collect();
//! let lost = |at: usize| if at % 20 == 3 { 0.5 } else { 1.0 };
//! let actual: Vec<f64> = expected.iter().enumerate().map(|(at, value)| value * lost(at)).collect();
//! let batch = RecordBatch::try_from_iter([
//!     ("shop", Arc::new(StringArray::from_iter_values(shops)) as ArrayRef),
//!     ("day", Arc::new(StringArray::from_iter_values(days))),
//!     ("actual", Arc::new(Float64Array::from(actual))),
//!     ("expected", Arc::new(Float64Array::from(expected))),
//! ])?;
//!
//! let mut explainer = Explainer::new(Config::new(["shop", "day"]))?;
//! explainer.push(&batch)?;
//! let explanation = explainer.finish();
//! assert_eq!(explanation.causes[0].text(), "shop=shop 3");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Configuration
//!
//! ```toml
//! dimensions = ["origin", "carrier", "hour"]
//! actual = "delay"                 # a measure that adds up; `actual` and `expected` if nothing is said
//! expected = "usual_delay"
//! # or a ratio of two sums:
//! # numerator = { actual = "late", expected = "usually_late" }
//! # denominator = { actual = "flights", expected = "usual_flights" }
//! rows = "count"                   # how many rows a row stands for, if they were added up before; 1 if nothing is said
//! direction = "up"                 # or "down"; "both" if nothing is said
//! max_causes = 10
//! min_support = 1                  # leaves: combinations of all dimensions
//! max_layer = 3                    # dimensions that a cause names at most
//! exclude = [{ origin = "JFK", carrier = "EV" }]
//! whole = true                     # a row of rank 0 for the whole comes first, also if there is no cause (of the step)
//! keep = ["period"]                # columns that are the same in all rows of an event; each cause has them (of the step)
//! ```
//!
//! - Dimensions are texts, numbers, booleans or dates; null is a value of its own. Rows of the same values are added up.
//! - Measures are numbers of any type. A null is 0; a row whose measures are all null, or of which one is not finite, is left
//!   out and counted.
//! - `max_layer`: all dimensions if there are up to 6, 4 of 7 or 8, 3 of 9 or 10, otherwise 2.
//! - `exclude`: causes that are known. Their leaves are left out, of the sums as well.
//!
//! The method, how good it is and where it fails is in `docs/explain.md`.
//!
//! # Layout
//! - [`config`]: the configuration.
//! - [`explainer`]: from rows to an explanation.
//! - [`explanation`]: what comes out.
//! - [`function`]: the same as a step of a pipeline.
//! - [`dimension`]: columns of dimensions, as codes.
//! - `leaves`: rows, and what they add up to.
//! - `change`: by how much each leaf changed.
//! - `bias`, `tail`, `background`: what leaves do that no cause has touched.
//! - `keys`, `cuboid`: all combinations of values of a set of dimensions.
//! - `score`: how well a combination explains its leaves.
//! - `search`: the best ones, one after the other; `search::totals`, where leaves are too noisy to move alike, or are
//!   counts of events.
//! - `sentence`: in plain English.

pub mod config;
pub mod dimension;
pub mod error;
pub mod explainer;
pub mod explanation;
pub mod function;

mod background;
mod bias;
mod change;
mod cuboid;
mod keys;
mod leaves;
mod score;
mod search;
mod sentence;
mod tail;
#[cfg(test)]
mod tests;

pub use config::{Config, Direction, Pair};
pub use error::Error;
pub use explainer::{Explainer, explain};
pub use explanation::{Breakdown, Cause, Explanation, Part, Summary, Value};
