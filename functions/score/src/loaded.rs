//! A loaded model: what fills its inputs, and batches on their way through it.

use std::collections::{BTreeMap, BTreeSet};

use arrow_array::{ArrayRef, RecordBatch};
use arrow_select::filter::filter;
use tract_onnx::prelude::{TValue, TVec, TractError};
use wasmill_sdk::Failure;
use wasmill_sdk::score::Model as Metadata;

use crate::config::{Config, InputConfig, NanPolicy, NullPolicy, OutputConfig};
use crate::graph::{self, Port, spell};
use crate::inputs::{BadRows, Input, good_rows};
use crate::model::{Model, ROWS_AT_ONCE};
use crate::operators;
use crate::outputs::{Collect, Output};

/// How many rows of a batch may fail in the model before the batch is refused: with more, it is not the rows.
const FAILED_ROWS: usize = 64;

/// A model with what fills its inputs and becomes of its outputs.
pub struct Loaded {
    /// What the model's file declares.
    pub metadata: Metadata,
    /// In the model's order.
    pub inputs: Vec<Input>,
    /// In the configuration's order.
    pub outputs: Vec<Output>,
    model: Model,
    /// For each of `outputs`, which of the compiled model's it is: several may be made of one.
    results: Vec<usize>,
}

impl Loaded {
    /// Loads a model's file as configured.
    pub fn new(config: &Config, bytes: Vec<u8>) -> Result<Self, String> {
        let (mut proto, mut graph) = graph::read(&bytes)?;
        // A baked component carries what is live now; the source must not be.
        drop(bytes);
        let (input_ports, output_ports) = (graph::inputs(&graph), graph::outputs(&graph));
        let wanted = outputs(config, &output_ports)?;
        let mut names: Vec<&str> = Vec::new();
        for name in wanted.iter().map(|output| output.name.as_str()) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        graph::select(&mut graph, &names)?;
        operators::check(&graph)?;
        let mut inputs = inputs(config, &input_ports)?;
        let fixed = fixed_rows(&inputs)?;
        proto.graph = Some(graph);
        let shapes: BTreeMap<&str, Vec<usize>> =
            inputs.iter().map(|input| (input.name.as_str(), input.inner.clone())).collect();
        let model = Model::compile(proto, &shapes, fixed)?;
        inputs.iter_mut().for_each(|input| input.fixed = model.fixed);
        let results: Vec<usize> =
            wanted.iter().filter_map(|output| names.iter().position(|name| *name == output.name)).collect();
        let compiled = results.iter().filter_map(|result| model.outputs.get(*result));
        let outputs = wanted.iter().zip(compiled).map(|(output, compiled)| Output::new(output, *compiled));
        let outputs: Vec<Output> = outputs.collect::<Result<_, String>>()?;
        let mut metadata = Metadata {
            inputs: input_ports.iter().map(Port::describe).collect(),
            outputs: output_ports.iter().map(Port::describe).collect(),
        };
        for (tensor, input) in metadata.inputs.iter_mut().zip(&inputs) {
            tensor.columns.clone_from(&input.columns);
        }
        for output in &outputs {
            let made = metadata.outputs.iter_mut().filter(|tensor| tensor.name == output.name);
            made.for_each(|tensor| tensor.columns.push(output.column.clone()));
        }
        Ok(Self { metadata, inputs, outputs, model, results })
    }

    /// The bad rows, and the outputs for the others.
    pub fn score(&self, rows: &RecordBatch) -> Result<(BadRows, Vec<ArrayRef>), Failure> {
        let mut bad = BadRows::new();
        let mut columns =
            self.inputs.iter().map(|input| input.prepare(rows, &mut bad)).collect::<Result<Vec<_>, _>>()?;
        let good: Vec<usize> = (0..rows.num_rows()).filter(|row| !bad.contains_key(row)).collect();
        if !bad.is_empty() {
            let mask = good_rows(rows.num_rows(), &bad);
            for column in columns.iter_mut().flatten() {
                *column = filter(column, &mask)?;
            }
        }
        let mut run = Run {
            loaded: self,
            columns,
            scores: self.outputs.iter().map(|output| output.collect(good.len())).collect(),
            failed: BadRows::new(),
        };
        let step = self.model.fixed.unwrap_or(ROWS_AT_ONCE).max(1);
        for first in (0..good.len()).step_by(step) {
            run.rows(first, step.min(good.len().saturating_sub(first)))?;
        }
        let failed = run.failed.into_iter().filter_map(|(row, reason)| Some((*good.get(row)?, reason)));
        bad.extend(failed);
        let scores = self.outputs.iter().zip(run.scores).map(|(output, scores)| output.finish(scores));
        Ok((bad, scores.collect::<Result<_, Failure>>()?))
    }
}

