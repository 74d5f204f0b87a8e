//! The function: load, bind, process.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::{Schema, SchemaRef};
use arrow_select::filter::filter_record_batch;
use wasmill_sdk::score::Model as Metadata;
use wasmill_sdk::{Context, Failure, ROW, Rejects, RowNumbers, Score};

use crate::config::Config;
use crate::graph::list;
use crate::inputs::{BadRows, good_rows};
use crate::loaded::{Loaded, Source};
use crate::outputs::Output;

/// Scores rows with an ONNX model.
pub struct Scorer {
    config: Config,
    /// What the model's file declares, if it could be read but not loaded.
    described: Option<Metadata>,
    loaded: Option<Loaded>,
    bound: Option<Bound>,
}

struct Bound {
    schema: SchemaRef,
    /// Which input columns come before the outputs.
    kept: Vec<usize>,
    /// Where [`ROW`] is, which comes after them.
    row: Option<usize>,
}

impl Score for Scorer {
    type Config = Config;

    fn configure(config: Config) -> Result<Self, String> {
        Ok(Self { config, described: None, loaded: None, bound: None })
    }

    fn load_model(&mut self, bytes: Vec<u8>) -> Result<(), String> {
        let source = Source::read(&bytes)?;
        // A baked component carries what is live now; the file must not be.
        drop(bytes);
        let described = source.describe();
        match Loaded::new(&self.config, source) {
            Ok(loaded) => self.loaded = Some(loaded),
            Err(err) => {
                self.described = Some(described);
                return Err(err);
            }
        }
        Ok(())
    }

    fn metadata(&self) -> Result<Metadata, String> {
        let metadata = self.loaded.as_ref().map(|loaded| &loaded.metadata).or(self.described.as_ref());
        metadata.cloned().ok_or_else(|| "called before `load-model`".to_owned())
    }

    fn bind(&mut self, input: SchemaRef) -> Result<SchemaRef, String> {
        let loaded = self.loaded()?;
        loaded.inputs.iter().try_for_each(|tensor| tensor.check(&input))?;
        let bound = Bound::new(&input, self.config.keep.as_deref(), &loaded.outputs)?;
        let schema = bound.schema.clone();
        self.bound = Some(bound);
        Ok(schema)
    }

    fn process(&mut self, _: &Context, rows: RecordBatch) -> Result<wasmill_sdk::Output, Failure> {
        let loaded = self.loaded().map_err(Failure::Other)?;
        let bound = self.bound.as_ref().ok_or_else(|| Failure::Other("called before `bind`".into()))?;
        let (bad, scores) = loaded.score(&rows)?;
        let rejects = reject(&rows, &bad)?;
        let rows = if bad.is_empty() { rows } else { filter_record_batch(&rows, &good_rows(rows.num_rows(), &bad))? };
        Ok(wasmill_sdk::Output { batch: bound.assemble(&rows, scores)?, rejects, routes: None })
    }
}

impl Scorer {
    fn loaded(&self) -> Result<&Loaded, String> {
        self.loaded.as_ref().ok_or_else(|| "called before `load-model`".to_owned())
    }
}

impl Bound {
    fn new(input: &Schema, keep: Option<&[String]>, outputs: &[Output]) -> Result<Self, String> {
        let names: Vec<&String> = input.fields().iter().map(|field| field.name()).filter(|name| *name != ROW).collect();
        let kept = match keep {
            None => names.clone(),
            Some(keep) => keep.iter().filter(|name| *name != ROW).collect(),
        };
        let mut taken: BTreeSet<&str> = BTreeSet::from([ROW]);
        let mut fields = Vec::new();
        let mut indices = Vec::new();
        for name in kept {
            let index = input.index_of(name);
            let index = index.map_err(|_| {
                format!("`keep` names the column `{name}`, which is not there; known: {}", list(&names))
            })?;
            if !taken.insert(name) {
                return Err(format!("`keep` has `{name}` twice"));
            }
            fields.push(Arc::new(input.field(index).clone()));
            indices.push(index);
        }
        for output in outputs {
            if !taken.insert(&output.column) {
                return Err(format!(
                    "the model's output `{0}` would be a second column `{1}`; hint: {{ name = \"{0}\", \
                     column = \"{1}_score\" }} in `outputs`",
                    output.name, output.column
                ));
            }
            fields.push(Arc::new(output.field()));
        }
        let row = input.index_of(ROW).ok();
        fields.extend(row.map(|row| Arc::new(input.field(row).clone())));
        Ok(Self { schema: Arc::new(Schema::new(fields)), kept: indices, row })
    }

    fn assemble(&self, rows: &RecordBatch, scores: Vec<ArrayRef>) -> Result<RecordBatch, Failure> {
        let column = |index: &usize| rows.columns().get(*index).cloned();
        let columns = self.kept.iter().filter_map(column).chain(scores).chain(self.row.as_ref().and_then(column));
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        Ok(RecordBatch::try_new_with_options(self.schema.clone(), columns.collect(), &options)?)
    }
}

/// The bad rows as rejects, with their values separated by commas.
fn reject(rows: &RecordBatch, bad: &BadRows) -> Result<Rejects, Failure> {
    let mut rejects = Rejects::default();
    if bad.is_empty() {
        return Ok(rejects);
    }
    let numbers = RowNumbers::of(rows);
    let options = FormatOptions::default();
    let schema = rows.schema();
    let columns = schema.fields().iter().zip(rows.columns()).filter(|(field, _)| field.name() != ROW);
    let columns: Vec<ArrayFormatter<'_>> =
        columns.map(|(_, column)| ArrayFormatter::try_new(column.as_ref(), &options)).collect::<Result<_, _>>()?;
    for (row, reason) in bad {
        let values: Vec<String> = columns.iter().map(|column| column.value(*row).to_string()).collect();
        rejects.push(numbers.get(*row), reason, Some(&values.join(",")));
    }
    Ok(rejects)
}
