//! Objects that appear or change in a folder.
//!
//! The system's file events say when to look. They can be lost (a queue that overflows, a network file system that has
//! none), so the folder is also looked through again and again. What is found is offered to the journal, which knows what
//! it has: an event is named by the object's name, size and time of change.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;
use wasmill_journal::NewEvent;
use wasmill_runtime::event::{Event, EventId};
use wasmill_runtime::plan::ObjectPattern;

use super::Intake;

/// How often the folder is looked through, whatever the system says.
const RESCAN: Duration = Duration::from_secs(10);

/// Watches a folder, for as long as it is polled.
pub async fn watch(objects: ObjectPattern, settle: Duration, intake: Intake) {
    let changed = Arc::new(Notify::new());
    let told = changed.clone();
    let watcher: notify::Result<RecommendedWatcher> =
        notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Looking through the folder is an access as well.
            let is_read = event.is_ok_and(|event| {
                event.kind.is_access() && event.kind != EventKind::Access(AccessKind::Close(AccessMode::Write))
            });
            if !is_read {
                told.notify_one();
            }
        });
    let watching = watcher.and_then(|mut watcher| {
        watcher.watch(&objects.folder, RecursiveMode::NonRecursive)?;
        Ok(watcher)
    });
    if let Err(err) = &watching {
        tracing::warn!(
            "`{}` is looked through every {} s, because the system does not tell of its changes: {err}",
            objects.folder.display(),
            RESCAN.as_secs()
        );
    }
    let mut known = HashMap::new();
    loop {
        // A change while it is looked through is looked at after it.
        let again = changed.notified();
        let wait = scan(&objects, settle, &intake, &mut known).await;
        // Over by then, or something changed.
        let _ = tokio::time::timeout(wait.min(RESCAN), again).await;
    }
}

/// Offers what is there to the journal; how long until something that is too young will be old enough. `known` has what
/// was accepted before.
async fn scan(
    objects: &ObjectPattern,
    settle: Duration,
    intake: &Intake,
    known: &mut HashMap<PathBuf, EventId>,
) -> Duration {
    let mut wait = RESCAN;
    let found = match objects.find() {
        Ok(found) => found,
        Err(err) => {
            tracing::warn!("cannot list `{}`: {err}; trying again", objects.folder.display());
            return wait;
        }
    };
    known.retain(|path, _| found.binary_search(path).is_ok());
    for path in found {
        // It may be gone by now.
        let Ok(event) = Event::of_file(&path) else { continue };
        if known.get(&path) == Some(&event.id) {
            continue;
        }
        let left = settle.saturating_sub(age(&path));
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
            Ok(_) => drop(known.insert(path, id)),
            Err(err) => intake.metrics.journal_failed(&err),
        }
    }
    wait
}

/// How long a file has been left alone. One that will have changed only in the future has been for long: a clock that was
/// set back must not hold it up.
fn age(path: &std::path::Path) -> Duration {
    let changed = std::fs::metadata(path).and_then(|metadata| metadata.modified());
    changed.map_or(Duration::ZERO, |changed| SystemTime::now().duration_since(changed).unwrap_or(Duration::MAX))
}
