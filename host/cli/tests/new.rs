//! `wasmill new`: what it writes is accepted as it is, and does what its README says.

mod common;
mod onnx;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use common::wasmill;
use onnx::{FLOAT, INT64, STRING, model};

/// Every file in a folder, by its path in it.
fn files(folder: &Path) -> Vec<String> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => files.push(path.strip_prefix(folder).unwrap().display().to_string()),
            }
        }
    }
    files.sort();
    files
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A server that ends with this.
struct Server {
    process: Child,
    address: String,
}

impl Server {
    /// Starts what a line of a shell says, on a free port.
    fn start(folder: &Path, line: &str) -> Self {
        let mut process =
            shell(folder, &format!("exec {line} --addr 127.0.0.1:0")).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut said).unwrap();
        let address = said.trim().strip_prefix("http://").unwrap_or_else(|| panic!("{line}: {said:?}")).to_owned();
        Self { process, address }
    }

    /// The status and the body of an answer to a POST, or to a GET if there is no body.
    fn ask(&self, path: &str, body: Option<&[u8]>) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let (method, body) = body.map_or(("GET", &b""[..]), |body| ("POST", body));
        let length = body.len();
        let head =
            format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
        stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// A line for a shell that finds the program.
fn shell(folder: &Path, line: &str) -> Command {
    let programs = Path::new(env!("CARGO_BIN_EXE_wasmill")).parent().unwrap().to_owned();
    let found = std::env::split_paths(&std::env::var_os("PATH").unwrap()).collect::<Vec<_>>();
    let path = std::env::join_paths(std::iter::once(programs).chain(found)).unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", line]).current_dir(folder).env("PATH", path);
    command
}

