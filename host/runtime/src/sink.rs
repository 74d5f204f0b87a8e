//! Sinks: tables that rows are written to in batches, each once.
//!
//! ```text
//!  rows ──stage──► payloads in the journal ──commit, in batches──► table
//! ```
//!
//! What writes a table has two parts to do. It **stages** rows: it puts what is large where the table's files are, though
//! nobody sees it yet, and gives a payload that stands for it, which is kept in the journal together with how far the event
//! is. And it **commits** a batch of payloads, under a number that it keeps with the table in the same transaction: a batch
//! whose number is not greater than the last one is in already.

use std::io;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use crate::manifest::Id;
use crate::plan::{Edge, SinkPlan};

/// A sink of a pipeline, and the rows it takes.
#[derive(Debug, Clone)]
pub struct BoundSink {
    /// What the manifest says.
    pub plan: SinkPlan,
    /// The steps whose rows it takes.
    pub from: Vec<Edge>,
    /// The rows' schema, without their numbers.
    pub schema: SchemaRef,
}

impl BoundSink {
    /// Its name.
    pub fn id(&self) -> &Id {
        &self.plan.id
    }
}

/// Writes a table. All of it may take long, and waits for what it asks.
pub trait Sink: Send + Sync {
    /// Puts rows where they wait to be committed, durably, and gives what stands for them. An error of the kind
    /// `InvalidData` says that these rows never can be.
    fn stage(&self, rows: &[RecordBatch]) -> io::Result<Vec<u8>>;

    /// Commits a batch, durably, unless it is in already.
    fn commit(&self, batch: &Batch) -> io::Result<Committed>;

    /// Removes what stood for a batch that is in and of which the journal knows no more. What is left does no harm.
    fn forget(&self, batch: &Batch);

    /// Puts small files together; what it did, in words.
    fn optimize(&self) -> io::Result<String>;
}

/// Payloads that are committed together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Names who numbers the batches: the table's other writers have others.
    pub lane: String,
    /// The batch's number, from 1 on.
    pub number: u64,
    /// What it is of, in the order in which it was staged.
    pub payloads: Vec<Payload>,
}

/// Rows of an event that were staged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// The event.
    pub event: String,
    /// When it happened, in microseconds since 1970-01-01T00:00:00Z.
    pub time: i64,
    /// How many rows.
    pub rows: u64,
    /// What stands for them.
    pub bytes: Vec<u8>,
}

/// What a commit did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Committed {
    /// It is in, with this version of the table.
    As(u64),
    /// It was in already.
    Before,
}
