//! Tables of PostgreSQL as sinks.
//!
//! A batch is a transaction, which also records the batch's number in `wasmill_batches` beside the table: the table knows
//! which batches are in. Rows come by `COPY`; those that are merged by way of a table that is there for the transaction only.
//!
//! # Layout
//! - [`PostgresSink`]: rows of a pipeline on their way in; `table`: what is there, and whether rows fit; `copy`: rows as `COPY`
//!   has them.

mod copy;
mod table;

use std::io;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use arrow_select::concat::concat_batches;
use postgres::Transaction;
use wasmill_postgres::Server;
use wasmill_runtime::manifest::{Id, SinkColumns, SinkMode};
use wasmill_runtime::plan::SinkPlan;
use wasmill_runtime::sink::{Batch, BoundSink, Committed, Sink};

use crate::delta::merge::newest;
use crate::delta::payload::Staged;
use table::{Name, Table, quoted};

/// The lock under which tables are made: any number that nobody else takes.
const MAKING: i64 = 0x5741_534d_494c_4c54;

/// What each transaction sets: whatever the database's default is, and whatever it takes for a moment of no zone. A worker that
/// is paused or gone in the middle of a commit must not hold up the others.
const SETTINGS: &str =
    "SET LOCAL synchronous_commit TO on; SET LOCAL timezone TO 'UTC'; SET LOCAL lock_timeout TO '30s';
    SET LOCAL idle_in_transaction_session_timeout TO '60s'; SET LOCAL tcp_keepalives_idle TO 30;
    SET LOCAL tcp_keepalives_interval TO 10; SET LOCAL tcp_keepalives_count TO 3";

/// The table that rows to be merged are in, until they are.
const STAGED: &str = "wasmill_staged";

/// Writes a table of PostgreSQL.
pub struct PostgresSink {
    plan: SinkPlan,
    server: Server,
    name: Name,
    /// Of the name that batches are numbered under, what comes before the lane.
    application: String,
    /// The rows' columns.
    schema: SchemaRef,
}

impl PostgresSink {
    /// Of a sink of a pipeline. An error if the table is there and does not take these rows.
    pub fn open(pipeline: &Id, sink: &BoundSink, url: &str, table: &str) -> io::Result<Self> {
        let server = Server::new(url).map_err(io::Error::other)?;
        let application = format!("wasmill/{pipeline}/{}", sink.id());
        let (plan, schema, name) = (sink.plan.clone(), sink.schema.clone(), Name::new(table));
        let sink = Self { plan, server, name, application, schema };
        table::definition(&sink.schema, &[]).map_err(io::Error::other)?;
        sink.transact(|sink, transaction| match Table::find(transaction, &sink.name)? {
            Some(table) => sink.check(&table),
            None => Ok(()),
        })?;
        Ok(sink)
    }

