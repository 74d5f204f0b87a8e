//! Queries one after the other, on a terminal.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{CompletionType, Config, Editor};
use tokio::runtime::Runtime;
use wasmill_warehouse::query::{KnownKind, Session};

use super::ask::{Manner, ask};
use super::complete::Complete;
use crate::commands::Exit;
use crate::session::cache_folder;

/// How many queries are remembered.
const REMEMBERED: usize = 1000;

const HELP: &str = "\
A query ends with `;`, and may have several lines. Tab completes, Ctrl-C ends a query.
  \\d            what is known by name
  \\d NAME       the columns of a table, or the tables of a database
  \\timing       rows and time are told, or no longer
  \\q            the end, as Ctrl-D is
A file is named in quotes: SELECT * FROM 'data/*.parquet' LIMIT 10;
A table of Delta Lake as it was: SELECT * FROM flights VERSION AS OF 12;";

/// Asks until it is enough.
pub fn run(session: &Arc<Session>, runtime: &Runtime, manner: &Manner) -> Result<Exit> {
    let config = Config::builder().completion_type(CompletionType::List).max_history_size(REMEMBERED)?.build();
    let mut editor: Editor<Complete<'_>, FileHistory> = Editor::with_config(config)?;
    editor.set_helper(Some(Complete::new(session, runtime)));
    let history = history();
    if let Some(file) = &history {
        // The first time there is none.
        let _ = editor.load_history(file);
    }
    let mut manner = manner.clone();
    eprintln!("A query ends with `;`. \\? helps, \\q ends.");
    loop {
        let typed = match editor.readline("wasmill> ") {
            Ok(typed) => typed,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => break,
            Err(err) => return Err(err.into()),
        };
        let typed = typed.trim();
        if typed.is_empty() {
            continue;
        }
        editor.add_history_entry(typed)?;
        if let Some(file) = &history
            && let Err(err) = editor.append_history(file)
        {
            eprintln!("warning: cannot remember queries in `{}`: {err}", file.display());
        }
        match typed.trim_end_matches(';').split_whitespace().collect::<Vec<_>>().as_slice() {
            ["\\q" | "exit" | "quit"] => break,
            ["\\?" | "\\h" | "help"] => eprintln!("{HELP}"),
            ["\\d"] => known(session)?,
            ["\\d", name] => described(session, runtime, name, &manner)?,
            ["\\timing"] => {
                manner.tells = !manner.tells;
                eprintln!("rows and time are {}", if manner.tells { "told" } else { "not told" });
            }
            [command, ..] if command.starts_with('\\') => {
                eprintln!("error: there is no `{command}`\nhint: \\? tells what there is")
            }
            _ => asked(ask(session, runtime, typed, &manner))?,
        }
    }
    Ok(Exit::Done)
}

/// What goes wrong with one query does not end the others.
fn asked(asked: Result<Exit>) -> Result<()> {
    if let Err(err) = asked {
        eprintln!("error: {err:#}");
    }
    Ok(())
}

fn known(session: &Session) -> Result<()> {
    let known = session.known();
    if known.is_empty() {
        eprintln!(
            "nothing has a name; files and folders are named in quotes: SELECT * FROM 'data/*.parquet' LIMIT 10;"
        );
    }
    let wide = known.iter().map(|one| one.name.len()).max().unwrap_or_default();
    for one in known {
        let kind = match one.kind {
            KnownKind::Sink => "sink",
            KnownKind::Table => "table",
            KnownKind::View => "view",
            KnownKind::Database => "database",
            KnownKind::Store => "store",
        };
        say!("{:wide$}  {kind:8}  {}", one.name, one.place)?;
    }
    Ok(())
}

fn described(session: &Arc<Session>, runtime: &Runtime, name: &str, manner: &Manner) -> Result<()> {
    let is_database = session.known().iter().any(|one| one.kind == KnownKind::Database && one.name == name);
    if is_database {
        let Some(sql) = session.tables_of(name) else { return Ok(()) };
        return asked(ask(session, runtime, &sql, manner));
    }
    match runtime.block_on(session.columns(name)) {
        Ok(schema) => {
            let wide = schema.fields().iter().map(|field| field.name().len()).max().unwrap_or_default();
            for field in schema.fields() {
                let null = if field.is_nullable() { "" } else { " not null" };
                say!("{:wide$}  {}{null}", field.name(), field.data_type())?;
            }
        }
        Err(err) => eprintln!("error: {err}"),
    }
    Ok(())
}

/// The file of what was asked before; none if there is no place for it.
fn history() -> Option<PathBuf> {
    let folder = cache_folder().ok()?;
    std::fs::create_dir_all(&folder).ok()?;
    let file = folder.join("query-history");
    // What is asked may be private.
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        let _ = std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(&file);
    }
    Some(file)
}
