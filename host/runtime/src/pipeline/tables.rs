//! Reading reference tables.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use sha2::{Digest, Sha256};

use super::Loader;
use crate::capability::objects::OpenObject;
use crate::diagnostics::Diagnostics;
use crate::event::Event;
use crate::failure::Failure;
use crate::function::ingest::Ingest;
use crate::function::transform::Table;
use crate::function::{Instance, Setup};
use crate::manifest::TableName;
use crate::plan::{ForeignTable, ObjectTable, Plan, TablePlan, TableRows};
use crate::rows::{self, Reject, Rows};
use crate::sandbox::Grants;
use crate::store::{Found, Location};
use crate::table_source::TableSource;

/// The most that a reference table can hold, in bytes of Arrow: every instance that joins it has a copy.
const TABLE_LIMIT: usize = 1 << 30;

/// The most rows of a reference table that can be rejected before it is taken for something else.
const TABLE_REJECTS: usize = 100_000;

/// A table that is no object, as it was read.
#[derive(Debug)]
pub struct ReadTable {
    /// Its name in SQL.
    pub name: TableName,
    /// Where it is.
    pub plan: ForeignTable,
    digest: [u8; 32],
}

impl ReadTable {
    /// Whether it is another by now.
    pub fn changed(&self, source: &dyn TableSource) -> io::Result<bool> {
        let (_, digest) = read_foreign(&self.plan, source)?;
        Ok(digest != self.digest)
    }
}

impl Loader<'_> {
    /// The rows of one table that is an object.
    pub(super) fn only_table(mut self, plan: &Plan, name: &str) -> Result<RecordBatch, Diagnostics> {
        let rows = plan.tables.iter().find(|table| table.name.as_str() == name).and_then(|table| match &table.rows {
            TableRows::Object(object) => self.object_rows(&table.name, object),
            TableRows::Foreign(_) => None,
        });
        if rows.is_none() && self.reporter.is_empty() {
            self.reporter.at(&["tables"], format!("there is no table `{name}` whose rows are in an object"));
        }
        self.reporter.finish(rows.map(|rows| rows.batch))
    }

    pub(super) fn table(&mut self, plan: &TablePlan) -> Option<Table> {
        match &plan.rows {
            TableRows::Object(object) => {
                let rows = self.object_rows(&plan.name, object)?;
                Some((plan.name.to_string(), rows.into_stream()))
            }
            TableRows::Foreign(table) => match read_foreign(table, self.source) {
                Ok((rows, digest)) => {
                    self.foreign_tables.push(ReadTable { name: plan.name.clone(), plan: table.clone(), digest });
                    Some((plan.name.to_string(), rows.into_stream()))
                }
                Err(err) => {
                    let message = format!("table `{}`: {}: {err}", plan.name, table.place);
                    self.reporter.at(&["tables", plan.name.as_str()], message);
                    None
                }
            },
        }
    }

    fn object_rows(&mut self, name: &TableName, plan: &ObjectTable) -> Option<Rows> {
        let at = ["tables", name.as_str()];
        let function = self.function(&plan.component, &at)?;
        let setup = Setup {
            config: plan.config.clone(),
            tables: Vec::new(),
            model: None,
            input: SchemaRef::new(Schema::empty()),
            limits: plan.limits,
            grants: Grants::default(),
        };
        let mut ingest = match function.start(self.engine, &setup) {
            Ok((Instance::Ingest(ingest), _)) => ingest,
            Ok(_) => {
                let message = format!("table `{name}`: its function is not of kind ingest");
                self.reporter.at(&[at[0], at[1], "component"], message);
                return None;
            }
            Err(failure) => {
                self.refused(&at, &format!("table `{name}`"), &failure);
                return None;
            }
        };
        match read_object(&mut ingest, &plan.object) {
            Ok((rows, rejects, found)) => {
                self.remote_tables.extend(Some(found).filter(|found| matches!(found.location, Location::Url(_))));
                self.rejects.extend(rejects.into_iter().map(|reject| (name.to_string(), reject)));
                Some(rows)
            }
            Err(failure) => {
                self.reporter.at(&at, format!("table `{name}`: {}: {failure}", plan.object));
                None
            }
        }
    }
}

fn read_foreign(table: &ForeignTable, source: &dyn TableSource) -> io::Result<(Rows, [u8; 32])> {
    let rows = Rows::new(source.read(table, TABLE_LIMIT)?).map_err(io::Error::other)?;
    let digest = Sha256::digest(rows.stream()).into();
    Ok((rows, digest))
}

fn read_object(ingest: &mut Ingest, object: &Location) -> Result<(Rows, Vec<Reject>, Found), Failure> {
    let unreadable = |err: std::io::Error| Failure::Reject(err.to_string());
    let found = object.look().map_err(unreadable)?;
    let event = Event::of(found.clone());
    ingest.open(&event, OpenObject::open(&event, Arc::new(AtomicU64::new(0))).map_err(unreadable)?)?;
    let mut batches = Vec::new();
    let mut rejects = Vec::new();
    let mut size = 0;
    while let Some(output) = ingest.next_rows()? {
        size += output.rows.stream().len();
        batches.push(output.rows.batch);
        rejects.extend(output.rejects);
        if size > TABLE_LIMIT || rejects.len() > TABLE_REJECTS {
            return Err(Failure::Reject(format!(
                "a table is at most {} MiB of rows, and {TABLE_REJECTS} rejects\nhint: reduce it first, by a pipeline of its own",
                TABLE_LIMIT >> 20
            )));
        }
    }
    if let (0, Some(reject)) = (batches.iter().map(RecordBatch::num_rows).sum::<usize>(), rejects.first()) {
        let Reject { row, reason, .. } = reject;
        return Err(Failure::Reject(format!("all {} of its rows are bad; line {row}: {reason}", rejects.len())));
    }
    let rows = arrow_select::concat::concat_batches(&ingest.schema, &batches)
        .and_then(|rows| rows::without_numbers(&rows))
        .and_then(Rows::new)
        .map_err(|err| Failure::Reject(err.to_string()))?;
    Ok((rows, rejects, found))
}
