//! Journals in a database of PostgreSQL, for several workers on several machines.
//!
//! The tables are in a schema of their own, `wasmill`. The server's clock decides when something is due.

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::BytesMut;
use postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use postgres::{Client, Statement};
use wasmill_postgres::Server;

use crate::journal::{Clock, JournalError};
use crate::schema;
use crate::sql::{Backend, Cell, Db, Durability, Row, Transaction, Value};

/// How often the server's clock is looked at.
const CLOCK: Duration = Duration::from_secs(60);

/// What each connection sets: a worker that is paused in the middle of something must not hold up the others.
const SETTINGS: &str = "SET search_path TO wasmill; SET statement_timeout TO '60s';
    SET idle_in_transaction_session_timeout TO '10s'; SET synchronous_commit TO on; SET timezone TO 'UTC'";

/// The lock under which the tables are made: any number that nobody else takes.
const MIGRATING: i64 = 0x5741_534d_494c_4c4d;

/// A connection, which is made when it is needed, and again when it was lost.
pub struct Postgres {
    server: Server,
    clock: Clock,
    connected: Option<Connected>,
}

struct Connected {
    client: Client,
    statements: HashMap<&'static str, Statement>,
    /// By how many microseconds the server's clock is ahead of ours, and when that was seen.
    skew: i64,
    looked: Instant,
}

impl Postgres {
    /// Of a server, with the password that the environment has in `PGPASSWORD`. It is not asked yet.
    pub fn new(url: &str, clock: Clock) -> Result<Self, JournalError> {
        let name = url.split('?').next().unwrap_or(url);
        let server = Server::new(url).map_err(|what| JournalError::Postgres { server: name.to_owned(), what })?;
        Ok(Self { server, clock, connected: None })
    }

    fn connect(&self) -> Result<Connected, JournalError> {
        let name = self.server.name();
        let mut client =
            self.server.connect().map_err(|what| JournalError::Postgres { server: name.to_owned(), what })?;
        migrate(&mut client, name)?;
        let skew = self.clock.skew(&mut client).map_err(|err| said(name, &err))?;
        Ok(Connected { client, statements: HashMap::new(), skew, looked: Instant::now() })
    }
}

/// Makes the tables, or brings them up to date; of several workers that start at once one does.
fn migrate(client: &mut Client, server: &str) -> Result<(), JournalError> {
    let error = |err: postgres::Error| said(server, &err);
    let mut transaction = client.transaction().map_err(error)?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&MIGRATING]).map_err(error)?;
    let begin = "CREATE SCHEMA IF NOT EXISTS wasmill; SET search_path TO wasmill;
        CREATE TABLE IF NOT EXISTS version (number BIGINT NOT NULL)";
    let is_there = "SELECT to_regclass('wasmill.version') IS NOT NULL";
    // Who may use the tables may not make any.
    if !transaction.query_one(is_there, &[]).map_err(error)?.get::<_, bool>(0) {
        transaction.batch_execute(begin).map_err(error)?;
    }
    transaction.batch_execute(SETTINGS).map_err(error)?;
    let found = transaction.query_opt("SELECT number FROM version", &[]).map_err(error)?;
    let found: i64 = found.map_or(0, |row| row.get(0));
    let known = schema::POSTGRES.len();
    let done = usize::try_from(found).ok().filter(|done| *done <= known);
    let Some(done) = done else { return Err(JournalError::Newer { found, known }) };
    for migration in schema::POSTGRES.iter().skip(done) {
        transaction.batch_execute(migration).map_err(error)?;
    }
    if done < known {
        transaction.execute("DELETE FROM version", &[]).map_err(error)?;
        let number = i64::try_from(known).unwrap_or_default();
        transaction.execute("INSERT INTO version VALUES ($1)", &[&number]).map_err(error)?;
    }
    transaction.commit().map_err(error)
}

impl Clock {
    /// By how many microseconds it is ahead of ours.
    fn skew(self, client: &mut Client) -> Result<i64, postgres::Error> {
        match self {
            Self::Ours => Ok(0),
            Self::Theirs => server_skew(client),
        }
    }
}

