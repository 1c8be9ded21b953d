-- Dry runs are kept a day: which of them are older, without a look at all the others.
CREATE INDEX runs_dry_ended ON runs (ended_at_ms) WHERE state = 'ended' AND dry_run = 1;
