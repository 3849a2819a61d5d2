-- Keys that follow one another, and entries that were pruned.

-- The epochs of the commitment key. `destroyed` is set before anything is destroyed.
CREATE TABLE epoch (
    number    INTEGER PRIMARY KEY,
    began     INTEGER NOT NULL,
    ended     INTEGER,
    destroyed INTEGER
) STRICT;
INSERT INTO epoch (number, began)
SELECT value, coalesce((SELECT time FROM log WHERE idx = 0), 0) FROM meta WHERE name = 'epoch';

-- The keys that sign heads, the newest last. One that retired signs until then beside its successor.
CREATE TABLE log_key (
    number  INTEGER PRIMARY KEY,
    origin  TEXT NOT NULL,
    vkey    TEXT NOT NULL,
    began   INTEGER NOT NULL,
    retires INTEGER
) STRICT;
INSERT INTO log_key (number, origin, vkey, began)
SELECT 1, origin.value, vkey.value, coalesce((SELECT time FROM log WHERE idx = 0), 0)
FROM meta AS origin, meta AS vkey WHERE origin.name = 'origin' AND vkey.name = 'vkey';

-- Of a pruned entry the leaf is empty and its digest stays.
ALTER TABLE log ADD COLUMN digest BLOB;
CREATE INDEX log_pruned ON log (idx) WHERE digest IS NOT NULL;
