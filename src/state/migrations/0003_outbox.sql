-- What people are told. None of it stands in the log.

-- Conditions that hold and that people were told of. `level` means what the kind says.
CREATE TABLE alarm (
    kind            TEXT NOT NULL,
    subject         TEXT NOT NULL,
    level           INTEGER NOT NULL,
    since           INTEGER NOT NULL,
    told            INTEGER NOT NULL,
    code            TEXT,
    acknowledged    INTEGER,
    acknowledged_by TEXT,
    PRIMARY KEY (kind, subject)
) STRICT, WITHOUT ROWID;

-- Up to when something was dealt with.
CREATE TABLE notice_mark (
    name TEXT PRIMARY KEY,
    at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Letters, each once for what it tells and whom. `next` is when it is tried; none once it is sent.
CREATE TABLE letter (
    seq      INTEGER PRIMARY KEY,
    id       TEXT NOT NULL UNIQUE,
    kind     TEXT NOT NULL,
    policy   TEXT,
    channel  TEXT NOT NULL,
    address  TEXT NOT NULL,
    written  INTEGER NOT NULL,
    subject  TEXT NOT NULL,
    body     TEXT NOT NULL,
    payload  TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    next     INTEGER,
    sent     INTEGER,
    error    TEXT
) STRICT;
CREATE INDEX letter_next ON letter (next) WHERE next IS NOT NULL;
CREATE INDEX letter_sent ON letter (sent) WHERE sent IS NOT NULL;
