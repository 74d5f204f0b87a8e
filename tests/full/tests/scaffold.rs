//! `wasmill new` over the zoo: every model becomes a pipeline that is accepted as it is and whose example is scored;
//! a few of different kinds become endpoints, which answer both examples.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use wasmill_tests_full::folder;

/// At least so many models must be there.
const MODELS: usize = 60;

/// What is served: several inputs with texts among them, labels that are texts, and a tensor.
const SERVED: [(&str, &str); 3] = [
    ("mixed-forest", "output_label output_probability"),
    ("tree-texts", "output_label output_probability"),
    ("torch-cnn", "y"),
];

fn wasmill(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(self::folder("WASMILL_PROGRAM")).args(arguments).current_dir(folder).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Starts a model's folder; an error is what was said against it, or against its example.
fn start(place: &Path, model: &Path) -> Result<PathBuf, String> {
    let name = model.file_name().unwrap().to_str().unwrap();
    let file = model.join("model.onnx");
    let made = wasmill(place, &["new", "score", "--model", file.to_str().unwrap(), name]);
    if !made.status.success() || !made.stderr.is_empty() {
        return Err(format!("{name}: {}", stderr(&made)));
    }
    let validated = wasmill(place, &["validate", name]);
    if !validated.status.success() || !validated.stderr.is_empty() {
        return Err(format!("{name}: {}", stderr(&validated)));
    }
    Ok(place.join(name))
}

#[test]
fn every_model_of_the_zoo_becomes_a_pipeline_that_is_accepted_as_it_is() {
    let place = tempfile::tempdir().unwrap();
    let models: Vec<PathBuf> =
        std::fs::read_dir(folder("WASMILL_ZOO")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(models.len() >= MODELS, "{} models", models.len());
    let wrong: Vec<String> = models.iter().filter_map(|model| start(place.path(), model).err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A server of an endpoint, which ends with this.
struct Server {
    process: Child,
    address: String,
}

impl Server {
    fn start(folder: &Path, component: &str) -> Self {
        let mut command = Command::new(self::folder("WASMILL_PROGRAM"));
        command.args(["serve", component, "--addr", "127.0.0.1:0"]).current_dir(folder).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut said = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut said).unwrap();
        let address = said.trim().strip_prefix("http://").unwrap_or_else(|| panic!("{said:?}")).to_owned();
        Self { process, address }
    }

    /// What a POST of a file is answered with 200.
    fn post(&self, path: &str, file: &Path) -> Value {
        let body = std::fs::read(file).unwrap();
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let length = body.len();
        let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
        stream.write_all(&[head.as_bytes(), &body].concat()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 "), "{answer}");
        serde_json::from_str(body).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

#[test]
fn an_endpoint_of_a_model_alone_answers_its_examples() {
    let place = tempfile::tempdir().unwrap();
    for (name, outputs) in SERVED {
        let folder = start(place.path(), &self::folder("WASMILL_ZOO").join(name)).unwrap();
        let component = format!("{name}.wasm");
        let composed = wasmill(&folder, &["compose", ".", "-o", &component]);
        assert!(composed.status.success(), "{name}: {}", stderr(&composed));
        let server = Server::start(&folder, &component);

        let rows = server.post("/v1/score", &folder.join("examples/rows.json"));
        let row = rows["rows"][0].as_object().unwrap();
        assert_eq!(row.keys().map(String::as_str).collect::<Vec<_>>().join(" "), outputs, "{name}");
        let inferred = server.post(&format!("/v2/models/{name}/infer"), &folder.join("examples/infer.json"));
        for tensor in inferred["outputs"].as_array().unwrap() {
            // A tensor of one row is that row's value, or all of its list.
            let value = &row[tensor["name"].as_str().unwrap()];
            let data = &tensor["data"];
            assert!(data == value || *data == Value::Array(vec![value.clone()]), "{name}: {data} is not {value}");
        }
    }
}
