//! The tables that a run reads and writes: the journal knows how far it has read, and has the rows until they are in.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::runtime::Runtime;
use wasmill_journal::Journal;
use wasmill_journal::staging::{Known, Origin, Staged};
use wasmill_runtime::event::{Event, Object};
use wasmill_runtime::pipeline::Pipeline;
use wasmill_runtime::plan::{ExtractPlan, Plan};
use wasmill_runtime::rows::Rows;
use wasmill_worker::clock;
use wasmill_worker::sinks::{Committer, Flush, Sinks, Staging};
use wasmill_worker::trigger::extract::{self, Found};

use crate::tables;

/// How often it is asked whether somebody else is done with a table.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// The sinks of a pipeline, and the journal that its rows go through, and that knows how far tables were read.
pub struct Tables {
    sinks: Sinks,
    journal: Option<Arc<Journal>>,
    runtime: Runtime,
    lease: Duration,
}

impl Tables {
    /// Of a pipeline, with the journal if it needs one.
    pub fn open(plan: &Plan, pipeline: &Pipeline, journal: Option<Arc<Journal>>) -> Result<Self> {
        let sinks = tables::sinks(pipeline)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { sinks, journal, runtime, lease: plan.delivery.lease })
    }

    /// None at all.
    pub fn none() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        Ok(Self { sinks: Sinks::default(), journal: None, runtime, lease: Duration::ZERO })
    }

    /// What is new of a table, or what was read of it before and is not done; and whether it is that which is new.
    pub fn read(&self, plan: &Arc<ExtractPlan>) -> Result<Option<(Event, bool)>> {
        let Some(journal) = &self.journal else { return Ok(None) };
        loop {
            let read = extract::read(plan, tables::source(), journal, Duration::ZERO, self.lease);
            match self.runtime.block_on(read)? {
                (_, Found::Event(event)) => return Ok(Some((event, true))),
                (_, Found::Pending(event)) => return Ok(Some((event, false))),
                (_, Found::Nothing) => return Ok(None),
                // It is done soon, or its lease runs out.
                (_, Found::Held) => std::thread::sleep(LOOK_AGAIN),
            }
        }
    }

    /// What was read of a table is done.
    pub fn is_done(&self, plan: &ExtractPlan, event: &Event) -> Result<()> {
        let Some(journal) = &self.journal else { return Ok(()) };
        Ok(self.runtime.block_on(journal.extract_is_done(&plan.id, &event.id))?)
    }

    /// Those of events, whose rows begin anew, in their order; none if there are none.
    pub fn begin(&self, events: &[Event]) -> io::Result<Vec<EventTables<'_>>> {
        let Some(journal) = self.journal.as_ref().filter(|_| !self.sinks.is_empty()) else { return Ok(Vec::new()) };
        let origin = |event: &Event| {
            let is_kept = matches!(event.object, Object::Stored { .. });
            Origin { event: event.id.clone(), generation: 0, time: event.time, is_kept }
        };
        let origins: Vec<Origin> = events.iter().map(origin).collect();
        let known = self.runtime.block_on(journal.begin_staging_all(origins.clone())).map_err(io::Error::other)?;
        let begin = |(origin, known): (Origin, Known)| {
            let staging = Staging::of(&self.sinks, &known, &origin).map_err(io::Error::other)?;
            Ok(EventTables { tables: self, journal, staging, beside: VecDeque::new(), origin })
        };
        origins.into_iter().zip(known).map(begin).collect()
    }

    /// Records the rows of events that have ended.
    pub fn finish(&self, ended: Vec<(Origin, Vec<Staged>)>) -> io::Result<()> {
        let Some(journal) = self.journal.as_ref().filter(|_| !ended.is_empty()) else { return Ok(()) };
        self.runtime.block_on(journal.stage_all(ended, clock::now())).map_err(io::Error::other)
    }

    /// Commits all rows.
    pub fn commit(&self) -> Result<()> {
        let Some(journal) = &self.journal else { return Ok(()) };
        for sink in self.sinks.iter() {
            let committer = Committer::new(sink.clone(), journal.clone(), Arc::default(), self.lease);
            let flushed = self.runtime.block_on(committer.flush());
            flushed.context("its rows are in the journal, and the next `wasmill run` or `wasmill up` commits them")?;
        }
        Ok(())
    }
}

/// The rows of an event on their way into tables.
pub struct EventTables<'a> {
    tables: &'a Tables,
    journal: &'a Journal,
    staging: Staging<'a>,
    /// What is being staged; the journal hears of it in this order.
    beside: VecDeque<Flush>,
    origin: Origin,
}

impl EventTables<'_> {
    /// Takes the rows of a chunk.
    pub fn take(&mut self, sunk: &[(usize, Rows)]) -> io::Result<()> {
        if self.staging.is_full() {
            if self.beside.len() >= Flush::most() {
                self.stage_first()?;
            }
            self.beside.push_back(self.staging.flush_beside()?);
        }
        self.staging.take(sunk)
    }

    /// Takes the end of the event: what is to be recorded of it.
    pub fn end(mut self) -> io::Result<(Origin, Vec<Staged>)> {
        while !self.beside.is_empty() {
            self.stage_first()?;
        }
        let staged = self.staging.finish()?;
        Ok((self.origin, staged))
    }

    fn stage_first(&mut self) -> io::Result<()> {
        match self.beside.pop_front() {
            Some(flush) => {
                let stage = self.journal.stage(&self.origin, flush.wait()?, false, clock::now());
                self.tables.runtime.block_on(stage).map_err(io::Error::other)
            }
            None => Ok(()),
        }
    }
}
