//! `wasmill new pipeline`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use wasmill_runtime::engine::Engine;
use wasmill_runtime::event::Event;
use wasmill_runtime::manifest::Id;
use wasmill_runtime::run::{Progress, RunOptions};
use wasmill_runtime::store::Location;

use super::columns::Input;
use super::folder::{self, MODEL, fill, put, quoted};
use super::model::{Model, Output};
use super::score::shape;
use crate::commands::{Exit, PipelineArgs, infer};
use crate::session::{self, Session};

/// Where the file is put.
const DATA: &str = "data";

/// A file that is larger is not tried: it would take a while.
const TRIED: u64 = 256 << 20;

const MANIFEST: &str = include_str!("../../../templates/pipeline/pipeline.toml");
const SCORE: &str = include_str!("../../../templates/pipeline/score.toml");
const README: &str = include_str!("../../../templates/pipeline/README.md");
const IGNORED: &str = include_str!("../../../templates/pipeline/gitignore");

/// Write a pipeline for a file of your own, which reads it, perhaps scores its rows with a model, and publishes each as a
/// document.
///
/// The file's columns are those that `wasmill infer` sees. What is written is tried, and nothing of it published.
#[derive(Debug, Args)]
pub struct Pipeline {
    /// The file: separated values, JSON, Avro, Arrow or Parquet, packed or not. It is copied.
    file: PathBuf,

    /// The folder to write, which is empty or not there yet [default: the file's name].
    folder: Option<PathBuf>,

    /// The columns whose values are a document's id, with commas between [default: the first that is a text or a whole number].
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    id: Vec<String>,

    /// A model that scores each row: an ONNX file. It is copied.
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,

    /// The columns that the model takes, in its order, with commas between [default: those that are called like its inputs].
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',', requires = "model")]
    features: Vec<String>,

    /// The size of a row, for an input of the model that leaves it open: `--shape image=3,224,224`. Can be given
    /// several times.
    #[arg(long, value_name = "INPUT=SIZES", value_parser = shape, requires = "model")]
    shape: Vec<(String, Vec<usize>)>,

    /// The pipeline's name, in kebab-case [default: the folder's].
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// The folder of the bundled functions [default: `components` beside the program].
    #[arg(long, value_name = "FOLDER", env = "WASMILL_COMPONENTS")]
    components: Option<PathBuf>,
}

impl Pipeline {
    /// Looks at the file, writes the folder, and tries it.
    pub fn run(self) -> Result<Exit> {
        let file = self.file.file_name().map(|name| name.to_string_lossy().into_owned());
        let file = file.with_context(|| format!("`{}` is not a file", self.file.display()))?;
        let (stem, _) = split(&file);
        let folder = self.folder.clone().unwrap_or_else(|| stem.into());
        folder::check_empty(&folder)?;
        let name = folder::name(self.name.as_deref(), &folder)?;
        let components = session::components(self.components.as_deref())?;
        let engine = Engine::new(Some(session::code_cache()?))?;
        let config = infer::config(&engine, &components, "ingest", &Location::File(self.file.clone()))?;
        let (columns, whole) = columns(&config)?;
        let id = self.id(&columns, whole)?;
        let model = match &self.model {
            Some(path) => Some(self.score(&Model::read(&engine, &components, path)?, &columns)?),
            None => None,
        };
        self.write(&folder, &name, &file, &config, &id, model.as_ref())?;

        let shown = folder.display();
        let with_model = if model.is_some() { format!(", {MODEL}") } else { String::new() };
        say!("{shown}: {DATA}/{file}{with_model}, pipeline.toml, and README.md with what to do next:")?;
        let typed = typed(&shown.to_string());
        say!("  wasmill run {typed}")?;
        say!("  wasmill documents list {typed} --limit 3")?;
        if self.id.is_empty() {
            eprintln!("note: a document's id is its `{}`; --id names other columns", id.join("`, `"));
        }
        let left_out = model.iter().flat_map(|(_, _, outputs)| outputs).filter(|output| output.refused.is_some());
        for output in left_out {
            eprintln!("note: the output `{}` is left out, pipeline.toml says why", output.tensor.name);
        }
        if self.file.metadata().is_ok_and(|file| file.len() <= TRIED) {
            self.try_out(&folder, &file, &id)?;
        }
        Ok(Exit::Done)
    }

