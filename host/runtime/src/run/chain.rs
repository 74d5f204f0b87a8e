//! The steps that one thread takes a batch through.

use std::collections::BTreeSet;

use arrow_array::RecordBatch;

use crate::event::Event;
use crate::failure::Failure;
use crate::function::transform::Output;
use crate::function::{Instance, Kind};
use crate::pipeline::Pipeline;
use crate::rows::{self, Reject, Rows};
use crate::run::StepFailure;
use crate::run::calls::{Timeout, with_retries};
use crate::run::report::Counts;
use crate::run::usage::{Meter, Usage};

/// A batch that `ingest` gave.
pub struct Batch {
    /// The rows, and those that are none.
    pub output: Output,
    /// What reading it used.
    pub usage: Usage,
}

/// Which steps a chain is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Those whose rows stand alone.
    Alone,
    /// Those that take a whole event, and those after them.
    Whole,
}

/// What came of a batch, or of the batches of a part.
pub struct Outcome {
    /// Its place in the object, from 0.
    pub sequence: u64,
    /// For each step what it did, and what it used.
    pub steps: Vec<(Counts, Usage)>,
    /// Rows that were rejected, with the step that did.
    pub rejects: Vec<(usize, Reject)>,
    /// Rows for steps that take a whole event.
    pub deferred: Vec<(usize, Rows)>,
    /// Rows of the step that the run stops at.
    pub taken: Vec<Rows>,
    /// Rows for sinks, by their position.
    pub sunk: Vec<(usize, Rows)>,
}

impl Outcome {
    /// Nothing yet.
    pub fn new(sequence: u64, steps: usize) -> Self {
        Self {
            sequence,
            steps: vec![Default::default(); steps],
            rejects: Vec::new(),
            deferred: Vec::new(),
            taken: Vec::new(),
            sunk: Vec::new(),
        }
    }

    fn count(&mut self, step: usize, change: impl FnOnce(&mut Counts)) {
        if let Some((counts, _)) = self.steps.get_mut(step) {
            change(counts);
        }
    }

