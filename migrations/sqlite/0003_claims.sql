-- Claims: one process at a time works on a run, and one run at a time on a record.
--
-- state: waiting (for its turn), running, retrying (ended, to be tried again at next_try_at_ms), ended.
-- owner, fence, lease_until_ms: which process holds a running run, how often it was claimed, and until when the claim is good; an owner
-- of NULL gave it back. Every write of a holder checks its fence. tries and callouts are JSON lists.
ALTER TABLE runs RENAME COLUMN started_at_ms TO requested_at_ms;
ALTER TABLE runs ADD COLUMN started_at_ms INTEGER; -- of the present try
ALTER TABLE runs ADD COLUMN kind TEXT NOT NULL DEFAULT 'sync';
ALTER TABLE runs ADD COLUMN parameters TEXT NOT NULL DEFAULT ''; -- JSON, as the kind needs it
ALTER TABLE runs ADD COLUMN owner TEXT;
ALTER TABLE runs ADD COLUMN fence INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN lease_until_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN takeovers INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN tries TEXT NOT NULL DEFAULT '[]';
ALTER TABLE runs ADD COLUMN callouts TEXT NOT NULL DEFAULT '[]';
ALTER TABLE runs ADD COLUMN next_try_at_ms INTEGER;
ALTER TABLE runs ADD COLUMN replay_of TEXT;
ALTER TABLE runs ADD COLUMN requested_by TEXT;
ALTER TABLE run_object_results ADD COLUMN fence INTEGER NOT NULL DEFAULT 0;

UPDATE runs SET started_at_ms = requested_at_ms;
-- Earlier versions let several runs of a record be `running` and left them so when they stopped: the latest is resumed.
UPDATE runs SET state = 'ended', ended_at_ms = requested_at_ms, sync_status = 'Failed', error_code = 'INTERRUPTED',
    result = '{"success":false,"syncStatus":"Failed","message":"Sync process failed: The process that ran the sync ended before it did; sync again","errorCode":"INTERRUPTED","retryable":false,"parentRecordId":"'
        || parent_record_id || '","syncRunId":"' || id || '","dryRun":' || CASE dry_run WHEN 1 THEN 'true' ELSE 'false' END
        || ',"objectResults":[],"concatenatedResults":"","warnings":[]}'
WHERE state = 'interrupted' OR state = 'running' AND (dry_run = 1 OR EXISTS (
    SELECT 1 FROM runs AS later
    WHERE later.parent_record_id = runs.parent_record_id AND later.state = 'running' AND later.dry_run = 0 AND later.id > runs.id
));

DROP INDEX runs_running;
CREATE UNIQUE INDEX runs_one_running ON runs (parent_record_id) WHERE state = 'running' AND dry_run = 0;
-- Requests for different things do not share a run: each kind with its parameters may wait once.
CREATE UNIQUE INDEX runs_one_waiting ON runs (parent_record_id, kind, parameters) WHERE state = 'waiting' AND dry_run = 0;
CREATE INDEX runs_leased ON runs (lease_until_ms) WHERE state = 'running';
CREATE INDEX runs_retrying ON runs (next_try_at_ms) WHERE state = 'retrying';
CREATE INDEX runs_of_record ON runs (parent_record_id, id);
CREATE INDEX runs_failed ON runs (error_code, id) WHERE error_code IS NOT NULL;
CREATE INDEX runs_replays ON runs (replay_of) WHERE replay_of IS NOT NULL;
CREATE INDEX runs_ended ON runs (ended_at_ms) WHERE state = 'ended';

-- The processes that share m3ter's request limit, each with its last sign of life.
CREATE TABLE replicas (
    id TEXT NOT NULL PRIMARY KEY,
    seen_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
