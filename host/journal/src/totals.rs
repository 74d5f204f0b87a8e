//! Totals: collections whose documents add up what is published to them, each source of it once.
//!
//! The journal has a ledger of who contributed what to which total (`ledger`). When an event ends, what came of it is written to
//! the document database, whichever that is, as documents like any others. The ledger knows which of its totals are still to be
//! written. Who dies in between leaves them to whoever ends an event next: at the latest to the next attempt at the same, which
//! adds nothing that is in already.

mod ledger;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::Arc;

use wasmill_runtime::documents::totals::Totals;
use wasmill_runtime::documents::{Document, DocumentCounts, Documents, Origin, ReadDocuments};
use wasmill_runtime::failure::Failure;

use crate::journal::{Journal, JournalError};
use crate::sql::{Db, Durability};
use ledger::Added;

/// What totals are written with: which is newer is told by their version alone.
const PIPELINE: i64 = 0;

/// A document database with collections of totals.
pub struct WithTotals {
    database: Arc<dyn Documents>,
    journal: Arc<Journal>,
    totals: BTreeMap<String, Arc<Totals>>,
    clock: fn() -> i64,
}

impl WithTotals {
    /// A database with these collections, whose ledger is in a journal. If one was added up by other rules before, it is added
    /// up anew. `clock` tells the microseconds since 1970-01-01T00:00:00Z.
    pub fn new(
        database: Arc<dyn Documents>,
        journal: Arc<Journal>,
        totals: BTreeMap<String, Arc<Totals>>,
        clock: fn() -> i64,
    ) -> Result<Self, JournalError> {
        let with = Self { database, journal, totals, clock };
        for (collection, totals) in &with.totals {
            let now = clock();
            let (name, totals) = (collection.clone(), totals.clone());
            with.journal.ledger(move |db, pipeline| ledger::adopt(db, pipeline, &name, &totals, now))?;
        }
        Ok(with)
    }

    /// Writes the totals that are not written yet, and remembers that they are.
    fn write(&self, collection: &str, totals: &Arc<Totals>) -> Result<DocumentCounts, Failure> {
        let mut counts = DocumentCounts::default();
        loop {
            let (name, totals) = (collection.to_owned(), totals.clone());
            let pending = self.journal.ledger(move |db, pipeline| ledger::pending(db, pipeline, &name, &totals));
            let pending = pending.map_err(unrecorded)?;
            if pending.is_empty() {
                return Ok(counts);
            }
            let is_all = pending.len() < ledger::MOST_TOTALS;
            counts += self.database.upsert_batch(collection, PIPELINE, &pending)?;
            let name = collection.to_owned();
            let written = self.journal.settled(move |db, pipeline| {
                let mut each = pending.iter();
                each.try_for_each(|document| ledger::is_written(db, pipeline, &name, document))
            });
            written.map_err(unrecorded)?;
            if is_all {
                return Ok(counts);
            }
        }
    }
}

impl Documents for WithTotals {
    fn upsert_batch(&self, collection: &str, pipeline: i64, documents: &[Document]) -> Result<DocumentCounts, Failure> {
        self.upsert_of(&Origin::default(), collection, pipeline, documents)
    }

    fn upsert_of(
        &self,
        origin: &Origin,
        collection: &str,
        pipeline: i64,
        documents: &[Document],
    ) -> Result<DocumentCounts, Failure> {
        let Some(totals) = self.totals.get(collection).filter(|_| !documents.is_empty()) else {
            return self.database.upsert_of(origin, collection, pipeline, documents);
        };
        let contributions = ledger::contributions(totals, origin, pipeline, documents).map_err(Failure::Reject)?;
        let (name, totals, origin, now) = (collection.to_owned(), totals.clone(), origin.clone(), (self.clock)());
        let added = self.journal.ledger(move |db, pipeline| {
            let now = now.saturating_add(db.skew());
            ledger::add(db, pipeline, &name, &totals, &origin, contributions, now)
        });
        let Added { stale, duplicates } = added.map_err(unrecorded)?;
        Ok(DocumentCounts { stale, duplicates, ..DocumentCounts::default() })
    }

    fn adds_up(&self) -> bool {
        true
    }

    fn end(&self, origin: &Origin, digest: i64) -> Result<BTreeMap<String, DocumentCounts>, Failure> {
        let mut ended = self.database.end(origin, digest)?;
        for (collection, totals) in &self.totals {
            if totals.source.is_none() {
                let (name, totals, origin, now) = (collection.clone(), totals.clone(), origin.clone(), (self.clock)());
                let withdrawn = self.journal.ledger(move |db, pipeline| {
                    let now = now.saturating_add(db.skew());
                    ledger::end(db, pipeline, &name, &totals, &origin, digest, now)
                });
                withdrawn.map_err(unrecorded)?;
            }
            ended.insert(collection.clone(), self.write(collection, totals)?);
        }
        Ok(ended)
    }

    fn sweep(&self) -> Result<bool, Failure> {
        let mut has_more = self.database.sweep()?;
        for (collection, totals) in &self.totals {
            let Some(seconds) = totals.ttl_seconds else { continue };
            let (name, before) = (collection.clone(), (self.clock)().saturating_sub(i64::from(seconds) * 1_000_000));
            let forgotten = self.journal.ledger(move |db, pipeline| {
                let before = before.saturating_add(db.skew());
                ledger::forget(db, pipeline, &name, before)
            });
            has_more |= forgotten.map_err(unrecorded)?;
        }
        Ok(has_more)
    }

    fn sync(&self) -> io::Result<()> {
        self.database.sync()
    }

    fn reader(self: Arc<Self>) -> Option<Arc<dyn ReadDocuments>> {
        self.database.clone().reader()
    }
}

impl fmt::Debug for WithTotals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithTotals").field("database", &self.database).finish_non_exhaustive()
    }
}

fn unrecorded(err: JournalError) -> Failure {
    Failure::Retry(format!("totals: {err}"))
}

impl Journal {
    /// Does something to the ledger. It waits: not to be called where others wait.
    fn ledger<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn Db, &str) -> Result<T, JournalError> + Send + 'static,
    ) -> Result<T, JournalError> {
        self.write_waiting("totals", false, self.on_the_way(), work)
    }

    /// The same, after effects are durable.
    fn settled<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn Db, &str) -> Result<T, JournalError> + Send + 'static,
    ) -> Result<T, JournalError> {
        self.write_waiting("totals-written", true, Durability::Later, work)
    }
}
