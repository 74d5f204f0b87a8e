//! The ONNX project's own cases of its operators (`tests/operators/make.py` writes them), run by the score function's
//! way from a model to its outputs, each in a fresh sandbox. `tests/operators/expected.txt` lists what does not simply
//! pass; `UPDATE=1` writes it. A case that is wrong needs a line in `tests/operators/wrong.txt`, written by hand.
//!
//! Inputs that are parameters (axes, a shape, weights) are constants in nearly all models, and both compilers want some
//! of them to be. So each case is run as it is, with all inputs but the first as constants, and with all; it passes if
//! one of these does and none is wrong.

mod sandbox;
mod verdict;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{fs, thread};

use wasmill_runtime::engine::on_deep_stack;
use wasmill_tests_full::folder;

use sandbox::Operators;
use verdict::{Case, Explained, Verdict};

/// As many as PyPI's `onnx` has in the version that `requirements.txt` names.
const CASES: usize = 1884;

/// Which inputs are constants.
const CONSTANTS: [&str; 3] = ["none", "parameters", "all"];

const THREADS: usize = 2;

#[test]
fn every_case_of_onnx_ends_as_it_is_known_to() {
    let made = folder("WASMILL_OPERATORS");
    let cases: Vec<PathBuf> = fs::read_dir(made.join("made")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(cases.len(), CASES);
    let sandboxed = run(&cases);
    let native = read_native(&made.join("tract"));
    assert_eq!(native.len(), CASES);

    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../operators");
    let explained = Explained::read(&here.join("wrong.txt"));
    println!("in the sandbox: {}\ntract by itself: {}", counts(&sandboxed), counts(&native));
    let found = report(&sandboxed, &explained);
    let problems = explained.problems(&sandboxed);
    let expected = here.join("expected.txt");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&expected, &found).unwrap();
    }
    let changes = changes(&fs::read_to_string(&expected).unwrap_or_default(), &found);
    assert!(
        problems.is_empty(),
        "explain it in {}, or correct it:\n{}",
        here.join("wrong.txt").display(),
        problems.join("\n")
    );
    assert!(changes.is_empty(), "not as in {}:\n{}", expected.display(), changes.join("\n"));
    let passing = |cases: &BTreeMap<String, Case>| cases.values().filter(|case| case.passes()).count();
    let (ours, theirs) = (passing(&sandboxed), passing(&native));
    assert!(ours >= theirs, "{ours} cases pass, {theirs} of tract by itself");
}

/// Every case, three times.
fn run(cases: &[PathBuf]) -> BTreeMap<String, Case> {
    let operators = Operators::load();
    let next = AtomicUsize::new(0);
    let results = Mutex::new(BTreeMap::new());
    let work = || {
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            let verdicts = CONSTANTS.map(|constants| operators.run(case, constants));
            let name = case.file_name().unwrap().to_str().unwrap().to_owned();
            results.lock().unwrap().insert(name, Case(verdicts));
        }
    };
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| on_deep_stack(work).unwrap());
        }
    });
    results.into_inner().unwrap()
}

/// What `tools/test-full.sh` had tract say by itself: a file for each of [`CONSTANTS`].
fn read_native(said: &Path) -> BTreeMap<String, Case> {
    let files = CONSTANTS.map(|constants| fs::read_to_string(said.join(constants)).unwrap());
    let [none, parameters, all] = files.each_ref().map(|file| file.lines());
    none.zip(parameters)
        .zip(all)
        .map(|((none, parameters), all)| {
            let named = [none, parameters, all].map(|line| line.split_once(' ').unwrap());
            let [(name, _), ..] = named;
            assert!(named.iter().all(|(other, _)| *other == name), "{named:?}");
            (name.to_owned(), Case(named.map(|(_, verdict)| Verdict::parse(verdict))))
        })
        .collect()
}

/// What `expected.txt` holds.
fn report(cases: &BTreeMap<String, Case>, explained: &Explained) -> String {
    let mut lines = vec![
        "# How the ONNX project's cases of its operators end in the sandbox, but for those that pass as they are."
            .into(),
        "# `UPDATE=1 make test-full` writes this file; what is wrong is explained in wrong.txt.".into(),
        format!("# {}", counts(cases)),
    ];
    lines.extend(
        cases.iter().filter_map(|(name, case)| Some(format!("{name} {}", case.spell(explained.reason(name))?))),
    );
    lines.join("\n") + "\n"
}

fn counts(cases: &BTreeMap<String, Case>) -> String {
    let count = |what: fn(&Case) -> bool| cases.values().filter(|case| what(case)).count();
    let (passing, as_is, wrong) =
        (count(Case::passes), count(Case::passes_as_it_is), count(|case| case.wrong().is_some()));
    format!(
        "{} cases: {passing} pass, {} of them only with constants, {} are refused, {wrong} are wrong",
        cases.len(),
        passing - as_is,
        cases.len() - passing - wrong
    )
}

/// The lines that one text has and the other does not.
fn changes(expected: &str, found: &str) -> Vec<String> {
    let lacks = |text: &str, line: &str| !text.lines().any(|other| other == line);
    let gone = expected.lines().filter(|line| lacks(found, line)).map(|line| format!("- {line}"));
    let new = found.lines().filter(|line| lacks(expected, line)).map(|line| format!("+ {line}"));
    gone.chain(new).collect()
}
