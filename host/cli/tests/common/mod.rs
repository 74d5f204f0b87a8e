//! The program, as tests call it.

use std::path::Path;
use std::process::Command;

/// A command of the program, in a folder.
pub fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wasmill"));
    command.args(arguments).current_dir(folder);
    command
}

/// Exit code, standard output and standard error.
pub fn wasmill(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = command(folder, arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}
