//! Baked functions: they give what the others do, need no configuration, and start faster.

mod common;

use common::{Case, ENGINE, components, root};
use wasmill_runtime::bake::{BakeError, bake};
use wasmill_runtime::code_cache::CodeCache;
use wasmill_runtime::documents::Database;
use wasmill_runtime::documents::query::Query;
use wasmill_runtime::engine::Engine;
use wasmill_runtime::pipeline::Pipeline;
use wasmill_runtime::plan::Plan;

/// A pipeline of all four kinds.
const PIPELINE: &str = r#"
version = 1
name = "baked"
[documents]
url = "sqlite:documents.db"
[stores.here]
url = "file:."
[tables.cities]
store = "here"
path = "cities.csv"
component = "ingest"
config = { format = "csv", columns = [{ name = "code", type = "utf8" }, { name = "city", type = "utf8" }] }

[[step]]
id = "read"
component = "ingest"
config = { format = "csv", columns = [{ name = "code", type = "utf8" }, { name = "temperature", type = "float64" }] }

[[step]]
id = "clean"
component = "transform"
tables = ["cities"]
config = { sql = "SELECT code, city, temperature AS t FROM input JOIN cities USING (code)", rules = [{ name = "warm", predicate = "t > 0" }] }

[[step]]
id = "score"
component = "score"
model = "model.onnx"
config = { inputs = [{ name = "x", columns = ["t"] }], outputs = [{ name = "y", column = "score" }] }

[[step]]
id = "write"
component = "publish"
config = { collection = "cities", id = "{code}" }
grants = { documents = ["cities"] }
"#;

const CITIES: &str = "code,city\nBRN,Bern\nGVA,Genève\n";
const OBJECT: &[u8] = b"code,temperature\nBRN,12.5\nGVA,14\nBRN,-3\nXXX,1\n";

fn case(manifest: &str) -> Case {
    let case = Case::new(manifest);
    std::fs::write(case.folder.path().join("cities.csv"), CITIES).unwrap();
    let model = root().join("host/runtime/tests/double.onnx");
    std::fs::copy(model, case.folder.path().join("model.onnx")).unwrap();
    case
}

fn plan(case: &Case) -> Plan {
    Plan::read(&case.folder.path().join("pipeline.toml"), &components()).unwrap()
}

/// The documents and the rejects of a run.
fn outcome(case: &Case, pipeline: &Pipeline) -> (Vec<String>, Vec<String>) {
    let (report, rejects) = case.run(pipeline, OBJECT);
    report.unwrap();
    (
        documents(&case.database),
        rejects.into_iter().map(|(step, reject)| format!("{step} {} {}", reject.row, reject.reason)).collect(),
    )
}

fn documents(database: &Database) -> Vec<String> {
    let mut documents = Vec::new();
    for document in database.page("cities", &Query::all(100)).unwrap().documents {
        documents.push(format!("{} {}", document.id, document.body));
    }
    documents.sort();
    documents
}

#[test]
fn a_baked_pipeline_gives_what_the_other_does() {
    let unbaked = case(PIPELINE);
    let pipeline = unbaked.load().unwrap();
    let expected = outcome(&unbaked, &pipeline);
    assert_eq!((expected.0.len(), expected.1.len()), (2, 1), "{expected:?}");

    // The same steps, each with its baked component and nothing of what that was made of.
    let plan = plan(&unbaked);
    let mut manifest = "version = 1\nname = \"baked\"\ndocuments = { url = \"sqlite:documents.db\" }\n".to_owned();
    let baked = case("version = 1");
    for (step, plan) in pipeline.steps.iter().zip(&plan.steps) {
        let made = pipeline.bake(step, plan).unwrap();
        assert!(made.image.is_mapped(), "{}: {}", step.id, made.image);
        std::fs::write(baked.folder.path().join(format!("{}.wasm", step.id)), &made.component).unwrap();
        manifest += &format!("[[step]]\nid = \"{0}\"\ncomponent = \"{0}.wasm\"\n", step.id);
    }
    manifest += "grants = { documents = [\"cities\"] }\n";
    std::fs::write(baked.folder.path().join("pipeline.toml"), manifest).unwrap();
    let pipeline = baked.load().unwrap();
    assert!(pipeline.steps.iter().all(|step| step.is_baked()));
    assert_eq!(outcome(&baked, &pipeline), expected);
}

#[test]
fn a_run_bakes_where_that_pays_and_a_later_one_takes_what_it_kept() {
    let cache = tempfile::tempdir().unwrap();
    // Of small functions: they are compiled for this test, into a cache of its own.
    let case = hostile("never", "none");
    let plan = plan(&case);
    let load = || {
        let engine = Engine::new(Some(CodeCache::new(cache.path().to_owned()))).unwrap();
        Pipeline::load(&engine, &plan, None).unwrap()
    };
    let mut pipeline = load();
    assert!(pipeline.bake_where_it_pays(&plan, 1).is_empty());
    assert!(pipeline.steps.iter().all(|step| !step.is_baked()));
    let made: Vec<String> =
        pipeline.bake_where_it_pays(&plan, usize::MAX).into_iter().map(|made| made.unwrap()).collect();
    assert_eq!(made, ["read", "harm"]);
    let again = load();
    for pipeline in [&pipeline, &again] {
        assert!(pipeline.steps.iter().all(|step| step.is_baked()));
        let (report, rejects) = case.run(pipeline, b"a\n1\n2\n");
        assert_eq!((report.unwrap().steps[1].counts.rows_out, rejects.len()), (2, 0));
    }
}