/// One batch on its way through the model.
struct Run<'a> {
    loaded: &'a Loaded,
    columns: Vec<Vec<ArrayRef>>,
    scores: Vec<Box<dyn Collect>>,
    failed: BadRows,
}

impl Run<'_> {
    /// Scores `len` rows from `first` on. If the model fails it halves them, until the row that it fails on
    /// is alone.
    fn rows(&mut self, first: usize, len: usize) -> Result<(), Failure> {
        let Err(err) = self.call(first, len)? else { return Ok(()) };
        if len > 1 {
            let half = len / 2;
            self.rows(first, half)?;
            return self.rows(first + half, len - half);
        }
        if self.failed.len() >= FAILED_ROWS {
            return Err(Failure::Reject(format!(
                "the model fails on more than {FAILED_ROWS} rows of the batch: {err}"
            )));
        }
        self.failed.insert(first, format!("the model fails on this row: {err}"));
        Ok(())
    }

    fn call(&mut self, first: usize, len: usize) -> Result<Result<(), String>, Failure> {
        let other = |err: TractError| Failure::Other(format!("{err:#}"));
        let mut tensors: TVec<TValue> = TVec::new();
        for (input, columns) in self.loaded.inputs.iter().zip(&self.columns) {
            tensors.push(input.tensor(columns, first, len).map_err(other)?.into());
        }
        let results = match self.loaded.model.run(tensors) {
            Ok(results) => results,
            Err(err) => return Ok(Err(err)),
        };
        for (scores, index) in self.scores.iter_mut().zip(&self.loaded.results) {
            let result = results.get(*index).ok_or_else(|| Failure::Other("the model gave too few outputs".into()))?;
            scores.push(result, len).map_err(other)?;
        }
        Ok(Ok(()))
    }
}

/// The outputs that are asked for.
fn outputs(config: &Config, ports: &[Port]) -> Result<Vec<OutputConfig>, String> {
    let all = || ports.iter().map(|port| OutputConfig { name: port.name.clone(), column: None, index: None }).collect();
    let wanted: Vec<OutputConfig> = config.outputs.clone().unwrap_or_else(all);
    if wanted.is_empty() {
        return Err("`outputs` is empty; hint: leave it out to get all of the model's outputs".into());
    }
    match wanted.iter().find(|output| ports.iter().all(|port| port.name != output.name)) {
        Some(unknown) => Err(format!("the model has no output `{}`; known: {}", unknown.name, known(ports))),
        None => Ok(wanted),
    }
}

/// The model's inputs, in its order, and what fills them.
fn inputs(config: &Config, ports: &[Port]) -> Result<Vec<Input>, String> {
    let mut given: BTreeMap<&str, &InputConfig> = BTreeMap::new();
    for input in config.inputs.iter().flatten() {
        if ports.iter().all(|port| port.name != input.name) {
            return Err(format!("the model has no input `{}`; known: {}", input.name, known(ports)));
        }
        if given.insert(&input.name, input).is_some() {
            return Err(format!("`inputs` has `{}` twice", input.name));
        }
    }
    let fit = |port: &Port| match given.get(port.name.as_str()) {
        Some(config) => Input::new(port, config),
        None if config.inputs.is_some() => Err(format!(
            "`inputs` has nothing for the model's input `{0}`, {1}; hint: {{ name = \"{0}\", columns = [\"…\"] }}",
            port.name,
            spell(&port.describe())
        )),
        None => {
            let (null, nan) = (NullPolicy::default(), NanPolicy::default());
            Input::new(port, &InputConfig { name: port.name.clone(), columns: None, null, nan })
        }
    };
    ports.iter().map(fit).collect()
}

fn known(ports: &[Port]) -> String {
    let spelled: Vec<String> =
        ports.iter().map(|port| format!("`{}` ({})", port.name, spell(&port.describe()))).collect();
    spelled.join(", ")
}

/// How many rows every call has, if an input says so.
fn fixed_rows(inputs: &[Input]) -> Result<Option<usize>, String> {
    let sizes: BTreeSet<usize> = inputs.iter().filter_map(|input| input.fixed).collect();
    match (sizes.first(), sizes.len()) {
        (None, _) => Ok(None),
        (Some(size), 1) if *size > 0 => Ok(Some(*size)),
        _ => Err(format!("the model's inputs do not have the same number of rows: {sizes:?}")),
    }
}
