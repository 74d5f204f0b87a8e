//! From the command line to the causes.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, anyhow, bail};
use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use wasmill_runtime::engine::Engine;
use wasmill_runtime::plan::{self, QueryPlan};
use wasmill_warehouse::explain::{Explainer, Explanation, FUNCTION, Period, WhyError};
use wasmill_warehouse::query::{QueryError, Session, memory};

use super::question::{self, Question};
use super::{Explain, Form, MEASURE};
use crate::commands::Exit;
use crate::{session, tables};

/// Asks what was typed.
pub fn run(typed: Explain) -> Result<Exit> {
    let (pipeline, source) = match typed.source.as_slice() {
        [source] => (None, source),
        [pipeline, source] => (Some(plan::resolve(Path::new(pipeline))?), source),
        _ => bail!("there is no source"),
    };
    let relation = relation(source, pipeline.is_some());
    let plan = match &pipeline {
        Some(file) => plan::query_of(file)?,
        None => QueryPlan::default(),
    };
    let objects = tables::object_tables(pipeline, typed.components.clone(), typed.parameters.clone());
    let asked = Arc::new(Session::new(plan, objects, memory::default_limit())?);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ask = |sql: &str| runtime.block_on(async { asked.ask(sql).await?.collect(&asked).await });
    let mut others = Vec::new();
    if let Some((periods, sql)) = question::others(&typed, &relation)? {
        others = with_rows(periods, &ask(&sql)?);
        if others.is_empty() {
            bail!("there are no rows in what is compared with\nhint: --compare with another period");
        }
    }
    let question = Question::of(&typed, &relation, &others)?;
    let batches = ask(&question.sql).map_err(|err| hinted(err, &typed))?;
    asked.warnings().iter().for_each(|warning| eprintln!("warning: {warning}"));
    let explainer = explainer(typed.components.as_deref())?;
    let explanation = explainer.explain(&question.config, &batches).map_err(WhyError::from)?;
    match typed.format {
        Form::Text => tell(&explanation)?,
        Form::Json => say!("{}", serde_json::to_string_pretty(&explanation.json())?)?,
    }
    Ok(Exit::Done)
}

/// What went wrong, with what to ask if no measure was named.
fn hinted(err: QueryError, typed: &Explain) -> anyhow::Error {
    if typed.measure == MEASURE && typed.compare.is_empty() && matches!(err, QueryError::Plan(_)) {
        return anyhow!(
            "{err}\nhint: `{MEASURE}` is compared with `expected` unless --measure names another column, and --expected or --compare \
             what it is compared with"
        );
    }
    err.into()
}

/// Those of some periods that have rows, by a count of each.
fn with_rows(periods: Vec<Period>, counts: &[RecordBatch]) -> Vec<Period> {
    let has_rows = |at: usize| {
        let columns = counts.iter().filter_map(|batch| batch.columns().get(at)?.as_primitive_opt::<Int64Type>());
        columns.flat_map(|column| column.values().iter()).any(|count| *count > 0)
    };
    periods.into_iter().enumerate().filter(|(at, _)| has_rows(*at)).map(|(_, period)| period).collect()
}

/// What is read from: a query, a file, or a table by its name.
fn relation(source: &str, has_tables: bool) -> String {
    let first = source.split_whitespace().next().unwrap_or_default();
    if ["select", "with"].iter().any(|word| first.eq_ignore_ascii_case(word)) && source.trim() != first {
        return format!("({source}) AS source");
    }
    if !has_tables || source.contains(['/', '*']) || Path::new(source).is_file() {
        return format!("'{}'", source.replace('\'', "''"));
    }
    source.to_owned()
}

/// The bundled function.
pub fn explainer(components: Option<&Path>) -> Result<Explainer> {
    let engine = Engine::new(Some(session::code_cache()?))?;
    let components = session::components(components)?;
    let function = session::function(&engine, &components, FUNCTION)?;
    Ok(Explainer::new(engine, function))
}

/// How many values are told where there is no cause.
const MOST: usize = 5;

fn tell(explanation: &Explanation) -> Result<()> {
    say!("{}", explanation.summary())?;
    if explanation.is_empty() {
        let most = explanation.most().into_iter().take(MOST);
        let most: Vec<String> = most.map(|(value, share)| format!("{value} ({:.0} %)", share * 100.0)).collect();
        if !most.is_empty() {
            say!("Of the change the largest parts, which chance may have divided so: {}.", most.join(", "))?;
        }
    }
    for row in 0..explanation.len() {
        let (cause, sentence) = explanation.cause(row);
        say!("\n{}. {cause}\n   {sentence}", row + 1)?;
    }
    Ok(())
}
