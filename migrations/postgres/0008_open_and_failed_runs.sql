-- Which run of a record has waited longest, and which runs failed last, without a look at all the others.
CREATE INDEX runs_waiting ON runs (parent_record_id, id) WHERE state = 'waiting' AND dry_run = 0;
CREATE INDEX runs_failed_last ON runs (id) WHERE sync_status = 'Failed';