#[test]
fn a_model_alone_becomes_an_endpoint_by_the_commands_of_its_readme() {
    let place = tempfile::tempdir().unwrap();
    std::fs::copy(repository().join("host/runtime/tests/double.onnx"), place.path().join("Double_2.onnx")).unwrap();
    let (code, stdout, stderr) = wasmill(place.path(), &["new", "score", "--model", "Double_2.onnx"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    let expect = "Double_2: model.onnx, pipeline.toml, and README.md with what to do next:\n  \
                  cd Double_2\n  wasmill compose . -o double-2.wasm\n  wasmill serve double-2.wasm\n  \
                  curl 127.0.0.1:8080/v1/score -d @examples/rows.json\n";
    assert_eq!(stdout, expect);
    let folder = place.path().join("Double_2");
    let expect = [
        ".gitignore",
        "Containerfile",
        "README.md",
        "examples/infer.json",
        "examples/rows.json",
        "k8s/deployment.yaml",
        "k8s/inference-service.yaml",
        "k8s/spin-app.yaml",
        "model.onnx",
        "pipeline.toml",
        "spin.toml",
    ];
    assert_eq!(files(&folder), expect);

    let readme = std::fs::read_to_string(folder.join("README.md")).unwrap();
    let lines = readme.lines().filter_map(|line| line.strip_prefix("$ "));
    let mut server = None;
    let mut answers = Vec::new();
    for line in lines.map(|line| line.split('#').next().unwrap().trim()) {
        if line.starts_with("wasmill serve") {
            server = Some(Server::start(&folder, line));
        } else if let Some(url) = line.strip_prefix("curl 127.0.0.1:8080") {
            let (path, file) = url.split_once(" -d @").map_or((url, None), |(path, file)| (path, Some(file)));
            let body = file.map(|file| std::fs::read(folder.join(file)).unwrap());
            answers.push(server.as_ref().unwrap().ask(path, body.as_deref()));
        } else {
            let output = shell(&folder, line).output().unwrap();
            assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
    let expect = [
        r#"{"rows":[{"y":1.0}]}"#,
        r#"{"name":"double-2","versions":["1"],"platform":"wasmill","inputs":[{"name":"x","datatype":"FP32","shape":[-1,1]}],"outputs":[{"name":"y","datatype":"FP32","shape":[-1]}]}"#,
        r#"{"model_name":"double-2","model_version":"1","outputs":[{"name":"y","datatype":"FP32","shape":[1],"data":[1.0]}]}"#,
    ];
    assert_eq!(answers, expect.map(|body| (200, body.to_owned())));

    // Spin builds the same file with the same command.
    let spin: toml::Table = toml::from_str(&std::fs::read_to_string(folder.join("spin.toml")).unwrap()).unwrap();
    let endpoint = &spin["component"]["endpoint"];
    let build = endpoint["build"]["command"].as_str().unwrap();
    assert!(readme.contains(&format!("\n$ {build} ")), "{build}");
    assert!(folder.join(endpoint["source"].as_str().unwrap()).is_file());
}

/// What is written for a model, which is accepted without a change.
fn written(bytes: &[u8], arguments: &[&str]) -> (tempfile::TempDir, String) {
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("m.onnx"), bytes).unwrap();
    let (code, _, stderr) = wasmill(place.path(), &[&["new", "score", "--model", "m.onnx", "out"], arguments].concat());
    assert_eq!(code, 0, "{stderr}");
    let (code, _, refused) = wasmill(place.path(), &["validate", "out"]);
    assert_eq!((code, refused.as_str()), (0, ""));
    (place, stderr)
}

fn read(place: &tempfile::TempDir, path: &str) -> String {
    std::fs::read_to_string(place.path().join("out").join(path)).unwrap()
}

#[test]
fn columns_and_examples_are_of_the_models_inputs() {
    let bytes = model(
        &[("city", STRING, &[-1, 1]), ("Age:0", INT64, &[-1]), ("x", FLOAT, &[-1, 2])],
        &[("a", STRING, &[-1, 1]), ("b", INT64, &[-1]), ("c", FLOAT, &[-1, 2])],
        &[("Identity", &["city"], &["a"]), ("Identity", &["Age:0"], &["b"]), ("Identity", &["x"], &["c"])],
    );
    let (place, stderr) = written(&bytes, &[]);
    assert_eq!(stderr, "");
    assert_eq!(read(&place, "examples/rows.json"), "{\"city\":\"text\",\"age_0\":0,\"x_0\":0.5,\"x_1\":1.0}\n");
    let expect = r#"{"inputs": [
  {"name":"city","datatype":"BYTES","shape":[1,1],"data":["text"]},
  {"name":"Age:0","datatype":"INT64","shape":[1],"data":[0]},
  {"name":"x","datatype":"FP32","shape":[1,2],"data":[0.5,1.0]}
]}
"#;
    assert_eq!(read(&place, "examples/infer.json"), expect);
    let expect = r#"inputs = [
    # BYTES [-1, 1]
    { name = "city", columns = ["city"] },
    # INT64 [-1]
    { name = "Age:0", columns = ["age_0"] },
    # FP32 [-1, 2]
    { name = "x", columns = ["x_0", "x_1"] },
]"#;
    let manifest = read(&place, "pipeline.toml");
    assert!(manifest.contains(expect), "{manifest}");
    assert!(manifest.contains("    { name = \"age_0\", type = \"int64\", nullable = false },\n"), "{manifest}");
    assert!(!manifest.contains("{{"), "{manifest}");
}

#[test]
fn the_flights_model_has_a_column_for_each_of_its_values() {
    let bytes = std::fs::read(repository().join("manifests/flights/model/delay.onnx")).unwrap();
    let (place, stderr) = written(&bytes, &["--name", "delay"]);
    assert_eq!(stderr, "");
    let manifest = read(&place, "pipeline.toml");
    assert!(
        manifest.contains("\nname = \"delay\"\n") && manifest.contains("{ name = \"features_23\", type = \"float32\"")
    );
    assert!(manifest.lines().all(|line| line.len() <= 120), "{manifest}");
}

