-- When an event was first recorded, and events that were withdrawn: they no longer count.
ALTER TABLE event ADD COLUMN recorded INTEGER;

CREATE TABLE event_withdrawn (
    name      TEXT NOT NULL,
    key       TEXT NOT NULL,
    withdrawn INTEGER NOT NULL,
    at        INTEGER NOT NULL,
    reason    TEXT NOT NULL,
    PRIMARY KEY (name, key, withdrawn)
) STRICT, WITHOUT ROWID;
