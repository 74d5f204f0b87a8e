//! Changes as they happen. Whoever waits for those of a collection shares one look at its position, twice in a blink.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures::{StreamExt, stream};
use http::StatusCode;
use http::header::CACHE_CONTROL;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use wasmill_runtime::documents::ReadDocuments;
use wasmill_runtime::documents::query::Changes;

use crate::Shared;
use crate::caller::{Caller, Scope};
use crate::model::Change;
use crate::problem::Problem;

/// How often a database is asked whether something changed, while somebody waits for it, and after it did not answer.
const LOOK: Duration = Duration::from_millis(20);
const LOOK_LATER: Duration = Duration::from_secs(1);

/// How often a stream shows that it is alive, and that its reader may still read.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// How many digits a position has in a token.
const DIGITS: usize = 20;

/// What is looked at.
#[derive(Clone)]
pub struct Feeds {
    database: Arc<dyn ReadDocuments>,
    watched: Arc<Mutex<HashMap<String, watch::Sender<i64>>>>,
}

impl Feeds {
    /// Of a database.
    pub fn new(database: Arc<dyn ReadDocuments>) -> Self {
        Self { database, watched: Arc::default() }
    }

    /// The position of a collection, as it changes.
    fn watch(&self, collection: &str) -> watch::Receiver<i64> {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = watched.get(collection) {
            return known.subscribe();
        }
        let (sender, receiver) = watch::channel(i64::MIN);
        watched.insert(collection.to_owned(), sender.clone());
        tokio::spawn(self.clone().look(collection.to_owned(), sender));
        receiver
    }

    /// Looks until nobody waits any more.
    async fn look(self, collection: String, sender: watch::Sender<i64>) {
        loop {
            let (database, name) = (self.database.clone(), collection.clone());
            let asked = tokio::task::spawn_blocking(move || database.position(&name)).await;
            let is_well = matches!(asked, Ok(Ok(_)));
            if let Ok(Ok(position)) = asked {
                sender.send_if_modified(|known| std::mem::replace(known, position) != position);
            }
            sleep(if is_well { LOOK } else { LOOK_LATER }).await;
            let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
            if sender.receiver_count() == 0 {
                watched.remove(&collection);
                return;
            }
        }
    }
}

/// Where in the changes of a collection to begin.
pub struct Start {
    collection: String,
    after: i64,
    /// How far the changes were when all of it began: what was deleted up to there was never shown.
    since: i64,
}

impl Start {
    /// By a token, or `now`, or at the beginning.
    pub async fn of(shared: &Shared, collection: String, since: Option<String>) -> Result<Self, Problem> {
        let name = collection.clone();
        let look = move |database: &dyn ReadDocuments| Ok((database.position(&name)?, database.forgotten(&name)?));
        let (now, forgotten) = shared.ask(look).await?;
        let mut start = Self { collection, after: 0, since: now };
        let Some(since) = since else { return Ok(start) };
        if since == "now" {
            start.after = now;
            return Ok(start);
        }
        let places: String = shared.seal.open(&start.what(), &since)?;
        let (after, since) = places.split_at_checked(DIGITS).unwrap_or_default();
        let parse = |digits: &str| digits.parse().map_err(|_| Problem::bad("the token is of another version"));
        start.after = parse(after)?;
        // Tokens of an earlier version do not say.
        start.since = if since.is_empty() { start.after } else { parse(since)? };
        if start.after.max(start.since) > now {
            let message = "the changes up to this token are not there any more: the database was put back to what it was before\nhint: begin anew, without `since`";
            return Err(Problem { status: StatusCode::GONE, message: message.into() });
        }
        start.check(start.after, forgotten)?;
        Ok(start)
    }

    /// Whether nothing is forgotten that somebody at a place must be told.
    fn check(&self, after: i64, forgotten: i64) -> Result<(), Problem> {
        if forgotten <= after.max(self.since) {
            return Ok(());
        }
        let message = "the token is too old: some documents that were deleted since are forgotten\nhint: begin anew, without `since`";
        Err(Problem { status: StatusCode::GONE, message: message.into() })
    }

    fn what(&self) -> String {
        serde_json::json!(["changes", self.collection]).to_string()
    }

