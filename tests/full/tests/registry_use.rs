//! What takes components from a real registry: `wasmill serve`, manifests, and another program that reads and writes the
//! same form, wasmCloud's `wash`.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::Stdio;

use wasmill_tests_full::folder;
use wasmill_tests_full::registry::{Place, Registry, ask, chain};

#[test]
fn wasmcloud_reads_what_is_pushed_and_what_it_pushes_is_read() {
    let registry = Registry::start("", "");
    let place = Place::new(&registry);
    let (chain, bytes) = (chain(), std::fs::read(chain()).unwrap());
    place.push(&chain, &registry.reference("ours:1"));
    let host = &registry.addr;
    let wash = |arguments: &[&str]| {
        let output = place.command(&folder("WASH"), arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    wash(&["oci", "pull", "--insecure", &format!("{host}/ours:1"), "ours.wasm"]);
    assert!(std::fs::read(place.path("ours.wasm")).unwrap() == bytes);
    wash(&["oci", "push", "--insecure", &format!("{host}/theirs:1"), chain.to_str().unwrap()]);
    let (code, _, stderr) = place.wasmill(&["pull", &registry.reference("theirs:1")]);
    assert_eq!(code, 0, "{stderr}");
    assert!(std::fs::read(place.path("theirs.wasm")).unwrap() == bytes);
}

/// Doubles `t`.
const PIPELINE: &str = r#"
version = 1
name = "double"

[[step]]
id = "read"
component = "ingest"
config = { format = "csv", columns = [{ name = "t", type = "float64", nullable = false }] }

[[step]]
id = "score"
component = "score"
model = "double.onnx"
config = { inputs = [{ name = "x", columns = ["t"] }], outputs = [{ name = "y", column = "score" }] }
"#;

fn pipeline(place: &Place, manifest: &str) {
    std::fs::write(place.path("pipeline.toml"), manifest).unwrap();
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../host/runtime/tests/double.onnx");
    std::fs::copy(model, place.path("double.onnx")).unwrap();
}

#[test]
fn an_endpoint_is_served_by_digest_and_then_without_the_registry() {
    let registry = Registry::start("", "");
    let place = Place::new(&registry);
    pipeline(&place, PIPELINE);
    let (code, _, stderr) = place.wasmill(&["compose", ".", "--out", "double.wasm"]);
    assert!(code <= 1, "{stderr}");
    let digest = place.push(&place.path("double.wasm"), &registry.reference("double"));
    let pinned = registry.reference(&format!("double@{digest}"));

    let (said, answer) = serve(&place, &registry.reference("double"));
    assert_eq!((said, answer.as_str()), (format!("oci://HOST/double:latest is oci://HOST/double@{digest}\n"), ANSWER));
    drop(registry);
    assert_eq!(serve(&place, &pinned), (String::new(), ANSWER.to_owned()));

    // What is in the cache is looked at: the changed component is asked for again.
    for entry in std::fs::read_dir(place.path("cache/registry/sha256")).unwrap() {
        let path = entry.unwrap().path();
        let mut bytes = std::fs::read(&path).unwrap();
        if bytes.starts_with(b"\0asm") {
            *bytes.last_mut().unwrap() ^= 1;
            std::fs::write(path, bytes).unwrap();
        }
    }
    let (code, stdout, stderr) = place.wasmill(&["serve", &pinned, "--addr", "127.0.0.1:0"]);
    assert_eq!((code, stdout.as_str()), (2, ""));
    let expect = format!("error: cannot pull `oci://HOST/double@{digest}`: cannot reach `HOST`: Connection refused");
    assert!(stderr.starts_with(&expect) && stderr.contains("\nhint: is a registry running there?\n"), "{stderr}");
}

/// What the endpoint says of 21.
const ANSWER: &str = r#"{"rows":[{"score":42.0}]}"#;

/// What a server says on standard error, and its answer to a request.
fn serve(place: &Place, reference: &str) -> (String, String) {
    let mut command = place.command(&folder("WASMILL_PROGRAM"), &["serve", reference, "--addr", "127.0.0.1:0"]);
    let mut server = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let answer = line.trim_end().strip_prefix("http://").map(|addr| {
        let body = b"{\"t\": 21}";
        let head = format!(
            "POST /v1/score?columns=score HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n",
            body.len()
        );
        String::from_utf8(ask(addr, head.as_bytes(), body).2).unwrap()
    });
    let _ = server.kill();
    let mut said = String::new();
    server.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    let _ = server.wait();
    let said = said.replace(&place.host, "HOST");
    (said.clone(), answer.unwrap_or_else(|| panic!("it does not serve: {said}")))
}

#[test]
fn a_step_of_a_manifest_is_a_component_of_a_registry_by_digest() {
    let registry = Registry::start("", "");
    let place = Place::new(&registry);
    let digest = place.push(&folder("WASMILL_COMPONENTS").join("ingest.wasm"), &registry.reference("ingest:1"));
    let manifest = |component: &str| PIPELINE.replace("\"ingest\"", &format!("\"{component}\""));

    pipeline(&place, &manifest(&registry.reference(&format!("ingest@{digest}"))));
    let (code, stdout, stderr) = place.wasmill(&["validate", "."]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert_eq!(
        stdout,
        "read (ingest)\n    t Float64 not null\nscore (score)\n    t Float64 not null\n    score Float32 not null\n"
    );

    pipeline(&place, &manifest(&registry.reference("ingest:1")));
    let (code, stdout, stderr) = place.wasmill(&["validate", "."]);
    assert_eq!((code, stdout.as_str()), (2, ""));
    let expect =
        "error: ./pipeline.toml:7: cannot pull `oci://HOST/ingest:1`: a tag may name another component tomorrow\n";
    assert!(stderr.starts_with(expect) && stderr.contains("hint: name it by digest"), "{stderr}");

    drop(registry);
    let nothing = format!("oci://{}/ingest@sha256:{}", place.host, "0".repeat(64));
    pipeline(&place, &manifest(&nothing));
    let (code, _, stderr) = place.wasmill(&["validate", "."]);
    assert_eq!(code, 2);
    assert!(stderr.starts_with("error: ./pipeline.toml:7: cannot pull `oci://HOST/ingest@sha256:000"), "{stderr}");
    assert!(stderr.contains("cannot reach `HOST`: Connection refused"), "{stderr}");
}