    fn used(&mut self, step: usize, used: &Usage) {
        if let Some((_, usage)) = self.steps.get_mut(step) {
            usage.add(used);
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
    timeout: Timeout,
    /// Those that lead to `until`; none: all.
    needed: Option<BTreeSet<usize>>,
    instances: Vec<Option<Instance>>,
}

impl<'a> Chain<'a> {
    /// Starts the steps of `part`, only those that lead to `until` if given.
    pub fn start(
        pipeline: &'a Pipeline,
        event: &'a Event,
        until: Option<usize>,
        timeout: Timeout,
        part: Part,
    ) -> Result<Self, StepFailure> {
        let needed = until.map(|step| pipeline.ancestors(step));
        let mut instances = Vec::new();
        for (index, step) in pipeline.steps.iter().enumerate() {
            let takes_rows = step.kind != Kind::Ingest;
            let is_needed = needed.as_ref().is_none_or(|needed| needed.contains(&index));
            let ours = takes_rows && is_needed && part_of(pipeline, index) == part;
            let start = || step.start(&pipeline.engine).map_err(|failure| (index, failure));
            instances.push(ours.then(start).transpose()?);
        }
        Ok(Self { pipeline, event, until, timeout, needed, instances })
    }

    /// Takes a batch of the first step through the steps after it.
    pub fn ingested(&mut self, batch: Batch, outcome: &mut Outcome) -> Result<(), StepFailure> {
        outcome.count(0, |counts| {
            counts.rows_in += (batch.output.rows.len() + batch.output.rejects.len()) as u64;
        });
        outcome.used(0, &batch.usage);
        self.pass_on(0, batch.output, outcome)
    }

    /// Gives rows to a step, and what it makes of them to the steps after it.
    pub fn push(&mut self, step: usize, rows: Rows, outcome: &mut Outcome) -> Result<(), StepFailure> {
        let (Some(Some(instance)), Some(plan)) = (self.instances.get_mut(step), self.pipeline.steps.get(step)) else {
            outcome.deferred.push((step, rows));
            return Ok(());
        };
        if rows.is_empty() {
            return Ok(());
        }
        let meter = Meter::start();
        let mut is_broken = false;
        let result = with_retries(&plan.retry, &self.timeout, |attempt| {
            if is_broken {
                *instance = plan.start(&self.pipeline.engine)?;
            }
            let result = plan.permits.with(|| call(instance, self.event, attempt, &rows));
            is_broken = matches!(result, Err(Failure::Fault(_)));
            result
        });
        let (memory, printed) = instance.sandbox().memory_and_printed();
        outcome.used(step, &Usage { memory, printed, ..meter.read() });
        outcome.count(step, |counts| {
            counts.rows_in += rows.len() as u64;
            counts.bytes_in += rows.stream().len() as u64;
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
            let (Some(Some(Instance::Transform(transform))), Some(plan)) =
                (self.instances.get_mut(step), self.pipeline.steps.get(step))
            else {
                continue;
            };
            let meter = Meter::start();
            let finish = |attempt| plan.permits.with(|| transform.finish(self.event, attempt));
            let output = with_retries(&plan.retry, &self.timeout, finish).map_err(|failure| (step, failure))?;
            let (memory, printed) = transform.sandbox.memory_and_printed();
            outcome.used(step, &Usage { memory, printed, ..meter.read() });
            self.pass_on(step, output, outcome)?;
        }
        Ok(())
    }

    fn pass_on(&mut self, step: usize, output: Output, outcome: &mut Outcome) -> Result<(), StepFailure> {
        let Output { rows, rejects, routes } = output;
        outcome.count(step, |counts| {
            counts.rows_out += rows.len() as u64;
            counts.bytes_out += rows.stream().len() as u64;
        });
        outcome.reject(step, rejects);
        if self.until == Some(step) {
            outcome.taken.push(rows);
            return Ok(());
        }
        let pipeline = self.pipeline;
        for (child, plan, edge) in pipeline.children(step) {
            if self.needed.as_ref().is_some_and(|needed| !needed.contains(&child)) {
                continue;
            }
            let routed = match &edge.route {
                Some(route) => rows::take_route(&rows, routes.as_ref(), route).map_err(|what| (step, fault(what)))?,
                None => rows.clone(),
            };
            let routed = routed.widened(plan.input()).map_err(|err| (step, fault(err.to_string())))?;
            self.push(child, routed, outcome)?;
        }
        if self.until.is_none() {
            self.sink(step, &rows, routes.as_ref(), outcome).map_err(|what| (step, fault(what)))?;
        }
        Ok(())
    }

    /// Gives the rows of a step to the sinks that take them, but for those that have no key.
    fn sink(
        &self,
        step: usize,
        rows: &Rows,
        routes: Option<&RecordBatch>,
        outcome: &mut Outcome,
    ) -> Result<(), String> {
        for (index, sink, edge) in self.pipeline.sinks_of(step) {
            let mut rows = match &edge.route {
                Some(route) => rows::take_route(rows, routes, route)?,
                None => rows.clone(),
            };
            for column in &sink.plan.key {
                let (keyed, without) = rows::split_nulls(rows, column).map_err(|err| err.to_string())?;
                let reason = format!("`{column}` is null, which is of the key of sink `{}`", sink.id());
                let rejects =
                    without.into_iter().map(|row| Reject { row, reason: reason.clone(), raw: None }).collect();
                outcome.reject(step, rejects);
                rows = keyed;
            }
            if !rows.is_empty() {
                outcome.sunk.push((index, rows));
            }
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

fn fault(what: String) -> Failure {
    Failure::Fault(crate::failure::Fault { cause: crate::failure::Cause::Answer(what), printed: String::new() })
}

/// Which part a step is of.
fn part_of(pipeline: &Pipeline, step: usize) -> Part {
    let is_whole = |index: &usize| pipeline.steps.get(*index).is_some_and(|step| step.bound.whole);
    if pipeline.ancestors(step).iter().any(is_whole) { Part::Whole } else { Part::Alone }
}
