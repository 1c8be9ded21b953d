-- Which m3ter object belongs to which Salesforce row, within the deal `root`. `key` tells several objects of one row apart and is
-- empty for the only one.
CREATE TABLE links (
    root TEXT COLLATE "C" NOT NULL,
    row TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    m3ter_id TEXT COLLATE "C" NOT NULL,
    relation TEXT NOT NULL, -- owned, referred
    PRIMARY KEY (root, row, kind, key)
);

-- An object that is linked to another row is never adopted: the question is asked by m3ter id.
CREATE INDEX links_m3ter_id ON links (m3ter_id);

-- A Commitment has no natural key: what is about to be sent is written down first, so that a lost answer can be recognised.
CREATE TABLE commitment_attempts (
    sequence BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id TEXT COLLATE "C" NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    root TEXT COLLATE "C" NOT NULL,
    row TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL,
    contract_id TEXT COLLATE "C",
    body TEXT NOT NULL,
    attempted_at_ms BIGINT NOT NULL
);

CREATE INDEX commitment_attempts_root ON commitment_attempts (root);
CREATE INDEX commitment_attempts_run ON commitment_attempts (run_id);
