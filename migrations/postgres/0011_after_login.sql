-- A sync that a refused login ended is planned again once, when logins work: 1 for it and for the run that repeats it.
ALTER TABLE runs ADD COLUMN after_login INTEGER NOT NULL DEFAULT 0;
