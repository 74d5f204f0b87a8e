//! Documents in PostgreSQL, as JSONB.
//!
//! A collection is a table of its name, in the schema that comes first on the user's search path: `partition_key`, `id`, `body`
//! (null if the document was deleted), and what it was written with. `wasmill_collections` says how many changes each
//! collection has seen. Whoever writes to a collection holds its row there until the end of the transaction, so that changes
//! are numbered in the order in which they become visible, and a change feed that goes by these numbers skips none.
//!
//! # Layout
//! - [`Postgres`]: connections; [`table`]: tables and indexes; [`columns`]: of which versions.
//! - [`mod@write`] and [`read`]: documents; [`sweep`]: what expires and is forgotten.

pub mod columns;
pub mod read;
pub mod sweep;
pub mod table;
pub mod write;

use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroU16;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use postgres::error::SqlState;
use postgres::{Client, Statement};
use wasmill_postgres::Server;
use wasmill_runtime::documents::{Document, DocumentCounts, Documents, ReadDocuments};
use wasmill_runtime::failure::Failure;
use wasmill_runtime::metering;
use wasmill_runtime::permits::Permits;
use wasmill_runtime::plan::PostgresPlan;

/// The server's clock.
const CLOCK: &str = "now()";

/// How many connections there are at most.
const CONNECTIONS: u16 = 16;

/// What each connection sets: a writer that is paused or gone must not hold up the others.
const SETTINGS: &str = "SET synchronous_commit TO on; SET lock_timeout TO '30s'; SET statement_timeout TO '60s';
    SET idle_in_transaction_session_timeout TO '30s'";

/// A document database of PostgreSQL.
pub struct Postgres {
    server: Server,
    plan: PostgresPlan,
    /// The time, as SQL has it.
    clock: String,
    /// The collections that are swept.
    collections: Vec<String>,
    permits: Permits,
    /// Those that nobody uses at the moment.
    idle: Mutex<Vec<Connection>>,
}

/// A connection, with the statements that it knows.
pub struct Connection {
    client: Client,
    statements: HashMap<String, Statement>,
}

/// How many statements a connection keeps.
const STATEMENTS: usize = 256;

impl Connection {
    /// A statement, prepared once.
    fn prepare(&mut self, sql: &str) -> Result<Statement, postgres::Error> {
        if let Some(known) = self.statements.get(sql) {
            return Ok(known.clone());
        }
        if self.statements.len() >= STATEMENTS {
            self.statements.clear();
        }
        let statement = self.client.prepare(sql)?;
        self.statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }
}

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no connection.
    #[error("no connection to `{server}`: {what}")]
    Connect {
        /// The server's URL.
        server: String,
        /// Why.
        what: String,
    },
    /// The server said no, or was lost.
    #[error("{}", wasmill_postgres::said(.0))]
    Said(#[from] postgres::Error),
    /// The documents or what is there are not what they must be.
    #[error("{0}")]
    Refused(String),
}

impl Error {
    /// Whether the connection was lost rather than that something was refused.
    fn is_lost(&self) -> bool {
        matches!(self, Self::Said(err) if err.is_closed() || err.code().is_none() || err.code() == Some(&SqlState::ADMIN_SHUTDOWN))
    }
}

impl From<Error> for Failure {
    fn from(err: Error) -> Self {
        let code = match &err {
            Error::Said(said) => said.code().map(|code| code.code().to_owned()),
            Error::Connect { .. } => None,
            Error::Refused(_) => return Self::Reject(err.to_string()),
        };
        // Of values and of limits: it will be the same next time.
        match code.as_deref().and_then(|code| code.get(..2)) {
            Some("22" | "23" | "54") => Self::Reject(format!("PostgreSQL: {err}")),
            _ => Self::Retry(format!("PostgreSQL: {err}")),
        }
    }
}

impl Postgres {
    /// Connects, and makes what is not there of the collections and their indexes, if that is wanted.
    pub fn open<'a>(plan: &PostgresPlan, collections: impl IntoIterator<Item = &'a str>) -> Result<Self, Error> {
        Self::open_by(CLOCK, plan, collections)
    }

    /// The same, by another clock than the server's: an expression of SQL.
    pub fn open_by<'a>(
        clock: &str,
        plan: &PostgresPlan,
        collections: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, Error> {
        let server = Server::new(&plan.url).map_err(|what| Error::Connect { server: plan.url.clone(), what })?;
        let permits = Permits::new(NonZeroU16::new(CONNECTIONS));
        let collections = collections.into_iter().map(str::to_owned).collect();
        let (plan, clock) = (plan.clone(), clock.to_owned());
        let database = Self { server, plan, clock, collections, permits, idle: Mutex::default() };
        database.with(|connection| columns::upgrade(&mut connection.client, &database.plan))?;
        for collection in &database.collections {
            database.with(|connection| table::ensure(&mut connection.client, &database.plan, collection))?;
        }
        Ok(database)
    }

    /// Does something with a connection; once more if it was lost while nobody used it. It waits for the server: not to be
    /// called where others wait.
    fn with<T>(&self, mut work: impl FnMut(&mut Connection) -> Result<T, Error>) -> Result<T, Error> {
        self.permits.with(|| {
            let idle = self.idle().pop();
            if let Some(mut connection) = idle {
                match work(&mut connection) {
                    Err(err) if err.is_lost() => self.idle().clear(),
                    done => return self.give_back(connection, done),
                }
            }
            let client =
                self.server.connect().map_err(|what| Error::Connect { server: self.server.name().to_owned(), what })?;
            let mut connection = Connection { client, statements: HashMap::new() };
            connection.client.batch_execute(SETTINGS)?;
            let done = work(&mut connection);
            self.give_back(connection, done)
        })
    }

    fn give_back<T>(&self, connection: Connection, done: Result<T, Error>) -> Result<T, Error> {
        if !matches!(&done, Err(err) if err.is_lost()) {
            self.idle().push(connection);
        }
        done
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Documents for Postgres {
    fn upsert_batch(&self, collection: &str, pipeline: i64, documents: &[Document]) -> Result<DocumentCounts, Failure> {
        metering::give(documents);
        let counts = self.with(|connection| match documents {
            [] => table::ensure(&mut connection.client, &self.plan, collection).map(|()| Default::default()),
            documents => write::write(connection, &self.clock, collection, pipeline, documents),
        })?;
        Ok(counts.into())
    }

    fn sweep(&self) -> Result<bool, Failure> {
        let mut has_more = false;
        for collection in &self.collections {
            has_more |= self.with(|connection| sweep::sweep(connection, &self.clock, collection))?;
        }
        Ok(has_more)
    }

    fn reader(self: Arc<Self>) -> Option<Arc<dyn ReadDocuments>> {
        Some(self)
    }
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres").field("server", &self.server.name()).finish_non_exhaustive()
    }
}

/// A name in SQL.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text in SQL.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
