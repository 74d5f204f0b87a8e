//! What is read of an object: batches, or parts that lanes read.

use std::sync::atomic::Ordering;

use crate::capability::objects::OpenObject;
use crate::event::Event;
use crate::failure::Failure;
use crate::function::ingest::{Ingest, Part};
use crate::pipeline::Pipeline;
use crate::run::Progress;
use crate::run::calls::Timeout;
use crate::run::chain;
use crate::run::usage::{Meter, Usage};

/// The length of an object, in bytes, from which on it is read in parts if its format has any.
const LARGE: u64 = 16 << 20;

/// About how long a part is, in bytes.
const PART: u64 = 4 << 20;

/// The most pieces of an object over the network that are kept for lanes to read.
const MOST_PIECES: usize = 64;

/// What lanes are given.
pub enum Work {
    /// Rows.
    Batch(chain::Batch),
    /// A part of the object, and the object to read it from.
    Part(Part, OpenObject),
}

impl Pipeline {
    /// The parts of an object, if it is large and has any, or else its batches, after the first `skip`; ends with the first
    /// failure.
    pub(super) fn read_in_parts<'a>(
        &'a self,
        event: &'a Event,
        mut object: OpenObject,
        skip: u64,
        lanes: usize,
        timeout: Timeout,
        progress: &'a Progress,
    ) -> Box<dyn Iterator<Item = Result<Work, Failure>> + 'a> {
        if object.size() < LARGE {
            return Box::new(self.batches(event, object, skip, timeout, progress).map(|batch| batch.map(Work::Batch)));
        }
        // Those that lanes read, and those that were found since.
        let pieces = (2 * lanes + 4).min(MOST_PIECES);
        let again = move |object: &mut OpenObject| object.again(pieces).map_err(|err| Failure::Retry(err.to_string()));
        let mut split = || {
            let mut ingest = self.start_ingest()?;
            if !ingest.split(again(&mut object)?, PART)? {
                return Ok(None);
            }
            for _ in 0..skip {
                ingest.next_part()?;
            }
            Ok(Some(ingest))
        };
        match split() {
            Ok(None) => {
                Box::new(self.batches(event, object, skip, timeout, progress).map(|batch| batch.map(Work::Batch)))
            }
            Err(failure) => Box::new(std::iter::once(Err(failure))),
            Ok(Some(mut ingest)) => {
                let mut is_over = false;
                Box::new(std::iter::from_fn(move || {
                    if is_over {
                        return None;
                    }
                    let part = timeout.check().and_then(|()| ingest.next_part());
                    is_over = !matches!(part, Ok(Some(_)));
                    let part = part.and_then(|part| match part {
                        Some(part) => Ok(Some(Work::Part(part, again(&mut object)?))),
                        None => Ok(None),
                    });
                    part.transpose()
                }))
            }
        }
    }

    /// The batches of an object after the first `skip`; ends with the first failure.
    pub(super) fn batches<'a>(
        &'a self,
        event: &'a Event,
        object: OpenObject,
        skip: u64,
        timeout: Timeout,
        progress: &'a Progress,
    ) -> impl Iterator<Item = Result<chain::Batch, Failure>> + 'a {
        let mut ingest = Some(self.start_ingest().and_then(|mut ingest| {
            ingest.open(event, object)?;
            for _ in 0..skip {
                ingest.next_rows()?;
            }
            Ok(ingest)
        }));
        std::iter::from_fn(move || match ingest.as_mut()? {
            Ok(reading) => {
                let batch = self.next_batch(reading, timeout, progress);
                // A decoder that failed may be in the middle of something: whoever tries again begins anew.
                if batch.is_err() {
                    ingest = None;
                }
                batch.transpose()
            }
            Err(_) => ingest.take().and_then(Result::err).map(Err),
        })
    }

    /// The next batch of what is read, with what reading it used.
    pub(super) fn next_batch(
        &self,
        ingest: &mut Ingest,
        timeout: Timeout,
        progress: &Progress,
    ) -> Result<Option<chain::Batch>, Failure> {
        let Some(step) = self.steps.first() else { return Ok(None) };
        let meter = Meter::start();
        timeout.check()?;
        let Some(output) = step.permits.with(|| ingest.next_rows())? else { return Ok(None) };
        let rows = output.rows.len() + output.rejects.len();
        progress.rows.fetch_add(rows as u64, Ordering::Relaxed);
        let (memory, printed) = ingest.sandbox.memory_and_printed();
        Ok(Some(chain::Batch { output, usage: Usage { memory, printed, ..meter.read() } }))
    }
}
