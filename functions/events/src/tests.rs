//! Requests and their answers, over a chain of steps that reads lines of numbers.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, UInt64Type};
use arrow_array::{Int64Array, RecordBatch, UInt64Array};
use arrow_schema::{DataType, Field, Schema};
use serde_json::{Value, json};
use wasmill_gateway::{Request, Response};
use wasmill_sdk::{Context, Failure, Rejects, Written, arrow, row_field};

use crate::config::Config;
use crate::{Batch, Chain, Receipt, gateway};

/// Reads a number a line, two lines a batch. Its steps take negative numbers, and what fails is named by number.
#[derive(Default)]
struct Lines {
    whole: bool,
    lines: Vec<String>,
    read: usize,
    kept: Vec<(i64, u64)>,
    /// The event, and what each step was given.
    seen: Vec<Context>,
    steps: Vec<(&'static str, Vec<i64>)>,
}

fn rows(values: &[(i64, u64)]) -> Vec<u8> {
    let schema = Schema::new(vec![Field::new("n", DataType::Int64, false), row_field()]);
    let numbers = Int64Array::from_iter_values(values.iter().map(|(number, _)| *number));
    let lines = UInt64Array::from_iter_values(values.iter().map(|(_, line)| *line));
    arrow::encode(&RecordBatch::try_new(Arc::new(schema), vec![Arc::new(numbers), Arc::new(lines)]).unwrap()).unwrap()
}

fn values(stream: &[u8]) -> Vec<(i64, u64)> {
    let batch = arrow::decode_one(stream.to_vec()).unwrap();
    let numbers = batch.column(0).as_primitive::<Int64Type>().values().iter().copied();
    numbers.zip(batch.column(1).as_primitive::<UInt64Type>().values().iter().copied()).collect()
}

impl Lines {
    fn step(&mut self, name: &'static str, ctx: &Context, stream: &[u8]) -> Result<Vec<(i64, u64)>, Failure> {
        let rows = values(stream);
        self.seen.push(ctx.clone());
        self.steps.push((name, rows.iter().map(|(number, _)| *number).collect()));
        match rows.first() {
            Some((422, _)) => Err(Failure::Reject("it is 422".into())),
            Some((503, _)) => Err(Failure::Retry("it is 503".into())),
            Some((500, _)) => Err(Failure::Other("it is 500".into())),
            _ => Ok(rows),
        }
    }
}

impl Chain for Lines {
    fn open(&mut self, _: &Context, data: Vec<u8>) -> Result<(), Failure> {
        let text = String::from_utf8(data).map_err(|_| Failure::Reject("it is not UTF-8".into()))?;
        self.lines = text.lines().map(str::to_owned).collect();
        Ok(())
    }

    fn next(&mut self) -> Result<Option<Batch>, Failure> {
        let (mut good, mut rejects) = (Vec::new(), Rejects::default());
        let from = self.read;
        for line in self.lines.iter().skip(from).take(2) {
            self.read += 1;
            match line.parse() {
                Ok(number) => good.push((number, self.read as u64)),
                Err(_) => rejects.push(self.read as u64, "it is no number", Some(line)),
            }
        }
        Ok((self.read > from).then(|| Batch { rows: rows(&good), rejects: rejects.encode().unwrap() }))
    }

    fn transform(&mut self, ctx: &Context, stream: &[u8]) -> Result<Batch, Failure> {
        let mut given = self.step("transform", ctx, stream)?;
        if self.whole {
            self.kept.append(&mut given);
        }
        Ok(Batch { rows: rows(&given), rejects: None })
    }

    fn finish(&mut self, _: &Context) -> Result<Batch, Failure> {
        Ok(Batch { rows: rows(&self.kept), rejects: None })
    }

    fn score(&mut self, ctx: &Context, stream: &[u8]) -> Result<Batch, Failure> {
        let (mut good, mut rejects) = (Vec::new(), Rejects::default());
        for (number, line) in self.step("score", ctx, stream)? {
            match number < 0 {
                true => rejects.push(line, "it is negative", None),
                false => good.push((number, line)),
            }
        }
        Ok(Batch { rows: rows(&good), rejects: rejects.encode().unwrap() })
    }

