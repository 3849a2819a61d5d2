-- Instants are microseconds since 1970-01-01T00:00:00Z.

-- The audit log. The leaf is what counts; the other columns are copies for finding it. Never updated, never deleted.
CREATE TABLE log (
    idx    INTEGER PRIMARY KEY,
    time   INTEGER NOT NULL,
    kind   TEXT NOT NULL,
    policy TEXT,
    run    TEXT,
    store  TEXT,
    batch  TEXT,
    leaf   BLOB NOT NULL
) STRICT;
CREATE INDEX log_kind ON log (kind);
CREATE INDEX log_time ON log (time);
CREATE INDEX log_policy ON log (policy) WHERE policy IS NOT NULL;
CREATE INDEX log_run ON log (run) WHERE run IS NOT NULL;
CREATE INDEX log_store ON log (store) WHERE store IS NOT NULL;
CREATE UNIQUE INDEX log_batch ON log (batch, kind) WHERE batch IS NOT NULL;

-- The log's edge and its signed head, changed by the transaction that appends.
CREATE TABLE head (
    only     INTEGER PRIMARY KEY CHECK (only = 0),
    frontier BLOB NOT NULL,
    time     INTEGER NOT NULL,
    note     TEXT NOT NULL
) STRICT;

-- origin, vkey, secret (of the pseudonyms), epoch (of the commitment key in force).
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value ANY NOT NULL
) STRICT;

-- The people behind the log's pseudonyms. Here, and nowhere else, they have names.
CREATE TABLE actor (
    pseudonym TEXT PRIMARY KEY,
    name      TEXT NOT NULL
) STRICT;

CREATE TABLE policy_text (
    hash   TEXT NOT NULL,
    policy TEXT NOT NULL,
    text   TEXT NOT NULL,
    PRIMARY KEY (hash, policy)
) STRICT;

CREATE TABLE approval (
    id     INTEGER PRIMARY KEY,
    policy TEXT NOT NULL,
    body   TEXT NOT NULL
) STRICT;
CREATE INDEX approval_policy ON approval (policy);

-- Holds in force. A released hold is deleted: its key must not outlive it.
CREATE TABLE hold (
    id         TEXT PRIMARY KEY,
    policy     TEXT,
    store      TEXT,
    collection TEXT,
    commitment TEXT,
    body       TEXT NOT NULL
) STRICT;

CREATE TABLE event (
    name TEXT NOT NULL,
    key  TEXT NOT NULL,
    at   INTEGER NOT NULL,
    PRIMARY KEY (name, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE pause (
    kind TEXT NOT NULL CHECK (kind IN ('all', 'policy', 'store')),
    name TEXT NOT NULL,
    PRIMARY KEY (kind, name)
) STRICT;

CREATE TABLE run (
    seq    INTEGER PRIMARY KEY,
    id     TEXT NOT NULL UNIQUE,
    policy TEXT NOT NULL,
    began  INTEGER NOT NULL,
    ended  INTEGER,
    note   TEXT NOT NULL
) STRICT;
CREATE INDEX run_policy ON run (policy);

-- The forecast in force; `size` is the length of the log when it was kept, to tell what happened at the same instant.
CREATE TABLE curve (
    policy TEXT NOT NULL,
    place  INTEGER NOT NULL,
    made   INTEGER NOT NULL,
    size   INTEGER NOT NULL,
    body   TEXT NOT NULL,
    PRIMARY KEY (policy, place)
) STRICT;

CREATE TABLE done (
    idx     INTEGER PRIMARY KEY,
    policy  TEXT NOT NULL,
    stage   TEXT NOT NULL,
    at      INTEGER NOT NULL,
    records INTEGER NOT NULL
) STRICT;
CREATE INDEX done_stage ON done (policy, stage, at);

-- Batches that have begun. The spool holds keys in clear: it goes with the outcome.
CREATE TABLE open_intent (
    idx    INTEGER PRIMARY KEY,
    batch  TEXT NOT NULL UNIQUE,
    stage  TEXT NOT NULL,
    intent TEXT NOT NULL,
    spool  BLOB NOT NULL
) STRICT;

CREATE TABLE slot (
    policy TEXT PRIMARY KEY,
    last   INTEGER NOT NULL
) STRICT;
