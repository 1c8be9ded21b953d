-- Runs wait for a place in a process as well as for their record, dry runs too, and are taken in turn by caller. `awaited_until_ms`: until when
-- somebody waits for the answer; 0: nobody does, or a version before this one admitted the run.
ALTER TABLE runs ADD COLUMN awaited_until_ms BIGINT NOT NULL DEFAULT 0;

DROP INDEX runs_one_waiting;
-- Requests for the same share the run that waits; dry runs among themselves.
CREATE UNIQUE INDEX runs_one_waiting ON runs (parent_record_id, kind, parameters, dry_run) WHERE state = 'waiting';
-- The next one of each caller, without a look at all that wait: `COALESCE`, because callers without a name count as one.
CREATE INDEX runs_queue ON runs (COALESCE(requested_by, ''), awaited_until_ms, id) WHERE state = 'waiting';
CREATE INDEX runs_retries ON runs (COALESCE(requested_by, ''), next_try_at_ms) WHERE state = 'retrying' AND started_at_ms IS NOT NULL;
CREATE INDEX runs_planned ON runs (COALESCE(requested_by, ''), next_try_at_ms) WHERE state = 'retrying' AND started_at_ms IS NULL;
