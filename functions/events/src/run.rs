//! An event's way through the steps, a batch at a time. As on the host, rows that a step refuses as a batch are rejected
//! and the rest goes on; a failure of any other kind ends the run, and what was written stays.

use arrow_array::RecordBatch;
use wasmill_sdk::{Context, Failure, Written, arrow};

use crate::config::Config;
use crate::event::Event;
use crate::rejects::Tally;

/// What a step gives, as Arrow streams.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Rows that go on.
    pub rows: Vec<u8>,
    /// Rows that do not.
    pub rejects: Option<Vec<u8>>,
}

/// What publishing gives.
#[derive(Debug, Clone)]
pub struct Receipt {
    /// What the database did.
    pub written: Written,
    /// Rows that were not published, as an Arrow stream.
    pub rejects: Option<Vec<u8>>,
}

/// The steps that the gateway is composed with.
pub trait Chain {
    /// Starts reading an event's data.
    fn open(&mut self, ctx: &Context, data: Vec<u8>) -> Result<(), Failure>;
    /// The next rows of it, none after the last.
    fn next(&mut self) -> Result<Option<Batch>, Failure>;
    /// Cleans rows.
    fn transform(&mut self, ctx: &Context, rows: &[u8]) -> Result<Batch, Failure>;
    /// What comes of all rows of the event, if the transform keeps them until then.
    fn finish(&mut self, ctx: &Context) -> Result<Batch, Failure>;
    /// Scores rows.
    fn score(&mut self, ctx: &Context, rows: &[u8]) -> Result<Batch, Failure>;
    /// Writes rows.
    fn publish(&mut self, ctx: &Context, rows: &[u8]) -> Result<Receipt, Failure>;
}

/// What came of an event.
#[derive(Debug, Default)]
pub struct Report {
    /// Rows that were read.
    pub rows: u64,
    /// Those that did not make it.
    pub rejects: Tally,
    /// What the database did.
    pub written: Written,
}

/// A step that failed.
#[derive(Debug)]
pub struct Failed<'a> {
    /// Its name.
    pub step: &'a str,
    /// How.
    pub failure: Failure,
}

/// Takes an event through the steps.
pub fn run<'a>(config: &'a Config, event: Event, chain: &mut impl Chain) -> Result<Report, Failed<'a>> {
    let ctx = Context { event_id: event.id, event_time: event.time, attempt: 1 };
    let ingest = config.steps.ingest.as_str();
    let failed = |failure| Failed { step: ingest, failure };
    chain.open(&ctx, event.data).map_err(failed)?;
    let mut run = Run { config, ctx, chain, report: Report::default() };
    while let Some(batch) = run.chain.next().map_err(failed)? {
        let before = run.report.rejects.count;
        let rows = run.take(ingest, batch)?;
        run.report.rows += rows.batch.num_rows() as u64 + run.report.rejects.count - before;
        run.transform(&rows)?;
    }
    if let (Some(step), true) = (&config.steps.transform, config.whole) {
        let batch = run.chain.finish(&run.ctx).map_err(|failure| Failed { step, failure })?;
        let rows = run.take(step, batch)?;
        run.score(&rows)?;
    }
    Ok(run.report)
}

struct Run<'a, 'b, C> {
    config: &'a Config,
    ctx: Context,
    chain: &'b mut C,
    report: Report,
}

/// Rows, read and as the stream that they came in.
struct Rows {
    batch: RecordBatch,
    stream: Vec<u8>,
}

impl<'a, C: Chain> Run<'a, '_, C> {
    fn transform(&mut self, rows: &Rows) -> Result<(), Failed<'a>> {
        let Some(step) = &self.config.steps.transform else { return self.score(rows) };
        if rows.batch.num_rows() == 0 {
            return Ok(());
        }
        let result = self.chain.transform(&self.ctx, &rows.stream);
        let Some(batch) = self.accepted(step, rows, result)? else { return Ok(()) };
        let rows = self.take(step, batch)?;
        self.score(&rows)
    }

    fn score(&mut self, rows: &Rows) -> Result<(), Failed<'a>> {
        let Some(step) = &self.config.steps.score else { return self.publish(rows) };
        if rows.batch.num_rows() == 0 {
            return Ok(());
        }
        let result = self.chain.score(&self.ctx, &rows.stream);
        let Some(batch) = self.accepted(step, rows, result)? else { return Ok(()) };
        let rows = self.take(step, batch)?;
        self.publish(&rows)
    }

    fn publish(&mut self, rows: &Rows) -> Result<(), Failed<'a>> {
        if rows.batch.num_rows() == 0 {
            return Ok(());
        }
        let step = &self.config.steps.publish;
        let result = self.chain.publish(&self.ctx, &rows.stream);
        let Some(receipt) = self.accepted(step, rows, result)? else { return Ok(()) };
        self.report.written += receipt.written;
        let taken = self.report.rejects.take(step, receipt.rejects);
        taken.map(drop).map_err(|failure| Failed { step, failure })
    }

    /// What a step made of rows; none if it refused them, which are rejected then.
    fn accepted<T>(&mut self, step: &'a str, rows: &Rows, result: Result<T, Failure>) -> Result<Option<T>, Failed<'a>> {
        match result {
            Ok(made) => Ok(Some(made)),
            Err(Failure::Reject(reason)) => {
                self.report.rejects.refuse(step, &rows.batch, &reason);
                Ok(None)
            }
            Err(failure) => Err(Failed { step, failure }),
        }
    }

    /// The rows that a step gave; its rejects are noted.
    fn take(&mut self, step: &'a str, batch: Batch) -> Result<Rows, Failed<'a>> {
        let failed = |failure| Failed { step, failure };
        self.report.rejects.take(step, batch.rejects).map_err(failed)?;
        let stream = batch.rows;
        let batch = arrow::decode_one(stream.clone()).map_err(|err| failed(err.into()))?;
        Ok(Rows { batch, stream })
    }
}
