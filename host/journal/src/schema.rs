//! The tables, of both kinds of databases.

/// The migrations of a file of SQLite.
pub const SQLITE: &[&str] = &[FIRST, SECOND, THIRD, FOURTH, FIFTH, SIXTH];

/// The migrations of a database of PostgreSQL.
pub const POSTGRES: &[&str] = &[POSTGRES_FIRST, POSTGRES_SECOND, POSTGRES_THIRD, POSTGRES_FOURTH, POSTGRES_FIFTH];

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
    CREATE INDEX events_that_wait ON events (pipeline, due, sequence) WHERE state = 'waiting' AND generation = 0;
    CREATE INDEX backfills_that_wait ON events (pipeline, due, sequence) WHERE state = 'waiting' AND generation > 0;

    CREATE TABLE backfills (
        pipeline TEXT NOT NULL,
        -- That of its events.
        generation INTEGER NOT NULL,
        -- What was asked for, in words.
        what TEXT NOT NULL,
        began INTEGER NOT NULL,
        cancelled INTEGER,
        PRIMARY KEY (pipeline, generation)
    ) STRICT, WITHOUT ROWID;
";

const THIRD: &str = "
    DROP TABLE batches;

    CREATE TABLE sinks (
        pipeline TEXT NOT NULL,
        sink TEXT NOT NULL,
        -- Names this journal to the sink, among others that number their batches.
        lane TEXT NOT NULL,
        -- The last batch that was put together.
        number INTEGER NOT NULL DEFAULT 0,
        -- Until when somebody commits it.
        until INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (pipeline, sink)
    ) STRICT, WITHOUT ROWID;

    -- Rows that are to be committed to sinks.
    CREATE TABLE staged (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        pipeline TEXT NOT NULL,
        sink TEXT NOT NULL,
        event TEXT NOT NULL,
        generation INTEGER NOT NULL,
        time INTEGER NOT NULL,
        at INTEGER NOT NULL,
        rows INTEGER NOT NULL,
        -- 1 until its event has ended, for sinks that take an event as a whole.
        held INTEGER NOT NULL,
        -- The batch that it is of.
        number INTEGER,
        payload BLOB NOT NULL
    ) STRICT;
    CREATE INDEX staged_by_sink ON staged (pipeline, sink, number, id);
    CREATE INDEX staged_of_event ON staged (pipeline, event) WHERE held = 1;

    -- Which rows of an event were staged or committed, for sinks that take a row once.
    CREATE TABLE written (
        pipeline TEXT NOT NULL,
        sink TEXT NOT NULL,
        event TEXT NOT NULL,
        numbers BLOB NOT NULL,
        epoch INTEGER NOT NULL,
        at INTEGER NOT NULL,
        -- 1 if it is never forgotten.
        kept INTEGER NOT NULL,
        PRIMARY KEY (pipeline, event, sink)
    ) STRICT, WITHOUT ROWID;
";

const FOURTH: &str = "
    -- How far tables were read.
    CREATE TABLE extracts (
        pipeline TEXT NOT NULL,
        extract TEXT NOT NULL,
        -- How far; none if never.
        state TEXT,
        -- When it was last read.
        at INTEGER NOT NULL DEFAULT 0,
        -- Until when somebody reads it, and how often somebody began to.
        until INTEGER NOT NULL DEFAULT 0,
        number INTEGER NOT NULL DEFAULT 0,
        -- The object of what was read last, for as long as its event is not accepted.
        event TEXT,
        path TEXT,
        size INTEGER,
        changed INTEGER,
        PRIMARY KEY (pipeline, extract)
    ) STRICT, WITHOUT ROWID;
";

