-- Who is signed in to the console. `id` is the SHA-256 hash of the token that the browser has; `key` and `name` are those of the API key.
CREATE TABLE console_sessions (
    id TEXT PRIMARY KEY NOT NULL,
    key TEXT NOT NULL,
    name TEXT NOT NULL,
    begun_at_ms INTEGER NOT NULL,
    used_at_ms INTEGER NOT NULL
);
-- The forms that were taken, so that none is taken twice.
CREATE TABLE console_forms (
    id TEXT PRIMARY KEY NOT NULL,
    taken_at_ms INTEGER NOT NULL
);
-- Runs of a day by outcome, without a look at the runs themselves.
CREATE INDEX runs_outcomes ON runs (ended_at_ms, sync_status) WHERE state = 'ended' AND dry_run = 0;
-- A record by a code that somebody typed.
CREATE INDEX links_source_key ON links (source_key) WHERE source_key IS NOT NULL;
