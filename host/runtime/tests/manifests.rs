//! Golden manifests: each `manifests/NAME.toml` and everything that is said about it, in `NAME.expect`.
//! `UPDATE=1` writes what is said now.

mod common;

use std::path::Path;

use wasmill_runtime::pipeline::Pipeline;
use wasmill_runtime::plan::Plan;

use common::{ENGINE, components};

#[test]
fn every_manifest_gets_its_diagnostics() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/manifests");
    let mut manifests: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    manifests.sort();
    assert!(manifests.len() > 10, "{manifests:?}");
    let mut wrong = Vec::new();
    for manifest in manifests {
        let said = Plan::read(&manifest, &components())
            .and_then(|plan| Pipeline::load(&ENGINE, &plan, None).map(drop))
            .map_or_else(|err| format!("{err}\n"), |()| "nothing\n".to_owned())
            .replace(&format!("{}/", folder.display()), "")
            .replace(&format!("{}/", components().display()), "");
        let expected = manifest.with_extension("expect");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&expected, &said).unwrap();
        } else if std::fs::read_to_string(&expected).unwrap_or_default() != said {
            wrong.push(format!("{}:\n{said}", manifest.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
