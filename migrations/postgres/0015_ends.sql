-- Ends that end dating made, with what Salesforce said then: a sync leaves them as long as it says no later end. A row is written before
-- m3ter is asked, and counts as long as the object ends in m3ter at end_date or before. Runs are deleted after a while: run_id names one
-- that may be gone.
CREATE TABLE ends (
    m3ter_id TEXT COLLATE "C" NOT NULL,
    run_id TEXT COLLATE "C" NOT NULL,
    entity TEXT COLLATE "C" NOT NULL, -- as in a request: CONTRACT, PREPAYMENT, PRICINGS, COUNTER_PRICINGS, ACCOUNTPLAN
    record TEXT COLLATE "C" NOT NULL, -- the record whose end dating it was
    ended_by TEXT, -- as in runs.requested_by
    ended_at_ms BIGINT NOT NULL,
    end_date TEXT NOT NULL, -- in m3ter's spelling
    former_end TEXT, -- the end in m3ter before; NULL: none, or not known
    said_end TEXT, -- NULL: without an end
    said_by TEXT NOT NULL, -- salesforce, or m3ter where Salesforce was not read
    PRIMARY KEY (m3ter_id, run_id)
);

CREATE INDEX ends_record ON ends (record);
