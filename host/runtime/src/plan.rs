//! The plan: a manifest that was checked, with every path absolute and every file found. The rest of the
//! program sees only the plan.

mod check;
mod documents;
mod extract;
mod files;
mod nats;
mod query;
mod read;
mod sink;

use std::collections::BTreeMap;
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono_tz::Tz;
use croner::Cron;
use sha2::{Digest, Sha256};
use wasmtime_wasi::runtime::in_tokio;

use crate::documents::totals::Totals;
use crate::manifest::{ChainedObject, Id, Missed, Overlap, TableName};
use crate::outbound::Outbound;
use crate::sandbox::Limits;
use crate::store::{Found, Location};

pub use documents::{DocumentsPlan, Indexes, PostgresPlan};
pub use extract::{BandPlan, ExtractPlan, ExtractRows};
pub use files::Files;
pub use nats::NatsPlan;
pub use query::{DatabasePlace, QueryPlan, QueryTable, ViewPlan};
pub use read::{SinkPlaces, documents_of, journal_of, query_of, resolve, sinks_of};
pub use sink::{SinkPlan, SinkTable};

/// What will be done.
#[derive(Debug)]
pub struct Plan {
    /// The manifest's file.
    pub file: PathBuf,
    /// All the files that it was made of, as they were by then: manifest, components, models, objects of tables, and what
    /// configurations name.
    pub files: Files,
    /// The manifest's text, for diagnostics of what only shows later.
    pub text: String,
    /// The pipeline's name.
    pub name: Id,
    /// The folder for what a run leaves behind.
    pub state: PathBuf,
    /// The document database.
    pub documents: Option<DocumentsPlan>,
    /// The collections whose documents are totals, by name.
    pub totals: BTreeMap<String, Arc<Totals>>,
    /// The reference tables.
    pub tables: Vec<TablePlan>,
    /// Where the journal is.
    pub journal: JournalPlan,
    /// How events are delivered.
    pub delivery: DeliveryPlan,
    /// What starts a run.
    pub triggers: Vec<TriggerPlan>,
    /// The steps; each comes after the one whose rows it takes.
    pub steps: Vec<StepPlan>,
    /// Tables that steps' rows are written to.
    pub sinks: Vec<SinkPlan>,
    /// Queries that have names.
    pub views: BTreeMap<TableName, ViewPlan>,
    /// Databases that are asked together with the rest.
    pub databases: BTreeMap<TableName, DatabasePlace>,
    /// The file of the semantic model.
    pub semantic_model: Option<PathBuf>,
    /// The files of reports on it.
    pub reports: Vec<PathBuf>,
    /// The pipeline's own tests.
    pub tests: Vec<TestPlan>,
}

/// What a manifest is read with.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// Values of parameters, by name.
    pub parameters: &'a [(String, String)],
    /// The folder of the bundled functions.
    pub bundled: &'a Path,
    /// Brings what a registry has: from `oci://…` to a file.
    pub registry: &'a dyn Fn(&str) -> Result<PathBuf, String>,
}

/// Where a journal is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JournalPlan {
    /// In a file of SQLite.
    Sqlite(PathBuf),
    /// In a database of PostgreSQL, by a URL without a password.
    Postgres(String),
}

/// A reference table.
#[derive(Debug)]
pub struct TablePlan {
    /// Its name in SQL.
    pub name: TableName,
    /// Where its rows are.
    pub rows: TableRows,
}

/// Where a table's rows are.
#[derive(Debug)]
pub enum TableRows {
    /// In an object.
    Object(Box<ObjectTable>),
    /// In a table of a lake or a database.
    Foreign(ForeignTable),
}

/// A table whose rows are in an object.
#[derive(Debug)]
pub struct ObjectTable {
    /// The object.
    pub object: Location,
    /// The function that reads it.
    pub component: Artifact,
    /// The function's configuration, as JSON.
    pub config: String,
    /// Bounds on the function.
    pub limits: Limits,
}

/// A table of a lake or a database, or what is asked for of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignTable {
    /// Which.
    pub place: TablePlace,
    /// The columns; all if there are none.
    pub columns: Vec<String>,
    /// The rows, as a condition in SQL.
    pub filter: Option<String>,
    /// How often it is looked whether it is another by now.
    pub refresh: Duration,
}

