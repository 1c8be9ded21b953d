-- What has ended is counted by its status and deleted by its age from one index: each that ends is written there once.
DROP INDEX runs_outcomes;
DROP INDEX runs_ended;
CREATE INDEX runs_ended ON runs (ended_at_ms, sync_status, dry_run) WHERE state = 'ended';