#[test]
fn a_tensor_is_a_column_of_lists() {
    let bytes = model(
        &[("image", FLOAT, &[-1, 3, 8, 8]), ("wide", FLOAT, &[-1, 65])],
        &[("y", FLOAT, &[-1, 3, 8, 8]), ("z", FLOAT, &[-1, 65])],
        &[("Identity", &["image"], &["y"]), ("Identity", &["wide"], &["z"])],
    );
    let (place, stderr) = written(&bytes, &[]);
    assert_eq!(stderr, "");
    let manifest = read(&place, "pipeline.toml");
    for line in [
        "{ name = \"image\", type = \"float32\", length = 192, nullable = false }",
        "{ name = \"wide\", type = \"float32\", length = 65, nullable = false }",
        "{ name = \"image\", columns = [\"image\"] }",
    ] {
        assert!(manifest.contains(line), "{line}\n{manifest}");
    }
    let row: serde_json::Value = serde_json::from_str(&read(&place, "examples/rows.json")).unwrap();
    assert_eq!(row["image"].as_array().unwrap().len(), 192);
    let infer: serde_json::Value = serde_json::from_str(&read(&place, "examples/infer.json")).unwrap();
    assert_eq!(infer["inputs"][0]["shape"], serde_json::json!([1, 3, 8, 8]));
}

#[test]
fn what_a_model_leaves_open_is_said_by_whoever_has_it() {
    let bytes = model(
        &[("ids", INT64, &[-1, -1]), ("image", FLOAT, &[-1, 3, -1, -1])],
        &[("y", INT64, &[-1, -1]), ("z", FLOAT, &[-1, 3, -1, -1])],
        &[("Identity", &["ids"], &["y"]), ("Identity", &["image"], &["z"])],
    );
    let (place, _) = written(&bytes, &["--shape", "ids=128", "--shape", "image=3,4,4"]);
    let manifest = read(&place, "pipeline.toml");
    assert!(manifest.contains("{ name = \"image\", columns = [\"image\"], shape = [3, 4, 4] }"), "{manifest}");
    assert!(manifest.contains("{ name = \"ids\", type = \"int64\", length = 128, nullable = false }"), "{manifest}");

    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("m.onnx"), bytes).unwrap();
    let (code, _, stderr) = wasmill(place.path(), &["new", "score", "--model", "m.onnx"]);
    let expect = "error: the model leaves open how many values a row has: `ids`, INT64 [-1, -1]; `image`, FP32 [-1, 3, \
                  -1, -1]\nhint: say it, for example --shape ids=16 --shape image=3,16,16\n";
    assert_eq!((code, stderr.as_str()), (2, expect));
}

#[test]
fn an_output_that_is_no_column_is_left_out_and_named() {
    let bytes = model(
        &[("x", FLOAT, &[-1, 2])],
        &[("size", INT64, &[2]), ("y", FLOAT, &[-1, 2])],
        &[("Shape", &["x"], &["size"]), ("Identity", &["x"], &["y"])],
    );
    let (place, stderr) = written(&bytes, &[]);
    assert_eq!(stderr, "note: the output `size` is left out, pipeline.toml says why\n");
    let manifest = read(&place, "pipeline.toml");
    let line = manifest.lines().find(|line| line.contains("\"size\"")).unwrap();
    assert!(line.starts_with("    # { name = \"size\" }, the model's output `size` has the shape "), "{line}");
}

#[test]
fn an_example_that_the_model_does_not_score_is_said() {
    let bytes = model(&[("amount", STRING, &[-1])], &[("y", FLOAT, &[-1])], &[("Cast to=1", &["amount"], &["y"])]);
    let (place, stderr) = written(&bytes, &[]);
    let expect = "note: the made-up values of `out/examples/rows.json` are none that the model scores: ";
    assert!(stderr.starts_with(expect) && stderr.ends_with("\nhint: give it others\n"), "{stderr}");
    assert!(read(&place, "examples/rows.json").contains("text"));
}

#[test]
fn what_the_image_starts_is_a_command_of_the_program() {
    let image = std::fs::read_to_string(repository().join("Containerfile")).unwrap();
    let entry = image.lines().find_map(|line| line.strip_prefix("ENTRYPOINT ")).unwrap();
    let entry: Vec<String> = serde_json::from_str(entry).unwrap();
    assert_eq!(entry[0], "wasmill");
    // What is before it was understood.
    let arguments: Vec<&str> = entry[1..].iter().map(String::as_str).chain(["--help"]).collect();
    let (code, stdout, stderr) = wasmill(&repository(), &arguments);
    assert!(code == 0 && stdout.contains("Usage: wasmill serve"), "{stderr}");
}

