-- Who ends what an Account bills asks for the objects of its row, in any deal.
CREATE INDEX links_row ON links (row, kind);