#[test]
fn the_same_inputs_give_the_same_bytes() {
    let case = case(PIPELINE);
    let (pipeline, plan) = (case.load().unwrap(), plan(&case));
    let (step, plan) = (&pipeline.steps[2], &plan.steps[2]);
    let again = || bake(&ENGINE, &plan.component.read().unwrap(), step.setup()).unwrap();
    assert!(again() == again());
}

/// A pipeline with a hostile step.
fn hostile(when: &str, harm: &str) -> Case {
    Case::new(&format!(
        r#"
version = 1
name = "hostile"

[[step]]
id = "read"
component = "ingest"
config = {{ format = "csv", columns = [{{ name = "a", type = "int64" }}] }}

[[step]]
id = "harm"
component = "hostile"
config = {{ when = "{when}", harm = "{harm}", url = "http://127.0.0.1:1/" }}
"#
    ))
}

/// What baking a hostile step comes to.
fn bake_hostile(when: &str, harm: &str) -> (Case, Result<Vec<u8>, BakeError>) {
    let case = hostile(when, harm);
    let (pipeline, plan) = (case.load().unwrap(), plan(&case));
    let baked = bake(&ENGINE, &plan.steps[1].component.read().unwrap(), pipeline.steps[1].setup());
    (case, baked)
}

#[test]
fn a_function_that_reads_a_setting_while_it_is_set_up_is_refused() {
    let (_, baked) = bake_hostile("configure", "setting");
    let message = baked.unwrap_err().to_string();
    assert!(message.starts_with("it reads the setting `API_KEY` while it is set up"), "{message}");
}

#[test]
fn a_function_that_sends_requests_while_it_is_set_up_is_refused() {
    let (_, baked) = bake_hostile("configure", "fetch");
    let message = baked.unwrap_err().to_string();
    assert!(message.starts_with("it sends requests while it is set up"), "{message}");
}

#[test]
fn a_function_that_prints_while_it_is_set_up_still_prints_afterwards() {
    let (case, baked) = bake_hostile("configure process", "print");
    std::fs::write(case.folder.path().join("harm.wasm"), baked.unwrap()).unwrap();
    let manifest = std::fs::read_to_string(case.folder.path().join("pipeline.toml")).unwrap();
    let (head, _) = manifest.split_once("component = \"hostile\"").unwrap();
    std::fs::write(case.folder.path().join("pipeline.toml"), format!("{head}component = \"harm.wasm\"\n")).unwrap();
    let (report, _) = case.run(&case.load().unwrap(), b"a\n1\n");
    let message = report.unwrap_err().to_string();
    assert!(message.contains("printed in process"), "{message}");
    assert!(!message.contains("printed in configure"), "{message}");
}

#[test]
fn a_baked_function_is_not_configured_again_and_takes_only_the_rows_it_was_baked_for() {
    let first = case(PIPELINE);
    let (pipeline, plan) = (first.load().unwrap(), plan(&first));
    let made = bake(&ENGINE, &plan.steps[3].component.read().unwrap(), pipeline.steps[3].setup()).unwrap();
    std::fs::write(first.folder.path().join("write.wasm"), made).unwrap();
    let check = |manifest: String, expect: &str| {
        std::fs::write(first.folder.path().join("pipeline.toml"), manifest).unwrap();
        let message = first.load().err().unwrap().to_string();
        assert!(message.contains(expect), "{message}");
    };
    let manifest = PIPELINE.replace("component = \"publish\"", "component = \"write.wasm\"");
    check(manifest.clone(), "step `write`: its function is baked with its `config`");
    let manifest = manifest.replace("config = { collection = \"cities\", id = \"{code}\" }\n", "");
    check(manifest.replace("column = \"score\"", "column = \"points\""), "was baked for other rows: promised `score`");
}

#[test]
fn what_a_function_frees_while_it_is_set_up_is_not_baked() {
    let case = case(PIPELINE);
    let bake = || {
        let pipeline = case.load().unwrap();
        let plan = plan(&case);
        let at = pipeline.position("score").unwrap();
        pipeline.bake(&pipeline.steps[at], &plan.steps[at]).unwrap().component
    };
    let before = bake().len();
    // Field 99 of a model's message, which ONNX does not have, goes with the bytes of the file.
    const WORD: &[u8; 16] = b"nobody reads me.";
    let path = case.folder.path().join("model.onnx");
    let mut model = std::fs::read(&path).unwrap();
    let text = WORD.repeat(1 << 16);
    model.extend([0x9a, 0x06, 0x80, 0x80, 0x40]);
    model.extend(&text);
    std::fs::write(&path, model).unwrap();
    let component = bake();
    let left = component.windows(WORD.len()).filter(|window| window == WORD).count();
    assert_eq!(left, 0, "of {} times", 1 << 16);
    assert!(component.len() < before + text.len() / 16, "{before} bytes became {}", component.len());
}
