//! Runs cases of the ONNX project, models of one operator with what must come of them:
//! `operators score|tract none|parameters|all FOLDER…` prints a line for each folder, its name and one of
//!
//! - `passed`;
//! - `refused REASON`: the model is not run;
//! - `wrong SIZE WHAT`: something else came, off by so much.
//!
//! `score` takes models as the score function does, `tract` as tract does by itself. The second word says which inputs
//! are [constants](Constants). In a sandbox it is given one folder, because a panic ends it.
//!
//! # Layout
//! - [`case`]: a case, as `tests/operators/make.py` writes it.
//! - [`load`]: from its model to its outputs.
//! - [`compare`]: its outputs and what is expected.

mod case;
mod compare;
mod load;

use std::panic::catch_unwind;
use std::path::Path;
use std::process::ExitCode;

use case::{Case, Constants};
use load::Loader;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [loader, constants, folders @ ..] = arguments.as_slice() else { return usage() };
    let loader = match loader.as_str() {
        "score" => Loader::Score,
        "tract" => Loader::Tract,
        _ => return usage(),
    };
    let constants = match constants.as_str() {
        "none" => Constants::None,
        "parameters" => Constants::Parameters,
        "all" => Constants::All,
        _ => return usage(),
    };
    for folder in folders {
        let folder = Path::new(folder);
        let verdict = catch_unwind(|| verdict(folder, loader, constants));
        let verdict = verdict.unwrap_or_else(|_| "refused it panics".to_owned());
        println!("{} {verdict}", folder.file_name().unwrap_or_default().display());
    }
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    eprintln!("usage: operators score|tract none|parameters|all FOLDER…");
    ExitCode::from(2)
}

/// What comes of a case.
fn verdict(folder: &Path, loader: Loader, constants: Constants) -> String {
    let run = || {
        let case = Case::read(folder, constants)?;
        let outputs = load::run(&case.model, case.inputs, loader)?;
        Ok(compare::difference(&outputs, &case.expected, case.tolerance))
    };
    match run() {
        Err::<_, String>(reason) => format!("refused {reason}"),
        Ok(Some(difference)) => format!("wrong {:e} {}", difference.size, difference.what),
        Ok(None) => "passed".to_owned(),
    }
}
