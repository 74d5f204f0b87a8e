//! From a manifest's file to a plan.

use std::path::{Path, PathBuf};

use crate::diagnostics::{Diagnostics, Reporter};
use crate::manifest::{FILE_NAME, Id, Manifest, Sink};
use crate::plan::{DocumentsPlan, Files, JournalPlan, Plan, QueryPlan, Sources, check, documents};
use crate::store::Location;
use crate::toml_file;

/// The manifest that a user means: a file, a folder with one in it, or the name of a folder in `manifests`.
pub fn resolve(pipeline: &Path) -> Result<PathBuf, Diagnostics> {
    let named = Path::new("manifests").join(pipeline);
    for candidate in [pipeline, &named] {
        if candidate.is_file() {
            return Ok(candidate.to_owned());
        }
        let inside = candidate.join(FILE_NAME);
        if inside.is_file() {
            return Ok(inside);
        }
    }
    let mut reporter = Reporter::new(pipeline, "");
    reporter.at_byte(
        None,
        format!("there is no such manifest\nhint: name a folder that holds a {FILE_NAME}, or the file itself"),
    );
    reporter.finish(None)
}

/// A manifest's name and its document database; nothing else of it is looked at.
pub fn documents_of(file: &Path) -> Result<(Id, Option<DocumentsPlan>), Diagnostics> {
    toml_file::read(file, |manifest: Manifest, _, reporter| {
        let folder = check::folder(file)?;
        let documents = manifest.documents.as_ref();
        let planned = documents.and_then(|documents| documents::documents(documents, &folder, reporter));
        Some((manifest.name, planned))
    })
}

/// A manifest's name and where its journal is; nothing else of it is looked at.
pub fn journal_of(file: &Path) -> Result<(Id, JournalPlan), Diagnostics> {
    toml_file::read(file, |manifest: Manifest, _, reporter| {
        let path = check::journal(&manifest, &check::folder(file)?, reporter)?;
        Some((manifest.name, path))
    })
}

/// Where what a pipeline writes to tables is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkPlaces {
    /// The pipeline.
    pub pipeline: Id,
    /// Its journal, which has the rows first.
    pub journal: JournalPlan,
    /// The tables, by the sinks' names.
    pub tables: Vec<(Id, Location)>,
}

/// Where the tables of Delta Lake among a manifest's sinks are; nothing else of it is looked at.
pub fn sinks_of(file: &Path) -> Result<SinkPlaces, Diagnostics> {
    toml_file::read(file, |manifest: Manifest, _, reporter| {
        let folder = check::folder(file)?;
        let journal = check::journal(&manifest, &folder, reporter)?;
        let table = |sink: &Sink| {
            let Sink::Delta(sink) = sink else { return None };
            let store = Location::of_store(&manifest.stores.get(&sink.store)?.url, &folder).ok()?;
            Some((sink.id.clone(), store.join(&sink.path)?))
        };
        let tables = manifest.sink.iter().filter_map(table).collect();
        Some(SinkPlaces { pipeline: manifest.name, journal, tables })
    })
}

/// What of a manifest can be asked in SQL; nothing else of it is looked at.
pub fn query_of(file: &Path) -> Result<QueryPlan, Diagnostics> {
    toml_file::read(file, |manifest: Manifest, _, reporter| check::query(&manifest, file, reporter))
}

impl Plan {
    /// Reads and checks a manifest of which no registry has a component. Names of bundled functions are looked up in
    /// the folder `components`.
    pub fn read(file: &Path, components: &Path) -> Result<Self, Diagnostics> {
        let registry = |_: &str| Err("no registry is asked here".to_owned());
        Self::read_from(file, Sources { bundled: components, registry: &registry, parameters: &[] })
    }

    /// Reads and checks a manifest.
    pub fn read_from(file: &Path, sources: Sources<'_>) -> Result<Self, Diagnostics> {
        let mut files = Files::default();
        files.add(file);
        toml_file::read(file, |manifest: Manifest, text, reporter| {
            check::plan(&manifest, file, text, sources, files, reporter)
        })
    }
}
