//! A scoring endpoint, composed and served: the router's answers through real connections, and the server's limits.

mod common;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use common::{ENGINE, Server, folder};
use wasmill_runtime::endpoint::{self, Shells};
use wasmill_runtime::pipeline::Pipeline;
use wasmill_runtime::plan::Plan;
use wasmill_serve::Settings;
use wasmill_serve::access::Gate;

/// Doubles `t`, after a transform that takes Fahrenheit to Celsius.
const PIPELINE: &str = r#"
version = 1
name = "double"

[[step]]
id = "read"
component = "ingest"
config = { format = "csv", columns = [{ name = "fahrenheit", type = "float64", nullable = false }, { name = "city", type = "utf8" }] }

[[step]]
id = "clean"
component = "transform"
config = { sql = "SELECT city, (fahrenheit - 32) / 1.8 AS t FROM input", rules = [{ name = "plausible", predicate = "t < 60" }] }

[[step]]
id = "score"
component = "score"
model = "double.onnx"
config = { inputs = [{ name = "x", columns = ["t"] }], outputs = [{ name = "y", column = "score" }], keep = ["city"] }
"#;

/// The composed endpoint.
static ENDPOINT: LazyLock<Vec<u8>> = LazyLock::new(|| compose(PIPELINE).unwrap());

/// The endpoint of a pipeline.
fn compose(pipeline: &str) -> Result<Vec<u8>, String> {
    let place = tempfile::tempdir().unwrap();
    let manifest = place.path().join("pipeline.toml");
    std::fs::write(&manifest, pipeline).unwrap();
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../runtime/tests/double.onnx");
    std::fs::copy(model, place.path().join("double.onnx")).unwrap();
    let components = folder("WASMILL_COMPONENTS");
    let plan = Plan::read(&manifest, &components).unwrap();
    let pipeline = Pipeline::load(&ENGINE, &plan, None).unwrap();
    let read = |name: &str| std::fs::read(components.join(name)).unwrap();
    let shells = Shells { gateway: read("endpoint/gateway.wasm"), chain: read("endpoint/chain.wasm") };
    let endpoint = endpoint::compose(&ENGINE, &plan, &pipeline, None, &shells);
    endpoint.map(|endpoint| endpoint.component).map_err(|err| err.to_string())
}

fn start(settings: Settings) -> Server {
    Server::start(&ENDPOINT, settings, Gate::new(None), None)
}

fn score(server: &Server, fahrenheit: f64) -> (u16, String) {
    server.ask("POST", "/v1/score", "", format!("{{\"fahrenheit\": {fahrenheit}, \"city\": \"Bern\"}}").as_bytes())
}

