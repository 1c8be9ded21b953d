-- Which m3ter object belongs to which Salesforce row, within the deal `root`. `key` tells several objects of one row apart and is
-- empty for the only one.
CREATE TABLE links (
    root TEXT NOT NULL,
    row TEXT NOT NULL,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    m3ter_id TEXT NOT NULL,
    relation TEXT NOT NULL, -- owned, referred
    PRIMARY KEY (root, row, kind, key)
) STRICT, WITHOUT ROWID;

-- An object that is linked to another row is never adopted: the question is asked by m3ter id.
CREATE INDEX links_m3ter_id ON links (m3ter_id);

-- A Commitment has no natural key: what is about to be sent is written down first, so that a lost answer can be recognised.
CREATE TABLE commitment_attempts (
    run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    root TEXT NOT NULL,
    row TEXT NOT NULL,
    key TEXT NOT NULL,
    account_id TEXT NOT NULL,
    contract_id TEXT,
    body TEXT NOT NULL,
    attempted_at_ms INTEGER NOT NULL
) STRICT;

CREATE INDEX commitment_attempts_root ON commitment_attempts (root);
CREATE INDEX commitment_attempts_run ON commitment_attempts (run_id);
