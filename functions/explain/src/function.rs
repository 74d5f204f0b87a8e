//! The function `explain`: a transform of an event's rows, all of them, into the causes of a change. The metadata of what comes
//! out has the measure over all rows, `actual` and `expected`, the sentence for the whole, `summary`, and as JSON how the change divides
//! among the values of each dimension, `parts`.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{RecordBatch, Scalar, UInt32Array, new_null_array};
use arrow_ord::cmp::not_distinct;
use arrow_schema::{Fields, Schema, SchemaRef};
use arrow_select::take::take_record_batch;
use wasmill_sdk::{Context, Failure, Output, Scope, Transform};

use crate::config::Config;
use crate::error::Error;
use crate::explainer::Explainer;
use crate::explanation::Explanation;

/// Explains the rows of an event, once they are all there.
pub struct Explain {
    config: Config,
    /// The columns that come out, once the step is bound.
    output: SchemaRef,
    kept: Option<Kept>,
}

/// The rows of an event so far.
struct Kept {
    event: (String, u32),
    explainer: Explainer,
    /// One row of the columns that causes have too, once there is one.
    row: Option<RecordBatch>,
}

impl Explain {
    /// What is known of an event. Rows of one that was given up are dropped.
    fn kept(&mut self, ctx: &Context) -> Result<&mut Kept, Failure> {
        let event = (ctx.event_id.clone(), ctx.attempt);
        if self.kept.as_ref().is_none_or(|kept| kept.event != event) {
            let explainer = Explainer::new(self.config.clone()).map_err(reject)?;
            self.kept = Some(Kept { event, explainer, row: None });
        }
        self.kept.as_mut().ok_or_else(|| Failure::Other("nothing is kept".to_owned()))
    }
}

impl Explain {
    /// Where the columns are that causes have too.
    fn places(&self, rows: &RecordBatch) -> Result<Vec<usize>, String> {
        let schema = rows.schema();
        let place = |name: &String| {
            let known: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
            schema
                .index_of(name)
                .map_err(|_| format!("there is no column `{name}` to keep; known: {}", known.join(", ")))
        };
        self.config.keep.iter().map(place).collect()
    }
}

impl Transform for Explain {
    type Config = Config;

    fn configure(config: Config) -> Result<Self, String> {
        Explainer::new(config.clone()).map_err(|err| err.to_string())?;
        Ok(Self { config, output: Explanation::schema(), kept: None })
    }

    fn bind(&mut self, input: SchemaRef) -> Result<(SchemaRef, Scope), String> {
        // No rows tell which columns there are, and of which types.
        let columns = input.fields().iter().map(|field| new_null_array(field.data_type(), 0)).collect();
        let none = RecordBatch::try_new(input, columns).map_err(|err| err.to_string())?;
        let mut tried = Explainer::new(self.config.clone()).map_err(|err| err.to_string())?;
        tried.push(&none).map_err(|err| err.to_string())?;
        let kept = none.project(&self.places(&none)?).map_err(|err| err.to_string())?;
        self.output = schema(&kept.schema());
        Ok((self.output.clone(), Scope::Object))
    }

    fn process(&mut self, ctx: &Context, rows: RecordBatch) -> Result<Output, Failure> {
        let one = rows.project(&self.places(&rows).map_err(Failure::Reject)?)?;
        let kept = self.kept(ctx)?;
        kept.explainer.push(&rows).map_err(reject)?;
        if one.num_rows() > 0 {
            same(&one, kept.row.get_or_insert_with(|| one.slice(0, 1)))?;
        }
        Ok(RecordBatch::new_empty(self.output.clone()).into())
    }

    fn finish(&mut self, ctx: &Context) -> Result<Output, Failure> {
        self.kept(ctx)?;
        let kept = self.kept.take().ok_or_else(|| Failure::Other("nothing is kept".to_owned()))?;
        let mut explanation = kept.explainer.finish();
        if self.config.whole {
            explanation.causes.insert(0, explanation.whole());
        }
        let batch = explanation.batch().map_err(reject)?;
        let batch = match (&kept.row, self.config.keep.is_empty()) {
            (_, true) => batch,
            (Some(row), _) => beside(&batch, row)?,
            // Of no rows nothing is known that could be kept.
            (None, _) => return Ok(RecordBatch::new_empty(self.output.clone()).into()),
        };
        // Without causes there is no row that could tell of the whole.
        let whole = explanation.summary;
        let metadata = HashMap::from([
            ("actual".to_owned(), whole.actual.to_string()),
            ("expected".to_owned(), whole.expected.to_string()),
            ("summary".to_owned(), whole.sentence),
            (
                "parts".to_owned(),
                serde_json::to_string(&explanation.parts).map_err(|err| Failure::Other(err.to_string()))?,
            ),
        ]);
        let schema = batch.schema().as_ref().clone().with_metadata(metadata);
        Ok(batch.with_schema(Arc::new(schema))?.into())
    }
}

/// The columns of causes, with those that are kept.
fn schema(kept: &SchemaRef) -> SchemaRef {
    let fields = Explanation::schema().fields().iter().chain(kept.fields()).cloned().collect::<Fields>();
    Arc::new(Schema::new(fields))
}

/// Causes, each with the columns that are kept.
fn beside(causes: &RecordBatch, row: &RecordBatch) -> Result<RecordBatch, Failure> {
    let first = UInt32Array::from(vec![0; causes.num_rows()]);
    let kept = take_record_batch(row, &first)?;
    let columns = causes.columns().iter().chain(kept.columns()).cloned().collect();
    Ok(RecordBatch::try_new(schema(&kept.schema()), columns)?)
}

/// An error if some rows have other values than the first row of the event.
fn same(rows: &RecordBatch, first: &RecordBatch) -> Result<(), Failure> {
    for ((field, column), first) in rows.schema().fields().iter().zip(rows.columns()).zip(first.columns()) {
        let differs = not_distinct(column, &Scalar::new(first.clone()))?.values().count_set_bits() < column.len();
        if differs {
            let message = format!(
                "`keep` has `{0}`, which is not the same in all rows of the event; hint: name it in `dimensions`, or remove it",
                field.name()
            );
            return Err(Failure::Reject(message));
        }
    }
    Ok(())
}

/// Rows that cannot be explained never can.
fn reject(err: Error) -> Failure {
    Failure::Reject(err.to_string())
}
