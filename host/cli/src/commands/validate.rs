//! `wasmill validate`.

use anyhow::Result;
use arrow_schema::FieldRef;
use clap::Args;
use wasmill_runtime::pipeline::Step;
use wasmill_runtime::rows::ROW;

use super::{Exit, Format, PipelineArgs};
use crate::session::Session;
use crate::tables;

/// Check a pipeline: the manifest, and every step's configuration against the schema it will be given.
///
/// Reports all problems at once, each with its line. Prints the steps with their schemas.
#[derive(Debug, Args)]
pub struct Validate {
    #[command(flatten)]
    pipeline: PipelineArgs,

    /// The form of the answer.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

impl Validate {
    /// Checks, and prints what there is.
    pub fn run(self) -> Result<Exit> {
        let session = Session::open(&self.pipeline)?;
        let pipeline = session.load(None)?;
        // A program without tables can still tell that the manifest is well.
        if cfg!(feature = "warehouse") {
            tables::sinks(&pipeline)?;
        }
        tables::check_queries(&session.plan, &self.pipeline)?;
        match self.format {
            Format::Text => {
                for step in &pipeline.steps {
                    say!("{} ({})", step.id, step.kind)?;
                    for field in columns(step) {
                        let null = if field.is_nullable() { "" } else { " not null" };
                        say!("    {} {}{null}", field.name(), field.data_type())?;
                    }
                }
            }
            Format::Json => {
                let steps = session.plan.steps.iter().zip(&pipeline.steps).map(|(plan, step)| {
                    let fields = columns(step).map(|field| {
                        serde_json::json!({
                            "name": field.name(),
                            "type": field.data_type().to_string(),
                            "nullable": field.is_nullable(),
                        })
                    });
                    serde_json::json!({
                        "id": step.id,
                        "kind": step.kind,
                        "component": plan.component.digest,
                        "model": plan.model.as_ref().map(|model| &model.digest),
                        "columns": fields.collect::<Vec<_>>(),
                    })
                });
                let steps: Vec<_> = steps.collect();
                say!("{}", serde_json::json!({ "pipeline": pipeline.name, "steps": steps }))?;
            }
        }
        for (table, reject) in &pipeline.table_rejects {
            eprintln!("warning: table `{table}`, line {}: {}", reject.row, reject.reason);
        }
        Ok(Exit::Done)
    }
}

/// The columns of a step, without the numbers of rows, which are nobody's.
fn columns(step: &Step) -> impl Iterator<Item = &FieldRef> {
    step.bound.schema.iter().flat_map(|schema| schema.fields()).filter(|field| field.name() != ROW)
}
