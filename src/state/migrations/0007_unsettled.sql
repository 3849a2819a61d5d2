-- Records that wait or are undetermined, under policies with `stale-after`: marks of them (keyed digests), and when each
-- was first seen so. A mark goes when its record is so no longer.
CREATE TABLE unsettled_place (
    number     INTEGER PRIMARY KEY,
    policy     TEXT NOT NULL,
    store      TEXT NOT NULL,
    collection TEXT NOT NULL,
    why        TEXT NOT NULL CHECK (why IN ('waiting', 'undetermined')),
    looked     INTEGER NOT NULL,
    beyond     INTEGER NOT NULL,
    UNIQUE (policy, store, collection, why)
) STRICT;

CREATE TABLE unsettled (
    place INTEGER NOT NULL,
    mark  BLOB NOT NULL,
    first INTEGER NOT NULL,
    PRIMARY KEY (place, mark)
) STRICT, WITHOUT ROWID;
CREATE INDEX unsettled_first ON unsettled (place, first);