    /// The columns of a document's id: those that were named, or the first one that may be one.
    fn id(&self, columns: &[String], first: Option<String>) -> Result<Vec<String>> {
        known("--id", &self.id, columns)?;
        match first {
            _ if !self.id.is_empty() => Ok(self.id.clone()),
            Some(first) => Ok(vec![first]),
            None => bail!("`{}` has no column that could be a document's id", self.file.display()),
        }
    }

    /// The model's content, its inputs with the columns that fill them, and its outputs.
    fn score(&self, model: &Model<'_>, columns: &[String]) -> Result<(Vec<u8>, Vec<Input>, Vec<Output>)> {
        known("--features", &self.features, columns)?;
        let mut inputs = Input::of(&model.tensors()?, &self.shape)?;
        let taken: usize = inputs.iter().map(|input| input.columns.len()).sum();
        if self.features.is_empty() {
            let mut is_known = true;
            for input in &mut inputs {
                // A matrix may be called otherwise than its columns.
                let own = vec![input.tensor.name.clone()];
                let named = if input.columns.len() == 1 && columns.contains(&input.tensor.name) {
                    &own
                } else {
                    &input.columns
                };
                is_known &= named.iter().all(|column| columns.contains(column));
                input.columns = named.clone();
            }
            if !is_known {
                bail!("{}\nhint: name them, in that order, with --features {}", takes(&inputs), columns.join(","));
            }
        } else if self.features.len() == taken {
            let mut features = self.features.iter().cloned();
            for input in &mut inputs {
                input.columns = features.by_ref().take(input.columns.len()).collect();
            }
        } else {
            bail!("{}\nhint: --features names {}", takes(&inputs), self.features.len());
        }
        let outputs = model.outputs(&inputs)?;
        Ok((model.file().to_vec(), inputs, outputs))
    }

    fn write(
        &self,
        folder: &Path,
        name: &Id,
        file: &str,
        config: &str,
        id: &[String],
        model: Option<&(Vec<u8>, Vec<Input>, Vec<Output>)>,
    ) -> Result<()> {
        let (_, extension) = split(file);
        // Braces in names are written twice.
        let id = id.iter().map(|column| format!("{{{}}}", column.replace('{', "{{").replace('}', "}}")));
        let score = model.map(|(_, inputs, outputs)| fill(SCORE, &folder::tensors(inputs, outputs)));
        let values = [
            ("name", name.to_string()),
            ("file", file.to_owned()),
            ("scores", if model.is_some() { format!(", scores them with {MODEL}") } else { String::new() }),
            ("pattern", quoted(&format!("*{extension}"))),
            ("config", config.trim_end().to_owned()),
            ("score", score.unwrap_or_default()),
            ("id", quoted(&id.collect::<Vec<_>>().join("-"))),
        ];
        for (path, template) in [("pipeline.toml", MANIFEST), ("README.md", README), (".gitignore", IGNORED)] {
            put(&folder.join(path), fill(template, &values).as_bytes())?;
        }
        if let Some((content, _, _)) = model {
            put(&folder.join(MODEL), content)?;
        }
        let data = folder.join(DATA);
        std::fs::create_dir_all(&data).with_context(|| format!("cannot make `{}`", data.display()))?;
        let copied = std::fs::copy(&self.file, data.join(file));
        copied.with_context(|| format!("cannot copy `{}` to `{}`", self.file.display(), data.display()))?;
        Ok(())
    }

