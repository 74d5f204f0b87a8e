//! The steps that one thread takes a batch through.

use std::thread;
use std::time::{Duration, Instant};

use crate::event::Event;
use crate::failure::Failure;
use crate::function::transform::Output;
use crate::function::{Instance, Kind};
use crate::pipeline::Pipeline;
use crate::rows::{self, Reject, Rows};
use crate::run::StepFailure;
use crate::run::report::Counts;

/// How often a function that asks for it is called again with a batch.
const ATTEMPTS: u32 = 5;

/// How long to wait before the second attempt; each further one waits twice as long.
const BACKOFF: Duration = Duration::from_millis(200);

/// A batch that `ingest` gave.
pub struct Batch {
    /// The rows, and those that are none.
    pub output: Output,
    /// How long it took.
    pub busy: Duration,
}

/// Which steps a chain is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Those whose rows stand alone.
    Alone,
    /// Those that take a whole event, and those after them.
    Whole,
}

/// What came of a batch.
pub struct Outcome {
    /// The batch's place in the object, from 0.
    pub sequence: u64,
    /// For each step what it did.
    pub counts: Vec<Counts>,
    /// Rows that were rejected, with the step that did.
    pub rejects: Vec<(usize, Reject)>,
    /// Rows for steps that take a whole event.
    pub deferred: Vec<(usize, Rows)>,
    /// Rows of the step that the run stops at.
    pub taken: Option<Rows>,
}

impl Outcome {
    /// Nothing yet.
    pub fn new(sequence: u64, steps: usize) -> Self {
        Self {
            sequence,
            counts: vec![Counts::default(); steps],
            rejects: Vec::new(),
            deferred: Vec::new(),
            taken: None,
        }
    }

    fn count(&mut self, step: usize, change: impl FnOnce(&mut Counts)) {
        if let Some(counts) = self.counts.get_mut(step) {
            change(counts);
        }
    }

    fn reject(&mut self, step: usize, rejects: Vec<Reject>) {
        self.count(step, |counts| counts.rejected += rejects.len() as u64);
        self.rejects.extend(rejects.into_iter().map(|reject| (step, reject)));
    }
}

/// Instances of the steps of a part.
pub struct Chain<'a> {
    pipeline: &'a Pipeline,
    event: &'a Event,
    until: Option<usize>,
    needed: Vec<bool>,
    instances: Vec<Option<Instance>>,
}

impl<'a> Chain<'a> {
    /// Starts the steps of `part`, only those that lead to `until` if given.
    pub fn start(
        pipeline: &'a Pipeline,
        event: &'a Event,
        until: Option<usize>,
        part: Part,
    ) -> Result<Self, StepFailure> {
        let needed = needed(pipeline, until);
        let mut instances = Vec::new();
        for (index, step) in pipeline.steps.iter().enumerate() {
            let takes_rows = step.kind != Kind::Ingest;
            let ours = takes_rows && part_of(pipeline, index) == part && needed.get(index) == Some(&true);
            let start = || step.start(&pipeline.engine).map_err(|failure| (index, failure));
            instances.push(ours.then(start).transpose()?);
        }
        Ok(Self { pipeline, event, until, needed, instances })
    }

    /// Takes a batch of the first step through the steps after it.
    pub fn ingested(&mut self, sequence: u64, batch: Batch) -> Result<Outcome, StepFailure> {
        let mut outcome = Outcome::new(sequence, self.pipeline.steps.len());
        outcome.count(0, |counts| {
            counts.rows_in += (batch.output.rows.len() + batch.output.rejects.len()) as u64;
            counts.busy += batch.busy;
        });
        self.pass_on(0, batch.output, &mut outcome)?;
        Ok(outcome)
    }

