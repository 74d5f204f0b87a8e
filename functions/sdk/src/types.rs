//! What every kind uses.

use std::fmt;

use arrow_array::RecordBatch;

use crate::rejects::Rejects;

/// The event that a call works for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// Names the event; the same when it is replayed.
    pub event_id: String,
    /// When the event happened, in microseconds since 1970-01-01T00:00:00Z.
    pub event_time: i64,
    /// 1 for the first attempt.
    pub attempt: u32,
}

/// What came of one batch.
#[derive(Debug)]
pub struct Output {
    /// The rows that go on.
    pub batch: RecordBatch,
    /// The rows that do not.
    pub rejects: Rejects,
    /// One boolean column a route, as many rows as `batch`: who gets which row.
    pub routes: Option<RecordBatch>,
}

impl From<RecordBatch> for Output {
    fn from(batch: RecordBatch) -> Self {
        Self { batch, rejects: Rejects::default(), routes: None }
    }
}

/// Why a whole batch came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The data is not what the function was made for; trying again is of no use.
    Reject(String),
    /// Something outside did not answer; the host tries again later.
    Retry(String),
    /// Anything else: a fault of the function.
    Other(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Reject(message) | Self::Retry(message) | Self::Other(message)) = self;
        f.write_str(message)
    }
}

impl std::error::Error for Failure {}

impl From<arrow_schema::ArrowError> for Failure {
    fn from(err: arrow_schema::ArrowError) -> Self {
        Self::Other(err.to_string())
    }
}

/// Between these types and the generated ones.
mod convert {
    use super::{Context, Failure, Output};
    use crate::arrow;
    use crate::bindings::imports::wasmill::pipeline::types as wit;

    impl From<wit::Context> for Context {
        fn from(ctx: wit::Context) -> Self {
            Self { event_id: ctx.event_id, event_time: ctx.event_time, attempt: ctx.attempt }
        }
    }

    impl From<Failure> for wit::Failure {
        fn from(failure: Failure) -> Self {
            match failure {
                Failure::Reject(message) => Self::Reject(message),
                Failure::Retry(message) => Self::Retry(message),
                Failure::Other(message) => Self::Other(message),
            }
        }
    }

    impl From<wit::Failure> for Failure {
        fn from(failure: wit::Failure) -> Self {
            match failure {
                wit::Failure::Reject(message) => Self::Reject(message),
                wit::Failure::Retry(message) => Self::Retry(message),
                wit::Failure::Other(message) => Self::Other(message),
            }
        }
    }

    impl TryFrom<Output> for wit::Output {
        type Error = wit::Failure;

        fn try_from(output: Output) -> Result<Self, wit::Failure> {
            let routes = output.routes.map(|routes| arrow::encode(&routes)).transpose().map_err(Failure::from)?;
            let rejects = output.rejects.encode().map_err(Failure::from)?;
            Ok(Self { batch: arrow::encode(&output.batch).map_err(Failure::from)?, rejects, routes })
        }
    }
}
