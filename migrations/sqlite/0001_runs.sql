-- One row for each sync that was asked for. Instants are milliseconds since 1970 (UTC), ids are text as callers see them,
-- documents are JSON text. `state` has no CHECK: later versions add states, and SQLite cannot change one.
CREATE TABLE runs (
    id TEXT NOT NULL PRIMARY KEY,
    parent_record_id TEXT NOT NULL,
    dry_run INTEGER NOT NULL CHECK (dry_run IN (0, 1)),
    state TEXT NOT NULL, -- running, ended, interrupted
    started_at_ms INTEGER NOT NULL,
    ended_at_ms INTEGER,
    sync_status TEXT,
    error_code TEXT,
    result TEXT
) STRICT, WITHOUT ROWID;

-- Finding the few runs that are not over must not read all that are.
CREATE INDEX runs_running ON runs (parent_record_id) WHERE state = 'running';

-- The results of a run's objects, as soon as each is known; `runs.result` has them all once the run has ended.
CREATE TABLE run_object_results (
    run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    result TEXT NOT NULL,
    PRIMARY KEY (run_id, position)
) STRICT, WITHOUT ROWID;
