//! What comes out: causes, a summary, and both as sentences and as a batch.

use std::sync::Arc;

use arrow_array::builder::{Float64Builder, MapBuilder, MapFieldNames, StringBuilder, UInt32Builder, UInt64Builder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use serde::Serialize;

use crate::error::Error;

/// A dimension and its value; none is null.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// The dimension's column.
    pub dimension: String,
    /// The value as text.
    pub value: Option<String>,
}

/// A combination of values that explains a part of the change.
#[derive(Debug, Clone, PartialEq)]
pub struct Cause {
    /// From 1: the one that moved the measure most.
    pub rank: u32,
    /// Dimensions in the order of the configuration.
    pub values: Vec<Value>,
    /// What its rows have of the measure: a sum or a ratio.
    pub actual: f64,
    /// What was expected of them.
    pub expected: f64,
    /// By how much it moved the measure as a whole, in the measure's unit.
    pub impact: f64,
    /// `impact` as a share of the whole change; none if nothing changed as a whole. Shares add up to more than 1 if
    /// something else went the other way, or if causes share rows.
    pub share: Option<f64>,
    /// How much its share of the measure differs from what was expected, in nats (Adtributor's Jensen-Shannon term); none
    /// if the measure has no shares, because a sum is not positive.
    pub surprise: Option<f64>,
    /// How many leaves (combinations of all dimensions) it has.
    pub leaves: u64,
    /// How many rows.
    pub rows: u64,
    /// How likely it is a cause rather than chance, from 0 to 1.
    pub confidence: f64,
    /// The same in plain English.
    pub sentence: String,
}

/// The change as a whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// The measure over all rows.
    pub actual: f64,
    /// What was expected of it.
    pub expected: f64,
    /// By what the expectation has to be multiplied as a whole; 1 if it is right.
    pub bias: f64,
    /// What has then to be added to that of each leaf; 0 if it is right.
    pub shift: f64,
    /// By how much the causes together moved the measure.
    pub explained: f64,
    /// How many leaves (combinations of all dimensions) there are.
    pub leaves: u64,
    /// How many rows.
    pub rows: u64,
    /// How many rows were left out, because a measure of theirs is missing or no number.
    pub skipped: u64,
    /// How many causes were found, before `max_causes`.
    pub found: u64,
    /// The same in plain English.
    pub sentence: String,
}

/// How the change divides among the values of a dimension: no claim of a cause.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Breakdown {
    /// The dimension's column.
    pub dimension: String,
    /// The values that moved the measure most, the first one most; at most [`Breakdown::VALUES`].
    pub values: Vec<Part>,
    /// By how much all other values together moved it.
    pub others: f64,
}

impl Breakdown {
    /// As many values are named.
    pub const VALUES: usize = 6;
}

/// What a value of a dimension has of the change, as a [`Cause`] would.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Part {
    /// The value as text; none is null.
    pub value: Option<String>,
    /// What its rows have of the measure.
    pub actual: f64,
    /// What was expected of them.
    pub expected: f64,
    /// By how much they moved the measure as a whole.
    pub impact: f64,
    /// `impact` as a share of the whole change.
    pub share: Option<f64>,
    /// How many rows.
    pub rows: u64,
}

/// Why a measure moved.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// The causes, by rank; empty if there are none.
    pub causes: Vec<Cause>,
    /// Where the change is, whether or not there is a cause: for each dimension.
    pub parts: Vec<Breakdown>,
    /// The change as a whole.
    pub summary: Summary,
}

impl Cause {
    /// `origin=JFK & carrier=EV`; a null is `carrier is null`.
    #[must_use]
    pub fn text(&self) -> String {
        let text = |value: &Value| match &value.value {
            Some(text) => format!("{}={text}", value.dimension),
            None => format!("{} is null", value.dimension),
        };
        self.values.iter().map(text).collect::<Vec<_>>().join(" & ")
    }

    /// How many dimensions it names.
    #[must_use]
    pub fn layer(&self) -> u32 {
        u32::try_from(self.values.len()).unwrap_or(u32::MAX)
    }
}