    /// Runs the file through what was written, and tells what is odd.
    fn try_out(&self, folder: &Path, file: &str, id: &[String]) -> Result<()> {
        let (pipeline, components) = (folder.to_owned(), self.components.clone());
        let written = || format!("`{}` is written, and is not right yet", folder.display());
        let session =
            Session::open_dry(&PipelineArgs { pipeline, components, parameters: Vec::new() }).with_context(written)?;
        let pipeline = session.load(session.rehearsal()?).with_context(written)?;
        let path = folder.join(DATA).join(file);
        let event = Event::of_file(&path).with_context(|| format!("cannot open `{}`", path.display()))?;
        let (mut rejected, mut first) = (0, None);
        let ran = pipeline.run(&event, &RunOptions::default(), &Progress::default(), &mut |chunk| {
            rejected += chunk.rejects.len();
            first = first
                .take()
                .or_else(|| chunk.rejects.into_iter().next().map(|(step, reject)| (step.clone(), reject.reason)));
            Ok(())
        });
        match ran {
            Err(err) => eprintln!("note: it does not do with this file yet: {err}"),
            Ok(report) => {
                let doubles: u64 = report.steps.iter().map(|step| step.counts.written.duplicates).sum();
                if doubles > 0 {
                    let id = id.join("`, `");
                    eprintln!(
                        "note: rows that share their `{id}` with another: {doubles}; the last of them is kept\nhint: --id with columns that tell rows apart"
                    );
                }
            }
        }
        if let Some((step, reason)) = first {
            eprintln!("note: rows that are rejected: {rejected}, the first by the step `{step}`: {reason}");
        }
        Ok(())
    }
}

/// A file's name up to its first point, and what comes from there: its kind, and how it is packed.
fn split(file: &str) -> (&str, &str) {
    let point = file.get(1..).and_then(|rest| rest.find('.')).map_or(file.len(), |point| point + 1);
    file.split_at(point)
}

/// A name as it is typed in a shell.
fn typed(name: &str) -> String {
    let is_plain = |char: char| char.is_alphanumeric() || "/._-".contains(char);
    if name.chars().all(is_plain) { name.to_owned() } else { format!("'{}'", name.replace('\'', r"'\''")) }
}

/// The columns of a configuration of `ingest`, and the first of them that could be an id.
fn columns(config: &str) -> Result<(Vec<String>, Option<String>)> {
    #[derive(serde::Deserialize)]
    struct Config {
        columns: Vec<Column>,
    }
    #[derive(serde::Deserialize)]
    struct Column {
        name: String,
        #[serde(rename = "type")]
        of: String,
        length: Option<usize>,
    }
    let Config { columns } = toml::from_str(config).context("what the file is read by is no TOML")?;
    let is_id = |column: &&Column| {
        column.length.is_none() && (column.of == "utf8" || ["int", "uint"].iter().any(|of| column.of.starts_with(of)))
    };
    let first = columns.iter().find(is_id).map(|column| column.name.clone());
    Ok((columns.into_iter().map(|column| column.name).collect(), first))
}

/// That columns which were named are there.
fn known(option: &str, named: &[String], columns: &[String]) -> Result<()> {
    match named.iter().find(|name| !columns.contains(name)) {
        Some(unknown) => bail!("{option}: the file has no column `{unknown}`\nhint: it has `{}`", columns.join("`, `")),
        None => Ok(()),
    }
}

/// What a model takes of a row.
fn takes(inputs: &[Input]) -> String {
    let count: usize = inputs.iter().map(|input| input.columns.len()).sum();
    let inputs: Vec<String> =
        inputs.iter().map(|input| format!("`{}`, {}", input.tensor.name, folder::spelled(&input.tensor))).collect();
    format!("the model takes {count} columns: {}", inputs.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_called_something_and_of_a_kind() {
        for (file, expect) in [
            ("orders.csv", ("orders", ".csv")),
            ("orders.csv.gz", ("orders", ".csv.gz")),
            ("orders", ("orders", "")),
            (".orders.csv", (".orders", ".csv")),
        ] {
            assert_eq!(split(file), expect);
        }
    }
}
