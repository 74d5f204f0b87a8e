//! Rows on their way into sinks: staged while an event is worked on, committed beside it.
//!
//! # Layout
//! - [`Staging`]: the rows of one attempt, which the journal gets together with how far the event is;
//! - [`committer`]: takes what is staged from the journal into the tables.

pub mod committer;

use std::io;
use std::sync::Arc;

use arrow_array::{BooleanArray, RecordBatch};
use arrow_select::filter::filter_record_batch;
use roaring::RoaringTreemap;
use wasmill_journal::staging::{Origin, Staged, Written};
use wasmill_journal::{Journal, JournalError, Lease};
use wasmill_runtime::manifest::SinkMode;
use wasmill_runtime::rows::{Rows, without_numbers};
use wasmill_runtime::sink::{BoundSink, Sink};

pub use committer::Committer;

/// So many bytes of rows, in Arrow, do not wait for more in memory.
const FULL: usize = 64 << 20;

/// The sinks of a pipeline, and what writes each.
#[derive(Clone, Default)]
pub struct Sinks(Vec<(BoundSink, Arc<dyn Sink>)>);

impl Sinks {
    /// Each with what writes it.
    pub fn new(sinks: Vec<(BoundSink, Arc<dyn Sink>)>) -> Self {
        Self(sinks)
    }

    /// One after the other, as the pipeline has them.
    pub fn iter(&self) -> impl Iterator<Item = &(BoundSink, Arc<dyn Sink>)> {
        self.0.iter()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The rows of an attempt that the journal has not heard of.
pub struct Staging<'a> {
    sinks: &'a Sinks,
    waiting: Vec<Waiting>,
}

/// Those for one sink.
#[derive(Default)]
struct Waiting {
    batches: Vec<RecordBatch>,
    rows: u64,
    bytes: usize,
    /// The numbers of all rows of the event that were written, with these.
    written: RoaringTreemap,
    /// How often that was recorded.
    epoch: u64,
}

impl<'a> Staging<'a> {
    /// For an attempt at an event; what was held of an attempt before is forgotten if this one begins `anew`.
    pub async fn begin(
        sinks: &'a Sinks,
        journal: &Journal,
        origin: &Origin,
        lease: Option<&Lease>,
        anew: bool,
    ) -> Result<Self, JournalError> {
        if sinks.is_empty() {
            return Ok(Self { sinks, waiting: Vec::new() });
        }
        let known = journal.begin_staging(origin, lease, anew).await?;
        let waiting = sinks.iter().map(|(sink, _)| {
            let known = known.iter().find(|(name, _)| name == sink.id().as_str());
            let Some((_, Written { numbers, epoch })) = known else { return Ok(Waiting::default()) };
            let written = RoaringTreemap::deserialize_from(numbers.as_slice()).map_err(|err| {
                JournalError::Answer(format!("the rows that were written of `{}`: {err}", origin.event))
            })?;
            Ok(Waiting { written, epoch: *epoch, ..Waiting::default() })
        });
        Ok(Self { sinks, waiting: waiting.collect::<Result<_, JournalError>>()? })
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.waiting.iter().all(|waiting| waiting.rows == 0)
    }

    /// Whether there are so many rows that they should not wait for more.
    pub fn is_full(&self) -> bool {
        let are_many = |((sink, _), waiting): (&(BoundSink, _), &Waiting)| waiting.rows >= sink.plan.commit_rows;
        self.waiting.iter().map(|waiting| waiting.bytes).sum::<usize>() >= FULL
            || self.sinks.iter().zip(&self.waiting).any(are_many)
    }

    /// Takes the rows of a chunk, but for those that were written to a sink that takes a row once.
    pub fn take(&mut self, sunk: &[(usize, Rows)]) -> io::Result<()> {
        for (index, ((sink, _), waiting)) in self.sinks.iter().zip(&mut self.waiting).enumerate() {
            let before = waiting.rows;
            let is_new: Vec<BooleanArray> = sunk
                .iter()
                .filter(|(of, _)| *of == index)
                .map(|(_, rows)| waiting.is_new(rows, sink.plan.mode))
                .collect();
            // All rows of a number come in one chunk: a row can become several.
            for ((_, rows), is_new) in sunk.iter().filter(|(of, _)| *of == index).zip(is_new) {
                let batch = filter_record_batch(&rows.batch, &is_new).and_then(|batch| without_numbers(&batch));
                let batch = batch.map_err(io::Error::other)?;
                waiting.rows += batch.num_rows() as u64;
                waiting.bytes += rows.stream().len();
                waiting.batches.push(batch);
                waiting.written.extend((0..rows.len()).map(|index| rows.number(index)));
            }
            if waiting.rows == before {
                waiting.batches.retain(|batch| batch.num_rows() > 0);
            }
        }
        Ok(())
    }

    /// Stages the rows, for the journal to hear of.
    pub fn flush(&mut self) -> io::Result<Vec<Staged>> {
        let mut staged = Vec::new();
        for ((sink, writer), waiting) in self.sinks.iter().zip(&mut self.waiting) {
            if waiting.rows == 0 {
                continue;
            }
            let payload = writer.stage(&waiting.batches)?;
            let written = match sink.plan.mode {
                SinkMode::Append => Some(waiting.record()?),
                SinkMode::Merge | SinkMode::Overwrite => None,
            };
            let is_held = sink.plan.mode == SinkMode::Overwrite;
            staged.push(Staged { sink: sink.id().clone(), rows: waiting.rows, payload, is_held, written });
            (waiting.batches, waiting.rows, waiting.bytes) = (Vec::new(), 0, 0);
        }
        Ok(staged)
    }

    /// The same when the event has ended: what was held of it is to be let go, even if nothing is left.
    pub fn finish(&mut self) -> io::Result<Vec<Staged>> {
        let mut staged = self.flush()?;
        for (sink, _) in self.sinks.iter().filter(|(sink, _)| sink.plan.mode == SinkMode::Overwrite) {
            if !staged.iter().any(|staged| staged.sink == *sink.id()) {
                let sink = sink.id().clone();
                staged.push(Staged { sink, rows: 0, payload: Vec::new(), is_held: true, written: None });
            }
        }
        Ok(staged)
    }
}

impl Waiting {
    /// Which rows are to be written.
    fn is_new(&self, rows: &Rows, mode: SinkMode) -> BooleanArray {
        let is_once = mode == SinkMode::Append;
        (0..rows.len()).map(|index| Some(!is_once || !self.written.contains(rows.number(index)))).collect()
    }

    fn record(&mut self) -> io::Result<Written> {
        let mut numbers = Vec::with_capacity(self.written.serialized_size());
        self.written.serialize_into(&mut numbers)?;
        let epoch = self.epoch;
        self.epoch += 1;
        Ok(Written { numbers, epoch })
    }
}
