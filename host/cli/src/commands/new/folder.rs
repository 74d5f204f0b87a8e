//! The files of a new scoring endpoint: templates, filled.

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};
use wasmill_runtime::function::score::Tensor;
use wasmill_runtime::manifest::Id;

use super::columns::Input;
use super::model::Output;

/// The model's file.
pub const MODEL: &str = "model.onnx";

/// The example of rows: one, as JSON and as a JSON line.
pub const EXAMPLE: &str = "examples/rows.json";

/// The example of tensors.
const INFER: &str = "examples/infer.json";

/// The longest line that values are wrapped at.
const WIDTH: usize = 110;

/// The bytes that a value may take in a JSON line: a float of 17 digits with sign, exponent and comma.
const VALUE_BYTES: usize = 26;

/// What `ingest` takes as a line if it is not told otherwise, in bytes.
const LINE_BYTES: usize = 1 << 20;

/// What it takes at most.
const MOST_BYTES: usize = 1 << 28;

/// Files and what they are filled with.
const TEMPLATES: [(&str, &str); 8] = [
    ("pipeline.toml", include_str!("../../../templates/score/pipeline.toml")),
    ("README.md", include_str!("../../../templates/score/README.md")),
    (".gitignore", include_str!("../../../templates/score/gitignore")),
    ("spin.toml", include_str!("../../../templates/score/spin.toml")),
    ("Containerfile", include_str!("../../../templates/score/Containerfile")),
    ("k8s/deployment.yaml", include_str!("../../../templates/score/k8s/deployment.yaml")),
    ("k8s/inference-service.yaml", include_str!("../../../templates/score/k8s/inference-service.yaml")),
    ("k8s/spin-app.yaml", include_str!("../../../templates/score/k8s/spin-app.yaml")),
];

/// Refuses a folder that has something in it.
pub fn check_empty(folder: &Path) -> Result<()> {
    if folder.read_dir().is_ok_and(|mut entries| entries.next().is_some()) || folder.is_file() {
        bail!("`{}` is there already\nhint: name a folder that is empty, or not there yet", folder.display());
    }
    Ok(())
}

/// A pipeline's name: that which was given, or one like the folder's.
pub fn name(given: Option<&str>, folder: &Path) -> Result<Id> {
    let name = match given {
        Some(name) => name.to_owned(),
        None => kebab(&std::path::absolute(folder)?.file_name().unwrap_or_default().to_string_lossy()),
    };
    Id::try_from(name).map_err(|err| anyhow!("{err}\nhint: give it a name with --name"))
}

/// A name in kebab-case that is like another.
fn kebab(name: &str) -> String {
    let words = name.split(|char: char| !char.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-")
}

/// What templates have of a model's tensors, beside columns that are there before.
pub fn tensors(inputs: &[Input], outputs: &[Output], columns: &[String]) -> [(&'static str, String); 2] {
    [
        ("inputs", inputs.iter().map(input).collect::<Vec<_>>().join("\n")),
        ("outputs", outputs.iter().map(|known| output(known, columns)).collect::<Vec<_>>().join("\n")),
    ]
}

/// Writes the folder.
pub fn write(folder: &Path, name: &Id, model: &[u8], inputs: &[Input], outputs: &[Output]) -> Result<()> {
    let mut values = vec![("name", name.to_string()), ("limits", limits(inputs)), ("columns", columns(inputs))];
    values.extend(tensors(inputs, outputs, &[]));
    for (path, template) in TEMPLATES {
        put(&folder.join(path), fill(template, &values).as_bytes())?;
    }
    put(&folder.join(MODEL), model)?;
    put(&folder.join(EXAMPLE), row(inputs).as_bytes())?;
    put(&folder.join(INFER), infer(inputs).as_bytes())
}

pub fn put(path: &Path, content: &[u8]) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    }
    std::fs::write(path, content).with_context(|| format!("cannot write `{}`", path.display()))
}

/// A template with values for its `{{names}}`.
pub fn fill(template: &str, values: &[(&str, String)]) -> String {
    let mut filled = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, (name, after))) =
        rest.split_once("{{").and_then(|(before, after)| Some((before, after.split_once("}}")?)))
    {
        filled.push_str(before);
        filled.push_str(values.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value));
        rest = after;
    }
    filled + rest
}

