//! `wasmill new pipeline`.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use wasmill_runtime::engine::Engine;
use wasmill_runtime::event::Event;
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

/// A file that is larger is not tried: it would take a while, and its documents memory.
const TRIED: u64 = 16 << 20;

/// What says how a file is packed, at the end of its name.
const PACKED: [&str; 3] = ["gz", "zst", "zip"];

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

/// A model that scores rows.
struct Scored {
    content: Vec<u8>,
    inputs: Vec<Input>,
    outputs: Vec<Output>,
}

impl Pipeline {
    /// Looks at the file, writes the folder, and tries it.
    pub fn run(self) -> Result<Exit> {
        let file = self.file.file_name().map(|name| name.to_string_lossy().into_owned());
        let file = file.with_context(|| format!("`{}` is not a file", self.file.display()))?;
        let folder = self.folder.clone().unwrap_or_else(|| stem(&file).into());
        folder::check_empty(&folder)?;
        let name = folder::name(self.name.as_deref(), &folder)?;
        let components = session::components(self.components.as_deref())?;
        let engine = Engine::new(Some(session::code_cache()?))?;
        let config = infer::config(&engine, &components, "ingest", &Location::File(self.file.clone()))?;
        let Seen { columns, lists, first, has_header } = Seen::of(&config)?;
        let id = self.id(&columns, first)?;
        let model = match &self.model {
            Some(path) => Some(self.score(&Model::read(&engine, &components, path)?, &columns, &lists)?),
            None => None,
        };
        let scores = if model.is_some() { format!(", scores them with {MODEL}") } else { String::new() };
        let score = model.as_ref().map(|model| fill(SCORE, &folder::tensors(&model.inputs, &model.outputs, &columns)));
        let braced: Vec<String> = id.iter().map(|column| format!("{{{column}}}")).collect();
        let values = [
            ("name", name.to_string()),
            ("file", file.clone()),
            ("scores", scores),
            ("pattern", quoted(&pattern(&file))),
            ("config", config.trim_end().to_owned()),
            ("score", score.unwrap_or_default()),
            ("id", quoted(&braced.join("-"))),
        ];
        let written = self.write(&folder, &values, &file, model.as_ref());
        let tried = written.and_then(|()| self.try_out(&folder, &file, &id)).inspect_err(|_| {
            // The folder was empty: what is in it was written just now, and is in the way of the next attempt.
            let _ = std::fs::remove_dir_all(&folder);
        })?;

        let shown = folder.display();
        let with_model = if model.is_some() { format!(", {MODEL}") } else { String::new() };
        say!("{shown}: {DATA}/{file}{with_model}, pipeline.toml, and README.md with what to do next:")?;
        let typed = typed(&shown.to_string())?;
        say!("  wasmill run {typed}")?;
        say!("  wasmill documents list {typed} --limit 3")?;
        if self.id.is_empty() {
            eprintln!("note: a document's id is its `{}`; --id names other columns", id.join("`, `"));
        }
        if !has_header {
            eprintln!(
                "note: no header was seen, so columns have numbers\nhint: if there is one, `header = true` and its names, in pipeline.toml"
            );
        }
        let left_out = model.iter().flat_map(|model| &model.outputs).filter(|output| output.refused.is_some());
        for output in left_out {
            eprintln!("note: the output `{}` is left out, pipeline.toml says why", output.tensor.name);
        }
        tried.iter().for_each(|note| eprintln!("note: {note}"));
        Ok(Exit::Done)
    }

    /// The columns of a document's id: those that were named, or the first one that may be one.
    fn id(&self, columns: &[String], first: Option<String>) -> Result<Vec<String>> {
        known("--id", &self.id, columns)?;
        if let Some(column) = self.id.iter().find(|column| column.contains(['{', '}'])) {
            bail!(
                "--id: no id is made of `{column}`\nhint: leave out --id, and give the column another name in pipeline.toml"
            );
        }
        match first {
            _ if !self.id.is_empty() => Ok(self.id.clone()),
            Some(first) => Ok(vec![first]),
            None => bail!("`{}` has no column that could be a document's id", self.file.display()),
        }
    }

