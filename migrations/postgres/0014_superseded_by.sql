-- The run because of which a further try of this one was left out: a newer one that did the same.
ALTER TABLE runs ADD COLUMN superseded_by TEXT;
