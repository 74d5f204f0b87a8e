//! Models that are wrong, each with all that is said of it. `UPDATE_PROBLEMS=1` writes what is said anew.

#![expect(clippy::expect_used, reason = "a test stops where it is wrong")]

use std::fs;
use std::path::Path;

use wasmill_model::Model;

#[test]
fn all_problems_are_said_at_once() {
    let mut count = 0;
    let mut wrong = Vec::new();
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/problems")).expect("problems") {
        let file = entry.expect("file").path();
        if file.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        count += 1;
        let text = fs::read_to_string(&file).expect("model");
        let problems = Model::parse(&text).expect_err("it has problems");
        let said: String = problems.iter().map(|problem| format!("{problem}\n")).collect();
        let expected = file.with_extension("txt");
        if std::env::var_os("UPDATE_PROBLEMS").is_some() {
            fs::write(&expected, &said).expect("expectation");
        }
        if said != fs::read_to_string(&expected).unwrap_or_default() {
            wrong.push(format!("{}: it is said\n{said}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 3, "{count}");
}

#[test]
fn no_text_stops_the_reader() {
    let whole = include_str!("shop.toml");
    for end in (0..whole.len()).step_by(7) {
        let _ = Model::parse(&whole[..end]);
        let _ = Model::parse(&whole.replacen(&whole[end..end + 1], "[", 1));
    }
}
