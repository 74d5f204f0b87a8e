//! `wasmill model`.

use anyhow::Result;
use clap::{Args, Subcommand};

use super::{Exit, PipelineArgs};

/// Look after a pipeline's semantic model.
#[derive(Debug, Args)]
pub struct Model {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Check a semantic model and its reports: names and formulas, and against the tables whether columns are there and primary
    /// keys are unique. Prints what may be asked.
    Validate {
        #[command(flatten)]
        pipeline: PipelineArgs,
    },
}

impl Model {
    /// Does what was asked.
    #[cfg(feature = "warehouse")]
    pub fn run(self) -> Result<Exit> {
        let What::Validate { pipeline } = self.what;
        validate(pipeline)
    }

    /// Says what is missing.
    #[cfg(not(feature = "warehouse"))]
    pub fn run(self) -> Result<Exit> {
        let What::Validate { .. } = self.what;
        anyhow::bail!("this wasmill was built without queries\nhint: `make build FEATURES=warehouse`")
    }
}

#[cfg(feature = "warehouse")]
fn validate(pipeline: PipelineArgs) -> Result<Exit> {
    use crate::analysis::Analysis;

    let analysis = Analysis::open(pipeline)?;
    let wrong = analysis.wait(analysis.measures.check(&analysis.session));
    for problem in &wrong {
        eprintln!("{}: {problem}", analysis.measures.model.name);
    }
    if !wrong.is_empty() {
        return Ok(Exit::Unusable);
    }
    let model = &analysis.measures.model;
    say!("{}", model.name)?;
    let said = |text: &Option<String>| text.as_ref().map_or_else(String::new, |text| format!("  {text}"));
    for (name, measure) in &model.measures {
        say!("    measure {name}{}", said(&measure.description))?;
    }
    for (name, dimension) in &model.dimensions {
        say!("    dimension {name}{}", said(&dimension.description))?;
    }
    for report in &analysis.measures.reports {
        say!("    report {}  {}", report.id, report.title)?;
    }
    Ok(Exit::Done)
}
