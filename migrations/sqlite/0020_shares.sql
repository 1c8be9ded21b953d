-- How the replicas share m3ter's request limit (src/domain/share.rs has the rules): the places in a second that a replica holds, those that
-- it could use, and how long its row counts without a write; 0 once it has ended, and NULL where an earlier version wrote the row, which
-- uses the limit divided by the replicas that live. seen_at_ms is a version as well: each write makes it larger.
ALTER TABLE replicas ADD COLUMN share INTEGER;
ALTER TABLE replicas ADD COLUMN need INTEGER;
ALTER TABLE replicas ADD COLUMN lease_ms INTEGER;
