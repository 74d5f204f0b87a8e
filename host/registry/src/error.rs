//! What can go wrong between a registry and a component, and what to do then.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

use oci_client::errors::{DigestError, OciDistributionError, OciErrorCode};

use crate::artifact::NotAComponent;

/// The longest text of a registry's own that is repeated, in characters: some answer with a page.
const LONGEST_ANSWER: usize = 200;

/// Why a component was not pushed, pulled or kept.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// Docker's configuration cannot be used.
    #[error("cannot read the credentials for `{host}`: {why}\nhint: {hint}")]
    Credentials {
        /// The registry.
        host: String,
        /// Why.
        why: String,
        /// What to do about it.
        hint: String,
    },
    /// There is no connection.
    #[error("cannot reach `{host}`: {why}\nhint: {hint}")]
    Unreachable {
        /// The registry.
        host: String,
        /// Why.
        why: String,
        /// What to do about it.
        hint: &'static str,
    },
    /// The registry does not let this user.
    #[error("`{host}` {why}\nhint: `docker login {host}`, or WASMILL_REGISTRY_USER and WASMILL_REGISTRY_PASSWORD")]
    Refused {
        /// The registry.
        host: String,
        /// What it does not take.
        why: String,
    },
    /// The registry does not have it.
    #[error("`{host}` has no {what}\nhint: {hint}")]
    Missing {
        /// The registry.
        host: String,
        /// What it does not have.
        what: String,
        /// What it has, or what to do.
        hint: String,
    },
    /// What came is not what was asked for.
    #[error(
        "the {what} that came is not the one that was asked for: its digest is {found}, not {expected}\n\
         hint: it was damaged or exchanged in the registry; push it again"
    )]
    Differs {
        /// What came.
        what: Part,
        /// The digest that was asked for.
        expected: String,
        /// The digest of what came.
        found: String,
    },
    /// What the registry has is something else.
    #[error(
        "it holds {found}, not a component\nhint: what can be pulled is what `wasmill push` makes, or another tool for the Wasm OCI layout"
    )]
    NotWasm {
        /// What it holds.
        found: String,
    },
    /// The bytes are no component.
    #[error(transparent)]
    NotAComponent(#[from] NotAComponent),
    /// The registry's answer is of no use.
    #[error("`{host}` answers: {why}")]
    Answer {
        /// The registry.
        host: String,
        /// What it says.
        why: String,
    },
    /// The cache cannot be written.
    #[error("cannot keep `{path}`")]
    Keep {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The client does not start.
    #[error("cannot speak with a registry: {0}")]
    Start(String),
}

/// A part of an artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Its manifest.
    Manifest,
    /// Its component.
    Component,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Manifest => "manifest",
            Self::Component => "component",
        })
    }
}

/// What an answer of a registry means.
pub(crate) enum Meaning {
    /// No connection.
    Unreachable(String),
    /// Not for this user.
    Refused,
    /// Not there.
    Missing,
    /// Not what was asked for.
    Differs { expected: String, found: String },
    /// Anything else, in the registry's words.
    Other(String),
}

impl Meaning {
    /// Of an error of the client.
    pub(crate) fn of(err: OciDistributionError) -> Self {
        match err {
            OciDistributionError::RequestError(err) => Self::Unreachable(root(&err)),
            OciDistributionError::AuthenticationFailure(_) | OciDistributionError::UnauthorizedError { .. } => {
                Self::Refused
            }
            OciDistributionError::ServerError { code: 401 | 403, .. } => Self::Refused,
            OciDistributionError::ServerError { code: 404, .. } => Self::Missing,
            OciDistributionError::ServerError { code, message, .. } => {
                Self::Other(format!("{code} {}", short(&message)))
            }
            OciDistributionError::DigestError(DigestError::VerificationError { expected, actual }) => {
                Self::Differs { expected, found: actual }
            }
            OciDistributionError::RegistryError { envelope, .. } => {
                let is = |codes: &[OciErrorCode]| envelope.errors.iter().any(|error| codes.contains(&error.code));
                if is(&[OciErrorCode::Unauthorized, OciErrorCode::Denied]) {
                    return Self::Refused;
                }
                if is(&[
                    OciErrorCode::ManifestUnknown,
                    OciErrorCode::NameUnknown,
                    OciErrorCode::NotFound,
                    OciErrorCode::BlobUnknown,
                ]) {
                    return Self::Missing;
                }
                let said = envelope.errors.iter().map(|error| short(&error.message));
                Self::Other(said.collect::<Vec<_>>().join("; "))
            }
            other => Self::Other(short(&other.to_string())),
        }
    }
}

/// The innermost cause: what is around it names a URL and layers of the client.
fn root(err: &dyn Error) -> String {
    let mut inner = err;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

/// What a registry says, as it can be shown: a line that is not long, and moves no cursor.
pub(crate) fn short(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.chars().filter(|letter| !letter.is_control()).take(LONGEST_ANSWER).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(code: u16, message: &str) -> OciDistributionError {
        OciDistributionError::ServerError { code, url: "https://registry.example/v2/".into(), message: message.into() }
    }

    fn envelope(code: &str) -> OciDistributionError {
        let envelope =
            serde_json::from_str(&format!(r#"{{"errors":[{{"code":"{code}","message":"said"}}]}}"#)).unwrap();
        OciDistributionError::RegistryError { envelope, url: "https://registry.example/v2/".into() }
    }

    #[test]
    fn answers_mean_what_the_distribution_specification_says() {
        for (err, expect) in [
            (server(401, ""), "refused"),
            (server(403, ""), "refused"),
            (envelope("DENIED"), "refused"),
            (OciDistributionError::AuthenticationFailure("page".into()), "refused"),
            (server(404, ""), "missing"),
            (envelope("NAME_UNKNOWN"), "missing"),
            (envelope("MANIFEST_UNKNOWN"), "missing"),
            (envelope("TOOMANYREQUESTS"), "said"),
            (server(502, "Bad \u{1b}[31mGateway\n<html>"), "502 Bad [31mGateway"),
        ] {
            let found = match Meaning::of(err) {
                Meaning::Refused => "refused".to_owned(),
                Meaning::Missing => "missing".to_owned(),
                Meaning::Other(said) | Meaning::Unreachable(said) => said,
                Meaning::Differs { .. } => "differs".to_owned(),
            };
            assert_eq!(found, expect);
        }
    }
}
