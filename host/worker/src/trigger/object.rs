//! Objects that appear or change in a store.
//!
//! A store is looked through again and again. Of a folder the system says as well when to look; that can be lost (a queue
//! that overflows, a network file system that has none). What is found is offered to the journal, which knows what it has: an
//! event is named by the object's name, size, time of change and version.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;
use wasmill_journal::NewEvent;
use wasmill_runtime::event::{Event, EventId};
use wasmill_runtime::plan::ObjectPattern;
use wasmill_runtime::store::{Found, Location};

use super::Intake;
use crate::clock;

/// How often a store is looked through, whatever the system says.
const RESCAN: Duration = Duration::from_secs(10);

/// Watches a store, for as long as it is polled. `is_listed` is told once all that was there is accepted, or too young.
pub async fn watch(objects: ObjectPattern, settle: Duration, intake: Intake, is_listed: Arc<AtomicBool>) {
    let changed = Arc::new(Notify::new());
    let _watcher = match &objects.within {
        Location::File(folder) => watcher(folder, changed.clone()),
        // Notifications of these come as HTTP requests or messages.
        Location::Url(_) => None,
    };
    let mut known = HashMap::new();
    loop {
        // A change while it is looked through is looked at after it.
        let again = changed.notified();
        let wait = scan(&objects, settle, &intake, &mut known, &is_listed).await;
        // Over by then, or something changed.
        let _ = tokio::time::timeout(wait.min(RESCAN), again).await;
    }
}

/// Has the system tell of what changes in a folder, for as long as it is kept.
fn watcher(folder: &Path, changed: Arc<Notify>) -> Option<RecommendedWatcher> {
    let watcher: notify::Result<RecommendedWatcher> =
        notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Looking through the folder is an access as well.
            let is_read = event.is_ok_and(|event| {
                event.kind.is_access() && event.kind != EventKind::Access(AccessKind::Close(AccessMode::Write))
            });
            if !is_read {
                changed.notify_one();
            }
        });
    let watching = watcher.and_then(|mut watcher| {
        watcher.watch(folder, RecursiveMode::NonRecursive)?;
        Ok(watcher)
    });
    let unwatched = |err: &notify::Error| {
        tracing::warn!(
            "`{}` is looked through every {} s, because the system does not tell of its changes: {err}",
            folder.display(),
            RESCAN.as_secs()
        );
    };
    watching.inspect_err(unwatched).ok()
}

/// Offers what is there to the journal; how long until something that is too young will be old enough. `known` has what
/// was accepted before.
async fn scan(
    objects: &ObjectPattern,
    settle: Duration,
    intake: &Intake,
    known: &mut HashMap<Location, EventId>,
    is_listed: &AtomicBool,
) -> Duration {
    let mut wait = RESCAN;
    let found = match objects.find().await {
        Ok(found) => found,
        Err(err) => {
            tracing::warn!("cannot list `{}`: {err}; trying again", objects.within);
            return wait;
        }
    };
    known.retain(|location, _| found.binary_search_by(|found| found.location.cmp(location)).is_ok());
    for found in found {
        let location = found.location.clone();
        let left = settle.saturating_sub(age(&found));
        let event = Event::of(found);
        if known.get(&location) == Some(&event.id) {
            continue;
        }
        if !left.is_zero() {
            wait = wait.min(left);
            continue;
        }
        let id = event.id.clone();
        let event = NewEvent {
            id: event.id,
            generation: 0,
            trigger: format!("object {}", objects.name),
            time: event.time,
            object: event.object,
            trace: None,
        };
        match intake.accept(event, "object").await {
            Ok(_) => drop(known.insert(location, id)),
            Err(err) => intake.metrics.journal_failed(&err),
        }
    }
    is_listed.store(true, Ordering::Relaxed);
    wait
}

/// How long an object has been left alone. A file that will have changed only in the future has been for long: a clock that
/// was set back must not hold it up. In stores over the network objects appear as a whole.
fn age(found: &Found) -> Duration {
    match &found.location {
        Location::File(_) => Duration::from_micros(u64::try_from(clock::now() - found.changed).unwrap_or(u64::MAX)),
        Location::Url(_) => Duration::MAX,
    }
}