#[test]
fn a_request_goes_through_the_gateway_the_transform_and_the_model() {
    let server = start(Settings::default());
    assert_eq!(score(&server, 50.0), (200, r#"{"rows":[{"city":"Bern","score":20.0}]}"#.into()));
    let rows = br#"[{"fahrenheit": 32}, {"fahrenheit": 200}, {"fahrenheit": 212, "city": "Genf"}]"#;
    let (status, body) = server.ask("POST", "/v1/score", "", rows);
    let expect = r#"{"rows":[{"city":null,"score":0.0}],"rejects":[{"row":1,"reason":"rule `plausible`: t < 60"},{"row":2,"reason":"rule `plausible`: t < 60"}]}"#;
    assert_eq!((status, body.as_str()), (200, expect));
    let infer = br#"{"inputs": [{"name": "fahrenheit", "datatype": "FP64", "shape": [2], "data": [32, 50]}]}"#;
    let (status, body) = server.ask("POST", "/v2/models/double/infer", "", infer);
    let expect = r#"{"model_name":"double","model_version":"1","outputs":[{"name":"score","datatype":"FP32","shape":[2],"data":[0.0,20.0]}]}"#;
    assert_eq!((status, body.as_str()), (200, expect));
    assert_eq!(server.ask("GET", "/v2/health/ready", "", b"").0, 200);
    assert_eq!(server.ask("GET", "/nothing", "", b"").0, 404);
    let (_, body) = server.ask("GET", "/v2/models/double", "", b"");
    assert!(body.contains(r#"{"name":"fahrenheit","datatype":"FP64","shape":[-1]}"#), "{body}");
}

#[test]
fn sandboxes_are_used_as_often_as_is_set() {
    for (reuse, requests, expect) in [(1, 6, 6), (3, 6, 2), (100, 6, 1)] {
        let server = start(Settings { reuse, ..Settings::default() });
        for request in 0..requests {
            let celsius = f64::from(request);
            assert_eq!(
                score(&server, celsius * 1.8 + 32.0),
                (200, format!(r#"{{"rows":[{{"city":"Bern","score":{:?}}}]}}"#, 2.0 * celsius))
            );
        }
        let (_, metrics) = server.ask("GET", "/metrics", "", b"");
        assert!(metrics.contains(&format!("wasmill_sandboxes_started_total {expect}\n")), "reuse {reuse}: {metrics}");
        assert!(metrics.contains("wasmill_requests_total{status=\"200\"} 6\n"), "{metrics}");
    }
}

#[test]
fn requests_at_the_same_time_get_their_own_answers() {
    let server = start(Settings { reuse: 4, concurrency: 8, ..Settings::default() });
    std::thread::scope(|scope| {
        for client in 0..8 {
            let server = &server;
            scope.spawn(move || {
                for request in 0..20 {
                    let celsius = f64::from(client * 100 + request) / 100.0;
                    let (status, body) = score(server, celsius * 1.8 + 32.0);
                    let value: f64 = body.split("\"score\":").nth(1).unwrap().trim_end_matches("}]}").parse().unwrap();
                    assert!(status == 200 && (value - 2.0 * celsius).abs() < 1e-4, "{celsius}: {body}");
                }
            });
        }
    });
}

#[test]
fn what_is_too_much_is_refused() {
    let server = start(Settings { body_limit: 1000, ..Settings::default() });
    let long = vec![b' '; 1001];
    let expect = (413, r#"{"error":"a body has at most 1000 bytes"}"#.to_owned());
    assert_eq!(server.ask("POST", "/v1/score", "", &long), expect);
    let chunked = format!("3ea\r\n{}\r\n0\r\n\r\n", " ".repeat(1002));
    let mut stream = TcpStream::connect(server.addr).unwrap();
    let head = "POST /v1/score HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(format!("{head}{chunked}").as_bytes()).unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert_eq!(score(&server, 50.0).0, 200);

    let server = start(Settings { memory: 1 << 20, ..Settings::default() });
    assert_eq!(score(&server, 50.0), (500, r#"{"error":"the component failed"}"#.into()));
    assert_eq!(server.ask("GET", "/healthz", "", b""), (200, "ok\n".into()));

    // A body that does not come keeps the request from an answer.
    let server = start(Settings { deadline: Duration::from_millis(50), ..Settings::default() });
    let mut answer = String::new();
    let _ = server.begin(20).read_to_string(&mut answer);
    assert!(answer.starts_with("HTTP/1.1 504 "), "{answer}");
}

#[test]
fn more_requests_than_may_wait_are_told_to_come_back() {
    let server = start(Settings { concurrency: 1, queue: 0, ..Settings::default() });
    let mut first = server.begin(20);
    assert_eq!(score(&server, 50.0), (503, r#"{"error":"too many requests wait"}"#.into()));
    first.write_all(br#"{"fahrenheit": 50.0}"#).unwrap();
    let mut answer = String::new();
    first.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_eq!(score(&server, 50.0).0, 200);
}

#[test]
fn a_server_that_stops_finishes_what_it_works_on() {
    let mut server = start(Settings::default());
    let mut first = server.begin(20);
    server.stop.take().unwrap().send(()).unwrap();
    first.write_all(br#"{"fahrenheit": 50.0}"#).unwrap();
    let mut answer = String::new();
    first.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with(r#"{"rows":[{"city":null,"score":20.0}]}"#), "{answer}");
    server.thread.take().unwrap().join().unwrap();
    assert!(TcpStream::connect(server.addr).is_err());
}

#[test]
fn a_client_that_hangs_up_is_no_harm() {
    let server = start(Settings { concurrency: 2, ..Settings::default() });
    for _ in 0..8 {
        drop(server.begin(1000));
        while !server.ask("GET", "/metrics", "", b"").1.contains("wasmill_requests_in_flight 0\n") {
            std::thread::yield_now();
        }
    }
    assert_eq!(score(&server, 50.0).0, 200);
}

#[test]
fn a_function_that_sends_requests_sends_none_in_an_endpoint() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (read, score) = (
        PIPELINE.split_once("[[step]]\nid = \"clean\"").unwrap().0,
        PIPELINE.split_once("[[step]]\nid = \"score\"").unwrap().1,
    );
    let asking = |grants: &str| {
        let url = format!("http://127.0.0.1:{port}/");
        let config = format!("{{ when = \"process\", harm = \"fetch\", url = \"{url}\", setting = \"NONE\" }}");
        let step = format!(
            "[[step]]\nid = \"ask\"\ncomponent = \"hostile\"\nconfig = {config}\n{grants}\n[[step]]\nid = \"score\""
        );
        format!("{}{step}{score}", read.replace("fahrenheit", "t"))
    };
    let component = compose(&asking("")).unwrap();
    let server = Server::start(&component, Settings::default(), Gate::new(None), None);
    let (status, _) = server.ask("POST", "/v1/score", "", b"{\"t\": 1.0, \"city\": \"Bern\"}");
    assert_eq!(status, 500);
    listener.set_nonblocking(true).unwrap();
    assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    // What would let it through elsewhere is not even imported.
    let component = wasmtime::component::Component::new(ENGINE.inner(), &component).unwrap();
    let imports: Vec<String> =
        component.component_type().imports(ENGINE.inner()).map(|(name, _)| name.to_owned()).collect();
    assert!(imports.iter().any(|name| name.starts_with("wasi:http/types@")), "{imports:?}");
    assert!(!imports.iter().any(|name| name.starts_with("wasi:http/outgoing-handler@")), "{imports:?}");

    let refused = compose(&asking(&format!("grants = {{ http = [\"http://127.0.0.1:{port}\"] }}"))).unwrap_err();
    assert!(refused.starts_with("step `ask` cannot be part of an endpoint: it is granted requests"), "{refused}");
}