    /// The model, with the columns that fill its inputs.
    fn score(&self, model: &Model<'_>, columns: &[String], lists: &[String]) -> Result<Scored> {
        known("--features", &self.features, columns)?;
        let mut inputs = Input::of(&model.tensors()?, &self.shape)?;
        let are_lists = !self.features.is_empty() && self.features.iter().all(|column| lists.contains(column));
        let widths: usize = inputs.iter().map(Input::width).sum();
        if self.features.is_empty() {
            let mut is_known = true;
            for input in &mut inputs {
                // A matrix may be called otherwise than its columns.
                let own = vec![input.tensor.name.clone()];
                let is_own = input.columns.len() == 1 && columns.contains(&input.tensor.name);
                let named = if is_own { own } else { input.columns.clone() };
                is_known &= named.iter().all(|column| columns.contains(column));
                input.filled_by(named);
            }
            if !is_known {
                let all = columns.iter().map(|column| typed(column)).collect::<Result<Vec<_>>>()?.join(",");
                bail!("{}\nhint: name them, in that order, with --features, of {all}", takes(&inputs, widths));
            }
        } else if self.features.len() == widths || (are_lists && self.features.len() == inputs.len()) {
            let is_each = self.features.len() == widths;
            let mut features = self.features.iter().cloned();
            for input in &mut inputs {
                // Or of lists.
                let count = if is_each { input.width() } else { 1 };
                input.filled_by(features.by_ref().take(count).collect());
            }
        } else {
            bail!("{}\nhint: --features names {}", takes(&inputs, widths), self.features.len());
        }
        let outputs = model.outputs(&inputs)?;
        Ok(Scored { content: model.file().to_vec(), inputs, outputs })
    }

    /// Writes the folder, of templates with these values.
    fn write(&self, folder: &Path, values: &[(&str, String)], file: &str, model: Option<&Scored>) -> Result<()> {
        for (path, template) in [("pipeline.toml", MANIFEST), ("README.md", README), (".gitignore", IGNORED)] {
            put(&folder.join(path), fill(template, values).as_bytes())?;
        }
        if let Some(model) = model {
            put(&folder.join(MODEL), &model.content)?;
        }
        let data = folder.join(DATA);
        std::fs::create_dir_all(&data).with_context(|| format!("cannot make `{}`", data.display()))?;
        let copied = std::fs::copy(&self.file, data.join(file));
        copied.with_context(|| format!("cannot copy `{}` to `{}`", self.file.display(), data.display()))?;
        Ok(())
    }

    /// Runs the file through what was written, unless it is large; what is odd.
    fn try_out(&self, folder: &Path, file: &str, id: &[String]) -> Result<Vec<String>> {
        const NOT: &str = "what would be written does not load";
        let (pipeline, components) = (folder.to_owned(), self.components.clone());
        let session = Session::open_dry(&PipelineArgs { pipeline, components, parameters: Vec::new() }).context(NOT)?;
        let pipeline = session.load(session.rehearsal()?).context(NOT)?;
        let path = folder.join(DATA).join(file);
        if path.metadata().is_ok_and(|file| file.len() > TRIED) {
            return Ok(vec!["the file is large, and was not tried".to_owned()]);
        }
        let event = Event::of_file(&path).with_context(|| format!("cannot open `{}`", path.display()))?;
        let (mut rejected, mut first) = (0, None);
        let ran = pipeline.run(&event, &RunOptions::default(), &Progress::default(), &mut |chunk| {
            rejected += chunk.rejects.len();
            let mut rejects = chunk.rejects.into_iter();
            first = first.take().or_else(|| rejects.next().map(|(step, reject)| (step.clone(), reject.reason)));
            Ok(())
        });
        let doubles: u64 = match ran {
            Ok(report) => report.steps.iter().map(|step| step.counts.written.duplicates).sum(),
            Err(err) => return Ok(vec![format!("it does not do with this file yet: {err}")]),
        };
        let mut notes = Vec::new();
        if doubles > 0 {
            notes.push(format!(
                "rows that share their `{}` with another: {doubles}; the last of them is kept\nhint: --id with columns that tell rows apart",
                id.join("`, `")
            ));
        }
        if let Some((step, reason)) = first {
            notes.push(format!("rows that are rejected: {rejected}, the first by the step `{step}`: {reason}"));
        }
        Ok(notes)
    }
}

