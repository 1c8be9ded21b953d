-- What somebody should look at of a run that has ended: its codes, each between spaces.
ALTER TABLE runs ADD COLUMN attention TEXT;
CREATE INDEX runs_attention ON runs (id) WHERE attention IS NOT NULL;
