//! SQLite files of ours: whose they are, and bringing their schema up to date.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};

/// How long a writer waits for another process's transaction before it gives up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// A kind of file.
#[derive(Debug)]
pub struct Format {
    /// What it is called in messages.
    pub what: &'static str,
    /// Marks a SQLite file as of this kind.
    pub application_id: i32,
    /// What brings a file from each schema version to the next; as many as the version that this code writes.
    pub migrations: &'static [&'static str],
    /// Where a manifest names the file.
    pub key: &'static str,
}

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The folder of the file could not be made.
    #[error("{what} `{}`: cannot make its folder", path.display())]
    Folder {
        /// What the file is.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is a SQLite database of something else.
    #[error("{what} `{}`: the file belongs to another program\nhint: name another file in `{key}`", path.display())]
    Foreign {
        /// What the file should be.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Where a manifest names it.
        key: &'static str,
    },
    /// The file was written by a newer Wasmill.
    #[error("{what} `{}`: its schema version is {found}, this wasmill knows up to {known}\nhint: use the newer wasmill that wrote it", path.display())]
    Newer {
        /// What the file is.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The file's version.
        found: usize,
        /// The newest version known here.
        known: usize,
    },
    /// There is no such file.
    #[error("{what} `{}`: there is none yet\nhint: run the pipeline first", path.display())]
    Missing {
        /// What the file would be.
        what: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// It cannot be opened for writing.
    #[error("{what} `{}`: {cause}\nhint: can its folder be written?", path.display())]
    Unwritable {
        /// What the file is.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        cause: rusqlite::Error,
    },
    /// SQLite refused it.
    #[error("{what} `{}`", path.display())]
    Sqlite {
        /// What the file is.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
}

impl FileError {
    fn refused(what: &'static str, path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly) => Self::Unwritable { what, path, cause: source },
            _ => Self::Sqlite { what, path, source },
        }
    }
}

/// Opens a file, makes it if it is not there, and brings its schema up to date.
///
/// A process that dies loses nothing. A machine that loses power may lose the last transactions, unless the caller sets
/// `synchronous` to `full`.
pub fn open(path: &Path, format: &Format) -> Result<Connection, FileError> {
    let what = format.what;
    if let Some(folder) = path.parent() {
        let made = std::fs::create_dir_all(folder);
        made.map_err(|source| FileError::Folder { what, path: path.to_owned(), source })?;
    }
    let opened = Connection::open(path).map_err(|source| FileError::refused(what, path, source))?;
    prepare(opened, path, format)
}

/// Opens a file to look at it; an error if it is not there.
pub fn open_existing(path: &Path, format: &Format) -> Result<Connection, FileError> {
    if path.is_file() {
        open(path, format)
    } else {
        Err(FileError::Missing { what: format.what, path: path.to_owned() })
    }
}

/// Makes durable what was committed to a file until now, by any connection.
///
/// With `synchronous` at `normal` SQLite writes a commit to its log (`FILE-wal`) without waiting for the disk. It does wait
/// before it takes a log into the file, so what is not in the log any more is in the file for good.
pub fn sync(path: &Path) -> std::io::Result<()> {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    match std::fs::File::open(log) {
        Ok(log) => log.sync_data(),
        // The last connection that was closed took it into the file.
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(err) => Err(err),
    }
}

/// Brings a connection's schema up to date.
pub fn prepare(mut connection: Connection, path: &Path, format: &Format) -> Result<Connection, FileError> {
    let sqlite = |source| FileError::refused(format.what, path, source);
    let settings = || {
        connection.busy_timeout(BUSY_TIMEOUT)?;
        // For a new file; one that is there keeps its own. Rows of some hundred bytes are written with a quarter less
        // work than in SQLite's 4 KiB.
        connection.pragma_update(None, "page_size", 16384)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "normal")?;
        connection.set_prepared_statement_cache_capacity(32);
        Ok(())
    };
    settings().map_err(sqlite)?;
    // Mostly there is nothing to bring up to date, and whoever writes meanwhile need not be waited for.
    let (_, found, _) = state(&connection).map_err(sqlite)?;
    let behavior =
        if found == format.migrations.len() { TransactionBehavior::Deferred } else { TransactionBehavior::Immediate };
    let transaction = connection.transaction_with_behavior(behavior).map_err(sqlite)?;
    let (application, found, tables) = state(&transaction).map_err(sqlite)?;
    if application != format.application_id && (application != 0 || found != 0 || tables != 0) {
        return Err(FileError::Foreign { what: format.what, path: path.to_owned(), key: format.key });
    }
    let known = format.migrations.len();
    if found > known {
        return Err(FileError::Newer { what: format.what, path: path.to_owned(), found, known });
    }
    migrate(&transaction, found, format).map_err(sqlite)?;
    transaction.commit().map_err(sqlite)?;
    Ok(connection)
}

/// Whose a file is, its schema version, and how many tables it has.
fn state(connection: &Connection) -> rusqlite::Result<(i32, usize, u64)> {
    let application = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let tables = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok((application, version, tables))
}

fn migrate(transaction: &Transaction<'_>, found: usize, format: &Format) -> rusqlite::Result<()> {
    let known = format.migrations.len();
    if found < known {
        for migration in format.migrations.iter().skip(found) {
            transaction.execute_batch(migration)?;
        }
        transaction.pragma_update(None, "application_id", format.application_id)?;
        transaction.pragma_update(None, "user_version", known)?;
    }
    Ok(())
}
