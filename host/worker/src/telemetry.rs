//! Traces, for OpenTelemetry: an event has one, however often it is tried. Its first span is the acceptance, or the span
//! that the event was sent with (`traceparent`, of W3C's Trace Context); each attempt has a span under it, and each of its
//! steps one under that. Names and kinds of spans are those that OpenTelemetry has for messaging.
//!
//! Nothing is done, and nothing costs, unless a tracer was set up.

use std::collections::HashMap;
use std::time::SystemTime;

use opentelemetry::global::{self, BoxedSpan};
use opentelemetry::trace::{Span, SpanBuilder, SpanContext, SpanKind, Status, TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue};
use wasmill_journal::NewEvent;
use wasmill_runtime::manifest::Id;
use wasmill_runtime::run::StepReport;

use crate::attempt::Outcome;
use crate::job::Job;

/// What the spans come from.
const SCOPE: &str = "wasmill";

/// The header of W3C's Trace Context.
pub const TRACEPARENT: &str = "traceparent";

/// The span of an event that is accepted, under which its attempts will be. It ends when it is dropped.
pub fn accepting(pipeline: &str, event: &mut NewEvent) -> BoxedSpan {
    let tracer = global::tracer(SCOPE);
    let parent = context(event.trace.as_deref());
    let span = SpanBuilder::from_name(format!("accept {pipeline}"))
        .with_kind(SpanKind::Producer)
        .with_attributes(attributes(pipeline, event.id.as_str()))
        .start_with_context(&tracer, &parent);
    if span.is_recording() {
        event.trace = traceparent(span.span_context());
    }
    span
}

/// Notes an attempt that began at `started`, and what came of it.
pub fn attempted(pipeline: &Id, job: &Job, started: SystemTime, outcome: &Outcome) {
    let tracer = global::tracer(SCOPE);
    let mut span = SpanBuilder::from_name(format!("process {pipeline}"))
        .with_kind(SpanKind::Consumer)
        .with_start_time(started)
        .with_attributes(attributes(pipeline.as_str(), job.event.id.as_str()))
        .start_with_context(&tracer, &context(job.trace.as_deref()));
    if !span.is_recording() {
        return;
    }
    span.set_attribute(KeyValue::new("wasmill.attempt", i64::from(job.event.attempt)));
    span.set_attribute(KeyValue::new("wasmill.outcome", outcome.name()));
    let reports = match outcome {
        Outcome::Done { report, .. } => report.steps.as_slice(),
        Outcome::Retry(reason, _) | Outcome::Dead(reason) => {
            span.set_attribute(KeyValue::new("wasmill.step", reason.step.clone()));
            span.set_status(Status::error(reason.text.clone()));
            &[]
        }
        Outcome::Lost => &[],
    };
    let ctx = Context::new().with_remote_span_context(span.span_context().clone());
    for report in reports {
        step(&tracer, &ctx, report);
    }
    span.end();
}

/// A step's span: from its first call to its last.
fn step(tracer: &impl Tracer, ctx: &Context, report: &StepReport) {
    let Some((first, last)) = report.usage.between else { return };
    let StepReport { id, kind, counts, usage } = report;
    let count = |name: &'static str, count: u64| KeyValue::new(name, count.cast_signed());
    let mut span = SpanBuilder::from_name(format!("{kind} {id}"))
        .with_start_time(first)
        .with_attributes([
            KeyValue::new("wasmill.step", id.to_string()),
            count("wasmill.rows_in", counts.rows_in),
            count("wasmill.rows_out", counts.rows_out),
            count("wasmill.rows_rejected", counts.rejected),
            KeyValue::new("wasmill.cpu_seconds", usage.cpu.as_secs_f64()),
            count("wasmill.peak_memory_bytes", usage.memory),
        ])
        .start_with_context(tracer, ctx);
    span.end_with_timestamp(last);
}

fn attributes(pipeline: &str, event: &str) -> [KeyValue; 4] {
    [
        KeyValue::new("messaging.system", "wasmill"),
        KeyValue::new("messaging.destination.name", pipeline.to_owned()),
        KeyValue::new("messaging.message.id", event.to_owned()),
        KeyValue::new("wasmill.event", event.to_owned()),
    ]
}

/// The name of a trace, as logs have it.
pub fn trace_id(traceparent: Option<&str>) -> &str {
    traceparent.and_then(|trace| trace.split('-').nth(1)).unwrap_or_default()
}

fn context(traceparent: Option<&str>) -> Context {
    let carrier: HashMap<String, String> =
        traceparent.map(|parent| (TRACEPARENT.to_owned(), parent.to_owned())).into_iter().collect();
    global::get_text_map_propagator(|propagator| propagator.extract(&carrier))
}

fn traceparent(span: &SpanContext) -> Option<String> {
    let mut carrier = HashMap::new();
    let ctx = Context::new().with_remote_span_context(span.clone());
    global::get_text_map_propagator(|propagator| propagator.inject_context(&ctx, &mut carrier));
    carrier.remove(TRACEPARENT)
}
