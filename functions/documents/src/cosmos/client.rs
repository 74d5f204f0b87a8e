//! Requests to an account, tried again where that is of use: other regions, and throttling that passes.
//!
//! Source of headers and statuses: <https://learn.microsoft.com/rest/api/cosmos-db/>, and for regions
//! <https://learn.microsoft.com/azure/cosmos-db/nosql/conceptual-resilient-sdk-applications>.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, Method, Request, Response};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use wasmill_sdk::Failure;

use super::account::Account;
use super::auth::Credentials;
use super::config::Config;
use crate::web::Web;

/// The version of the REST API.
const API: &str = "2020-07-15";

/// How often a request is sent at most.
const ATTEMPTS: u32 = 60;

/// The first wait before something is tried again whose answer names none; it doubles up to the last.
const FIRST_WAIT: Duration = Duration::from_millis(10);
const LAST_WAIT: Duration = Duration::from_secs(1);

/// What stands as it is in a path.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A kind of resource, as signatures and paths name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Databases.
    Databases,
    /// Containers.
    Containers,
    /// Documents.
    Documents,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Databases => "dbs",
            Self::Containers => "colls",
            Self::Documents => "docs",
        }
    }
}

/// A request.
#[derive(Debug, Clone)]
pub struct Call {
    /// Its method.
    pub method: Method,
    /// What it is about.
    pub kind: Kind,
    /// What that belongs to, or what it is itself: the ids on the way to it.
    pub ids: Vec<String>,
    /// Whether it is about all of that kind there, and not the last of the ids.
    pub is_feed: bool,
    /// Whether only a region that takes writes answers it.
    pub is_write: bool,
    /// Headers besides those of every request.
    pub headers: Vec<(&'static str, String)>,
    /// Its body.
    pub body: Vec<u8>,
}

impl Call {
    /// `dbs/a/colls/b`: what the signature is about.
    fn link(&self) -> String {
        let kinds = [Kind::Databases, Kind::Containers, Kind::Documents];
        let parts = kinds.iter().zip(&self.ids).map(|(kind, id)| format!("{}/{id}", kind.name()));
        parts.collect::<Vec<_>>().join("/")
    }

    fn path(&self) -> String {
        let kinds = [Kind::Databases, Kind::Containers, Kind::Documents];
        let mut path = String::new();
        for (kind, id) in kinds.iter().zip(&self.ids) {
            path = format!("{path}/{}/{}", kind.name(), utf8_percent_encode(id, SEGMENT));
        }
        if self.is_feed { format!("{path}/{}", self.kind.name()) } else { path }
    }

    /// The container whose documents it is about.
    fn container(&self) -> Option<&str> {
        (self.kind == Kind::Documents).then(|| self.ids.get(1).map(String::as_str)).flatten()
    }
}

/// An answer that is not to be tried again.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// What Cosmos DB adds to the status; 0 if nothing.
    pub substatus: u32,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
}

impl Answer {
    fn new(response: Response<Vec<u8>>) -> Self {
        let (head, body) = response.into_parts();
        let substatus = number(&head.headers, "x-ms-substatus").unwrap_or(0.0) as u32;
        Self { status: head.status.as_u16(), substatus, headers: head.headers, body }
    }

    /// Whether it is one of success.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// What it says, for people.
    pub fn said(&self) -> String {
        let said = serde_json::from_slice::<serde_json::Value>(&self.body).ok();
        let said = said.as_ref().and_then(|said| said.get("message")).and_then(|message| message.as_str());
        // What follows names servers and requests.
        let said = said.and_then(|said| said.lines().next()).unwrap_or("").trim();
        let said: String = said.chars().take(300).collect();
        let substatus = if self.substatus == 0 { String::new() } else { format!(", substatus {}", self.substatus) };
        format!("status {}{substatus}{}{said}", self.status, if said.is_empty() { "" } else { ": " })
    }
}

/// What becomes of an answer.
enum Fate {
    Done,
    /// Tried again after so long.
    Again(Duration),
    /// Tried again where there is another region, or after a while.
    Elsewhere,
    /// Tried again where writes are taken now.
    Moved,
    /// Tried again without the session's token, where the newest is.
    Behind,
}

