//! Traces, metrics and logs of `wasmill up`, as a collector of OpenTelemetry gets them.

mod common;
#[path = "common/up.rs"]
mod up_folder;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use up_folder::{Up, pipeline};

/// A collector: its URL, and what it gets, as path and body.
fn collector() -> (String, Receiver<(String, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, received) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let sender = sender.clone();
            std::thread::spawn(move || {
                while let Some(request) = answer(&stream) {
                    // The test may be over.
                    let _ = sender.send(request);
                }
            });
        }
    });
    (url, received)
}

/// Reads a request and answers it; none if the connection was closed.
fn answer(mut stream: &TcpStream) -> Option<(String, Vec<u8>)> {
    let mut reader = BufReader::new(stream);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
        if line == "\r\n" {
            break;
        }
        head.push(line.trim_end().to_ascii_lowercase());
    }
    let length = head.iter().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    assert!(head.iter().any(|line| line == "content-type: application/x-protobuf"), "{head:?}");
    let mut body = vec![0; length.parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
    Some((head[0].split(' ').nth(1).unwrap().to_owned(), body))
}

fn text(span: &Span, key: &str) -> String {
    let found = span.attributes.iter().find(|attribute| attribute.key == key);
    match found.and_then(|attribute| attribute.value.clone()?.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::DoubleValue(number)) => number.to_string(),
        _ => String::new(),
    }
}

#[test]
fn an_event_is_one_trace_from_where_it_was_sent_through_all_steps() {
    let (url, received) = collector();
    let folder = pipeline();
    let folder = folder.path();
    let up = Up::start(folder, &[("OTEL_EXPORTER_OTLP_ENDPOINT", &url), ("WASMILL_LOG_FORMAT", "json")]);
    let (trace, sender) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
    let traceparent = format!("traceparent: 00-{trace}-{sender}-01\r\nidempotency-key: one\r\n");
    assert_eq!(up.request("POST", "/v1/events", &traceparent, "id,value\n1,1\n2,x\n").0, 202);
    up.wait_for(folder, 1);
    // A header that is none makes the event a dead letter.
    let other = format!("traceparent: 00-{}-{sender}-01\r\nidempotency-key: two\r\n", trace.replace('0', "1"));
    assert_eq!(up.request("POST", "/v1/events", &other, "nothing\n").0, 202);
    up.wait_said("http@two");
    let said = std::fs::read_to_string(folder.join("said")).unwrap();
    assert_eq!(up.stop(), Some(1));

    let line: serde_json::Value =
        serde_json::from_str(said.lines().find(|line| line.contains("http@two")).unwrap()).unwrap();
    assert_eq!(
        [&line["level"], &line["event"], &line["step"], &line["attempt"], &line["trace"]],
        [&serde_json::json!("ERROR"), &"http@two".into(), &"read".into(), &1.into(), &trace.replace('0', "1").into()],
        "{line}"
    );
    assert!(
        line["timestamp"].is_string() && line["message"].as_str().unwrap().contains("event `http@two`: step `read`")
    );

    // All that it had was sent before it ended.
    let (mut spans, mut sums) = (Vec::new(), BTreeMap::new());
    while let Ok((path, body)) = received.try_recv() {
        match path.as_str() {
            "/v1/traces" => {
                let request = ExportTraceServiceRequest::decode(body.as_slice()).unwrap();
                let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
                spans.extend(scopes.flat_map(|scope| scope.spans));
            }
            "/v1/metrics" => {
                let request = ExportMetricsServiceRequest::decode(body.as_slice()).unwrap();
                let scopes = request.resource_metrics.into_iter().flat_map(|resource| resource.scope_metrics);
                sums.extend(
                    scopes
                        .flat_map(|scope| scope.metrics)
                        .map(|metric| (metric.name.clone(), format!("{:?}", metric.data))),
                );
            }
            other => panic!("{other}"),
        }
    }
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let of_one: Vec<&Span> = spans.iter().filter(|span| hex(&span.trace_id) == trace).collect();
    let named =
        |name: &str| *of_one.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("{name}: {of_one:?}"));
    let (accept, process) = (named("accept numbers"), named("process numbers"));
    let (read, publish) = (named("ingest read"), named("publish publish"));
    assert_eq!(of_one.len(), 4);
    assert_eq!(hex(&accept.parent_span_id), sender);
    assert_eq!(process.parent_span_id, accept.span_id);
    assert_eq!([&read.parent_span_id, &publish.parent_span_id], [&process.span_id; 2]);
    assert_eq!((text(process, "wasmill.event"), text(process, "wasmill.outcome")), ("http@one".into(), "done".into()));
    assert_eq!((text(read, "wasmill.rows_in"), text(read, "wasmill.rows_rejected")), ("2".into(), "1".into()));
    assert!(
        read.start_time_unix_nano >= process.start_time_unix_nano
            && read.end_time_unix_nano <= publish.end_time_unix_nano
    );
    assert!(publish.end_time_unix_nano <= process.end_time_unix_nano);
    let failed = spans.iter().find(|span| text(span, "wasmill.outcome") == "dead").unwrap();
    assert_eq!((hex(&failed.trace_id), failed.status.as_ref().unwrap().code), (trace.replace('0', "1"), 2));
    for name in [
        "wasmill_rows",
        "wasmill_attempts",
        "wasmill_events_accepted",
        "wasmill_attempt_seconds",
        "wasmill_lag_seconds",
    ] {
        assert!(sums.contains_key(name), "{name}: {sums:?}");
    }
    assert!(sums["wasmill_rows"].contains("AsInt(2)"), "{}", sums["wasmill_rows"]);
}
