//! Requests to a server, tried again while it is busy or does not answer.
//!
//! Source of statuses and errors: <https://docs.couchdb.org/en/stable/api/basics.html>.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::header::RETRY_AFTER;
use http::{Method, Request, Response};
use serde::Deserialize;
use wasmill_sdk::Failure;

use super::config::Config;
use crate::web::Web;

/// The setting with the name of a user.
pub const USER: &str = "COUCHDB_USER";
/// The setting with the user's password.
pub const PASSWORD: &str = "COUCHDB_PASSWORD";

/// How often a request is sent at most.
const ATTEMPTS: u32 = 60;

/// The first wait before something is tried again whose answer names none; it doubles up to the last.
const FIRST_WAIT: Duration = Duration::from_millis(10);
const LAST_WAIT: Duration = Duration::from_secs(1);

/// A request.
#[derive(Debug, Clone)]
pub struct Call {
    /// Its method.
    pub method: Method,
    /// Its path, with its query.
    pub path: String,
    /// Its body, JSON; none if it is empty.
    pub body: Vec<u8>,
}

/// An answer that is not to be tried again.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its body.
    pub body: Vec<u8>,
    /// How long it asks to wait.
    wait: Option<Duration>,
}

/// What an answer says that is not one of success, or a part of one.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Said {
    /// The name of the error.
    pub error: String,
    /// More of it, for people.
    pub reason: String,
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { error, reason } = self;
        // The rest, if any, is of a length that nobody reads.
        let reason: String = reason.lines().next().unwrap_or_default().chars().take(300).collect();
        write!(f, "{error}{}{reason}", if error.is_empty() || reason.is_empty() { "" } else { ": " })
    }
}

impl Answer {
    fn new(response: Response<Vec<u8>>) -> Self {
        let (head, body) = response.into_parts();
        let wait = head.headers.get(RETRY_AFTER).and_then(|wait| wait.to_str().ok()?.trim().parse::<u32>().ok());
        Self { status: head.status.as_u16(), body, wait: wait.map(|wait| Duration::from_secs(wait.into())) }
    }

    /// Whether it is one of success.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// What it says, for people.
    pub fn said(&self) -> String {
        let said = serde_json::from_slice::<Said>(&self.body).unwrap_or_default().to_string();
        format!("status {}{}{said}", self.status, if said.is_empty() { "" } else { ": " })
    }

    /// Whether the same may have another answer later.
    fn passes(&self) -> bool {
        matches!(self.status, 408 | 425 | 429 | 500 | 502..=504)
    }
}

/// The connection to a server.
#[derive(Debug)]
pub struct Client<W> {
    /// Requests, and time.
    pub web: W,
    endpoint: String,
    authorization: Option<String>,
    patience: Duration,
    until: SystemTime,
}

impl<W: Web> Client<W> {
    /// To a server that was not asked anything yet.
    pub fn new(config: &Config, web: W) -> Self {
        Self {
            web,
            endpoint: config.endpoint.trim_end_matches('/').to_owned(),
            authorization: None,
            patience: Duration::from_secs(config.patience_seconds.into()),
            until: SystemTime::UNIX_EPOCH,
        }
    }

    /// Begins something that may take as long as the configuration says.
    pub fn begin(&mut self) -> Result<(), Failure> {
        self.authorization = authorization(&self.web)?;
        self.until = self.web.now() + self.patience;
        Ok(())
    }

    /// One answer to one request.
    pub fn ask(&mut self, call: Call) -> Result<Answer, Failure> {
        self.ask_all(&[call]).pop().unwrap_or_else(|| Err(Failure::Other("no answer".into())))
    }

    /// The answers to requests, which are sent some at the same time.
    pub fn ask_all(&mut self, calls: &[Call]) -> Vec<Result<Answer, Failure>> {
        let mut answers: Vec<Option<Result<Answer, Failure>>> = calls.iter().map(|_| None).collect();
        let mut wait = FIRST_WAIT;
        for attempt in 1.. {
            let (pending, requests): (Vec<usize>, Vec<_>) = calls
                .iter()
                .enumerate()
                .filter(|(index, _)| matches!(answers.get(*index), Some(None)))
                .map(|(index, call)| (index, self.request(call)))
                .unzip();
            if pending.is_empty() {
                break;
            }
            let requests = match requests.into_iter().collect::<Result<Vec<_>, _>>() {
                Ok(requests) => requests,
                Err(failure) => return calls.iter().map(|_| Err(failure.clone())).collect(),
            };
            let is_last = attempt == ATTEMPTS || self.web.now() >= self.until;
            let mut pause = wait;
            for (index, answer) in pending.into_iter().zip(self.web.send_all(requests)) {
                let Some(slot) = answers.get_mut(index) else { continue };
                let (again, why) = match answer.map(Answer::new) {
                    Ok(answer) if answer.passes() => (answer.wait.unwrap_or(wait), answer.said()),
                    Err(Failure::Retry(why)) => (wait, why),
                    done => {
                        *slot = Some(done);
                        continue;
                    }
                };
                pause = pause.max(again);
                if is_last || self.web.now() + again > self.until {
                    *slot = Some(Err(Failure::Retry(format!("CouchDB: {why}, after {attempt} attempts"))));
                }
            }
            if answers.iter().any(Option::is_none) {
                self.web.sleep(pause);
                wait = (wait * 2).min(LAST_WAIT);
            }
        }
        answers.into_iter().map(|answer| answer.unwrap_or_else(|| Err(Failure::Other("no answer".into())))).collect()
    }

    fn request(&self, call: &Call) -> Result<Request<Vec<u8>>, Failure> {
        let mut request = Request::builder()
            .method(&call.method)
            .uri(format!("{}{}", self.endpoint, call.path))
            .header("accept", "application/json")
            .header("user-agent", concat!("wasmill/", env!("CARGO_PKG_VERSION")));
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        if !call.body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        request.body(call.body.clone()).map_err(|err| Failure::Other(format!("`{}`: {err}", self.endpoint)))
    }
}

/// The header of HTTP's basic authentication (RFC 7617), if there is a user.
fn authorization(web: &impl Web) -> Result<Option<String>, Failure> {
    let missing = |there: &str, missing: &str| {
        Err(Failure::Other(format!("there is {there}, but no {missing}\nhint: set both, or neither")))
    };
    match (web.setting(USER), web.setting(PASSWORD)) {
        (None, None) => Ok(None),
        (Some(_), None) => missing(USER, PASSWORD),
        (None, Some(_)) => missing(PASSWORD, USER),
        (Some(user), Some(_)) if user.contains(':') => {
            Err(Failure::Other(format!("{USER} has a `:`, which no name of a user has")))
        }
        (Some(user), Some(password)) => {
            Ok(Some(format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")))))
        }
    }
}
