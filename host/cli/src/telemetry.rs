//! Sends traces and metrics where OpenTelemetry's own variables of the environment say, such as
//! `OTEL_EXPORTER_OTLP_ENDPOINT`; without them nothing is sent. By OTLP over HTTP, as protobuf.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use opentelemetry::{InstrumentationScope, KeyValue, global, metrics::MeterProvider};
use opentelemetry_otlp::{MetricExporter, SpanExporter};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use wasmill_worker::metrics::Metrics;

/// What is sent, until it is dropped: then the rest is.
pub struct Telemetry {
    traces: Option<SdkTracerProvider>,
    metrics: Option<SdkMeterProvider>,
}

impl Telemetry {
    /// Starts sending, if the environment says where to.
    pub fn start(pipeline: &str, metrics: &Arc<Metrics>) -> Result<Self> {
        let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_off = std::env::var("OTEL_SDK_DISABLED").is_ok_and(|value| value.eq_ignore_ascii_case("true"));
        let wanted = |signal: &str| {
            let exporter = std::env::var(format!("OTEL_{signal}_EXPORTER"));
            let endpoint = format!("OTEL_EXPORTER_OTLP_{signal}_ENDPOINT");
            let somewhere = is_set("OTEL_EXPORTER_OTLP_ENDPOINT") || is_set(&endpoint);
            somewhere && !is_off && exporter.map_or(true, |exporter| exporter == "otlp")
        };
        if !wanted("TRACES") && !wanted("METRICS") {
            return Ok(Self { traces: None, metrics: None });
        }
        for name in ["", "TRACES_", "METRICS_"].map(|signal| format!("OTEL_EXPORTER_OTLP_{signal}PROTOCOL")) {
            let protocol = std::env::var(&name).unwrap_or_default();
            ensure!(
                matches!(protocol.as_str(), "" | "http/protobuf"),
                "{name} is `{protocol}`, which is not spoken here\nhint: set it to `http/protobuf`, mostly on port 4318"
            );
        }
        let mut resource = Resource::builder().with_attribute(KeyValue::new("wasmill.pipeline", pipeline.to_owned()));
        if !is_set("OTEL_SERVICE_NAME") {
            resource = resource.with_service_name("wasmill");
        }
        let resource = resource.with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION"))).build();
        let traces = if wanted("TRACES") {
            let exporter = SpanExporter::builder().with_http().build().context("traces cannot be sent")?;
            let provider =
                SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource.clone()).build();
            global::set_text_map_propagator(TraceContextPropagator::new());
            global::set_tracer_provider(provider.clone());
            Some(provider)
        } else {
            None
        };
        let metrics = if wanted("METRICS") {
            let exporter = MetricExporter::builder().with_http().build().context("metrics cannot be sent")?;
            let provider = SdkMeterProvider::builder().with_periodic_exporter(exporter).with_resource(resource).build();
            let scope = InstrumentationScope::builder("wasmill").build();
            metrics.observe(&provider.meter_with_scope(scope));
            Some(provider)
        } else {
            None
        };
        Ok(Self { traces, metrics })
    }

    /// Whether metrics are sent.
    pub fn sends_metrics(&self) -> bool {
        self.metrics.is_some()
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        let traces = self.traces.take().map(|traces| traces.shutdown());
        let metrics = self.metrics.take().map(|metrics| metrics.shutdown());
        for err in traces.into_iter().chain(metrics).filter_map(Result::err) {
            tracing::warn!("the last traces or metrics were not sent: {err}");
        }
    }
}
