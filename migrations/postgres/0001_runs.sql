-- One row for each sync that was asked for. Instants are milliseconds since 1970 (UTC), ids are text as callers see them,
-- documents are JSON text, truths are 0 and 1: the same columns as in migrations/sqlite. `state` has no CHECK: later versions add states.
CREATE TABLE runs (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    parent_record_id TEXT COLLATE "C" NOT NULL,
    dry_run BIGINT NOT NULL CHECK (dry_run IN (0, 1)),
    state TEXT NOT NULL, -- running, ended, interrupted
    started_at_ms BIGINT NOT NULL,
    ended_at_ms BIGINT,
    sync_status TEXT,
    error_code TEXT,
    result TEXT
);

-- Finding the few runs that are not over must not read all that are.
CREATE INDEX runs_running ON runs (parent_record_id) WHERE state = 'running';

-- The results of a run's objects, as soon as each is known; `runs.result` has them all once the run has ended.
CREATE TABLE run_object_results (
    run_id TEXT COLLATE "C" NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    position BIGINT NOT NULL,
    result TEXT NOT NULL,
    PRIMARY KEY (run_id, position)
);