/// Where a table of a lake or a database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TablePlace {
    /// A table of Delta Lake.
    Delta(Location),
    /// Of PostgreSQL.
    Postgres {
        /// The database, without a password.
        url: String,
        /// The table or view.
        table: String,
    },
    /// Of MySQL or MariaDB.
    Mysql {
        /// The database, without a password.
        url: String,
        /// The table or view.
        table: String,
    },
    /// Of SQLite.
    Sqlite {
        /// The database's file.
        file: PathBuf,
        /// The table or view.
        table: String,
    },
    /// A view of a manifest.
    View {
        /// The manifest.
        manifest: PathBuf,
        /// The view.
        view: TableName,
    },
    /// The semantic model of a manifest.
    Model {
        /// The manifest.
        manifest: PathBuf,
    },
}

impl std::fmt::Display for TablePlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Delta(location) => write!(f, "`{location}`"),
            Self::Postgres { url, table } | Self::Mysql { url, table } => write!(f, "`{table}` at `{url}`"),
            Self::Sqlite { file, table } => write!(f, "`{table}` in `{}`", file.display()),
            Self::View { manifest, view } => write!(f, "view `{view}` of `{}`", manifest.display()),
            Self::Model { manifest } => write!(f, "the semantic model of `{}`", manifest.display()),
        }
    }
}

/// What starts a run.
#[derive(Debug)]
pub enum TriggerPlan {
    /// Objects in a store.
    Object {
        /// Which.
        objects: ObjectPattern,
        /// How long one must have been left alone.
        settle: Duration,
    },
    /// Requests.
    Http {
        /// The path of the URL.
        path: String,
        /// The store that notifications name objects of.
        store: Option<Location>,
        /// The longest body, in bytes.
        body_limit: usize,
    },
    /// Times.
    Schedule(Box<SchedulePlan>),
    /// Messages of a stream.
    Nats(Box<NatsPlan>),
    /// Events of another pipeline that ended.
    Pipeline(ChainPlan),
    /// Rows of a table.
    Extract(Arc<ExtractPlan>),
}

/// Events of another pipeline that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainPlan {
    /// The other pipeline.
    pub pipeline: Id,
    /// Its journal.
    pub journal: JournalPlan,
    /// Whether those that had all their effects count.
    pub on_done: bool,
    /// Whether dead letters count.
    pub on_dead: bool,
    /// What is run.
    pub object: ChainedObject,
}

/// Times at which a run starts.
#[derive(Debug, Clone)]
pub struct SchedulePlan {
    /// Its name.
    pub id: Id,
    /// When, in the time zone.
    pub cron: Cron,
    /// The time zone.
    pub timezone: Tz,
    /// What becomes of times that passed while nothing ran.
    pub missed: Missed,
    /// What happens if the run before is not over.
    pub overlap: Overlap,
    /// The object, in whose path `%Y` and others stand for parts of the time; none: the time itself.
    pub object: Option<ScheduledObject>,
}

/// The object of a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduledObject {
    /// The store.
    pub store: Location,
    /// The path in the store, in which `%Y` and others stand for parts of the time.
    pub path: String,
}

/// How events are delivered.
#[derive(Debug, Clone, Copy)]
pub struct DeliveryPlan {
    /// Events that are worked on at once.
    pub concurrency: usize,
    /// How many attempts may end in a fault, or with their worker.
    pub faults: u32,
    /// How long an event is tried while something outside does not answer.
    pub give_up: Duration,
    /// The wait before the second attempt.
    pub backoff: Duration,
    /// How long a worker that is heard of no more keeps its events.
    pub lease: Duration,
    /// The longest that an attempt may take.
    pub timeout: Option<Duration>,
    /// The share of the events worked on at once that backfills may have, up to 1.
    pub backfill_share: f64,
    /// How long events that are done are remembered.
    pub keep: Duration,
}

/// Objects in a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectPattern {
    /// What they are in.
    pub within: Location,
    /// The object's name, in which `*` stands for anything.
    pub name: String,
}

/// A step.
#[derive(Debug)]
pub struct StepPlan {
    /// Its name.
    pub id: Id,
    /// Its function.
    pub component: Artifact,
    /// The steps whose rows it takes; none for the first.
    pub from: Vec<Edge>,
    /// The tables it is given, by position.
    pub tables: Vec<usize>,
    /// Its model.
    pub model: Option<Artifact>,
    /// Its configuration, as JSON.
    pub config: String,
    /// Collections that it may write.
    pub documents: Vec<String>,
    /// Settings that it may read.
    pub settings: Vec<String>,
    /// Where it may send requests.
    pub outbound: Outbound,
    /// Bounds on it.
    pub limits: Limits,
    /// Calls of it at once.
    pub concurrency: Option<NonZeroU16>,
    /// What happens when a call fails.
    pub retry: RetryPlan,
}

