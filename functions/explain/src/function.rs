//! The function `explain`: a transform of an event's rows, all of them, into the causes of a change. The metadata of what comes
//! out has the measure over all rows, `actual` and `expected`, and the sentence for the whole, `summary`.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{RecordBatch, new_null_array};
use arrow_schema::SchemaRef;
use wasmill_sdk::{Context, Failure, Output, Scope, Transform};

use crate::config::Config;
use crate::error::Error;
use crate::explainer::Explainer;
use crate::explanation::Explanation;

/// Explains the rows of an event, once they are all there.
pub struct Explain {
    config: Config,
    kept: Option<Kept>,
}

/// The rows of an event so far.
struct Kept {
    event: (String, u32),
    explainer: Explainer,
}

impl Explain {
    /// What explains an event. Rows of one that was given up are dropped.
    fn explainer(&mut self, ctx: &Context) -> Result<&mut Explainer, Failure> {
        let event = (ctx.event_id.clone(), ctx.attempt);
        if self.kept.as_ref().is_none_or(|kept| kept.event != event) {
            let explainer = Explainer::new(self.config.clone()).map_err(reject)?;
            self.kept = Some(Kept { event, explainer });
        }
        let kept = self.kept.as_mut().ok_or_else(|| Failure::Other("nothing is kept".to_owned()))?;
        Ok(&mut kept.explainer)
    }
}

impl Transform for Explain {
    type Config = Config;

    fn configure(config: Config) -> Result<Self, String> {
        Explainer::new(config.clone()).map_err(|err| err.to_string())?;
        Ok(Self { config, kept: None })
    }

    fn bind(&mut self, input: SchemaRef) -> Result<(SchemaRef, Scope), String> {
        // No rows tell which columns there are, and of which types.
        let columns = input.fields().iter().map(|field| new_null_array(field.data_type(), 0)).collect();
        let none = RecordBatch::try_new(input, columns).map_err(|err| err.to_string())?;
        let mut tried = Explainer::new(self.config.clone()).map_err(|err| err.to_string())?;
        tried.push(&none).map_err(|err| err.to_string())?;
        Ok((Explanation::schema(), Scope::Object))
    }

    fn process(&mut self, ctx: &Context, rows: RecordBatch) -> Result<Output, Failure> {
        self.explainer(ctx)?.push(&rows).map_err(reject)?;
        Ok(RecordBatch::new_empty(Explanation::schema()).into())
    }

    fn finish(&mut self, ctx: &Context) -> Result<Output, Failure> {
        self.explainer(ctx)?;
        let kept = self.kept.take().ok_or_else(|| Failure::Other("nothing is kept".to_owned()))?;
        let explanation = kept.explainer.finish();
        let batch = explanation.batch().map_err(reject)?;
        // Without causes there is no row that could tell of the whole.
        let whole = explanation.summary;
        let metadata = HashMap::from([
            ("actual".to_owned(), whole.actual.to_string()),
            ("expected".to_owned(), whole.expected.to_string()),
            ("summary".to_owned(), whole.sentence),
        ]);
        let schema = batch.schema().as_ref().clone().with_metadata(metadata);
        Ok(batch.with_schema(Arc::new(schema))?.into())
    }
}

/// Rows that cannot be explained never can.
fn reject(err: Error) -> Failure {
    Failure::Reject(err.to_string())
}
