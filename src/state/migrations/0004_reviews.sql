-- Review cases. The body is the whole case; the other columns are copies for finding it.
CREATE TABLE review (
    id    TEXT PRIMARY KEY,
    ended INTEGER NOT NULL CHECK (ended IN (0, 1)),
    body  TEXT NOT NULL
) STRICT;
CREATE INDEX review_standing ON review (id) WHERE ended = 0;
