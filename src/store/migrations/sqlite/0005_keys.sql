-- When keys were last shown, some seconds late and by the minute. The keys themselves are settings, or in files.
CREATE TABLE key_uses (
    name    TEXT    PRIMARY KEY,
    used_at INTEGER NOT NULL
) WITHOUT ROWID;

-- The one customer that a job is about; none where it is about all.
ALTER TABLE redrives ADD COLUMN customer TEXT;
UPDATE redrives SET customer = json_extract(filter, '$.customer') WHERE json_valid(filter);
