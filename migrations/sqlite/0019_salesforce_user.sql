-- The Salesforce users as whom a run was asked for, as their ids with a space between them.
ALTER TABLE runs ADD COLUMN salesforce_users TEXT;
-- An Account of m3ter that a typed code names and that nobody had linked, whose name or e-mail address differs: 1 until an operator confirms it.
ALTER TABLE links ADD COLUMN to_confirm INTEGER NOT NULL DEFAULT 0;
