//! What is answered when there is no other answer: `{"error": "…"}`.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use wasmill_runtime::documents::ReadError;
use wasmill_serve::service;

/// A status and what to say.
#[derive(Debug)]
pub struct Problem {
    /// The status.
    pub status: StatusCode,
    /// For people.
    pub message: String,
}

impl Problem {
    /// Of a request that is wrong.
    pub fn bad(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, message: message.into() }
    }
}

impl From<ReadError> for Problem {
    fn from(err: ReadError) -> Self {
        // Of servers and their names callers need not know.
        tracing::error!("{err}");
        Self { status: StatusCode::SERVICE_UNAVAILABLE, message: "the document database does not answer".into() }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        service::problem(self.status, &self.message).map(Body::new)
    }
}