/// The connection to an account.
#[derive(Debug)]
pub struct Client<W> {
    /// Requests, and time.
    pub web: W,
    account: Account,
    credentials: Option<Credentials>,
    sessions: BTreeMap<String, BTreeMap<String, String>>,
    charge: f64,
    patience: Duration,
    until: SystemTime,
}

impl<W: Web> Client<W> {
    /// To an account that was not asked anything yet.
    pub fn new(config: &Config, web: W) -> Self {
        Self {
            web,
            account: Account::new(&config.endpoint, &config.regions),
            credentials: None,
            sessions: BTreeMap::new(),
            charge: 0.0,
            patience: Duration::from_secs(config.patience_seconds.into()),
            until: SystemTime::UNIX_EPOCH,
        }
    }

    /// Begins something that may take as long as the configuration says.
    pub fn begin(&mut self) {
        self.until = self.web.now() + self.patience;
    }

    /// What was charged since this was last asked, in request units.
    pub fn take_charge(&mut self) -> f64 {
        std::mem::take(&mut self.charge)
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
            let pending: Vec<usize> =
                (0..calls.len()).filter(|index| matches!(answers.get(*index), Some(None))).collect();
            if pending.is_empty() {
                break;
            }
            let sent = match self.send(calls, &pending) {
                Ok(sent) => sent,
                Err(failure) => {
                    return answers.into_iter().map(|answer| answer.unwrap_or_else(|| Err(failure.clone()))).collect();
                }
            };
            let is_last = attempt == ATTEMPTS || self.web.now() >= self.until;
            let mut pause: Option<Duration> = None;
            let mut moved = false;
            for (index, place, answer) in sent {
                let (Some(call), Some(slot)) = (calls.get(index), answers.get_mut(index)) else { continue };
                let (fate, answer) = match answer {
                    Ok(response) => {
                        let answer = Answer::new(response);
                        self.charge += number(&answer.headers, "x-ms-request-charge").unwrap_or(0.0);
                        self.remember(call, &answer);
                        (fate(call, &answer), Ok(answer))
                    }
                    Err(Failure::Retry(why)) => (Fate::Elsewhere, Err(why)),
                    Err(failure) => {
                        *slot = Some(Err(failure));
                        continue;
                    }
                };
                let again = match fate {
                    Fate::Done => {
                        *slot = Some(answer.map_err(Failure::Retry));
                        continue;
                    }
                    Fate::Again(asked) => asked,
                    Fate::Elsewhere => {
                        self.account.avoid(&place, self.web.now());
                        moved |= self.account.has_choice();
                        wait
                    }
                    Fate::Moved => {
                        moved = true;
                        wait
                    }
                    Fate::Behind => {
                        self.sessions.clear();
                        wait
                    }
                };
                pause = pause.max(Some(again));
                let now = self.web.now();
                if is_last || now + again > self.until {
                    let why = match answer {
                        Ok(answer) => answer.said(),
                        Err(why) => why,
                    };
                    *slot = Some(Err(Failure::Retry(format!("Cosmos DB: {why}, after {attempt} attempts"))));
                }
            }
            if moved {
                self.discover();
            }
            if answers.iter().any(Option::is_none) {
                self.web.sleep(pause.unwrap_or(wait));
                wait = (wait * 2).min(LAST_WAIT);
            }
        }
        answers.into_iter().map(|answer| answer.unwrap_or_else(|| Err(Failure::Other("no answer".into())))).collect()
    }

    /// Sends those of the calls that are pending; each with where it went.
    #[expect(clippy::type_complexity, reason = "it is taken apart at once")]
    fn send(
        &mut self,
        calls: &[Call],
        pending: &[usize],
    ) -> Result<Vec<(usize, String, Result<Response<Vec<u8>>, Failure>)>, Failure> {
        if self.account.is_unknown() {
            self.discover();
        }
        let now = self.web.now();
        let mut requests = Vec::with_capacity(pending.len());
        let mut places = Vec::with_capacity(pending.len());
        for index in pending {
            let Some(call) = calls.get(*index) else { continue };
            let place = self.account.place(call.is_write, now);
            requests.push(self.request(&place, call)?);
            places.push((*index, place));
        }
        let answers = self.web.send_all(requests);
        Ok(places.into_iter().zip(answers).map(|((index, place), answer)| (index, place, answer)).collect())
    }

    fn request(&mut self, place: &str, call: &Call) -> Result<Request<Vec<u8>>, Failure> {
        let mut request = self.bare(place, &call.method, call.kind.name(), &call.link(), &call.path())?;
        let headers = request.headers_mut();
        let mut put = |name: &'static str, value: &str| -> Result<(), Failure> {
            let value = value.parse().map_err(|err| Failure::Other(format!("the header {name}: {err}")))?;
            headers.insert(name, value);
            Ok(())
        };
        for (name, value) in &call.headers {
            put(name, value)?;
        }
        let session = call.container().filter(|_| !call.is_write).and_then(|container| self.sessions.get(container));
        if let Some(session) = session.filter(|session| !session.is_empty()) {
            let tokens: Vec<String> = session.iter().map(|(range, token)| format!("{range}:{token}")).collect();
            put("x-ms-session-token", &tokens.join(","))?;
        }
        *request.body_mut() = call.body.clone();
        Ok(request)
    }

    /// A request with what every one has.
    fn bare(
        &mut self,
        place: &str,
        method: &Method,
        kind: &str,
        link: &str,
        path: &str,
    ) -> Result<Request<Vec<u8>>, Failure> {
        let now = self.web.now();
        let credentials = match self.credentials.take().filter(|credentials| credentials.hold(now)) {
            Some(credentials) => credentials,
            None => Credentials::find(&mut self.web)?,
        };
        let date = httpdate::fmt_http_date(now);
        let request = Request::builder()
            .method(method)
            .uri(format!("{place}{path}"))
            .header("authorization", credentials.header(method, kind, link, &date))
            .header("x-ms-date", date)
            .header("x-ms-version", API)
            .header("accept", "application/json")
            .header("user-agent", concat!("wasmill/", env!("CARGO_PKG_VERSION")))
            .body(Vec::new());
        self.credentials = Some(credentials);
        request.map_err(|err| Failure::Other(format!("`{place}`: {err}")))
    }

    /// Asks the account for its regions; what is known stays if nobody answers.
    fn discover(&mut self) {
        let mut places = vec![self.account.endpoint().to_owned()];
        places.extend(self.account.others());
        for place in places {
            let Ok(request) = self.bare(&place, &Method::GET, "", "", "/") else { continue };
            let answer = self.web.send_all(vec![request]).pop();
            let Some(Ok(answer)) = answer else { continue };
            if answer.status().is_success() && self.account.describe(answer.body()).is_ok() {
                return;
            }
        }
    }

    /// Keeps what lets later reads see what was done.
    fn remember(&mut self, call: &Call, answer: &Answer) {
        let (Some(container), Some(tokens)) = (call.container(), answer.header("x-ms-session-token")) else { return };
        let known = self.sessions.entry(container.to_owned()).or_default();
        for (range, token) in tokens.split(',').filter_map(|token| token.split_once(':')) {
            let is_newer = known.get(range).is_none_or(|old| progress(token) >= progress(old));
            if is_newer {
                known.insert(range.to_owned(), token.to_owned());
            }
        }
    }
}

