//! One query, from the command line to its rows.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::NamedTempFile;
use tokio::runtime::Runtime;
use wasmill_runtime::manifest::TableName;
use wasmill_runtime::plan::{self, DatabasePlace, QueryPlan};
use wasmill_serve::server;
use wasmill_warehouse::query::write::{Form, Written};
use wasmill_warehouse::query::{QueryError, Session, memory, write};

use super::{Query, RowFormat, prompt};
use crate::commands::Exit;
use crate::tables;
use crate::text::{counted, seconds};

/// So many rows of a table are shown on a terminal.
const SHOWN: u64 = 100;

/// How long to wait at the end for what puts rows into files, so that these are removed.
const AT_THE_END: Duration = Duration::from_secs(3);

/// What rows are written to.
type Out = Box<dyn Write + Send>;

/// How rows are told.
#[derive(Debug, Clone)]
pub struct Manner {
    pub form: Form,
    pub most: Option<u64>,
    pub output: Option<PathBuf>,
    pub timeout: Option<Duration>,
    /// Whether it is said how many rows there were, and how long it took.
    pub tells: bool,
}

/// Asks what was typed.
pub fn run(query: Query) -> Result<Exit> {
    let (pipeline, sql) = sort(query.first.as_deref(), query.second.as_deref())?;
    let manner = manner(&query)?;
    let mut plan = match &pipeline {
        Some(file) => plan::query_of(file)?,
        None => QueryPlan::default(),
    };
    let here = std::env::current_dir().context("there is no current folder")?;
    for (name, url) in &query.attached {
        let place = DatabasePlace::of(url, &here).map_err(|why| anyhow::anyhow!("--attach {name}: {why}"))?;
        let name = TableName::try_from(name.clone()).map_err(|why| anyhow::anyhow!("--attach: {why}"))?;
        plan.databases.insert(name, place);
    }
    let memory = query.memory.map_or_else(memory::default_limit, |mib| (mib as usize) << 20);
    if memory < memory::LEAST {
        bail!("--memory is less than a query needs\nhint: at least {} MiB", memory::LEAST >> 20);
    }
    let objects = tables::object_tables(pipeline, query.components, query.parameters);
    let session = Arc::new(Session::new(plan, objects, memory)?);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let exit = match sql {
        Some(sql) => ask(&session, &runtime, &sql, &manner),
        None if io::stdin().is_terminal() => prompt::run(&session, &runtime, &manner),
        None => read_and_ask(&session, &runtime, &manner),
    };
    // What a query put into files is removed with what still works on it.
    runtime.shutdown_timeout(AT_THE_END);
    exit
}

/// The manifest and the query, whichever there is of them.
fn sort(first: Option<&str>, second: Option<&str>) -> Result<(Option<PathBuf>, Option<String>)> {
    Ok(match (first, second) {
        (Some(sql), None) if sql.contains(char::is_whitespace) => (None, Some(sql.to_owned())),
        (Some(pipeline), sql) => (Some(plan::resolve(Path::new(pipeline))?), sql.map(str::to_owned)),
        (None, _) => (None, None),
    })
}

fn manner(query: &Query) -> Result<Manner> {
    let on_terminal = query.output.is_none() && io::stdout().is_terminal();
    let by_name = query.output.as_deref().and_then(Path::extension).and_then(|end| match end.to_str()? {
        "csv" => Some(RowFormat::Csv),
        "json" | "jsonl" | "ndjson" => Some(RowFormat::Json),
        "arrow" | "arrows" => Some(RowFormat::Arrow),
        "parquet" => Some(RowFormat::Parquet),
        _ => None,
    });
    let form = match query.format.or(by_name).unwrap_or(RowFormat::Table) {
        RowFormat::Table => Form::Table,
        RowFormat::Csv => Form::Csv,
        RowFormat::Json => Form::Json,
        RowFormat::Arrow => Form::Arrow,
        RowFormat::Parquet => Form::Parquet,
    };
    if on_terminal && matches!(form, Form::Arrow | Form::Parquet) {
        bail!("a terminal cannot show this format\nhint: --output FILE");
    }
    let tells = on_terminal && form == Form::Table;
    let most = match query.rows {
        Some(0) => None,
        Some(most) => Some(most),
        None => tells.then_some(SHOWN),
    };
    let timeout = query.timeout.map(|time| {
        let time = Duration::try_from_secs_f64(time).ok().filter(|time| !time.is_zero());
        time.context("--timeout is not a time above 0")
    });
    Ok(Manner { form, most, output: query.output.clone(), timeout: timeout.transpose()?, tells })
}