const FIFTH: &str = "
    -- What is in from whom, of totals.
    CREATE TABLE contributions (
        pipeline TEXT NOT NULL,
        collection TEXT NOT NULL,
        source TEXT NOT NULL,
        -- Which row of an object, and to which total; empty for sources that are told by a field.
        part TEXT NOT NULL,
        version INTEGER NOT NULL,
        row INTEGER NOT NULL,
        digest INTEGER NOT NULL,
        -- The total that it is to, and what it adds; nothing if it is withdrawn.
        partition_key TEXT NOT NULL,
        id TEXT NOT NULL,
        body TEXT,
        PRIMARY KEY (pipeline, collection, source, part)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX contributions_to_total ON contributions (pipeline, collection, partition_key, id, source, part);

    CREATE TABLE totals (
        pipeline TEXT NOT NULL,
        collection TEXT NOT NULL,
        partition_key TEXT NOT NULL,
        id TEXT NOT NULL,
        -- What it comes to, as JSON.
        state TEXT NOT NULL,
        -- When it was last changed.
        version INTEGER NOT NULL,
        -- 1 until it is in the document database.
        pending INTEGER NOT NULL,
        PRIMARY KEY (pipeline, collection, partition_key, id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX totals_that_wait ON totals (pipeline, collection, version) WHERE pending = 1;
    CREATE INDEX totals_by_change ON totals (pipeline, collection, version);

    -- The newest version of an object that has contributed all that it does.
    CREATE TABLE contributors (
        pipeline TEXT NOT NULL,
        collection TEXT NOT NULL,
        source TEXT NOT NULL,
        version INTEGER NOT NULL,
        PRIMARY KEY (pipeline, collection, source)
    ) STRICT, WITHOUT ROWID;

    -- What totals are added up by.
    CREATE TABLE total_rules (
        pipeline TEXT NOT NULL,
        collection TEXT NOT NULL,
        rules TEXT NOT NULL,
        source TEXT NOT NULL,
        PRIMARY KEY (pipeline, collection)
    ) STRICT, WITHOUT ROWID;
";

const SIXTH: &str = "
    -- Events that were run without being accepted, by `wasmill run`.
    CREATE TABLE runs (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        pipeline TEXT NOT NULL,
        event TEXT NOT NULL,
        plan TEXT NOT NULL,
        started INTEGER NOT NULL,
        ended INTEGER NOT NULL,
        outcome TEXT NOT NULL CHECK (outcome IN ('done', 'failed')),
        reason TEXT,
        -- What each step did, as JSON.
        report TEXT
    ) STRICT;
    CREATE INDEX runs_by_start ON runs (pipeline, started);
";

/// The same as what the first migrations of SQLite come to.
const POSTGRES_FIRST: &str = "
    CREATE TABLE events (
        sequence BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        pipeline TEXT NOT NULL,
        id TEXT NOT NULL,
        generation BIGINT NOT NULL,
        trigger TEXT NOT NULL,
        time BIGINT NOT NULL,
        accepted BIGINT NOT NULL,
        path TEXT,
        size BIGINT NOT NULL,
        changed BIGINT,
        body BYTEA,
        state TEXT NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'dead')),
        due BIGINT NOT NULL,
        since BIGINT NOT NULL,
        attempts BIGINT NOT NULL DEFAULT 0,
        faults BIGINT NOT NULL DEFAULT 0,
        deaths BIGINT NOT NULL DEFAULT 0,
        pass BIGINT NOT NULL DEFAULT 0,
        chunks BIGINT NOT NULL DEFAULT 0,
        plan TEXT NOT NULL DEFAULT '',
        trace TEXT,
        UNIQUE (pipeline, id, generation),
        CHECK ((path IS NULL) <> (body IS NULL))
    );
    CREATE INDEX events_that_run ON events (pipeline, due, sequence) WHERE state = 'running';
    CREATE INDEX events_that_wait ON events (pipeline, due, sequence) WHERE state = 'waiting' AND generation = 0;
    CREATE INDEX backfills_that_wait ON events (pipeline, due, sequence) WHERE state = 'waiting' AND generation > 0;

    CREATE TABLE attempts (
        event BIGINT NOT NULL REFERENCES events (sequence),
        number BIGINT NOT NULL,
        worker TEXT NOT NULL,
        plan TEXT NOT NULL,
        started BIGINT NOT NULL,
        ended BIGINT,
        outcome TEXT CHECK (outcome IN ('done', 'retried', 'dead', 'released', 'expired')),
        reason TEXT,
        report TEXT,
        PRIMARY KEY (event, number)
    );
    CREATE INDEX attempts_by_start ON attempts (started);

    CREATE TABLE letters (
        id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        event BIGINT NOT NULL REFERENCES events (sequence),
        attempt BIGINT NOT NULL,
        pass BIGINT NOT NULL,
        at BIGINT NOT NULL,
        step TEXT NOT NULL,
        row BIGINT NOT NULL,
        reason TEXT NOT NULL,
        raw TEXT,
        UNIQUE (event, step, row)
    );

    CREATE TABLE batches (
        pipeline TEXT NOT NULL,
        sink TEXT NOT NULL,
        number BIGINT NOT NULL,
        event BIGINT NOT NULL REFERENCES events (sequence),
        pass BIGINT NOT NULL,
        chunk BIGINT NOT NULL,
        PRIMARY KEY (pipeline, sink, number),
        UNIQUE (event, sink, pass, chunk)
    );

    CREATE TABLE backfills (
        pipeline TEXT NOT NULL,
        generation BIGINT NOT NULL,
        what TEXT NOT NULL,
        began BIGINT NOT NULL,
        cancelled BIGINT,
        PRIMARY KEY (pipeline, generation)
    );
";

/// The same as the third migration of SQLite.
const POSTGRES_SECOND: &str = "
    DROP TABLE batches;

    CREATE TABLE sinks (
        pipeline TEXT NOT NULL,
        sink TEXT NOT NULL,
        lane TEXT NOT NULL,
        number BIGINT NOT NULL DEFAULT 0,
        until BIGINT NOT NULL DEFAULT 0,
        PRIMARY KEY (pipeline, sink)
    );

    CREATE TABLE staged (
        id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        pipeline TEXT NOT NULL,
        sink TEXT NOT NULL,
        event TEXT NOT NULL,
        generation BIGINT NOT NULL,
        time BIGINT NOT NULL,
        at BIGINT NOT NULL,
        rows BIGINT NOT NULL,
        held BIGINT NOT NULL,
        number BIGINT,
        payload BYTEA NOT NULL
    );
    CREATE INDEX staged_by_sink ON staged (pipeline, sink, number, id);
    CREATE INDEX staged_of_event ON staged (pipeline, event) WHERE held = 1;

    CREATE TABLE written (
        pipeline TEXT NOT NULL,
        sink TEXT NOT NULL,
        event TEXT NOT NULL,
        numbers BYTEA NOT NULL,
        epoch BIGINT NOT NULL,
        at BIGINT NOT NULL,
        kept BIGINT NOT NULL,
        PRIMARY KEY (pipeline, event, sink)
    );
";

/// The same as the fourth migration of SQLite.
const POSTGRES_THIRD: &str = "
    CREATE TABLE extracts (
        pipeline TEXT NOT NULL,
        extract TEXT NOT NULL,
        state TEXT,
        at BIGINT NOT NULL DEFAULT 0,
        until BIGINT NOT NULL DEFAULT 0,
        number BIGINT NOT NULL DEFAULT 0,
        event TEXT,
        path TEXT,
        size BIGINT,
        changed BIGINT,
        PRIMARY KEY (pipeline, extract)
    );
";

/// The same as the fifth migration of SQLite.
const POSTGRES_FOURTH: &str = "
    CREATE TABLE contributions (
        pipeline TEXT NOT NULL,
        collection TEXT NOT NULL,
        source TEXT NOT NULL,
        part TEXT NOT NULL,
        version BIGINT NOT NULL,
        row BIGINT NOT NULL,
        digest BIGINT NOT NULL,
        partition_key TEXT NOT NULL,
        id TEXT NOT NULL,
        body TEXT,
        PRIMARY KEY (pipeline, collection, source, part)
    );
    CREATE INDEX contributions_to_total ON contributions (pipeline, collection, partition_key, id, source, part);

    CREATE TABLE totals (
        pipeline TEXT NOT NULL,
        collection TEXT NOT NULL,
        partition_key TEXT NOT NULL,
        id TEXT NOT NULL,
        state TEXT NOT NULL,
        version BIGINT NOT NULL,
        pending BIGINT NOT NULL,
        PRIMARY KEY (pipeline, collection, partition_key, id)
    );
    CREATE INDEX totals_that_wait ON totals (pipeline, collection, version) WHERE pending = 1;
    CREATE INDEX totals_by_change ON totals (pipeline, collection, version);

    CREATE TABLE contributors (
        pipeline TEXT NOT NULL,
        collection TEXT NOT NULL,
        source TEXT NOT NULL,
        version BIGINT NOT NULL,
        PRIMARY KEY (pipeline, collection, source)
    );

    CREATE TABLE total_rules (
        pipeline TEXT NOT NULL,
        collection TEXT NOT NULL,
        rules TEXT NOT NULL,
        source TEXT NOT NULL,
        PRIMARY KEY (pipeline, collection)
    );
";

/// The same as the sixth migration of SQLite.
const POSTGRES_FIFTH: &str = "
    CREATE TABLE runs (
        id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        pipeline TEXT NOT NULL,
        event TEXT NOT NULL,
        plan TEXT NOT NULL,
        started BIGINT NOT NULL,
        ended BIGINT NOT NULL,
        outcome TEXT NOT NULL CHECK (outcome IN ('done', 'failed')),
        reason TEXT,
        report TEXT
    );
    CREATE INDEX runs_by_start ON runs (pipeline, started);
";
