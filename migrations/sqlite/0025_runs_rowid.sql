-- A table WITHOUT ROWID is one B-tree of whole rows: whoever looks for an id compares it with rows on the way, and a row that does not fit on a
-- page is read to its end for that. Runs of large deals are some hundred kilobytes, and each look-up of any run read several of them. With a
-- rowid, ids are compared in an index of ids alone. Long texts come last: what is before them is read without them.
--
-- What refers to runs is copied first: to drop a table is to delete its rows, and with them what refers to them.
CREATE TABLE new_runs (
    id TEXT NOT NULL PRIMARY KEY,
    parent_record_id TEXT NOT NULL,
    dry_run INTEGER NOT NULL CHECK (dry_run IN (0, 1)),
    state TEXT NOT NULL, -- waiting, running, retrying, ended
    requested_at_ms INTEGER NOT NULL,
    started_at_ms INTEGER,
    ended_at_ms INTEGER,
    sync_status TEXT,
    error_code TEXT,
    kind TEXT NOT NULL DEFAULT 'sync',
    parameters TEXT NOT NULL DEFAULT '',
    owner TEXT,
    fence INTEGER NOT NULL DEFAULT 0,
    lease_until_ms INTEGER NOT NULL DEFAULT 0,
    takeovers INTEGER NOT NULL DEFAULT 0,
    next_try_at_ms INTEGER,
    replay_of TEXT,
    requested_by TEXT,
    trace TEXT,
    after_login INTEGER NOT NULL DEFAULT 0,
    attention TEXT,
    superseded_by TEXT,
    salesforce_users TEXT,
    awaited_until_ms INTEGER NOT NULL DEFAULT 0,
    tries TEXT NOT NULL DEFAULT '[]',
    plan TEXT,
    callouts TEXT NOT NULL DEFAULT '[]',
    result TEXT
) STRICT;
INSERT INTO new_runs (
    id, parent_record_id, dry_run, state, requested_at_ms, started_at_ms, ended_at_ms, sync_status, error_code, kind, parameters, owner,
    fence, lease_until_ms, takeovers, next_try_at_ms, replay_of, requested_by, trace, after_login, attention, superseded_by,
    salesforce_users, awaited_until_ms, tries, plan, callouts, result
)
SELECT
    id, parent_record_id, dry_run, state, requested_at_ms, started_at_ms, ended_at_ms, sync_status, error_code, kind, parameters, owner,
    fence, lease_until_ms, takeovers, next_try_at_ms, replay_of, requested_by, trace, after_login, attention, superseded_by,
    salesforce_users, awaited_until_ms, tries, plan, callouts, result
FROM runs;

CREATE TABLE new_run_object_results (
    run_id TEXT NOT NULL REFERENCES new_runs (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    result TEXT NOT NULL,
    fence INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (run_id, position)
) STRICT;
INSERT INTO new_run_object_results (run_id, position, result, fence) SELECT run_id, position, result, fence FROM run_object_results;
DROP TABLE run_object_results;

CREATE TABLE new_run_joiners (
    run_id TEXT NOT NULL REFERENCES new_runs (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    PRIMARY KEY (run_id, name)
) STRICT, WITHOUT ROWID;
INSERT INTO new_run_joiners (run_id, name) SELECT run_id, name FROM run_joiners;
DROP TABLE run_joiners;

CREATE TABLE new_commitment_attempts (
    run_id TEXT NOT NULL REFERENCES new_runs (id) ON DELETE CASCADE,
    root TEXT NOT NULL,
    row TEXT NOT NULL,
    key TEXT NOT NULL,
    account_id TEXT NOT NULL,
    contract_id TEXT,
    body TEXT NOT NULL,
    attempted_at_ms INTEGER NOT NULL
) STRICT;
-- In the order in which they were made, which their rowids tell.
INSERT INTO new_commitment_attempts (run_id, root, row, key, account_id, contract_id, body, attempted_at_ms)
SELECT run_id, root, row, key, account_id, contract_id, body, attempted_at_ms FROM commitment_attempts ORDER BY rowid;
DROP TABLE commitment_attempts;

DROP TABLE runs;
-- What refers to a table goes along with its name.
ALTER TABLE new_runs RENAME TO runs;
ALTER TABLE new_run_object_results RENAME TO run_object_results;
ALTER TABLE new_run_joiners RENAME TO run_joiners;
ALTER TABLE new_commitment_attempts RENAME TO commitment_attempts;

CREATE INDEX commitment_attempts_root ON commitment_attempts (root);
CREATE INDEX commitment_attempts_run ON commitment_attempts (run_id);

CREATE UNIQUE INDEX runs_one_running ON runs (parent_record_id) WHERE state = 'running' AND dry_run = 0;
CREATE INDEX runs_leased ON runs (lease_until_ms) WHERE state = 'running';
CREATE INDEX runs_retrying ON runs (next_try_at_ms) WHERE state = 'retrying';
CREATE INDEX runs_of_record ON runs (parent_record_id, id);
CREATE INDEX runs_failed ON runs (error_code, id) WHERE error_code IS NOT NULL;
CREATE INDEX runs_replays ON runs (replay_of) WHERE replay_of IS NOT NULL;
CREATE INDEX runs_ended ON runs (ended_at_ms) WHERE state = 'ended';
CREATE INDEX runs_waiting ON runs (parent_record_id, id) WHERE state = 'waiting' AND dry_run = 0;
CREATE INDEX runs_failed_last ON runs (id) WHERE sync_status = 'Failed';
CREATE INDEX runs_attention ON runs (id) WHERE attention IS NOT NULL;
CREATE INDEX runs_dry_ended ON runs (ended_at_ms) WHERE state = 'ended' AND dry_run = 1;
CREATE UNIQUE INDEX runs_one_waiting ON runs (parent_record_id, kind, parameters, dry_run) WHERE state = 'waiting';
CREATE INDEX runs_queue ON runs (COALESCE(requested_by, ''), awaited_until_ms, id) WHERE state = 'waiting';
CREATE INDEX runs_retries ON runs (COALESCE(requested_by, ''), next_try_at_ms) WHERE state = 'retrying' AND started_at_ms IS NOT NULL;
CREATE INDEX runs_planned ON runs (COALESCE(requested_by, ''), next_try_at_ms) WHERE state = 'retrying' AND started_at_ms IS NULL;
CREATE INDEX runs_not_completed ON runs (id) WHERE sync_status IN ('Failed', 'Partial Success');
CREATE INDEX runs_outcomes ON runs (ended_at_ms, sync_status) WHERE state = 'ended' AND dry_run = 0;
