-- Verifications: many records compared with m3ter. `cursor` says how far one is; `worked_ms`, how long it was worked on. A process works on one as
-- long as it holds it, as with runs.
CREATE TABLE verifications (
    id TEXT COLLATE "C" PRIMARY KEY,
    request TEXT NOT NULL,
    mappings TEXT NOT NULL,
    requested_by TEXT,
    requested_at_ms BIGINT NOT NULL,
    state TEXT NOT NULL,
    cursor TEXT NOT NULL,
    expected BIGINT,
    worked_ms BIGINT NOT NULL DEFAULT 0,
    ended_at_ms BIGINT,
    message TEXT,
    owner TEXT,
    fence BIGINT NOT NULL DEFAULT 0,
    lease_until_ms BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX verifications_running ON verifications (id) WHERE state = 'running';

-- What was found of each record. `document`: what there is to tell of one that is not in sync. `run`: the run that a
-- backfill planned for it.
CREATE TABLE verified_records (
    verification TEXT COLLATE "C" NOT NULL,
    record TEXT COLLATE "C" NOT NULL,
    status TEXT NOT NULL,
    document TEXT,
    run TEXT,
    PRIMARY KEY (verification, record)
);
CREATE INDEX verified_records_status ON verified_records (verification, status, record);
