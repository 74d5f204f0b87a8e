//! Finds which combinations of dimension values moved a measure.
#![allow(dead_code)]

pub mod config;
pub mod dimension;
pub mod error;
pub mod explainer;
pub mod explanation;

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

pub use config::{Config, Direction, Pair};
pub use error::Error;
pub use explainer::{Explainer, explain};
pub use explanation::{Cause, Explanation, Summary, Value};
