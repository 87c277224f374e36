-- What is set for customers and accounts. What was deleted keeps its row: its versions go on, and whoever
-- follows the changes hears of it.
CREATE TABLE settings (
    kind       TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    version    INTEGER NOT NULL, -- from 1 on, over deletions too
    revision   INTEGER NOT NULL, -- of all settings together: each change gets the next
    document   TEXT,             -- JSON; none where it was deleted
    sealed     BLOB,             -- secrets, never in clear
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    by_key     TEXT,             -- the name of the caller's key
    PRIMARY KEY (kind, name)
) WITHOUT ROWID;
CREATE UNIQUE INDEX settings_by_revision ON settings (revision);

-- What they were, the newest hundred of each.
CREATE TABLE setting_versions (
    kind     TEXT    NOT NULL,
    name     TEXT    NOT NULL,
    version  INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    by_key   TEXT,
    change   TEXT    NOT NULL, -- how it came about
    document TEXT,             -- none where it was deleted
    PRIMARY KEY (kind, name, version)
) WITHOUT ROWID;
