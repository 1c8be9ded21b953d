-- What an org has shown of what the mappings read: `object.field` or `object.relationship`, in lower case. What was shown once and is not shown now cannot
-- be read, and is not blank.
CREATE TABLE shown_names (
    org TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (org, name)
);