#[test]
fn what_no_endpoint_is_made_of_is_said_and_nothing_is_written() {
    let place = tempfile::tempdir().unwrap();
    let put = |name: &str, bytes: &[u8]| std::fs::write(place.path().join(name), bytes).unwrap();
    put("text.onnx", b"PK\x03\x04");
    put(
        "fancy.onnx",
        &model(
            &[("x", FLOAT, &[-1])],
            &[("y", FLOAT, &[-1]), ("z", FLOAT, &[-1])],
            &[("Fancy", &["x"], &["y"]), ("Relu", &["x"], &["r"]), ("Shiny", &["r"], &["z"])],
        ),
    );
    put("good.onnx", &model(&[("x", FLOAT, &[-1])], &[("y", FLOAT, &[-1])], &[("Identity", &["x"], &["y"])]));
    std::fs::create_dir(place.path().join("full")).unwrap();
    put("full/file", b"");
    let before = files(place.path());
    for (arguments, expect) in [
        (
            &["--model", "text.onnx"][..],
            "error: `text.onnx`: the model is not an ONNX file: failed to decode Protobuf message: invalid tag value: 0\n",
        ),
        (
            &["--model", "fancy.onnx"],
            "error: `fancy.onnx`: the model uses operators that are not supported: `Fancy`, `Shiny`\nhint: ",
        ),
        (&["--model", "none.onnx"], "error: cannot read `none.onnx`: No such file"),
        (
            &["--model", "good.onnx", "full"],
            "error: `full` is there already\nhint: name a folder that is empty, or not there yet\n",
        ),
        (
            &["--model", "good.onnx", "--shape", "image=3"],
            "error: --shape: the model has no input `image`\nhint: its inputs are `x`\n",
        ),
        (&["--model", "good.onnx", "2nd"], "error: `2nd` is not in kebab-case: "),
    ] {
        let (code, stdout, stderr) = wasmill(place.path(), &[&["new", "score"], arguments].concat());
        assert!(stderr.starts_with(expect), "{arguments:?}: {stderr}");
        assert_eq!((code, stdout.as_str()), (2, ""), "{arguments:?}");
    }
    assert_eq!(files(place.path()), before);

    let (code, _, stderr) = wasmill(place.path(), &["new"]);
    assert!(code == 2 && stderr.contains("Commands:\n  pipeline  Write a pipeline for a file"), "{stderr}");
    assert!(stderr.contains("\n  score     Write what a scoring endpoint"), "{stderr}");
}

const ORDERS: &str = "order,Amount (EUR),country\n1,19.90,DE\n2,250.00,FR\n2,30.00,FR\n";

#[test]
fn a_file_alone_becomes_a_pipeline_by_the_commands_of_its_readme() {
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("My Orders.v2.csv"), ORDERS).unwrap();
    let (code, stdout, stderr) = wasmill(place.path(), &["new", "pipeline", "My Orders.v2.csv"]);
    let expect = "My Orders: data/My Orders.v2.csv, pipeline.toml, and README.md with what to do next:\n  \
                  wasmill run 'My Orders'\n  wasmill documents list 'My Orders' --limit 3\n";
    assert_eq!((code, stdout.as_str()), (0, expect), "{stderr}");
    let expect = "note: a document's id is its `order`; --id names other columns\n\
                  note: rows that share their `order` with another: 1; the last of them is kept\n\
                  hint: --id with columns that tell rows apart\n";
    assert_eq!(stderr, expect);
    let folder = place.path().join("My Orders");
    assert_eq!(files(&folder), [".gitignore", "README.md", "data/My Orders.v2.csv", "pipeline.toml"]);

    let readme = std::fs::read_to_string(folder.join("README.md")).unwrap();
    let mut said = String::new();
    for line in readme.lines().filter_map(|line| line.strip_prefix("$ ")) {
        let output = shell(&folder, line).output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        said = String::from_utf8(output.stdout).unwrap();
    }
    let bodies: Vec<serde_json::Value> =
        said.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["body"].clone()).collect();
    let expect = serde_json::json!([
        { "order": 1, "Amount (EUR)": 19.9, "country": "DE" },
        { "order": 2, "Amount (EUR)": 30.0, "country": "FR" },
    ]);
    assert_eq!(serde_json::Value::from(bodies), expect);
}

