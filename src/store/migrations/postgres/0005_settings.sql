-- What is set for customers and accounts. What was deleted keeps its row: its versions go on, and whoever
-- follows the changes hears of it.
-- Names are in the order of their bytes, whatever the database sorts others by.
CREATE TABLE settings (
    kind       TEXT    NOT NULL,
    name       TEXT COLLATE "C" NOT NULL,
    version    BIGINT  NOT NULL, -- from 1 on, over deletions too
    revision   BIGINT  NOT NULL, -- of all settings together: each change gets the next
    document   TEXT,             -- JSON; none where it was deleted
    sealed     BYTEA,            -- secrets, never in clear
    created_at BIGINT  NOT NULL,
    changed_at BIGINT  NOT NULL,
    by_key     TEXT,             -- the name of the caller's key
    PRIMARY KEY (kind, name)
);
CREATE UNIQUE INDEX settings_by_revision ON settings (revision);

-- What they were, the newest hundred of each.
CREATE TABLE setting_versions (
    kind     TEXT    NOT NULL,
    name     TEXT COLLATE "C" NOT NULL,
    version  BIGINT  NOT NULL,
    at       BIGINT  NOT NULL,
    by_key   TEXT,
    change   TEXT    NOT NULL, -- how it came about
    document TEXT,             -- none where it was deleted
    PRIMARY KEY (kind, name, version)
);
