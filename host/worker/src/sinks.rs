//! Rows on their way into sinks: staged while an event is worked on, committed beside it.
//!
//! # Layout
//! - [`Staging`]: the rows of one attempt, which the journal gets together with how far the event is;
//! - [`committer`]: takes what is staged from the journal into the tables.

pub mod committer;

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use arrow_array::{BooleanArray, RecordBatch};
use arrow_schema::ArrowError;
use arrow_select::filter::filter_record_batch;
use roaring::RoaringTreemap;
use wasmill_journal::staging::{Known, Origin, Staged, Written};
use wasmill_journal::{Journal, JournalError, Lease};
use wasmill_runtime::manifest::{Id, SinkMode};
use wasmill_runtime::metering::{self, Used};
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
    /// The numbers of all rows of the event that were written, with these, if a row is written once.
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
        Self::of(sinks, &journal.begin_staging(origin, lease, anew).await?, origin)
    }

    /// For an event of which it is known what was written.
    pub fn of(sinks: &'a Sinks, known: &Known, origin: &Origin) -> Result<Self, JournalError> {
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
            let rows: Vec<&Rows> = sunk.iter().filter(|(of, _)| *of == index).map(|(_, rows)| rows).collect();
            let is_once = sink.plan.mode == SinkMode::Append;
            for rows in &rows {
                waiting.take(rows, is_once).map_err(io::Error::other)?;
            }
            // Only now: a row can become several, and all of them come in one chunk.
            if is_once {
                let numbers = rows.iter().flat_map(|rows| (0..rows.len()).map(|index| number(rows, index)));
                waiting.written.extend(numbers);
            }
        }
        Ok(())
    }

    /// Stages the rows, for the journal to hear of.
    pub fn flush(&mut self) -> io::Result<Vec<Staged>> {
        self.taken()?.into_iter().map(Taken::stage).collect()
    }

    /// The same on a thread of its own, while more rows come. The journal is to hear of what is flushed in this order.
    pub fn flush_beside(&mut self) -> io::Result<Flush> {
        let taken = self.taken()?;
        let stage = move || metering::metered(|| taken.into_iter().map(Taken::stage).collect());
        let thread = std::thread::Builder::new().name("stage".to_owned());
        Ok(Flush(thread.spawn(stage)?))
    }

    /// The rows that wait, which do not any more.
    fn taken(&mut self) -> io::Result<Vec<Taken>> {
        let mut taken = Vec::new();
        for ((sink, writer), waiting) in self.sinks.iter().zip(&mut self.waiting) {
            if waiting.rows == 0 {
                continue;
            }
            let written = match sink.plan.mode {
                SinkMode::Append => Some(waiting.record()?),
                SinkMode::Merge | SinkMode::Overwrite => None,
            };
            let (batches, rows) = (std::mem::take(&mut waiting.batches), std::mem::take(&mut waiting.rows));
            waiting.bytes = 0;
            let is_held = sink.plan.mode == SinkMode::Overwrite;
            taken.push(Taken { sink: sink.id().clone(), writer: writer.clone(), batches, rows, is_held, written });
        }
        Ok(taken)
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

/// Rows that are to be staged for one sink.
struct Taken {
    sink: Id,
    writer: Arc<dyn Sink>,
    batches: Vec<RecordBatch>,
    rows: u64,
    is_held: bool,
    written: Option<Written>,
}

impl Taken {
    fn stage(self) -> io::Result<Staged> {
        let Self { sink, writer, batches, rows, is_held, written } = self;
        Ok(Staged { sink, rows, payload: writer.stage(&batches)?, is_held, written })
    }
}

/// Rows that are being staged.
pub struct Flush(JoinHandle<(io::Result<Vec<Staged>>, Used)>);

impl Flush {
    /// How many there should be at once: each has as many rows in memory as do not wait for more.
    pub fn most() -> usize {
        std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).clamp(1, 3))
    }

    /// Waits for it; what it used is on the account of who waits.
    pub fn wait(self) -> io::Result<Vec<Staged>> {
        let (staged, used) = self.0.join().map_err(|_| io::Error::other("a thread that staged rows panicked"))?;
        metering::add(used);
        staged
    }
}

impl Waiting {
    /// Takes rows, of a sink that takes a row once those that were not written before.
    fn take(&mut self, rows: &Rows, is_once: bool) -> Result<(), ArrowError> {
        let is_new = |index: usize| !is_once || !self.written.contains(number(rows, index));
        let is_new: BooleanArray = (0..rows.len()).map(|index| Some(is_new(index))).collect();
        let count = is_new.true_count();
        if count > 0 {
            self.batches.push(without_numbers(&filter_record_batch(&rows.batch, &is_new)?)?);
            self.rows += count as u64;
            self.bytes += rows.stream().len() * count / rows.len();
        }
        Ok(())
    }

    fn record(&mut self) -> io::Result<Written> {
        let mut numbers = Vec::with_capacity(self.written.serialized_size());
        self.written.serialize_into(&mut numbers)?;
        let epoch = self.epoch;
        self.epoch += 1;
        Ok(Written { numbers, epoch })
    }
}

/// By which number a row is known that was written. What a step made of a whole event is known as one: a corrected row of the
/// event may change all of it, and its order besides.
fn number(rows: &Rows, index: usize) -> u64 {
    if rows.are_numbered() { rows.number(index) } else { 0 }
}
