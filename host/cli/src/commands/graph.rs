//! `wasmill graph`.

use anyhow::Result;
use clap::{Args, ValueEnum};
use wasmill_runtime::plan::{Edge, Plan, StepPlan, TriggerPlan};
use wasmill_runtime::store::Location;

use super::{Exit, PipelineArgs};
use crate::session::Session;

/// Print a pipeline's steps, and the ways of the rows between them.
///
/// The manifest is checked; no step is started.
#[derive(Debug, Args)]
pub struct Graph {
    #[command(flatten)]
    pipeline: PipelineArgs,

    /// The form.
    #[arg(long, value_enum, default_value = "text")]
    format: Form,
}

/// The form of a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// A line for each step.
    Text,
    /// A flowchart, as Mermaid draws it and Markdown pages show it.
    Mermaid,
}

impl Graph {
    /// Prints it.
    pub fn run(self) -> Result<Exit> {
        let session = Session::open(&self.pipeline)?;
        match self.format {
            Form::Text => say!("{}", text(&session.plan).trim_end())?,
            Form::Mermaid => say!("{}", mermaid(&session.plan).trim_end())?,
        }
        Ok(Exit::Done)
    }
}

/// A line for each step: what it is, where its rows come from, what it reads and writes.
fn text(plan: &Plan) -> String {
    let width = plan.steps.iter().map(|step| step.id.as_str().len()).max().unwrap_or_default();
    let component = plan.steps.iter().map(|step| component(step).len()).max().unwrap_or_default();
    let mut text = String::new();
    for step in &plan.steps {
        let sources: Vec<String> = match &*step.from {
            [] => plan.triggers.iter().map(trigger).collect(),
            edges => edges.iter().map(|edge| source(plan, edge)).collect(),
        };
        let mut parts =
            vec![format!("from {}", if sources.is_empty() { "objects".into() } else { sources.join(", ") })];
        if !step.tables.is_empty() {
            parts.push(format!("with {}", tables(plan, step).collect::<Vec<_>>().join(", ")));
        }
        if let Some(model) = &step.model {
            parts.push(format!("by {}", name(&model.path)));
        }
        if !step.documents.is_empty() {
            parts.push(format!("to documents {}", step.documents.join(", ")));
        }
        let line =
            format!("{:<width$}  {:<component$}  {}\n", step.id.as_str(), self::component(step), parts.join("; "));
        text.push_str(&line);
    }
    text
}

/// A flowchart: triggers and tables on the left, collections on the right.
fn mermaid(plan: &Plan) -> String {
    let mut lines = vec!["flowchart LR".to_owned()];
    let mut line = |line: String| lines.push(format!("    {line}"));
    for (index, step) in plan.steps.iter().enumerate() {
        line(format!("s{index}[\"{}<br/>{}\"]", step.id, quoted(&component(step))));
        for Edge { step: from, route } in &step.from {
            let route = route.as_ref().map(|route| format!("|{}|", quoted(route))).unwrap_or_default();
            line(format!("s{from} -->{route} s{index}"));
        }
        if step.from.is_empty() {
            for (number, trigger) in plan.triggers.iter().enumerate() {
                line(format!("t{number}([\"{}\"]) --> s{index}", quoted(&self::trigger(trigger))));
            }
        }
        for table in tables(plan, step) {
            line(format!("table_{table}[/\"{table}\"/] -.-> s{index}"));
        }
        for (number, collection) in step.documents.iter().enumerate() {
            line(format!("s{index} --> d{index}_{number}[(\"{}\")]", quoted(collection)));
        }
    }
    lines.join("\n")
}

fn source(plan: &Plan, Edge { step, route }: &Edge) -> String {
    let id = plan.steps.get(*step).map(|step| step.id.as_str()).unwrap_or_default();
    route.as_ref().map_or_else(|| id.to_owned(), |route| format!("{id}.{route}"))
}

fn tables<'a>(plan: &'a Plan, step: &'a StepPlan) -> impl Iterator<Item = &'a str> {
    step.tables.iter().filter_map(|table| plan.tables.get(*table)).map(|table| table.name.as_str())
}

fn trigger(trigger: &TriggerPlan) -> String {
    match trigger {
        TriggerPlan::Object { objects, .. } => {
            let within = match &objects.within {
                Location::File(folder) => name(folder),
                url => url.to_string(),
            };
            format!("object {within}/{}", objects.name)
        }
        TriggerPlan::Http { path, .. } => format!("http POST {path}"),
        TriggerPlan::Pipeline(chain) => format!("pipeline {}", chain.pipeline),
        TriggerPlan::Nats(nats) => format!("nats {}/{}", nats.stream, nats.consumer),
        TriggerPlan::Extract(extract) => extract.trigger(),
        TriggerPlan::Schedule(schedule) => {
            format!("schedule {} ({} {})", schedule.id, schedule.cron.as_str(), schedule.timezone)
        }
    }
}

fn component(step: &StepPlan) -> String {
    step.component.path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn name(path: &std::path::Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// A text within quotes of a flowchart, which ends at the next one.
fn quoted(text: &str) -> String {
    text.replace('&', "#amp;").replace('"', "#quot;").replace('<', "#lt;")
}