/// How far a session's token is: `VERSION#LSN#REGION=LSN…`, or only `LSN`.
fn progress(token: &str) -> (i64, i64) {
    let mut parts = token.split('#').map(|part| part.parse().unwrap_or(0));
    match (parts.next(), parts.next()) {
        (Some(version), Some(lsn)) => (version, lsn),
        (Some(lsn), None) => (0, lsn),
        (None, _) => (0, 0),
    }
}

fn fate(call: &Call, answer: &Answer) -> Fate {
    let asked = || {
        let asked = number(&answer.headers, "x-ms-retry-after-ms").unwrap_or(100.0);
        Duration::from_millis(asked.clamp(1.0, 60_000.0) as u64)
    };
    match (answer.status, answer.substatus) {
        (429, _) => Fate::Again(asked()),
        // "Retry the operation": another one changed the same at the same time.
        (449, _) => Fate::Again(asked()),
        // Writes are forbidden here; the account is not in this region any more.
        (403, 3 | 1008) => Fate::Moved,
        // What the session has seen is not here yet.
        (404, 1002) if !call.is_write => Fate::Behind,
        (408 | 410 | 500 | 502 | 503 | 504, _) => Fate::Elsewhere,
        _ => Fate::Done,
    }
}

fn number(headers: &HeaderMap, name: &str) -> Option<f64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}
