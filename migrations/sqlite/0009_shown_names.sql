-- What an org has shown of what the mappings read: `object.field` or `object.relationship`, in lower case. What was shown once and is not shown now cannot
-- be read, and is not blank.
CREATE TABLE shown_names (
    org TEXT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (org, name)
) STRICT, WITHOUT ROWID;
