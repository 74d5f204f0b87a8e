//! What the program says: exit code, standard output and standard error.

mod common;

use std::path::Path;

use common::command;

const MANIFEST: &str = r#"
version = 1
name = "numbers"

[stores.here]
url = "file:."

[documents]
url = "sqlite:.wasmill/documents.db"

[[trigger]]
type = "object"
store = "here"
pattern = "*.csv"

[[step]]
id = "read"
component = "ingest"
config = { format = "csv", columns = [{ name = "n", type = "int64", nullable = false }] }

[[step]]
id = "square"
component = "transform"
config = { sql = "SELECT n, n * n AS square FROM input" }

[[step]]
id = "publish"
component = "publish"
grants = { documents = ["numbers"] }
config = { collection = "numbers", id = "{n}" }
"#;

/// A folder with the manifest and these files.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [("pipeline.toml", MANIFEST)].iter().chain(files) {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

/// Exit code, standard output and standard error of `wasmill` in a folder; `FOLDER` stands for its path, `T`
/// for a time, `M` for a size and `R` for a rate.
fn wasmill(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let (code, stdout, stderr) = common::wasmill(folder, arguments);
    let text = |text: String| {
        let text = text.replace(&folder.display().to_string(), "FOLDER");
        let words = |line: &str| {
            let mut words: Vec<&str> = line.split(' ').collect();
            for index in 1..words.len() {
                match words[index].trim_end_matches(',') {
                    "s" if words[index - 1].parse::<f64>().is_ok() => words[index - 1] = "T",
                    "MiB" => words[index - 1] = "M",
                    "rows/s)" => words[index - 1] = "(R",
                    _ => {}
                }
            }
            words.retain(|word| !word.is_empty());
            words.join(" ")
        };
        text.lines().map(words).collect::<Vec<_>>().join("\n")
    };
    (code, text(stdout), text(stderr))
}

