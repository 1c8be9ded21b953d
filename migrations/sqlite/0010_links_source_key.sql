-- The key of the object as the Salesforce record said it when the link was made: a later one that differs is noticed. NULL in links of
-- before, in those that were handed over to another row, and of objects that have no key.
ALTER TABLE links ADD COLUMN source_key TEXT;