fn read_and_ask(session: &Arc<Session>, runtime: &Runtime, manner: &Manner) -> Result<Exit> {
    let mut sql = String::new();
    io::stdin().read_to_string(&mut sql).context("cannot read the query from standard input")?;
    if sql.trim().is_empty() {
        bail!("there is no query\nhint: `wasmill query \"SELECT …\"`, or a terminal");
    }
    ask(session, runtime, &sql, manner)
}

/// Asks one query and tells its rows. Ctrl-C ends it.
pub fn ask(session: &Arc<Session>, runtime: &Runtime, sql: &str, manner: &Manner) -> Result<Exit> {
    // A query may keep every thread of its runtime at work without a pause, and nobody would hear of Ctrl-C there.
    let waiting = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    waiting.block_on(ask_and_wait(session, runtime, sql, manner))
}

async fn ask_and_wait(session: &Arc<Session>, runtime: &Runtime, sql: &str, manner: &Manner) -> Result<Exit> {
    let started = Instant::now();
    let (out, file) = match &manner.output {
        Some(path) => create(path).with_context(|| format!("cannot write `{}`", path.display()))?,
        None => (Box::new(io::stdout()) as Out, None),
    };
    let mut told = runtime.spawn(tell(session.clone(), sql.to_owned(), manner.form, manner.most, out));
    let timeout = async {
        match manner.timeout {
            Some(time) => tokio::time::sleep(time).await,
            None => std::future::pending().await,
        }
    };
    let written = tokio::select! {
        // From the beginning on Ctrl-C ends the query, and not the program.
        biased;
        asked = server::asked_to_stop() => {
            told.abort();
            asked.context("cannot wait for Ctrl-C")?;
            eprintln!("the query was ended");
            return Ok(Exit::Interrupted);
        }
        written = &mut told => written.context("the query ended in a fault")??,
        () = timeout => {
            told.abort();
            bail!(
                "the query took longer than {}\nhint: more time is --timeout SECONDS",
                seconds(manner.timeout.unwrap_or_default())
            )
        }
    };
    if let (Some(file), Some(path)) = (file, &manner.output) {
        file.persist(path).with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    if written.more {
        eprintln!("there are more than {}\nhint: --rows 0 is all of them", counted(written.rows, "row", "rows"));
    } else if manner.tells {
        eprintln!("{} in {}", counted(written.rows, "row", "rows"), seconds(started.elapsed()));
    }
    Ok(Exit::Done)
}

async fn tell(session: Arc<Session>, sql: String, form: Form, most: Option<u64>, out: Out) -> Result<Written> {
    let answer = session.ask(&sql).await?;
    session.warnings().iter().for_each(|warning| eprintln!("warning: {warning}"));
    write::write(&session, answer, form, out, most).await.map_err(said)
}

/// What rows are written to, and the file that becomes the one of this name; something that is there and is no file is written to
/// as it is.
fn create(path: &Path) -> io::Result<(Out, Option<NamedTempFile>)> {
    if std::fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir()) {
        return Ok((Box::new(File::options().write(true).open(path)?), None));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".wasmill-").suffix(".tmp");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Less what the system takes away, as of any new file.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let file = builder.tempfile_in(folder)?;
    Ok((Box::new(file.reopen()?), Some(file)))
}

/// An error as the program tells it: one that whoever reads has seen enough is known by what it is.
fn said(err: QueryError) -> anyhow::Error {
    match err {
        QueryError::Write(err) => anyhow::Error::from(err).context("cannot write the rows"),
        other => other.into(),
    }
}
