//! `wasmill compose --events`: what a whole pipeline becomes, and which it cannot be made of.

mod common;

use common::wasmill;

const COSMOS: &str = "cosmos+https://example.documents.azure.com/shop";

/// A pipeline that reads numbers and writes them, with more steps and other documents.
fn manifest(url: &str, steps: &str) -> String {
    format!(
        r#"version = 1
name = "numbers"
[documents]
url = "{url}"
[[step]]
id = "read"
component = "ingest"
[step.config]
format = "csv"
columns = [{{ name = "n", type = "int64", nullable = false }}]
{steps}"#
    )
}

fn publish(id: &str, more: &str) -> String {
    format!(
        "[[step]]\nid = \"{id}\"\ncomponent = \"publish\"\n{more}\ngrants = {{ documents = [\"numbers\"], settings = [\"REGION\"] }}\n[step.config]\ncollection = \"numbers\"\nid = \"{{n}}\"\n"
    )
}

fn transform(id: &str) -> String {
    format!(
        "[[step]]\nid = \"{id}\"\ncomponent = \"transform\"\n[step.config]\nsql = \"SELECT * FROM input\"\nroutes = [{{ name = \"odd\", predicate = \"n % 2 = 1\" }}]\n"
    )
}

#[test]
fn a_whole_pipeline_imports_what_it_answers_with_its_environment_and_requests() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipeline.toml");
    std::fs::write(path, manifest(COSMOS, &publish("write", ""))).unwrap();
    let (code, stdout, stderr) = wasmill(folder.path(), &["compose", ".", "--events", "-o", "numbers.wasm"]);
    assert_eq!(code, 0, "{stderr}");
    let said: Vec<&str> = stdout.lines().map(|line| line.split(": ").next().unwrap_or_default()).collect();
    let expect = [
        "numbers.wasm",
        "  read",
        "  write",
        "  documents-cosmos",
        "  it reads from the environment, where they are set:",
        "    REGION",
        "    COSMOS_KEY",
        "    AZURE_TENANT_ID",
        "    AZURE_CLIENT_ID",
        "    AZURE_CLIENT_SECRET",
        "    AZURE_AUTHORITY_HOST",
        "  it sends requests to:",
        "    https://example.documents.azure.com",
        "    https://*.documents.azure.com",
        "    https://login.microsoftonline.com",
    ];
    assert_eq!(said, expect);

    let (_, stdout, _) = wasmill(folder.path(), &["inspect", "numbers.wasm"]);
    let line = |what: &str| stdout.lines().find_map(|line| line.trim().strip_prefix(what)).unwrap_or_default();
    assert_eq!(line("exports: "), "wasi:http/incoming-handler@0.2.0");
    let mut imports: Vec<&str> = line("imports: ").split(", ").map(|name| name.split('@').next().unwrap()).collect();
    imports.sort_unstable();
    imports.dedup();
    let expect = [
        "wasi:cli/environment",
        "wasi:cli/stderr",
        "wasi:cli/stdin",
        "wasi:cli/stdout",
        "wasi:clocks/monotonic-clock",
        "wasi:clocks/wall-clock",
        "wasi:http/outgoing-handler",
        "wasi:http/types",
        "wasi:io/error",
        "wasi:io/poll",
        "wasi:io/streams",
        "wasi:random/random",
        "wasmill:pipeline/types",
    ];
    assert_eq!(imports, expect);
}

