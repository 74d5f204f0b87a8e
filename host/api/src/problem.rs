//! What is answered when there is no other answer: `{"error": "…"}`.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use wasmill_runtime::documents::ReadError;
use wasmill_serve::access::no_credentials;
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

    /// Of a request that needs credentials, and has none.
    pub fn no_credentials() -> Self {
        Self { status: StatusCode::UNAUTHORIZED, message: String::new() }
    }

    /// Of what no rule allows. It is the same whatever is refused.
    pub fn forbidden() -> Self {
        let message = "no rule lets you read this\nhint: rules are `[[access.read]]` in the file of `--access`";
        Self { status: StatusCode::FORBIDDEN, message: message.into() }
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
        match self.status {
            // With what to show.
            StatusCode::UNAUTHORIZED => no_credentials(),
            status => service::problem(status, &self.message),
        }
        .map(Body::new)
    }
}