impl Explanation {
    /// The columns of [`Explanation::batch`].
    #[must_use]
    pub fn schema() -> SchemaRef {
        let entries = vec![Field::new("dimension", DataType::Utf8, false), Field::new("value", DataType::Utf8, true)];
        let entries = Field::new("entries", DataType::Struct(entries.into()), false);
        Arc::new(Schema::new(vec![
            Field::new("rank", DataType::UInt32, false),
            Field::new("cause", DataType::Map(Arc::new(entries), false), false),
            Field::new("text", DataType::Utf8, false),
            Field::new("layer", DataType::UInt32, false),
            Field::new("actual", DataType::Float64, false),
            Field::new("expected", DataType::Float64, false),
            Field::new("impact", DataType::Float64, false),
            Field::new("share", DataType::Float64, true),
            Field::new("surprise", DataType::Float64, true),
            Field::new("leaves", DataType::UInt64, false),
            Field::new("rows", DataType::UInt64, false),
            Field::new("confidence", DataType::Float64, false),
            Field::new("sentence", DataType::Utf8, false),
            Field::new("summary", DataType::Utf8, false),
        ]))
    }

    /// The whole as a cause of rank 0, which names no dimension.
    #[must_use]
    pub fn whole(&self) -> Cause {
        let Summary { actual, expected, leaves, rows, sentence, .. } = self.summary.clone();
        let impact = actual - expected;
        let share = (impact != 0.0).then_some(1.0);
        let (values, surprise, confidence) = (Vec::new(), None, 1.0);
        Cause { rank: 0, values, actual, expected, impact, share, surprise, leaves, rows, confidence, sentence }
    }

    /// A row for each cause, by rank; none if there is none. Every row ends with the sentence for the whole.
    ///
    /// # Errors
    /// Arrow's, which are not expected.
    pub fn batch(&self) -> Result<RecordBatch, Error> {
        let floats = |value: fn(&Cause) -> Option<f64>| -> ArrayRef {
            let mut builder = Float64Builder::new();
            self.causes.iter().for_each(|cause| builder.append_option(value(cause)));
            Arc::new(builder.finish())
        };
        let texts = |value: &dyn Fn(&Cause) -> String| -> ArrayRef {
            let mut builder = StringBuilder::new();
            self.causes.iter().for_each(|cause| builder.append_value(value(cause)));
            Arc::new(builder.finish())
        };
        let counts = |value: fn(&Cause) -> u64| -> ArrayRef {
            let mut builder = UInt64Builder::new();
            self.causes.iter().for_each(|cause| builder.append_value(value(cause)));
            Arc::new(builder.finish())
        };
        let small = |value: fn(&Cause) -> u32| -> ArrayRef {
            let mut builder = UInt32Builder::new();
            self.causes.iter().for_each(|cause| builder.append_value(value(cause)));
            Arc::new(builder.finish())
        };
        let columns = vec![
            small(|cause| cause.rank),
            self.maps()?,
            texts(&Cause::text),
            small(Cause::layer),
            floats(|cause| Some(cause.actual)),
            floats(|cause| Some(cause.expected)),
            floats(|cause| Some(cause.impact)),
            floats(|cause| cause.share),
            floats(|cause| cause.surprise),
            counts(|cause| cause.leaves),
            counts(|cause| cause.rows),
            floats(|cause| Some(cause.confidence)),
            texts(&|cause| cause.sentence.clone()),
            texts(&|_| self.summary.sentence.clone()),
        ];
        Ok(RecordBatch::try_new(Self::schema(), columns)?)
    }

    fn maps(&self) -> Result<ArrayRef, Error> {
        let names = MapFieldNames { entry: "entries".into(), key: "dimension".into(), value: "value".into() };
        let mut builder = MapBuilder::new(Some(names), StringBuilder::new(), StringBuilder::new());
        for cause in &self.causes {
            for value in &cause.values {
                builder.keys().append_value(&value.dimension);
                builder.values().append_option(value.value.as_deref());
            }
            builder.append(true)?;
        }
        Ok(Arc::new(builder.finish()))
    }
}