fn server_skew(client: &mut Client) -> Result<i64, postgres::Error> {
    let before = now();
    let row = client.query_one("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::BIGINT", &[])?;
    let theirs: i64 = row.get(0);
    let middle = before.saturating_add(now().saturating_sub(before) / 2);
    Ok(theirs.saturating_sub(middle))
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

fn said(server: &str, err: &postgres::Error) -> JournalError {
    JournalError::Postgres { server: server.to_owned(), what: wasmill_postgres::said(err) }
}

impl Backend for Postgres {
    fn begin(&mut self, durability: Durability) -> Result<Box<dyn Transaction + '_>, JournalError> {
        if self.connected.as_ref().is_none_or(|connected| connected.client.is_closed()) {
            self.connected = None;
            self.connected = Some(self.connect()?);
        }
        let Self { server, clock, connected } = self;
        let server = server.name();
        let Some(Connected { client, statements, skew, looked }) = connected else { return Err(JournalError::Closed) };
        if looked.elapsed() > CLOCK {
            *skew = clock.skew(client).map_err(|err| said(server, &err))?;
            *looked = Instant::now();
        }
        let mut transaction = client.transaction().map_err(|err| said(server, &err))?;
        if durability == Durability::Later {
            transaction.batch_execute("SET LOCAL synchronous_commit TO off").map_err(|err| said(server, &err))?;
        }
        Ok(Box::new(OnServer { transaction, statements, server, skew: *skew, failed: None }))
    }
}

struct OnServer<'a> {
    transaction: postgres::Transaction<'a>,
    statements: &'a mut HashMap<&'static str, Statement>,
    server: &'a str,
    skew: i64,
    /// The first error, after which nothing else is done: the server takes all of it back.
    failed: Option<JournalError>,
}

impl OnServer<'_> {
    fn asked<T>(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
        ask: impl FnOnce(&mut postgres::Transaction<'_>, &Statement, &[&(dyn ToSql + Sync)]) -> Result<T, postgres::Error>,
    ) -> Result<T, JournalError> {
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as _).collect();
        let statement = match self.statements.get(sql) {
            Some(statement) => Ok(statement.clone()),
            None => self.transaction.prepare(sql).inspect(|statement| {
                self.statements.insert(sql, statement.clone());
            }),
        };
        let answer = statement.and_then(|statement| ask(&mut self.transaction, &statement, &values));
        answer.map_err(|err| {
            let failed = said(self.server, &err);
            self.failed = Some(failed.clone());
            failed
        })
    }
}

impl Db for OnServer<'_> {
    fn execute(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<u64, JournalError> {
        self.asked(sql, values, |transaction, statement, values| transaction.execute(statement, values))
    }

    fn query(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<Vec<Row>, JournalError> {
        let rows = self.asked(sql, values, |transaction, statement, values| transaction.query(statement, values))?;
        let cells = |row: &postgres::Row| (0..row.len()).map(|column| row.try_get(column)).collect::<Result<_, _>>();
        let rows: Result<Vec<Vec<Cell>>, _> = rows.iter().map(cells).collect();
        Ok(rows.map_err(|err| said(self.server, &err))?.into_iter().map(Row).collect())
    }

    fn lock(&mut self, name: &str) -> Result<(), JournalError> {
        // What it gives is of a type of its own, `void`.
        self.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", &[Value::Text(name)]).map(drop)
    }

    fn skew(&self) -> i64 {
        self.skew
    }
}

impl Transaction for OnServer<'_> {
    fn begin_part(&mut self) -> Result<(), JournalError> {
        // A savepoint would be another way to the server and back.
        self.failed.clone().map_or(Ok(()), Err)
    }

    fn end_part(&mut self, _: bool) -> Result<(), JournalError> {
        Ok(())
    }

    fn commit(self: Box<Self>) -> Result<(), JournalError> {
        // The server would say that the commit of what failed was well, having taken it back.
        if let Some(failed) = self.failed {
            return Err(failed);
        }
        self.transaction.commit().map_err(|err| said(self.server, &err))
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Integer(number) => number.to_sql(ty, out),
            // It has no place for a zero byte.
            Self::Text(text) if text.contains('\0') => text.replace('\0', "\u{fffd}").to_sql(ty, out),
            Self::Text(text) => text.to_sql(ty, out),
            Self::Bytes(bytes) => bytes.to_sql(ty, out),
        }
    }

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::INT8 | Type::TEXT | Type::BYTEA)
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Cell {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        match *ty {
            Type::INT8 => i64::from_sql(ty, raw).map(Self::Integer),
            Type::BYTEA => Vec::from_sql(ty, raw).map(Self::Bytes),
            _ => String::from_sql(ty, raw).map(Self::Text),
        }
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self::Null)
    }

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::INT8 | Type::TEXT | Type::BYTEA)
    }
}