#[test]
fn for_spin_settings_are_variables_and_documents_may_be_in_its_own_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipeline.toml");
    for (url, variables, database) in
        [(COSMOS, "    region\n    cosmos_key\n", false), ("sqlite:d.db", "    region\n", true)]
    {
        std::fs::write(&path, manifest(url, &publish("write", ""))).unwrap();
        let (code, stdout, stderr) =
            wasmill(folder.path(), &["compose", ".", "--events", "--target", "spin", "-o", "f.wasm"]);
        assert_eq!(code, 0, "{stderr}");
        assert!(stdout.contains(&format!("the application's variables, where they are set:\n{variables}")), "{stdout}");
        assert_eq!(stdout.contains("requests to"), !database, "{stdout}");
        let (_, stdout, _) = wasmill(folder.path(), &["inspect", "f.wasm"]);
        let imports = stdout.lines().find(|line| line.starts_with("  imports: ")).unwrap();
        for (interface, is_imported) in [
            // No part that publishes asks for a setting, but the adapter of Cosmos DB does.
            ("fermyon:spin/variables@2.0.0", !database),
            ("fermyon:spin/sqlite@2.0.0", database),
            ("wasi:http/outgoing-handler@", !database),
            ("wasi:cli/environment@", false),
        ] {
            assert_eq!(imports.contains(interface), is_imported, "{url}: {interface}: {imports}");
        }
    }
}

#[test]
fn what_is_no_chain_is_refused_with_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    let two = [publish("write", ""), publish("again", "from = \"read\"")].concat();
    let twice = [transform("clean"), transform("more"), publish("write", "")].concat();
    let route = [transform("clean"), publish("write", "from = \"clean.odd\"")].concat();
    let aside = [transform("aside"), publish("write", "from = \"read\"")].concat();
    let requests = publish("write", "").replace("settings = [\"REGION\"]", "http = [\"https://example.com\"]");
    for (url, steps, step, expect) in [
        (
            "sqlite:documents.db",
            &publish("write", ""),
            None,
            "an endpoint reaches its document database over HTTP, and that of this pipeline is a file of SQLite\n\
             hint: set `url = \"cosmos+https://ACCOUNT.documents.azure.com/DATABASE\"` or `\"couchdb+https://HOST/\"` in [documents]; or for Spin's own SQLite",
        ),
        (
            "postgres://localhost/shop",
            &publish("write", ""),
            None,
            "an endpoint reaches its document database over HTTP, and that of this pipeline is of PostgreSQL\nhint: ",
        ),
        (
            COSMOS,
            &two,
            None,
            "an endpoint has one step of kind publish, and the pipeline has 2\nhint: name one with --step: `write`, `again`\n",
        ),
        (
            COSMOS,
            &two,
            Some("read"),
            "an endpoint has one step of kind publish, and the pipeline has no such step `read`\nhint: its steps of kind publish: `write`, `again`\n",
        ),
        (COSMOS, &String::new(), None, "an endpoint has one step of kind publish, and the pipeline has none\n"),
        (
            COSMOS,
            &twice,
            None,
            "step `clean` cannot be part of an endpoint: it is of kind transform, and an endpoint goes through at most one transform and then one step that scores\nhint: make one query of several",
        ),
        (
            COSMOS,
            &route,
            None,
            "step `write` cannot be part of an endpoint: it takes the rows of a route, and in an endpoint a step takes all rows of the one before\nhint: ",
        ),
        (
            COSMOS,
            &aside,
            None,
            "step `write` cannot be part of an endpoint: step `aside` would be left out: an endpoint is one chain of steps, without sinks\nhint: `--step write` composes it without them\n",
        ),
        (
            COSMOS,
            &requests,
            None,
            "step `write` cannot be part of an endpoint: it is granted requests of its own (`grants.http`), and an endpoint sends none\n",
        ),
    ] {
        std::fs::write(folder.path().join("pipeline.toml"), manifest(url, steps)).unwrap();
        let mut arguments = vec!["compose", ".", "--events"];
        arguments.extend(step.iter().flat_map(|step| ["--step", step]));
        let (code, stdout, stderr) = wasmill(folder.path(), &arguments);
        assert!(stderr.starts_with(&format!("error: {expect}")), "{steps}: {stderr}");
        assert_eq!((code, stdout.as_str()), (2, ""), "{steps}");
    }
}
