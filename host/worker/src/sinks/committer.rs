//! The committer of a sink: takes what is staged from the journal into the table, batch by batch.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use wasmill_journal::staging::{BatchTerms, Due};
use wasmill_journal::{Journal, JournalError};
use wasmill_runtime::manifest::SinkMode;
use wasmill_runtime::sink::{BoundSink, Committed, Sink};
use wasmill_runtime::{backoff, crash};

use crate::clock::{self, micros};
use crate::metrics::Metrics;

/// How often the journal is asked for rows.
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// How often it is asked whether somebody else is done with a batch.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// The most bytes of payloads in a batch: all of them are in memory at once.
const MOST_BYTES: u64 = 64 << 20;

/// The first wait after a commit failed, and the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Why rows could not be committed.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The table could not be written.
    #[error("sink `{sink}`: cannot write the table {place}: {cause}")]
    Table {
        /// The sink.
        sink: String,
        /// The table.
        place: String,
        /// Why not.
        cause: io::Error,
    },
    /// The journal failed.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// What commits the rows of a sink.
pub struct Committer {
    sink: BoundSink,
    writer: Arc<dyn Sink>,
    journal: Arc<Journal>,
    metrics: Arc<Metrics>,
    /// A name for the journal, should the sink know none yet.
    lane: String,
    /// How long nobody else gets a batch after it was last held. Should somebody else get it too early, one of the two finds
    /// it in.
    lease: Duration,
}

/// What was there to commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    Nothing,
    /// What somebody else commits.
    Held,
    /// What is in now.
    Batch,
}

impl Committer {
    /// Of a sink, and what writes it. A batch of one who died is taken over after `lease`.
    pub fn new(
        (sink, writer): (BoundSink, Arc<dyn Sink>),
        journal: Arc<Journal>,
        metrics: Arc<Metrics>,
        lease: Duration,
    ) -> Self {
        let lane = format!("{:016x}", rand::random::<u64>());
        Self { sink, writer, journal, metrics, lane, lease }
    }

    /// Commits what is due until `stop` changes or is dropped; what is being committed by then is finished.
    pub async fn keep(&self, mut stop: watch::Receiver<()>) {
        let (mut failures, mut optimized) = (0, Instant::now());
        loop {
            let pause = match self.commit(micros(self.sink.plan.commit_after)).await {
                Ok(Found::Batch) => {
                    failures = 0;
                    Duration::ZERO
                }
                Ok(Found::Nothing | Found::Held) => ASK_AGAIN,
                Err(err) => {
                    tracing::warn!("{err}; trying again");
                    failures += 1;
                    backoff::wait(FIRST_PAUSE, LONGEST_PAUSE, failures)
                }
            };
            if self.sink.plan.optimize.is_some_and(|every| optimized.elapsed() >= every) {
                self.optimize().await;
                optimized = Instant::now();
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = stop.changed() => return,
            }
        }
    }

    /// Commits all that is staged, without waiting for more.
    pub async fn flush(&self) -> Result<(), CommitError> {
        loop {
            match self.commit(0).await? {
                Found::Batch => {}
                // It is in soon, or its lease runs out.
                Found::Held => tokio::time::sleep(LOOK_AGAIN).await,
                Found::Nothing => return Ok(()),
            }
        }
    }

    /// Commits a batch, if there is one, of rows that wait for `wait` or are many.
    async fn commit(&self, wait: i64) -> Result<Found, CommitError> {
        let id = self.sink.id();
        let terms = BatchTerms {
            most_rows: self.sink.plan.commit_rows,
            most_bytes: MOST_BYTES,
            wait,
            lease: micros(self.lease),
            whole_events: self.sink.plan.mode == SinkMode::Overwrite,
        };
        let batch = match self.journal.batch(id, &self.lane, terms, clock::now()).await? {
            Due::Batch(batch) => batch,
            Due::Held => return Ok(Found::Held),
            Due::Nothing => return Ok(Found::Nothing),
        };
        let number = batch.number;
        let rows: u64 = batch.payloads.iter().map(|payload| payload.rows).sum();
        crash::point("commit", "before");
        let batch = Arc::new(batch);
        let (writer, committed) = (self.writer.clone(), batch.clone());
        let committing = tokio::task::spawn_blocking(move || writer.commit(&committed));
        let committed = tokio::select! {
            committed = committing => committed.map_err(io::Error::other).flatten(),
            never = self.hold(number) => match never {},
        };
        crash::point("commit", "after");
        match committed {
            Ok(Committed::As(version)) => {
                self.metrics.committed(id.as_str(), rows);
                tracing::debug!("sink `{id}`: batch {number} of {rows} rows is in version {version}");
            }
            Ok(Committed::Before) => tracing::info!("sink `{id}`: batch {number} was in already"),
            Err(cause) => {
                self.metrics.commit_failed(id.as_str());
                self.journal.hold_batch(id, number, 0).await?;
                return Err(CommitError::Table {
                    sink: id.to_string(),
                    place: self.sink.plan.table.to_string(),
                    cause,
                });
            }
        }
        self.journal.committed(id, number).await?;
        let writer = self.writer.clone();
        // What it could not remove does no harm.
        let _ = tokio::task::spawn_blocking(move || writer.forget(&batch)).await;
        Ok(Found::Batch)
    }

    /// Keeps a batch from others for as long as it is polled.
    async fn hold(&self, number: u64) -> Infallible {
        loop {
            tokio::time::sleep(self.lease / 3).await;
            let until = clock::now().saturating_add(micros(self.lease));
            if let Err(err) = self.journal.hold_batch(self.sink.id(), number, until).await {
                self.metrics.journal_failed(&err);
            }
        }
    }

    async fn optimize(&self) {
        let (id, writer) = (self.sink.id(), self.writer.clone());
        match tokio::task::spawn_blocking(move || writer.optimize()).await.map_err(io::Error::other).flatten() {
            Ok(what) => tracing::info!("sink `{id}`: {what}"),
            Err(err) => tracing::warn!("sink `{id}`: its files could not be put together: {err}"),
        }
    }
}