    /// Does something in a transaction, on a connection of its own: there is one now and then, and between them a server may
    /// come and go.
    fn transact<T>(&self, work: impl FnOnce(&Self, &mut Transaction<'_>) -> io::Result<T>) -> io::Result<T> {
        let mut client = self.server.connect().map_err(io::Error::other)?;
        let mut transaction = client.transaction().map_err(failed)?;
        transaction.batch_execute(SETTINGS).map_err(failed)?;
        let done = work(self, &mut transaction)?;
        transaction.commit().map_err(failed)?;
        Ok(done)
    }

    fn check(&self, table: &Table) -> io::Result<()> {
        table.check(&self.plan, &self.schema).map_err(io::Error::other)
    }

    /// Makes what is not there.
    fn make(&self, transaction: &mut Transaction<'_>) -> io::Result<()> {
        let batches = self.name.beside("wasmill_batches");
        let key: &[String] = if self.plan.mode == SinkMode::Merge { &self.plan.key } else { &[] };
        let known = (Table::find(transaction, &batches)?, Table::find(transaction, &self.name)?);
        if let (Some(_), Some(table)) = &known
            && table.missing(&self.schema).next().is_none()
        {
            return self.check(table);
        }
        transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&MAKING]).map_err(failed)?;
        if known.0.is_none() {
            let make = format!(
                "CREATE TABLE IF NOT EXISTS {batches} (application text PRIMARY KEY, number bigint NOT NULL, at timestamptz NOT NULL)"
            );
            transaction.batch_execute(&make).map_err(failed)?;
        }
        // Somebody else may have made it.
        match Table::find(transaction, &self.name)? {
            None => {
                let columns = table::definition(&self.schema, key).map_err(io::Error::other)?;
                transaction.batch_execute(&format!("CREATE TABLE {} ({columns})", self.name)).map_err(failed)
            }
            Some(table) => {
                self.check(&table)?;
                if self.plan.columns == SinkColumns::Evolve {
                    for field in table.missing(&self.schema) {
                        let column = table::column(field).map_err(io::Error::other)?;
                        let add = format!("ALTER TABLE {} ADD COLUMN {column}", self.name);
                        transaction.batch_execute(&add).map_err(failed)?;
                    }
                }
                Ok(())
            }
        }
    }

    fn commit_batch(&self, batch: &Batch, transaction: &mut Transaction<'_>) -> io::Result<Committed> {
        self.make(transaction)?;
        let batches = self.name.beside("wasmill_batches");
        let application = format!("{}/{}", self.application, batch.lane);
        let number = i64::try_from(batch.number).map_err(io::Error::other)?;
        let begin = format!("INSERT INTO {batches} VALUES ($1, 0, now()) ON CONFLICT DO NOTHING");
        transaction.execute(&begin, &[&application]).map_err(failed)?;
        let last = format!("SELECT number FROM {batches} WHERE application = $1 FOR UPDATE");
        let last: i64 = transaction.query_one(&last, &[&application]).map_err(failed)?.get(0);
        if last >= number {
            return Ok(Committed::Before);
        }
        let rows = self.rows(batch)?;
        match self.plan.mode {
            SinkMode::Merge => self.merge(&rows, transaction)?,
            SinkMode::Append | SinkMode::Overwrite => copy::copy(transaction, &self.name.to_string(), &rows)?,
        }
        let record = format!("UPDATE {batches} SET number = $2, at = now() WHERE application = $1");
        transaction.execute(&record, &[&application, &number]).map_err(failed)?;
        Ok(Committed::As(batch.number))
    }

    fn rows(&self, batch: &Batch) -> io::Result<RecordBatch> {
        let mut rows = Vec::new();
        for payload in &batch.payloads {
            match Staged::decode(&payload.bytes)? {
                // What was staged before the pipeline changed may have fewer columns.
                Staged::Rows(staged) => {
                    for staged in staged {
                        rows.push(crate::delta::columns::conform_by_name(&staged, &self.schema)?);
                    }
                }
                Staged::Files(_) | Staged::Object(_) => {
                    return Err(io::Error::other(
                        "rows were staged for a table of Delta Lake\nhint: make the sink what it was until they are committed",
                    ));
                }
            }
        }
        concat_batches(&self.schema, &rows).map_err(io::Error::other)
    }

    fn merge(&self, rows: &RecordBatch, transaction: &mut Transaction<'_>) -> io::Result<()> {
        let SinkPlan { key, version, .. } = &self.plan;
        let rows = newest(rows, key, version.as_deref()).map_err(io::Error::other)?;
        let list = |names: &[&str], prefix: &str| {
            names.iter().map(|name| format!("{prefix}{}", quoted(name))).collect::<Vec<_>>().join(", ")
        };
        let names: Vec<&str> = self.schema.fields().iter().map(|field| field.name().as_str()).collect();
        let (all, name) = (list(&names, ""), &self.name);
        let stage = format!("CREATE TEMP TABLE {STAGED} ON COMMIT DROP AS SELECT {all} FROM {name} WITH NO DATA");
        transaction.batch_execute(&stage).map_err(failed)?;
        copy::copy(transaction, STAGED, &rows)?;
        let others: Vec<&str> = names.iter().copied().filter(|name| !key.iter().any(|key| key == name)).collect();
        let keys: Vec<&str> = key.iter().map(String::as_str).collect();
        let action = if others.is_empty() {
            "DO NOTHING".to_owned()
        } else {
            let set =
                others.iter().map(|name| format!("{0} = excluded.{0}", quoted(name))).collect::<Vec<_>>().join(", ");
            let is_newer = version.as_deref().map_or_else(String::new, |version| {
                format!(" AND (target.{0} IS NULL OR excluded.{0} >= target.{0})", quoted(version))
            });
            let (before, now) = (list(&others, "target."), list(&others, "excluded."));
            format!("DO UPDATE SET {set} WHERE ROW({before}) IS DISTINCT FROM ROW({now}){is_newer}")
        };
        let keys = list(&keys, "");
        // What is one key to the database, by a collation or as 0 and -0, can be two in Arrow.
        let newest = version.as_deref().map_or_else(String::new, |name| format!(", {} DESC NULLS LAST", quoted(name)));
        let merge = format!(
            "INSERT INTO {name} AS target ({all})
            SELECT DISTINCT ON ({keys}) {all} FROM {STAGED} ORDER BY {keys}{newest}
            ON CONFLICT ({keys}) {action}"
        );
        transaction.batch_execute(&merge).map_err(failed)
    }
}

impl Sink for PostgresSink {
    fn stage(&self, rows: &[RecordBatch]) -> io::Result<Vec<u8>> {
        Staged::Rows(rows.to_vec()).encode(&self.schema)
    }

    fn commit(&self, batch: &Batch) -> io::Result<Committed> {
        self.transact(|sink, transaction| sink.commit_batch(batch, transaction))
    }

    fn forget(&self, _: &Batch) {}

    fn optimize(&self) -> io::Result<String> {
        Ok("the database looks after its tables itself".to_owned())
    }
}

fn failed(err: postgres::Error) -> io::Error {
    io::Error::other(wasmill_postgres::said(&err))
}