/// Where rows come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// The step that gives them, by position.
    pub step: usize,
    /// The route, if not all of them.
    pub route: Option<String>,
}

/// How often a call that failed is made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPlan {
    /// The most calls, with the first.
    pub attempts: u32,
    /// The wait before the second; each further one is twice as long.
    pub backoff: Duration,
    /// The longest wait.
    pub longest: Duration,
    /// After a call that the function asks to be made again.
    pub on_retry: bool,
    /// After a fault; the function is started anew.
    pub on_fault: bool,
}

/// A test of the pipeline.
#[derive(Debug)]
pub struct TestPlan {
    /// Its name.
    pub name: Id,
    /// The object.
    pub input: PathBuf,
    /// The file of the documents that must come of it.
    pub documents: Option<PathBuf>,
    /// The file of the rejects that must come of it.
    pub rejects: Option<PathBuf>,
}

/// A file whose content matters: it is named by path and by content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// Where it is.
    pub path: PathBuf,
    /// The SHA-256 of its content, in hexadecimal.
    pub digest: String,
}

impl Artifact {
    /// The file as it is now.
    pub fn of(path: &Path) -> std::io::Result<Self> {
        Ok(Self { path: path.to_owned(), digest: digest(&std::fs::read(path)?) })
    }

    /// The content, an error if it is no longer what was planned with.
    pub fn read(&self) -> std::io::Result<Vec<u8>> {
        let content = std::fs::read(&self.path)?;
        if digest(&content) == self.digest {
            Ok(content)
        } else {
            Err(std::io::Error::other(format!("`{}` changed since the pipeline was planned", self.path.display())))
        }
    }
}

fn digest(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Plan {
    /// From now on steps send only requests that ask and change nothing, as a dry run does.
    pub fn only_ask(&mut self) {
        self.steps.iter_mut().for_each(|step| step.outbound.only_ask());
    }

    /// The objects that triggers name.
    pub fn objects(&self) -> impl Iterator<Item = &ObjectPattern> {
        self.triggers.iter().filter_map(|trigger| match trigger {
            TriggerPlan::Object { objects, .. } => Some(objects),
            _ => None,
        })
    }

    /// The extracts among the triggers.
    pub fn extracts(&self) -> impl Iterator<Item = &Arc<ExtractPlan>> {
        self.triggers.iter().filter_map(|trigger| match trigger {
            TriggerPlan::Extract(extract) => Some(extract),
            _ => None,
        })
    }
}

impl ObjectPattern {
    /// The objects that are there, by name, but for those whose name says that they are not whole yet.
    pub async fn find(&self) -> std::io::Result<Vec<Found>> {
        let mut found = self.within.list().await?;
        found.retain(|found| {
            let name = found.location.name();
            !is_temporary(&name) && matches(&self.name, &name)
        });
        Ok(found)
    }

    /// The same where nothing else waits.
    pub fn find_now(&self) -> std::io::Result<Vec<Found>> {
        in_tokio(self.find())
    }
}

/// Whether a file's name says that it is still written, as programs that download, copy or edit have it.
fn is_temporary(name: &str) -> bool {
    name.starts_with('.')
        || [".tmp", ".temp", ".part", ".partial", ".crdownload", ".filepart", ".swp", "~"]
            .iter()
            .any(|end| name.ends_with(end))
}

/// Whether a name is like a pattern, in which `*` stands for anything.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut rest) = name.strip_prefix(before) else { return false };
    if matches(after, rest) {
        return true;
    }
    while let Some((at, _)) = rest.char_indices().nth(1) {
        rest = rest.split_at(at).1;
        if matches(after, rest) {
            return true;
        }
    }
    matches(after, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, name, expect) in [
            ("flights-*.csv.gz", "flights-2013-01.csv.gz", true),
            ("flights-*.csv.gz", "flights-.csv.gz", true),
            ("flights-*.csv.gz", "flights-2013.csv", false),
            ("*", "", true),
            ("*.csv", "a.csv", true),
            ("*.csv", "a.csv.tmp", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "acb", false),
            ("é*", "école", true),
            ("plain", "plain", true),
            ("plain", "plainer", false),
        ] {
            assert_eq!(matches(pattern, name), expect, "{pattern} {name}");
        }
    }
}