    fn publish(&mut self, ctx: &Context, stream: &[u8]) -> Result<Receipt, Failure> {
        let inserted = self.step("publish", ctx, stream)?.len() as u64;
        Ok(Receipt { written: Written { inserted, charge: 1.5, ..Written::default() }, rejects: None })
    }
}

fn config(steps: Value, whole: bool) -> Config {
    let config = json!({ "pipeline": "numbers", "steps": steps, "whole": whole, "body_limit": 2000 });
    wasmill_sdk::config::parse(&config.to_string()).unwrap()
}

fn all() -> Value {
    json!({ "ingest": "read", "transform": "clean", "score": "rate", "publish": "write" })
}

fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Request {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Request { method: method.into(), path: path.into(), query: String::new(), headers, body: body.into() }
}

fn post(chain: &mut Lines, headers: &[(&str, &str)], body: &str) -> (u16, Value) {
    let config = config(all(), chain.whole);
    let response = gateway::answer(&config, request("POST", "/v1/events", headers, body), 7, 0xab, chain);
    (response.status, serde_json::from_slice(&response.body).unwrap())
}

#[test]
fn an_event_goes_through_all_steps_a_batch_at_a_time() {
    let mut chain = Lines::default();
    let (status, answer) = post(&mut chain, &[], "1\ntwo\n-3\n4\n5");
    assert_eq!(status, 200);
    let documents = json!({ "inserted": 3, "replaced": 0, "deleted": 0, "unchanged": 0, "stale": 0, "duplicates": 0, "charge": 4.5 });
    let rejects = json!([
        { "step": "read", "row": 2, "reason": "it is no number", "raw": "two" },
        { "step": "rate", "row": 3, "reason": "it is negative", "raw": null },
    ]);
    let event = format!("http@{:032x}", 0xab);
    let expect = json!({ "event": event, "rows": 5, "rejected": 2, "rejects": rejects, "documents": documents });
    assert_eq!(answer, expect);
    let published = [("publish", vec![1]), ("publish", vec![4]), ("publish", vec![5])];
    assert_eq!(chain.steps.into_iter().filter(|(step, _)| *step == "publish").collect::<Vec<_>>(), published);
    let ctx = Context { event_id: event, event_time: 7, attempt: 1 };
    assert!(chain.seen.iter().all(|seen| *seen == ctx));
}

#[test]
fn steps_that_there_are_not_are_left_out() {
    let mut chain = Lines::default();
    let steps = json!({ "ingest": "read", "transform": null, "score": null, "publish": "write" });
    let sent = request("POST", "/v1/events", &[], "-1\n2");
    assert_eq!(gateway::answer(&config(steps, false), sent, 0, 0, &mut chain).status, 200);
    assert_eq!(chain.steps, [("publish", vec![-1, 2])]);
}

#[test]
fn a_transform_of_the_whole_event_gives_its_rows_at_the_end() {
    let mut chain = Lines { whole: true, ..Lines::default() };
    let (status, answer) = post(&mut chain, &[], "1\n2\n3");
    assert_eq!((status, &answer["documents"]["inserted"]), (200, &json!(3)));
    let steps =
        [("transform", vec![1, 2]), ("transform", vec![3]), ("score", vec![1, 2, 3]), ("publish", vec![1, 2, 3])];
    assert_eq!(chain.steps, steps);
}

#[test]
fn no_more_than_a_hundred_rejects_are_told() {
    let (status, answer) = post(&mut Lines::default(), &[], &"-1\n".repeat(150));
    assert_eq!((status, &answer["rejected"], answer["rejects"].as_array().unwrap().len()), (200, &json!(150), 100));
    assert_eq!(answer["rejects"][99]["row"], 100);
}

#[test]
fn a_step_that_refuses_a_batch_rejects_its_rows() {
    let (status, answer) = post(&mut Lines::default(), &[], "422\n1\n2\n3");
    let reason = "the batch was refused: it is 422";
    let expect = json!([
        { "step": "clean", "row": 1, "reason": reason, "raw": null },
        { "step": "clean", "row": 2, "reason": reason, "raw": null },
    ]);
    assert_eq!((status, &answer["rejects"], &answer["documents"]["inserted"]), (200, &expect, &json!(2)));
}

#[test]
fn a_failure_is_a_status() {
    for (body, status, error) in [
        ("503", 503, "event `http@000000000000000000000000000000ab`, step `clean`: it is 503"),
        ("500", 500, "event `http@000000000000000000000000000000ab`, step `clean`: it is 500"),
    ] {
        assert_eq!(post(&mut Lines::default(), &[], body), (status, json!({ "error": error })));
    }
    let sent = Request { body: vec![0xff], ..request("POST", "/v1/events", &[("idempotency-key", "k")], "") };
    let response = gateway::answer(&config(all(), false), sent, 0, 0, &mut Lines::default());
    let error = "event `http@k`, step `read`: it is not UTF-8";
    assert_eq!((response.status, text(response)), (422, json!({ "error": error }).to_string()));
    let sent = request("POST", "/v1/events", &[], "503");
    let response = gateway::answer(&config(all(), false), sent, 0, 0, &mut Lines::default());
    assert!(response.headers.contains(&("retry-after", "1".to_owned())));
}

fn text(response: Response) -> String {
    String::from_utf8(response.body).unwrap()
}

#[test]
fn a_cloud_event_names_itself_in_both_modes() {
    let base = [("ce-specversion", "1.0"), ("ce-id", "a"), ("ce-source", "/s"), ("ce-type", "t")];
    let structured = |more: Value| {
        let mut event = json!({ "specversion": "1.0", "id": "a", "source": "/s", "type": "t" });
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        event.to_string()
    };
    let time = ("ce-time", "2026-01-02T03:04:05.5+01:00");
    let json = [("content-type", "application/CloudEvents+JSON; charset=utf-8")];
    // Named as the host names it.
    let id = "a@5d3edef8cf58709f";
    for (headers, body, expect) in [
        ([base.as_slice(), &[time]].concat(), "1".to_owned(), 1_767_319_445_500_000),
        (base.to_vec(), "1".to_owned(), 7),
        (json.to_vec(), structured(json!({ "data": "1", "time": time.1 })), 1_767_319_445_500_000),
        (json.to_vec(), structured(json!({ "data": 1 })), 7),
        (json.to_vec(), structured(json!({ "data_base64": "MQ==" })), 7),
    ] {
        let mut chain = Lines::default();
        let (status, answer) = post(&mut chain, &headers, &body);
        assert_eq!((status, &answer["rows"]), (200, &json!(1)), "{body}: {answer}");
        assert_eq!(answer["event"], id);
        assert!(chain.seen.iter().all(|ctx| ctx.event_time == expect && ctx.event_id == answer["event"]), "{body}");
    }
}

#[test]
fn what_is_no_event_is_refused() {
    let binary =
        |name, value| [("ce-specversion", "1.0"), ("ce-id", "a"), ("ce-source", "/s"), ("ce-type", "t"), (name, value)];
    for (headers, body, status, error) in [
        (vec![("content-type", "application/cloudevents-batch+json")], "[]", 415, "a batch of them"),
        (vec![("aeg-event-type", "Notification")], "[]", 415, "a batch of them"),
        (vec![("content-type", "application/cloudevents+json")], "{", 400, "not a CloudEvent: EOF"),
        (
            vec![("content-type", "application/cloudevents+json")],
            r#"{"id":"a","type":"t"}"#,
            400,
            "missing field `source`",
        ),
        (vec![("ce-specversion", "1.0")], "", 400, "the header `ce-source` is missing"),
        (binary("ce-time", "yesterday").to_vec(), "", 400, "the time `yesterday` is not RFC 3339"),
        (vec![("idempotency-key", "")], "", 400, "an id has 1 to 512 bytes"),
    ] {
        let (found, answer) = post(&mut Lines::default(), &headers, body);
        let message = answer["error"].as_str().unwrap();
        assert!(found == status && message.contains(error), "{headers:?}: {found} {message}");
    }
    let blob = json!({ "id": "a", "source": "/s", "type": "Microsoft.Storage.BlobCreated" }).to_string();
    let (status, answer) = post(&mut Lines::default(), &[("content-type", "application/cloudevents+json")], &blob);
    assert!(status == 415 && answer["error"].as_str().unwrap().contains("notifications of blobs"));
}

#[test]
fn only_events_have_a_place() {
    for (method, path, headers, body, status, expect) in [
        ("GET", "/healthz", &[][..], String::new(), 200, r#"{"pipeline":"numbers","events":"POST /v1/events"}"#),
        ("GET", "/v1/events", &[], String::new(), 405, r#"{"error":"`/v1/events` takes POST, not GET"}"#),
        ("POST", "/", &[], String::new(), 405, r#"{"error":"`/` takes GET, not POST"}"#),
        ("GET", "/x", &[], String::new(), 404, r#"{"error":"there is nothing at `/x`; events go to `/v1/events`"}"#),
        ("POST", "/v1/events", &[], "1\n".repeat(1001), 413, r#"{"error":"a body has at most 2000 bytes"}"#),
        ("OPTIONS", "/v1/events", &[("webhook-request-origin", "example.com")], String::new(), 200, ""),
    ] {
        let sent = request(method, path, headers, &body);
        let response = gateway::answer(&config(all(), false), sent, 0, 0, &mut Lines::default());
        assert_eq!((response.status, text(response)), (status, expect.to_owned()), "{method} {path}");
    }
}

#[test]
fn an_unknown_key_is_refused() {
    let config = json!({ "pipeline": "p", "steps": all(), "body": 1 }).to_string();
    let err = wasmill_sdk::config::parse::<Config>(&config).unwrap_err();
    assert!(err.contains("unknown field `body`"), "{err}");
}