#[test]
fn the_rows_of_a_file_are_scored_by_a_model_of_its_columns() {
    let place = tempfile::tempdir().unwrap();
    let put = |name: &str, bytes: &[u8]| std::fs::write(place.path().join(name), bytes).unwrap();
    put("rows.jsonl", b"{\"id\": \"a{1}\", \"x\": 2.0, \"z\": 5}\n{\"id\": \"b\", \"x\": null, \"z\": 6}\n");
    let identity = [("Identity", &["x"][..], &["y"][..])];
    put("x.onnx", &model(&[("x", FLOAT, &[-1])], &[("y", FLOAT, &[-1])], &identity));
    let two = [("Identity", &["input"][..], &["y"][..])];
    put("two.onnx", &model(&[("input", FLOAT, &[-1, 2])], &[("y", FLOAT, &[-1, 2])], &two));
    let documents = |folder: &str| -> Vec<serde_json::Value> {
        let (_, stdout, stderr) = wasmill(place.path(), &["run", folder]);
        assert!(stdout.contains("documents of publish"), "{stderr}");
        let (_, stdout, _) = wasmill(place.path(), &["documents", "list", folder]);
        stdout
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["body"]["y"].clone())
            .collect()
    };
    let new = |arguments: &[&str]| wasmill(place.path(), &[&["new", "pipeline", "rows.jsonl"], arguments].concat());

    // By the name of the model's input; a null is no number for it.
    let (code, stdout, stderr) = new(&["named", "--id", "id", "--model", "x.onnx"]);
    assert!(code == 0 && stdout.contains("named: data/rows.jsonl, model.onnx, pipeline.toml"), "{stderr}");
    assert!(stderr.starts_with("note: rows that are rejected: 1, the first by the step `score`: "), "{stderr}");
    assert_eq!(documents("named"), [2.0]);
    // A row of many values; and a column that is there already.
    let names: Vec<String> = (0..65).map(|at| format!("f{at}")).collect();
    let values: Vec<String> = (0..65).map(|at| at.to_string()).collect();
    put("wide.csv", format!("y,{}\n7,{}\n", names.join(","), values.join(",")).as_bytes());
    let wide = [("Identity", &["input"][..], &["y"][..])];
    put("wide.onnx", &model(&[("input", FLOAT, &[-1, 65])], &[("y", FLOAT, &[-1, 65])], &wide));
    let arguments =
        ["new", "pipeline", "wide.csv", "--model", "wide.onnx", "--id", "y", "--features", &names.join(",")];
    let (code, _, stderr) = wasmill(place.path(), &arguments);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert_eq!(documents("wide"), [7]);
    let manifest = std::fs::read_to_string(place.path().join("wide/pipeline.toml")).unwrap();
    assert!(manifest.contains("{ name = \"y\", column = \"y_score\" },"), "{manifest}");
    // By columns in the model's order.
    let (code, _, stderr) = new(&["told", "--id", "id,z", "--model", "two.onnx", "--features", "z,z"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert_eq!(documents("told"), [serde_json::json!([5.0, 5.0]), serde_json::json!([6.0, 6.0])]);

    for (arguments, expect) in [
        (
            &["--model", "two.onnx"][..],
            "the model takes 2 columns: `input`, FP32 [-1, 2]\nhint: name them, in that order, with --features, of id,x,z\n",
        ),
        (
            &["--model", "two.onnx", "--features", "x"],
            "the model takes 2 columns: `input`, FP32 [-1, 2]\nhint: --features names 1\n",
        ),
        (&["--id", "nr"], "--id: the file has no column `nr`\nhint: it has `id`, `x`, `z`\n"),
        (&["--features", "x"], "the following required arguments were not provided:\n  --model <FILE>\n"),
        (&["named"], "`named` is there already\nhint: "),
        (&["--model", "x.onnx", "--features", "id"], "what would be written does not load: rows/pipeline.toml:"),
    ] {
        let (code, _, stderr) = new(arguments);
        assert!(code == 2 && stderr.starts_with(&format!("error: {expect}")), "{arguments:?}: {stderr}");
        assert!(!place.path().join("rows").exists(), "{arguments:?}");
    }
}
