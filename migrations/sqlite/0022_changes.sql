-- What was changed in m3ter: one row for each write of one object. Runs are deleted sooner than changes: run_id names one that may be gone,
-- and who asked for it is kept here.
--
-- state: open (sent, or about to be: nobody knows yet whether it was made), made, unknown (nobody will know). An update has a row before it is
-- sent; what is not made loses it. A new object has one as soon as it has a link.
CREATE TABLE changes (
    id TEXT NOT NULL PRIMARY KEY, -- sorts by time
    run_id TEXT NOT NULL,
    root TEXT NOT NULL, -- the record that the run was about
    root_object TEXT, -- its sObject, where the run knew it
    kind TEXT NOT NULL, -- as in objectName
    row TEXT NOT NULL, -- the Salesforce row that the object comes from
    m3ter_id TEXT NOT NULL,
    account_id TEXT, -- the m3ter Account that it lies under, as far as that is known
    action TEXT NOT NULL, -- created, adopted, updated
    version INTEGER, -- m3ter's version of the object before
    fields TEXT NOT NULL, -- the names of the fields, each between spaces
    details TEXT, -- JSON: old and new values and their sources; NULL once they were erased
    state TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    requested_by TEXT, -- as in runs
    salesforce_users TEXT -- as in runs
) STRICT, WITHOUT ROWID;

CREATE INDEX changes_run ON changes (run_id, id);
CREATE INDEX changes_root ON changes (root, id);
CREATE INDEX changes_row ON changes (row, id);
CREATE INDEX changes_object ON changes (m3ter_id, id);
CREATE INDEX changes_account ON changes (account_id, id) WHERE account_id IS NOT NULL;
CREATE INDEX changes_open ON changes (root) WHERE state = 'open';

-- What failed or succeeded in part, to look for what nobody has put right.
CREATE INDEX runs_not_completed ON runs (id) WHERE sync_status IN ('Failed', 'Partial Success');