/// A longer line than usual, if a row needs it.
fn limits(inputs: &[Input]) -> String {
    let lengths = inputs.iter().map(|input| input.length.unwrap_or(input.columns.len()));
    match lengths.sum::<usize>().saturating_mul(VALUE_BYTES) {
        bytes if bytes > LINE_BYTES => format!("max_row_bytes = {}\n", bytes.min(MOST_BYTES)),
        _ => String::new(),
    }
}

/// The columns of `ingest`.
fn columns(inputs: &[Input]) -> String {
    let line = |input: &Input, column: &String| {
        let length = input.length.map_or_else(String::new, |length| format!(", length = {length}"));
        format!("    {{ name = {}, type = \"{}\"{length}, nullable = false }},", quoted(column), input.kind)
    };
    let lines = inputs.iter().flat_map(|input| input.columns.iter().map(move |column| line(input, column)));
    lines.collect::<Vec<_>>().join("\n")
}

/// An entry of `inputs`.
fn input(input: &Input) -> String {
    let columns: Vec<String> = input.columns.iter().map(|column| quoted(column)).collect();
    let shape = input.shape.as_ref().map_or_else(String::new, |shape| format!(", shape = {shape:?}"));
    let columns = match columns.iter().map(|column| column.len() + 2).sum::<usize>() {
        0..70 => columns.join(", "),
        _ => format!("\n{}\n    ", wrapped(&columns)),
    };
    format!(
        "    # {}\n    {{ name = {}, columns = [{columns}]{shape} }},",
        spelled(&input.tensor),
        quoted(&input.tensor.name)
    )
}

/// An entry of `outputs`, which is called otherwise than columns that are there.
fn output(Output { tensor, refused }: &Output, columns: &[String]) -> String {
    let mut column = tensor.name.clone();
    while columns.contains(&column) {
        column.push_str("_score");
    }
    let renamed = if column == tensor.name { String::new() } else { format!(", column = {}", quoted(&column)) };
    let entry = format!("{{ name = {}{renamed} }},", quoted(&tensor.name));
    match refused {
        None => format!("    {entry} # {}", spelled(tensor)),
        Some(why) => format!("    # {entry} {}", why.split("; hint").next().unwrap_or_default().replace('\n', " ")),
    }
}

pub fn spelled(Tensor { datatype, shape, .. }: &Tensor) -> String {
    format!("{datatype} {shape:?}")
}

/// A text as TOML has it.
pub fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// Items of a list, in lines that are not too long.
fn wrapped(items: &[String]) -> String {
    let mut lines = vec![String::new()];
    for item in items {
        if lines.last().is_some_and(|line| line.len() + item.len() + 10 > WIDTH) {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            let space = if line.is_empty() { "        " } else { " " };
            line.push_str(&format!("{space}{item},"));
        }
    }
    lines.join("\n")
}

/// A row.
fn row(inputs: &[Input]) -> String {
    let mut row = serde_json::Map::new();
    for input in inputs {
        let values = input.values();
        match (input.length, &*input.columns) {
            (Some(_), [column]) => drop(row.insert(column.clone(), values.into())),
            _ => row.extend(input.columns.iter().cloned().zip(values)),
        }
    }
    format!("{}\n", Value::Object(row))
}

/// The same row as tensors.
fn infer(inputs: &[Input]) -> String {
    let tensor = |input: &Input| {
        let Tensor { name, datatype, .. } = &input.tensor;
        json!({ "name": name, "datatype": datatype, "shape": input.row_shape(), "data": input.values() }).to_string()
    };
    let tensors: Vec<String> = inputs.iter().map(tensor).collect();
    format!("{{\"inputs\": [\n  {}\n]}}\n", tensors.join(",\n  "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_the_flights_are_the_templates() {
        let flights = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../manifests/flights");
        let values = [("name", "flights".to_owned())];
        for (path, template) in
            TEMPLATES.iter().filter(|(path, _)| path.starts_with("k8s/") || *path == "Containerfile")
        {
            let committed = std::fs::read_to_string(flights.join(path)).unwrap();
            assert_eq!(committed, fill(template, &values), "{path}");
        }
    }

    #[test]
    fn a_name_is_made_of_any() {
        for (name, expect) in [("Churn_v2.1", "churn-v2-1"), ("résumé", "r-sum"), ("__", "")] {
            assert_eq!(kebab(name), expect);
        }
    }

    #[test]
    fn a_template_is_filled_once() {
        let values = [("name", "{{columns}}".to_owned()), ("columns", "c".to_owned())];
        assert_eq!(fill("{{name}} {{columns}}, {{", &values), "{{columns}} c, {{");
    }
}
