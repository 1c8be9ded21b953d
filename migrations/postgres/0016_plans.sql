-- What a run may write that was asked for with a plan: digests of its changes, from before its first write until it has ended.
ALTER TABLE runs ADD COLUMN plan TEXT;

-- How many objects end dating may have ended within the last hour, one row for each run. The row without a run is locked by whoever counts.
CREATE TABLE ended_objects (
    run_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    at_ms BIGINT NOT NULL,
    objects BIGINT NOT NULL
);
INSERT INTO ended_objects (run_id, at_ms, objects) VALUES ('', 0, 0);

-- When the service was paused, by whom and why, and when it went on. It is paused while there is a row that was not resumed, and there
-- is one at most.
CREATE TABLE pauses (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    state TEXT COLLATE "C" NOT NULL, -- paused, resumed
    paused_at_ms BIGINT NOT NULL,
    paused_by TEXT,
    reason TEXT NOT NULL,
    resumed_at_ms BIGINT,
    resumed_by TEXT,
    resume_reason TEXT
);
CREATE UNIQUE INDEX pauses_one ON pauses (state) WHERE state = 'paused';