    /// The token of a position.
    pub fn token(&self, shared: &Shared, position: i64) -> Result<String, Problem> {
        // As long as any other: its length tells nothing.
        shared.seal.seal(&self.what(), &format!("{position:0DIGITS$}{:0DIGITS$}", self.since))
    }

    async fn changes(
        &self,
        shared: &Shared,
        after: i64,
        partitions: Option<Vec<String>>,
        limit: u32,
    ) -> Result<Changes, Problem> {
        let collection = self.collection.clone();
        let changes = shared.ask(move |database| database.changes(&collection, after, partitions.as_deref(), limit));
        let changes = changes.await?;
        self.check(after, changes.forgotten)?;
        Ok(changes)
    }
}

/// What changed after a place, and how far that is; if nothing did, what changes within some time.
pub async fn wait(
    shared: &Shared,
    start: &Start,
    partitions: Option<Vec<String>>,
    limit: u32,
    longest: Duration,
) -> Result<(Changes, i64), Problem> {
    let until = Instant::now() + longest;
    let mut after = start.after;
    let mut watched = None;
    let mut stopped = shared.stopped.clone();
    loop {
        let changes = start.changes(shared, after, partitions.clone(), limit).await?;
        after = changes.position;
        if !changes.documents.is_empty() || changes.has_more || Instant::now() >= until {
            return Ok((changes, after));
        }
        let watched = watched.get_or_insert_with(|| shared.feeds.watch(&start.collection));
        tokio::select! {
            _ = watched.wait_for(|position| *position > after) => {}
            () = sleep_until(until) => {}
            _ = stopped.changed() => return Ok((changes, after)),
        }
    }
}

/// Changes as server-sent events, for as long as the caller may read them.
pub fn stream(shared: Arc<Shared>, caller: Caller, partition: Option<String>, start: Start, limit: u32) -> Response {
    let watched = shared.feeds.watch(&start.collection);
    let stopped = shared.stopped.clone();
    let following = Following { after: start.after, shared, caller, partition, start, limit, watched, stopped };
    let events = stream::unfold(following, |mut following| async move {
        let events = following.next().await?;
        Some((stream::iter(events.into_iter().map(Ok::<_, Infallible>)), following))
    });
    let mut response = Sse::new(events.flatten()).into_response();
    response.headers_mut().insert(CACHE_CONTROL, http::HeaderValue::from_static("no-store"));
    // For nginx, which would wait until it has more.
    response.headers_mut().insert("x-accel-buffering", http::HeaderValue::from_static("no"));
    response
}

/// Somebody who is told changes.
struct Following {
    shared: Arc<Shared>,
    caller: Caller,
    partition: Option<String>,
    start: Start,
    after: i64,
    limit: u32,
    watched: watch::Receiver<i64>,
    stopped: watch::Receiver<()>,
}

impl Following {
    /// The next events; none when it is over.
    async fn next(&mut self) -> Option<Vec<Event>> {
        let until = Instant::now() + HEARTBEAT;
        loop {
            // A key may have been withdrawn, and a token have expired.
            let scope = self.caller.scope_now(&self.shared.door, &self.start.collection)?;
            let Scope(partitions) = scope.narrow(self.partition.clone()).ok()?;
            let Ok(changes) = self.start.changes(&self.shared, self.after, partitions, self.limit).await else {
                // The client connects again, and goes on from where it was.
                return None;
            };
            self.after = changes.position;
            let token = self.start.token(&self.shared, self.after).ok()?;
            if !changes.documents.is_empty() {
                return self.events(changes, token);
            }
            if Instant::now() >= until {
                // An event without data moves on what a browser begins with next time, and nothing else.
                return Some(vec![Event::default().id(token).comment("still here")]);
            }
            let after = self.after;
            tokio::select! {
                _ = timeout(HEARTBEAT, self.watched.wait_for(|position| *position > after)) => {}
                () = sleep_until(until) => {}
                _ = self.stopped.changed() => return None,
            }
        }
    }

    /// Changes as events. Only the last has an id: those before it are there again if it does not arrive.
    fn events(&self, changes: Changes, token: String) -> Option<Vec<Event>> {
        let last = changes.documents.len().saturating_sub(1);
        let event = |(index, change)| {
            let event = Event::default().event("change").json_data(Change::from(change)).ok()?;
            Some(if index == last { event.id(token.clone()) } else { event })
        };
        changes.documents.into_iter().enumerate().map(event).collect()
    }
}