    /// Gives rows to a step, and what it makes of them to the steps after it.
    pub fn push(&mut self, step: usize, rows: Rows, outcome: &mut Outcome) -> Result<(), StepFailure> {
        let Some(instance) = self.instances.get_mut(step).and_then(Option::as_mut) else {
            outcome.deferred.push((step, rows));
            return Ok(());
        };
        if rows.is_empty() {
            return Ok(());
        }
        let started = Instant::now();
        let result = with_retries(|attempt| call(instance, self.event, attempt, &rows));
        outcome.count(step, |counts| {
            counts.rows_in += rows.len() as u64;
            counts.busy += started.elapsed();
        });
        match result {
            Ok(Called::Output(output)) => self.pass_on(step, output, outcome),
            Ok(Called::Receipt(receipt)) => {
                outcome.count(step, |counts| {
                    counts.rows_out += (rows.len() - receipt.rejects.len().min(rows.len())) as u64;
                    counts.written += receipt.written;
                });
                outcome.reject(step, receipt.rejects);
                Ok(())
            }
            // A refused batch is the end of its rows, not of the run.
            Err(Failure::Reject(reason)) => {
                let reason = format!("the batch was refused: {reason}");
                let rejects =
                    (0..rows.len()).map(|index| Reject { row: rows.number(index), reason: reason.clone(), raw: None });
                outcome.reject(step, rejects.collect());
                Ok(())
            }
            Err(failure) => Err((step, failure)),
        }
    }

    /// Takes what came of a whole event, for the steps that waited for it, and passes it on.
    pub fn finish(&mut self, outcome: &mut Outcome) -> Result<(), StepFailure> {
        for step in 0..self.instances.len() {
            if !self.pipeline.steps.get(step).is_some_and(|step| step.bound.whole) {
                continue;
            }
            let Some(Some(Instance::Transform(transform))) = self.instances.get_mut(step) else { continue };
            let started = Instant::now();
            let output =
                with_retries(|attempt| transform.finish(self.event, attempt)).map_err(|failure| (step, failure))?;
            outcome.count(step, |counts| counts.busy += started.elapsed());
            self.pass_on(step, output, outcome)?;
        }
        Ok(())
    }

    fn pass_on(&mut self, step: usize, output: Output, outcome: &mut Outcome) -> Result<(), StepFailure> {
        let Output { rows, rejects, routes } = output;
        outcome.count(step, |counts| counts.rows_out += rows.len() as u64);
        outcome.reject(step, rejects);
        if self.until == Some(step) {
            outcome.taken = Some(rows);
            return Ok(());
        }
        let pipeline = self.pipeline;
        for (child, plan) in pipeline.children(step) {
            if self.needed.get(child) != Some(&true) {
                continue;
            }
            let routed = match plan.from.as_ref().and_then(|(_, route)| route.as_deref()) {
                Some(route) => rows::take_route(&rows, routes.as_ref(), route).map_err(|what| (step, fault(what)))?,
                None => rows.clone(),
            };
            self.push(child, routed, outcome)?;
        }
        Ok(())
    }
}

enum Called {
    Output(Output),
    Receipt(crate::function::publish::Receipt),
}

fn call(instance: &mut Instance, event: &Event, attempt: u32, rows: &Rows) -> Result<Called, Failure> {
    match instance {
        Instance::Transform(transform) => transform.process(event, attempt, rows).map(Called::Output),
        Instance::Score(score) => score.process(event, attempt, rows).map(Called::Output),
        Instance::Publish(publish) => publish.process(event, attempt, rows).map(Called::Receipt),
        Instance::Ingest(_) => Err(fault("a function of kind ingest takes no rows".into())),
    }
}

fn with_retries<T>(mut call: impl FnMut(u32) -> Result<T, Failure>) -> Result<T, Failure> {
    let mut wait = BACKOFF;
    for attempt in 1..ATTEMPTS {
        match call(attempt) {
            Err(Failure::Retry(_)) => {
                thread::sleep(wait);
                wait *= 2;
            }
            result => return result,
        }
    }
    call(ATTEMPTS)
}

fn fault(what: String) -> Failure {
    Failure::Fault(crate::failure::Fault { cause: crate::failure::Cause::Answer(what), printed: String::new() })
}

/// Which part a step is of.
fn part_of(pipeline: &Pipeline, step: usize) -> Part {
    let mut at = Some(step);
    while let Some(index) = at {
        let Some(step) = pipeline.steps.get(index) else { break };
        if step.bound.whole {
            return Part::Whole;
        }
        at = step.from.as_ref().map(|(from, _)| *from);
    }
    Part::Alone
}

/// Which steps a run needs: all, or those that lead to `until`.
fn needed(pipeline: &Pipeline, until: Option<usize>) -> Vec<bool> {
    let mut needed = vec![until.is_none(); pipeline.steps.len()];
    let mut at = until;
    while let Some(index) = at {
        if let Some(needed) = needed.get_mut(index) {
            *needed = true;
        }
        at = pipeline.steps.get(index).and_then(|step| step.from.as_ref()).map(|(from, _)| *from);
    }
    needed
}
