//! `wasmill documents`.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use wasmill_document_postgres::Postgres;
use wasmill_runtime::documents::query::{self, Filter, Query};
use wasmill_runtime::documents::{Database, ReadDocuments, Stored};
use wasmill_runtime::plan::{self, DocumentsPlan};

use super::Exit;

/// In how many partitions an id is looked for at most.
const PARTITIONS: usize = 100;

/// How many documents are read at once.
const PAGE: u32 = 1000;

/// Look at the documents that a pipeline wrote.
#[derive(Debug, Args)]
pub struct Documents {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the document with an id: its body, as JSON.
    Get {
        #[command(flatten)]
        place: Place,
        /// The document's id.
        id: String,
        /// The document's partition, if the id is in several.
        #[arg(long, value_name = "KEY")]
        partition_key: Option<String>,
    },
    /// Print documents, one a line, as JSON with their keys.
    List {
        #[command(flatten)]
        place: Place,
        /// Order by a field of the body (a dotted path), the greatest first if it starts with `-`.
        #[arg(long, value_name = "FIELD", allow_hyphen_values = true)]
        order: Option<String>,
        /// How many, at most.
        #[arg(long, value_name = "COUNT", default_value_t = 10)]
        limit: usize,
    },
}

#[derive(Debug, Args)]
struct Place {
    /// The pipeline: its folder, its manifest, or the name of a folder in `manifests`.
    pipeline: PathBuf,
    /// The collection [default: the only one, or the one that has the pipeline's name].
    #[arg(long, value_name = "NAME")]
    collection: Option<String>,
}

impl Documents {
    /// Prints what was asked for.
    pub fn run(self) -> Result<Exit> {
        match self.command {
            Command::Get { place, id, partition_key } => {
                let (database, collection) = place.open()?;
                let partitions = partition_key.map(|key| vec![key]);
                let filter = Filter { id: Some(id.clone()), partitions, ..Filter::default() };
                let found = Query { filter, ..Query::all(PAGE) }.documents(database.as_ref(), &collection);
                let found = found.take(PARTITIONS).collect::<Result<Vec<_>, _>>()?;
                match found.as_slice() {
                    [] => {
                        eprintln!("there is no document `{id}` in the collection `{collection}`");
                        return Ok(Exit::Failures);
                    }
                    [document] => say!("{}", pretty(document)?)?,
                    several => {
                        let keys: Vec<_> =
                            several.iter().map(|document| format!("`{}`", document.partition_key)).collect();
                        bail!(
                            "`{id}` is in {} partitions\nhint: choose one with --partition-key: {}",
                            several.len(),
                            keys.join(", ")
                        );
                    }
                }
            }
            Command::List { place, order, limit } => {
                let (database, collection) = place.open()?;
                let by = order.as_deref().map(query::order).transpose().map_err(anyhow::Error::msg)?;
                let (order, descending) = by.map_or((None, false), |(field, descending)| (Some(field), descending));
                let page = u32::try_from(limit).map_or(PAGE, |limit| limit.min(PAGE));
                let field = order.clone();
                let query = Query { order, descending, ..Query::all(page) };
                // What none of them has, they are not ordered by.
                let mut missed = None;
                for document in query.documents(database.as_ref(), &collection).take(limit) {
                    let document = document?;
                    say!("{}", serde_json::to_string(&document)?)?;
                    missed = match (&field, missed) {
                        (Some(field), None | Some(true)) => Some(!has(&document, field.names())?),
                        (_, missed) => missed,
                    };
                }
                if let (Some(field), Some(true)) = (field, missed) {
                    eprintln!("note: none of these documents has `{field}`");
                }
            }
        }
        Ok(Exit::Done)
    }
}

impl Place {
    fn open(&self) -> Result<(Arc<dyn ReadDocuments>, String)> {
        let (name, documents) = plan::documents_of(&plan::resolve(&self.pipeline)?)?;
        let database: Arc<dyn ReadDocuments> = match documents {
            Some(DocumentsPlan::Sqlite { path, .. }) => Arc::new(Database::open_existing(&path)?),
            Some(DocumentsPlan::Postgres(plan)) => Arc::new(Postgres::open(&plan, [])?),
            Some(DocumentsPlan::Adapter(adapter)) => bail!(
                "documents of `{}` are not read by this command\nhint: look at them with the database's own tools",
                adapter.component
            ),
            None => bail!(
                "the pipeline has no document database\nhint: add `[documents]` with `url = \"sqlite:.wasmill/documents.db\"`"
            ),
        };
        let name = name.to_string();
        let collections = database.collections()?;
        let known: Vec<_> = collections.iter().map(|name| format!("`{name}`")).collect();
        if known.is_empty() {
            bail!("there are no documents\nhint: run the pipeline first");
        }
        let known = known.join(", ");
        let collection = match &self.collection {
            Some(chosen) => chosen.clone(),
            None if collections.contains(&name) => name,
            None => match collections.as_slice() {
                [only] => only.clone(),
                _ => bail!("which collection?\nhint: choose with --collection: {known}"),
            },
        };
        if !collections.contains(&collection) {
            bail!("there is no collection `{collection}`\nhint: the collections are {known}");
        }
        Ok((database, collection))
    }
}

/// Whether a document has a field, by the names on the way to it.
fn has(document: &Stored, field: &[String]) -> Result<bool> {
    let body: serde_json::Value = serde_json::from_str(document.body.get())?;
    Ok(field.iter().try_fold(&body, |value, key| value.get(key)).is_some_and(|value| !value.is_null()))
}

fn pretty(document: &Stored) -> Result<String> {
    let body: serde_json::Value = serde_json::from_str(document.body.get())?;
    Ok(serde_json::to_string_pretty(&body)?)
}
