//! Totals: collections whose documents add up what is published to them, each source of it once.
//!
//! The journal has a ledger of who contributed what to which total ([`ledger`]); what comes of it is written to the document
//! database, whichever that is, as a document like any other. The ledger is committed first, and knows which of its totals are
//! still to be written. Who dies in between leaves them to whoever comes next: at the latest to the event's next attempt, which
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
use crate::sql::Durability;

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

    /// Forgets totals of a collection that nothing was contributed to since a time, a bounded number of them; whether there may
    /// be more.
    pub fn forget(&self, collection: &str, before: i64) -> Result<bool, JournalError> {
        let name = collection.to_owned();
        self.journal.ledger(move |db, pipeline| {
            let before = before.saturating_add(db.skew());
            ledger::forget(db, pipeline, &name, before)
        })
    }

    /// Writes documents of totals, and remembers that they are written.
    fn write(&self, collection: &str, documents: Vec<Document>) -> Result<DocumentCounts, Failure> {
        if documents.is_empty() {
            return Ok(DocumentCounts::default());
        }
        let counts = self.database.upsert_batch(collection, PIPELINE, &documents)?;
        let name = collection.to_owned();
        let written = self.journal.settled(move |db, pipeline| {
            let mut each = documents.iter();
            each.try_for_each(|document| ledger::is_written(db, pipeline, &name, document))
        });
        written.map_err(unrecorded)?;
        Ok(counts)
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
        let added = added.map_err(unrecorded)?;
        let counts = self.write(collection, added.documents)?;
        Ok(DocumentCounts {
            stale: counts.stale + added.stale,
            duplicates: counts.duplicates + added.duplicates,
            ..counts
        })
    }

    fn adds_up(&self) -> bool {
        true
    }

    fn end(&self, origin: &Origin, digest: i64) -> Result<(), Failure> {
        for (collection, totals) in self.totals.iter().filter(|(_, totals)| totals.source.is_none()) {
            let (name, totals, origin, now) = (collection.clone(), totals.clone(), origin.clone(), (self.clock)());
            let changed = self.journal.ledger(move |db, pipeline| {
                let now = now.saturating_add(db.skew());
                ledger::end(db, pipeline, &name, &totals, &origin, digest, now)
            });
            self.write(collection, changed.map_err(unrecorded)?)?;
        }
        self.database.end(origin, digest)
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
        work: impl FnOnce(&mut dyn crate::sql::Db, &str) -> Result<T, JournalError> + Send + 'static,
    ) -> Result<T, JournalError> {
        self.write_waiting("totals", false, self.on_the_way(), work)
    }

    /// The same, after effects are durable.
    fn settled<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn crate::sql::Db, &str) -> Result<T, JournalError> + Send + 'static,
    ) -> Result<T, JournalError> {
        self.write_waiting("totals-written", true, Durability::Later, work)
    }
}
