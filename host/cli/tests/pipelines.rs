//! Every folder of `tests/pipelines` passes its own tests.

use std::path::Path;
use std::process::Command;

#[test]
fn every_pipeline_passes_its_own_tests() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/pipelines");
    let mut cases: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() >= 4, "{cases:?}");
    let mut failed = Vec::new();
    for case in cases {
        let output = Command::new(env!("CARGO_BIN_EXE_wasmill")).arg("test").arg(&case).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() || !said.contains(" passed, 0 failed") || said.starts_with("0 passed") {
            failed.push(format!("{}:\n{said}{}", case.display(), String::from_utf8_lossy(&output.stderr)));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
