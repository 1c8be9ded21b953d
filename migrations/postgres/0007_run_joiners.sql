-- Who else asked for a run, because what they asked for was joined to it; the first one is runs.requested_by.
CREATE TABLE run_joiners (
    run_id TEXT COLLATE "C" NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    PRIMARY KEY (run_id, name)
);
