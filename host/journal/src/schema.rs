//! The tables.

use wasmill_runtime::sqlite::Format;

/// What a journal's file is.
pub const FORMAT: Format = Format {
    what: "journal",
    // "WMjn"
    application_id: 0x574d_6a6e,
    migrations: &[FIRST, SECOND],
    key: "[journal] url",
};

/// Times are microseconds since 1970-01-01T00:00:00Z.
const FIRST: &str = "
    CREATE TABLE events (
        -- The order in which events were accepted.
        sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        pipeline TEXT NOT NULL,
        id TEXT NOT NULL,
        -- 0; each backfill has one of its own, so that it can take an event once more.
        generation INTEGER NOT NULL,
        trigger TEXT NOT NULL,
        time INTEGER NOT NULL,
        accepted INTEGER NOT NULL,
        -- Either an object's path, size, and time of change (none: whatever is there by then), or a body.
        path TEXT,
        size INTEGER NOT NULL,
        changed INTEGER,
        body BLOB,
        state TEXT NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'dead')),
        -- Of a waiting event, when it may run; of a running one, when its lease runs out; of others, when they ended.
        due INTEGER NOT NULL,
        -- Since when it is tried: when it was accepted, or last replayed.
        since INTEGER NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0,
        -- Of the attempts since then, those that ended in a fault.
        faults INTEGER NOT NULL DEFAULT 0,
        -- Of the attempts since then, those that ended with their worker.
        deaths INTEGER NOT NULL DEFAULT 0,
        -- Grows whenever its chunks begin anew: it was replayed, or is worked on by another plan.
        pass INTEGER NOT NULL DEFAULT 0,
        -- How many chunks of it have had all their effects in this pass, by the plan of this digest.
        chunks INTEGER NOT NULL DEFAULT 0,
        plan TEXT NOT NULL DEFAULT '',
        UNIQUE (pipeline, id, generation),
        CHECK ((path IS NULL) <> (body IS NULL))
    ) STRICT;
    CREATE INDEX events_by_due ON events (pipeline, state, due, sequence);

    CREATE TABLE attempts (
        event INTEGER NOT NULL REFERENCES events (sequence),
        number INTEGER NOT NULL,
        worker TEXT NOT NULL,
        plan TEXT NOT NULL,
        started INTEGER NOT NULL,
        ended INTEGER,
        -- None while it runs.
        outcome TEXT CHECK (outcome IN ('done', 'retried', 'dead', 'released', 'expired')),
        reason TEXT,
        -- What each step did, as JSON.
        report TEXT,
        PRIMARY KEY (event, number)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX attempts_by_start ON attempts (started);

    CREATE TABLE letters (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        event INTEGER NOT NULL REFERENCES events (sequence),
        attempt INTEGER NOT NULL,
        pass INTEGER NOT NULL,
        at INTEGER NOT NULL,
        step TEXT NOT NULL,
        -- The number of the row in the object; -1 for the event as a whole.
        row INTEGER NOT NULL,
        reason TEXT NOT NULL,
        raw TEXT,
        UNIQUE (event, step, row)
    ) STRICT;

    -- What went into a sink that commits several chunks together, in the order in which it does.
    CREATE TABLE batches (
        pipeline TEXT NOT NULL,
        sink TEXT NOT NULL,
        -- From 1 on, without a gap.
        number INTEGER NOT NULL,
        event INTEGER NOT NULL REFERENCES events (sequence),
        pass INTEGER NOT NULL,
        chunk INTEGER NOT NULL,
        PRIMARY KEY (pipeline, sink, number),
        UNIQUE (event, sink, pass, chunk)
    ) STRICT, WITHOUT ROWID;
";

const SECOND: &str = "
    -- The event's `traceparent`, of W3C's Trace Context.
    ALTER TABLE events ADD COLUMN trace TEXT;
";
