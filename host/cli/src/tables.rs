//! What writes and reads tables, as this program was built.

#[cfg(feature = "warehouse")]
use std::path::PathBuf;

use anyhow::Result;
use wasmill_runtime::pipeline::Pipeline;
#[cfg(feature = "warehouse")]
use wasmill_runtime::plan;
use wasmill_runtime::plan::Plan;
use wasmill_runtime::table_source::TableSource;
use wasmill_worker::sinks::Sinks;

use crate::commands::PipelineArgs;

/// Each sink with what writes it. An error if one of the tables does not take its rows.
#[cfg(feature = "warehouse")]
pub fn sinks(pipeline: &Pipeline) -> Result<Sinks> {
    use anyhow::Context;

    let sinks = pipeline.sinks.iter().map(|sink| {
        let writer = wasmill_warehouse::open(&pipeline.name, sink);
        let writer = writer.with_context(|| format!("sink `{}`", sink.id()))?;
        Ok((sink.clone(), writer))
    });
    Ok(Sinks::new(sinks.collect::<Result<_>>()?))
}

/// None: this program writes no tables.
#[cfg(not(feature = "warehouse"))]
pub fn sinks(pipeline: &Pipeline) -> Result<Sinks> {
    match pipeline.sinks.first() {
        None => Ok(Sinks::default()),
        Some(sink) => anyhow::bail!(
            "sink `{}`: this wasmill was built without tables\nhint: `make build FEATURES=warehouse`",
            sink.id()
        ),
    }
}

/// An error if one of the views of a pipeline is no query, or cannot be planned, or if something is wrong with the semantic
/// model or a report. Tables that are not there yet are no mistake.
#[cfg(feature = "warehouse")]
pub fn check_queries(plan: &Plan, args: &PipelineArgs) -> Result<()> {
    use wasmill_runtime::diagnostics::Reporter;
    use wasmill_runtime::plan::{ExtractRows, TriggerPlan};
    use wasmill_warehouse::measures::Measures;
    use wasmill_warehouse::query::{Session, memory};

    let asked = plan::query_of(&plan.file)?;
    let mut reporter = Reporter::new(&plan.file, &plan.text);
    if let Some(measures) = Measures::read(&asked)? {
        for (index, trigger) in plan.triggers.iter().enumerate() {
            let TriggerPlan::Extract(extract) = trigger else { continue };
            let ExtractRows::Band(watched) = &extract.rows else { continue };
            if let Err(why) = wasmill_warehouse::check_band(&measures.model, watched) {
                reporter.at(&["trigger", &index.to_string(), "from"], format!("extract `{}`: {why}", extract.id));
            }
        }
    }
    if plan.views.is_empty() {
        return Ok(reporter.finish(Some(()))?);
    }
    let objects = object_tables(Some(plan.file.clone()), args.components.clone(), args.parameters.clone());
    let session = Session::new(asked, objects, memory::default_limit())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    for name in plan.views.keys() {
        if let Err(err) = runtime.block_on(session.check_view(name.as_str())) {
            reporter.at(&["views", name.as_str(), "sql"], err.to_string());
        }
    }
    Ok(reporter.finish(Some(()))?)
}

/// A program without queries can still tell that the manifest is well.
#[cfg(not(feature = "warehouse"))]
pub fn check_queries(_: &Plan, _: &PipelineArgs) -> Result<()> {
    Ok(())
}

/// What reads tables whose rows are in objects, for queries: the functions of the pipeline, which are loaded when one is asked for.
#[cfg(feature = "warehouse")]
pub fn object_tables(
    pipeline: Option<PathBuf>,
    components: Option<PathBuf>,
    parameters: Vec<(String, String)>,
) -> wasmill_warehouse::query::ObjectTables {
    use anyhow::Context;
    use wasmill_runtime::engine::Engine;
    use wasmill_runtime::plan::Sources;

    use crate::{registry, session};

    std::sync::Arc::new(move |name| {
        let read = || -> Result<_> {
            let file = pipeline.as_ref().context("there is no pipeline")?;
            let components = session::components(components.as_deref())?;
            let fetch = |reference: &str| registry::fetch(reference).map_err(|err| format!("{err:#}"));
            let sources = Sources { bundled: &components, registry: &fetch, parameters: &parameters };
            let plan = Plan::read_from(file, sources)?;
            let engine = Engine::new(Some(session::code_cache()?))?;
            Ok(Pipeline::table(&engine, &plan, name)?)
        };
        read().map_err(|err| std::io::Error::other(format!("{err:#}")))
    })
}

/// What reads tables that are no objects.
pub fn source() -> &'static dyn TableSource {
    #[cfg(feature = "warehouse")]
    return &wasmill_warehouse::Tables;
    #[cfg(not(feature = "warehouse"))]
    return &wasmill_runtime::table_source::NoTables;
}