#[test]
fn a_run_reads_transforms_and_publishes_and_says_so() {
    let folder = folder(&[("a.csv", "n\n1\n2\n3\n")]);
    let (code, stdout, stderr) = wasmill(folder.path(), &["run", "."]);
    assert_eq!(
        stdout,
        "a.csv: 3 rows in T s (R rows/s)\n\
         step rows in rows out rejected busy cpu memory\n\
         read 3 3 0 T s T s M MiB\n\
         square 3 3 0 T s T s M MiB\n\
         publish 3 3 0 T s T s M MiB\n\
         documents of publish: 3 inserted, 0 replaced, 0 unchanged, 0 stale\n\
         numbers: started in T s"
    );
    assert_eq!((code, stderr.as_str()), (0, ""));

    let (code, stdout, _) = wasmill(folder.path(), &["documents", "get", ".", "3"]);
    assert_eq!((code, stdout.as_str()), (0, "{\n\"n\": 3,\n\"square\": 9\n}"));
    let (_, stdout, _) = wasmill(folder.path(), &["run", "."]);
    assert!(stdout.contains("0 inserted, 0 replaced, 3 unchanged, 0 stale"), "{stdout}");
    let (_, stdout, stderr) = wasmill(folder.path(), &["documents", "list", ".", "--order", "-n", "--limit", "1"]);
    assert!(stdout.starts_with(r#"{"id":"3","partition_key":"","version":"#), "{stdout}");
    assert_eq!(stderr, "");
    let (_, _, stderr) = wasmill(folder.path(), &["documents", "list", ".", "--order", "-m"]);
    assert_eq!(stderr, "note: none of these documents has `m`");
}

#[test]
fn what_is_inferred_from_an_object_is_a_step_that_reads_it() {
    let folder = folder(&[("orders.csv", "id;placed;amount\n1;31.01.2026;1.5\n2;01.02.2026;NA\n")]);
    let (code, step, stderr) = common::wasmill(folder.path(), &["infer", "orders.csv"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(step.starts_with("[[step]]\nid = \"read\"\ncomponent = \"ingest\"\n[step.config]\n"), "{step}");
    assert!(step.contains("delimiter = \";\"\n"), "{step}");
    let manifest = format!("version = 1\nname = \"orders\"\n{step}");
    std::fs::write(folder.path().join("pipeline.toml"), manifest).unwrap();
    let (code, stdout, stderr) = wasmill(folder.path(), &["validate", "."]);
    let columns = "read (ingest)\nid Int64\nplaced Date32\namount Float64";
    assert_eq!((code, stdout.as_str(), stderr.as_str()), (0, columns, ""));
    let (code, stdout, _) = wasmill(folder.path(), &["run", ".", "orders.csv"]);
    assert!(code == 0 && stdout.contains("read 2 2 0"), "{stdout}");

    std::fs::write(folder.path().join("empty.csv"), "").unwrap();
    for (object, said) in [
        ("empty.csv", "error: `empty.csv`: the object is empty"),
        ("none.csv", "error: cannot open `none.csv`: No such file or directory (os error 2)"),
    ] {
        let (code, stdout, stderr) = wasmill(folder.path(), &["infer", object]);
        assert_eq!((code, stdout.as_str(), stderr.as_str()), (2, "", said));
    }
}

#[test]
fn a_dry_run_counts_and_writes_nothing() {
    let folder = folder(&[("a.csv", "n\n1\n2\n")]);
    let dry_run = |expect: &str| {
        let (code, stdout, stderr) = wasmill(folder.path(), &["run", ".", "--dry-run"]);
        assert!(stdout.contains(expect), "{stdout}");
        assert_eq!((code, stderr.as_str()), (0, "this was a dry run: no document was written"));
    };
    dry_run("2 inserted, 0 replaced, 0 unchanged, 0 stale");
    assert!(!folder.path().join(".wasmill/documents.db").exists());
    wasmill(folder.path(), &["run", "."]);
    std::fs::write(folder.path().join("b.csv"), "n\n2\n3\n").unwrap();
    dry_run("documents of publish: 1 inserted, 0 replaced, 1 unchanged, 0 stale");
    let (_, stdout, _) = wasmill(folder.path(), &["documents", "list", ".", "--limit", "9"]);
    assert_eq!(stdout.lines().count(), 2, "{stdout}");
}

#[test]
fn parameters_are_chosen_on_the_command_line() {
    let folder = folder(&[("a.csv", "n\n1\n2\n3\n")]);
    let manifest = MANIFEST.replace(
        "config = { sql = \"SELECT n, n * n AS square FROM input\" }",
        "config = { sql = \"SELECT n, n * n AS square FROM input WHERE n >= $least\", parameters = { least = { parameter = \"least\" } } }\n\
         [parameters.least]\ntype = \"integer\"\ndefault = 3",
    );
    std::fs::write(folder.path().join("pipeline.toml"), manifest).unwrap();
    let (_, stdout, _) = wasmill(folder.path(), &["run", "."]);
    assert!(stdout.contains("1 inserted"), "{stdout}");
    let (_, stdout, _) = wasmill(folder.path(), &["run", ".", "--set", "least=2"]);
    assert!(stdout.contains("1 inserted, 0 replaced, 1 unchanged"), "{stdout}");
    for (set, expect) in [
        ("least=two", "error: ./pipeline.toml:25: parameter `least`: `two` is not an integer of 64 bits"),
        ("most=2", "there is no parameter `most`\nhint: the parameters are `least`"),
        ("most", "error: invalid value 'most' for '--set <NAME=VALUE>': it is not NAME=VALUE"),
    ] {
        let (code, _, stderr) = wasmill(folder.path(), &["run", ".", "--set", set]);
        assert_eq!(code, 2);
        assert!(stderr.contains(expect), "{stderr}");
    }
}

#[test]
fn a_graph_shows_the_ways_of_the_rows() {
    let diamond = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/pipelines/diamond");
    let folder = folder(&[]);
    let (code, stdout, _) = common::wasmill(folder.path(), &["graph", diamond]);
    assert_eq!(code, 0);
    let expect = [
        "read      ingest     from objects",
        "split     transform  from read",
        "discount  transform  from split.large",
        "plain     transform  from split.small",
        "sales     publish    from discount, plain; to documents sales",
        "sum       transform  from discount, plain",
        "totals    publish    from sum; to documents totals",
        "log       publish    from split.large, split.small; to documents log",
    ];
    assert_eq!(stdout.lines().collect::<Vec<_>>(), expect);
    let (_, stdout, _) = common::wasmill(folder.path(), &["graph", ".", "--format", "mermaid"]);
    let expect = [
        "flowchart LR",
        r#"    s0["read<br/>ingest"]"#,
        &format!(r#"    t0(["object {}/*.csv"]) --> s0"#, folder.path().file_name().unwrap().display()),
        r#"    s1["square<br/>transform"]"#,
        "    s0 --> s1",
        r#"    s2["publish<br/>publish"]"#,
        "    s1 --> s2",
        r#"    s2 --> d2_0[("numbers")]"#,
    ];
    assert_eq!(stdout.lines().collect::<Vec<_>>(), expect);
}

#[test]
fn of_rows_with_one_id_the_last_is_the_document_until_the_pipeline_changes() {
    let folder = folder(&[("a.csv", "n,v\n1,10\n1,20\n")]);
    let manifest = MANIFEST
        .replace("nullable = false }", "nullable = false }, { name = \"v\", type = \"int64\" }")
        .replace("n * n AS square", "v");
    let path = folder.path().join("pipeline.toml");
    let document = || wasmill(folder.path(), &["documents", "get", ".", "1"]).1;

    std::fs::write(&path, &manifest).unwrap();
    for counts in ["1 inserted, 1 replaced, 0 unchanged, 0 stale", "0 inserted, 0 replaced, 1 unchanged, 1 stale"] {
        let (_, stdout, _) = wasmill(folder.path(), &["run", "."]);
        assert!(stdout.contains(counts), "{stdout}");
        assert!(stdout.contains("note: 1 row of publish with the id of another row"), "{stdout}");
        assert!(document().contains("\"v\": 20"));
    }

    std::fs::write(&path, manifest.replace("FROM input", "FROM input WHERE v < 15")).unwrap();
    let (_, stdout, _) = wasmill(folder.path(), &["run", "."]);
    assert!(stdout.contains("0 inserted, 1 replaced, 0 unchanged, 0 stale"), "{stdout}");
    assert!(document().contains("\"v\": 10"));
}

#[test]
fn rejected_rows_are_shown_written_and_end_with_1() {
    let folder = folder(&[("a.csv", "n\n1\nx\n\n3\n")]);
    let (code, stdout, stderr) = wasmill(folder.path(), &["run", "."]);
    assert_eq!((code, stderr.as_str()), (1, ""));
    assert!(stdout.contains("1 rejected row, all in FOLDER/.wasmill/rejects.jsonl"), "{stdout}");
    assert!(stdout.contains("read line 3: "), "{stdout}");
    let lines = std::fs::read_to_string(folder.path().join(".wasmill/rejects.jsonl")).unwrap();
    let first: serde_json::Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(
        (first["step"].as_str(), first["row"].as_u64(), first["raw"].as_str()),
        (Some("read"), Some(3), Some("x"))
    );
}

#[test]
fn one_bad_object_does_not_stop_the_others() {
    let folder = folder(&[("a.csv", "wrong\n1\n"), ("b.csv", "n\n1\n")]);
    let (code, stdout, stderr) = wasmill(folder.path(), &["run", "."]);
    assert_eq!(code, 1);
    assert!(stdout.starts_with("a.csv: failed\nb.csv: 1 row in "), "{stdout}");
    assert!(stderr.starts_with("error: event `a.csv@") && stderr.contains("step `read`: "), "{stderr}");
}

#[test]
fn a_summary_for_programs_is_one_line_of_json() {
    let folder = folder(&[("a.csv", "n\n1\n2\n")]);
    let (code, stdout, _) = wasmill(folder.path(), &["run", ".", "--format", "json"]);
    let summary: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    let event = &summary["events"][0];
    assert_eq!(code, 0);
    assert_eq!((event["status"].as_str(), event["rows"].as_u64()), (Some("done"), Some(2)));
    assert_eq!(event["steps"][2]["written"]["inserted"].as_u64(), Some(2));
}

#[test]
fn a_steps_rows_can_be_had_as_parquet() {
    let folder = folder(&[("a.csv", "n\n1\n2\n")]);
    let (code, _, stderr) = wasmill(folder.path(), &["run", ".", "--until", "square", "--out", "out.parquet"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    let bytes = std::fs::read(folder.path().join("out.parquet")).unwrap();
    assert_eq!((&bytes[..4], &bytes[bytes.len() - 4..]), (&b"PAR1"[..], &b"PAR1"[..]));
    assert!(!folder.path().join(".wasmill/documents.db").exists());

    let (code, _, stderr) = wasmill(folder.path(), &["run", ".", "--until", "publish", "--out", "out.parquet"]);
    assert_eq!(code, 2);
    assert_eq!(
        stderr,
        "error: --until: there is no step `publish` that gives rows\nhint: the steps that do are `read`, `square`"
    );
}

#[test]
fn what_is_at_fault_is_named_with_a_hint_and_ends_with_2() {
    let folder = folder(&[("a.csv", "n\n1\n")]);
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    std::fs::write(folder.path().join("bad.toml"), MANIFEST.replace("square FROM", "square, m FROM")).unwrap();
    for (arguments, expect) in [
        (&["run", "empty"][..], "error: empty: there is no such manifest\n"),
        (&["run", ".", "missing.csv"], "error: cannot open `missing.csv`: No such file"),
        (&["validate", "bad.toml"], "error: bad.toml:24: step `square`: "),
        (
            &["documents", "get", ".", "1"],
            "error: document database `FOLDER/.wasmill/documents.db`: there is none yet\nhint: run",
        ),
        (&["run", ".", "--until", "read"], "error: the following required arguments were not provided:"),
    ] {
        let (code, stdout, stderr) = wasmill(folder.path(), arguments);
        assert!(stderr.starts_with(expect), "{arguments:?}: {stderr}");
        assert_eq!((code, stdout.as_str()), (2, ""), "{arguments:?}");
    }
}

#[test]
fn what_cannot_be_pushed_or_pulled_is_said_before_a_registry_is_asked() {
    let pinned = format!("oci://localhost:1/a@sha256:{}", "0".repeat(64));
    let folder = folder(&[("module.wasm", "\0asm\u{1}\0\0\0"), ("text.wasm", "(component)")]);
    let manifest = MANIFEST.replace("\"ingest\"", "\"oci://localhost:1/ingest:1\"");
    std::fs::write(folder.path().join("tag.toml"), manifest).unwrap();
    for (arguments, expect) in [
        (
            &["push", "text.wasm", &pinned][..],
            format!("cannot push to `{pinned}`: a digest follows from the component\nhint: name a tag"),
        ),
        (
            &["push", "text.wasm", "oci://localhost:1/a"],
            "cannot push `text.wasm`: it is no WebAssembly: it begins with `(compone`\n\
             hint: a component is built for `wasm32-wasip2`, or composed"
                .to_owned(),
        ),
        (
            &["push", "module.wasm", "oci://localhost:1/a"],
            "cannot push `module.wasm`: it is a core module, not a component\n\
             hint: `wasm-tools component new` makes a component of one"
                .to_owned(),
        ),
        (
            &["pull", "a.wasm"],
            "invalid value 'a.wasm' for '<REFERENCE>': it does not begin with `oci://`\n\
             hint: it is `oci://HOST/NAME:TAG` or `oci://HOST/NAME@sha256:…`\n\nFor more information, try '--help'."
                .to_owned(),
        ),
        (
            &["serve", "oci://a/b"],
            "invalid value 'oci://a/b' for '<FILE>': it names no host\n\
             hint: a host has a dot or a port: `oci://registry.example/NAME`, `oci://registry:5000/NAME`\n\n\
             For more information, try '--help'."
                .to_owned(),
        ),
        (
            &["validate", "tag.toml"],
            "tag.toml:18: cannot pull `oci://localhost:1/ingest:1`: a tag may name another component tomorrow\n\
             hint: name it by digest, `oci://…@sha256:…`; `wasmill pull` prints it"
                .to_owned(),
        ),
    ] {
        let (code, stdout, stderr) = wasmill(folder.path(), arguments);
        assert_eq!((code, stdout.as_str(), stderr), (2, "", format!("error: {expect}")), "{arguments:?}");
    }
}

#[test]
fn the_schema_of_the_manifest_that_is_committed_is_the_programs() {
    let output = command(Path::new("."), &["schema"]).output().unwrap();
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../manifests/pipeline.schema.json");
    let committed = std::fs::read_to_string(committed).unwrap();
    let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert!(output.status.success());
    // What differs would fill the screen.
    assert!(parse(std::str::from_utf8(&output.stdout).unwrap()) == parse(&committed), "run `make schema`");
}

#[test]
fn the_function_in_the_docs_is_the_example_that_is_built() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let docs = std::fs::read_to_string(root.join("docs/functions.md")).unwrap();
    let example = std::fs::read_to_string(root.join("functions/examples/scale/src/lib.rs")).unwrap();
    assert!(docs.contains(&example), "docs/functions.md shows another function than functions/examples/scale");
}