/// A file's name up to its first point.
fn stem(file: &str) -> &str {
    let point = file.char_indices().skip(1).find(|(_, char)| *char == '.');
    point.map_or(file, |(at, _)| file.split_at(at).0)
}

/// What files of the same kind are called: by their extension, and by that before it if they are packed.
fn pattern(file: &str) -> String {
    let path = Path::new(file);
    let Some(extension) = path.extension().and_then(OsStr::to_str) else { return "*".to_owned() };
    let inner = path.file_stem().map(Path::new).and_then(Path::extension).and_then(OsStr::to_str);
    match inner.filter(|_| PACKED.contains(&extension)) {
        Some(inner) => format!("*.{inner}.{extension}"),
        None => format!("*.{extension}"),
    }
}

/// A name as it is typed in a shell.
fn typed(name: &str) -> Result<String> {
    Ok(shlex::try_quote(name)?.into_owned())
}

/// What was seen in a file.
struct Seen {
    columns: Vec<String>,
    /// Those of lists.
    lists: Vec<String>,
    /// The first that could be an id.
    first: Option<String>,
    has_header: bool,
}

impl Seen {
    /// By a configuration of `ingest`.
    fn of(config: &str) -> Result<Self> {
        #[derive(serde::Deserialize)]
        struct Config {
            header: Option<bool>,
            columns: Vec<Column>,
        }
        #[derive(serde::Deserialize)]
        struct Column {
            name: String,
            #[serde(rename = "type")]
            of: String,
            length: Option<usize>,
        }
        let Config { header, columns } = toml::from_str(config).context("what the file is read by is no TOML")?;
        let is_id = |column: &&Column| {
            let is_whole = ["utf8", "int", "uint"].iter().any(|of| column.of.starts_with(of));
            is_whole && column.length.is_none() && !column.name.contains(['{', '}'])
        };
        let first = columns.iter().find(is_id).map(|column| column.name.clone());
        let lists = columns.iter().filter(|column| column.length.is_some()).map(|column| column.name.clone()).collect();
        let columns = columns.into_iter().map(|column| column.name).collect();
        Ok(Self { columns, lists, first, has_header: header != Some(false) })
    }
}

/// That columns which were named are there.
fn known(option: &str, named: &[String], columns: &[String]) -> Result<()> {
    match named.iter().find(|name| !columns.contains(name)) {
        Some(unknown) => bail!("{option}: the file has no column `{unknown}`\nhint: it has `{}`", columns.join("`, `")),
        None => Ok(()),
    }
}

/// What a model takes of a row.
fn takes(inputs: &[Input], widths: usize) -> String {
    let inputs: Vec<String> =
        inputs.iter().map(|input| format!("`{}`, {}", input.tensor.name, folder::spelled(&input.tensor))).collect();
    format!("the model takes {widths} columns: {}", inputs.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_called_something_and_of_a_kind() {
        for (file, name, files) in [
            ("orders.csv", "orders", "*.csv"),
            ("orders.2026-01-31.csv.gz", "orders", "*.csv.gz"),
            ("été v1.2.jsonl", "été v1", "*.jsonl"),
            ("orders", "orders", "*"),
            ("été.csv", "été", "*.csv"),
            (".orders.csv", ".orders", "*.csv"),
        ] {
            assert_eq!((stem(file), pattern(file).as_str()), (name, files));
        }
    }
}
