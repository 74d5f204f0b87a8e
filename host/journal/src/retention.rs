//! What is forgotten after a while.

use crate::journal::{Journal, JournalError};
use crate::sql::values;

/// The most that is forgotten at once: others wait for it.
const AT_ONCE: i64 = 1000;

impl Journal {
    /// Forgets events that ended before a time and left no dead letter, a bounded number of them; whether there may be
    /// more. Of events about objects only the attempts are forgotten: an object that is still there must be known. Of a
    /// schedule the last event stays. Which rows of an event were written is forgotten with it, and so are
    /// runs without one.
    pub async fn prune(&self, before: i64) -> Result<bool, JournalError> {
        self.write("prune", move |db, pipeline| {
            let before = before.saturating_add(db.skew());
            let attempts = "DELETE FROM attempts WHERE event IN (
                    SELECT e.sequence FROM events e JOIN attempts a ON a.event = e.sequence
                    WHERE e.pipeline = $1 AND e.state = 'done' AND e.due < $2
                        AND NOT EXISTS (SELECT 1 FROM letters l WHERE l.event = e.sequence)
                    LIMIT $3)";
            let attempts = db.execute(attempts, values![pipeline, before, AT_ONCE])?;
            let events = "DELETE FROM events WHERE sequence IN (
                    SELECT e.sequence FROM events e
                    WHERE e.pipeline = $1 AND e.state = 'done' AND e.due < $2 AND e.path IS NULL
                        AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.event = e.sequence)
                        AND NOT EXISTS (SELECT 1 FROM letters l WHERE l.event = e.sequence)
                        AND EXISTS (SELECT 1 FROM events n
                            WHERE n.pipeline = e.pipeline AND n.trigger = e.trigger AND n.sequence > e.sequence)
                    LIMIT $3)";
            let events = db.execute(events, values![pipeline, before, AT_ONCE])?;
            let written = "DELETE FROM written WHERE (pipeline, event, sink) IN (
                    SELECT w.pipeline, w.event, w.sink FROM written w
                    WHERE w.pipeline = $1 AND w.kept = 0 AND w.at < $2
                        AND NOT EXISTS (SELECT 1 FROM events e WHERE e.pipeline = w.pipeline AND e.id = w.event)
                    LIMIT $3)";
            let written = db.execute(written, values![pipeline, before, AT_ONCE])?;
            let runs = "DELETE FROM runs WHERE id IN (SELECT r.id FROM runs r WHERE r.pipeline = $1 AND r.started < $2 LIMIT $3)";
            let runs = db.execute(runs, values![pipeline, before, AT_ONCE])?;
            Ok(attempts + events + written + runs > 0)
        })
        .await
    }
}
