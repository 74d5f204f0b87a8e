//! The steps that the gateway is composed with.

use wasmill_events::{Batch, Chain, Receipt};
use wasmill_sdk::{Context, Failure, Written};

use crate::shell::bindings::wasmill::pipeline::{buffer, ingest, publish, score, transform, types};

/// The steps of the pipeline.
#[derive(Default)]
pub struct Steps {
    /// The event's data being read.
    decoder: Option<ingest::Decoder>,
}

impl Chain for Steps {
    fn open(&mut self, ctx: &Context, data: Vec<u8>) -> Result<(), Failure> {
        let source = buffer::wrap(&data);
        drop(data);
        self.decoder = Some(ingest::open(&context(ctx), source).map_err(failure)?);
        Ok(())
    }

    fn next(&mut self) -> Result<Option<Batch>, Failure> {
        let Some(decoder) = &self.decoder else { return Ok(None) };
        Ok(decoder.next().map_err(failure)?.map(batch))
    }

    fn transform(&mut self, ctx: &Context, rows: &[u8]) -> Result<Batch, Failure> {
        transform::process(&context(ctx), rows).map(batch).map_err(failure)
    }

    fn finish(&mut self, ctx: &Context) -> Result<Batch, Failure> {
        transform::finish(&context(ctx)).map(batch).map_err(failure)
    }

    fn score(&mut self, ctx: &Context, rows: &[u8]) -> Result<Batch, Failure> {
        score::process(&context(ctx), rows).map(batch).map_err(failure)
    }

    fn publish(&mut self, ctx: &Context, rows: &[u8]) -> Result<Receipt, Failure> {
        let publish::Receipt { written, rejects } = publish::process(&context(ctx), rows).map_err(failure)?;
        let publish::Written { inserted, replaced, deleted, unchanged, stale, duplicates, charge } = written;
        let written = Written { inserted, replaced, deleted, unchanged, stale, duplicates, charge };
        Ok(Receipt { written, rejects })
    }
}

fn context(ctx: &Context) -> types::Context {
    types::Context { event_id: ctx.event_id.clone(), event_time: ctx.event_time, attempt: ctx.attempt }
}

fn batch(output: types::Output) -> Batch {
    Batch { rows: output.batch, rejects: output.rejects }
}

fn failure(failure: types::Failure) -> Failure {
    match failure {
        types::Failure::Reject(message) => Failure::Reject(message),
        types::Failure::Retry(message) => Failure::Retry(message),
        types::Failure::Other(message) => Failure::Other(message),
    }
}
